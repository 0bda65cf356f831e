"""A kernel that slides over a grid, with sliders for the four sizes and for the position."""

from itertools import product

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from course_utils.figures import panels, sliding_window
from course_utils.widgets.parts import Drawn, play, side_by_side, size_formula, slider

SMALLEST_INPUT, LARGEST_INPUT = 3, 8
LARGEST_KERNEL = 5
LARGEST_STRIDE = 4
LARGEST_PADDING = 2
MILLISECONDS_PER_STEP = 700

# A bright bar on a darker ground, so that the kernel below has edges to find.
PICTURE = np.array(
    [
        [1, 0, 2, 7, 8, 1, 0, 2],
        [0, 1, 1, 8, 9, 2, 1, 0],
        [2, 1, 0, 9, 8, 0, 1, 1],
        [1, 2, 1, 8, 7, 1, 0, 2],
        [0, 1, 2, 9, 9, 2, 1, 1],
        [1, 0, 1, 7, 8, 1, 2, 0],
        [2, 1, 0, 8, 9, 0, 1, 2],
        [0, 2, 1, 9, 7, 1, 0, 1],
    ]
)


class SlidingKernel(Drawn):
    """The widget that ``sliding_kernel`` returns.

    ``input_size``, ``kernel_size``, ``stride``, ``padding`` and ``position`` are its sliders and ``play``
    the animation; ``picture``, ``formula`` and ``words`` are what it shows; ``box`` holds them all.

    The range of a slider follows the others: the kernel is never larger than the padded input, and there are
    as many positions as windows. So every setting that can be reached is valid, in whatever order it is
    reached, and nothing has to be refused.
    """

    def __init__(self) -> None:
        super().__init__()
        self.input_size = slider("Input size N", 6, SMALLEST_INPUT, LARGEST_INPUT)
        self.kernel_size = slider("Kernel size K", 3, 1, LARGEST_KERNEL)
        self.stride = slider("Stride S", 1, 1, LARGEST_STRIDE)
        self.padding = slider("Padding P", 0, 0, LARGEST_PADDING)
        self.position = slider("Position", 0, 0, 1)
        self.play = play("move the window through all positions", interval=MILLISECONDS_PER_STEP)
        self.formula = ipywidgets.HTML()
        sizes = (self.input_size, self.kernel_size, self.stride, self.padding)
        for size in sizes:
            size.observe(self._size_changed, names="value")
        self.position.observe(self._position_changed, names="value")
        self.play.observe(self._play_stepped, names="value")
        self.box = ipywidgets.VBox(
            [
                side_by_side(sizes[:2], sizes[2:]),
                side_by_side(self.position, self.play),
                self.picture,
                self.formula,
                self.words,
            ]
        )
        self._size_changed(None)

    def _size_changed(self, change: object) -> None:
        """Fit the ranges to the sizes. Clamping a slider calls this again, with nothing left to do."""
        if self._settling:
            return
        with self._settle():
            padded = self.input_size.value + 2 * self.padding.value
            self.kernel_size.max = min(LARGEST_KERNEL, padded)
            last = len(self._corners()) - 1
            self.play.max = last
            self.position.max = last
            self.position.disabled = last == 0
            self.play.value = self.position.value
        self._draw()

    def _position_changed(self, change: object) -> None:
        if self._settling:
            return
        self.play.value = self.position.value
        self._draw()

    def _play_stepped(self, change: object) -> None:
        if not self._settling:
            self.position.value = self.play.value

    def _corners(self) -> list[tuple[int, int]]:
        """Row and column of the top left cell of every window, in the padded input."""
        room = self.input_size.value + 2 * self.padding.value - self.kernel_size.value
        starts = range(0, room + 1, self.stride.value)
        return list(product(starts, starts))

    def _draw(self) -> None:
        n, k, s, p = (x.value for x in (self.input_size, self.kernel_size, self.stride, self.padding))
        if not self._is_new(n, k, s, p, self.position.value):
            return
        image, kernel = PICTURE[:n, :n], _edge_kernel(k)
        figure, (axes,) = panels(width=9.5, height=4.4)
        sliding_window(axes, image, kernel, position=self.position.value, stride=s, padding=p)
        self._show(figure, self._describe(image, kernel))
        outputs = len(range(0, n + 2 * p - k + 1, s))
        self.formula.value = size_formula(n, k, s, outputs, padding=("2P", f"2·{p}"))

    def _describe(self, image: NDArray[np.int64], kernel: NDArray[np.int64]) -> str:
        n, k, p = self.input_size.value, self.kernel_size.value, self.padding.value
        corners = self._corners()
        index = self.position.value
        top, left = corners[index]
        across = len({column for _, column in corners})
        row, column = divmod(index, across)
        padded = n + 2 * p
        inside = [(r, c) for r, c in np.ndindex(k, k) if p <= top + r < p + n and p <= left + c < p + n]
        total = sum(int(kernel[r, c]) * int(image[top + r - p, left + c - p]) for r, c in inside)
        outside = k * k - len(inside)
        sentences = [
            f"Window {index + 1} of {len(corners)} covers {_span('row', top, k)} and "
            f"{_span('column', left, k)} of the {padded} by {padded} {'padded ' if p else ''}input.",
            f"{outside} of its {k * k} cells {'is' if outside == 1 else 'are'} padding." if outside else "",
            f"Its {k * k} products add up to {total}, which goes to row {row}, column {column} "
            f"of the {across} by {across} output."
            if k > 1
            else f"Its product is {total}, which goes to row {row}, column {column} "
            f"of the {across} by {across} output.",
        ]
        last = corners[-1][0] + k
        if last < padded:
            unseen = padded - last
            name = f"{unseen} rows and {unseen} columns are" if unseen > 1 else "row and column are"
            sentences.append(f"The last {name} never covered: the next step would not fit.")
        if self.stride.value > k:
            sentences.append(
                "Rows and columns between the windows are skipped: the stride exceeds the kernel."
            )
        return " ".join(sentence for sentence in sentences if sentence)

    def __repr__(self) -> str:
        image, kernel = (
            PICTURE[: self.input_size.value, : self.input_size.value],
            _edge_kernel(self.kernel_size.value),
        )
        return (
            f"Sliding kernel with N={self.input_size.value}, K={self.kernel_size.value}, "
            f"S={self.stride.value}, P={self.padding.value}. {self._describe(image, kernel)}"
        )


def sliding_kernel() -> SlidingKernel:
    """Return the widget: a kernel that slides over a small picture, with sliders for N, K, S and P.

    Every control is a slider with a description: Tab reaches it, the arrow keys move it. *Play* moves the
    window through all positions. Below the picture stand the output-size formula with the present numbers
    and a sentence that says what the window does; the sentence is also the picture's alt text.

    Without a front end that shows widgets (a static page, a terminal) the cell prints that sentence. There,
    ``figures.sliding_window`` draws any single step, ``figures.window_positions`` all steps along one side.
    """
    return SlidingKernel()


def _edge_kernel(size: int) -> NDArray[np.int64]:
    """Right half minus left half; a kernel of one cell copies its input."""
    if size == 1:
        return np.ones((1, 1), dtype=np.int64)
    columns = np.sign(2 * np.arange(size) - (size - 1))
    return np.tile(columns, (size, 1))


def _span(name: str, start: int, length: int) -> str:
    return f"{name} {start}" if length == 1 else f"{name}s {start} to {start + length - 1}"
