from __future__ import annotations

import pytest
from matplotlib.patches import FancyBboxPatch, Rectangle

from course_utils import figures


def draw(branches, **words):
    figure, (axes,) = figures.panels(width=6, height=3)
    assert figures.paths(axes, branches, title="Paths", **words) is axes
    assert figures.png(figure).startswith(b"\x89PNG")
    return axes


def boxes(axes) -> dict[str, FancyBboxPatch]:
    words = [text.get_text() for text in axes.texts]
    return dict(zip(words, [p for p in axes.patches if isinstance(p, FancyBboxPatch)], strict=False))


def test_boxes_of_a_path_stand_from_left_to_right_and_paths_below_each_other() -> None:
    found = boxes(draw([["a"], ["b", "c"]]))
    assert found["a"].get_x() == found["b"].get_x() < found["c"].get_x()
    assert found["a"].get_y() < found["b"].get_y() == found["c"].get_y()


def test_boxes_side_by_side_leave_the_same_box_and_need_a_line_each() -> None:
    axes = draw([["a", ("b", "c")], ["d"]])
    found = boxes(axes)
    assert found["b"].get_x() == found["c"].get_x() > found["a"].get_x()
    assert [found[name].get_y() - found["b"].get_y() for name in "acd"] == [0.5, 1, 2]
    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert [bar.get_height() for bar in bars] == [3, 3]


def test_kinds_are_told_apart_without_colour() -> None:
    found = boxes(draw([["1×1", "3×3"], ["max pool\n3×3"]]))
    assert found["1×1"].get_facecolor()[:3] == (1, 1, 1)
    assert found["3×3"].get_facecolor() != found["1×1"].get_facecolor()
    assert found["max pool\n3×3"].get_hatch() == "xx"
    assert not found["3×3"].get_hatch()


def test_what_comes_in_and_goes_out_is_named_and_a_path_may_be_empty() -> None:
    axes = draw([["3×3"], []], source="64 channels", target="sum")
    assert [text.get_text() for text in axes.texts] == ["3×3", "64 channels", "sum"]
    assert [len(line.get_xdata()) for line in axes.lines] == [2, 2, 2]


def test_paths_that_cannot_be_drawn_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one path"):
        draw([])
    with pytest.raises(ValueError, match="path 1 has boxes side by side before its end"):
        draw([["a"], [("b", "c"), "d"]])
