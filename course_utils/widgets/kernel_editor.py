"""A kernel editor: nine weights, a photograph, and the feature map that they make of it."""

from functools import lru_cache

import ipywidgets
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from course_utils.data import load
from course_utils.figures import feature_maps, panels, picture
from course_utils.widgets.parts import Drawn, dropdown, side_by_side

YOUR_OWN = "your own"
PRESETS = {
    "identity": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
    "blur": ((0.0625, 0.125, 0.0625), (0.125, 0.25, 0.125), (0.0625, 0.125, 0.0625)),
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "edges left-right": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    "edges top-bottom": ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
    "Laplacian": ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    "emboss": ((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
}
LARGEST_WEIGHT = 10.0
STEP = 0.5  # of a weight, for one press of an arrow key
SHRINK = 2  # photographs are shown at half their size, so that a change shows at once
TINY = 1e-9  # sums nearer to zero than this are zero


class KernelEditor(Drawn):
    """The widget that ``kernel_editor`` returns.

    ``preset`` and ``photograph`` are its dropdowns, ``weights`` its nine number fields row by row and
    ``turn`` the button that turns the kernel; ``picture`` and ``words`` are what it shows; ``box`` holds
    them all.

    The preset follows the weights: it names the preset that they are, or says "your own". Fields hold numbers
    between -10 and 10 only, so every setting that can be reached is valid.
    """

    def __init__(self) -> None:
        super().__init__()
        self.preset = dropdown("Kernel", [*PRESETS, YOUR_OWN], "edges left-right")
        self.photograph = dropdown("Photograph", list(_photographs()), "coffee cup")
        self.weights = [
            ipywidgets.BoundedFloatText(
                value=0.0,
                min=-LARGEST_WEIGHT,
                max=LARGEST_WEIGHT,
                step=STEP,
                description=f"w[{row}, {column}]",
                tooltip=f"Weight in row {row}, column {column}",
                style={"description_width": "4em"},
                layout=ipywidgets.Layout(width="10em"),
            )
            for row, column in np.ndindex(3, 3)
        ]
        self.turn = ipywidgets.Button(
            description="Turn by 90°",
            tooltip="Turn the kernel by 90 degrees, counterclockwise",
        )
        self.preset.observe(self._preset_chosen, names="value")
        for field in self.weights:
            field.observe(self._weight_changed, names="value")
        self.photograph.observe(self._draw, names="value")
        self.turn.on_click(self._turn)
        rows = [ipywidgets.HBox(self.weights[start : start + 3]) for start in (0, 3, 6)]
        self.box = ipywidgets.VBox(
            [
                side_by_side([self.preset, self.photograph, self.turn], rows),
                self.picture,
                self.words,
            ]
        )
        self._preset_chosen(None)

    @property
    def kernel(self) -> NDArray[np.float64]:
        """The nine weights as they stand in the fields, (3, 3)."""
        return np.array([field.value for field in self.weights], dtype=np.float64).reshape(3, 3)

    @property
    def image(self) -> NDArray[np.float64]:
        """The photograph in grey, (H, W), 0 to 1."""
        return _photographs()[self.photograph.value]

    @property
    def feature_map(self) -> NDArray[np.float64]:
        """What the kernel makes of the photograph, (H - 2, W - 2): the windows that fit, none padded."""
        # ndimage pads and keeps the size; the windows that touch its padding are cut off
        return np.asarray(ndimage.correlate(self.image, self.kernel, mode="constant"))[1:-1, 1:-1]

    def _preset_chosen(self, change: object) -> None:
        if self._settling:
            return
        chosen = PRESETS.get(self.preset.value)
        if chosen is not None:
            self._set(np.array(chosen, dtype=np.float64))
        self._draw(None)

    def _weight_changed(self, change: object) -> None:
        if not self._settling:
            self._set(self.kernel)
            self._draw(None)

    def _turn(self, button: object) -> None:
        self._set(np.rot90(self.kernel))
        self._draw(None)

    def _set(self, kernel: NDArray[np.float64]) -> None:
        """Put the weights into the fields and their name into the dropdown, as one change."""
        with self._settle():
            for field, weight in zip(self.weights, kernel.ravel(), strict=True):
                field.value = float(weight)
            named = (name for name, weights in PRESETS.items() if np.allclose(weights, kernel))
            self.preset.value = next(named, YOUR_OWN)

    def _draw(self, change: object) -> None:
        if not self._is_new(self.photograph.value, self.preset.value, *self.kernel.ravel()):
            return
        image, made = self.image, self.feature_map
        figure, (left, right) = panels(1, 2, width=9.5, height=3.1)
        picture(left, image, title=f"Input: {self.photograph.value}")
        if _is_picture(self.kernel):
            picture(right, made, title=f"Feature map: {self.preset.value}")
        else:
            feature_maps(right, made, title=f"Feature map: {self.preset.value}")
        self._show(figure, self._describe(image, made))

    def _describe(self, image: NDArray[np.float64], made: NDArray[np.float64]) -> str:
        kernel = self.kernel
        rows = ", ".join("(" + ", ".join(_number(weight) for weight in row) + ")" for row in kernel)
        total = float(kernel.sum())
        sentences = [
            f"Kernel {self.preset.value}, row by row {rows}: its weights add up to {_number(total)}.",
            f"The input, {image.shape[0]} by {image.shape[1]} pixels, runs from {_number(image.min())} to "
            f"{_number(image.max())} with mean {_number(image.mean())};",
            f"the feature map, {made.shape[0]} by {made.shape[1]}, from {_number(made.min())} to "
            f"{_number(made.max())} with mean {_number(made.mean())}.",
        ]
        if _is_picture(kernel):
            outside = float(np.mean((made < -TINY) | (made > 1 + TINY)))
            flat = (
                "keep their brightness" if abs(total - 1) < TINY else f"get {_number(total)} times as bright"
            )
            sentences.append(
                f"Flat areas {flat}. The map is shown as a picture, 0 black and 1 white; "
                f"{outside:.1%} of its values lie beyond."
            )
        elif np.any(kernel):
            flat = "give 0" if abs(total) < TINY else "turn negative"
            sentences.append(
                f"Flat areas {flat}. The map is shown with negative values black, 0 grey, positive white."
            )
        else:
            sentences.append("All weights are 0, so the map is 0 everywhere.")
        return " ".join(sentences)

    def __repr__(self) -> str:
        return f"Kernel editor on the photograph {self.photograph.value}. " + self._describe(
            self.image, self.feature_map
        )


def kernel_editor() -> KernelEditor:
    """Return the widget: a 3 by 3 kernel that you can edit, and what it makes of a photograph.

    Tab reaches every control. A dropdown sets all nine weights to a kernel with a name, the nine fields
    change one each (arrow keys: by 0.5), a button turns the kernel, and another dropdown picks the
    photograph. Below the picture stand the sum of the weights and the range and mean of input and map in
    words; they are also the picture's alt text. The kernel is laid over the photograph as it stands
    (cross-correlation), on windows that fit.

    Without a front end that shows widgets (a static page, a terminal) the cell prints those words. There,
    ``figures.feature_maps`` draws the maps of any kernels.
    """
    return KernelEditor()


@lru_cache
def _photographs() -> dict[str, NDArray[np.float64]]:
    """Every photograph in grey at half its size, (H, W), 0 to 1, by its name."""
    photographs = load("photographs")
    grey = photographs.images.mean(axis=1) / 255
    n, height, width = grey.shape
    small = grey.reshape(n, height // SHRINK, SHRINK, width // SHRINK, SHRINK).mean(axis=(2, 4))
    return dict(zip(photographs.class_names, small, strict=True))


def _is_picture(kernel: NDArray[np.float64]) -> bool:
    """Weights with a positive sum make something like a picture of the input; others make signed maps."""
    return float(kernel.sum()) > TINY


def _number(value: float) -> str:
    text = f"{round(float(value), 3) + 0.0:g}"
    return text.replace("-", "−")
