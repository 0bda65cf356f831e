"""Drawings of the backward pass: rows of numbers, which outputs an input reaches, what a weight collects."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from course_utils.figures.cells import (
    AMOUNT,
    GAP,
    LINE,
    NARROWEST,
    SIGNED,
    WINDOW,
    as_matrix,
    canvas,
    cell_points,
    font_size,
    in_words,
    indices,
    ink_on,
    label,
    number_cells,
    outline,
    padding_cells,
    write,
)
from course_utils.figures.charts import profiles

QUIET = "#ececec"
FAINT_LINE = "#b4b4b4"
ROW_STEP = 1.35  # cells from one named row to the next

Cell = tuple[int, int]


def named_rows(
    axes: Axes,
    rows: Mapping[str, ArrayLike],
    *,
    title: str,
    marked: Mapping[str, Sequence[int]] | None = None,
) -> Axes:
    """Draw named rows of numbers below each other, as cells with the numbers in them.

    Each row has its own colours: negative and positive numbers are told apart, zero is white. A NaN is left
    out. ``marked`` frames cells of a row, by its name.

    Raises ``ValueError`` for no rows, for a row that is not one-dimensional, and for a mark outside its row.
    """
    if not rows:
        raise ValueError("there are no rows to draw")
    lines = {
        name: as_matrix(np.atleast_2d(np.asarray(row, dtype=np.float64)), name) for name, row in rows.items()
    }
    for name, line in lines.items():
        if len(line) != 1:
            raise ValueError(f"{name} must have one dimension, not the shape {np.shape(rows[name])}")
    longest = max(line.shape[1] for line in lines.values())
    room = 0.34 * max(len(name) for name in lines) + 0.5
    canvas(axes, longest + room + 0.2, ROW_STEP * len(lines) + 0.1, left=-room, top=-0.2)
    size = cell_points(axes)
    for number, (name, line) in enumerate(lines.items()):
        top = number * ROW_STEP
        number_cells(axes, line, 0.0, top, size, colours=SIGNED)
        write(
            axes, -0.25, top + 0.5, name, ha="right", va="center", fontsize=max(7.0, min(10.0, 0.45 * size))
        )
        for cell in (marked or {}).get(name, ()):
            if not 0 <= cell < line.shape[1]:
                raise ValueError(f"{name} has no cell {cell}")
            outline(axes, cell, top, 1, 1)
    axes.set_title(title)
    return axes


def kernel_links(
    axes: Axes,
    n: int,
    kernel_size: int,
    *,
    title: str,
    stride: int = 1,
    padding: int = 0,
    cell: int | None = None,
    weight: int | None = None,
) -> Axes:
    """Draw a layer in one dimension: inputs above, outputs below, a line for each product, by its weight.

    ``cell`` marks one input (counted from 0, without the padding) and the lines from it, with the outputs
    that they reach. ``weight`` marks one weight: every line on which it is used. Padding is hatched.

    Raises ``ValueError`` when the kernel does not fit, when there is no such cell or weight, or for both.
    """
    long = n + 2 * padding
    starts = range(0, long - kernel_size + 1, stride)
    if not starts:
        raise ValueError(f"a kernel of {kernel_size} does not fit {long} cells")
    if cell is not None and weight is not None:
        raise ValueError("mark a cell or a weight, not both")
    if cell is not None and not 0 <= cell < n:
        raise ValueError(f"there is no input {cell}")
    if weight is not None and not 0 <= weight < kernel_size:
        raise ValueError(f"there is no weight {weight}")
    shift = (starts[-1] + kernel_size - 1) / 2 - (len(starts) - 1) * stride / 2
    below = [shift + number * stride for number in range(len(starts))]
    links = [(start + k, number, k) for number, start in enumerate(starts) for k in range(kernel_size)]
    chosen = [
        (cell is not None and source - padding == cell) or (weight is not None and k == weight)
        for source, _, k in links
    ]
    ins = {source for (source, _, _), marked in zip(links, chosen, strict=True) if marked}
    outs = {number for (_, number, _), marked in zip(links, chosen, strict=True) if marked}
    plain = not any(chosen)

    canvas(axes, long + 2.2, 5.6, left=-2.1, top=-0.4)
    size = cell_points(axes)
    for heavy in (False, True):
        lines = [
            [(source + 0.5, 1.0), (below[number] + 0.5, 4.0)]
            for (source, number, _), marked in zip(links, chosen, strict=True)
            if marked == heavy
        ]
        colour, width = (WINDOW, 2.4) if heavy else ("#222222" if plain else FAINT_LINE, 0.9)
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, zorder=2 if heavy else 1))
    for (source, number, k), marked in zip(links, chosen, strict=True):
        if marked:
            x, y = 0.28 * (source + 0.5) + 0.72 * (below[number] + 0.5), 0.28 + 0.72 * 4.0
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
            axes.text(
                x, y, f"w{k}", ha="center", va="center", fontsize=9, zorder=4, in_layout=False, bbox=box
            )
    for source in range(long):
        outside = not padding <= source < padding + n
        _box(axes, source, 0.0, "0" if outside else f"x{source - padding}", size, source in ins, outside)
    for number, left in enumerate(below):
        _box(axes, left, 4.0, f"y{number}", size, number in outs, outside=False)
    write(axes, -0.3, 0.5, "input", ha="right", va="center", fontsize=9)
    write(axes, -0.3, 4.5, "output", ha="right", va="center", fontsize=9)
    axes.set_title(title)
    return axes


def weight_terms(
    axes: Axes,
    image: ArrayLike,
    upstream: ArrayLike,
    kernel_shape: Cell,
    *,
    weight: Cell,
    stride: int = 1,
    padding: int = 0,
    title: str | None = None,
) -> Axes:
    """Draw what one weight of a kernel collects in the backward pass.

    Three grids: the input (H, W), with the cells that the weight multiplied framed and the others grey;
    ``upstream`` (OH, OW), the gradient from above, one number for each of them in the same order; and their
    products. The products add up to the gradient of the weight.

    Raises ``ValueError`` when ``upstream`` is not as large as the output, or there is no such weight.
    """
    inner, above = as_matrix(image, "image"), as_matrix(upstream, "upstream")
    _check_sizes(inner.shape, kernel_shape, above.shape, stride, padding)
    if not (0 <= weight[0] < kernel_shape[0] and 0 <= weight[1] < kernel_shape[1]):
        raise ValueError(f"a kernel of {kernel_shape} has no weight {weight}")
    rows, columns = above.shape
    padded = np.pad(inner, padding)
    taken = padded[weight[0] :: stride, weight[1] :: stride][:rows, :columns]
    terms = taken * above
    total = float(terms.sum())
    framed = [(weight[0] + stride * i, weight[1] + stride * j) for i in range(rows) for j in range(columns)]

    tall, wide = padded.shape
    middle = wide + GAP
    right = middle + max(columns, NARROWEST) + GAP
    canvas(axes, right + max(columns, NARROWEST) + 1.4, max(tall, rows + 1.2) + 2.1, left=-0.9, top=-1.8)
    size = cell_points(axes)
    _marked_cells(axes, inner, padding, framed, size, colours=AMOUNT)
    indices(axes, inner.shape, 0.0, 0.0, size, padding=padding)
    label(axes, "input" + (", padded" if padding else ""), 0.0, 0.0)
    number_cells(axes, above, middle, 0.0, size, colours=SIGNED)
    indices(axes, above.shape, middle, 0.0, size)
    label(axes, "gradient from above", middle, 0.0)
    number_cells(axes, terms, right, 0.0, size, colours=SIGNED)
    label(axes, "products", right, 0.0)
    write(
        axes, right, rows + 0.3, f"sum = {in_words(total)}", ha="left", va="top", fontsize=10, weight="bold"
    )
    name = f"w[{weight[0]}, {weight[1]}]"
    axes.set_title(title or f"{name} met {len(framed)} cells: the gradient of {name} is {in_words(total)}")
    return axes


def cell_terms(
    axes: Axes,
    image: ArrayLike,
    upstream: ArrayLike,
    kernel: ArrayLike,
    *,
    cell: Cell,
    stride: int = 1,
    padding: int = 0,
    title: str | None = None,
) -> Axes:
    """Draw what one cell of the input gets in the backward pass.

    Four grids: the input with the cell framed; the gradient from above, with the outputs framed that the
    cell reached; the kernel, with each weight framed that carried it there; and the products, drawn in the
    places of those outputs. They add up to the gradient of the cell.

    Raises ``ValueError`` when ``upstream`` is not as large as the output, or there is no such cell.
    """
    inner, above, weights = (
        as_matrix(image, "image"),
        as_matrix(upstream, "upstream"),
        as_matrix(kernel, "kernel"),
    )
    _check_sizes(inner.shape, weights.shape, above.shape, stride, padding)
    if not (0 <= cell[0] < inner.shape[0] and 0 <= cell[1] < inner.shape[1]):
        raise ValueError(f"an input of {inner.shape} has no cell {cell}")
    row, column = cell[0] + padding, cell[1] + padding
    pairs = [
        ((i, j), (row - stride * i, column - stride * j))
        for i, j in np.ndindex(above.shape)
        if 0 <= row - stride * i < weights.shape[0] and 0 <= column - stride * j < weights.shape[1]
    ]
    terms = np.full(above.shape, np.nan)
    for output, used in pairs:
        terms[output] = above[output] * weights[used]
    total = float(np.nansum(terms))

    tall, wide = (side + 2 * padding for side in inner.shape)
    middle = wide + GAP
    lower = max(above.shape[0], weights.shape[0]) + 2.0
    right = middle + max(above.shape[1], weights.shape[1], NARROWEST + 1.5) + GAP
    across, down = right + max(above.shape[1], weights.shape[1], NARROWEST), lower + above.shape[0]
    canvas(axes, across + 1.4, max(tall, down + 0.9) + 2.1, left=-0.9, top=-1.8)
    size = cell_points(axes)
    _marked_cells(axes, inner, padding, [(row, column)], size, colours=AMOUNT)
    indices(axes, inner.shape, 0.0, 0.0, size, padding=padding)
    label(axes, "input" + (", padded" if padding else ""), 0.0, 0.0)
    _marked_cells(axes, above, 0, [output for output, _ in pairs], size, colours=SIGNED, left=middle)
    indices(axes, above.shape, middle, 0.0, size)
    label(axes, "gradient from above", middle, 0.0)
    _marked_cells(axes, weights, 0, [used for _, used in pairs], size, colours=SIGNED, left=right)
    indices(axes, weights.shape, right, 0.0, size)
    label(axes, "kernel", right, 0.0)
    if pairs:
        number_cells(axes, terms, middle, lower, size, colours=SIGNED)
        label(axes, "products", middle, lower, lift=0.25)
    write(
        axes,
        right,
        lower + 0.5,
        f"sum = {in_words(total)}",
        ha="left",
        va="center",
        fontsize=10,
        weight="bold",
    )
    name = f"x[{cell[0]}, {cell[1]}]"
    reached = "1 output" if len(pairs) == 1 else f"{len(pairs)} outputs"
    axes.set_title(title or f"{name} reached {reached}: the gradient of {name} is {in_words(total)}")
    return axes


def log_curves(
    axes: Axes, x: ArrayLike, curves: Mapping[str, ArrayLike], *, title: str, xlabel: str, ylabel: str
) -> Axes:
    """Draw up to four named curves with both axes logarithmic.

    A value of zero has no place on a logarithmic axis: the curve has a gap there.
    """
    shown = {name: np.where(np.asarray(y) > 0, y, np.nan) for name, y in curves.items()}
    profiles(axes, x, shown, title=title, xlabel=xlabel, ylabel=ylabel)
    axes.set_xscale("log")
    axes.set_yscale("log")
    return axes


def _box(axes: Axes, left: float, top: float, words: str, size: float, marked: bool, outside: bool) -> None:
    axes.add_patch(
        Rectangle(
            (left, top),
            1,
            1,
            facecolor="#f4f4f4" if outside else ("#f3c98b" if marked else "white"),
            edgecolor="#c4c4c4" if outside else LINE,
            hatch="////" if outside else None,
            linewidth=0.9,
            zorder=3,
        )
    )
    if marked:
        outline(axes, left, top, 1, 1)
    axes.text(
        left + 0.5,
        top + 0.5,
        words,
        ha="center",
        va="center",
        fontsize=font_size(size),
        zorder=6,
        in_layout=False,
    )


def _check_sizes(image: Cell, kernel: Cell, upstream: Cell, stride: int, padding: int) -> None:
    counted = tuple(
        len(range(0, n + 2 * padding - k + 1, stride)) for n, k in zip(image, kernel, strict=True)
    )
    if upstream != counted:
        raise ValueError(
            f"the gradient from above must have the shape {counted} of the output, not {upstream}"
        )


def _marked_cells(
    axes: Axes,
    matrix: NDArray[np.float64],
    padding: int,
    framed: Sequence[Cell],
    size: float,
    *,
    colours: str,
    left: float = 0.0,
) -> None:
    """Draw a grid at the top: framed cells (counted with the padding) in colours, the others grey."""
    height, width = matrix.shape
    tall, wide = height + 2 * padding, width + 2 * padding
    if padding:
        padding_cells(axes, tall, wide, padding, size)
    chosen = set(framed)
    largest = float(np.abs(matrix).max()) or 1.0
    scale = Normalize(-largest if colours == SIGNED else min(0.0, float(matrix.min())), largest)
    palette = colormaps[colours]
    words = {cell: in_words(float(matrix[cell])) for cell in np.ndindex(matrix.shape)}
    font = font_size(size, max(len(word) for word in words.values()))
    for (row, column), word in words.items():
        place = (row + padding, column + padding)
        shade = float(scale(matrix[row, column]))
        marked = place in chosen
        axes.add_patch(
            Rectangle(
                (left + place[1], place[0]),
                1,
                1,
                facecolor=palette(shade) if marked else QUIET,
                edgecolor=LINE,
                linewidth=0.6,
            )
        )
        ink = ink_on(palette, shade) if marked else "#555555"
        write(
            axes,
            left + place[1] + 0.5,
            place[0] + 0.5,
            word,
            ha="center",
            va="center",
            fontsize=font,
            color=ink,
        )
    for row, column in framed:
        outline(axes, left + column, row, 1, 1)
