"""A module of a network as paths: boxes side by side that read the same maps, and are joined at the end."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Rectangle

Step = str | tuple[str, ...]

WIDE, HIGH = 2.3, 0.72  # of a box; a line of boxes is 1 high
GAP = 0.75  # between two boxes of a path
END = 0.5  # how wide the bars are that stand for what comes in and what goes out
LOOKS = {"pool": ("#d9d4bd", "xx"), "1×1": ("#ffffff", "")}  # by a word of the box, and else:
CONVOLUTION = ("#c6d4e8", "")
INK = "#222222"


def paths(
    axes: Axes,
    branches: Sequence[Sequence[Step]],
    *,
    title: str,
    source: str = "input",
    target: str = "concatenation",
) -> Axes:
    """Draw paths below each other, each from left to right, between a bar for input and one for output.

    Each of ``branches`` is one path: the words of its boxes, in the order in which they run. A tuple in place
    of words stands for boxes that read the same maps side by side; only the last step of a path may be one.
    Boxes with "pool" in their words are hatched and those with "1×1" white. A path without boxes is a line.

    Raises ``ValueError`` without a path, and for boxes side by side before the end of their path.
    """
    if not branches:
        raise ValueError("a module needs at least one path")
    columns = max(1, *(len(steps) for steps in branches))
    right = END + GAP + columns * (WIDE + GAP)
    top = 0.0
    for number, steps in enumerate(branches):
        if any(not isinstance(step, str) for step in steps[:-1]):
            raise ValueError(f"path {number} has boxes side by side before its end")
        lines = max(1, *(1 if isinstance(step, str) else len(step) for step in steps)) if steps else 1
        middle = top + lines / 2
        x = END
        for step in steps:
            words = [step] if isinstance(step, str) else step
            places = [middle + place - (len(words) - 1) / 2 for place in range(len(words))]
            for y, each in zip(places, words, strict=True):
                _line(axes, x, middle, x + GAP, y)
                _box(axes, x + GAP, y, each)
                if step is steps[-1]:
                    _line(axes, x + GAP + WIDE, y, right, y)
            x += GAP + WIDE
        if not steps:
            _line(axes, x, middle, right, middle)
        top += lines
    for left, name in ((0.0, source), (right, target)):
        axes.add_patch(Rectangle((left, 0.0), END, top, facecolor="#00204d", edgecolor=INK, zorder=2))
        axes.text(
            left + END / 2,
            top / 2,
            name,
            rotation=90,
            ha="center",
            va="center",
            color="white",
            fontsize=9,
            zorder=3,
            in_layout=False,
        )
    axes.set_xlim(-0.1, right + END + 0.1)
    axes.set_ylim(top + 0.1, -0.1)
    axes.axis("off")
    axes.set_title(title)
    return axes


def _line(axes: Axes, x: float, y: float, to_x: float, to_y: float) -> None:
    """Draw a connection that leaves and arrives level."""
    half = (x + to_x) / 2
    corners = [x, half, half, to_x] if y != to_y else [x, to_x]
    heights = [y, y, to_y, to_y] if y != to_y else [y, to_y]
    axes.plot(corners, heights, color=INK, linewidth=1.1, zorder=1, solid_capstyle="butt")


def _box(axes: Axes, left: float, middle: float, words: str) -> None:
    """Draw one box with its words, looking as its kind does."""
    colour, hatch = next((look for word, look in LOOKS.items() if word in words), CONVOLUTION)
    axes.add_patch(
        FancyBboxPatch(
            (left, middle - HIGH / 2),
            WIDE,
            HIGH,
            boxstyle="round,pad=0,rounding_size=0.12",
            facecolor=colour,
            edgecolor=INK,
            hatch=hatch,
            linewidth=0.9,
            zorder=2,
        )
    )
    axes.text(
        left + WIDE / 2,
        middle,
        words,
        ha="center",
        va="center",
        fontsize=9,
        zorder=3,
        in_layout=False,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0} if hatch else None,
    )
