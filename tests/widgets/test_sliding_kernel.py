"""The sliders can be moved in any order: the state stays valid and the picture follows."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.widgets import sliding_kernel

SIZES = ("input_size", "kernel_size", "stride", "padding")
MOVES = st.lists(
    st.tuples(st.sampled_from([*SIZES, "position", "play"]), st.integers(-3, 150)), min_size=1, max_size=12
)


def windows(widget):
    """How many windows fit, counted by trying every start."""
    padded = widget.input_size.value + 2 * widget.padding.value
    starts = [i for i in range(0, padded, widget.stride.value) if i + widget.kernel_size.value <= padded]
    return len(starts)


def assert_consistent(widget):
    across = windows(widget)
    assert across >= 1
    assert widget.position.min == widget.play.min == 0
    assert widget.position.max == widget.play.max == across**2 - 1
    assert widget.play.value == widget.position.value
    assert widget.kernel_size.value <= widget.input_size.value + 2 * widget.padding.value
    for name in (*SIZES, "position"):
        slider = getattr(widget, name)
        assert slider.min <= slider.value <= slider.max
    assert f"= <b>{across}</b>" in widget.formula.value
    assert f"Window {widget.position.value + 1} of {across**2} " in widget.words.value


@pytest.fixture(scope="module")
def shared():
    """One widget for all random walks, so that every walk starts from where another one ended."""
    return sliding_kernel()


@given(moves=MOVES)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_sliders_moved_in_any_order_never_raise_and_leave_a_valid_state(shared, moves):
    for name, value in moves:
        before = shared.picture.value, shared._drawn
        getattr(shared, name).value = value
        assert_consistent(shared)
        assert (shared.picture.value != before[0]) == (shared._drawn != before[1])


@given(moves=MOVES)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_changes_that_arrive_together_leave_a_valid_state(shared, moves):
    for name, value in moves:
        with getattr(shared, name).hold_trait_notifications():
            getattr(shared, name).value = value
            getattr(shared, name).value = max(0, value - 2)
        assert_consistent(shared)


def test_the_kernel_shrinks_with_the_padded_input():
    widget = sliding_kernel()
    widget.input_size.value, widget.padding.value, widget.kernel_size.value = 3, 1, 5
    assert widget.kernel_size.value == widget.kernel_size.max == 5
    widget.padding.value = 0
    assert widget.kernel_size.value == widget.kernel_size.max == 3
    assert widget.position.disabled
    assert_consistent(widget)


def test_playing_to_the_end_visits_every_window():
    widget = sliding_kernel()
    pictures = set()
    for step in range(widget.play.max + 1):
        widget.play.value = step
        assert widget.position.value == step
        pictures.add(widget.picture.value)
    assert len(pictures) == 16


def test_the_words_say_what_the_window_covers_and_where_its_sum_goes():
    widget = sliding_kernel()
    widget.position.value = 6
    assert (
        "Window 7 of 16 covers rows 1 to 3 and columns 2 to 4 of the 6 by 6 input. "
        "Its 9 products add up to 22, which goes to row 1, column 2 of the 4 by 4 output."
        in widget.words.value
    )
    widget.padding.value = 1
    widget.position.value = 0
    assert "5 of its 9 cells are padding." in widget.words.value


def test_the_words_tell_of_cells_that_no_window_covers():
    widget = sliding_kernel()
    widget.stride.value = 2
    assert "The last row and column are never covered" in widget.words.value
    widget.stride.value = 4
    assert "skipped" in widget.words.value
    widget.stride.value = 1
    assert "never covered" not in widget.words.value


def test_the_picture_has_the_words_as_its_alt_text():
    widget = sliding_kernel()
    words = re.search(r">(.*)<", widget.words.value).group(1)
    assert f"alt='{words}'" in widget.picture.value


def test_every_control_says_what_it_is():
    widget = sliding_kernel()
    for name in (*SIZES, "position"):
        assert getattr(widget, name).description
    assert widget.play.tooltip


def test_without_a_front_end_the_state_is_told_in_words():
    bundle = sliding_kernel()._repr_mimebundle_()
    assert bundle["text/plain"].startswith("Sliding kernel with N=6, K=3, S=1, P=0. Window 1 of 16")
    assert "application/vnd.jupyter.widget-view+json" in bundle
