"""Make a figure, and put it into the notebook with the text that stands for it."""

import io
import sys
from base64 import b64encode
from html import escape

import numpy as np
import PIL.Image
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

SCREEN_PIXELS_PER_INCH = 96
SHARPNESS = 1.5  # image pixels for each screen pixel, so that small numbers stay crisp when zoomed


def panels(
    rows: int = 1, columns: int = 1, *, width: float = 8.0, height: float = 3.0
) -> tuple[Figure, list[Axes]]:
    """Return a new figure and its axes, row by row, as one flat list.

    ``width`` and ``height`` are in inches; a notebook column shows about 10 inches. The figure belongs to no
    window and to no list of open figures, so nothing shows it until ``show`` does.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False)
    return figure, list(grid.flat)


def png(figure: Figure, *, pixels_per_inch: float = SHARPNESS * SCREEN_PIXELS_PER_INCH) -> bytes:
    """Return the figure as the bytes of a PNG file on its own ground, at its size in inches.

    Drawn once: ``Figure.savefig`` draws twice, and a slider should not wait for that.
    """
    canvas = FigureCanvasAgg(figure)
    resolution = figure.dpi
    figure.dpi = pixels_per_inch
    try:
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    finally:
        figure.dpi = resolution
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).convert("RGB").save(buffer, format="png", compress_level=3)
    return buffer.getvalue()


def show(figure: Figure, alt: str) -> None:
    """Display the figure in the notebook as a PNG image with an alt text, then close it.

    ``alt`` says in words what the figure shows, for readers who do not see it; it is required, and an empty
    one raises ``ValueError``. Where no images can be shown, it is shown instead. The figure is cleared, so
    that it is displayed once and its memory is free.
    """
    alt = " ".join(alt.split())
    if not alt:
        raise ValueError("a figure needs an alt text: say in words what it shows")
    width = round(figure.get_figwidth() * SCREEN_PIXELS_PER_INCH)
    data = b64encode(png(figure)).decode("ascii")
    # JupyterLab drops the alt text of image/png and prefers text/html, where it survives.
    page = f'<img src="data:image/png;base64,{data}" width="{width}" alt="{escape(alt)}">'
    bundle = {"text/plain": alt, "text/html": page, "image/png": data}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt, "width": width}})  # type: ignore[no-untyped-call]
    figure.clear()
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:  # a figure made by pyplot would be shown a second time at the end of the cell
        pyplot.close(figure)
