"""A row that shifts under pooling windows: which inputs change, and which pooled values."""

from typing import Any

import ipywidgets
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from course_utils.figures import panels, pooled_row
from course_utils.widgets.parts import Drawn, counted, dropdown, side_by_side, slider

LENGTH = 16
LARGEST_SHIFT = 8
LARGEST_WINDOW = 6
LARGEST_STRIDE = 4
MAX, AVERAGE, L2, NONE = "max", "average", "L2 (root of the sum of squares)", "none: every S-th value"
KINDS = (MAX, AVERAGE, L2, NONE)

# Responses of a detector: a few peaks, some zeros. What is shown ends LARGEST_SHIFT before the left end, so
# that a shift to the right brings in numbers and no made-up zeros.
ROW = np.array([3, 1, 0, 2, 7, 4, 1, 0, 1, 5, 9, 6, 2, 0, 1, 3, 8, 4, 0, 1, 2, 6, 3, 0])


class PoolingShift(Drawn):
    """The widget that ``pooling_shift`` returns.

    ``shift``, ``kernel_size`` and ``stride`` are its sliders and ``kind`` its dropdown; ``picture`` and
    ``words`` are what it shows; ``box`` holds them all.

    Every window size fits the row, so every setting that can be reached is valid. Without pooling there is
    no window: its slider is off, and a window of one cell is used.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kind = dropdown("Pooling", KINDS, MAX)
        self.shift = slider("Shift (cells)", 1, 0, LARGEST_SHIFT)
        self.kernel_size = slider("Window K", 2, 1, LARGEST_WINDOW)
        self.stride = slider("Stride S", 2, 1, LARGEST_STRIDE)
        for control in (self.kind, self.shift, self.kernel_size, self.stride):
            control.observe(self._changed, names="value")
        self.box = ipywidgets.VBox(
            [
                side_by_side([self.shift, self.kind], [self.kernel_size, self.stride]),
                self.picture,
                self.words,
            ]
        )
        self._changed(None)

    @property
    def window(self) -> int:
        """How many cells a window has: one where there is no pooling."""
        return 1 if self.kind.value == NONE else int(self.kernel_size.value)

    def row(self, shift: int) -> NDArray[np.int64]:
        """Return the cells that are shown, (16,), with the content moved ``shift`` cells to the right."""
        return ROW[LARGEST_SHIFT - shift : LARGEST_SHIFT - shift + LENGTH]

    def pooled(self, shift: int) -> NDArray[np.float64]:
        """Return one number for each window of ``row(shift)``."""
        windows = sliding_window_view(self.row(shift), self.window)[:: self.stride.value]
        if self.kind.value == AVERAGE:
            return np.asarray(windows.sum(axis=1) / self.window)
        if self.kind.value == L2:
            return np.asarray(np.sqrt((windows**2).sum(axis=1)))
        return np.asarray(windows.max(axis=1), dtype=np.float64)

    def _changed(self, change: object) -> None:
        self.kernel_size.disabled = self.kind.value == NONE
        if not self._is_new(self.kind.value, self.shift.value, self.window, self.stride.value):
            return
        shift = self.shift.value
        figure, (top, bottom) = panels(2, 1, width=9.5, height=4.6)
        sizes = {"kernel_size": self.window, "stride": self.stride.value}
        pooled_row(top, self.row(0), self.pooled(0), title="Before the shift", **sizes)
        inputs, outputs = self._differences()
        pooled_row(
            bottom,
            self.row(shift),
            self.pooled(shift),
            title=f"Shifted by {counted(shift, 'cell')}: {inputs.sum()} of {len(inputs)} inputs and "
            f"{outputs.sum()} of {len(outputs)} pooled values changed (hatched bars)",
            changed_inputs=inputs,
            changed_outputs=outputs,
            **sizes,
        )
        self._show(figure, self._describe())

    def _differences(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Say which inputs and which pooled values are not what they were without the shift."""
        shift = self.shift.value
        return self.row(shift) != self.row(0), self.pooled(shift) != self.pooled(0)

    def _describe(self) -> str:
        shift, stride, kind = self.shift.value, self.stride.value, self.kind.value
        inputs, outputs = self._differences()
        way = f"every {_ordinal(stride)} value kept" if kind == NONE else f"{kind.split(' (')[0]} pooling"
        window = (
            "" if kind == NONE else f" with windows of {counted(self.window, 'cell')} and stride {stride}"
        )
        sentences = [
            f"{way[0].upper()}{way[1:]}{window}: after a shift by {counted(shift, 'cell')} to the right, "
            f"{inputs.sum()} of {len(inputs)} inputs and {outputs.sum()} of {len(outputs)} "
            f"{'values kept' if kind == NONE else 'pooled values'} changed.",
            f"Input: {_listed(self.row(shift))}. Output: {_listed(self.pooled(shift))}; "
            f"before the shift: {_listed(self.pooled(0))}.",
        ]
        if shift and shift % stride == 0:
            places = counted(shift // stride, "place")
            sentences.append(
                f"The shift is a multiple of the stride, so the output has moved too, by {places}."
            )
        elif shift:
            sentences.append("The shift is no multiple of the stride: other windows, other groups of cells.")
        return " ".join(sentences)

    def __repr__(self) -> str:
        return f"Pooling under a shift. {self._describe()}"


def pooling_shift() -> PoolingShift:
    """Return the widget: a row of numbers that you shift under pooling windows.

    Three sliders set the shift, the size of the window and the stride; a dropdown picks the kind of pooling.
    Tab reaches each of them; the arrow keys move a slider, Space opens the dropdown. The row is drawn before
    and after the shift, and hatched bars mark the inputs and the pooled values that changed. A sentence
    counts them; it is also the picture's alt text.

    Without a front end that shows widgets (a static page, a terminal) the cell prints that sentence. There,
    ``figures.pooled_row`` draws any row.
    """
    return PoolingShift()


def _ordinal(number: int) -> str:
    return {1: "single", 2: "second", 3: "third"}.get(number, f"{number}th")


def _listed(values: NDArray[Any]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
