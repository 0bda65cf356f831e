"""Shows counts: as a table of numbers, and as blocks to scale."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from matplotlib.axes import Axes
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from course_utils.figures import volumes
from course_utils.zoo.counting import STORED, Counts, Layer

COLUMNS = ("layer", "kind", "output", "parameters", "multiply-adds", "activations", "sees")
WIDEST = 200  # characters


def table(counts: Counts, *, depth: int | None = None) -> Table:
    """Return a table of the layers that papers count, with totals; a notebook and a terminal both show it.

    ``depth`` joins the rows of each module: 1 gives a row for each part of the net. "sees" is the receptive
    field in rows x columns of the image.
    """
    form = Table(title=f"{counts.net} on {_size(counts.input_shape)}", title_justify="left", pad_edge=False)
    for number, name in enumerate(COLUMNS):
        form.add_column(name, justify="left" if number < 2 else "right", no_wrap=True)
    form.add_row("", "input", _size(counts.input_shape), "", "", f"{prod(counts.input_shape):,}", "")
    for row in _rows(counts, depth):
        numbers = (f"{number:,}" if number else "" for number in (row.parameters, row.macs, row.values))
        sees = "all" if row.receptive_field is None else _size(row.receptive_field)
        form.add_row(row.name, row.kind, _size(row.output_shape), *numbers, sees)
    totals = (counts.parameters, counts.macs, counts.activations())
    form.add_section()
    form.add_row("", "total", "", *(f"{total:,}" for total in totals), "")
    page = Console(width=WIDEST)  # as wide as its words, wherever it is shown: nothing is cut or stretched
    form.width = Measurement.get(page, page.options, form).maximum
    return form


def draw(axes: Axes, counts: Counts, *, title: str, depth: int | None = None) -> Axes:
    """Draw the outputs of the layers that papers count as blocks to scale, with their shapes.

    ``depth`` joins the layers of each module into one block: deep nets need it to fit on a page.
    """
    rows = _rows(counts, depth)
    layers = [("input", "input", counts.input_shape), *((r.name, r.kind, r.output_shape) for r in rows)]
    return volumes(axes, layers, title=title)


def _rows(counts: Counts, depth: int | None) -> Sequence[Layer]:
    if depth is not None:
        return counts.by_module(depth)
    return [layer for layer in counts.layers if layer.kind in STORED]


def _size(shape: Sequence[int]) -> str:
    return "×".join(str(part) for part in shape)
