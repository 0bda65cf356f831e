"""Many small pictures side by side, windows framed in a picture, and a network's guesses about one."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from course_utils.figures.cells import WINDOW, cell_points
from course_utils.figures.charts import BARS
from course_utils.figures.images import LABEL_POINTS, picture

RIGHT, WRONG = "#000000", WINDOW  # colours of a marked picture's frame; a wrong one's is dashed too


def gallery(
    axes: Axes,
    images: ArrayLike,
    *,
    title: str,
    labels: Sequence[str] | None = None,
    columns: int | None = None,
    marks: Sequence[bool | None] | None = None,
) -> Axes:
    """Draw pictures (N, C, H, W) or (N, H, W) of one size in rows, each with its label above it.

    C is 1 or 3. Whole numbers are taken as 0 to 255, others as 0 to 1, both clipped. ``columns`` is how many
    stand in a row, all of them by default. ``marks`` frames a picture: True with a black line, False with a
    dashed coloured one, None not at all.

    Raises ``ValueError`` for another shape, or when there are not as many labels or marks as pictures.
    """
    stack = _as_colours(images)
    count, height, width, _ = stack.shape
    for what, given in (("labels", labels), ("marks", marks)):
        if given is not None and len(given) != count:
            raise ValueError(f"{len(given)} {what} for {count} pictures")
    columns = columns or count
    rows = ceil(count / columns)
    gap = 0.08 * width
    head = gap
    if labels is not None:
        axes.set(xlim=(0, columns * (width + gap)), ylim=(rows * (1.16 * height), 0))
        head = max(0.16 * height, LABEL_POINTS / cell_points(axes))
    for number, single in enumerate(stack):
        row, column = divmod(number, columns)
        left, top = column * (width + gap), row * (height + head)
        extent = (left, left + width, top + height, top)
        axes.imshow(single, extent=extent, interpolation="nearest")
        if labels is not None:
            axes.text(
                left + width / 2, top - 0.15 * head, labels[number], ha="center", va="bottom", fontsize=9
            )
        mark = None if marks is None else marks[number]
        if mark is not None:
            colour = RIGHT if mark else WRONG
            frame = Rectangle((left, top), width, height, fill=False, edgecolor=colour, linewidth=2.0)
            frame.set_linestyle("-" if mark else (0, (2, 1.2)))
            axes.add_patch(frame)
    edge = 0.03 * width  # room for the frames
    axes.set_xlim(-edge, columns * (width + gap) - gap + edge)
    axes.set_ylim(rows * (height + head) - head + edge, -(head if labels is not None else edge))
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(title)
    return axes


def framed_picture(
    axes: Axes, image: ArrayLike, windows: Sequence[tuple[int, int, int, int]], *, title: str
) -> Axes:
    """Draw a picture as ``picture`` does, with windows (top, left, height, width) framed and numbered from 1.

    Raises ``ValueError`` for a window that does not lie in the picture.
    """
    picture(axes, image, title=title)
    height, width = np.shape(image)[-2:]
    for number, (top, left, tall, wide) in enumerate(windows, start=1):
        if not (0 <= top <= height - tall and 0 <= left <= width - wide):
            raise ValueError(
                f"a window of {tall}x{wide} at {(top, left)} leaves a picture of {height}x{width}"
            )
        corner = (left - 0.5, top - 0.5)
        for colour, thickness in (("white", 3.6), ("black", 1.6)):
            axes.add_patch(Rectangle(corner, wide, tall, fill=False, edgecolor=colour, linewidth=thickness))
        # inside, each number in a column of its own: frames often begin at nearly one corner
        axes.text(
            left + wide * number / (len(windows) + 1),
            top + 0.04 * tall,
            str(number),
            ha="center",
            va="center",
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "black", "pad": 1.8, "linewidth": 0.8},
        )
    return axes


def guesses(
    axes: Axes, names: Sequence[str], probabilities: ArrayLike, *, truth: int, title: str, most: int = 5
) -> Axes:
    """Draw a network's most likely classes as bars, the likeliest on top; the bar of the truth is hatched.

    ``names`` are those of all classes, ``probabilities`` (classes,) what the network gives them, and
    ``truth`` is the number of the right one. Its name is set in bold.

    Raises ``ValueError`` when there are not as many probabilities as names, or for a class that is not there.
    """
    given: NDArray[np.float64] = np.asarray(probabilities, dtype=np.float64)
    if given.shape != (len(names),):
        raise ValueError(f"probabilities of shape {given.shape} for {len(names)} names")
    if not 0 <= truth < len(names):
        raise ValueError(f"there is no class {truth} among {len(names)}")
    best = np.argsort(-given, kind="stable")[:most]
    for place, number in enumerate(best):
        colour, hatch = BARS[3 if number == truth else 0]
        axes.barh(
            place, given[number], height=0.7, color=colour, hatch=hatch, edgecolor="#222222", linewidth=0.6
        )
    axes.set_yticks(range(len(best)), [names[number] for number in best], fontsize=9)
    for word, number in zip(axes.get_yticklabels(), best, strict=True):
        word.set_fontweight("bold" if number == truth else "normal")
    axes.set_xlim(0, 1)
    axes.set_ylim(len(best) - 0.4, -0.6)
    axes.set_xlabel("probability")
    axes.set_title(title)
    return axes


def _as_colours(images: ArrayLike) -> NDArray[np.float64]:
    """Return pictures as (N, H, W, 3) between 0 and 1."""
    given: NDArray[np.generic] = np.asarray(images)
    stack = given[:, np.newaxis] if given.ndim == 3 else given
    if stack.ndim != 4 or stack.shape[1] not in (1, 3) or stack.size == 0:
        raise ValueError(f"pictures are (N, H, W), (N, 1, H, W) or (N, 3, H, W), not {given.shape}")
    brightest = 255 if np.issubdtype(stack.dtype, np.integer) else 1
    shown = np.clip(stack.astype(np.float64) / brightest, 0, 1)
    return np.moveaxis(np.broadcast_to(shown, (len(shown), 3, *shown.shape[2:])), 1, 3)
