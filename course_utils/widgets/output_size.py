"""A playground for the output size: N, K, S and the padding, in either of its two conventions."""

import base64
from html import escape
from typing import Any

import ipywidgets

from course_utils.figures import padded_positions, panels, png, window_positions

LARGEST_INPUT = 10
LARGEST_KERNEL = 7
LARGEST_STRIDE = 4
LARGEST_PADDING = 4
PIXELS_PER_INCH = 110
PER_SIDE, IN_ALL = "P zeros on each side", "p zeros in all"


class OutputSizePlayground:
    """The widget that ``output_size_playground`` returns.

    ``input_size``, ``kernel_size``, ``stride`` and ``padding`` are its sliders and ``convention`` the
    dropdown that says what the number of the last one means; ``picture``, ``formula`` and ``words`` are what
    it shows; ``box`` holds them all.

    The largest kernel follows the padded input, so every setting that can be reached is valid. A change of
    the convention keeps the number: that is the mix-up, and it shows at once.
    """

    def __init__(self) -> None:
        self.input_size = _slider("Input size N", 6, 1, LARGEST_INPUT)
        self.kernel_size = _slider("Kernel size K", 3, 1, LARGEST_KERNEL)
        self.stride = _slider("Stride S", 1, 1, LARGEST_STRIDE)
        self.padding = _slider("Padding P", 1, 0, LARGEST_PADDING)
        self.convention = ipywidgets.Dropdown(
            options=(PER_SIDE, IN_ALL),
            value=PER_SIDE,
            description="Padding means",
            style={"description_width": "7em"},
            layout=ipywidgets.Layout(width="24em"),
        )
        self.picture = ipywidgets.HTML()
        self.formula = ipywidgets.HTML()
        self.words = ipywidgets.HTML()
        self._settling = False
        self._drawn: tuple[object, ...] = ()
        controls = (self.input_size, self.kernel_size, self.stride, self.padding, self.convention)
        for control in controls:
            control.observe(self._changed, names="value")
        self.box = ipywidgets.VBox(
            [
                ipywidgets.HBox(
                    [ipywidgets.VBox(controls[:3]), ipywidgets.VBox(controls[3:])],
                    layout=ipywidgets.Layout(flex_flow="row wrap"),
                ),
                self.picture,
                self.formula,
                self.words,
            ]
        )
        self._changed(None)

    @property
    def sides(self) -> tuple[int, int]:
        """Return how many zeros stand before and after the input. The odd one of a total comes after it."""
        number = int(self.padding.value)
        if self.convention.value == PER_SIDE:
            return number, number
        return number // 2, number - number // 2

    @property
    def starts(self) -> range:
        """Return the first cell of every window, in the padded input."""
        padded = self.input_size.value + sum(self.sides)
        return range(0, padded - self.kernel_size.value + 1, self.stride.value)

    def _changed(self, change: object) -> None:
        """Fit the largest kernel to the padded input. Clamping the slider calls this again, to no effect."""
        if self._settling:
            return
        self._settling = True
        try:
            self.padding.description = "Padding P" if self.convention.value == PER_SIDE else "Padding p"
            self.kernel_size.max = min(LARGEST_KERNEL, self.input_size.value + sum(self.sides))
        finally:
            self._settling = False
        self._draw()

    def _draw(self) -> None:
        n, k, s, number = (x.value for x in (self.input_size, self.kernel_size, self.stride, self.padding))
        state = (n, k, s, number, self.convention.value)
        if state == self._drawn:
            return
        self._drawn = state
        before, after = self.sides
        outputs = len(self.starts)
        figure, (axes,) = panels(width=8.5, height=1.3 + 0.32 * (outputs + 2))
        if before == after:
            window_positions(axes, n, k, stride=s, padding=before)
        else:
            title = f"N={n}, K={k}, S={s}, {before} before and {after} after:\n{self._counted()}"
            padded_positions(axes, n, k, stride=s, before=before, after=after, title=title)
        data = base64.b64encode(png(figure, pixels_per_inch=PIXELS_PER_INCH)).decode("ascii")
        words = self._describe()
        self.picture.value = (
            f"<img src='data:image/png;base64,{data}' alt='{escape(words)}' style='max-width:100%'>"
        )
        symbols, numbers = ("2P", f"2·{number}") if self.convention.value == PER_SIDE else ("p", str(number))
        self.formula.value = (
            f"<p style='font-size:115%'>Output size = ⌊(N + {symbols} − K) / S⌋ + 1 "
            f"= ⌊({n} + {numbers} − {k}) / {s}⌋ + 1 = <b>{outputs}</b></p>"
        )
        self.words.value = f"<div role='status'>{escape(words)}</div>"

    def _left_out(self) -> int:
        """Count the cells of the padded input that no window covers."""
        padded = int(self.input_size.value) + sum(self.sides)
        covered = {cell for start in self.starts for cell in range(start, start + self.kernel_size.value)}
        return padded - len(covered)

    def _counted(self) -> str:
        windows, cells = len(self.starts), self._left_out()
        return (
            f"{windows} window{'' if windows == 1 else 's'}, {cells} cell{'' if cells == 1 else 's'} left out"
        )

    def _describe(self) -> str:
        n, (before, after) = self.input_size.value, self.sides
        starts = ", ".join(str(start) for start in self.starts)
        plural = len(self.starts) > 1
        sentences = [
            f"{n} cell{'' if n == 1 else 's'} with {before} zero{'' if before == 1 else 's'} before and "
            f"{after} after make {n + before + after}.",
            f"Windows of {self.kernel_size.value} start at cell{'s' if plural else ''} {starts} of these: "
            f"{self._counted()}.",
        ]
        if before != after:
            sentences.append("The total is odd, so one side gets one zero more: here the end.")
        if len(self.starts) == n:
            sentences.append("The output is as long as the input.")
        return " ".join(sentences)

    def __repr__(self) -> str:
        symbol = "P" if self.convention.value == PER_SIDE else "p"
        return (
            f"Output-size playground with N={self.input_size.value}, K={self.kernel_size.value}, "
            f"S={self.stride.value}, {symbol}={self.padding.value} ({self.convention.value}). "
            f"{self._describe()}"
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Return what a notebook shows: the widget, or its state in words where there are no widgets."""
        bundle: dict[str, Any] = self.box._repr_mimebundle_(**kwargs)
        return bundle | {"text/plain": repr(self)}


def output_size_playground() -> OutputSizePlayground:
    """Return the widget: sliders for N, K, S and the padding, and every window along the row of cells.

    A dropdown says what the padding's number means: zeros on each side (P) or zeros in all (p), where an odd
    total puts one zero more at the end. Tab reaches every control, the arrow keys move it. Below the row
    stand the formula of the chosen convention with the present numbers and a sentence that says where the
    windows start and what is left out; the sentence is also the picture's alt text.

    Without a front end that shows widgets (a static page, a terminal) the cell prints that sentence. There,
    ``figures.window_positions`` and ``figures.padded_positions`` draw any row.
    """
    return OutputSizePlayground()


def _slider(description: str, value: int, low: int, high: int) -> Any:
    return ipywidgets.IntSlider(
        value=value,
        min=low,
        max=high,
        description=description,
        style={"description_width": "7em"},
        layout=ipywidgets.Layout(width="24em"),
    )
