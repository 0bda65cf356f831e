"""Grids of numbered cells: a matrix, a window that slides over one, the places where a window fits."""

from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from course_utils.figures.cells import (
    AMOUNT,
    GAP,
    LINE,
    NARROWEST,
    SIGNED,
    as_matrix,
    canvas,
    cell_points,
    cross,
    font_size,
    in_words,
    indices,
    label,
    number_cells,
    outline,
    padding_cells,
    write,
)


def number_grid(axes: Axes, values: ArrayLike, *, title: str, signed: bool = False) -> Axes:
    """Draw a matrix (H, W) as cells with their numbers in them; row 0 is on top.

    ``signed`` colours negative and positive numbers apart, with zero white.
    """
    matrix = as_matrix(values, "values")
    canvas(axes, matrix.shape[1] + 1.2, matrix.shape[0] + 0.7, left=-0.9, top=-0.6)
    size = cell_points(axes)
    number_cells(axes, matrix, 0.0, 0.0, size, colours=SIGNED if signed else AMOUNT)
    indices(axes, matrix.shape, 0.0, 0.0, size)
    axes.set_title(title)
    return axes


def sliding_window(
    axes: Axes,
    image: ArrayLike,
    kernel: ArrayLike,
    *,
    position: int,
    stride: int = 1,
    padding: int = 0,
    title: str | None = None,
) -> Axes:
    """Draw one step of a kernel that slides over an image: input, kernel, products, output so far.

    ``image`` is (H, W), ``kernel`` (KH, KW). ``position`` numbers the windows from 0, row by row; outputs up
    to and including it are filled in. ``padding`` cells of zeros on each side are hatched. Without a
    ``title`` the drawing states which window it shows and its sum.

    Raises ``ValueError`` when the kernel does not fit, or there is no window of that number.
    """
    inner, weights = as_matrix(image, "image"), as_matrix(kernel, "kernel")
    (height, width), (kernel_height, kernel_width) = inner.shape, weights.shape
    tall, wide = height + 2 * padding, width + 2 * padding
    tops = range(0, tall - kernel_height + 1, stride)
    lefts = range(0, wide - kernel_width + 1, stride)
    corners = list(product(tops, lefts))
    if not corners:
        raise ValueError(f"kernel {weights.shape} does not fit an input of {(tall, wide)}")
    if not 0 <= position < len(corners):
        raise ValueError(f"position {position} is not one of the {len(corners)} windows")

    def products_at(top: int, left: int) -> NDArray[np.float64]:
        terms = np.zeros(weights.shape)
        for row, column in np.ndindex(weights.shape):
            r, c = top + row - padding, left + column - padding
            if 0 <= r < height and 0 <= c < width:
                terms[row, column] = weights[row, column] * inner[r, c]
        return terms

    top, left = corners[position]
    terms = products_at(top, left)
    filled = np.full((len(tops), len(lefts)), np.nan)
    for number in range(position + 1):
        filled.flat[number] = products_at(*corners[number]).sum()

    middle = wide + GAP
    products_top = kernel_height + 2.0
    right = middle + max(kernel_width, NARROWEST) + GAP
    across = right + max(len(lefts), NARROWEST)
    down = max(tall, products_top + kernel_height + 0.9, len(tops))
    canvas(axes, across + 1.4, down + 2.1, left=-0.9, top=-1.8)
    size = cell_points(axes)

    number_cells(axes, inner, float(padding), float(padding), size, colours=AMOUNT)
    padding_cells(axes, tall, wide, padding, size)
    outline(axes, left, top, kernel_width, kernel_height)
    indices(axes, (tall, wide), 0.0, 0.0, size)
    words = f"input {height}×{width}" + (f", padded {tall}×{wide}" if padding else "")
    label(axes, words, 0.0, 0.0)

    number_cells(axes, weights, middle, 0.0, size, colours=SIGNED)
    label(axes, f"kernel {kernel_height}×{kernel_width}", middle, 0.0, lift=0.25)
    number_cells(axes, terms, middle, products_top, size, colours=SIGNED)
    outline(axes, middle, products_top, kernel_width, kernel_height)
    label(axes, "window × kernel", middle, products_top, lift=0.25)
    total = float(terms.sum())
    write(
        axes,
        middle,
        products_top + kernel_height + 0.25,
        f"sum = {in_words(total)}",
        ha="left",
        va="top",
        fontsize=10,
        weight="bold",
    )

    number_cells(axes, filled, right, 0.0, size, colours=SIGNED)
    row, column = divmod(position, len(lefts))
    outline(axes, right + column, row, 1, 1)
    indices(axes, filled.shape, right, 0.0, size)
    label(axes, f"output {len(tops)}×{len(lefts)}", right, 0.0)

    axes.set_title(
        title or f"Window {position + 1} of {len(corners)}: the products add up to {in_words(total)}"
    )
    return axes


def window_positions(axes: Axes, n: int, kernel_size: int, *, stride: int = 1, padding: int = 0) -> Axes:
    """Draw every place where a window of ``kernel_size`` fits along ``n`` cells, one place a line.

    ``padding`` cells on each side are hatched; cells that no window covers are crossed out. The title gives
    the number of windows and of cells left out.

    Raises ``ValueError`` when no window fits.
    """
    length = n + 2 * padding
    starts = range(0, length - kernel_size + 1, stride)
    covered = {cell for start in starts for cell in range(start, start + kernel_size)}
    windows = "1 window" if len(starts) == 1 else f"{len(starts)} windows"
    left_out = length - len(covered)
    rest = "1 cell" if left_out == 1 else f"{left_out} cells"
    title = f"N={n}, K={kernel_size}, S={stride}, P={padding}:\n{windows}, {rest} left out"
    return padded_positions(axes, n, kernel_size, title=title, stride=stride, before=padding, after=padding)


def padded_positions(
    axes: Axes, n: int, kernel_size: int, *, title: str, stride: int = 1, before: int = 0, after: int = 0
) -> Axes:
    """Draw every place where a window fits along ``n`` cells with ``before`` and ``after`` zeros around them.

    As ``window_positions``, for padding that need not be the same on both sides: padding is hatched, cells
    that no window covers are crossed out, and there is one line for each window.

    Raises ``ValueError`` when no window fits.
    """
    length = before + n + after
    starts = range(0, length - kernel_size + 1, stride)
    if not starts:
        raise ValueError(f"a window of {kernel_size} does not fit {length} cells")
    seen = {cell for start in starts for cell in range(start, start + kernel_size)}
    canvas(axes, length + 4.2, len(starts) + 2.2, left=-3.9, top=-0.7)
    font = font_size(cell_points(axes))
    for cell in range(length):
        inside = before <= cell < before + n
        axes.add_patch(
            Rectangle(
                (cell, 0),
                1,
                1,
                facecolor="#c6d4e8" if inside else "#f4f4f4",
                edgecolor=LINE,
                hatch=None if inside else "////",
                linewidth=0.8,
            )
        )
        if inside:
            write(axes, cell + 0.5, 0.5, str(cell - before), ha="center", va="center", fontsize=font)
        if cell not in seen:
            cross(axes, cell, 0)
    for line, start in enumerate(starts):
        axes.add_patch(
            Rectangle(
                (start, line + 1.3), kernel_size, 0.7, facecolor="#00204d", edgecolor="white", linewidth=0.8
            )
        )
        write(axes, -0.3, line + 1.65, f"window {line}", ha="right", va="center", fontsize=9)
    write(axes, -0.3, 0.5, "cell", ha="right", va="center", fontsize=9)
    axes.set_title(title, fontsize=11)
    axes.set_anchor("N")
    return axes
