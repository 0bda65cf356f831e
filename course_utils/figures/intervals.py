"""Measured means with their intervals, one a line, and the single runs that they come from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike


def intervals(axes: Axes, runs: Mapping[str, tuple[ArrayLike, float]], *, title: str, xlabel: str) -> Axes:
    """Draw a line for each variant: every run as a ring, their mean as a diamond, its interval as a bar.

    ``runs`` maps a variant, first on top, to (values (runs,), half the width of the mean's interval). The
    mean stands beside its line in numbers. Two dotted lines carry the first variant's interval down the
    drawing, so that the eye can tell which others it overlaps.

    Raises ``ValueError`` for no variants, or for values that are not one-dimensional.
    """
    if not runs:
        raise ValueError("there are no variants to draw")
    measured = {name: (np.asarray(values, dtype=np.float64), half) for name, (values, half) in runs.items()}
    for name, (values, _) in measured.items():
        if values.ndim != 1 or not values.size:
            raise ValueError(f"{name} needs one value a run, not the shape {values.shape}")
    for row, (values, half) in enumerate(measured.values()):
        mean = float(values.mean())
        if row == 0:
            for edge in (mean - half, mean + half):
                axes.axvline(edge, color="#575d6d", linestyle=":", linewidth=1.0, zorder=0)
        axes.errorbar(
            mean, row, xerr=half, fmt="D", color="#00204d", markersize=6, capsize=5, elinewidth=1.8, zorder=3
        )
        axes.plot(
            values,
            np.full(len(values), row + 0.22),
            linestyle="none",
            marker="o",
            markersize=4.5,
            markerfacecolor="white",
            markeredgecolor="#575d6d",
        )
        axes.text(
            1.01,
            row,
            f"{mean:.3g} ± {half:.2g}",
            transform=axes.get_yaxis_transform(),
            ha="left",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(measured)), list(measured))
    axes.set_ylim(len(measured) - 0.5, -0.5)
    axes.set_xlabel(xlabel)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(title)
    return axes
