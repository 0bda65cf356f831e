"""Drawings that lectures share, made with matplotlib's objects and no pyplot state.

Every drawing takes the ``Axes`` to draw on and the data, and returns the ``Axes``. Every drawing asks for
a title, because a title states what the figure shows. ``panels`` makes a figure, ``show`` puts it into the
notebook with its alt text:

    figure, (left, right) = figures.panels(1, 2, width=9, height=3)
    figures.picture(left, photograph, title="A photograph")
    figures.feature_maps(right, maps, title="Its edges")
    figures.show(figure, alt="Left: ... Right: ...")

Colours. Amounts use *cividis*, which grows evenly from dark to bright for every kind of colour vision and
on a grey printer. Signed numbers use *PuOr* only where the number itself stands in the cell, since its two
ends print alike; signed maps without numbers run from black through grey (zero) to white.
"""

from course_utils.figures.charts import log_bars, profiles
from course_utils.figures.display import panels, png, show
from course_utils.figures.grids import number_grid, sliding_window, window_positions
from course_utils.figures.images import blocks, feature_maps, picture

__all__ = [
    "blocks",
    "feature_maps",
    "log_bars",
    "number_grid",
    "panels",
    "picture",
    "png",
    "profiles",
    "show",
    "sliding_window",
    "window_positions",
]
