"""Charts: curves over one axis, and bars on a logarithmic scale."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

# Okabe and Ito's colours, dark to bright; each also has its own dashes.
CURVES = (("#000000", "-"), ("#d55e00", "--"), ("#0072b2", ":"), ("#009e73", "-."))
BARS = (("#00204d", ""), ("#575d6d", "//"), ("#a69d75", "xx"), ("#ffea46", ".."))


def profiles(
    axes: Axes, x: ArrayLike, curves: Mapping[str, ArrayLike], *, title: str, xlabel: str, ylabel: str
) -> Axes:
    """Draw up to four named curves over the same ``x``, each with its own colour and dashes.

    Raises ``ValueError`` for more curves: a fifth could not be told apart in print.
    """
    if len(curves) > len(CURVES):
        raise ValueError(f"{len(curves)} curves, but only {len(CURVES)} can be told apart")
    for (name, y), (colour, dashes) in zip(curves.items(), CURVES, strict=False):
        axes.plot(np.asarray(x), np.asarray(y), color=colour, linestyle=dashes, linewidth=1.8, label=name)
    axes.margins(x=0.01)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    if len(curves) > 1:
        axes.legend(frameon=True, fontsize=9)
    axes.set_title(title)
    return axes


def bands(
    axes: Axes,
    x: ArrayLike,
    runs: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
) -> Axes:
    """Draw up to four named curves over the same ``x``, each with a band of its uncertainty.

    ``runs`` maps a name to (middle, half the width of the band), each as long as ``x``. The y axis says what
    the band is.

    Raises ``ValueError`` for more curves: a fifth could not be told apart in print.
    """
    profiles(
        axes,
        x,
        {name: middle for name, (middle, _) in runs.items()},
        title=title,
        xlabel=xlabel,
        ylabel=ylabel,
    )
    for (middle, half), (colour, _) in zip(runs.values(), CURVES, strict=False):
        low, high = (np.asarray(middle) + sign * np.asarray(half) for sign in (-1, 1))
        axes.fill_between(np.asarray(x), low, high, color=colour, alpha=0.15, linewidth=0)
    return axes


def log_bars(
    axes: Axes,
    names: Sequence[str],
    values: Sequence[float],
    *,
    title: str,
    xlabel: str,
    form: str = "{:,.3g}",
) -> Axes:
    """Draw positive values as horizontal bars on a logarithmic axis, first on top, each with its number.

    ``xlabel`` names the quantity and its unit; ``form`` formats the number at the end of a bar.

    Raises ``ValueError`` when names and values differ in number or a value is not positive.
    """
    if len(names) != len(values):
        raise ValueError(f"{len(names)} names for {len(values)} values")
    if min(values, default=0.0) <= 0:
        raise ValueError("a logarithmic axis needs positive values")
    low, high = min(values), max(values)
    start = 10.0 ** (np.floor(np.log10(low)) - 0.5)
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        colour, hatch = BARS[row % len(BARS)]
        axes.barh(
            row,
            value - start,
            left=start,
            height=0.66,
            color=colour,
            hatch=hatch,
            edgecolor="#222222",
            label=name,
        )
        axes.annotate(
            form.format(value),
            (value, row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
        )
    axes.set_xscale("log")
    axes.set_xlim(start, high * (high / start) ** 0.22)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(xlabel)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(title)
    return axes
