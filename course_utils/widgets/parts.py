"""What widgets are made of: sliders, dropdowns, a picture with its words, and what a cell shows."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import ipywidgets
from matplotlib.figure import Figure

from course_utils.figures import png

PIXELS_PER_INCH = 110
DESCRIPTION_WIDTH = "8em"
CONTROL_WIDTH = "25em"


class Shown:
    """A widget that a cell shows by its ``box``, and by its ``repr`` where nothing can show widgets."""

    box: Any

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Return what a notebook shows: the widget, or its state in words where there are no widgets."""
        bundle: dict[str, Any] = self.box._repr_mimebundle_(**kwargs)
        return bundle | {"text/plain": repr(self)}


class Drawn(Shown):
    """A widget that draws: ``picture`` and ``words`` follow its controls."""

    def __init__(self) -> None:
        self.picture = ipywidgets.HTML()
        self.words = ipywidgets.HTML()
        self._settling = False
        self._drawn: tuple[object, ...] = ()

    @contextmanager
    def _settle(self) -> Iterator[None]:
        """Let several controls change as one: what they call meanwhile finds ``_settling`` true."""
        self._settling = True
        try:
            yield
        finally:
            self._settling = False

    def _is_new(self, *state: object) -> bool:
        """Say whether this state is another one than the state that is drawn, and keep it as that."""
        is_new = state != self._drawn
        self._drawn = state
        return is_new

    def _show(self, figure: Figure, words: str, *, size: str = "100%") -> None:
        """Put a figure into the picture, and words below it and into its alt text.

        ``role=status``: a screen reader reads the words out when they change.
        """
        data = b64encode(png(figure, pixels_per_inch=PIXELS_PER_INCH)).decode("ascii")
        words = escape(words)
        self.picture.value = f"<img src='data:image/png;base64,{data}' alt='{words}' style='max-width:100%'>"
        self.words.value = f"<div role='status' style='font-size:{size}'>{words}</div>"


def slider(description: str, value: int, low: int, high: int) -> Any:
    """Return a slider over whole numbers."""
    return ipywidgets.IntSlider(
        value=value,
        min=low,
        max=high,
        description=description,
        style={"description_width": DESCRIPTION_WIDTH},
        layout=ipywidgets.Layout(width=CONTROL_WIDTH),
    )


def dropdown(description: str, options: Sequence[str], value: str) -> Any:
    """Return a dropdown as wide as the sliders."""
    return ipywidgets.Dropdown(
        options=options,
        value=value,
        description=description,
        style={"description_width": DESCRIPTION_WIDTH},
        layout=ipywidgets.Layout(width=CONTROL_WIDTH),
    )


def play(tooltip: str, *, interval: int) -> Any:
    """Return the buttons of an animation that makes a step every ``interval`` milliseconds."""
    return ipywidgets.Play(
        value=0, min=0, max=1, interval=interval, show_repeat=False, tooltip=f"Play: {tooltip}"
    )


def side_by_side(*columns: Any) -> Any:
    """Return a row of columns of controls; in a narrow window they stand below each other."""
    made = [ipywidgets.VBox(column) if isinstance(column, Sequence) else column for column in columns]
    return ipywidgets.HBox(made, layout=ipywidgets.Layout(flex_flow="row wrap"))


def size_formula(n: int, k: int, s: int, outputs: int, *, padding: tuple[str, str]) -> str:
    """Return the output-size formula as HTML in symbols and in numbers; ``padding`` is its term in both."""
    symbols, numbers = padding
    return (
        f"<p style='font-size:115%'>Output size = ⌊(N + {symbols} − K) / S⌋ + 1 "
        f"= ⌊({n} + {numbers} − {k}) / {s}⌋ + 1 = <b>{outputs}</b></p>"
    )


def counted(number: int, name: str) -> str:
    """Return "1 cell", "2 cells"."""
    return f"{number} {name}{'' if number == 1 else 's'}"
