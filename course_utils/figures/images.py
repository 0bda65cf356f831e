"""Pictures, the maps that filters make of them, and volumes drawn as blocks."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon
from numpy.typing import ArrayLike, NDArray

from course_utils.figures.cells import cell_points

ZERO_IS_GREY = "gray"
FACES = ("#c6d4e8", "#8fa3c4", "#5f7396")  # front, top, side: told apart by brightness alone
LABEL_POINTS = 15  # the room for a label above a map


def picture(axes: Axes, image: ArrayLike, *, title: str) -> Axes:
    """Draw a picture: (H, W) or (1, H, W) in grey, (3, H, W) in colour; row 0 is on top.

    Whole numbers are taken as 0 to 255, others as 0 to 1, both clipped to that range.
    """
    pixels: NDArray[np.generic] = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[0] == 1:
        pixels = pixels[0]
    if pixels.ndim == 3 and pixels.shape[0] == 3:
        pixels = np.moveaxis(pixels, 0, -1)
    elif pixels.ndim != 2:
        raise ValueError(f"a picture is (H, W), (1, H, W) or (3, H, W), not {pixels.shape}")
    brightest = 255 if np.issubdtype(pixels.dtype, np.integer) else 1
    shown = np.clip(pixels.astype(np.float64) / brightest, 0, 1)
    axes.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xlabel("column (pixels)")
    axes.set_ylabel("row (pixels)")
    axes.set_title(title)
    return axes


def feature_maps(
    axes: Axes,
    maps: ArrayLike,
    *,
    title: str,
    labels: Sequence[str] | None = None,
    columns: int | None = None,
    unit: str = "response",
) -> Axes:
    """Draw feature maps (F, H, W), or one of (H, W), side by side on one scale.

    Black is negative, grey zero and white positive, on one scale for all maps of the drawing. It ends where
    half a per cent of the numbers lie beyond, so that a few strong responses do not turn the rest grey.
    ``labels`` names each map; ``columns`` is how many stand in a row, all of them by default.

    Raises ``ValueError`` for another shape, or when there are not as many labels as maps.
    """
    stack = np.asarray(maps, dtype=np.float64)
    if stack.ndim == 2:
        stack = stack[np.newaxis]
    if stack.ndim != 3 or stack.size == 0:
        raise ValueError(f"feature maps are (F, H, W) or (H, W), not {stack.shape}")
    count, height, width = stack.shape
    if labels is not None and len(labels) != count:
        raise ValueError(f"{len(labels)} labels for {count} feature maps")
    columns = columns or count
    rows = ceil(count / columns)
    gap = max(1.0, 0.04 * width)
    head = gap
    if labels is not None:
        head = 0.16 * height
        axes.set(xlim=(0, columns * (width + gap)), ylim=(rows * (height + head), 0))
        head = max(head, LABEL_POINTS / cell_points(axes))  # small maps would be written over
    largest = float(np.quantile(np.abs(stack), 0.995)) or float(np.abs(stack).max()) or 1.0
    for number, single in enumerate(stack):
        row, column = divmod(number, columns)
        left, top = column * (width + gap), row * (height + head)
        shown = axes.imshow(
            single,
            cmap=ZERO_IS_GREY,
            vmin=-largest,
            vmax=largest,
            extent=(left, left + width, top + height, top),
            interpolation="nearest",
        )
        if labels is not None:
            axes.text(
                left + width / 2, top - 0.2 * head, labels[number], ha="center", va="bottom", fontsize=10
            )
    axes.set_xlim(0, columns * (width + gap) - gap)
    axes.set_ylim(rows * (height + head) - head, -head)
    axes.set_aspect("equal")
    axes.axis("off")
    figure = axes.get_figure(root=True)
    if figure is not None:
        wide = columns * (width + gap) / (rows * (height + head))
        bar = axes.inset_axes(
            (1 + 0.05 / wide, 0.0, 0.05 / wide, 1.0)
        )  # as tall as the maps, which shrink to fit
        figure.colorbar(shown, cax=bar, label=unit, extend="both")
    axes.set_title(title)
    return axes


def blocks(axes: Axes, shapes: Sequence[tuple[int, int, int]], labels: Sequence[str], *, title: str) -> Axes:
    """Draw volumes (C, H, W) as blocks from left to right: H tall, W wide, C deep, with their sizes.

    Sides are drawn as square roots, so that 3 and 100 channels fit the same picture. ``labels`` has one line
    of words for each block.

    Raises ``ValueError`` when there are not as many labels as shapes.
    """
    if len(labels) != len(shapes):
        raise ValueError(f"{len(labels)} labels for {len(shapes)} blocks")
    left, tallest, slant = 0.0, 0.0, 0.45
    for (channels, height, width), label in zip(shapes, labels, strict=True):
        w, h, d = np.sqrt([width, height, channels])
        shift = slant * d
        front = [(left, 0), (left + w, 0), (left + w, h), (left, h)]
        top = [(left, h), (left + w, h), (left + w + shift, h + shift), (left + shift, h + shift)]
        side = [(left + w, 0), (left + w + shift, shift), (left + w + shift, h + shift), (left + w, h)]
        for corners, colour in zip((front, top, side), FACES, strict=True):
            axes.add_patch(Polygon(corners, facecolor=colour, edgecolor="black", linewidth=0.8))
        middle = left + (w + shift) / 2
        axes.text(
            middle, -0.35, f"{label}\n{channels} × {height} × {width}", ha="center", va="top", fontsize=10
        )
        left += max(w + shift, 4.5) + 2.0
        tallest = max(tallest, h + shift)
    axes.set_xlim(-1.5, left - 0.5)
    axes.set_ylim(-2.4, tallest + 0.3)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(title)
    return axes
