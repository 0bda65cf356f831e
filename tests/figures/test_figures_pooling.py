"""Drawings of pooling show every window, mark what they are told to mark, and refuse what does not fit."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from course_utils import figures

CROSS = "#d55e00"


def draw(function, *arguments, **options):
    figure, (axes,) = figures.panels(width=7, height=4)
    assert function(axes, *arguments, title="t", **options) is axes
    assert axes.get_title() == "t"
    assert figures.png(figure).startswith(b"\x89PNG")
    return axes


def words_in(axes):
    return [text.get_text() for text in axes.texts if text.get_text()]


def rectangles(axes, hatch):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_hatch() == hatch]


def crosses(axes):
    """Left end and top of every crossed-out cell."""
    lines = [line for line in axes.lines if line.get_color() == CROSS]
    return {(min(line.get_xdata()), min(line.get_ydata())) for line in lines}


@pytest.mark.parametrize(
    ("n", "kernel_size", "stride", "left_out"), [(8, 2, 2, 0), (9, 2, 2, 1), (8, 3, 2, 1), (8, 2, 3, 2)]
)
def test_a_pooled_row_has_both_rows_of_numbers_and_two_lines_a_window(n, kernel_size, stride, left_out):
    starts = range(0, n - kernel_size + 1, stride)
    inputs, outputs = np.arange(n), 50 + np.arange(len(starts))
    axes = draw(figures.pooled_row, inputs, outputs, kernel_size=kernel_size, stride=stride)
    assert words_in(axes) == [*map(str, inputs), *map(str, outputs), "pooled", "input"]
    (lines,) = axes.collections
    ends = [tuple(map(tuple, line)) for line in lines.get_segments()]
    assert len(ends) == 2 * len(starts)
    for start, left, right in zip(starts, ends[::2], ends[1::2], strict=True):
        assert start < left[0][0] < start + 0.2
        assert start + kernel_size - 0.2 < right[0][0] < start + kernel_size
        assert right[1][0] - left[1][0] == 1
        assert (left[1][0] + right[1][0]) / 2 == start + kernel_size / 2
    assert len(crosses(axes)) == left_out


def test_a_pooled_row_marks_what_changed_and_nothing_else():
    options = {"kernel_size": 2, "stride": 2}
    axes = draw(
        figures.pooled_row,
        np.arange(6),
        [1, 3, 5],
        changed_inputs=[True, False, True, False, False, False],
        changed_outputs=[False, True, False],
        **options,
    )
    bars = rectangles(axes, "xxx")
    middles = sorted((bar.get_y() > 1, bar.get_x() + bar.get_width() / 2) for bar in bars)
    assert middles == [(False, 3.0), (True, 0.5), (True, 2.5)]
    assert not rectangles(draw(figures.pooled_row, np.arange(6), [1, 3, 5], **options), "xxx")


def test_equal_numbers_have_equal_colours_in_both_rows():
    axes = draw(figures.pooled_row, [5.0, 1.0, 0.0, 2.0], [5.0, 2.0], kernel_size=2, stride=2)
    colours = [patch.get_facecolor() for patch in axes.patches]
    assert colours[0] == colours[4]
    assert colours[3] == colours[5]
    assert colours[0] != colours[1]


def test_a_pooled_row_refuses_outputs_and_marks_that_do_not_fit():
    with pytest.raises(ValueError, match="3 windows"):
        draw(figures.pooled_row, np.arange(6), [1, 3], kernel_size=2, stride=2)
    with pytest.raises(ValueError, match="marks of shape"):
        draw(figures.pooled_row, np.arange(4), [1, 3], kernel_size=2, stride=2, changed_inputs=[True])
    with pytest.raises(ValueError, match="marks of shape"):
        draw(figures.pooled_row, np.arange(4), [1, 3], kernel_size=2, stride=2, changed_outputs=[True])


@pytest.mark.parametrize("position", [0, 3, 5])
def test_a_pooling_window_fills_outputs_up_to_its_position(position):
    outputs = 100 + np.arange(6).reshape(2, 3)
    axes = draw(figures.pooling_window, np.zeros((5, 6)), outputs, position=position, kernel_size=2, stride=2)
    shown = [word for word in words_in(axes) if len(word) == 3]
    assert shown == [str(100 + number) for number in range(position + 1)]
    assert {"input 5×6", "output 2×3"} <= set(words_in(axes))
    assert crosses(axes) == {(x, 4) for x in range(6)}
    frames = {(p.get_x(), p.get_y(), p.get_width()) for p in axes.patches if not p.get_fill()}
    row, column = divmod(position, 3)
    assert (2 * column, 2 * row, 2) in frames
    assert (6 + 1.5 + column, row, 1) in frames


def test_a_pooling_window_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="2 by 2 windows"):
        draw(figures.pooling_window, np.zeros((4, 4)), np.zeros((2, 3)), position=0, kernel_size=2, stride=2)
    for position in (-1, 4):
        with pytest.raises(ValueError, match="not one of the 4 windows"):
            draw(
                figures.pooling_window,
                np.zeros((4, 4)),
                np.zeros((2, 2)),
                position=position,
                kernel_size=2,
                stride=2,
            )


def test_bars_stand_in_groups_with_their_numbers():
    groups = {"expected": [0.25, 0.75], "measured": [0.3, 0.7]}
    axes = draw(figures.bars, ["a", "b"], groups, ylabel="share")
    assert [bar.get_height() for bar in axes.patches] == [0.25, 0.75, 0.3, 0.7]
    assert words_in(axes) == ["0.25", "0.75", "0.30", "0.70"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(groups)
    assert len({bar.get_hatch() for bar in axes.patches}) == 2
    middles = [bar.get_x() + bar.get_width() / 2 for bar in axes.patches]
    assert middles[0] < 0 < middles[2] < middles[1] < 1 < middles[3]


def test_bars_refuse_lists_of_another_length_and_too_many_groups():
    with pytest.raises(ValueError, match="2 names for 1 values"):
        draw(figures.bars, ["a", "b"], {"one": [1.0]}, ylabel="y")
    with pytest.raises(ValueError, match="can be told apart"):
        draw(figures.bars, ["a"], {str(number): [1.0] for number in range(5)}, ylabel="y")


@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 2), (0, 1), (3, 0)])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_padded_positions_show_every_window_and_hatch_the_padding(before, after, stride):
    n, kernel_size = 6, 4
    length = before + n + after
    starts = [start for start in range(0, length, stride) if start + kernel_size <= length]
    axes = draw(figures.padded_positions, n, kernel_size, stride=stride, before=before, after=after)
    hatched = {patch.get_x() for patch in rectangles(axes, "////")}
    assert hatched == {*range(before), *range(before + n, length)}
    windows = [patch.get_x() for patch in axes.patches if patch.get_width() == kernel_size]
    assert windows == starts
    covered = {cell for start in starts for cell in range(start, start + kernel_size)}
    assert crosses(axes) == {(cell, 0) for cell in range(length) if cell not in covered}
    assert [word for word in words_in(axes) if word.isdigit()] == [str(cell) for cell in range(n)]


def test_padded_positions_refuse_a_window_that_does_not_fit():
    with pytest.raises(ValueError, match="a window of 5 does not fit 4 cells"):
        draw(figures.padded_positions, 3, 5, after=1)
