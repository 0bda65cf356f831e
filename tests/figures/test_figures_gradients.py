"""The drawings of the backward pass show the terms that torch adds up, and refuse what they cannot draw."""

from itertools import product

import numpy as np
import pytest
import torch
from torch.nn import functional

from course_utils import figures

RNG = np.random.default_rng(8)
SETTINGS = [
    ((6, 6), (3, 3), 1, 0),
    ((6, 6), (3, 3), 2, 1),
    ((5, 7), (2, 3), 2, 0),
    ((4, 5), (3, 2), 3, 2),
    ((3, 3), (1, 1), 1, 0),
]


def words_in(axes):
    return [text.get_text() for text in axes.texts]


def draw(function, *arguments, **options):
    figure, (axes,) = figures.panels(width=8, height=4)
    returned = function(axes, *arguments, **options)
    assert returned is axes
    assert figures.png(figure).startswith(b"\x89PNG")
    return axes


def layer(shape, kernel_shape, stride, padding):
    """A layer of whole numbers with a random gradient from above, and what torch makes of it."""
    image, kernel = RNG.integers(-9, 10, shape), RNG.integers(-4, 5, kernel_shape)
    x = torch.tensor(image[None, None], dtype=torch.float64, requires_grad=True)
    w = torch.tensor(kernel[None, None], dtype=torch.float64, requires_grad=True)
    y = functional.conv2d(x, w, stride=stride, padding=padding)
    upstream = RNG.integers(-5, 6, tuple(y.shape[2:]))
    y.backward(torch.tensor(upstream[None, None], dtype=torch.float64))
    return image, kernel, upstream, x.grad[0, 0].numpy(), w.grad[0, 0].numpy()


def said(total):
    return f"sum = {total:g}".replace("-", "−")


@pytest.mark.parametrize(("shape", "kernel_shape", "stride", "padding"), SETTINGS)
def test_the_products_of_a_weight_add_up_to_its_gradient(shape, kernel_shape, stride, padding):
    image, _, upstream, _, dw = layer(shape, kernel_shape, stride, padding)
    for weight in {(0, 0), (0, kernel_shape[1] - 1), (kernel_shape[0] - 1, 0)}:
        axes = draw(
            figures.weight_terms, image, upstream, kernel_shape, weight=weight, stride=stride, padding=padding
        )
        assert said(dw[weight]) in words_in(axes)
        products = axes.collections[-2].get_array()  # the last mesh; the last collection is its lines
        assert products.shape == upstream.shape
        assert products.sum() == dw[weight]


@pytest.mark.parametrize(("shape", "kernel_shape", "stride", "padding"), SETTINGS)
def test_the_products_of_a_cell_add_up_to_its_gradient(shape, kernel_shape, stride, padding):
    image, kernel, upstream, dx, _ = layer(shape, kernel_shape, stride, padding)
    for cell in [(0, 0), (1, shape[1] - 1), (shape[0] - 1, 1)]:
        axes = draw(figures.cell_terms, image, upstream, kernel, cell=cell, stride=stride, padding=padding)
        assert said(dx[cell]) in words_in(axes)


def test_the_title_names_the_weight_and_its_gradient():
    axes = draw(figures.weight_terms, np.ones((4, 4)), np.full((2, 2), -1.0), (3, 3), weight=(0, 2))
    assert axes.get_title() == "w[0, 2] met 4 cells: the gradient of w[0, 2] is −4"


def test_the_title_names_the_cell_and_how_many_outputs_it_reached():
    axes = draw(figures.cell_terms, np.ones((4, 4)), np.ones((2, 2)), np.ones((3, 3)), cell=(0, 0))
    assert axes.get_title() == "x[0, 0] reached 1 output: the gradient of x[0, 0] is 1"


@pytest.mark.parametrize("weight", [(-1, 0), (3, 0), (0, 3)])
def test_a_weight_that_does_not_exist_is_refused(weight):
    with pytest.raises(ValueError, match="has no weight"):
        draw(figures.weight_terms, np.ones((4, 4)), np.ones((2, 2)), (3, 3), weight=weight)


@pytest.mark.parametrize("cell", [(-1, 0), (4, 0), (0, 4)])
def test_a_cell_that_does_not_exist_is_refused(cell):
    with pytest.raises(ValueError, match="has no cell"):
        draw(figures.cell_terms, np.ones((4, 4)), np.ones((2, 2)), np.ones((3, 3)), cell=cell)


def test_a_gradient_from_above_of_another_size_than_the_output_is_refused():
    with pytest.raises(ValueError, match=r"must have the shape \(2, 2\) of the output, not \(3, 3\)"):
        draw(figures.weight_terms, np.ones((4, 4)), np.ones((3, 3)), (3, 3), weight=(0, 0))


def heavy_lines(axes):
    return len(axes.collections[1].get_segments())


@pytest.mark.parametrize(("stride", "padding"), list(product((1, 2, 3), (0, 1))))
def test_the_links_of_a_cell_are_as_many_as_the_outputs_it_reaches(stride, padding):
    impulse, ones = torch.zeros(1, 1, 7), torch.ones(1, 1, 3)
    for cell in (0, 3, 6):
        impulse.zero_()
        impulse[..., cell] = 1
        reached = int(functional.conv1d(impulse, ones, stride=stride, padding=padding).sum())
        axes = draw(figures.kernel_links, 7, 3, stride=stride, padding=padding, cell=cell, title="links")
        assert heavy_lines(axes) == reached
        assert sum(word.startswith("w") for word in words_in(axes)) == reached


def test_a_weight_is_used_once_for_each_output():
    axes = draw(figures.kernel_links, 7, 3, weight=1, title="links")
    assert heavy_lines(axes) == 5
    assert words_in(axes).count("w1") == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": 7}, "no input 7"),
        ({"weight": 3}, "no weight 3"),
        ({"cell": 0, "weight": 0}, "not both"),
    ],
)
def test_links_that_do_not_exist_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        draw(figures.kernel_links, 7, 3, title="links", **options)


def test_links_of_a_kernel_that_does_not_fit_are_refused():
    with pytest.raises(ValueError, match="does not fit"):
        draw(figures.kernel_links, 2, 3, title="links")


def test_named_rows_show_their_names_and_numbers():
    axes = draw(figures.named_rows, {"x": [1, -2], "dy": [0.5, np.nan, 3]}, title="rows", marked={"dy": [2]})
    assert words_in(axes) == ["1", "−2", "x", "0.5", "3", "dy"]


@pytest.mark.parametrize(
    ("rows", "marked", "message"),
    [
        ({}, None, "no rows"),
        ({"x": np.ones((2, 2))}, None, "one dimension"),
        ({"x": [1, 2]}, {"x": [2]}, "no cell 2"),
    ],
)
def test_rows_that_cannot_be_drawn_are_refused(rows, marked, message):
    with pytest.raises(ValueError, match=message):
        draw(figures.named_rows, rows, title="rows", marked=marked)


def test_a_zero_leaves_a_gap_in_a_logarithmic_curve():
    axes = draw(figures.log_curves, [1, 10, 100], {"a": [1, 0, 2]}, title="t", xlabel="x", ylabel="y")
    assert axes.get_xscale() == axes.get_yscale() == "log"
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [1, np.nan, 2])
