"""Graphs of layers show the connections there are, and trace what reaches a unit."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import figures

RNG = np.random.default_rng(7)


def band(n, reach=1):
    """A layer of n units that each see their neighbours up to ``reach`` away."""
    i = np.arange(n)
    return (np.abs(i[:, np.newaxis] - i) <= reach).astype(float)


def draw(function, *arguments, **options):
    figure, (axes,) = figures.panels(width=6, height=4)
    assert function(axes, *arguments, title="t", **options) is axes
    assert axes.get_title() == "t"
    assert figures.png(figure).startswith(b"\x89PNG")
    return axes


def lines_in(axes, wide):
    """The lines of one width as pairs (lower end, upper end)."""
    groups = [group for group in axes.collections if (group.get_linewidths()[0] > 2) == wide]
    return [tuple(map(tuple, line)) for group in groups for line in group.get_segments()]


def test_there_is_a_line_for_each_weight_that_is_not_zero():
    for matrix in (np.ones((5, 5)), band(5), np.diag(RNG.normal(size=4))):
        axes = draw(figures.connections, [matrix])
        lines = lines_in(axes, wide=False)
        assert len(lines) == len(set(lines)) == np.count_nonzero(matrix)
        for (x, low), (y, high) in lines:
            assert matrix[round(y), round(x)] != 0
            assert low < high


def test_units_are_named_from_1_layer_by_layer():
    axes = draw(figures.connections, [np.ones((2, 3)), np.ones((1, 2))])
    assert [text.get_text() for text in axes.texts] == ["x₁", "x₂", "x₃", "h₁", "h₂", "g₁"]


def test_marked_connections_are_heavy_and_their_units_filled():
    matrix = band(5)
    axes = draw(figures.connections, [matrix], strong=figures.reaching([matrix], 2))
    assert sorted((x, y) for (x, _), (y, _) in lines_in(axes, wide=True)) == [(1, 2), (2, 2), (3, 2)]
    assert len(lines_in(axes, wide=False)) == np.count_nonzero(matrix) - 3
    heavy = [patch.get_linewidth() > 2 for patch in axes.patches]
    assert heavy == [False, True, True, True, False, False, False, True, False, False]


def test_a_mark_without_a_connection_draws_nothing():
    axes = draw(figures.connections, [np.eye(3)], strong=[np.ones((3, 3))])
    assert len(lines_in(axes, wide=True)) == 3


@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=4),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_inputs_that_reach_a_unit_are_those_the_product_of_the_matrices_depends_on(sizes, seed):
    rng = np.random.default_rng(seed)
    layers = [rng.integers(0, 2, (above, below)).astype(float) for below, above in pairwise(sizes)]
    unit = int(rng.integers(sizes[-1]))
    product = np.eye(sizes[0])
    for layer in layers:
        product = layer @ product
    reached = figures.reaching(layers, unit)[0].any(axis=0)
    np.testing.assert_array_equal(reached, product[unit] > 0)


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="layer 2 takes 4 inputs"):
        draw(figures.connections, [np.ones((3, 5)), np.ones((2, 4))])
    with pytest.raises(ValueError, match="1 to 3 layers"):
        draw(figures.connections, [np.ones((2, 2))] * 4)
    with pytest.raises(ValueError, match="not a matrix"):
        draw(figures.connections, [np.ones(3)])
    with pytest.raises(ValueError, match="same shape"):
        draw(figures.connections, [np.ones((2, 3))], strong=[np.ones((3, 2))])


@pytest.mark.parametrize("unit", [-1, 3])
def test_a_unit_that_does_not_exist_is_refused(unit):
    with pytest.raises(ValueError, match=f"unit {unit} is not one of the 3"):
        figures.reaching([np.ones((3, 2))], unit)


def test_a_weight_matrix_is_drawn_with_zero_in_the_middle_of_its_scale():
    matrix = np.array([[0.0, -1.0, 0.0], [4.0, 0.0, 0.0]])
    image = draw(figures.weight_matrix, matrix).images[0]
    np.testing.assert_array_equal(image.get_array(), matrix)
    assert image.get_clim() == (-4.0, 4.0)
    draw(figures.weight_matrix, np.zeros((2, 2)))


def test_a_weight_matrix_refuses_a_vector():
    with pytest.raises(ValueError, match="rows and columns"):
        draw(figures.weight_matrix, np.ones(4))
