"""How far two computations of the same numbers lie apart, place by place, on a logarithmic axis."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

MARKS = (("o", "#000000"), ("D", "#d55e00"), ("^", "#0072b2"), ("s", "#009e73"))  # filled: told apart by form
EQUAL = 1e-18  # far below what float64 can tell from 0 beside 1: here stand those that are equal


def differences(
    axes: Axes,
    names: Sequence[str],
    groups: Mapping[str, Sequence[float | None]],
    *,
    limit: float,
    title: str,
    xlabel: str,
) -> Axes:
    """Draw differences as marks on a logarithmic axis, one line for each name, first on top.

    ``groups`` holds up to four lists of differences, as long as ``names``, by what the legend calls them;
    ``None`` leaves a place out, and 0 is drawn hollow at the left end, since no logarithmic axis has a 0.
    ``limit`` is the largest difference that counts as agreement: right of it the ground is hatched.

    Raises ``ValueError`` for lists of another length, negative differences, and more groups than marks.
    """
    if len(groups) > len(MARKS):
        raise ValueError(f"{len(groups)} groups, but only {len(MARKS)} can be told apart")
    largest = limit
    for place, (group, values) in enumerate(groups.items()):
        if len(values) != len(names):
            raise ValueError(f"{len(names)} names for {len(values)} differences of {group}")
        mark, colour = MARKS[place]
        shift = (place - (len(groups) - 1) / 2) * 0.22
        known = [(row + shift, value) for row, value in enumerate(values) if value is not None]
        if any(value < 0 for _, value in known):
            raise ValueError(f"a difference of {group} is negative")
        for hollow in (False, True):
            at = [(value or EQUAL, row) for row, value in known if (value == 0) is hollow]
            if at:  # an empty line that is not clipped would spoil the layout
                axes.plot(
                    *zip(*at, strict=True),
                    linestyle="none",
                    marker=mark,
                    markersize=7,
                    markerfacecolor="white" if hollow else colour,
                    markeredgecolor=colour,
                    clip_on=False,
                )
        axes.plot([], [], linestyle="none", marker=mark, color=colour, markersize=7, label=group)
        largest = max([largest, *(value for _, value in known)])
    end = 10.0 ** (np.ceil(np.log10(largest)) + 1)
    axes.axvspan(limit, end, facecolor="#f4f4f4", edgecolor="#c4c4c4", hatch="////", linewidth=0, zorder=0)
    axes.axvline(limit, color="#222222", linewidth=1.2)
    axes.set_xscale("log")
    axes.set_xlim(EQUAL, end)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(xlabel)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(groups), fontsize=9, frameon=False)
    axes.set_title(title, pad=26)  # above the legend
    return axes
