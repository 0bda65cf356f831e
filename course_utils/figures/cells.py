"""The parts of grids: cells with numbers, padding, frames, crosses and labels, on axes of one unit a cell."""

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


def write(axes: Axes, x: float, y: float, words: str, **style: Any) -> None:
    """Write words that layout need not measure: they lie inside the axes, and measuring hundreds is slow."""
    axes.text(x, y, words, in_layout=False, **style)


def as_matrix(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return a matrix of floats (H, W); raise ``ValueError`` for any other shape, and for no cells."""
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"{name} must be a matrix with at least one cell, not of shape {matrix.shape}")
    return matrix


def canvas(axes: Axes, width: float, height: float, *, left: float, top: float) -> None:
    """Set axes without a frame, in which one unit is one cell and y grows downwards."""
    axes.set_xlim(left, left + width)
    axes.set_ylim(top + height, top)
    axes.set_aspect("equal")
    axes.axis("off")


def cell_points(axes: Axes) -> float:
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


def font_size(cell: float, characters: int = 2) -> float:
    """Return the size of letters, in points, with which so many characters fit a cell of so many points."""
    return max(3.5, min(11.0, 0.52 * cell, 1.3 * cell / max(characters, 1)))


def in_words(value: float) -> str:
    """Return a number with three digits and a real minus sign."""
    text = f"{value:.3g}"
    return text.replace("-", "−") if text != "-0" else "0"


def ink_on(colours: Colormap, shade: float) -> str:
    """Black or white, whichever reads better on the colour."""
    red, green, blue, _ = colours(shade)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def number_cells(
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
        cell: in_words(float(matrix[cell])) for cell in np.ndindex(matrix.shape) if not np.isnan(matrix[cell])
    }
    font = font_size(size, max((len(word) for word in words.values()), default=1))
    for (row, column), word in words.items():
        write(
            axes,
            left + column + 0.5,
            top + row + 0.5,
            word,
            ha="center",
            va="center",
            fontsize=font,
            color=ink_on(palette, float(scale(matrix[row, column]))),
        )


def padding_cells(axes: Axes, tall: int, wide: int, padding: int, size: float) -> None:
    """Hatch the cells around an input, each with its zero."""
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
        xs,
        ys,
        linestyle="none",
        marker="$0$",
        markersize=0.72 * font_size(size),
        color=FAINT,
        markeredgewidth=0,
    )


def outline(axes: Axes, left: float, top: float, width: int, height: int) -> None:
    """Frame the window in colour on a white edge, which also tells it from cells of any grey."""
    for colour, thickness in (("white", 6.0), (WINDOW, 3.0)):
        axes.add_patch(
            Rectangle((left, top), width, height, fill=False, edgecolor=colour, linewidth=thickness, zorder=5)
        )


def indices(
    axes: Axes, shape: tuple[int, ...], left: float, top: float, size: float, *, padding: int = 0
) -> None:
    """Write the numbers of rows and columns outside a grid and its ``padding``, which has none itself."""
    font = max(4.5, min(8.0, 0.4 * size))
    style = {"fontsize": font, "color": FAINT}
    for row in range(shape[0]):
        write(axes, left - 0.2, top + padding + row + 0.5, str(row), ha="right", va="center", **style)
    for column in range(shape[1]):
        write(axes, left + padding + column + 0.5, top - 0.15, str(column), ha="center", va="bottom", **style)


def label(axes: Axes, words: str, left: float, top: float, *, lift: float = 0.75) -> None:
    """Name a grid, above its left end."""
    write(axes, left, top - lift, words, ha="left", va="bottom", fontsize=10)


def cross(axes: Axes, left: float, top: float) -> None:
    """Cross out a cell."""
    axes.plot([left, left + 1], [top, top + 1], color=WINDOW, linewidth=2)
    axes.plot([left, left + 1], [top + 1, top], color=WINDOW, linewidth=2)
