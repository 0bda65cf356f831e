"""Layers as graphs, units joined by their connections, and their weights as a picture of the matrix."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle
from numpy.typing import ArrayLike, NDArray

from course_utils.figures.images import ZERO_IS_GREY

LAYER_NAMES = "xhgf"
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
STRONG, FAINT = "#00204d", "#9a9a9a"
FILLED, EMPTY = "#f3c98b", "#ffffff"
RADIUS = 0.31
LAYER_GAP = 1.9  # units of the distance between two neighbours in a layer


def connections(
    axes: Axes,
    matrices: Sequence[ArrayLike],
    *,
    title: str,
    strong: Sequence[ArrayLike] | None = None,
) -> Axes:
    """Draw layers as rows of units, the input at the bottom, with a line for each weight that is not zero.

    ``matrices`` holds a weight matrix (outputs, inputs) for each layer, from the input upwards, at most
    three. Units are numbered from 1 and named x for inputs, then h, g and f. ``strong`` marks some of the
    connections, in matrices of the same shapes: these lines are drawn heavy and their units filled, the
    others thin. Without it all lines are alike.

    Raises ``ValueError`` when a matrix does not fit the layer below it, or marks do not fit their matrix.
    """
    weights = _chain(matrices)
    marks = [np.zeros(w.shape, dtype=bool) for w in weights]
    if strong is not None:
        given = [np.asarray(mark, dtype=bool) for mark in strong]
        if [mark.shape for mark in given] != [w.shape for w in weights]:
            raise ValueError("strong needs one matrix for each layer, of the same shape")
        marks = [mark & (w != 0) for mark, w in zip(given, weights, strict=True)]

    sizes = [weights[0].shape[1], *(w.shape[0] for w in weights)]
    widest = max(sizes)
    places = [np.arange(n) + (widest - n) / 2 for n in sizes]
    touched = [np.zeros(n, dtype=bool) for n in sizes]
    for layer, mark in enumerate(marks):
        touched[layer] |= mark.any(axis=0)
        touched[layer + 1] |= mark.any(axis=1)

    for layer, (w, mark) in enumerate(zip(weights, marks, strict=True)):
        low, high = layer * LAYER_GAP + RADIUS, (layer + 1) * LAYER_GAP - RADIUS
        for chosen, colour, width in (
            ((w != 0) & ~mark, FAINT if strong is not None else STRONG, 0.9),
            (mark, STRONG, 2.6),
        ):
            lines = [[(places[layer][j], low), (places[layer + 1][i], high)] for i, j in np.argwhere(chosen)]
            axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, zorder=1))
    font = 11 if widest <= 9 else 7
    for layer, (xs, filled) in enumerate(zip(places, touched, strict=True)):
        for number, (x, full) in enumerate(zip(xs, filled, strict=True), start=1):
            axes.add_patch(
                Circle(
                    (x, layer * LAYER_GAP),
                    RADIUS,
                    facecolor=FILLED if full else EMPTY,
                    edgecolor="black",
                    linewidth=2.2 if full else 1.0,
                    zorder=3,
                )
            )
            name = LAYER_NAMES[layer] + str(number).translate(SUBSCRIPTS)
            axes.text(
                x,
                layer * LAYER_GAP,
                name,
                ha="center",
                va="center",
                fontsize=font,
                zorder=4,
                in_layout=False,
            )
    axes.set_xlim(-0.6, widest - 0.4)
    axes.set_ylim(-0.5, len(weights) * LAYER_GAP + 0.5)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(title)
    return axes


def reaching(matrices: Sequence[ArrayLike], unit: int) -> list[NDArray[np.bool_]]:
    """Return for each layer which connections (outputs, inputs) lie on a path to one unit of the last layer.

    ``unit`` counts from 0. The result is what ``connections`` takes as ``strong``.

    Raises ``ValueError`` when a matrix does not fit the layer below it, or there is no such unit.
    """
    weights = _chain(matrices)
    if not 0 <= unit < len(weights[-1]):
        raise ValueError(f"unit {unit} is not one of the {len(weights[-1])} of the last layer")
    seen = np.arange(len(weights[-1])) == unit
    marks = []
    for w in reversed(weights):
        mark = (w != 0) & seen[:, np.newaxis]
        marks.append(mark)
        seen = mark.any(axis=0)
    return marks[::-1]


def weight_matrix(axes: Axes, values: ArrayLike, *, title: str, unit: str = "weight") -> Axes:
    """Draw a weight matrix (outputs, inputs) as a picture: black is negative, grey zero, white positive.

    Row 0 is on top. For a matrix small enough to read its numbers take ``number_grid``.

    Raises ``ValueError`` for anything but a matrix with at least one weight.
    """
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"a weight matrix has rows and columns, not the shape {matrix.shape}")
    largest = float(np.abs(matrix).max()) or 1.0
    shown = axes.imshow(matrix, cmap=ZERO_IS_GREY, vmin=-largest, vmax=largest, interpolation="nearest")
    axes.set_xlabel("input (column)")
    axes.set_ylabel("output (row)")
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.colorbar(shown, ax=axes, label=unit, shrink=0.9)
    axes.set_title(title)
    return axes


def _chain(matrices: Sequence[ArrayLike]) -> list[NDArray[np.float64]]:
    weights = [np.asarray(matrix, dtype=np.float64) for matrix in matrices]
    if not 1 <= len(weights) < len(LAYER_NAMES):
        raise ValueError(f"1 to {len(LAYER_NAMES) - 1} layers can be drawn, not {len(weights)}")
    for layer, matrix in enumerate(weights):
        if matrix.ndim != 2 or matrix.size == 0:
            raise ValueError(f"layer {layer + 1} is not a matrix with at least one weight: {matrix.shape}")
        if layer and matrix.shape[1] != weights[layer - 1].shape[0]:
            raise ValueError(
                f"layer {layer + 1} takes {matrix.shape[1]} inputs, and the layer below it has "
                f"{weights[layer - 1].shape[0]} units"
            )
    return weights
