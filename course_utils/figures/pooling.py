"""Drawings of pooling: a row under its pooled row, a window on one map, bars in pairs, uneven padding."""

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
    as_matrix,
    canvas,
    cell_points,
    cross,
    font_size,
    in_words,
    indices,
    ink_on,
    label,
    outline,
    write,
)
from course_utils.figures.charts import BARS

CHANGED = "#d55e00"
RISE = 1.3  # cells between the row of inputs and the row of outputs above it
MARK = 0.2  # cells: how thick the bar is that marks a change
ROOM = 3.4  # cells: room for the names of the two rows


def pooled_row(
    axes: Axes,
    inputs: ArrayLike,
    outputs: ArrayLike,
    *,
    kernel_size: int,
    title: str,
    stride: int = 1,
    changed_inputs: ArrayLike | None = None,
    changed_outputs: ArrayLike | None = None,
) -> Axes:
    """Draw a row of inputs (L,) and above it what pooling makes of it (OL,), each output over its window.

    Two lines run from the ends of each window to its output. ``changed_inputs`` and ``changed_outputs`` mark
    cells, as arrays of bools of the same lengths, with a hatched bar; inputs that no window covers are
    crossed out.

    Raises ``ValueError`` when the number of outputs is not that of the windows, or marks do not fit.
    """
    below, above = (
        as_matrix(np.atleast_2d(np.asarray(row, dtype=np.float64)), name)
        for row, name in ((inputs, "inputs"), (outputs, "outputs"))
    )
    starts = range(0, below.shape[1] - kernel_size + 1, stride)
    if above.shape != (1, len(starts)) or len(below) != 1:
        raise ValueError(f"{len(starts)} windows, but outputs of shape {above.shape}")
    low = _marks(changed_inputs, below.shape[1], "inputs")
    high = _marks(changed_outputs, len(starts), "outputs")

    base = 1 + RISE
    canvas(axes, below.shape[1] + ROOM + 0.3, base + 1 + 2 * (MARK + 0.25), left=-ROOM, top=-MARK - 0.3)
    size = cell_points(axes)
    lefts = [start + (kernel_size - 1) / 2 for start in starts]
    lines = []
    for number, (start, left) in enumerate(zip(starts, lefts, strict=True)):
        lines += [[(start + 0.08, base), (left, 1)], [(start + kernel_size - 0.08, base), (left + 1, 1)]]
        if high[number]:
            _bar(axes, left, -MARK - 0.08)
    axes.add_collection(LineCollection(lines, colors="#555555", linewidths=0.9, zorder=0))
    places = [(float(cell), base) for cell in range(below.shape[1])] + [(left, 0.0) for left in lefts]
    _values(axes, places, np.concatenate([below[0], above[0]]), size)
    seen = {cell for start in starts for cell in range(start, start + kernel_size)}
    for cell in range(below.shape[1]):
        if low[cell]:
            _bar(axes, cell, base + 1.08)
        if cell not in seen:
            cross(axes, cell, base)
    for name, y in (("pooled", 0.5), ("input", base + 0.5)):
        write(axes, -0.4, y, name, ha="right", va="center", fontsize=10)
    axes.set_title(title)
    return axes


def pooling_window(
    axes: Axes,
    inputs: ArrayLike,
    outputs: ArrayLike,
    *,
    position: int,
    kernel_size: int,
    title: str,
    stride: int = 1,
) -> Axes:
    """Draw one step of a pooling window over a map: the map (H, W), the window, the outputs (OH, OW) so far.

    ``position`` numbers the windows from 0, row by row; outputs up to and including it are filled in. Rows
    and columns that no window covers are crossed out.

    Raises ``ValueError`` when ``outputs`` are not as many as windows, or there is no window of that number.
    """
    cells, pooled = as_matrix(inputs, "inputs"), as_matrix(outputs, "outputs")
    tops, lefts = (range(0, side - kernel_size + 1, stride) for side in cells.shape)
    if pooled.shape != (len(tops), len(lefts)):
        raise ValueError(f"{len(tops)} by {len(lefts)} windows, but outputs of shape {pooled.shape}")
    if not 0 <= position < pooled.size:
        raise ValueError(f"position {position} is not one of the {pooled.size} windows")
    filled = np.where(np.arange(pooled.size).reshape(pooled.shape) <= position, pooled, np.nan)
    row, column = divmod(position, len(lefts))
    height, width = cells.shape
    right = width + GAP
    canvas(axes, right + max(len(lefts), NARROWEST) + 1.4, max(height, len(tops)) + 2.1, left=-0.9, top=-1.8)
    size = cell_points(axes)
    places = [(float(x), float(y)) for y, x in np.ndindex(cells.shape)]
    places += [(float(right + x), float(y)) for y, x in np.ndindex(filled.shape)]
    _values(axes, places, np.concatenate([cells.ravel(), filled.ravel()]), size)
    indices(axes, cells.shape, 0.0, 0.0, size)
    label(axes, f"input {height}×{width}", 0.0, 0.0)
    seen = [
        {cell for start in starts for cell in range(start, start + kernel_size)} for starts in (tops, lefts)
    ]
    for y, x in np.ndindex(cells.shape):
        if y not in seen[0] or x not in seen[1]:
            cross(axes, x, y)
    outline(axes, lefts[column], tops[row], kernel_size, kernel_size)
    indices(axes, filled.shape, right, 0.0, size)
    label(axes, f"output {len(tops)}×{len(lefts)}", right, 0.0)
    outline(axes, right + column, row, 1, 1)
    axes.set_title(title)
    return axes


def bars(
    axes: Axes,
    names: Sequence[str],
    groups: Mapping[str, Sequence[float]],
    *,
    title: str,
    ylabel: str,
    form: str = "{:.2f}",
) -> Axes:
    """Draw bars side by side, for each name one bar of each group, with its number on top.

    ``groups`` holds up to four lists, as long as ``names``, by what the legend calls them.

    Raises ``ValueError`` for lists of another length, and for more groups than can be told apart.
    """
    if len(groups) > len(BARS):
        raise ValueError(f"{len(groups)} groups, but only {len(BARS)} can be told apart")
    width = 0.8 / max(len(groups), 1)
    for number, (group, values) in enumerate(groups.items()):
        if len(values) != len(names):
            raise ValueError(f"{len(names)} names for {len(values)} values of {group}")
        colour, hatch = BARS[number % len(BARS)]
        places = np.arange(len(names)) + (number - (len(groups) - 1) / 2) * width
        axes.bar(places, values, width * 0.94, color=colour, hatch=hatch, edgecolor="#222222", label=group)
        for place, value in zip(places, values, strict=True):
            axes.annotate(
                form.format(value),
                (place, value),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=9,
            )
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel(ylabel)
    axes.margins(y=0.16)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    if len(groups) > 1:
        axes.legend(frameon=True, fontsize=9)
    axes.set_title(title)
    return axes


def _marks(given: ArrayLike | None, length: int, name: str) -> NDArray[np.bool_]:
    marks = np.zeros(length, dtype=bool) if given is None else np.asarray(given, dtype=bool)
    if marks.shape != (length,):
        raise ValueError(f"marks of shape {marks.shape} for {length} {name}")
    return marks


def _values(
    axes: Axes, places: Sequence[tuple[float, float]], values: NDArray[np.float64], size: float
) -> None:
    """Draw cells at their places (left, top), on one scale: equal numbers, equal colours; NaN is empty."""
    known = values[~np.isnan(values)]
    scale = Normalize(min(0.0, float(known.min())), float(known.max()) or 1.0)
    words = ["" if np.isnan(value) else in_words(value) for value in values]
    font = font_size(size, max(map(len, words)))
    palette = colormaps[AMOUNT]
    for (left, top), value, word in zip(places, values, words, strict=True):
        shade = float(scale(value)) if word else 0.0
        colour = palette(shade) if word else "white"
        axes.add_patch(Rectangle((left, top), 1, 1, facecolor=colour, edgecolor=LINE, linewidth=0.6))
        ink = ink_on(palette, shade)
        write(axes, left + 0.5, top + 0.5, word, ha="center", va="center", fontsize=font, color=ink)


def _bar(axes: Axes, left: float, top: float) -> None:
    axes.add_patch(
        Rectangle(
            (left + 0.05, top), 0.9, MARK, facecolor=CHANGED, edgecolor="black", hatch="xxx", linewidth=0.5
        )
    )
