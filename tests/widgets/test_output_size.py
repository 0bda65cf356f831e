"""The playground's sliders stay valid in any order, and its numbers are those of counting windows."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.widgets import output_size_playground
from course_utils.widgets.output_size import IN_ALL, PER_SIDE

SLIDERS = ("input_size", "kernel_size", "stride", "padding")
MOVES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(SLIDERS), st.integers(-3, 20)),
        st.tuples(st.just("convention"), st.sampled_from([PER_SIDE, IN_ALL])),
    ),
    min_size=1,
    max_size=10,
)


def padded_size(widget):
    zeros = widget.padding.value * (2 if widget.convention.value == PER_SIDE else 1)
    return widget.input_size.value + zeros


def starts_of(widget):
    """The starts that fit, found by trying all."""
    size, padded = widget.kernel_size.value, padded_size(widget)
    return [start for start in range(0, padded, widget.stride.value) if start + size <= padded]


def assert_consistent(widget):
    starts = starts_of(widget)
    assert starts
    assert list(widget.starts) == starts
    assert sum(widget.sides) == padded_size(widget) - widget.input_size.value
    assert 0 <= widget.sides[1] - widget.sides[0] <= 1
    for name in SLIDERS:
        slider = getattr(widget, name)
        assert slider.min <= slider.value <= slider.max
    assert widget.kernel_size.value <= padded_size(widget)
    assert f"= <b>{len(starts)}</b>" in widget.formula.value
    computed = re.search(r"= ⌊\((\d+) \+ (?:(2)·)?(\d+) − (\d+)\) / (\d+)⌋ \+ 1", widget.formula.value)
    n, two, number, size, stride = (int(part or 1) for part in computed.groups())
    assert (n + two * number - size) // stride + 1 == len(starts)
    covered = {cell for start in starts for cell in range(start, start + widget.kernel_size.value)}
    left_out = padded_size(widget) - len(covered)
    assert re.search(rf"{len(starts)} windows?, {left_out} cells? left out", widget.words.value)
    assert (widget.sides[0] != widget.sides[1]) == ("The total is odd" in widget.words.value)


@pytest.fixture(scope="module")
def shared():
    """One widget for all random walks, so that every walk starts from where another one ended."""
    return output_size_playground()


@given(moves=MOVES)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_controls_moved_in_any_order_never_raise_and_leave_a_valid_state(shared, moves):
    for name, value in moves:
        shown = shared.picture.value, shared.formula.value
        drawn = shared._drawn
        getattr(shared, name).value = value
        assert_consistent(shared)
        assert ((shared.picture.value, shared.formula.value) != shown) == (shared._drawn != drawn)


def test_the_kernel_shrinks_with_the_padded_input():
    widget = output_size_playground()
    widget.input_size.value, widget.padding.value, widget.kernel_size.value = 3, 2, 7
    assert widget.kernel_size.value == widget.kernel_size.max == 7
    widget.convention.value = IN_ALL
    assert widget.kernel_size.value == widget.kernel_size.max == 5
    widget.padding.value = 0
    assert widget.kernel_size.value == widget.kernel_size.max == 3
    widget.input_size.value = 1
    assert widget.kernel_size.value == widget.kernel_size.max == 1
    assert_consistent(widget)


def test_the_same_number_means_less_padding_in_all_than_on_each_side():
    widget = output_size_playground()
    widget.padding.value = 2
    assert widget.sides == (2, 2)
    assert len(widget.starts) == 8
    assert "2P" in widget.formula.value
    widget.convention.value = IN_ALL
    assert widget.padding.value == 2
    assert widget.sides == (1, 1)
    assert len(widget.starts) == 6
    assert "2P" not in widget.formula.value
    assert "as long as the input" in widget.words.value


def test_an_odd_total_puts_one_zero_more_at_the_end():
    widget = output_size_playground()
    widget.convention.value, widget.padding.value = IN_ALL, 3
    assert widget.sides == (1, 2)
    assert "1 zero before and 2 after make 9" in widget.words.value


def test_the_description_of_the_padding_follows_the_convention():
    widget = output_size_playground()
    assert widget.padding.description == "Padding P"
    widget.convention.value = IN_ALL
    assert widget.padding.description == "Padding p"


def test_the_picture_has_the_words_as_its_alt_text():
    widget = output_size_playground()
    words = re.search(r">(.*)<", widget.words.value).group(1)
    assert f"alt='{words}'" in widget.picture.value


def test_every_control_says_what_it_is():
    widget = output_size_playground()
    for name in (*SLIDERS, "convention"):
        assert getattr(widget, name).description


def test_without_a_front_end_the_state_is_told_in_words():
    bundle = output_size_playground()._repr_mimebundle_()
    assert bundle["text/plain"].startswith("Output-size playground with N=6, K=3, S=1, P=1 (P zeros on each")
    assert "application/vnd.jupyter.widget-view+json" in bundle
