"""The tasks of ex05: for each one its cases, what they are worth, and the mistakes that learners make.

Kernels are square here. Oracles import torch themselves: it takes a second, and only a release needs it.
The last group of the two layers is a race: its cases are larger, and no mistake is run on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from course_utils.check import NUMPY_ONLY, Case, Task
from course_utils.grading.inputs import TYPES_AND_LAYOUTS, Array, Rng, fine, numbers, whole

Shape = tuple[int, int, int, int]

COLUMNS = "05_backprop_through_convolution#Columns and back"
MATRIX = "03_convolution_layer#From loops to a matrix product"
STRIDE = "03_convolution_layer#Stride"
PADDING = "03_convolution_layer#Zero padding"
SIZE = "03_convolution_layer#Output size"
TYPES = "03_convolution_layer#Number types"
FLIP = "03_convolution_layer#Convolution or cross-correlation"
BIAS = "03_convolution_layer#Counting parameters"
DW = "05_backprop_through_convolution#The gradient of the kernel"
DX = "05_backprop_through_convolution#The gradient of the input"
DB = "05_backprop_through_convolution#The gradient of the bias"
DX_STRIDE = "05_backprop_through_convolution#Stride and padding"
MANY = "05_backprop_through_convolution#Several channels and filters"
FAST = "05_backprop_through_convolution#Fast layers"


def positions(size: int, kernel_size: int, stride: int, padding: int) -> int:
    """Return the number of windows along one axis."""
    return len(range(0, size + 2 * padding - kernel_size + 1, stride))


def placed(shape: Shape, kernel_size: int, stride: int, padding: int) -> tuple[int, int, int, int, int, int]:
    """Return the six sizes that columns of images of ``shape`` are made of: N, C, K, K, OH, OW."""
    n, c, h, w = shape
    oh, ow = (positions(size, kernel_size, stride, padding) for size in (h, w))
    return n, c, kernel_size, kernel_size, oh, ow


def padded(x: Array, before: int, after: int, mode: Any = "constant") -> Array:
    """Pad rows and columns only."""
    return np.pad(x, ((0, 0), (0, 0), (before, after), (before, after)), mode=mode)


def missing(x: Array, kernel_size: int, stride: int, padding: int) -> list[tuple[int, int]]:
    """Return the padding after each axis with which the windows tile the image."""
    rest = [-(size + 2 * padding - kernel_size) % stride for size in x.shape[2:]]
    return [(0, 0), (0, 0), *((padding, padding + more) for more in rest)]


# im2col


def im2col_cases(rng: Rng) -> Iterator[Case]:
    def case(
        group: str, x: Array, kernel_size: int, stride: int = 1, padding: int = 0, strided: bool = False
    ) -> Case:
        inputs = {"x": x, "kernel_size": kernel_size, "stride": stride, "padding": padding}
        return Case(group, inputs, strided)

    yield case("one image, one channel", numbers(rng, 1, 1, 3, 3), 2)
    yield case("one image, one channel", numbers(rng, 1, 1, 5, 5), 3)
    yield case("one image, one channel", numbers(rng, 1, 1, 5, 5), 4)
    yield case("several channels", numbers(rng, 1, 3, 4, 4), 2)
    yield case("several channels", numbers(rng, 1, 2, 5, 5), 3)
    yield case("several channels", numbers(rng, 1, 4, 3, 3), 1)
    yield case("several images", numbers(rng, 2, 1, 4, 4), 2)
    yield case("several images", numbers(rng, 3, 2, 4, 4), 3)
    yield case("stride 2 and 3", numbers(rng, 1, 1, 6, 6), 2, 2)
    yield case("stride 2 and 3", numbers(rng, 1, 2, 7, 7), 3, 2)
    yield case("stride 2 and 3", numbers(rng, 2, 1, 7, 7), 1, 3)
    yield case("stride that does not tile", numbers(rng, 1, 2, 6, 6), 3, 2)
    yield case("stride that does not tile", numbers(rng, 2, 1, 7, 7), 2, 3)
    yield case("padding 1 and 2", numbers(rng, 1, 1, 4, 4), 3, 1, 1)
    yield case("padding 1 and 2", numbers(rng, 2, 2, 3, 3), 2, 1, 2)
    yield case("padding 1 and 2", numbers(rng, 1, 2, 5, 5), 3, 2, 1)
    yield case("padding 1 and 2", numbers(rng, 1, 1, 2, 2), 4, 1, 1)
    yield case("not square", numbers(rng, 1, 1, 3, 5), 2)
    yield case("not square", numbers(rng, 2, 2, 6, 4), 3, 1)
    yield case("not square", numbers(rng, 1, 2, 7, 4), 2, 2, 1)
    yield case(TYPES_AND_LAYOUTS, whole(rng, 1, 2, 4, 3), 2)
    yield case(TYPES_AND_LAYOUTS, numbers(rng, 2, 1, 4, 4).astype(np.float32), 3, 1, 1)
    yield case(TYPES_AND_LAYOUTS, fine(rng, 1, 2, 4, 3), 2)
    yield case(TYPES_AND_LAYOUTS, numbers(rng, 2, 2, 5, 4), 2, 2, 1, strided=True)
    yield case(TYPES_AND_LAYOUTS, numbers(rng, 2, 2, 4, 5), 2, strided=True)  # what is padded is contiguous


def larger(rng: Rng) -> Iterator[tuple[Shape, int, int, int]]:
    """Return shapes of inputs with a kernel's size, stride and padding that go with them."""
    for stride, padding in ((1, 0), (2, 1), (3, 2), (2, 3)):
        n, c, kernel_size = (int(rng.integers(1, 5)) for _ in range(3))
        h, w = (int(rng.integers(6, 12)) for _ in range(2))
        yield (n, c, h, w), kernel_size, stride, padding


def im2col_hidden(rng: Rng) -> Iterator[Case]:
    for shape, kernel_size, stride, padding in larger(rng):
        inputs = {"x": numbers(rng, *shape), "kernel_size": kernel_size, "stride": stride, "padding": padding}
        yield Case("not square", inputs)


def torch_unfold(x, kernel_size, stride, padding):
    import torch

    array = torch.tensor(x, dtype=torch.float64)
    columns = torch.nn.functional.unfold(array, kernel_size, stride=stride, padding=padding).numpy()
    return columns.astype(x.dtype)


im2col = Task(
    "im2col",
    {
        "one image, one channel": 1,
        "several channels": 1,
        "several images": 1,
        "stride 2 and 3": 1,
        "stride that does not tile": 0.5,
        "padding 1 and 2": 0.5,
        "not square": 0.5,
        TYPES_AND_LAYOUTS: 0.5,
    },
    im2col_cases,
    oracle=torch_unfold,
    hidden=im2col_hidden,
    forbids=NUMPY_ONLY,
)


def windows(right: Any, x: Array, kernel_size: int, stride: int, padding: int) -> Array:
    """Return the right columns with their axes apart: (N, C, K, K, OH, OW)."""
    columns: Array = right.im2col(x, kernel_size, stride, padding)
    return columns.reshape(placed(x.shape, kernel_size, stride, padding))


def as_columns(array: Array) -> Array:
    """Merge six axes (N, C, K, K, OH, OW) into columns (N, C * K * K, OH * OW)."""
    n, c, k, _, oh, ow = array.shape
    return array.reshape(n, c * k * k, oh * ow)


@im2col.mistake(
    "Your rows are ordered by kernel cell first and channel last: row c * K * K + m * K + k is channel c, kernel "
    "row m, kernel column k.",
    COLUMNS,
)
def orders_the_rows_by_kernel_cell_before_channel(right, x, kernel_size, stride, padding):
    apart = windows(right, x, kernel_size, stride, padding)
    return apart.transpose(0, 2, 3, 1, 4, 5).reshape(as_columns(apart).shape)


@im2col.mistake(
    "Each window is transposed: within a column the cells of the window's first row come first.", COLUMNS
)
def transposes_the_windows(right, x, kernel_size, stride, padding):
    return as_columns(windows(right, x, kernel_size, stride, padding).swapaxes(2, 3))


@im2col.mistake("Each window is turned by 180 degrees: its upper left cell comes first in the column.", FLIP)
def turns_the_windows_around(right, x, kernel_size, stride, padding):
    return as_columns(windows(right, x, kernel_size, stride, padding)[:, :, ::-1, ::-1])


@im2col.mistake(
    "Your columns go down the image first: column i * OW + j is the window in output row i, output column j.",
    COLUMNS,
)
def orders_the_columns_by_output_column_first(right, x, kernel_size, stride, padding):
    apart = windows(right, x, kernel_size, stride, padding)
    return apart.swapaxes(4, 5).reshape(as_columns(apart).shape)


@im2col.mistake("You move the window by one step always: it moves by `stride` rows and columns.", STRIDE)
def ignores_the_stride(right, x, kernel_size, stride, padding):
    return right.im2col(x, kernel_size, 1, padding)


@im2col.mistake(
    "There are as many columns as there should be, and their windows are one step apart: output row i begins at "
    "i * stride.",
    STRIDE,
)
def takes_windows_one_step_apart(right, x, kernel_size, stride, padding):
    *_, oh, ow = placed(x.shape, kernel_size, stride, padding)
    return as_columns(windows(right, x, kernel_size, 1, padding)[..., :oh, :ow])


@im2col.mistake("You use the stride along the height and not along the width.", STRIDE)
def strides_along_the_height_only(right, x, kernel_size, stride, padding):
    return as_columns(windows(right, x, kernel_size, 1, padding)[..., ::stride, :])


@im2col.mistake(
    "Your windows lie side by side, a kernel apart: they begin `stride` cells apart, and may overlap.", STRIDE
)
def takes_windows_a_kernel_apart(right, x, kernel_size, stride, padding):
    return right.im2col(x, kernel_size, kernel_size, padding)


@im2col.mistake("You do not pad: the windows move over the image with `padding` zeros around it.", PADDING)
def ignores_the_padding(right, x, kernel_size, stride, padding):
    return right.im2col(x, kernel_size, stride, 0)


@im2col.mistake("You pad at the bottom and right only: zeros belong on all four sides.", PADDING)
def pads_bottom_and_right_only(right, x, kernel_size, stride, padding):
    return right.im2col(padded(x, 0, padding), kernel_size, stride, 0)


@im2col.mistake(
    "All the padding comes after the image: leave `padding` rows and columns of zeros before it too.", PADDING
)
def puts_all_padding_after_the_image(right, x, kernel_size, stride, padding):
    return right.im2col(padded(x, 0, 2 * padding), kernel_size, stride, 0)


@im2col.mistake("You repeat the border's values around the image: the new cells hold zeros.", PADDING)
def pads_with_the_border(right, x, kernel_size, stride, padding):
    return right.im2col(padded(x, padding, padding, "edge"), kernel_size, stride, 0)


@im2col.mistake(
    "Each of your windows is a row: the result is (N, C * K * K, OH * OW), so that each window is a column.",
    COLUMNS,
)
def makes_a_row_of_each_window(right, x, kernel_size, stride, padding):
    return right.im2col(x, kernel_size, stride, padding).swapaxes(1, 2)


@im2col.mistake(
    "You reshape where the axes of the kernel come last: that scrambles the cells. Move them before the axes of "
    "the output first, with transpose.",
    MATRIX,
)
def reshapes_without_moving_the_kernel_axes(right, x, kernel_size, stride, padding):
    apart = windows(right, x, kernel_size, stride, padding)
    return apart.transpose(0, 1, 4, 5, 2, 3).reshape(as_columns(apart).shape)


@im2col.mistake(
    "You make rows of the windows and reshape them to the shape of columns: a reshape does not swap axes, a "
    "transpose does.",
    MATRIX,
)
def reshapes_rows_into_columns(right, x, kernel_size, stride, padding):
    columns = right.im2col(x, kernel_size, stride, padding)
    return columns.swapaxes(1, 2).reshape(columns.shape)


@im2col.mistake(
    "All images share one matrix: keep the batch as the first of three axes, (N, C * K * K, OH * OW).",
    COLUMNS,
)
def merges_the_batch_into_the_columns(right, x, kernel_size, stride, padding):
    return np.concatenate(list(right.im2col(x, kernel_size, stride, padding)), axis=1)


@im2col.mistake(
    "`squeeze()` removes every axis of length 1, also that of a single image: the result has three axes always.",
    COLUMNS,
)
def squeezes_all_axes(right, x, kernel_size, stride, padding):
    return right.im2col(x, kernel_size, stride, padding).squeeze()


@im2col.mistake(
    "The images are scrambled: where their columns stand side by side in one matrix, split its columns and move "
    "the batch to the front; a reshape alone cuts through the rows.",
    MATRIX,
)
def scrambles_the_batch(right, x, kernel_size, stride, padding):
    columns = right.im2col(x, kernel_size, stride, padding)
    return np.concatenate(list(columns), axis=1).reshape(columns.shape)


@im2col.mistake("Your kernel is always 3 by 3: take its size from kernel_size.", SIZE)
def hard_codes_a_kernel_of_3(right, x, kernel_size, stride, padding):
    if min(x.shape[2:]) + 2 * padding < 3:
        raise ValueError("negative dimensions are not allowed")
    return right.im2col(x, 3, stride, padding)


@im2col.mistake("You round up: a window that hangs over the end is dropped.", STRIDE)
def rounds_up(right, x, kernel_size, stride, padding):
    return right.im2col(np.pad(x, missing(x, kernel_size, stride, padding)), kernel_size, stride, 0)


@im2col.mistake("Only the columns of the first image are filled: every image has its own.", COLUMNS)
def fills_the_first_image_only(right, x, kernel_size, stride, padding):
    columns = right.im2col(x, kernel_size, stride, padding)
    columns[1:] = 0
    return columns


@im2col.mistake("You use the first channel only: a window spans all channels.", COLUMNS)
def uses_the_first_channel_only(right, x, kernel_size, stride, padding):
    return right.im2col(x[:, :1], kernel_size, stride, padding)


@im2col.mistake(
    "The windows of the last output row and column stay zero: visit all OH times OW positions.", SIZE
)
def leaves_the_last_windows_zero(right, x, kernel_size, stride, padding):
    apart = windows(right, x, kernel_size, stride, padding).copy()
    apart[..., -1, :], apart[..., -1] = 0, 0
    return as_columns(apart)


@im2col.mistake("You use the image's height for its width too: OH and OW may differ.", SIZE)
def takes_every_image_for_square(right, x, kernel_size, stride, padding):
    height, width = x.shape[2:]
    if width < height:
        raise ValueError("operands could not be broadcast together")
    return right.im2col(x[..., :height], kernel_size, stride, padding)


@im2col.mistake(
    "You work the strides out from the shape, which holds for a contiguous array only: take them from x.strides.",
    MATRIX,
)
def works_the_strides_out_from_the_shape(right, x, kernel_size, stride, padding):
    x = padded(x, padding, padding) if padding else x
    _, c, h, w = x.shape
    image, channel, row, cell = (size * x.itemsize for size in (c * h * w, h * w, w, 1))
    steps = (image, channel, row, cell, row * stride, cell * stride)
    shape = placed(x.shape, kernel_size, stride, 0)
    return as_columns(np.lib.stride_tricks.as_strided(x, shape, steps, writeable=False))


@im2col.mistake(
    "The columns are integers, so fractions are lost: give them the input's type or float64.", TYPES
)
def makes_integer_columns(right, x, kernel_size, stride, padding):
    return right.im2col(x, kernel_size, stride, padding).astype(int)


# col2im


def with_columns(
    cols: Array, x_shape: Shape, kernel_size: int, stride: int, padding: int
) -> dict[str, Array | Shape | int]:
    return {
        "cols": cols,
        "x_shape": x_shape,
        "kernel_size": kernel_size,
        "stride": stride,
        "padding": padding,
    }


def columns_shape(x_shape: Shape, kernel_size: int, stride: int, padding: int) -> tuple[int, int, int]:
    n, c, k, _, oh, ow = placed(x_shape, kernel_size, stride, padding)
    return n, c * k * k, oh * ow


def col2im_cases(rng: Rng) -> Iterator[Case]:
    def case(
        group: str,
        x_shape: Shape,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        make: Any = numbers,
        dtype: Any = None,
        strided: bool = False,
    ) -> Case:
        cols = make(rng, *columns_shape(x_shape, kernel_size, stride, padding))
        cols = cols if dtype is None else cols.astype(dtype)
        return Case(group, with_columns(cols, x_shape, kernel_size, stride, padding), strided)

    yield case("windows side by side", (1, 1, 4, 4), 2, 2)
    yield case("windows side by side", (1, 1, 6, 6), 3, 3)
    yield case("windows side by side", (1, 1, 5, 5), 2, 3)
    yield case("windows that overlap", (1, 1, 3, 3), 2)
    yield case("windows that overlap", (1, 1, 5, 5), 3)
    yield case("windows that overlap", (1, 1, 5, 5), 3, 2)
    yield case("several channels and images", (1, 3, 4, 4), 2)
    yield case("several channels and images", (3, 1, 4, 4), 3)
    yield case("several channels and images", (2, 2, 5, 5), 3)
    yield case("several channels and images", (2, 3, 3, 3), 1)
    yield case("stride that does not tile", (1, 1, 6, 6), 3, 2)
    yield case("stride that does not tile", (2, 2, 7, 7), 2, 3)
    yield case("stride that does not tile", (1, 2, 8, 8), 4, 3)
    yield case("padding 1 and 2", (1, 1, 4, 4), 3, 1, 1)
    yield case("padding 1 and 2", (2, 2, 3, 3), 2, 1, 2)
    yield case("padding 1 and 2", (1, 2, 5, 5), 3, 2, 1)
    yield case("padding 1 and 2", (1, 1, 6, 6), 3, 2, 1)
    yield case("not square", (1, 1, 3, 5), 2)
    yield case("not square", (2, 2, 6, 4), 3, 1, 1)
    yield case("not square", (1, 2, 7, 4), 2, 2, 1)
    yield case(TYPES_AND_LAYOUTS, (1, 2, 4, 3), 2, make=whole)
    yield case(TYPES_AND_LAYOUTS, (2, 1, 4, 4), 3, 1, 1, dtype=np.float32)
    yield case(TYPES_AND_LAYOUTS, (1, 2, 4, 3), 2, make=fine)
    yield case(TYPES_AND_LAYOUTS, (2, 2, 5, 4), 2, 1, 1, strided=True)


def col2im_hidden(rng: Rng) -> Iterator[Case]:
    for shape, kernel_size, stride, padding in larger(rng):
        cols = numbers(rng, *columns_shape(shape, kernel_size, stride, padding))
        yield Case("not square", with_columns(cols, shape, kernel_size, stride, padding))


def torch_fold(cols, x_shape, kernel_size, stride, padding):
    import torch

    columns = torch.tensor(cols, dtype=torch.float64)
    images = torch.nn.functional.fold(columns, x_shape[2:], kernel_size, stride=stride, padding=padding)
    return images.numpy().astype(cols.dtype)


col2im = Task(
    "col2im",
    {
        "windows side by side": 1,
        "windows that overlap": 1.5,
        "several channels and images": 1,
        "stride that does not tile": 1,
        "padding 1 and 2": 0.5,
        "not square": 0.5,
        TYPES_AND_LAYOUTS: 0.5,
    },
    col2im_cases,
    oracle=torch_fold,
    hidden=col2im_hidden,
    forbids=NUMPY_ONLY,
)


def uncropped(right: Any, cols: Array, x_shape: Shape, kernel_size: int, stride: int, padding: int) -> Array:
    """Return the right sums with the padding still around them."""
    n, c, h, w = x_shape
    shape = (n, c, h + 2 * padding, w + 2 * padding)
    result: Array = right.col2im(cols, shape, kernel_size, stride, 0)
    return result


@col2im.mistake(
    "Where windows overlap only the last one counts: add each window to what is there, with `+=`.", COLUMNS
)
def overwrites_in_place_of_adding(right, cols, x_shape, kernel_size, stride, padding):
    apart = cols.reshape(placed(x_shape, kernel_size, stride, padding))
    result = np.zeros_like(uncropped(right, cols, x_shape, kernel_size, stride, padding))
    for i, j in np.ndindex(*apart.shape[4:]):
        rows = slice(i * stride, i * stride + kernel_size)
        columns = slice(j * stride, j * stride + kernel_size)
        result[:, :, rows, columns] = apart[..., i, j]
    return cropped(result, x_shape, padding)


def cropped(array: Array, x_shape: Shape, padding: int) -> Array:
    return array[:, :, padding : padding + x_shape[2], padding : padding + x_shape[3]]


@col2im.mistake(
    "A cell that lies in several windows gets one of their values: `+=` with index arrays adds only once where an "
    "index appears twice, and `=` overwrites. Use np.add.at, or add one kernel cell at a time.",
    COLUMNS,
)
def loses_repeated_indices(right, cols, x_shape, kernel_size, stride, padding):
    apart = cols.reshape(placed(x_shape, kernel_size, stride, padding))
    oh, ow = apart.shape[4:]
    result = np.zeros_like(uncropped(right, cols, x_shape, kernel_size, stride, padding))
    for m, k in np.ndindex(kernel_size, kernel_size):
        result[:, :, m : m + stride * oh : stride, k : k + stride * ow : stride] = apart[:, :, m, k]
    return cropped(result, x_shape, padding)


@col2im.mistake(
    "You divide by how many windows cover a cell: col2im adds, it does not average. (A gradient adds up over all "
    "paths.)",
    COLUMNS,
)
def averages_where_windows_overlap(right, cols, x_shape, kernel_size, stride, padding):
    cover = right.col2im(np.ones_like(cols), x_shape, kernel_size, stride, padding)
    return right.col2im(cols, x_shape, kernel_size, stride, padding) / np.maximum(cover, 1)


@col2im.mistake("You return the padded images: crop `padding` rows and columns on each side.", COLUMNS)
def does_not_crop_the_padding(right, cols, x_shape, kernel_size, stride, padding):
    return uncropped(right, cols, x_shape, kernel_size, stride, padding)


@col2im.mistake(
    "You crop at the bottom and right only: the image begins at row and column `padding` of the padded one.",
    COLUMNS,
)
def crops_bottom_and_right_only(right, cols, x_shape, kernel_size, stride, padding):
    result = uncropped(right, cols, x_shape, kernel_size, stride, padding)
    return result[:, :, : x_shape[2], : x_shape[3]]


@col2im.mistake(
    "You crop at the top and left only: the padding is cropped on all four sides, `padding` cells each.",
    COLUMNS,
)
def crops_top_and_left_only(right, cols, x_shape, kernel_size, stride, padding):
    result = uncropped(right, cols, x_shape, kernel_size, stride, padding)
    return result[:, :, padding:, padding:]


@col2im.mistake(
    "Without padding your result is empty: a slice `padding:-padding` is `0:0` then. End it at padding + H.",
    COLUMNS,
)
def crops_everything_where_there_is_no_padding(right, cols, x_shape, kernel_size, stride, padding):
    result = uncropped(right, cols, x_shape, kernel_size, stride, padding)
    return result[:, :, padding:-padding, padding:-padding]


@col2im.mistake(
    "You put the windows one step apart: the window of output row i begins at row i * stride.", STRIDE
)
def puts_the_windows_one_step_apart(right, cols, x_shape, kernel_size, stride, padding):
    return moved(cols, x_shape, kernel_size, (stride, stride), (1, 1), padding)


@col2im.mistake("You use the stride along the height and not along the width.", STRIDE)
def strides_along_the_height_alone(right, cols, x_shape, kernel_size, stride, padding):
    return moved(cols, x_shape, kernel_size, (stride, stride), (stride, 1), padding)


def moved(
    cols: Array,
    x_shape: Shape,
    kernel_size: int,
    strides: tuple[int, int],
    steps: tuple[int, int],
    padding: int,
) -> Array:
    """Add up columns that were taken with ``strides``, with their windows ``steps`` apart."""
    n, c, h, w = x_shape
    oh, ow = (
        positions(size, kernel_size, stride, padding) for size, stride in zip((h, w), strides, strict=True)
    )
    apart = cols.reshape(n, c, kernel_size, kernel_size, oh, ow)
    result = np.zeros((n, c, h + 2 * padding, w + 2 * padding), cols.dtype)
    for i, j in np.ndindex(oh, ow):
        top, left = i * steps[0], j * steps[1]
        result[:, :, top : top + kernel_size, left : left + kernel_size] += apart[..., i, j]
    return cropped(result, x_shape, padding)


@col2im.mistake(
    "Each window is transposed: within a column the cells of the window's first row come first.", COLUMNS
)
def transposes_each_window(right, cols, x_shape, kernel_size, stride, padding):
    apart = cols.reshape(placed(x_shape, kernel_size, stride, padding))
    return right.col2im(as_columns(apart.swapaxes(2, 3)), x_shape, kernel_size, stride, padding)


@col2im.mistake("Each window is turned by 180 degrees: a column begins with its upper left cell.", FLIP)
def turns_each_window_around(right, cols, x_shape, kernel_size, stride, padding):
    apart = cols.reshape(placed(x_shape, kernel_size, stride, padding))
    return right.col2im(as_columns(apart[:, :, ::-1, ::-1]), x_shape, kernel_size, stride, padding)


@col2im.mistake(
    "You read the rows as kernel cell first and channel last: row c * K * K + m * K + k is channel c, kernel row "
    "m, kernel column k.",
    COLUMNS,
)
def reads_kernel_cells_before_channels(right, cols, x_shape, kernel_size, stride, padding):
    n, c, k, _, oh, ow = placed(x_shape, kernel_size, stride, padding)
    apart = cols.reshape(n, k, k, c, oh, ow).transpose(0, 3, 1, 2, 4, 5)
    return right.col2im(as_columns(apart), x_shape, kernel_size, stride, padding)


@col2im.mistake(
    "You read the columns down the image first: column i * OW + j is the window in output row i, output column j.",
    COLUMNS,
)
def reads_output_columns_first(right, cols, x_shape, kernel_size, stride, padding):
    n, c, k, _, oh, ow = placed(x_shape, kernel_size, stride, padding)
    apart = cols.reshape(n, c, k, k, ow, oh).swapaxes(4, 5)
    return right.col2im(as_columns(apart), x_shape, kernel_size, stride, padding)


@col2im.mistake(
    "You reshape columns as if they were rows, (N, OH, OW, C, K, K): that scrambles the cells. Reshape to (N, C, K, "
    "K, OH, OW), the order that im2col gives them.",
    COLUMNS,
)
def reads_columns_as_rows(right, cols, x_shape, kernel_size, stride, padding):
    n, c, k, _, oh, ow = placed(x_shape, kernel_size, stride, padding)
    apart = cols.reshape(n, oh, ow, c, k, k).transpose(0, 3, 4, 5, 1, 2)
    return right.col2im(as_columns(apart), x_shape, kernel_size, stride, padding)


@col2im.mistake(
    "You reshape to (N, C, OH, OW, K, K): that scrambles the cells. Reshape to (N, C, K, K, OH, OW), the order that "
    "im2col gives them, and move axes afterwards.",
    COLUMNS,
)
def reshapes_with_the_kernel_last(right, cols, x_shape, kernel_size, stride, padding):
    n, c, k, _, oh, ow = placed(x_shape, kernel_size, stride, padding)
    apart = cols.reshape(n, c, oh, ow, k, k).transpose(0, 1, 4, 5, 2, 3)
    return right.col2im(as_columns(apart), x_shape, kernel_size, stride, padding)


@col2im.mistake("Only the last image is filled: each image gets its own columns.", COLUMNS)
def fills_the_last_image_only(right, cols, x_shape, kernel_size, stride, padding):
    result = right.col2im(cols, x_shape, kernel_size, stride, padding).copy()
    result[:-1] = 0
    return result


@col2im.mistake("Every image gets the sum over the batch: keep the images apart.", COLUMNS)
def adds_up_the_batch(right, cols, x_shape, kernel_size, stride, padding):
    result = right.col2im(cols, x_shape, kernel_size, stride, padding)
    return np.broadcast_to(result.sum(axis=0), result.shape)


@col2im.mistake(
    "Your result is only as large as what the windows cover: it has the shape x_shape, with zeros where no window "
    "lies.",
    COLUMNS,
)
def returns_the_covered_part_only(right, cols, x_shape, kernel_size, stride, padding):
    *_, oh, ow = placed(x_shape, kernel_size, stride, padding)
    result = uncropped(right, cols, x_shape, kernel_size, stride, padding)
    covered = result[:, :, : (oh - 1) * stride + kernel_size, : (ow - 1) * stride + kernel_size]
    return cropped(covered, x_shape, padding)


@col2im.mistake("Your kernel is always 3 by 3: take its size from kernel_size.", SIZE)
def hard_codes_the_kernel_size(right, cols, x_shape, kernel_size, stride, padding):
    if kernel_size != 3:
        raise ValueError("cannot reshape array")
    return right.col2im(cols, x_shape, kernel_size, stride, padding)


@col2im.mistake(
    "You add to an integer array, which takes no fractions: make the zeros with the columns' type or float64.",
    TYPES,
)
def adds_to_an_integer_array(right, cols, x_shape, kernel_size, stride, padding):
    result = np.zeros(x_shape, dtype=int)
    result += right.col2im(cols, x_shape, kernel_size, stride, padding)
    return result


@col2im.mistake(
    "The result is an integer array, so fractions are lost: make it with the columns' type or float64.", TYPES
)
def cuts_the_sums_to_integers(right, cols, x_shape, kernel_size, stride, padding):
    return right.col2im(cols, x_shape, kernel_size, stride, padding).astype(int)


IN_INTEGERS = (
    "You add up in an integer array: a cell loses its fraction each time that you add to it. Make the zeros "
    "with the columns' type or float64."
)


@col2im.mistake(IN_INTEGERS, TYPES)
def adds_windows_in_integers(right, cols, x_shape, kernel_size, stride, padding):
    apart = cols.reshape(placed(x_shape, kernel_size, stride, padding))
    result = np.zeros(uncropped(right, cols, x_shape, kernel_size, stride, padding).shape, int)
    for i, j in np.ndindex(*apart.shape[4:]):
        rows = slice(i * stride, i * stride + kernel_size)
        columns = slice(j * stride, j * stride + kernel_size)
        result[:, :, rows, columns] = result[:, :, rows, columns] + apart[..., i, j]
    return cropped(result, x_shape, padding)


@col2im.mistake(IN_INTEGERS, TYPES)
def adds_kernel_cells_in_integers(right, cols, x_shape, kernel_size, stride, padding):
    apart = cols.reshape(placed(x_shape, kernel_size, stride, padding))
    oh, ow = apart.shape[4:]
    result = np.zeros(uncropped(right, cols, x_shape, kernel_size, stride, padding).shape, int)
    for m, k in np.ndindex(kernel_size, kernel_size):
        rows, columns = slice(m, m + stride * oh, stride), slice(k, k + stride * ow, stride)
        result[:, :, rows, columns] = result[:, :, rows, columns] + apart[:, :, m, k]
    return cropped(result, x_shape, padding)


# conv2d_fast


def layer(rng: Rng, x: Shape, w: Shape) -> dict[str, Array]:
    """Return an input (N, C, H, W), filters (F, C, K, K) and their F biases."""
    return {"x": numbers(rng, *x), "w": numbers(rng, *w), "b": numbers(rng, w[0])}


def multiply_adds(x: Shape, w: Shape) -> int:
    """Return how many products a layer with stride 1 and no padding adds up."""
    n, c, k, _, oh, ow = placed(x, w[2], 1, 0)
    return n * w[0] * oh * ow * c * k * k


RACE = (2, 4, 34, 34), (16, 4, 3, 3)
# A judge's clock is coarse: the same windows, which a loop handles as slowly, and more of them.
LONG_RACE = (18, 4, 34, 34), (16, 4, 3, 3)
LONG_BACKWARD_RACE = (9, 4, 34, 34), (16, 4, 3, 3)


def conv2d_fast_cases(rng: Rng) -> Iterator[Case]:
    def case(
        group: str,
        shape: Shape,
        filters: Shape,
        stride: int = 1,
        padding: int = 0,
        strided: bool = False,
        **others: Array,
    ) -> Case:
        arrays = {**layer(rng, shape, filters), **others}
        return Case(group, {**arrays, "stride": stride, "padding": padding}, strided)

    yield case("one filter", (1, 1, 4, 4), (1, 1, 2, 2))
    yield case("one filter", (1, 2, 5, 5), (1, 2, 3, 3))
    yield case("several filters", (1, 1, 5, 5), (3, 1, 3, 3))
    yield case("several filters", (1, 3, 5, 5), (4, 3, 2, 2))
    yield case("several filters", (1, 2, 3, 3), (2, 2, 1, 1))
    yield case("several images", (2, 1, 4, 4), (1, 1, 3, 3))
    yield case("several images", (3, 2, 4, 4), (2, 2, 3, 3))
    yield case("several images", (2, 2, 5, 5), (3, 2, 2, 2))
    yield case("stride", (1, 2, 7, 7), (2, 2, 3, 3), 2)
    yield case("stride", (2, 1, 8, 8), (3, 1, 3, 3), 2)
    yield case("stride", (1, 2, 7, 7), (2, 2, 2, 2), 3)
    yield case("padding", (1, 2, 4, 4), (2, 2, 3, 3), 1, 1)
    yield case("padding", (2, 1, 5, 5), (3, 1, 2, 2), 2, 2)
    yield case("not square", (1, 2, 4, 7), (2, 2, 3, 3))
    yield case("not square", (2, 2, 6, 4), (3, 2, 2, 2), 2, 1)
    types = TYPES_AND_LAYOUTS
    yield case(types, (1, 2, 5, 4), (2, 2, 3, 3), 2, 1, x=whole(rng, 1, 2, 5, 4))
    yield case(types, (1, 2, 4, 4), (2, 2, 2, 2), w=whole(rng, 2, 2, 2, 2), b=whole(rng, 2))
    yield case(types, (1, 2, 4, 3), (2, 2, 2, 2), x=fine(rng, 1, 2, 4, 3), w=fine(rng, 2, 2, 2, 2))
    single = {
        name: array.astype(np.float32) for name, array in layer(rng, (2, 2, 5, 5), (3, 2, 3, 3)).items()
    }
    yield Case(types, {**single, "stride": 2, "padding": 1})
    yield case(types, (2, 2, 5, 6), (3, 2, 3, 3), 1, 1, strided=True)
    yield case(types, (2, 2, 5, 6), (3, 2, 3, 3), strided=True)  # what is padded is contiguous
    yield forward_race(rng, *RACE)


def forward_race(rng: Rng, x: Shape, w: Shape) -> Case:
    inputs = {**layer(rng, x, w), "stride": 1, "padding": 0}
    return Case("speed", inputs, multiply_adds=multiply_adds(x, w))


def conv2d_fast_hidden(rng: Rng) -> Iterator[Case]:
    for shape, kernel_size, stride, padding in larger(rng):
        filters = (int(rng.integers(1, 5)), shape[1], kernel_size, kernel_size)
        yield Case("not square", {**layer(rng, shape, filters), "stride": stride, "padding": padding})
    yield forward_race(rng, *LONG_RACE)


def torch_conv2d(x, w, b, stride, padding):
    import torch

    arrays = (torch.tensor(array, dtype=torch.float64) for array in (x, w, b))
    return torch.nn.functional.conv2d(*arrays, stride=stride, padding=padding).numpy()


conv2d_fast = Task(
    "conv2d_fast",
    {
        "one filter": 1,
        "several filters": 1,
        "several images": 1,
        "stride": 0.5,
        "padding": 0.5,
        "not square": 0.5,
        TYPES_AND_LAYOUTS: 0.5,
        "speed": 2,
    },
    conv2d_fast_cases,
    oracle=torch_conv2d,
    hidden=conv2d_fast_hidden,
    forbids=NUMPY_ONLY,
)


def maps(right: Any, x: Array, w: Array, b: Array, stride: int, padding: int) -> Array:
    """Return the right feature maps with their positions in one axis: (N, F, OH * OW)."""
    result: Array = right.conv2d_fast(x, w, b, stride, padding)
    return result.reshape(*result.shape[:2], -1)


@conv2d_fast.mistake("You forget the bias: add b[f] to every value of feature map f.", BIAS)
def forgets_the_bias(right, x, w, b, stride, padding):
    return right.conv2d_fast(x, w, np.zeros_like(b), stride, padding)


@conv2d_fast.mistake(
    "You add the biases along the positions: row f of the product belongs to filter f, so add b as a column, "
    "b[:, None].",
    BIAS,
)
def adds_the_biases_along_the_positions(right, x, w, b, stride, padding):
    result = right.conv2d_fast(x, w, np.zeros_like(b), stride, padding)
    return (maps(right, x, w, np.zeros_like(b), stride, padding) + b).reshape(result.shape)


@conv2d_fast.mistake(
    "You turn the kernels by 180 degrees: a convolution layer computes the cross-correlation.", FLIP
)
def turns_the_kernels_around(right, x, w, b, stride, padding):
    return right.conv2d_fast(x, w[:, :, ::-1, ::-1], b, stride, padding)


@conv2d_fast.mistake("You use the transposed kernels: a column holds the window row by row.", COLUMNS)
def transposes_the_kernels(right, x, w, b, stride, padding):
    return right.conv2d_fast(x, w.swapaxes(2, 3), b, stride, padding)


@conv2d_fast.mistake(
    "You flatten the filters in another order than the columns: channel, kernel row, kernel column is the order of "
    "both, which is what w.reshape(F, -1) gives.",
    COLUMNS,
)
def flattens_the_filters_kernel_first(right, x, w, b, stride, padding):
    mixed = w.transpose(0, 2, 3, 1).reshape(w.shape)
    return right.conv2d_fast(x, mixed, b, stride, padding)


@conv2d_fast.mistake(
    "You reshape the filters to (C * K * K, F) in place of transposing: that mixes the filters. Reshape to (F, C * "
    "K * K), one filter a row.",
    MATRIX,
)
def reshapes_the_filters_in_place_of_transposing(right, x, w, b, stride, padding):
    mixed = w.reshape(-1, w.shape[0]).T.reshape(w.shape)
    return right.conv2d_fast(x, mixed, b, stride, padding)


@conv2d_fast.mistake("You move the window by one step always: hand `stride` on to im2col.", STRIDE)
def moves_one_step_always(right, x, w, b, stride, padding):
    return right.conv2d_fast(x, w, b, 1, padding)


@conv2d_fast.mistake("You do not pad: hand `padding` on to im2col.", PADDING)
def does_not_pad(right, x, w, b, stride, padding):
    return right.conv2d_fast(x, w, b, stride, 0)


@conv2d_fast.mistake(
    "You reshape to (N, F, OW, OH): positions are ordered by output row first, so it is (N, F, OH, OW).",
    COLUMNS,
)
def reshapes_to_width_and_height(right, x, w, b, stride, padding):
    n, f, oh, ow = right.conv2d_fast(x, w, b, stride, padding).shape
    return maps(right, x, w, b, stride, padding).reshape(n, f, ow, oh)


@conv2d_fast.mistake(
    "Your feature maps are transposed: the shape is (N, F, OH, OW), rows before columns.", COLUMNS
)
def transposes_the_feature_maps(right, x, w, b, stride, padding):
    return right.conv2d_fast(x, w, b, stride, padding).swapaxes(2, 3)


@conv2d_fast.mistake(
    "The images are scrambled: a product (F, N * OH * OW) must be split to (F, N, OH, OW) and then transposed; a "
    "reshape to (N, F, OH, OW) cuts through the rows.",
    MATRIX,
)
def reshapes_across_the_batch(right, x, w, b, stride, padding):
    result = right.conv2d_fast(x, w, b, stride, padding)
    return result.swapaxes(0, 1).reshape(result.shape)


@conv2d_fast.mistake(
    "Filters and positions are scrambled: a product (N, OH * OW, F) must be transposed to (N, F, OH * OW) before "
    "it is reshaped.",
    MATRIX,
)
def reshapes_where_filters_come_last(right, x, w, b, stride, padding):
    result = right.conv2d_fast(x, w, b, stride, padding)
    return maps(right, x, w, b, stride, padding).swapaxes(1, 2).reshape(result.shape)


@conv2d_fast.mistake("Your result has the filters as last axis: the shape is (N, F, OH, OW).", MATRIX)
def returns_the_filters_last(right, x, w, b, stride, padding):
    return right.conv2d_fast(x, w, b, stride, padding).transpose(0, 2, 3, 1)


@conv2d_fast.mistake("The first image stands for the whole batch: use the columns of all N images.", COLUMNS)
def uses_the_first_image_only(right, x, w, b, stride, padding):
    result = right.conv2d_fast(x, w, b, stride, padding).copy()
    result[1:] = 0
    return result


@conv2d_fast.mistake(
    "The result has the input's type: for integer images the fractions are cut off. Use float64.", TYPES
)
def makes_integer_maps(right, x, w, b, stride, padding):
    return right.conv2d_fast(x, w, b, stride, padding).astype(x.dtype)


# conv2d_fast_backward


def upstream(rng: Rng, x: Shape, w: Shape, stride: int, padding: int) -> dict[str, Array]:
    """Return a gradient from above, the input and the filters, of random odd eighths."""
    *_, oh, ow = placed(x, w[2], stride, padding)
    return {"dout": numbers(rng, x[0], w[0], oh, ow), "x": numbers(rng, *x), "w": numbers(rng, *w)}


def backward_cases(rng: Rng) -> Iterator[Case]:
    def case(
        group: str,
        shape: Shape,
        filters: Shape,
        stride: int = 1,
        padding: int = 0,
        strided: bool = False,
        dtype: Any = None,
        **others: Array,
    ) -> Case:
        arrays = {**upstream(rng, shape, filters, stride, padding), **others}
        if dtype is not None:
            arrays = {name: array.astype(dtype) for name, array in arrays.items()}
        return Case(group, {**arrays, "stride": stride, "padding": padding}, strided)

    yield case("one channel, one filter", (1, 1, 4, 4), (1, 1, 2, 2))
    yield case("one channel, one filter", (1, 1, 5, 5), (1, 1, 3, 3))
    yield case("one channel, one filter", (1, 1, 3, 3), (1, 1, 1, 1))
    yield case("several channels and filters", (1, 2, 4, 4), (1, 2, 3, 3))
    yield case("several channels and filters", (1, 1, 5, 5), (3, 1, 3, 3))
    yield case("several channels and filters", (1, 3, 4, 4), (4, 3, 2, 2))
    yield case("several channels and filters", (1, 2, 4, 4), (2, 2, 2, 2))
    yield case("several images", (2, 1, 4, 4), (1, 1, 3, 3))
    yield case("several images", (3, 2, 4, 4), (2, 2, 3, 3))
    yield case("several images", (2, 2, 5, 5), (3, 2, 2, 2))
    yield case("stride 2 and 3", (1, 1, 7, 7), (1, 1, 3, 3), 2)
    yield case("stride 2 and 3", (2, 2, 6, 6), (2, 2, 2, 2), 2)
    yield case("stride 2 and 3", (1, 2, 8, 8), (2, 2, 2, 2), 3)
    yield case("stride that does not tile", (1, 2, 6, 6), (2, 2, 3, 3), 2)
    yield case("stride that does not tile", (2, 1, 7, 7), (2, 1, 2, 2), 3)
    yield case("padding 1 and 2", (1, 1, 4, 4), (2, 1, 3, 3), 1, 1)
    yield case("padding 1 and 2", (2, 2, 3, 3), (2, 2, 2, 2), 1, 2)
    yield case("padding 1 and 2", (1, 2, 5, 5), (3, 2, 3, 3), 2, 1)
    yield case("not square", (1, 2, 4, 6), (2, 2, 3, 3))
    yield case("not square", (2, 2, 6, 4), (3, 2, 2, 2), 2, 1)
    types = TYPES_AND_LAYOUTS
    yield case(types, (1, 2, 5, 4), (2, 2, 3, 3), 2, 1, x=whole(rng, 1, 2, 5, 4))
    yield case(types, (1, 2, 4, 4), (2, 2, 2, 2), w=whole(rng, 2, 2, 2, 2))
    yield case(types, (1, 2, 4, 4), (2, 2, 3, 3), dout=whole(rng, 1, 2, 2, 2))
    yield case(types, (1, 2, 4, 3), (2, 2, 2, 2), x=fine(rng, 1, 2, 4, 3), w=fine(rng, 2, 2, 2, 2))
    yield case(types, (2, 2, 5, 5), (3, 2, 3, 3), 2, 1, dtype=np.float32)
    yield case(types, (2, 2, 5, 6), (3, 2, 3, 3), 1, 1, strided=True)
    yield case(types, (2, 2, 5, 6), (3, 2, 3, 3), strided=True)  # what is padded is contiguous
    yield backward_race(rng, *RACE)


def backward_race(rng: Rng, x: Shape, w: Shape) -> Case:
    inputs = {**upstream(rng, x, w, 1, 0), "stride": 1, "padding": 0}
    return Case("speed", inputs, multiply_adds=2 * multiply_adds(x, w))


def backward_hidden(rng: Rng) -> Iterator[Case]:
    for shape, kernel_size, stride, padding in larger(rng):
        filters = (int(rng.integers(1, 5)), shape[1], kernel_size, kernel_size)
        arrays = upstream(rng, shape, filters, stride, padding)
        yield Case("not square", {**arrays, "stride": stride, "padding": padding})
    yield backward_race(rng, *LONG_BACKWARD_RACE)


def torch_gradients(dout, x, w, stride, padding):
    import torch

    images, filters = (torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in (x, w))
    biases = torch.zeros(len(w), dtype=torch.float64, requires_grad=True)
    result = torch.nn.functional.conv2d(images, filters, biases, stride=stride, padding=padding)
    result.backward(torch.tensor(dout, dtype=torch.float64))
    return images.grad.numpy(), filters.grad.numpy(), biases.grad.numpy()


conv2d_fast_backward = Task(
    "conv2d_fast_backward",
    {
        "one channel, one filter": 1,
        "several channels and filters": 1,
        "several images": 1,
        "stride 2 and 3": 1,
        "stride that does not tile": 1,
        "padding 1 and 2": 1,
        "not square": 0.5,
        TYPES_AND_LAYOUTS: 0.5,
        "speed": 2,
    },
    backward_cases,
    returns=("dx", "dw", "db"),
    shares={"dx": 2, "dw": 2, "db": 1},
    oracle=torch_gradients,
    hidden=backward_hidden,
    forbids=NUMPY_ONLY,
)


def matrices(dout: Array) -> Array:
    """Return the gradient from above with its positions in one axis: (N, F, OH * OW)."""
    return dout.reshape(*dout.shape[:2], -1)


def columns_of_dx(dout: Array, w: Array) -> Array:
    """Return the gradient of the columns, (N, C * K * K, OH * OW)."""
    filters = w.reshape(w.shape[0], -1)
    return filters.T @ matrices(dout)


@conv2d_fast_backward.mistake(
    "Where windows overlap, dx keeps one window's share: add up the shares of all windows (`+=`, or np.add.at with "
    "index arrays).",
    DX,
)
def overwrites_dx_where_windows_overlap(right, dout, x, w, stride, padding):
    _, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    columns = columns_of_dx(dout, w)
    return overwrites_in_place_of_adding(right, columns, x.shape, w.shape[2], stride, padding), dw, db


@conv2d_fast_backward.mistake(
    "dx is averaged where windows overlap: a gradient adds up over all windows that hold the pixel.", DX
)
def averages_dx_where_windows_overlap(right, dout, x, w, stride, padding):
    _, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    columns = columns_of_dx(dout, w)
    return averages_where_windows_overlap(right, columns, x.shape, w.shape[2], stride, padding), dw, db


@conv2d_fast_backward.mistake(
    "dx still has the padding around it: it is as large as x, so crop `padding` rows and columns on each side.",
    DX_STRIDE,
)
def does_not_crop_dx(right, dout, x, w, stride, padding):
    around, dw, db = right.conv2d_fast_backward(dout, padded(x, padding, padding), w, stride, 0)
    return around, dw, db


@conv2d_fast_backward.mistake(
    "dx is cropped at the bottom and right only: the image begins at row and column `padding`.", DX_STRIDE
)
def crops_dx_at_one_side(right, dout, x, w, stride, padding):
    around, dw, db = right.conv2d_fast_backward(dout, padded(x, padding, padding), w, stride, 0)
    return around[:, :, : x.shape[2], : x.shape[3]], dw, db


@conv2d_fast_backward.mistake(
    "dx is made with stride 1: the gradient at output row i goes to the input rows from i * stride on.",
    DX_STRIDE,
)
def ignores_the_stride_in_dx(right, dout, x, w, stride, padding):
    _, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    columns = columns_of_dx(dout, w)
    return puts_the_windows_one_step_apart(right, columns, x.shape, w.shape[2], stride, padding), dw, db


@conv2d_fast_backward.mistake(
    "dw is made with windows one step apart: use the columns of the forward pass, with its stride.", DX_STRIDE
)
def ignores_the_stride_in_dw(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    columns = takes_windows_one_step_apart(right, x, w.shape[2], stride, padding)
    shares = dout.reshape(*dout.shape[:2], -1) @ columns.swapaxes(1, 2)
    return dx, shares.sum(axis=0).reshape(dw.shape), db


@conv2d_fast_backward.mistake(
    "dw is made from the image without its padding: use the columns of the forward pass, with its padding.",
    DX_STRIDE,
)
def ignores_the_padding_in_dw(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    if padding:
        raise ValueError("matmul: Input operand 1 has a mismatch in its core dimension")
    return dx, dw, db


@conv2d_fast_backward.mistake(
    "In dx the kernel is turned around: each window gets dout times the kernel as it is. (Where you slide a kernel "
    "over dout, it is the turned one.)",
    DX,
)
def turns_the_kernel_in_dx(right, dout, x, w, stride, padding):
    _, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return right.conv2d_fast_backward(dout, x, w[:, :, ::-1, ::-1], stride, padding)[0], dw, db


@conv2d_fast_backward.mistake(
    "dw is turned by 180 degrees: dw[f, c, m, k] goes with cell (m, k) of the windows.", DW
)
def turns_dw_around(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw[:, :, ::-1, ::-1], db


@conv2d_fast_backward.mistake(
    "You reshape the filters to (C * K * K, F) in place of transposing them: dx needs the transpose of the matrix "
    "w.reshape(F, -1).",
    FAST,
)
def reshapes_the_filters_for_dx(right, dout, x, w, stride, padding):
    _, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    mixed = w.reshape(-1, w.shape[0]).T.reshape(w.shape)
    return right.conv2d_fast_backward(dout, x, mixed, stride, padding)[0], dw, db


@conv2d_fast_backward.mistake(
    "Images and filters of dout are scrambled: to make a matrix of F rows from (N, F, OH, OW), move F to the front "
    "before you reshape.",
    MANY,
)
def reshapes_dout_across_the_batch(right, dout, x, w, stride, padding):
    n, f, oh, ow = dout.shape
    return right.conv2d_fast_backward(dout.reshape(f, n, oh, ow).swapaxes(0, 1), x, w, stride, padding)


@conv2d_fast_backward.mistake(
    "You leave out the gradient from above: every product has a factor dout.",
    "05_backprop_through_convolution#The gradient from above",
)
def takes_ones_for_dout(right, dout, x, w, stride, padding):
    return right.conv2d_fast_backward(np.ones_like(dout), x, w, stride, padding)


@conv2d_fast_backward.mistake(
    "dw is a mean over the batch: it is a sum; the division by N is in the loss, and so in dout already.",
    MANY,
)
def averages_dw_over_the_batch(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw / len(x), db


@conv2d_fast_backward.mistake(
    "db is a mean over the batch: it is a sum; the division by N is in the loss, and so in dout already.",
    MANY,
)
def averages_db_over_the_batch(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw, db / len(x)


@conv2d_fast_backward.mistake(
    "dw and db are means over the batch: they are sums; the division by N is in the loss, and so in dout already.",
    MANY,
)
def averages_dw_and_db_over_the_batch(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw / len(x), db / len(x)


@conv2d_fast_backward.mistake(
    "You divide all three by the size of the batch: the division by N is in the loss, and so in dout already.",
    MANY,
)
def divides_everything_by_the_batch(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx / len(x), dw / len(x), db / len(x)


@conv2d_fast_backward.mistake(
    "dw pairs the columns of one image with dout of another: to make one matrix of all columns, move the axis of the "
    "images behind that of the rows before you reshape.",
    MATRIX,
)
def scrambles_the_columns_for_dw(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    columns = right.im2col(x, w.shape[2], stride, padding)
    rows = dout.swapaxes(0, 1).reshape(len(w), -1)
    return dx, (rows @ columns.reshape(columns.shape[1], -1).T).reshape(dw.shape), db


@conv2d_fast_backward.mistake(
    "dw is that of the last image: add up the products of all images, with `+=` or a sum over the batch.",
    MANY,
)
def keeps_dw_of_the_last_image(right, dout, x, w, stride, padding):
    dx, _, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, right.conv2d_fast_backward(dout[-1:], x[-1:], w, stride, padding)[1], db


@conv2d_fast_backward.mistake("dx of every image but the first is zero: each image has its own.", MANY)
def fills_dx_of_the_first_image_only(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    dx = dx.copy()
    dx[1:] = 0
    return dx, dw, db


@conv2d_fast_backward.mistake(
    "db is the mean over images and positions: the bias is added at each of them, so its gradient is the sum.",
    DB,
)
def averages_db(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw, dout.mean(axis=(0, 2, 3))


@conv2d_fast_backward.mistake(
    "db is summed over the batch alone: sum over the positions too, so that one number a filter is left.", DB
)
def sums_db_over_the_batch_alone(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw, dout.sum(axis=0)


@conv2d_fast_backward.mistake(
    "db still has an axis of positions: sum (N, F, OH * OW) over axes 0 and 2, so that the filters stay.",
    DB,
)
def keeps_the_positions_of_each_filter_in_db(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw, matrices(dout).sum(axis=0)


@conv2d_fast_backward.mistake(
    "db still has an axis of images: sum (N, F, OH * OW) over axes 0 and 2, so that the shape is (F,).",
    DB,
)
def does_not_sum_db_over_the_batch(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw, matrices(dout).sum(axis=2)


@conv2d_fast_backward.mistake(
    "db is summed over the filters: sum (N, F, OH * OW) over images and positions, so that the filters stay.",
    DB,
)
def sums_db_over_the_filters(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw, matrices(dout).sum(axis=1)


@conv2d_fast_backward.mistake(
    "db has a number for each image: axis 1 is that of the filters, which stays: sum over axis 0 instead.",
    DB,
)
def leaves_the_images_in_db(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw, matrices(dout).sum(axis=(1, 2))


@conv2d_fast_backward.mistake(
    "db has a number for each position: axis 1 is that of the filters, which stays: sum over axis 2 instead.",
    DB,
)
def leaves_the_positions_in_db(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw, matrices(dout).sum(axis=(0, 1))


@conv2d_fast_backward.mistake(
    "db has a number for each column of (F, N * OH * OW): sum over axis 1, so that the filters stay.",
    DB,
)
def sums_db_over_the_rows_of_a_matrix(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw, dout.swapaxes(0, 1).reshape(len(w), -1).sum(axis=0)


@conv2d_fast_backward.mistake(
    "db is one number: bias f was added to feature map f alone, so each filter has a sum of its own.", DB
)
def sums_db_to_one_number(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw, dout.sum()


@conv2d_fast_backward.mistake(
    "db keeps axes of length 1: its shape is that of b, (F,), so sum over axes 0, 2 and 3 without keepdims.",
    DB,
)
def keeps_all_axes_of_db(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw, dout.sum(axis=(0, 2, 3), keepdims=True)


@conv2d_fast_backward.mistake("db keeps an axis of length 1: its shape is that of b, (F,).", DB)
def keeps_an_axis_in_db(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw, db[:, None]


@conv2d_fast_backward.mistake("The order is dx, dw, db: you return dw first.", FAST)
def returns_dw_first(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dw, dx, db


@conv2d_fast_backward.mistake(
    "dx has the type of x: for integer images the fractions are cut off. Use float64.", TYPES
)
def makes_dx_of_the_type_of_x(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx.astype(x.dtype), dw, db


@conv2d_fast_backward.mistake(
    "dw has the type of w: for integer filters the fractions are cut off. Use float64.", TYPES
)
def makes_dw_of_the_type_of_w(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx, dw.astype(w.dtype), db


@conv2d_fast_backward.mistake(
    "dx and dw have the types of x and w: for integers the fractions are cut off. Use float64.", TYPES
)
def makes_dx_and_dw_of_the_types_of_x_and_w(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_fast_backward(dout, x, w, stride, padding)
    return dx.astype(x.dtype), dw.astype(w.dtype), db


TASKS = (im2col, col2im, conv2d_fast, conv2d_fast_backward)
