"""From outcomes to points: a group earns all, nothing, or the share of those results that are right."""

from __future__ import annotations

import numpy as np
import pytest

from course_utils.check.expected import load, record, save
from course_utils.check.probe import Said, run_all
from course_utils.check.report import as_html, as_text
from course_utils.check.task import Case, Task
from course_utils.check.verdict import judge


def cases(rng):
    yield Case("small", {"x": rng.normal(size=3)})
    yield Case("small", {"x": rng.normal(size=4)})
    yield Case("large", {"x": rng.normal(size=9)})


MOMENTS = Task("moments", {"small": 2, "large": 4}, cases, returns=("mean", "square"), shares={"square": 3})


class Reference:
    @staticmethod
    def moments(x):
        return x.mean(), x**2


@pytest.fixture
def expected():
    return record(MOMENTS, Reference, MOMENTS.cases(np.random.default_rng(1)))


def verdict(expected, answer):
    return judge(expected, run_all(expected.probe, answer, expected.cases, expected.returns, Said()))


def test_a_result_that_is_right_in_all_cases_of_a_group_earns_its_share(expected) -> None:
    found = verdict(expected, lambda x: (x.mean(), x))
    assert found.earned == {"small": 0.5, "large": 1.0}
    assert found.passed == {"small": False, "large": False}
    assert (found.score, found.max_score, found.word) == (1.5, 6, "partial")


def test_the_other_result_earns_the_rest(expected) -> None:
    assert verdict(expected, lambda x: (0.0, x**2)).score == 4.5
    assert verdict(expected, Reference.moments).score == 6


def test_a_result_that_is_wrong_in_one_case_of_a_group_earns_nothing_there(expected) -> None:
    found = verdict(expected, lambda x: (x.mean() if x.size != 4 else 0.0, x))
    assert found.earned == {"small": 0, "large": 1.0}


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: (x.mean(), None),
        lambda x: x.mean(),
        lambda x: (x.mean(), x.__imul__(2)),
        lambda x: (int(x.mean()), x),
    ],
)
def test_an_error_a_changed_argument_or_another_type_earns_no_share(expected, answer) -> None:
    assert verdict(expected, answer).score == 0


def test_the_report_tells_what_of_a_group_is_right(expected) -> None:
    found = verdict(expected, lambda x: (x.mean(), x))
    assert "PARTLY  large (1 of 4): mean right" in as_text(found, "")
    assert "partly" in as_html(found, "")


def test_shares_are_read_back_as_they_were_recorded(expected, tmp_path) -> None:
    save(tmp_path, [expected])
    assert verdict(load(tmp_path, "moments"), lambda x: (x.mean(), x)).score == 1.5


def test_of_many_results_those_that_a_mistake_gets_right_are_written_once_and_read_back(tmp_path) -> None:
    names = tuple("abcdefg")
    task = Task("powers", {"small": 1}, lambda rng: list(cases(rng))[:2], returns=names)

    class Right:
        @staticmethod
        def powers(x):
            return [x**n / 3 for n in range(7)]

    @task.mistake("The last one is wrong, the first one has lost a bit.", "03_convolution_layer#Number types")
    def spoils_the_last(right, x):
        first, *others, last = right.powers(x)
        return [first * (1 + 2**-50), *others, -last]

    recorded = record(task, Right, task.cases(np.random.default_rng(1)))
    save(tmp_path, [recorded])
    with np.load(tmp_path / "expected.npz") as arrays:
        written = [name for name in arrays if "spoils the last" in name]
    assert written == ["powers/0/spoils the last/g", "powers/1/spoils the last/g"]
    (mistake,) = load(tmp_path, "powers").mistakes
    for outcome, right in zip(mistake.outcomes, recorded.outcomes, strict=True):
        assert list(outcome.arrays) == list(names)
        assert np.array_equal(outcome.arrays["a"], right.arrays["a"])
        assert np.array_equal(outcome.arrays["g"], -right.arrays["g"])
