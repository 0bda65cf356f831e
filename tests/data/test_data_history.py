from __future__ import annotations

import pytest
import torch

from course_utils import zoo
from course_utils.data.history import RANKING_2012, WINNERS


@pytest.mark.parametrize("entry", WINNERS, ids=lambda entry: entry.name)
def test_the_zoo_s_net_has_the_layers_that_the_slides_give(entry) -> None:
    with torch.device("meta"):
        assert zoo.count(zoo.build(entry.net)).depth == entry.layers


def test_errors_fall_from_year_to_year() -> None:
    errors, years = [entry.top5_error for entry in WINNERS], [entry.year for entry in WINNERS]
    assert errors == sorted(errors, reverse=True) == [16.4, 11.7, 7.3, 6.7, 3.57]
    assert years == sorted(years)


def test_the_ranking_of_2012_is_in_order() -> None:
    shares = [error for _, error, _ in RANKING_2012]
    assert shares == sorted(shares)
    assert shares[:2] == [0.15315, 0.26172]
