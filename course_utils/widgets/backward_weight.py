"""What one weight of a kernel, or one cell of the input, collects in the backward pass."""

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from course_utils.figures import cell_terms, panels, weight_terms
from course_utils.widgets.parts import Drawn, counted, dropdown, side_by_side, slider

ONE_WEIGHT, ONE_CELL = "one weight of the kernel", "one cell of the input"
LARGEST_STRIDE = 3
LARGEST_PADDING = 2

IMAGE = np.array(
    [
        [1, 0, 2, 7, 8, 1],
        [0, 1, 1, 8, 9, 2],
        [2, 1, 0, 9, 8, 0],
        [1, 2, 1, 8, 7, 1],
        [0, 1, 2, 9, 9, 2],
        [1, 0, 1, 7, 8, 1],
    ]
)
KERNEL = np.array([[-1, 0, 2], [3, 1, -2], [0, 4, 1]])
UPSTREAM = np.array(
    [
        [2, -1, 1, 3, -2, 1, -3, 1],
        [1, 3, -2, 1, 2, -1, 2, -2],
        [-1, 2, 1, -3, 1, 2, 1, 3],
        [3, -2, 2, 1, -1, 3, -2, 1],
        [-2, 1, 3, 2, -1, 1, 2, -1],
        [1, -1, 2, -2, 3, 1, -1, 2],
        [2, 1, -3, 1, 2, -2, 1, 3],
        [-1, 2, 1, -1, 1, 3, 2, -2],
    ]
)


class BackwardWeight(Drawn):
    """The widget that ``backward_weight`` returns.

    ``mode`` is its dropdown; ``row``, ``column``, ``stride`` and ``padding`` are its sliders; ``picture``
    and ``words`` are what it shows; ``box`` holds them all.

    ``row`` and ``column`` choose a weight or an input cell, whichever ``mode`` says, and their range follows
    it. The kernel always fits, so every setting that can be reached is valid.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mode = dropdown("Gradient of", (ONE_WEIGHT, ONE_CELL), ONE_WEIGHT)
        self.row = slider("Row", 1, 0, len(KERNEL) - 1)
        self.column = slider("Column", 2, 0, len(KERNEL) - 1)
        self.stride = slider("Stride S", 1, 1, LARGEST_STRIDE)
        self.padding = slider("Padding P", 0, 0, LARGEST_PADDING)
        self.mode.observe(self._mode_changed, names="value")
        for moved in (self.row, self.column, self.stride, self.padding):
            moved.observe(self._slider_moved, names="value")
        self.box = ipywidgets.VBox(
            [
                self.mode,
                side_by_side([self.row, self.column], [self.stride, self.padding]),
                self.picture,
                self.words,
            ]
        )
        self._draw()

    def upstream(self) -> NDArray[np.int64]:
        """Return the gradient from above (OH, OW) at the present stride and padding."""
        outputs = len(range(0, len(IMAGE) + 2 * self.padding.value - len(KERNEL) + 1, self.stride.value))
        return UPSTREAM[:outputs, :outputs]

    def _mode_changed(self, change: object) -> None:
        """Fit the ranges to what is chosen. Clamping a slider calls back, which must wait for both."""
        last = len(KERNEL if self.mode.value == ONE_WEIGHT else IMAGE) - 1
        with self._settle():
            self.row.max = self.column.max = last
        self._draw()

    def _slider_moved(self, change: object) -> None:
        if not self._settling:
            self._draw()

    def _draw(self) -> None:
        chosen = (self.row.value, self.column.value)
        stride, padding = self.stride.value, self.padding.value
        if not self._is_new(self.mode.value, chosen, stride, padding):
            return
        figure, (axes,) = panels(width=9.5, height=4.6)
        above = self.upstream()
        if self.mode.value == ONE_WEIGHT:
            weight_terms(axes, IMAGE, above, (3, 3), weight=chosen, stride=stride, padding=padding)
        else:
            cell_terms(axes, IMAGE, above, KERNEL, cell=chosen, stride=stride, padding=padding)
        self._show(figure, self._describe())

    def _describe(self) -> str:
        row, column = self.row.value, self.column.value
        stride, padding = self.stride.value, self.padding.value
        above = self.upstream()
        size = f"{len(above)} by {len(above)}"
        terms, outside = [], 0
        if self.mode.value == ONE_WEIGHT:
            for i, j in np.ndindex(above.shape):
                r, c = row + stride * i - padding, column + stride * j - padding
                inside = 0 <= r < len(IMAGE) and 0 <= c < len(IMAGE)
                outside += not inside
                terms.append((int(IMAGE[r, c]) if inside else 0, int(above[i, j])))
            met = f"The weight in row {row}, column {column} of the kernel met {len(terms)} cells"
            zeros = f", {outside} of them padding" if outside else ""
            begin = f"{met}{zeros}, one for each number of the {size} gradient from above."
        else:
            for i, j in np.ndindex(above.shape):
                r, c = row + padding - stride * i, column + padding - stride * j
                if 0 <= r < len(KERNEL) and 0 <= c < len(KERNEL):
                    terms.append((int(KERNEL[r, c]), int(above[i, j])))
            outputs = counted(len(terms), "output")
            begin = f"The cell in row {row}, column {column} of the input reached {outputs} of {size}."
        if not terms:
            return f"{begin} No window covered it, so its gradient is 0."
        total = sum(a * b for a, b in terms)
        if len(terms) == 1:
            end = f"The product {terms[0][0]}·{_signed(terms[0][1])} = {total} is its gradient."
        else:
            shown = " + ".join(f"{_signed(a)}·{_signed(b)}" for a, b in terms[:3])
            rest = " + …" if len(terms) > 3 else ""
            end = f"The products {shown}{rest} add up to {total}: its gradient."
        return f"{begin} {end}"

    def __repr__(self) -> str:
        head = f"Gradient of {self.mode.value}, S={self.stride.value}, P={self.padding.value}."
        return f"{head} {self._describe()}"


def backward_weight() -> BackwardWeight:
    """Return the widget: what one weight, or one input cell, collects in the backward pass of a convolution.

    A dropdown chooses which of the two; sliders choose the weight or the cell, the stride and the padding.
    The picture frames the input cells that the weight multiplied, beside the gradient from above that they
    are paired with; or the outputs that the cell reached, and the weights that carried it there. The
    sentence below it says the sum, which is the gradient; it is also the picture's alt text.

    Without a front end that shows widgets the cell prints that sentence. There, ``figures.weight_terms`` and
    ``figures.cell_terms`` draw any single setting.
    """
    return BackwardWeight()


def _signed(number: int) -> str:
    return f"({number})" if number < 0 else str(number)
