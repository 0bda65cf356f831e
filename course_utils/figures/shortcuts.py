"""Ways past a layer: a block with its shortcut, what dense layers read, and whose maps a reader weighs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from numpy.typing import ArrayLike

from course_utils.figures.charts import BARS

WIDTH, GAP = 1.5, 0.45  # of a layer's box, and of the arrow behind it
STEM = 0.75  # the room for the input's name
SHADES = ("#00204d", "#575d6d", "#a69d75", "#d8c86a")
MISSING = "#ffffff"


def residual_block(
    axes: Axes,
    layers: Sequence[str],
    *,
    title: str,
    shortcut: str | None = "x",
    behind: Sequence[str] = ("ReLU",),
) -> Axes:
    """Draw layers from left to right, and a shortcut above them to the sum behind them.

    ``layers`` are the words in the boxes, one or two lines each; ``behind`` those of boxes after the sum.
    ``shortcut`` stands on the way past the layers; None draws a plain block, which has neither way nor sum.
    """
    x = STEM
    axes.text(STEM / 2, 0, "x", ha="center", va="center", fontsize=12, style="italic")
    for words in layers:
        x = _box(axes, x, words)
    if shortcut is not None:
        _arrow(axes, (x, 0), (x + GAP, 0))
        middle = x + GAP + 0.22
        axes.add_patch(
            Circle((middle, 0), 0.22, facecolor="white", edgecolor="black", linewidth=1.6, zorder=3)
        )
        axes.text(middle, 0, "+", ha="center", va="center", fontsize=14, zorder=4)
        start, high = STEM + GAP * 0.5, 1.25
        axes.plot([start, start, middle], [0, high, high], color="black", linewidth=2.2, zorder=1)
        _arrow(axes, (middle, high), (middle, 0.22), width=2.2)
        axes.text(
            (start + middle) / 2,
            high,
            shortcut,
            ha="center",
            va="center",
            fontsize=10,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
        )
        x = middle + 0.22
    for words in behind:
        x = _box(axes, x, words)
    _arrow(axes, (x, 0), (x + GAP, 0))
    axes.text(x + GAP + 0.2, 0, "y", ha="center", va="center", fontsize=12, style="italic")
    axes.set_xlim(0, x + GAP + 0.45)
    axes.set_ylim(-0.62, 1.5 if shortcut is not None else 0.62)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(title)
    return axes


def dense_channels(axes: Axes, first: int, growth: int, layers: int, *, title: str) -> Axes:
    """Draw what each layer of a dense block reads, as a bar of channels split by where they were made.

    The block's input has ``first`` channels, each layer adds ``growth``; the lowest bar is what leaves the
    block. What a layer makes itself is the outlined piece behind its bar.
    """
    for row in range(layers + 1):
        left = 0
        for source in range(row + 1):
            width = growth if source else first
            axes.barh(
                row,
                width,
                left=left,
                height=0.68,
                color=SHADES[source % len(SHADES)],
                edgecolor="white",
                linewidth=1,
            )
            name = f"x{source}"
            dark = source % len(SHADES) < 2
            axes.text(
                left + width / 2,
                row,
                name,
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "black",
            )
            left += width
        words = f"reads {left}" if row < layers else f"leaves with {left}"
        if row < layers:
            axes.barh(
                row,
                growth,
                left=left,
                height=0.68,
                facecolor="none",
                edgecolor="black",
                linewidth=1.2,
                hatch="///",
            )
            left += growth
        axes.annotate(words, (left, row), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(range(layers + 1), [*(f"layer {n + 1}" for n in range(layers)), "next"])
    axes.set_ylim(layers + 0.6, -0.6)
    axes.set_xlim(0, (first + layers * growth) * 1.2)
    axes.set_xlabel("channels (hatched: what the layer adds)")
    axes.set_title(title)
    return axes


def reuse(
    axes: Axes,
    weights: ArrayLike,
    *,
    title: str,
    sources: Sequence[str],
    readers: Sequence[str],
    unit: str,
    limits: tuple[float, float] | None = None,
) -> Axes:
    """Draw how much each reader (a column) weighs each source (a row), with the numbers; NaN stays empty.

    Dark is little and bright is much, from the first to the second of ``limits``: by default the least and
    the largest number. Raises ``ValueError`` when the names do not fit the matrix.
    """
    matrix = np.asarray(weights, dtype=np.float64)
    if matrix.shape != (len(sources), len(readers)):
        raise ValueError(f"{len(sources)} sources and {len(readers)} readers, but weights {matrix.shape}")
    low, high = limits or (float(np.nanmin(matrix)), float(np.nanmax(matrix)))
    shown = axes.imshow(matrix, cmap="cividis", vmin=low, vmax=high, interpolation="nearest", aspect="auto")
    axes.set_facecolor(MISSING)
    for (row, column), value in np.ndenumerate(matrix):
        if not np.isnan(value):
            bright = (value - low) > 0.55 * (high - low)
            axes.text(
                column,
                row,
                f"{round(value, 2) + 0.0:.2f}",
                ha="center",
                va="center",
                fontsize=7.5,
                color="black" if bright else "white",
            )
    axes.set_xticks(range(len(readers)), readers, rotation=90 if max(map(len, readers)) > 2 else 0)
    axes.set_yticks(range(len(sources)), sources)
    axes.set_xlabel("reader")
    axes.set_ylabel("source")
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.colorbar(shown, ax=axes, label=unit)
    axes.set_title(title)
    return axes


def _box(axes: Axes, x: float, words: str) -> float:
    """Draw an arrow and a box behind it; return where the box ends."""
    _arrow(axes, (x, 0), (x + GAP, 0))
    left = x + GAP
    colour, _ = BARS[0]
    weights = any(char.isdigit() for char in words)
    axes.add_patch(
        FancyBboxPatch(
            (left, -0.38),
            WIDTH,
            0.76,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=colour if weights else "#f3f3f3",
            edgecolor="black",
            zorder=3,
        )
    )
    axes.text(
        left + WIDTH / 2,
        0,
        words,
        ha="center",
        va="center",
        fontsize=9,
        color="white" if weights else "black",
        zorder=4,
        linespacing=1.15,
    )
    return left + WIDTH


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], width: float = 1.4) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=12,
            shrinkA=0,
            shrinkB=0,
            linewidth=width,
            color="black",
            zorder=2,
        )
    )
