from __future__ import annotations

import numpy as np
import pytest

from course_utils import figures


def draw(fields):
    figure, (axes,) = figures.panels(width=4, height=4)
    assert figures.receptive_fields(axes, np.zeros((32, 32)), fields, title="What units see") is axes
    assert figures.png(figure).startswith(b"\x89PNG")
    return axes


def test_a_frame_goes_around_the_pixels_that_a_unit_sees() -> None:
    axes = draw({"C1": (10, 12, 5), "all": (0, 0, 32)})
    edge, frame, *_, last = axes.patches  # a frame on its black edge, for each field
    assert edge.get_xy() == frame.get_xy() == (11.5, 9.5)
    assert (frame.get_width(), frame.get_height()) == (5, 5)
    assert 32 < last.get_width() < 33  # a little outside of the first, so that both are seen
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["C1: 5×5", "all: 32×32"]


def test_more_fields_than_can_be_told_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="6 fields"):
        draw({str(side): (0, 0, side) for side in range(1, 7)})
