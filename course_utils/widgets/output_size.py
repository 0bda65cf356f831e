"""A playground for the output size: N, K, S and the padding, in either of its two conventions."""

import ipywidgets

from course_utils.figures import padded_positions, panels, window_positions
from course_utils.widgets.parts import Drawn, counted, dropdown, side_by_side, size_formula, slider

LARGEST_INPUT = 10
LARGEST_KERNEL = 7
LARGEST_STRIDE = 4
LARGEST_PADDING = 4
PER_SIDE, IN_ALL = "P zeros on each side", "p zeros in all"


class OutputSizePlayground(Drawn):
    """The widget that ``output_size_playground`` returns.

    ``input_size``, ``kernel_size``, ``stride`` and ``padding`` are its sliders and ``convention`` the
    dropdown that says what the number of the last one means; ``picture``, ``formula`` and ``words`` are what
    it shows; ``box`` holds them all.

    The largest kernel follows the padded input, so every setting that can be reached is valid. A change of
    the convention keeps the number: that is the mix-up, and it shows at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.input_size = slider("Input size N", 6, 1, LARGEST_INPUT)
        self.kernel_size = slider("Kernel size K", 3, 1, LARGEST_KERNEL)
        self.stride = slider("Stride S", 1, 1, LARGEST_STRIDE)
        self.padding = slider("Padding P", 1, 0, LARGEST_PADDING)
        self.convention = dropdown("Padding means", (PER_SIDE, IN_ALL), PER_SIDE)
        self.formula = ipywidgets.HTML()
        controls = (self.input_size, self.kernel_size, self.stride, self.padding, self.convention)
        for control in controls:
            control.observe(self._changed, names="value")
        self.box = ipywidgets.VBox(
            [side_by_side(controls[:3], controls[3:]), self.picture, self.formula, self.words]
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
        with self._settle():
            self.padding.description = "Padding P" if self.convention.value == PER_SIDE else "Padding p"
            self.kernel_size.max = min(LARGEST_KERNEL, self.input_size.value + sum(self.sides))
        self._draw()

    def _draw(self) -> None:
        n, k, s, number = (x.value for x in (self.input_size, self.kernel_size, self.stride, self.padding))
        if not self._is_new(n, k, s, number, self.convention.value):
            return
        before, after = self.sides
        outputs = len(self.starts)
        figure, (axes,) = panels(width=8.5, height=1.3 + 0.32 * (outputs + 2))
        if before == after:
            window_positions(axes, n, k, stride=s, padding=before)
        else:
            title = f"N={n}, K={k}, S={s}, {before} before and {after} after:\n{self._counted()}"
            padded_positions(axes, n, k, stride=s, before=before, after=after, title=title)
        self._show(figure, self._describe())
        padding = ("2P", f"2·{number}") if self.convention.value == PER_SIDE else ("p", str(number))
        self.formula.value = size_formula(n, k, s, outputs, padding=padding)

    def _left_out(self) -> int:
        """Count the cells of the padded input that no window covers."""
        padded = int(self.input_size.value) + sum(self.sides)
        covered = {cell for start in self.starts for cell in range(start, start + self.kernel_size.value)}
        return padded - len(covered)

    def _counted(self) -> str:
        return f"{counted(len(self.starts), 'window')}, {counted(self._left_out(), 'cell')} left out"

    def _describe(self) -> str:
        n, (before, after) = self.input_size.value, self.sides
        starts = ", ".join(str(start) for start in self.starts)
        plural = len(self.starts) > 1
        sentences = [
            f"{counted(n, 'cell')} with {counted(before, 'zero')} before and {after} after "
            f"make {n + before + after}.",
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


def output_size_playground() -> OutputSizePlayground:
    """Return the widget: sliders for N, K, S and the padding, and every window along the row of cells.

    A dropdown says what the padding's number means: zeros on each side (P) or zeros in all (p), where an odd
    total puts one zero more at the end. Tab reaches every control; the arrow keys move a slider, Space opens
    the dropdown. Below the row stand the formula of the chosen convention with the present numbers and a
    sentence that says where the windows start and what is left out; the sentence is also the picture's alt
    text.

    Without a front end that shows widgets (a static page, a terminal) the cell prints that sentence. There,
    ``figures.window_positions`` and ``figures.padded_positions`` draw any row.
    """
    return OutputSizePlayground()
