"""The editor accepts any weights, its words agree with numpy, and the preset follows the weights."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from course_utils.widgets import kernel_editor
from course_utils.widgets.kernel_editor import PRESETS, YOUR_OWN

FIELDS = st.tuples(st.integers(0, 8), st.floats(-15, 15).map(lambda value: round(2 * value) / 2))
CHOICES = st.tuples(st.just("preset"), st.sampled_from([*PRESETS, YOUR_OWN]))
MOVES = st.lists(st.one_of(FIELDS, CHOICES, st.just(("turn", None))), min_size=1, max_size=6)


def told(widget, what):
    """The three numbers (lowest, highest, mean) that the words give for the input or the map."""
    words = widget.words.value.replace("−", "-")
    number = r"(-?[\d.]+(?:e-?\d+)?)"
    found = re.search(rf"{what}, \d+ by \d+.*?from {number} to {number} with mean {number}[;.]", words)
    return [float(group.rstrip(".")) for group in found.groups()]


def assert_consistent(widget):
    kernel = widget.kernel
    assert np.abs(kernel).max() <= 10
    expected = np.einsum("ijkl,kl->ij", sliding_window_view(widget.image, (3, 3)), kernel)
    np.testing.assert_allclose(widget.feature_map, expected, atol=1e-12)
    np.testing.assert_allclose(
        told(widget, "feature map"), [expected.min(), expected.max(), expected.mean()], atol=5.1e-4
    )
    image = widget.image
    np.testing.assert_allclose(told(widget, "input"), [image.min(), image.max(), image.mean()], atol=5.1e-4)
    total = float(re.search(r"add up to (−?[\d.]+)\.", widget.words.value).group(1).replace("−", "-"))
    assert total == pytest.approx(kernel.sum(), abs=5.1e-4)
    named = PRESETS.get(widget.preset.value)
    assert named is None or np.allclose(named, kernel)
    assert named is not None or not any(np.allclose(other, kernel) for other in PRESETS.values())


@pytest.fixture(scope="module")
def shared():
    """One widget for all random walks, so that every walk starts from where another one ended."""
    return kernel_editor()


@given(moves=MOVES)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_fields_and_dropdowns_used_in_any_order_leave_a_valid_state(shared, moves):
    for name, value in moves:
        before = shared.picture.value, shared._drawn
        if name == "turn":
            shared.turn.click()
        elif name == "preset":
            # choosing "your own" keeps the weights, and the name is theirs again at the next change
            shared.preset.value = value
        else:
            shared.weights[name].value = value
        if value != YOUR_OWN:
            assert_consistent(shared)
        if shared._drawn == before[1]:
            assert shared.picture.value == before[0]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fills_the_nine_fields(name):
    widget = kernel_editor()
    widget.preset.value = name
    np.testing.assert_allclose(widget.kernel, PRESETS[name])
    assert f"Kernel {name}, " in widget.words.value
    assert_consistent(widget)


def test_every_photograph_can_be_chosen_and_gives_another_picture():
    widget = kernel_editor()
    pictures = set()
    for name in widget.photograph.options:
        widget.photograph.value = name
        assert_consistent(widget)
        pictures.add(widget.picture.value)
    assert len(pictures) == len(widget.photograph.options) == 7


def test_changing_a_weight_makes_the_kernel_your_own_and_changing_it_back_names_it_again():
    widget = kernel_editor()
    widget.preset.value = "Laplacian"
    widget.weights[4].value = -3
    assert widget.preset.value == YOUR_OWN
    widget.weights[4].value = -4
    assert widget.preset.value == "Laplacian"


def test_your_own_starts_from_the_weights_that_are_there():
    widget = kernel_editor()
    widget.preset.value = "emboss"
    widget.preset.value = YOUR_OWN
    np.testing.assert_array_equal(widget.kernel, PRESETS["emboss"])


def test_turning_four_times_changes_nothing_and_twice_changes_the_sign_of_an_edge_kernel():
    widget = kernel_editor()
    first = widget.kernel
    widget.turn.click()
    widget.turn.click()
    np.testing.assert_array_equal(widget.kernel, -first)
    widget.turn.click()
    widget.turn.click()
    np.testing.assert_array_equal(widget.kernel, first)
    assert widget.preset.value == "edges left-right"


def test_the_words_say_what_becomes_of_flat_areas():
    widget = kernel_editor()
    for name, words in {
        "identity": "keep their brightness",
        "blur": "keep their brightness",
        "edges left-right": "give 0",
        "Laplacian": "give 0",
    }.items():
        widget.preset.value = name
        assert f"Flat areas {words}." in widget.words.value
    widget.preset.value = "identity"
    widget.weights[4].value = -1
    assert "turn negative" in widget.words.value
    widget.weights[4].value = 2
    assert "2 times as bright" in widget.words.value
    widget.weights[4].value = 0
    assert "0 everywhere" in widget.words.value


def test_the_picture_has_the_words_as_its_alt_text():
    widget = kernel_editor()
    words = re.search(r">(.*)<", widget.words.value).group(1)
    assert f"alt='{words}'" in widget.picture.value


def test_every_control_says_what_it_is():
    widget = kernel_editor()
    for control in (widget.preset, widget.photograph, widget.turn, *widget.weights):
        assert control.description
    assert len({field.tooltip for field in widget.weights}) == 9


def test_without_a_front_end_the_state_is_told_in_words():
    bundle = kernel_editor()._repr_mimebundle_()
    assert bundle["text/plain"].startswith(
        "Kernel editor on the photograph coffee cup. Kernel edges left-right, row by row (−1, 0, 1), "
    )
    assert "application/vnd.jupyter.widget-view+json" in bundle
