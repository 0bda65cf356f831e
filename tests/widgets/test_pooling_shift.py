"""The row shifts under the windows, and the counts of what changed agree with counting by hand."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.widgets import pooling_shift
from course_utils.widgets.pooling_shift import AVERAGE, KINDS, L2, MAX, NONE

SLIDERS = ("shift", "kernel_size", "stride")
KEEP = {
    MAX: max,
    AVERAGE: lambda window: sum(window) / len(window),
    L2: lambda window: sum(value**2 for value in window) ** 0.5,
}
MOVES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(SLIDERS), st.integers(-3, 20)),
        st.tuples(st.just("kind"), st.sampled_from(KINDS)),
    ),
    min_size=1,
    max_size=8,
)


def by_hand(widget, row):
    stride = widget.stride.value
    if widget.kind.value == NONE:
        return [float(value) for value in row[::stride]]
    size = widget.kernel_size.value
    starts = [start for start in range(0, len(row), stride) if start + size <= len(row)]
    return [float(KEEP[widget.kind.value]([int(x) for x in row[i : i + size]])) for i in starts]


def assert_consistent(widget):
    shift = widget.shift.value
    before, after = widget.row(0), widget.row(shift)
    assert len(before) == len(after) == 16
    np.testing.assert_array_equal(after[shift:], before[: 16 - shift])
    pooled, original = by_hand(widget, after), by_hand(widget, before)
    np.testing.assert_allclose(widget.pooled(shift), pooled)
    inputs = sum(a != b for a, b in zip(before, after, strict=True))
    outputs = sum(a != b for a, b in zip(original, pooled, strict=True))
    counted = re.search(r"(\d+) of 16 inputs and (\d+) of (\d+) (pooled values|values kept)", repr(widget))
    assert [int(number) for number in counted.groups()[:3]] == [inputs, outputs, len(pooled)]
    assert widget.kernel_size.disabled == (widget.kind.value == NONE)
    for name in SLIDERS:
        slider = getattr(widget, name)
        assert slider.min <= slider.value <= slider.max


@pytest.fixture(scope="module")
def shared():
    """One widget for all random walks, so that every walk starts from where another one ended."""
    return pooling_shift()


@given(moves=MOVES)
@settings(max_examples=10, deadline=None, derandomize=True)
def test_controls_moved_in_any_order_never_raise_and_count_rightly(shared, moves):
    for name, value in moves:
        before = shared.picture.value, shared._drawn
        getattr(shared, name).value = value
        assert_consistent(shared)
        assert (shared.picture.value != before[0]) == (shared._drawn != before[1])


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_shift_nothing_changes(kind):
    widget = pooling_shift()
    widget.shift.value = 0
    widget.kind.value = kind
    assert "0 of 16 inputs and 0 of 8 " in repr(widget)
    assert "multiple" not in repr(widget)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("stride", "shift"), [(1, 3), (2, 4), (3, 6), (4, 8)])
def test_a_shift_by_a_multiple_of_the_stride_moves_the_output(kind, stride, shift):
    widget = pooling_shift()
    widget.kind.value, widget.stride.value, widget.shift.value = kind, stride, shift
    places = shift // stride
    np.testing.assert_array_equal(widget.pooled(shift)[places:], widget.pooled(0)[:-places])
    assert f"the output has moved too, by {places} place" in repr(widget)


def test_every_input_changes_at_every_shift_so_that_the_outputs_are_what_counts():
    widget = pooling_shift()
    changed = [int(np.sum(widget.row(shift) != widget.row(0))) for shift in range(1, 9)]
    assert min(changed) >= 12


def test_a_larger_window_keeps_more_maxima():
    widget = pooling_shift()
    widget.stride.value = 1
    same = {}
    for size in (1, 3, 6):
        widget.kernel_size.value = size
        same[size] = np.mean(widget.pooled(1) == widget.pooled(0))
    assert same[1] < same[3] < same[6]


def test_the_picture_has_the_words_as_its_alt_text():
    widget = pooling_shift()
    words = re.search(r">(.*)<", widget.words.value).group(1)
    assert f"alt='{words}'" in widget.picture.value


def test_every_control_says_what_it_is():
    widget = pooling_shift()
    for name in (*SLIDERS, "kind"):
        assert getattr(widget, name).description


def test_without_a_front_end_the_state_is_told_in_words():
    bundle = pooling_shift()._repr_mimebundle_()
    assert bundle["text/plain"].startswith(
        "Pooling under a shift. Max pooling with windows of 2 cells and stride 2: after a shift by 1 cell"
    )
    assert "application/vnd.jupyter.widget-view+json" in bundle
