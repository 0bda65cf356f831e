"""The tasks of ex03: for each one its cases, what they are worth, and the mistakes that learners make.

Three tasks let a window slide over each map and keep one number of it. They share their cases and those mistakes
that concern the window; what they keep is told apart by the function ``keep``, which takes an array and axes.
A mistake takes the reference's functions first. Oracles import torch themselves: only a release needs it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator

import numpy as np

from course_utils.check import NUMPY_ONLY, Case, Task
from course_utils.grading.inputs import TYPES_AND_LAYOUTS, Array, Rng, distinct, fine, numbers, whole

Shape = tuple[int, ...]

MAX = "04_pooling#Max pooling"
OVERLAP = "04_pooling#Windows that overlap"
AVERAGE = "04_pooling#Average pooling"
L2 = "04_pooling#L2 pooling"
BY_ITSELF = "04_pooling#Every channel by itself"
ACROSS = "04_pooling#Pooling across channels"
ANY_SIZE = "04_pooling#Inputs of any size"
SIZE = "03_convolution_layer#Output size"
TYPES = "03_convolution_layer#Number types"


def bright(rng: Rng, *shape: int) -> Array:
    """Pixels of 100 to 255 in uint8, of which already three do not add up inside that type."""
    return rng.integers(100, 256, shape, dtype=np.uint8)


FAR_BELOW = -(2.0**70)  # below every number that somebody makes up to start a maximum with


def positive(rng: Rng, *shape: int) -> Array:
    """Different positive numbers: who only mistreats negative ones gets these right."""
    return np.abs(distinct(rng, *shape))


# Windows: what max_pool2d, avg_pool2d and l2_pool2d have in common


def window_cases(rng: Rng, draw: Callable[..., Array] = distinct) -> Iterator[Case]:
    def case(group: str, x: Array, kernel_size: int, stride: int, strided: bool = False) -> Case:
        return Case(group, {"x": x, "kernel_size": kernel_size, "stride": stride}, strided)

    def maps(group: str, shape: Shape, kernel_size: int, stride: int) -> Case:
        return case(group, draw(rng, *shape), kernel_size, stride)

    yield maps("windows side by side", (1, 1, 4, 4), 2, 2)
    yield maps("windows side by side", (1, 1, 6, 6), 3, 3)
    yield maps("windows side by side", (1, 2, 8, 8), 4, 4)
    yield maps("windows that overlap", (1, 1, 4, 4), 2, 1)
    yield maps("windows that overlap", (1, 2, 5, 5), 3, 1)
    yield maps("windows that overlap", (1, 1, 7, 7), 3, 2)
    yield maps("windows that overlap", (2, 1, 8, 8), 4, 2)
    yield maps("gaps between windows", (1, 1, 5, 5), 2, 3)
    yield maps("gaps between windows", (1, 2, 7, 7), 1, 3)
    yield maps("gaps between windows", (1, 1, 7, 7), 3, 4)
    yield maps("windows that do not fit", (1, 2, 5, 5), 2, 2)
    yield maps("windows that do not fit", (1, 1, 8, 8), 3, 2)
    yield maps("windows that do not fit", (2, 1, 8, 8), 2, 4)
    yield maps("windows that do not fit", (1, 1, 7, 7), 4, 2)
    yield maps("several images and channels", (3, 2, 4, 4), 2, 2)
    yield maps("several images and channels", (2, 3, 5, 5), 3, 2)
    yield maps("several images and channels", (4, 1, 3, 3), 2, 1)
    yield maps("several images and channels", (1, 5, 4, 4), 3, 1)
    yield maps("not square", (1, 2, 4, 7), 2, 2)
    yield maps("not square", (2, 1, 8, 5), 3, 2)
    yield maps("not square", (1, 1, 3, 6), 3, 1)
    yield maps("not square", (2, 2, 5, 4), 4, 3)
    yield maps("not square", (1, 2, 4, 6), 1, 1)
    types = TYPES_AND_LAYOUTS
    yield case(types, whole(rng, 1, 2, 5, 4), 3, 2)
    yield case(types, whole(rng, 2, 1, 4, 6), 2, 2)
    yield case(types, bright(rng, 1, 2, 4, 5), 2, 1)
    yield case(types, bright(rng, 2, 1, 6, 4), 3, 2)
    yield case(types, rng.integers(-1, 2, (2, 1, 4, 5)), 2, 1)  # a zero is a number as any other
    yield case(types, fine(rng, 1, 2, 4, 5), 2, 1)
    yield case(types, distinct(rng, 2, 1, 5, 5).astype(np.float32), 2, 2)
    yield case(types, distinct(rng, 2, 2, 5, 6), 2, 2, strided=True)


def larger_maps(rng: Rng, draw: Callable[..., Array] = distinct) -> Iterator[Case]:
    for kernel_size, stride in ((2, 2), (3, 2), (4, 1), (2, 5), (5, 3)):
        n, c = (int(rng.integers(1, 5)) for _ in range(2))
        h, w = (int(size) for size in rng.choice(np.arange(8, 15), 2, replace=False))
        inputs = {"x": draw(rng, n, c, h, w), "kernel_size": kernel_size, "stride": stride}
        yield Case("not square", inputs)


def max_cases(rng: Rng) -> Iterator[Case]:
    yield from window_cases(rng, positive)
    for shape, kernel_size, stride in (((1, 1, 4, 4), 2, 2), ((2, 2, 5, 6), 3, 1), ((1, 2, 5, 4), 2, 3)):
        negative = -positive(rng, *shape)
        yield Case("negative numbers", {"x": negative, "kernel_size": kernel_size, "stride": stride})
    far = FAR_BELOW * positive(rng, 1, 2, 5, 5)
    yield Case("negative numbers", {"x": far, "kernel_size": 3, "stride": 2})


def pooled_by_torch(pool: str) -> Callable[..., Array]:
    def oracle(x: Array, kernel_size: int, stride: int) -> Array:
        import torch

        tensor = torch.tensor(x, dtype=torch.float64)
        if pool == "lp_pool2d":
            return torch.nn.functional.lp_pool2d(tensor, 2.0, kernel_size, stride).numpy()
        return getattr(torch.nn.functional, pool)(tensor, kernel_size, stride).numpy()

    return oracle


GROUPS = (
    "windows side by side",
    "windows that overlap",
    "gaps between windows",
    "windows that do not fit",
    "several images and channels",
    "not square",
    TYPES_AND_LAYOUTS,
)
HALF_EACH = dict.fromkeys(GROUPS, 0.5)
max_pool2d = Task(
    "max_pool2d",
    {**HALF_EACH, "windows side by side": 1, "windows that overlap": 1, "negative numbers": 0.5},
    max_cases,
    oracle=pooled_by_torch("max_pool2d"),
    hidden=functools.partial(larger_maps, draw=positive),
    forbids=NUMPY_ONLY,
)
avg_pool2d = Task(
    "avg_pool2d",
    HALF_EACH,
    window_cases,
    oracle=pooled_by_torch("avg_pool2d"),
    hidden=larger_maps,
    forbids=NUMPY_ONLY,
)
l2_pool2d = Task(
    "l2_pool2d",
    HALF_EACH,
    window_cases,
    oracle=pooled_by_torch("lp_pool2d"),
    hidden=larger_maps,
    forbids=NUMPY_ONLY,
)


def windows(x: Array, kernel_size: int, stride: int) -> Array:
    """Return every window of `x`, as (N, C, OH, OW, kernel_size, kernel_size)."""
    everywhere = np.lib.stride_tricks.sliding_window_view(x, (kernel_size, kernel_size), axis=(2, 3))
    return everywhere[:, :, ::stride, ::stride]


def cut_windows(x: Array, height: int, width: int, stride: int, size: Shape, keep: Keep) -> Array:
    """Pool (height, width) windows at `size` positions, with windows at the end cut off by the map's border."""
    result = np.zeros((*x.shape[:2], *size))
    for i, j in np.ndindex(*size):
        top, left = i * stride, j * stride
        result[:, :, i, j] = keep(x[:, :, top : top + height, left : left + width], (2, 3))
    return result


def output_size(x: Array, kernel_size: int, stride: int) -> Shape:
    return tuple((side - kernel_size) // stride + 1 for side in x.shape[2:])


Keep = Callable[[Array, Shape], Array]


def largest(x: Array, axes: Shape) -> Array:
    return x.max(axis=axes)


def mean(x: Array, axes: Shape) -> Array:
    return x.mean(axis=axes)


def length(x: Array, axes: Shape) -> Array:
    return np.sqrt(np.square(x, dtype=float).sum(axis=axes))


def add_mistakes_of_the_window(task: Task, keep: Keep, what: str) -> None:
    """Add the mistakes that do not depend on what is kept of a window, the ``what`` of it."""

    def pool(x: Array, kernel_size: int, stride: int) -> Array:
        return keep(windows(x, kernel_size, stride), (4, 5))

    @task.mistake("You move the window by one cell always: it moves by `stride` rows and columns.", OVERLAP)
    def ignores_the_stride(right, x, kernel_size, stride):
        return pool(x, kernel_size, 1)

    @task.mistake(
        "You move the window by its own size: it moves by `stride` cells, so that windows may overlap or leave gaps.",
        OVERLAP,
    )
    def steps_by_the_size_of_the_window(right, x, kernel_size, stride):
        return pool(x, kernel_size, kernel_size)

    @task.mistake("Your window is as large as the stride: it has `kernel_size` rows and columns.", OVERLAP)
    def makes_the_window_as_large_as_the_stride(right, x, kernel_size, stride):
        return pool(x, stride, stride)

    @task.mistake("The arguments are mixed up: kernel_size comes before stride.", OVERLAP)
    def swaps_kernel_size_and_stride(right, x, stride, kernel_size):
        return pool(x, kernel_size, stride)

    @task.mistake(
        "The result has the right size and its windows are one cell apart: row i begins at i * stride.",
        OVERLAP,
    )
    def forgets_the_stride_in_the_window(right, x, kernel_size, stride):
        OH, OW = output_size(x, kernel_size, stride)
        return pool(x, kernel_size, 1)[:, :, :OH, :OW]

    @task.mistake("You use the stride down the rows and not across the columns.", OVERLAP)
    def strides_the_rows_only(right, x, kernel_size, stride):
        return pool(x, kernel_size, 1)[:, :, ::stride]

    @task.mistake("You use the stride across the columns and not down the rows.", OVERLAP)
    def strides_the_columns_only(right, x, kernel_size, stride):
        return pool(x, kernel_size, 1)[:, :, :, ::stride]

    @task.mistake("You round the output size up: a window that hangs over the end is dropped.", SIZE)
    def rounds_the_output_size_up(right, x, kernel_size, stride):
        size = tuple(
            min(math.ceil((side - kernel_size) / stride), (side - 1) // stride) + 1 for side in x.shape[2:]
        )
        return cut_windows(x, kernel_size, kernel_size, stride, size, keep)

    @task.mistake(
        "Your result has H // stride rows: count the positions of the window, (H - kernel_size) // stride + 1.",
        SIZE,
    )
    def divides_the_size_by_the_stride(right, x, kernel_size, stride):
        size = (x.shape[2] // stride, x.shape[3] // stride)
        return cut_windows(x, kernel_size, kernel_size, stride, size, keep)

    @task.mistake("You pad the maps: windows lie inside them, and no padding is added.", SIZE)
    def pads_the_maps(right, x, kernel_size, stride):
        sides = (kernel_size // 2, kernel_size // 2)
        return pool(np.pad(x, ((0, 0), (0, 0), sides, sides)), kernel_size, stride)

    @task.mistake(
        "The last row and column of positions are missing: the first position counts, so add 1.", SIZE
    )
    def stops_one_position_early(right, x, kernel_size, stride):
        return pool(x, kernel_size, stride)[:, :, :-1, :-1]

    @task.mistake(
        "The last row and column of every map stay zero: loop over all positions of the result.", SIZE
    )
    def leaves_the_last_row_and_column_zero(right, x, kernel_size, stride):
        result = pool(x, kernel_size, stride)
        result[:, :, -1], result[:, :, :, -1] = 0, 0
        return result

    @task.mistake("Your window is always 2 by 2: take its size from kernel_size.", MAX)
    def hard_codes_a_window_of_2(right, x, kernel_size, stride):
        return pool(x, 2, stride)

    @task.mistake(
        "Your window is one row and one column too large: a slice a:b ends before b, so b is a + kernel_size.",
        MAX,
    )
    def makes_the_window_one_cell_too_large(right, x, kernel_size, stride):
        size = output_size(x, kernel_size, stride)
        return cut_windows(x, kernel_size + 1, kernel_size + 1, stride, size, keep)

    @task.mistake(
        f"Your window is one column wide: take the {what} of kernel_size rows and as many columns.", MAX
    )
    def takes_one_column_of_the_window(right, x, kernel_size, stride):
        return cut_windows(x, kernel_size, 1, stride, output_size(x, kernel_size, stride), keep)

    @task.mistake(
        f"Your window is one row high: take the {what} of kernel_size rows and as many columns.", MAX
    )
    def takes_one_row_of_the_window(right, x, kernel_size, stride):
        return cut_windows(x, 1, kernel_size, stride, output_size(x, kernel_size, stride), keep)

    @task.mistake(
        "Height and width of the result are swapped: its shape is (N, C, OH, OW), rows before columns.", MAX
    )
    def swaps_height_and_width(right, x, kernel_size, stride):
        return pool(x, kernel_size, stride).swapaxes(2, 3)

    @task.mistake("You take the maps for square: work out the number of columns from W and not from H.", SIZE)
    def takes_every_map_for_square(right, x, kernel_size, stride):
        OH, _ = output_size(x, kernel_size, stride)
        if x.shape[3] <= (OH - 1) * stride:
            raise ValueError("a window without cells")
        return cut_windows(x, kernel_size, kernel_size, stride, (OH, OH), keep)

    @task.mistake(
        f"You take the {what} over all channels and write it into each of them: a channel is pooled by itself.",
        BY_ITSELF,
    )
    def mixes_the_channels(right, x, kernel_size, stride):
        one = keep(windows(x, kernel_size, stride), (1, 4, 5))
        return np.repeat(one[:, None], x.shape[1], axis=1)

    @task.mistake(
        "The channels are gone: pool each of them by itself, so that the result has as many as x.", BY_ITSELF
    )
    def pools_the_channels_away(right, x, kernel_size, stride):
        return keep(windows(x, kernel_size, stride), (1, 4, 5))

    @task.mistake(f"You take the {what} over the whole batch: every image is pooled by itself.", BY_ITSELF)
    def mixes_the_images(right, x, kernel_size, stride):
        one = keep(windows(x, kernel_size, stride), (0, 4, 5))
        return np.repeat(one[None], x.shape[0], axis=0)

    @task.mistake(
        f"You take the {what} over all images and channels, and write it into each of them: a map is pooled by itself. "
        "Leave out the first two axes, with axis=(2, 3).",
        BY_ITSELF,
    )
    def mixes_images_and_channels(right, x, kernel_size, stride):
        one = keep(windows(x, kernel_size, stride), (0, 1, 4, 5))
        return np.tile(one, (*x.shape[:2], 1, 1))

    @task.mistake("Only the first image of the batch is pooled: loop over all N of them.", BY_ITSELF)
    def fills_the_first_image_only(right, x, kernel_size, stride):
        result = pool(x, kernel_size, stride)
        result[1:] = 0
        return result

    @task.mistake("Only the first channel is pooled: loop over all C of them.", BY_ITSELF)
    def fills_the_first_channel_only(right, x, kernel_size, stride):
        result = pool(x, kernel_size, stride)
        result[:, 1:] = 0
        return result

    @task.mistake(
        "The result is an integer array, so fractions are lost: make it with np.zeros(shape), which holds floats.",
        TYPES,
    )
    def makes_an_integer_array(right, x, kernel_size, stride):
        return pool(x, kernel_size, stride).astype(int)


add_mistakes_of_the_window(max_pool2d, largest, "maximum")
add_mistakes_of_the_window(avg_pool2d, mean, "mean")
add_mistakes_of_the_window(l2_pool2d, length, "length")


# max_pool2d


@max_pool2d.mistake(
    "Your maximum starts at 0, so a window of negative numbers gives 0: start at its first value, or at -np.inf.",
    MAX,
)
def starts_the_maximum_at_zero(right, x, kernel_size, stride):
    return np.maximum(right.max_pool2d(x, kernel_size, stride), 0)


@max_pool2d.mistake(
    "Your maximum starts at a made-up number, -999: there are smaller ones. Start at the window's first value, or at "
    "-np.inf.",
    MAX,
)
def starts_the_maximum_at_a_made_up_number(right, x, kernel_size, stride):
    return np.maximum(right.max_pool2d(x, kernel_size, stride).astype(float), -999)


@max_pool2d.mistake("You carry the maximum over from the windows before: start anew in each window.", MAX)
def carries_the_maximum_over(right, x, kernel_size, stride):
    pooled = right.max_pool2d(x, kernel_size, stride)
    return np.maximum.accumulate(pooled.reshape(*pooled.shape[:2], -1), axis=2).reshape(pooled.shape)


@max_pool2d.mistake("You keep the smallest value of each window: keep the largest.", MAX)
def keeps_the_smallest(right, x, kernel_size, stride):
    return windows(x, kernel_size, stride).min(axis=(4, 5))


@max_pool2d.mistake("You keep the largest magnitude: the sign counts, so that 1 is larger than -2.", MAX)
def keeps_the_largest_magnitude(right, x, kernel_size, stride):
    return right.max_pool2d(np.abs(x), kernel_size, stride)


@max_pool2d.mistake("You keep the first value of each window: compare all of its cells.", MAX)
def keeps_the_first_value(right, x, kernel_size, stride):
    return windows(x, kernel_size, stride)[..., 0, 0]


@max_pool2d.mistake(
    "You return where in the window the maximum lies: return its value, `max` in place of `argmax`.", MAX
)
def returns_the_place_of_the_maximum(right, x, kernel_size, stride):
    cells = windows(x, kernel_size, stride)
    return cells.reshape(*cells.shape[:4], -1).argmax(axis=4)


@max_pool2d.mistake("You take the mean of each window: max pooling keeps its largest value.", AVERAGE)
def takes_the_mean(right, x, kernel_size, stride):
    return right.avg_pool2d(x, kernel_size, stride)


@max_pool2d.mistake(
    "You take the maximum of each row and add them up: take one maximum of all the window's cells.", MAX
)
def adds_up_the_maxima_of_the_rows(right, x, kernel_size, stride):
    return windows(x, kernel_size, stride).max(axis=5).sum(axis=4)


# avg_pool2d


@avg_pool2d.mistake("You add the window up: divide the sum by its kernel_size * kernel_size cells.", AVERAGE)
def takes_the_sum(right, x, kernel_size, stride):
    return right.avg_pool2d(x, kernel_size, stride) * kernel_size**2


@avg_pool2d.mistake(
    "You divide by the stride squared: a window has kernel_size * kernel_size cells, wherever it moves.",
    AVERAGE,
)
def divides_by_the_stride_squared(right, x, kernel_size, stride):
    return right.avg_pool2d(x, kernel_size, stride) * kernel_size**2 / stride**2


@avg_pool2d.mistake(
    "You divide by kernel_size: a window has kernel_size rows and as many columns, so divide by its square.",
    AVERAGE,
)
def divides_by_one_side_of_the_window(right, x, kernel_size, stride):
    return right.avg_pool2d(x, kernel_size, stride) * kernel_size


@avg_pool2d.mistake(
    "You divide by the number of pixels of the map: divide by the number of cells of the window.", AVERAGE
)
def divides_by_the_pixels_of_the_map(right, x, kernel_size, stride):
    return right.avg_pool2d(x, kernel_size, stride) * kernel_size**2 / (x.shape[2] * x.shape[3])


@avg_pool2d.mistake(
    "You divide by the channels too: each of them is averaged by itself, over the window alone.", BY_ITSELF
)
def divides_by_the_channels_too(right, x, kernel_size, stride):
    return right.avg_pool2d(x, kernel_size, stride) / x.shape[1]


@avg_pool2d.mistake(
    "You fill windows that hang over the end up with zeros and average them too: such windows are dropped.",
    SIZE,
)
def averages_zeros_beyond_the_end(right, x, kernel_size, stride):
    more = [(0, -(side - kernel_size) % stride) for side in x.shape[2:]]
    return right.avg_pool2d(np.pad(x, [(0, 0), (0, 0), *more]), kernel_size, stride)


@avg_pool2d.mistake("You leave zeros out of the mean: they count as any other number.", AVERAGE)
def leaves_zeros_out_of_the_mean(right, x, kernel_size, stride):
    cells = windows(x, kernel_size, stride)
    return cells.sum(axis=(4, 5)) / np.maximum((cells != 0).sum(axis=(4, 5)), 1)


@avg_pool2d.mistake("You keep the largest value of each window: take the mean of all its cells.", AVERAGE)
def takes_the_maximum(right, x, kernel_size, stride):
    return right.max_pool2d(x, kernel_size, stride)


@avg_pool2d.mistake("You take the median of each window: the mean is the sum divided by the count.", AVERAGE)
def takes_the_median(right, x, kernel_size, stride):
    return np.median(windows(x, kernel_size, stride), axis=(4, 5))


@avg_pool2d.mistake("You average magnitudes: negative values count with their sign.", AVERAGE)
def averages_magnitudes(right, x, kernel_size, stride):
    return right.avg_pool2d(np.abs(x), kernel_size, stride)


@avg_pool2d.mistake("`//` drops the fraction: divide with `/`.", TYPES)
def divides_with_two_slashes(right, x, kernel_size, stride):
    return windows(x, kernel_size, stride).sum(axis=(4, 5)) // kernel_size**2


@avg_pool2d.mistake(
    "The result has the input's type: for integers the fractions are cut off. Make it an array of floats.",
    TYPES,
)
def cuts_to_the_type_of_the_input(right, x, kernel_size, stride):
    return right.avg_pool2d(x, kernel_size, stride).astype(x.dtype)


@avg_pool2d.mistake(
    "You add up in the input's type: sums of uint8 start again at 0 after 255. Turn x into floats first.",
    TYPES,
)
def adds_up_in_the_type_of_the_input(right, x, kernel_size, stride):
    return windows(x, kernel_size, stride).sum(axis=(4, 5), dtype=x.dtype) / kernel_size**2


# l2_pool2d


@l2_pool2d.mistake("You take the root of the mean of squares: here it is the root of their sum.", L2)
def takes_the_root_of_the_mean(right, x, kernel_size, stride):
    return right.l2_pool2d(x, kernel_size, stride) / kernel_size


@l2_pool2d.mistake(
    "You divide the root by the number of cells: the length of a window is not divided by anything.", L2
)
def divides_the_root_by_the_cells(right, x, kernel_size, stride):
    return right.l2_pool2d(x, kernel_size, stride) / kernel_size**2


@l2_pool2d.mistake("You forget the root: take the square root of each window's sum of squares.", L2)
def forgets_the_root(right, x, kernel_size, stride):
    return right.l2_pool2d(x, kernel_size, stride) ** 2


@l2_pool2d.mistake(
    "You add up magnitudes, which is the L1 norm, and what the roots of single squares are: square the "
    "cells, add up, take one root of the sum.",
    L2,
)
def adds_up_magnitudes(right, x, kernel_size, stride):
    return np.abs(windows(x, kernel_size, stride).astype(float)).sum(axis=(4, 5))


@l2_pool2d.mistake(
    "You square the sum in place of summing squares: the root of that is the sum's magnitude.", L2
)
def squares_the_sum(right, x, kernel_size, stride):
    return np.abs(windows(x, kernel_size, stride).sum(axis=(4, 5), dtype=float))


@l2_pool2d.mistake("You keep the largest magnitude of each window: all of its cells count.", L2)
def keeps_the_largest_of_the_magnitudes(right, x, kernel_size, stride):
    return right.max_pool2d(np.abs(x.astype(float)), kernel_size, stride)


@l2_pool2d.mistake(
    "You take third powers and the third root: the 2 of L2 stands for squares and a square root.", L2
)
def takes_third_powers(right, x, kernel_size, stride):
    cubes = np.abs(windows(x, kernel_size, stride).astype(float)) ** 3
    return np.cbrt(cubes.sum(axis=(4, 5)))


@l2_pool2d.mistake(
    "You take the spectral norm of each window, as np.linalg.norm does with ord=2: all cells are one long vector "
    "here, which is what it does without ord.",
    L2,
)
def takes_the_spectral_norm(right, x, kernel_size, stride):
    return np.linalg.norm(windows(x, kernel_size, stride).astype(float), 2, axis=(4, 5))


@l2_pool2d.mistake(
    "You take a root for each row and add the roots up: add up all squares first, then take one root.", L2
)
def takes_a_root_for_each_row(right, x, kernel_size, stride):
    squares = windows(x, kernel_size, stride).astype(float) ** 2
    return np.sqrt(squares.sum(axis=5)).sum(axis=4)


@l2_pool2d.mistake("You take the mean of each window: take the root of its sum of squares.", L2)
def takes_the_mean_of_the_cells(right, x, kernel_size, stride):
    return right.avg_pool2d(x, kernel_size, stride)


@l2_pool2d.mistake(
    "The result has the input's type: for integers the fractions are cut off. Make it an array of floats.",
    TYPES,
)
def keeps_the_type_of_the_input(right, x, kernel_size, stride):
    return right.l2_pool2d(x, kernel_size, stride).astype(x.dtype)


@l2_pool2d.mistake(
    "You square in the input's type: squares of uint8 start again at 0 after 255. Turn x into floats first.",
    TYPES,
)
def squares_in_the_type_of_the_input(right, x, kernel_size, stride):
    return np.sqrt(windows(x * x, kernel_size, stride).sum(axis=(4, 5)))


# maxout


def maxout_cases(rng: Rng) -> Iterator[Case]:
    def case(group: str, x: Array, pieces: int, strided: bool = False) -> Case:
        return Case(group, {"x": x, "pieces": pieces}, strided)

    yield case("groups of 2", positive(rng, 1, 4, 2, 3), 2)
    yield case("groups of 2", positive(rng, 2, 6, 3, 2), 2)
    yield case("groups of 2", positive(rng, 4, 8, 2, 2), 2)
    yield case("groups of 3 to 5", positive(rng, 1, 6, 3, 2), 3)
    yield case("groups of 3 to 5", positive(rng, 2, 12, 1, 3), 4)
    yield case("groups of 3 to 5", positive(rng, 3, 9, 2, 3), 3)
    yield case("groups of 3 to 5", positive(rng, 1, 10, 2, 2), 5)
    ends = "one group, or groups of one"
    yield case(ends, positive(rng, 2, 3, 2, 3), 3)
    yield case(ends, positive(rng, 1, 4, 3, 2), 1)
    yield case(ends, positive(rng, 2, 1, 2, 4), 1)
    yield case("negative numbers", -positive(rng, 1, 6, 2, 3), 2)
    yield case("negative numbers", -positive(rng, 2, 6, 3, 2), 3)
    yield case("negative numbers", FAR_BELOW * positive(rng, 1, 4, 2, 2), 2)
    shared = "channels that cannot be shared out"
    yield case(shared, positive(rng, 1, 5, 2, 3), 2)
    yield case(shared, positive(rng, 2, 7, 2, 2), 3)
    yield case(shared, positive(rng, 1, 3, 3, 2), 4)
    yield case(shared, positive(rng, 1, 8, 2, 3), 4)
    types = TYPES_AND_LAYOUTS
    yield case(types, whole(rng, 1, 4, 3, 3), 2)
    yield case(types, fine(rng, 2, 6, 2, 2), 3)
    yield case(types, distinct(rng, 2, 4, 3, 2).astype(np.float32), 2)
    yield case(types, distinct(rng, 2, 6, 2, 3), 2, strided=True)


def more_channels(rng: Rng) -> Iterator[Case]:
    for pieces in (2, 3, 5):
        n, groups, h, w = (int(size) for size in rng.integers(2, 6, 4))
        group = "groups of 2" if pieces == 2 else "groups of 3 to 5"
        yield Case(group, {"x": positive(rng, n, groups * pieces, h, w), "pieces": pieces})


def torch_maxout(x, pieces):
    import torch

    if x.shape[1] % pieces:
        raise ValueError("not divisible")
    volume = torch.tensor(x, dtype=torch.float64)[:, None]  # channels become a third direction to pool along
    return torch.nn.functional.max_pool3d(volume, (pieces, 1, 1))[:, 0].numpy()


maxout = Task(
    "maxout",
    {
        "groups of 2": 0.5,
        "groups of 3 to 5": 0.5,
        "one group, or groups of one": 0.5,
        "negative numbers": 0.5,
        "channels that cannot be shared out": 0.5,
        TYPES_AND_LAYOUTS: 0.5,
    },
    maxout_cases,
    oracle=torch_maxout,
    hidden=more_channels,
    forbids=NUMPY_ONLY,
)


def groups_of(x: Array, pieces: int) -> Array:
    """Return `x` as (N, groups, pieces, H, W)."""
    n, c, h, w = x.shape
    return x.reshape(n, c // pieces, pieces, h, w)


@maxout.mistake(
    "You compare channels that lie C // pieces apart: a group holds neighbours, channels g * pieces and those "
    "after it.",
    ACROSS,
)
def groups_channels_that_lie_apart(right, x, pieces):
    n, c, h, w = x.shape
    return x.reshape(n, pieces, c // pieces, h, w).max(axis=1)


@maxout.mistake(
    "You make `pieces` groups: `pieces` is how many channels a group holds, and there are C // pieces groups.",
    ACROSS,
)
def makes_as_many_groups_as_pieces(right, x, pieces):
    return right.maxout(x, x.shape[1] // pieces) if x.shape[1] % pieces == 0 else right.maxout(x, pieces)


@maxout.mistake(
    "You take every pieces-th channel into a group, x[:, p::pieces]: a group holds `pieces` neighbours.",
    ACROSS,
)
def takes_every_nth_channel(right, x, pieces):
    n, c, h, w = x.shape
    return x.reshape(n, c // pieces, pieces, h, w).max(axis=1)


@maxout.mistake(
    "Your groups overlap: the first channel of group g is g * pieces, so each channel is in one group.",
    ACROSS,
)
def lets_groups_overlap(right, x, pieces):
    right.maxout(x, pieces)
    return np.lib.stride_tricks.sliding_window_view(x, pieces, axis=1).max(axis=4)


@maxout.mistake("You keep one maximum of all channels: one for each group of `pieces` channels.", ACROSS)
def takes_all_channels_as_one_group(right, x, pieces):
    right.maxout(x, pieces)
    return x.max(axis=1, keepdims=True)


@maxout.mistake("Your groups are always pairs: a group holds `pieces` channels.", ACROSS)
def hard_codes_groups_of_2(right, x, pieces):
    return right.maxout(x, 2)


@maxout.mistake(
    "You take the maximum over height and width too: maxout compares channels at one position.", ACROSS
)
def pools_over_space_too(right, x, pieces):
    return right.maxout(x, pieces).max(axis=(2, 3))


@maxout.mistake(
    "You take the maximum of each map: maxout compares channels at one position, and keeps rows and columns.",
    ACROSS,
)
def pools_over_space_in_place_of_channels(right, x, pieces):
    right.maxout(x, pieces)
    return x.max(axis=(2, 3))


@maxout.mistake(
    "You pool each map in windows of pieces by pieces cells: maxout compares `pieces` channels at one "
    "position, and keeps rows and columns.",
    ACROSS,
)
def pools_windows_of_each_map(right, x, pieces):
    right.maxout(x, pieces)
    return right.max_pool2d(x, pieces, pieces)


@maxout.mistake(
    "You group the images of the batch: the axis to share out is that of the channels, axis 1.", ACROSS
)
def groups_the_images(right, x, pieces):
    return right.maxout(x.swapaxes(0, 1), pieces).swapaxes(0, 1)


@maxout.mistake("You add the channels of a group up: keep the largest of them.", ACROSS)
def adds_the_group_up(right, x, pieces):
    return groups_of(x, pieces).sum(axis=2)


@maxout.mistake("You average the channels of a group: keep the largest of them.", ACROSS)
def averages_the_group(right, x, pieces):
    return groups_of(x, pieces).mean(axis=2)


@maxout.mistake("You keep the smallest channel of a group: keep the largest.", ACROSS)
def keeps_the_smallest_of_the_group(right, x, pieces):
    return groups_of(x, pieces).min(axis=2)


@maxout.mistake("You keep the first channel of a group: compare all `pieces` of them.", ACROSS)
def keeps_the_first_channel(right, x, pieces):
    return groups_of(x, pieces)[:, :, 0]


@maxout.mistake("You compare magnitudes: the sign counts, so that 1 is larger than -2.", ACROSS)
def compares_magnitudes(right, x, pieces):
    return right.maxout(np.abs(x), pieces)


@maxout.mistake(
    "Your maximum starts at 0, so groups of negative numbers give 0: that is a ReLU, and maxout has none.",
    ACROSS,
)
def starts_the_group_at_zero(right, x, pieces):
    return np.maximum(right.maxout(x, pieces), 0)


@maxout.mistake(
    "Your maximum starts at a made-up number, -999: there are smaller ones. Start at the first channel, or at -np.inf.",
    ACROSS,
)
def starts_the_group_at_a_made_up_number(right, x, pieces):
    return np.maximum(right.maxout(x, pieces), -999)


@maxout.mistake(
    "You return which channel of a group is the largest: return its value, `max` in place of `argmax`.",
    ACROSS,
)
def returns_the_place_in_the_group(right, x, pieces):
    return groups_of(x, pieces).argmax(axis=2)


@maxout.mistake(
    "The axis of the pieces is still there, with length 1: the result has four axes, so leave keepdims out.",
    ACROSS,
)
def keeps_the_axis_of_the_pieces(right, x, pieces):
    return right.maxout(x, pieces)[:, :, None]


@maxout.mistake(
    "You drop the channels that are left over: raise a ValueError when C is not divisible by pieces.", ACROSS
)
def drops_the_channels_left_over(right, x, pieces):
    return groups_of(x[:, : x.shape[1] // pieces * pieces], pieces).max(axis=2, initial=-np.inf)


@maxout.mistake(
    "You make a smaller group of the channels left over: raise a ValueError when C is not divisible by pieces.",
    ACROSS,
)
def makes_a_smaller_last_group(right, x, pieces):
    starts = range(0, x.shape[1], pieces)
    return np.stack([x[:, start : start + pieces].max(axis=1) for start in starts], axis=1)


@maxout.mistake(
    "An assertion is for your own mistakes: when the caller's channels do not fit, raise a ValueError.",
    ACROSS,
)
def asserts_in_place_of_raising(right, x, pieces):
    assert x.shape[1] % pieces == 0
    return right.maxout(x, pieces)


@maxout.mistake("Your test is the wrong way around: C % pieces must be 0, and not pieces % C.", ACROSS)
def tests_the_wrong_remainder(right, x, pieces):
    if pieces % x.shape[1]:
        raise ValueError("not divisible")
    return right.maxout(x, pieces)


@maxout.mistake(
    "The result is an integer array, so fractions are lost: make it with np.zeros(shape), which holds floats.",
    TYPES,
)
def makes_integer_channels(right, x, pieces):
    return right.maxout(x, pieces).astype(int)


# global_avg_pool


def global_cases(rng: Rng) -> Iterator[Case]:
    def case(group: str, x: Array, strided: bool = False) -> Case:
        return Case(group, {"x": x}, strided)

    yield case("square", numbers(rng, 1, 1, 3, 3))
    yield case("square", numbers(rng, 2, 3, 5, 5))
    yield case("square", numbers(rng, 3, 3, 3, 3))
    yield case("not square", numbers(rng, 2, 3, 3, 5))
    yield case("not square", numbers(rng, 3, 1, 7, 3))
    yield case("not square", numbers(rng, 1, 4, 5, 6) * (rng.random((1, 4, 5, 6)) < 0.7))
    one = "one pixel, one row, one column"
    yield case(one, numbers(rng, 2, 3, 1, 1))
    yield case(one, numbers(rng, 3, 2, 1, 5))
    yield case(one, numbers(rng, 1, 2, 7, 1))
    types = TYPES_AND_LAYOUTS
    yield case(types, whole(rng, 2, 3, 4, 3))
    yield case(types, whole(rng, 1, 4, 3, 5))
    yield case(types, bright(rng, 2, 3, 3, 5))
    yield case(types, fine(rng, 1, 2, 3, 3))
    yield case(types, numbers(rng, 2, 2, 3, 5).astype(np.float32))
    yield case(types, numbers(rng, 2, 3, 5, 3), strided=True)


def larger_images(rng: Rng) -> Iterator[Case]:
    for _ in range(3):
        n, c, h, w = (int(size) for size in rng.integers(2, 12, 4))
        yield Case("not square", {"x": numbers(rng, n, c, h, w + h)})


def torch_global(x):
    import torch

    return torch.nn.functional.adaptive_avg_pool2d(torch.tensor(x, dtype=torch.float64), 1).flatten(1).numpy()


global_avg_pool = Task(
    "global_avg_pool",
    {"square": 0.5, "not square": 0.5, "one pixel, one row, one column": 0.5, TYPES_AND_LAYOUTS: 0.5},
    global_cases,
    oracle=torch_global,
    hidden=larger_images,
    forbids=NUMPY_ONLY,
)


@global_avg_pool.mistake(
    "You average over the batch too: each image keeps its own numbers, in a result (N, C).", ANY_SIZE
)
def averages_over_the_batch_too(right, x):
    return x.mean(axis=(0, 2, 3))


@global_avg_pool.mistake(
    "The axes of height and width are still there, with length 1: the result is (N, C), so leave keepdims out.",
    ANY_SIZE,
)
def keeps_the_axes_of_the_map(right, x):
    return x.mean(axis=(2, 3), keepdims=True)


@global_avg_pool.mistake(
    "`squeeze()` removes every axis of length 1, also that of a single image or channel: average over axes 2 and 3 "
    "without keepdims.",
    ANY_SIZE,
)
def squeezes_all_axes(right, x):
    return x.mean(axis=(2, 3), keepdims=True).squeeze()


@global_avg_pool.mistake("You add each map up: divide by its H * W pixels.", ANY_SIZE)
def adds_the_map_up(right, x):
    return x.sum(axis=(2, 3))


@global_avg_pool.mistake("You keep the largest value of each map: take the mean of all its pixels.", ANY_SIZE)
def takes_the_maximum_of_the_map(right, x):
    return x.max(axis=(2, 3))


@global_avg_pool.mistake(
    "You average over the channels: average over height and width, axes 2 and 3, so that the channels stay.",
    ANY_SIZE,
)
def averages_over_the_channels(right, x):
    return x.mean(axis=1)


@global_avg_pool.mistake(
    "You average over the channels as well: each channel keeps its own number.", BY_ITSELF
)
def averages_each_image_to_one_number(right, x):
    return x.mean(axis=(1, 2, 3))


@global_avg_pool.mistake("You average everything to a single number: the result is (N, C).", ANY_SIZE)
def averages_everything(right, x):
    return x.mean()


@global_avg_pool.mistake("You average over the rows and not over the columns: both axes go.", ANY_SIZE)
def averages_over_the_height_only(right, x):
    return x.mean(axis=2)


@global_avg_pool.mistake("You average over the columns and not over the rows: both axes go.", ANY_SIZE)
def averages_over_the_width_only(right, x):
    return x.mean(axis=3)


@global_avg_pool.mistake(
    "You average over channels and rows, axes 1 and 2: the batch is axis 0, so height and width are 2 and 3.",
    ANY_SIZE,
)
def averages_over_channels_and_rows(right, x):
    return x.mean(axis=(1, 2))


@global_avg_pool.mistake(
    "You average over the first two axes: height and width are axes 2 and 3, counted from 0.", ANY_SIZE
)
def averages_over_images_and_channels(right, x):
    return x.mean(axis=(0, 1))


@global_avg_pool.mistake("Your maps are taken for square: divide by H * W and not by H * H.", ANY_SIZE)
def divides_by_the_height_squared(right, x):
    return x.sum(axis=(2, 3)) / x.shape[2] ** 2


@global_avg_pool.mistake(
    "You average a square of H by H pixels: the window is as high and as wide as the map, which need not be square.",
    ANY_SIZE,
)
def averages_a_square_of_the_map(right, x):
    return right.avg_pool2d(x, x.shape[2], 1)[:, :, 0, 0]


@global_avg_pool.mistake("Your maps are taken for square: divide by H * W and not by W * W.", ANY_SIZE)
def divides_by_the_width_squared(right, x):
    return x.sum(axis=(2, 3)) / x.shape[3] ** 2


@global_avg_pool.mistake(
    "You divide by C * H * W: each channel is averaged by itself, over H * W pixels.", BY_ITSELF
)
def divides_by_the_numbers_of_the_image(right, x):
    return x.sum(axis=(2, 3)) / (x.shape[1] * x.shape[2] * x.shape[3])


@global_avg_pool.mistake("The axes of the result are swapped: images come first, (N, C).", ANY_SIZE)
def puts_the_channels_first(right, x):
    return right.global_avg_pool(x).T


@global_avg_pool.mistake("`//` drops the fraction: divide with `/`.", TYPES)
def floors_the_mean(right, x):
    return x.sum(axis=(2, 3)) // (x.shape[2] * x.shape[3])


@global_avg_pool.mistake(
    "The result has the input's type: for integers the fractions are cut off. Make it an array of floats.",
    TYPES,
)
def cuts_the_mean_to_the_type_of_the_input(right, x):
    return right.global_avg_pool(x).astype(x.dtype)


@global_avg_pool.mistake(
    "You add up in the input's type: sums of uint8 start again at 0 after 255. Turn x into floats first.",
    TYPES,
)
def adds_the_map_up_in_its_own_type(right, x):
    return x.sum(axis=(2, 3), dtype=x.dtype) / (x.shape[2] * x.shape[3])


TASKS = (max_pool2d, avg_pool2d, l2_pool2d, maxout, global_avg_pool)
