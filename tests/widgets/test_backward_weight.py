"""Every setting of the sliders is valid, and the words and the picture tell what torch computes."""

import re
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from course_utils.widgets import backward_weight
from course_utils.widgets.backward_weight import IMAGE, KERNEL, ONE_CELL, ONE_WEIGHT

CONTROLS = ("row", "column", "stride", "padding")
MOVES = st.lists(st.tuples(st.sampled_from([*CONTROLS, "mode"]), st.integers(-2, 9)), min_size=1, max_size=12)


def gradients(widget):
    """Both gradients from torch, which knows nothing of the widget's counting."""
    x = torch.tensor(IMAGE[None, None], dtype=torch.float64, requires_grad=True)
    w = torch.tensor(KERNEL[None, None], dtype=torch.float64, requires_grad=True)
    y = functional.conv2d(x, w, stride=widget.stride.value, padding=widget.padding.value)
    y.backward(torch.tensor(widget.upstream()[None, None], dtype=torch.float64))
    return {ONE_WEIGHT: w.grad[0, 0].numpy(), ONE_CELL: x.grad[0, 0].numpy()}


def gradient_in(words):
    found = re.search(r"add up to (-?\d+): its gradient|= (-?\d+) is its gradient|its gradient is (0)", words)
    return int(next(group for group in found.groups() if group is not None))


def assert_tells_the_gradient(widget):
    expected = gradients(widget)[widget.mode.value][widget.row.value, widget.column.value]
    assert gradient_in(repr(widget)) == expected
    assert gradient_in(widget.words.value) == expected


@pytest.mark.parametrize("mode", [ONE_WEIGHT, ONE_CELL])
def test_the_words_tell_the_gradient_that_torch_computes_for_every_weight_and_cell(mode, monkeypatch):
    widget = backward_weight()
    monkeypatch.setattr(widget, "_draw", lambda: None)  # the words alone: pictures take their time
    widget.mode.value = mode
    for widget.stride.value, widget.padding.value in product((1, 2, 3), (0, 1, 2)):
        expected = gradients(widget)[mode]
        for cell in np.ndindex(expected.shape):
            widget.row.value, widget.column.value = cell
            assert gradient_in(repr(widget)) == expected[cell]


@pytest.fixture(scope="module")
def shared():
    """One widget for all random walks, so that every walk starts from where another one ended."""
    return backward_weight()


@given(moves=MOVES)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_controls_moved_in_any_order_leave_a_valid_state(shared, moves):
    for name, value in moves:
        before = shared.picture.value, shared._drawn
        if name == "mode":
            shared.mode.value = ONE_WEIGHT if value % 2 else ONE_CELL
        else:
            getattr(shared, name).value = value
        last = (len(KERNEL) if shared.mode.value == ONE_WEIGHT else len(IMAGE)) - 1
        assert shared.row.max == shared.column.max == last
        for control in CONTROLS:
            slider = getattr(shared, control)
            assert slider.min <= slider.value <= slider.max
        assert_tells_the_gradient(shared)
        assert (shared.picture.value != before[0]) == (shared._drawn != before[1])


def test_a_cell_in_the_corner_is_clamped_to_a_weight_that_exists():
    widget = backward_weight()
    widget.mode.value = ONE_CELL
    widget.row.value = widget.column.value = 5
    assert "row 5, column 5 of the input" in widget.words.value
    widget.mode.value = ONE_WEIGHT
    assert "row 2, column 2 of the kernel" in widget.words.value
    assert_tells_the_gradient(widget)


def test_the_words_count_the_padding_and_a_cell_that_no_window_covers():
    widget = backward_weight()
    widget.row.value = widget.column.value = 0
    widget.padding.value = 1
    assert "met 36 cells, 11 of them padding" in widget.words.value
    widget.padding.value, widget.mode.value, widget.stride.value = 0, ONE_CELL, 2
    widget.row.value = 5
    assert "No window covered it, so its gradient is 0." in widget.words.value


def test_the_picture_has_the_words_as_its_alt_text():
    widget = backward_weight()
    words = re.search(r">(.*)<", widget.words.value).group(1)
    assert f"alt='{words}'" in widget.picture.value


def test_every_control_says_what_it_is():
    widget = backward_weight()
    for name in (*CONTROLS, "mode"):
        assert getattr(widget, name).description


def test_without_a_front_end_the_state_is_told_in_words():
    bundle = backward_weight()._repr_mimebundle_()
    assert bundle["text/plain"].startswith(
        "Gradient of one weight of the kernel, S=1, P=0. The weight in row 1"
    )
    assert "application/vnd.jupyter.widget-view+json" in bundle
