"""The drawings show what they are given, and refuse what they cannot draw."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from scipy import signal

from course_utils import figures

RNG = np.random.default_rng(5)


def words_in(axes):
    return [text.get_text() for text in axes.texts]


def numbers_in(axes):
    texts = [word.replace("−", "-") for word in words_in(axes)]
    return [float(text) for text in texts if text.replace("-", "").replace(".", "").isdigit()]


def draw(function, *arguments, **options):
    figure, (axes,) = figures.panels(width=7, height=4)
    returned = function(axes, *arguments, **options)
    assert returned is axes
    assert figures.png(figure).startswith(b"\x89PNG")
    return axes


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize(("shape", "kernel_shape"), [((6, 6), (3, 3)), ((5, 7), (2, 3)), ((1, 8), (1, 3))])
def test_the_last_step_of_the_sliding_window_shows_the_whole_cross_correlation(
    shape, kernel_shape, stride, padding
):
    image, kernel = RNG.integers(0, 10, shape), RNG.integers(-2, 3, kernel_shape)
    padded = np.pad(image, padding)
    expected = signal.correlate2d(padded, kernel, mode="valid")[::stride, ::stride]
    axes = draw(
        figures.sliding_window, image, kernel, position=expected.size - 1, stride=stride, padding=padding
    )
    output = axes.collections[-2].get_array()  # the last mesh; the last collection is its lines
    np.testing.assert_array_equal(output, expected)
    assert f"output {expected.shape[0]}×{expected.shape[1]}" in words_in(axes)
    assert f"sum = {expected.flat[-1]}".replace("-", "−") in words_in(axes)


def test_the_sliding_window_fills_in_the_outputs_up_to_its_position_and_no_further():
    axes = draw(figures.sliding_window, np.ones((6, 6)), np.ones((3, 3)), position=5)
    output = axes.collections[-2].get_array()
    assert output.shape == (4, 4)
    np.testing.assert_array_equal(np.ma.getmaskarray(output).ravel(), [False] * 6 + [True] * 10)


def test_the_title_of_the_sliding_window_says_which_window_it_is_and_its_sum():
    axes = draw(figures.sliding_window, np.ones((6, 6)), np.ones((3, 3)), position=5)
    assert axes.get_title() == "Window 6 of 16: the products add up to 9"


@pytest.mark.parametrize("position", [-1, 16])
def test_the_sliding_window_refuses_a_position_that_does_not_exist(position):
    with pytest.raises(ValueError, match=f"position {position} is not one of the 16 windows"):
        draw(figures.sliding_window, np.ones((6, 6)), np.ones((3, 3)), position=position)


def test_the_sliding_window_refuses_a_kernel_that_does_not_fit():
    with pytest.raises(ValueError, match="does not fit"):
        draw(figures.sliding_window, np.ones((2, 2)), np.ones((3, 3)), position=0)


@pytest.mark.parametrize(
    ("n", "kernel_size", "stride", "padding", "title"),
    [
        (6, 3, 1, 0, "N=6, K=3, S=1, P=0:\n4 windows, 0 cells left out"),
        (6, 3, 2, 0, "N=6, K=3, S=2, P=0:\n2 windows, 1 cell left out"),
        (6, 3, 1, 1, "N=6, K=3, S=1, P=1:\n6 windows, 0 cells left out"),
        (7, 1, 3, 0, "N=7, K=1, S=3, P=0:\n3 windows, 4 cells left out"),
        (3, 3, 1, 0, "N=3, K=3, S=1, P=0:\n1 window, 0 cells left out"),
    ],
)
def test_the_places_of_a_window_are_counted_with_the_cells_they_leave_out(
    n, kernel_size, stride, padding, title
):
    axes = draw(figures.window_positions, n, kernel_size, stride=stride, padding=padding)
    assert axes.get_title() == title


def test_a_number_grid_shows_every_number():
    axes = draw(figures.number_grid, [[1.5, -2.0], [0.0, 30.0]], title="t", signed=True)
    assert {1.5, -2.0, 0.0, 30.0} <= set(numbers_in(axes))


def test_numbers_stand_out_from_their_cells():
    values = np.linspace(-1, 1, 21)[np.newaxis]
    for signed in (True, False):
        axes = draw(figures.number_grid, values if signed else values + 1, title="t", signed=signed)
        mesh = axes.collections[0]
        mesh.update_scalarmappable()
        for colour, text in zip(mesh.get_facecolors().reshape(-1, 4), axes.texts, strict=False):
            brightness = colour[:3] @ (0.299, 0.587, 0.114)
            ink = 0.0 if text.get_color() == "black" else 1.0
            assert abs(brightness - ink) > 0.45


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4), (0, 3)])
def test_a_number_grid_refuses_what_is_no_matrix(shape):
    with pytest.raises(ValueError, match="must be a matrix"):
        draw(figures.number_grid, np.ones(shape), title="t")


@pytest.mark.parametrize("shape", [(9, 12), (1, 9, 12), (3, 9, 12)])
def test_a_picture_looks_the_same_in_bytes_and_in_fractions(shape):
    fractions = RNG.integers(0, 256, shape) / 255
    shown = draw(figures.picture, fractions, title="t").images[0].get_array()
    as_bytes = (
        draw(figures.picture, np.round(fractions * 255).astype(np.uint8), title="t").images[0].get_array()
    )
    np.testing.assert_allclose(shown, as_bytes)
    assert shown.shape[:2] == (9, 12)


def test_a_picture_refuses_channels_last():
    with pytest.raises(ValueError, match=r"not \(9, 12, 3\)"):
        draw(figures.picture, np.ones((9, 12, 3)), title="t")


def test_feature_maps_share_one_scale_with_zero_in_the_middle():
    maps = np.stack([np.full((4, 5), -1.0), np.full((4, 5), 8.0)])
    images = draw(figures.feature_maps, maps, title="t", labels=["a", "b"]).images
    assert [image.get_clim() for image in images] == [(-8.0, 8.0), (-8.0, 8.0)]


def test_a_feature_map_of_zeros_can_be_drawn():
    draw(figures.feature_maps, np.zeros((4, 5)), title="t")


def test_feature_maps_refuse_labels_for_other_maps():
    with pytest.raises(ValueError, match="1 labels for 2 feature maps"):
        draw(figures.feature_maps, np.ones((2, 4, 5)), title="t", labels=["a"])
    with pytest.raises(ValueError, match="feature maps are"):
        draw(figures.feature_maps, np.ones(4), title="t")


def test_blocks_say_their_sizes():
    axes = draw(figures.blocks, [(3, 28, 28), (100, 26, 26)], ["input", "output"], title="t")
    assert words_in(axes) == ["input\n3 × 28 × 28", "output\n100 × 26 × 26"]
    with pytest.raises(ValueError, match="1 labels for 2 blocks"):
        draw(figures.blocks, [(3, 28, 28), (3, 2, 2)], ["input"], title="t")


def test_bars_end_at_their_values_and_say_them():
    axes = draw(figures.log_bars, ["slow", "fast"], [20.0, 0.05], title="t", xlabel="time (ms)")
    assert axes.get_xscale() == "log"
    np.testing.assert_allclose([bar.get_x() + bar.get_width() for bar in axes.patches], [20.0, 0.05])
    assert words_in(axes) == ["20", "0.05"]
    assert len({bar.get_hatch() for bar in axes.patches}) == 2


def test_bars_refuse_what_has_no_logarithm():
    with pytest.raises(ValueError, match="positive"):
        draw(figures.log_bars, ["a"], [0.0], title="t", xlabel="x")
    with pytest.raises(ValueError, match="2 names for 1 values"):
        draw(figures.log_bars, ["a", "b"], [1.0], title="t", xlabel="x")


def test_curves_are_told_apart_without_colour():
    curves = {name: RNG.normal(size=5) for name in "abcd"}
    axes = draw(figures.profiles, np.arange(5), curves, title="t", xlabel="x", ylabel="y")
    assert len({line.get_linestyle() for line in axes.lines}) == 4
    with pytest.raises(ValueError, match="5 curves"):
        draw(figures.profiles, np.arange(5), curves | {"e": np.ones(5)}, title="t", xlabel="x", ylabel="y")


def test_panels_come_row_by_row():
    figure, axes = figures.panels(2, 3)
    assert len(axes) == 6
    assert axes[3].get_subplotspec().rowspan.start == 1
    assert figure.axes == axes


def test_drawing_leaves_the_global_settings_and_pyplot_alone():
    settings = dict(matplotlib.rcParams)
    draw(figures.sliding_window, np.ones((6, 6)), np.ones((3, 3)), position=5)
    assert dict(matplotlib.rcParams) == settings


def test_importing_the_drawings_imports_neither_torch_nor_pyplot():
    program = (
        "import sys, course_utils.figures\n"
        "print(sorted({'torch', 'matplotlib.pyplot', 'ipywidgets'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
