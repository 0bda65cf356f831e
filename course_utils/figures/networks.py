"""A network as a graph that is read from left to right, with numbers on its units and connections."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from numpy.typing import NDArray

from course_utils.figures.connections import FAINT, FILLED, STRONG

RADIUS = 0.3
LAYER_GAP = 3.4  # from one layer to the next, where the distance between neighbours in a layer is UNIT_GAP
UNIT_GAP = 2.0
NEAR, FAR = 0.28, 0.64  # where along a connection its label stands

Link = tuple[str, str]


def network(
    axes: Axes,
    layers: Sequence[Sequence[str]],
    links: Mapping[Link, str],
    *,
    title: str,
    values: Mapping[str, str] | None = None,
    marked: Collection[str | Link] = (),
) -> Axes:
    """Draw layers of named units from left to right, and the connections between neighbouring layers.

    ``layers`` holds the names of the units of each layer, from top to bottom. ``links`` maps a connection,
    (unit it comes from, unit it goes to), to the words that stand on it; empty words draw a plain line.
    ``values`` maps a unit to the words that stand below it. ``marked`` names the units and connections to
    point out: they are drawn heavy, and units filled.

    Raises ``ValueError`` for a name that two units have, for a connection that does not lead to the next
    layer, and for a value or a mark of what is not there.
    """
    places, column = _places(layers)
    values = values or {}
    for link in links:
        if any(unit not in places for unit in link):
            raise ValueError(f"the connection {link} needs two units of the network")
        if column[link[1]] != column[link[0]] + 1:
            raise ValueError(f"the connection {link} does not lead to the next layer")
    for unit in values:
        if unit not in places:
            raise ValueError(f"there is no unit {unit} to write a value at")
    for mark in marked:
        if mark not in places and mark not in links:
            raise ValueError(f"there is no unit or connection {mark} to mark")

    for link, words in links.items():
        strong = link in marked
        start, end = (places[unit] for unit in link)
        colour = STRONG if strong else FAINT
        axes.plot(*zip(start, end, strict=True), color=colour, linewidth=2.8 if strong else 1.0, zorder=1)
        if words:
            x, y = start + (end - start) * _along(link, links)
            axes.text(
                x,
                y,
                words,
                ha="center",
                va="center",
                fontsize=9,
                linespacing=1.25,
                zorder=2.5 if strong else 2,
                in_layout=False,
                bbox={"facecolor": "white", "edgecolor": STRONG if strong else "none", "pad": 1.6},
            )
    for unit, (x, y) in places.items():
        strong = unit in marked
        axes.add_patch(
            Circle(
                (x, y),
                RADIUS,
                facecolor=FILLED if strong else "white",
                edgecolor="black",
                linewidth=2.4 if strong else 1.0,
                zorder=3,
            )
        )
        axes.text(x, y, unit, ha="center", va="center", fontsize=12, zorder=4, in_layout=False)
        if unit in values:
            axes.text(
                x,
                y - RADIUS - 0.1,
                values[unit],
                ha="center",
                va="top",
                fontsize=9.5,
                linespacing=1.25,
                zorder=4,
                in_layout=False,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
            )
    highest = max(len(units) for units in layers)
    axes.set_xlim(-0.9, (len(layers) - 1) * LAYER_GAP + 0.9)
    axes.set_ylim(-(highest - 1) * UNIT_GAP / 2 - 1.15, (highest - 1) * UNIT_GAP / 2 + 0.5)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(title)
    return axes


def _places(layers: Sequence[Sequence[str]]) -> tuple[dict[str, NDArray[np.float64]], dict[str, int]]:
    """Return where each unit stands, and the number of its layer."""
    places: dict[str, NDArray[np.float64]] = {}
    column: dict[str, int] = {}
    for number, units in enumerate(layers):
        for row, unit in enumerate(units):
            if unit in places:
                raise ValueError(f"two units have the name {unit}")
            places[unit] = np.array([number * LAYER_GAP, ((len(units) - 1) / 2 - row) * UNIT_GAP])
            column[unit] = number
    if not places:
        raise ValueError("a network needs at least one unit")
    return places, column


def _along(link: Link, links: Mapping[Link, str]) -> float:
    """Where on the line the label stands: labels of lines to one unit keep the same distance from it."""
    targets = list(dict.fromkeys(end for start, end in links if start == link[0]))
    if len(targets) == 1:
        return 0.45
    return NEAR + (FAR - NEAR) * targets.index(link[1]) / (len(targets) - 1)
