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

from course_utils.figures.agreement import differences
from course_utils.figures.architecture import costs, volumes
from course_utils.figures.charts import bands, log_bars, profiles
from course_utils.figures.connections import connections, reaching, weight_matrix
from course_utils.figures.display import panels, png, show
from course_utils.figures.fields import receptive_fields
from course_utils.figures.gallery import framed_picture, gallery, guesses
from course_utils.figures.gradients import cell_terms, kernel_links, log_curves, named_rows, weight_terms
from course_utils.figures.grids import number_grid, padded_positions, sliding_window, window_positions
from course_utils.figures.images import blocks, feature_maps, picture
from course_utils.figures.intervals import intervals
from course_utils.figures.networks import network
from course_utils.figures.paths import paths
from course_utils.figures.pooling import bars, pooled_row, pooling_window
from course_utils.figures.shortcuts import dense_channels, residual_block, reuse

__all__ = [
    "bands",
    "bars",
    "blocks",
    "cell_terms",
    "connections",
    "costs",
    "dense_channels",
    "differences",
    "feature_maps",
    "framed_picture",
    "gallery",
    "guesses",
    "intervals",
    "kernel_links",
    "log_bars",
    "log_curves",
    "named_rows",
    "network",
    "number_grid",
    "padded_positions",
    "panels",
    "paths",
    "picture",
    "png",
    "pooled_row",
    "pooling_window",
    "profiles",
    "reaching",
    "receptive_fields",
    "residual_block",
    "reuse",
    "show",
    "sliding_window",
    "volumes",
    "weight_matrix",
    "weight_terms",
    "window_positions",
]
