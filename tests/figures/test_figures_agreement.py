from __future__ import annotations

import pytest

from course_utils import figures


def draw(groups, names=("c1", "s2"), limit=1e-10):
    figure, (axes,) = figures.panels(width=6, height=3)
    words = {"title": "Two nets agree", "xlabel": "relative difference"}
    assert figures.differences(axes, names, groups, limit=limit, **words) is axes
    assert figures.png(figure).startswith(b"\x89PNG")
    return axes


def test_each_difference_is_a_mark_at_its_value_and_none_is_left_out() -> None:
    axes = draw({"output": [1e-16, 2e-15], "weights": [3e-16, None]})
    marks = [
        list(line.get_xdata()) for line in axes.lines if line.get_marker() in "oD" and len(line.get_xdata())
    ]
    assert marks == [[1e-16, 2e-15], [3e-16]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["output", "weights"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["c1", "s2"]


def test_equal_numbers_stand_hollow_at_the_left_end() -> None:
    axes = draw({"output": [0.0, 1e-12]})
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert hollow[0].get_marker() == "o"
    assert list(hollow[0].get_xdata()) == [axes.get_xlim()[0]]


def test_the_axis_reaches_past_the_limit_and_past_the_largest_difference() -> None:
    assert draw({"output": [1e-16, 1e-15]}).get_xlim()[1] > 1e-10
    assert draw({"output": [1e-16, 0.3]}).get_xlim()[1] > 0.3


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="2 names for 1 differences of output"):
        draw({"output": [1e-16]})
    with pytest.raises(ValueError, match="a difference of output is negative"):
        draw({"output": [1e-16, -1.0]})
    with pytest.raises(ValueError, match="5 groups"):
        draw({str(number): [1.0, 1.0] for number in range(5)})
