"""What one unit of each layer sees of the image: receptive fields as frames on a picture."""

from collections.abc import Mapping
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from course_utils.figures.images import picture

APART = 0.34  # pixels of the image from one frame to the next
FRAMES: tuple[tuple[str, Literal["-", "--", "-.", ":"]], ...] = (
    ("#ffffff", "-"),
    ("#ffb000", "--"),
    ("#56b4e9", "-."),
    ("#ffffff", ":"),
    ("#ffb000", "-"),
)


def receptive_fields(
    axes: Axes, image: ArrayLike, fields: Mapping[str, tuple[int, int, int]], *, title: str
) -> Axes:
    """Draw frames on a picture, and a legend with their names and sizes beside it.

    ``fields`` maps up to five names to (top, left, side): the first row and column that a unit sees, and of
    how many rows and columns; small ones first. The picture is as in ``picture``. Each frame is bright with
    its own dashes on a black edge, so that it is seen on any ground, and lies a little outside of the one
    before, so that edges at the same place stay apart.

    Raises ``ValueError`` for more names than can be told apart.
    """
    if len(fields) > len(FRAMES):
        raise ValueError(f"{len(fields)} fields, but only {len(FRAMES)} can be told apart")
    picture(axes, image, title=title)
    handles = []
    for order, ((name, (top, left, side)), (colour, dashes)) in enumerate(
        zip(fields.items(), FRAMES, strict=False)
    ):
        out = 0.5 + APART * order
        for shade, width, style in (("black", 3.4, "-"), (colour, 1.8, dashes)):
            axes.add_patch(
                Rectangle(
                    (left - out, top - out),
                    side + 2 * out - 1,
                    side + 2 * out - 1,
                    fill=False,
                    edgecolor=shade,
                    linewidth=width,
                    linestyle=style,
                )
            )
        handles.append(Line2D([], [], color=colour, linestyle=dashes, label=f"{name}: {side}×{side}"))
    axes.margins(0.03)
    axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        facecolor="#333333",
        labelcolor="white",
        handlelength=3,
        title="one unit sees",
        title_fontproperties={"size": 10},
    ).get_title().set_color("white")
    return axes
