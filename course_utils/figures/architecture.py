"""Networks from outside: their feature maps as blocks to scale, and what each layer costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Polygon

from course_utils.figures.charts import BARS

KINDS = {
    "input": ("#ffffff", ""),
    "convolution": ("#00204d", ""),
    "pool": ("#a69d75", "xx"),
    "fully connected": ("#ffea46", ".."),
    "other": ("#575d6d", "//"),
}
SLANT = 0.28  # how far a row of depth leads to the right and up, in rows of height
GAP = 0.11  # between two blocks, as a share of the tallest
THIN = 0.02  # no edge of a block is shorter than this share of the tallest


def volumes(axes: Axes, layers: Sequence[tuple[str, str, tuple[int, ...]]], *, title: str) -> Axes:
    """Draw the outputs of layers from left to right as blocks with (C, H, W) to scale.

    ``layers`` holds for each its name, its kind ("input", "convolution", "max pool", "fully connected", ...)
    and its output's shape: (C, H, W), or (units,). A block is as high as its map has rows and leads as far
    back as the map has columns. Its length is the square root of its channels: to scale among themselves,
    and 2,048 channels still fit on a page. Names and shapes stand below.

    Raises ``ValueError`` for an output that is neither a vector nor a volume.
    """
    boxes = [_box(name, shape) for name, _, shape in layers]
    tallest = max(rows for _, rows, _ in boxes)
    scale = tallest / max(12.0, sum(length for length, _, _ in boxes) / 3.5)  # of the blocks' lengths
    x = 0.0
    seen: dict[str, tuple[str, str]] = {}
    for (name, kind, shape), (channels, rows, columns) in zip(layers, boxes, strict=True):
        group = next((known for known in KINDS if kind.endswith(known)), "other")
        colour, hatch = seen.setdefault(group, KINDS[group])
        length, height = max(channels * scale, THIN * tallest), max(rows, THIN * tallest)
        back = SLANT * max(columns, THIN * tallest)
        _block(axes, x, length, height, back, colour, hatch)
        size = "×".join(str(part) for part in shape)
        axes.text(
            x + length / 2,
            -tallest / 2 - 0.05 * tallest,
            f"{name}\n{size}" if name else size,
            rotation=90,
            ha="center",
            va="top",
            fontsize=8,
            linespacing=1.1,
        )
        x += length + max(back, 0.02 * tallest) + GAP * tallest
    axes.set_xlim(-0.03 * x, x)
    axes.set_ylim(-1.15 * tallest, 0.5 * tallest + SLANT * tallest + 0.05 * tallest)
    axes.set_aspect("equal")
    axes.axis("off")
    handles = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="#222222", label=group)
        for group, (colour, hatch) in seen.items()
    ]
    axes.legend(handles=handles, loc="upper right", ncols=len(handles), fontsize=8, frameon=False)
    axes.set_title(title)
    return axes


def costs(axes: Axes, names: Sequence[str], amounts: Mapping[str, Sequence[float]], *, title: str) -> Axes:
    """Draw up to four amounts of each layer as bars side by side, each as its share of the whole in percent.

    ``names`` are the layers, first on top; ``amounts`` maps what is counted to one number a layer.

    Raises ``ValueError`` for more amounts than can be told apart, or where their lengths differ.
    """
    if len(amounts) > len(BARS):
        raise ValueError(f"{len(amounts)} amounts, but only {len(BARS)} can be told apart")
    if any(len(numbers) != len(names) for numbers in amounts.values()):
        raise ValueError(f"every amount needs {len(names)} numbers, one for each layer")
    thick = 0.8 / len(amounts)
    for place, (what, numbers) in enumerate(amounts.items()):
        share = 100 * np.asarray(numbers, dtype=float) / sum(numbers)
        colour, hatch = BARS[place]
        axes.barh(
            np.arange(len(names)) + (place - (len(amounts) - 1) / 2) * thick,
            share,
            height=thick,
            color=colour,
            hatch=hatch,
            edgecolor="#222222",
            linewidth=0.5,
            label=what,
        )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("share of the whole net, percent")
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(fontsize=9)
    axes.set_title(title)
    return axes


def _box(name: str, shape: tuple[int, ...]) -> tuple[float, int, int]:
    """Return a block's length, rows and columns."""
    if len(shape) not in (1, 3):
        raise ValueError(f"{name} puts out {shape}: only a vector or a volume (C, H, W) can be drawn")
    rows, columns = shape[1:] or (1, 1)
    return float(np.sqrt(shape[0])), rows, columns


def _block(axes: Axes, x: float, length: float, height: float, back: float, colour: str, hatch: str) -> None:
    """Draw one block whose front's middle is at height 0: front, side and top."""
    low, high, end = -height / 2, height / 2, x + length
    top = [(x, high), (end, high), (end + back, high + back), (x + back, high + back)]
    side = [(end, low), (end, high), (end + back, high + back), (end + back, low + back)]
    front = [(x, low), (end, low), (end, high), (x, high)]
    edge = "#ffffff" if colour == "#00204d" else "#222222"
    for corners, shade, pattern in ((top, 0.75, ""), (side, 0.55, ""), (front, 1.0, hatch)):
        axes.add_patch(
            Polygon(corners, facecolor=colour, alpha=shade, hatch=pattern, edgecolor=edge, linewidth=0.6)
        )
