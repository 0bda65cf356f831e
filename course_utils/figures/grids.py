"""Grids of numbered cells: a matrix, a window that slides over one, the places where a window fits."""

from itertools import product
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, Normalize
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

AMOUNT = "cividis"
SIGNED = "PuOr_r"
WINDOW = "#d55e00"  # vermilion: told from blue and yellow by every kind of colour vision
LINE = "#8a8a8a"
FAINT = "#666666"
GAP = 1.5  # cells between two grids of one drawing
NARROWEST = 3.2  # cells: room for the words above a grid of one cell


def number_grid(axes: Axes, values: ArrayLike, *, title: str, signed: bool = False) -> Axes:
    """Draw a matrix (H, W) as cells with their numbers in them; row 0 is on top.

    ``signed`` colours negative and positive numbers apart, with zero white.
    """
    matrix = _matrix(values, "values")
    _canvas(axes, matrix.shape[1] + 1.2, matrix.shape[0] + 0.7, left=-0.9, top=-0.6)
    size = _cell_points(axes)
    _cells(axes, matrix, 0.0, 0.0, size, colours=SIGNED if signed else AMOUNT)
    _indices(axes, matrix.shape, 0.0, 0.0, size)
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
    inner, weights = _matrix(image, "image"), _matrix(kernel, "kernel")
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
    _canvas(axes, across + 1.4, down + 2.1, left=-0.9, top=-1.8)
    size = _cell_points(axes)

    _cells(axes, inner, float(padding), float(padding), size, colours=AMOUNT)
    _padding_cells(axes, tall, wide, padding, size)
    _outline(axes, left, top, kernel_width, kernel_height)
    _indices(axes, (tall, wide), 0.0, 0.0, size)
    words = f"input {height}×{width}" + (f", padded {tall}×{wide}" if padding else "")
    _label(axes, words, 0.0, 0.0)

    _cells(axes, weights, middle, 0.0, size, colours=SIGNED)
    _label(axes, f"kernel {kernel_height}×{kernel_width}", middle, 0.0, lift=0.25)
    _cells(axes, terms, middle, products_top, size, colours=SIGNED)
    _outline(axes, middle, products_top, kernel_width, kernel_height)
    _label(axes, "window × kernel", middle, products_top, lift=0.25)
    total = float(terms.sum())
    _text(
        axes,
        middle,
        products_top + kernel_height + 0.25,
        f"sum = {_number(total)}",
        ha="left",
        va="top",
        fontsize=10,
        weight="bold",
    )

    _cells(axes, filled, right, 0.0, size, colours=SIGNED)
    row, column = divmod(position, len(lefts))
    _outline(axes, right + column, row, 1, 1)
    _indices(axes, filled.shape, right, 0.0, size)
    _label(axes, f"output {len(tops)}×{len(lefts)}", right, 0.0)

    axes.set_title(
        title or f"Window {position + 1} of {len(corners)}: the products add up to {_number(total)}"
    )
    return axes


def window_positions(axes: Axes, n: int, kernel_size: int, *, stride: int = 1, padding: int = 0) -> Axes:
    """Draw every place where a window of ``kernel_size`` fits along ``n`` cells, one place a line.

    ``padding`` cells on each side are hatched; cells that no window covers are crossed out. The title gives
    the number of windows and of cells left out.
    """
    length = n + 2 * padding
    starts = range(0, length - kernel_size + 1, stride)
    seen = {cell for start in starts for cell in range(start, start + kernel_size)}
    left_out = [cell for cell in range(length) if cell not in seen]
    _canvas(axes, length + 4.2, len(starts) + 2.2, left=-3.9, top=-0.7)
    size = _cell_points(axes)
    for cell in range(length):
        outside = not padding <= cell < padding + n
        axes.add_patch(
            Rectangle(
                (cell, 0),
                1,
                1,
                facecolor="#f4f4f4" if outside else "#c6d4e8",
                edgecolor=LINE,
                hatch="////" if outside else None,
                linewidth=0.8,
            )
        )
        if not outside:
            words = str(cell - padding)
            _text(axes, cell + 0.5, 0.5, words, ha="center", va="center", fontsize=_font(size))
        if cell in left_out:
            axes.plot([cell, cell + 1], [0, 1], color=WINDOW, linewidth=2)
            axes.plot([cell, cell + 1], [1, 0], color=WINDOW, linewidth=2)
    for line, start in enumerate(starts):
        axes.add_patch(
            Rectangle(
                (start, line + 1.3), kernel_size, 0.7, facecolor="#00204d", edgecolor="white", linewidth=0.8
            )
        )
        _text(axes, -0.3, line + 1.65, f"window {line}", ha="right", va="center", fontsize=9)
    _text(axes, -0.3, 0.5, "cell", ha="right", va="center", fontsize=9)
    windows = "1 window" if len(starts) == 1 else f"{len(starts)} windows"
    rest = "1 cell" if len(left_out) == 1 else f"{len(left_out)} cells"
    axes.set_title(
        f"N={n}, K={kernel_size}, S={stride}, P={padding}:\n{windows}, {rest} left out", fontsize=11
    )
    axes.set_anchor("N")
    return axes


def _text(axes: Axes, x: float, y: float, words: str, **style: Any) -> None:
    """Write words that layout need not measure: they lie inside the axes, and measuring hundreds is slow."""
    axes.text(x, y, words, in_layout=False, **style)


def _matrix(values: ArrayLike, name: str) -> NDArray[np.float64]:
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"{name} must be a matrix with at least one cell, not of shape {matrix.shape}")
    return matrix


def _canvas(axes: Axes, width: float, height: float, *, left: float, top: float) -> None:
    """One unit is one cell, y grows downwards, no frame."""
    axes.set_xlim(left, left + width)
    axes.set_ylim(top + height, top)
    axes.set_aspect("equal")
    axes.axis("off")


def _cell_points(axes: Axes) -> float:
    """Return the side of a cell in points, from the room the axes have before layout."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes belong to no figure")
    box = axes.get_position()
    inches_wide, inches_tall = figure.get_size_inches()
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    across = box.width * inches_wide * 72 / abs(right - left)
    down = box.height * inches_tall * 72 / abs(top - bottom)
    return float(min(across, down))


def _font(cell_points: float, characters: int = 2) -> float:
    return max(3.5, min(11.0, 0.52 * cell_points, 1.3 * cell_points / max(characters, 1)))


def _number(value: float) -> str:
    text = f"{value:.3g}"
    return text.replace("-", "−") if text != "-0" else "0"


def _ink(colours: Colormap, shade: float) -> str:
    """Black or white, whichever reads better on the colour."""
    red, green, blue, _ = colours(shade)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def _cells(
    axes: Axes, matrix: NDArray[np.float64], left: float, top: float, size: float, *, colours: str
) -> None:
    """Coloured cells with their numbers; a NaN stays an empty cell."""
    known = matrix[~np.isnan(matrix)]
    largest = float(np.abs(known).max(initial=0.0)) or 1.0
    lowest = -largest if colours == SIGNED else min(0.0, float(known.min(initial=0.0)))
    palette, scale = colormaps[colours], Normalize(lowest, largest)
    height, width = matrix.shape
    axes.pcolormesh(
        left + np.arange(width + 1),
        top + np.arange(height + 1),
        np.ma.masked_invalid(matrix),
        cmap=palette,
        norm=scale,
    )
    lines = [[(left, top + y), (left + width, top + y)] for y in range(height + 1)]
    lines += [[(left + x, top), (left + x, top + height)] for x in range(width + 1)]
    axes.add_collection(LineCollection(lines, colors=LINE, linewidths=0.6))
    words = {
        cell: _number(float(matrix[cell])) for cell in np.ndindex(matrix.shape) if not np.isnan(matrix[cell])
    }
    font = _font(size, max((len(word) for word in words.values()), default=1))
    for (row, column), word in words.items():
        _text(
            axes,
            left + column + 0.5,
            top + row + 0.5,
            word,
            ha="center",
            va="center",
            fontsize=font,
            color=_ink(palette, float(scale(matrix[row, column]))),
        )


def _padding_cells(axes: Axes, tall: int, wide: int, padding: int, size: float) -> None:
    if not padding:
        return
    strips = [
        (0, 0, wide, padding),
        (0, tall - padding, wide, padding),
        (0, padding, padding, tall - 2 * padding),
        (wide - padding, padding, padding, tall - 2 * padding),
    ]
    for x, y, width, height in strips:
        axes.add_patch(
            Rectangle(
                (x, y), width, height, facecolor="#f4f4f4", edgecolor="#c4c4c4", hatch="////", linewidth=0
            )
        )
    lines = [[(0, y), (wide, y)] for y in range(tall + 1) if y <= padding or y >= tall - padding]
    lines += [[(x, 0), (x, tall)] for x in range(wide + 1) if x <= padding or x >= wide - padding]
    axes.add_collection(LineCollection(lines, colors=LINE, linewidths=0.5))
    border = [
        (column + 0.5, row + 0.5)
        for row, column in np.ndindex(tall, wide)
        if not (padding <= row < tall - padding and padding <= column < wide - padding)
    ]
    # one marker for all zeros: a text each would double the time to draw
    xs, ys = zip(*border, strict=True)
    axes.plot(
        xs, ys, linestyle="none", marker="$0$", markersize=0.72 * _font(size), color=FAINT, markeredgewidth=0
    )


def _outline(axes: Axes, left: float, top: float, width: int, height: int) -> None:
    """Frame the window in colour on a white edge, which also tells it from cells of any grey."""
    for colour, thickness in (("white", 6.0), (WINDOW, 3.0)):
        axes.add_patch(
            Rectangle((left, top), width, height, fill=False, edgecolor=colour, linewidth=thickness, zorder=5)
        )


def _indices(axes: Axes, shape: tuple[int, ...], left: float, top: float, size: float) -> None:
    font = max(4.5, min(8.0, 0.4 * size))
    for row in range(shape[0]):
        _text(
            axes, left - 0.2, top + row + 0.5, str(row), ha="right", va="center", fontsize=font, color=FAINT
        )
    for column in range(shape[1]):
        _text(
            axes,
            left + column + 0.5,
            top - 0.15,
            str(column),
            ha="center",
            va="bottom",
            fontsize=font,
            color=FAINT,
        )


def _label(axes: Axes, words: str, left: float, top: float, *, lift: float = 0.75) -> None:
    _text(axes, left, top - lift, words, ha="left", va="bottom", fontsize=10)
