"""The tasks of ex02: for each one its cases, what they are worth, and the mistakes that learners make.

A mistake takes the reference's functions first, so that it says in a line or two what goes wrong. Oracles
import torch themselves: it takes a second, and only a release needs it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np
import scipy.signal

from course_utils.check import NUMPY_ONLY, Case, Task
from course_utils.grading.inputs import TYPES_AND_LAYOUTS, Array, Rng, fine, numbers, whole

# output_size


def output_size_cases(rng: Rng) -> Iterator[Case]:
    def case(group: str, n: int, kernel_size: int, stride: int = 1, padding: int = 0) -> Case:
        return Case(group, {"n": n, "kernel_size": kernel_size, "stride": stride, "padding": padding})

    yield Case("stride 1", {"n": 6, "kernel_size": 3})
    yield Case("stride 1", {"n": 8, "kernel_size": 3})
    yield Case("stride 1", {"n": int(rng.integers(20, 40)), "kernel_size": int(rng.integers(2, 8))})
    yield case("stride", 7, 3, 2)
    yield case("stride", 227, 11, 4)
    k, s, steps = (int(rng.integers(low, low + 4)) for low in (2, 2, 3))
    yield case("stride", k + s * steps, k, s)
    yield case("stride that does not tile", 8, 3, 2)
    yield case("stride that does not tile", k + s * steps + 1, k, s)
    yield case("stride that does not tile", k + s * steps + s - 1, k, s)
    for padding in (1, 2, 3):
        yield case("padding", int(rng.integers(8, 20)), 3, 1, padding)
    yield case("padding", 2 * int(rng.integers(4, 10)), 3, 2, 1)
    n, padding = int(rng.integers(3, 7)), int(rng.integers(1, 3))
    fits = "kernel that fits exactly, or not at all"
    yield case(fits, n, n)
    yield case(fits, n, n - 1, n + 2)
    yield case(fits, n, n + 1, 2)
    yield case(fits, n, n + 2 * padding + 1, 3, padding)
    yield case(fits, n, n + 2 * padding, 1, padding)
    yield case(fits, n, n + 2 * padding + 1, 1, padding)
    yield case(fits, n, n + 2, 2, 0)


def torch_size(n, kernel_size, stride=1, padding=0):
    import torch

    signal, kernel = (torch.empty(1, 1, size, device="meta") for size in (n, kernel_size))
    try:
        return torch.nn.functional.conv1d(signal, kernel, stride=stride, padding=padding).shape[2]
    except RuntimeError as error:
        raise ValueError(error) from None


output_size = Task(
    "output_size",
    {
        "stride 1": 0.5,
        "stride": 0.5,
        "stride that does not tile": 0.5,
        "padding": 0.5,
        "kernel that fits exactly, or not at all": 1,
    },
    output_size_cases,
    oracle=torch_size,
    forbids=NUMPY_ONLY,
)


@output_size.mistake(
    "You round up: a window that hangs over the end is dropped, not counted.", "03_convolution_layer#Stride"
)
def rounds_up(right, n, kernel_size, stride=1, padding=0):
    right.output_size(n, kernel_size, stride, padding)
    return math.ceil((n + 2 * padding - kernel_size) / stride) + 1


@output_size.mistake(
    "You do not divide by the stride: the window moves that many steps at once.",
    "03_convolution_layer#Stride",
)
def ignores_stride(right, n, kernel_size, stride=1, padding=0):
    return right.output_size(n, kernel_size, 1, padding)


@output_size.mistake(
    "You leave the padding out: it makes the input larger on both sides.", "03_convolution_layer#Zero padding"
)
def ignores_padding(right, n, kernel_size, stride=1, padding=0):
    return right.output_size(n, kernel_size, stride, 0)


@output_size.mistake(
    "You add the padding once: it lies on both sides, so it counts twice.",
    "03_convolution_layer#Zero padding",
)
def adds_the_padding_once(right, n, kernel_size, stride=1, padding=0):
    return right.output_size(n + padding, kernel_size, stride, 0)


@output_size.mistake(
    "You count the steps and not the positions: the first position comes before any step, so add 1.",
    "03_convolution_layer#Output size",
)
def forgets_the_first_position(right, n, kernel_size, stride=1, padding=0):
    return right.output_size(n, kernel_size, stride, padding) - 1


@output_size.mistake(
    "You return a float: use `//`, which divides and rounds down to an integer.",
    "03_convolution_layer#Stride",
)
def returns_a_float(right, n, kernel_size, stride=1, padding=0):
    right.output_size(n, kernel_size, stride, padding)
    return (n + 2 * padding - kernel_size) / stride + 1


@output_size.mistake(
    "You return a size for a kernel that does not fit: raise a ValueError instead.",
    "03_convolution_layer#Output size",
)
def does_not_check_the_fit(right, n, kernel_size, stride=1, padding=0):
    return (n + 2 * padding - kernel_size) // stride + 1


@output_size.mistake(
    "You round before you test: with a stride, a kernel that is a little too large seems to fit once.",
    "03_convolution_layer#Output size",
)
def rounds_before_testing_the_fit(right, n, kernel_size, stride=1, padding=0):
    size = int((n + 2 * padding - kernel_size) / stride) + 1
    if size < 1:
        raise ValueError("does not fit")
    return size


@output_size.mistake(
    "The arguments are mixed up: stride comes before padding.", "03_convolution_layer#Stride"
)
def swaps_the_arguments_stride_and_padding(right, n, kernel_size, padding=0, stride=1):
    return right.output_size(n, kernel_size, stride, padding)


@output_size.mistake(
    "You refuse a kernel as large as the padded input: it fits in exactly one position.",
    "03_convolution_layer#Output size",
)
def refuses_an_exact_fit(right, n, kernel_size, stride=1, padding=0):
    if kernel_size >= n + 2 * padding:
        raise ValueError("too large")
    return right.output_size(n, kernel_size, stride, padding)


@output_size.mistake(
    "You compare the kernel with the input before padding: the padded input is what it must fit.",
    "03_convolution_layer#Zero padding",
)
def checks_the_fit_without_padding(right, n, kernel_size, stride=1, padding=0):
    if kernel_size > n:
        raise ValueError("too large")
    return right.output_size(n, kernel_size, stride, padding)


# zero_pad


def zero_pad_cases(rng: Rng) -> Iterator[Case]:
    def case(group: str, x: Array, padding: int, strided: bool = False) -> Case:
        return Case(group, {"x": x, "padding": padding}, strided)

    yield case("padding 1", numbers(rng, 1, 1, 3, 3), 1)
    yield case("padding 1", numbers(rng, 2, 3, 4, 5), 1)
    yield case("padding 2 and 3", numbers(rng, 2, 1, 5, 3), 2)
    yield case("padding 2 and 3", numbers(rng, 1, 2, 2, 4), 3)
    yield case("padding 0", numbers(rng, 2, 2, 3, 4), 0)
    types = TYPES_AND_LAYOUTS
    yield case(types, whole(rng, 1, 2, 4, 3), 1)
    yield case(types, numbers(rng, 2, 1, 3, 4).astype(np.float32), 2)
    yield case(types, fine(rng, 1, 2, 3, 2), 1)
    yield case(types, numbers(rng, 2, 2, 3, 4), 1, strided=True)


def torch_pad(x, padding):
    import torch

    return torch.nn.functional.pad(torch.tensor(x), (padding,) * 4).numpy()


zero_pad = Task(
    "zero_pad",
    {"padding 1": 0.5, "padding 2 and 3": 0.5, "padding 0": 0.5, TYPES_AND_LAYOUTS: 0.5},
    zero_pad_cases,
    oracle=torch_pad,
    forbids=NUMPY_ONLY,
)
PADDING = "03_convolution_layer#Zero padding"


@zero_pad.mistake("You pad after the rows and columns only: zeros belong on all four sides.", PADDING)
def pads_bottom_and_right_only(right, x, padding):
    return np.pad(x, ((0, 0), (0, 0), (0, padding), (0, padding)))


@zero_pad.mistake(
    "The shape is right, and the image sits in its upper left corner: leave `padding` rows and columns before it.",
    PADDING,
)
def puts_the_image_into_the_corner(right, x, padding):
    return np.pad(x, ((0, 0), (0, 0), (0, 2 * padding), (0, 2 * padding)))


@zero_pad.mistake("You pad before the rows and columns only: zeros belong on all four sides.", PADDING)
def pads_top_and_left_only(right, x, padding):
    return np.pad(x, ((0, 0), (0, 0), (padding, 0), (padding, 0)))


@zero_pad.mistake("You pad the batch and the channels too: only height and width grow.", PADDING)
def pads_every_axis(right, x, padding):
    return np.pad(x, padding)


@zero_pad.mistake("You pad the height and not the width.", PADDING)
def pads_the_height_only(right, x, padding):
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (0, 0)))


@zero_pad.mistake("You pad the width and not the height.", PADDING)
def pads_the_width_only(right, x, padding):
    return np.pad(x, ((0, 0), (0, 0), (0, 0), (padding, padding)))


@zero_pad.mistake("You repeat the border's values: the new cells hold zeros.", PADDING)
def repeats_the_border(right, x, padding):
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), mode="edge")


@zero_pad.mistake("You set the border to zero in place of adding to it: the image must grow.", PADDING)
def overwrites_the_border(right, x, padding):
    result = np.zeros(x.shape)
    inside = (..., slice(padding, x.shape[2] - padding), slice(padding, x.shape[3] - padding))
    result[inside] = x[inside]
    return result


@zero_pad.mistake(
    "You share the padding between the two sides: here it is the number of zeros on each side.", PADDING
)
def shares_the_padding_between_the_sides(right, x, padding):
    sides = (padding // 2, padding - padding // 2)
    return np.pad(x, ((0, 0), (0, 0), sides, sides))


@zero_pad.mistake(
    "The result is an integer array, so fractions are lost: make it with the input's type or float64.",
    "03_convolution_layer#Number types",
)
def makes_an_integer_array(right, x, padding):
    return right.zero_pad(x, padding).astype(int)


# cross_correlate2d and convolve2d

FLIP = "03_convolution_layer#Convolution or cross-correlation"
WINDOW = "03_convolution_layer#The sliding window"
TYPES = "03_convolution_layer#Number types"


def plane_cases(rng: Rng) -> Iterator[Case]:
    def case(group: str, image: Array, kernel: Array, strided: bool = False) -> Case:
        return Case(group, {"image": image, "kernel": kernel}, strided)

    yield case("square", numbers(rng, 6, 6), numbers(rng, 3, 3))
    yield case("square", numbers(rng, 8, 8), numbers(rng, 5, 5))
    yield case("not square", numbers(rng, 5, 8), numbers(rng, 3, 3))
    yield case("not square", numbers(rng, 7, 6), numbers(rng, 2, 4))
    yield case("not square", numbers(rng, 6, 9), numbers(rng, 5, 2))
    yield case("not square", numbers(rng, 4, 6), numbers(rng, 4, 3))
    yield case("not square", numbers(rng, 5, 4), numbers(rng, 1, 3))
    yield case("not square", numbers(rng, 4, 5), numbers(rng, 3, 1))
    sizes = "kernel as large as the image, or one number"
    yield case(sizes, numbers(rng, 4, 3), numbers(rng, 4, 3))
    yield case(sizes, numbers(rng, 3, 4), numbers(rng, 1, 1))
    types = TYPES_AND_LAYOUTS
    yield case(types, whole(rng, 6, 5), numbers(rng, 3, 2))
    yield case(types, numbers(rng, 5, 6), whole(rng, 2, 3))
    yield case(types, fine(rng, 5, 4), fine(rng, 2, 3))
    yield case(types, numbers(rng, 5, 5).astype(np.float32), numbers(rng, 2, 3).astype(np.float32))
    yield case(types, numbers(rng, 6, 6), numbers(rng, 3, 3), strided=True)


def large_plane(rng: Rng) -> Iterator[Case]:
    yield Case("not square", {"image": numbers(rng, 23, 31), "kernel": numbers(rng, 7, 4)})


PLANE_POINTS = {
    "square": 1,
    "not square": 1,
    "kernel as large as the image, or one number": 0.5,
    TYPES_AND_LAYOUTS: 0.5,
}
cross_correlate2d = Task(
    "cross_correlate2d",
    PLANE_POINTS,
    plane_cases,
    oracle=functools.partial(scipy.signal.correlate2d, mode="valid"),
    hidden=large_plane,
    forbids=NUMPY_ONLY,
)
convolve2d = Task(
    "convolve2d",
    PLANE_POINTS,
    plane_cases,
    oracle=functools.partial(scipy.signal.convolve2d, mode="valid"),
    hidden=large_plane,
    forbids=NUMPY_ONLY,
)


@cross_correlate2d.mistake(
    "You turn the kernel by 180 degrees: that is convolution; cross-correlation leaves it as it is.", FLIP
)
def turns_the_kernel_around(right, image, kernel):
    return right.cross_correlate2d(image, kernel[::-1, ::-1])


@cross_correlate2d.mistake(
    "You use the transposed kernel: row i of the kernel goes with row i of the window.", WINDOW
)
def transposes_the_kernel(right, image, kernel):
    return right.cross_correlate2d(image, kernel.T)


@cross_correlate2d.mistake(
    "Rows and columns of the result are swapped: the first index counts positions along the height.", WINDOW
)
def swaps_rows_and_columns(right, image, kernel):
    return right.cross_correlate2d(image, kernel).T


@cross_correlate2d.mistake(
    "The last row and column of positions are missing: there are H - KH + 1 of them.",
    "03_convolution_layer#Output size",
)
def stops_one_position_early(right, image, kernel):
    return right.cross_correlate2d(image, kernel)[:-1, :-1]


@cross_correlate2d.mistake(
    "Your result is as large as the image: without padding the window only takes positions inside it.",
    "03_convolution_layer#Zero padding",
)
def pads_to_the_size_of_the_image(right, image, kernel):
    before = [(k - 1) // 2 for k in kernel.shape]
    sides = [(b, k - 1 - b) for b, k in zip(before, kernel.shape, strict=True)]
    return right.cross_correlate2d(np.pad(image, sides), kernel)


@cross_correlate2d.mistake(
    "Your window is always 3 by 3: take its size from kernel.shape.", "03_convolution_layer#Output size"
)
def hard_codes_a_kernel_of_3(right, image, kernel):
    result = np.zeros((image.shape[0] - 2, image.shape[1] - 2))
    for i, j in np.ndindex(*result.shape):
        result[i, j] = np.sum(image[i : i + 3, j : j + 3] * kernel)
    return result


@cross_correlate2d.mistake(
    "The last row and column of the result stay zero: loop over all positions, as many as the result has.",
    "03_convolution_layer#Output size",
)
def leaves_the_last_row_and_column_zero(right, image, kernel):
    result = right.cross_correlate2d(image, kernel)
    result[-1], result[:, -1] = 0, 0
    return result


@cross_correlate2d.mistake(
    "Only the first row of the result is filled: is the `return` inside the loop over rows?", WINDOW
)
def returns_after_the_first_row(right, image, kernel):
    result = right.cross_correlate2d(image, kernel)
    result[1:] = 0
    return result


@cross_correlate2d.mistake(
    "You multiply the window and the kernel as matrices: `*` multiplies cell by cell, `@` does not.", WINDOW
)
def multiplies_as_matrices(right, image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return (windows @ kernel).sum(axis=(2, 3))


@cross_correlate2d.mistake(
    "You use the kernel's height for its width too: take both from kernel.shape.", WINDOW
)
def takes_every_kernel_for_square(right, image, kernel):
    size = kernel.shape[0]
    result = np.zeros((image.shape[0] - size + 1, image.shape[1] - size + 1))
    for i, j in np.ndindex(*result.shape):
        result[i, j] = np.sum(image[i : i + size, j : j + size] * kernel)
    return result


@cross_correlate2d.mistake("You take the mean of the products: the result is their sum.", WINDOW)
def takes_the_mean_in_place_of_the_sum(right, image, kernel):
    return right.cross_correlate2d(image, kernel) / kernel.size


@cross_correlate2d.mistake(
    "The result has the image's type: for an integer image the fractions are cut off. Use float64.", TYPES
)
def cuts_to_the_type_of_the_image(right, image, kernel):
    return right.cross_correlate2d(image, kernel).astype(image.dtype)


@convolve2d.mistake(
    "You do not turn the kernel, or you turn it twice: convolution is cross-correlation with the kernel turned "
    "once by 180 degrees. If you call your cross_correlate2d, make sure first that it passes.",
    FLIP,
)
def does_not_flip_the_kernel(right, image, kernel):
    return right.cross_correlate2d(image, kernel)


@convolve2d.mistake("You flip the rows of the kernel and not its columns: flip both.", FLIP)
def flips_the_rows_only(right, image, kernel):
    return right.cross_correlate2d(image, kernel[::-1])


@convolve2d.mistake("You flip the columns of the kernel and not its rows: flip both.", FLIP)
def flips_the_columns_only(right, image, kernel):
    return right.cross_correlate2d(image, kernel[:, ::-1])


@convolve2d.mistake("You transpose the kernel: turn it by 180 degrees, which flips both axes.", FLIP)
def transposes_in_place_of_flipping(right, image, kernel):
    return right.cross_correlate2d(image, kernel.T)


@convolve2d.mistake("You turn the kernel by 90 degrees: it takes two such turns.", FLIP)
def turns_by_90_degrees(right, image, kernel):
    return right.cross_correlate2d(image, np.rot90(kernel))


@convolve2d.mistake("You flip the image: flip the kernel, or the result comes out turned around.", FLIP)
def flips_the_image(right, image, kernel):
    return right.cross_correlate2d(image[::-1, ::-1], kernel)


@convolve2d.mistake(
    "You also return the positions where the kernel hangs over the border: keep those inside the image.",
    "03_convolution_layer#Zero padding",
)
def returns_the_full_convolution(right, image, kernel):
    kh, kw = kernel.shape
    return right.convolve2d(np.pad(image, ((kh - 1, kh - 1), (kw - 1, kw - 1))), kernel)


@convolve2d.mistake(
    "The result has the image's type: for an integer image the fractions are cut off. Use float64.", TYPES
)
def keeps_the_type_of_the_image(right, image, kernel):
    return right.convolve2d(image, kernel).astype(image.dtype)


# conv2d


def layer(rng: Rng, x: tuple[int, ...], w: tuple[int, ...]) -> dict[str, Array]:
    """Return an input (N, C, H, W), filters (F, C, KH, KW) and their F biases."""
    return {"x": numbers(rng, *x), "w": numbers(rng, *w), "b": numbers(rng, w[0])}


def conv2d_cases(rng: Rng) -> Iterator[Case]:
    def case(group: str, x: tuple[int, ...], w: tuple[int, ...], stride: int = 1, padding: int = 0) -> Case:
        return Case(group, {**layer(rng, x, w), "stride": stride, "padding": padding})

    yield Case("one channel, one filter", layer(rng, (1, 1, 5, 5), (1, 1, 3, 3)))
    yield Case("one channel, one filter", layer(rng, (2, 1, 4, 4), (1, 1, 2, 2)))
    yield case("several channels", (1, 3, 5, 5), (1, 3, 3, 3))
    yield case("several channels", (2, 2, 4, 4), (1, 2, 1, 1))
    yield case("several filters", (1, 2, 5, 5), (4, 2, 3, 3))
    yield case("several filters", (2, 3, 4, 4), (3, 3, 3, 3))
    yield case("several filters", (3, 1, 6, 6), (2, 1, 5, 5))
    yield case("several filters", (4, 5, 3, 3), (3, 5, 2, 2))
    yield case("stride 2 and 3", (1, 2, 7, 7), (2, 2, 3, 3), 2)
    yield case("stride 2 and 3", (2, 1, 8, 8), (3, 1, 2, 2), 3)
    yield case("stride 2 and 3", (1, 3, 6, 6), (2, 3, 3, 3), 3)
    yield case("stride that does not tile", (1, 2, 8, 8), (2, 2, 3, 3), 2)
    yield case("stride that does not tile", (2, 1, 7, 7), (2, 1, 2, 2), 3)
    yield case("padding 1 to 3", (1, 2, 4, 4), (2, 2, 3, 3), 1, 1)
    yield case("padding 1 to 3", (2, 1, 5, 5), (3, 1, 3, 3), 1, 2)
    yield case("padding 1 to 3", (1, 2, 4, 4), (2, 2, 4, 4), 3, 3)
    yield case("padding 1 to 3", (1, 1, 6, 6), (2, 1, 3, 3), 2, 1)
    yield case("padding 1 to 3", (1, 1, 3, 3), (2, 1, 2, 2), 1, 3)
    yield case("padding 1 to 3", (1, 2, 3, 3), (2, 2, 1, 1), 1, 2)
    yield case("not square", (1, 2, 4, 7), (2, 2, 3, 3))
    yield case("not square", (2, 2, 7, 5), (2, 2, 2, 4), 2, 1)
    yield case("not square", (1, 3, 5, 8), (3, 3, 4, 2), 1, 1)
    yield case("not square", (1, 2, 7, 6), (2, 2, 2, 1), 3, 1)
    yield case("not square", (2, 1, 6, 5), (2, 1, 1, 3), 2, 1)
    yield case("kernel as large as the padded image", (2, 2, 3, 4), (3, 2, 3, 4))
    yield case("kernel as large as the padded image", (1, 1, 2, 3), (2, 1, 4, 5), 2, 1)
    types = TYPES_AND_LAYOUTS
    whole_x = {**layer(rng, (1, 2, 5, 4), (2, 2, 3, 2)), "x": whole(rng, 1, 2, 5, 4)}
    yield Case(types, {**whole_x, "stride": 2, "padding": 1})
    yield Case(types, {**layer(rng, (1, 2, 5, 4), (2, 2, 2, 2)), "w": whole(rng, 2, 2, 2, 2)})
    yield Case(types, {**layer(rng, (1, 1, 4, 4), (3, 1, 3, 3)), "b": whole(rng, 3)})
    yield Case(types, {"x": fine(rng, 1, 2, 4, 3), "w": fine(rng, 2, 2, 2, 2), "b": fine(rng, 2)})
    single = {
        name: array.astype(np.float32) for name, array in layer(rng, (2, 2, 5, 5), (2, 2, 3, 3)).items()
    }
    yield Case(types, {**single, "stride": 2, "padding": 1})
    yield Case(types, {**layer(rng, (2, 2, 5, 6), (3, 2, 3, 2)), "stride": 1, "padding": 1}, strided=True)


def conv2d_hidden(rng: Rng) -> Iterator[Case]:
    for stride, padding in ((1, 0), (2, 1), (3, 2), (2, 3)):
        n, c, f, kh, kw = (int(rng.integers(1, 5)) for _ in range(5))
        h, w = (int(rng.integers(6, 12)) for _ in range(2))
        arrays = layer(rng, (n, c, h, w), (f, c, kh, kw))
        yield Case("not square", {**arrays, "stride": stride, "padding": padding})


def torch_conv2d(x, w, b, stride=1, padding=0):
    import torch

    arrays = (torch.tensor(array, dtype=torch.float64) for array in (x, w, b))
    return torch.nn.functional.conv2d(*arrays, stride=stride, padding=padding).numpy()


conv2d = Task(
    "conv2d",
    {
        "one channel, one filter": 1,
        "several channels": 1,
        "several filters": 1,
        "stride 2 and 3": 1,
        "stride that does not tile": 1,
        "padding 1 to 3": 1,
        "not square": 1,
        "kernel as large as the padded image": 0.5,
        TYPES_AND_LAYOUTS: 0.5,
    },
    conv2d_cases,
    oracle=torch_conv2d,
    hidden=conv2d_hidden,
    forbids=NUMPY_ONLY,
)


@conv2d.mistake(
    "You turn the kernel by 180 degrees: a convolution layer computes the cross-correlation.", FLIP
)
def flips_the_kernel(right, x, w, b, stride=1, padding=0):
    return right.conv2d(x, w[:, :, ::-1, ::-1], b, stride, padding)


@conv2d.mistake(
    "You move the window by one step always: it moves by `stride` rows and columns.",
    "03_convolution_layer#Stride",
)
def ignores_the_stride(right, x, w, b, stride=1, padding=0):
    return right.conv2d(x, w, b, 1, padding)


@conv2d.mistake(
    "The result has the right size and its windows are one step apart: row i begins at i * stride.",
    "03_convolution_layer#Stride",
)
def forgets_the_stride_in_the_window(right, x, w, b, stride=1, padding=0):
    shape = right.conv2d(x, w, b, stride, padding).shape
    return right.conv2d(x, w, b, 1, padding)[:, :, : shape[2], : shape[3]]


@conv2d.mistake("You use the stride along the height and not along the width.", "03_convolution_layer#Stride")
def strides_the_rows_only(right, x, w, b, stride=1, padding=0):
    every = right.conv2d(x, w, b, 1, padding)
    return every[:, :, ::stride]


@conv2d.mistake("You do not pad: surround each image with `padding` zeros before the window moves.", PADDING)
def ignores_the_padding(right, x, w, b, stride=1, padding=0):
    return right.conv2d(x, w, b, stride, 0)


@conv2d.mistake("You pad at the bottom and right only: zeros belong on all four sides.", PADDING)
def pads_one_side_only(right, x, w, b, stride=1, padding=0):
    return right.conv2d(np.pad(x, ((0, 0), (0, 0), (0, padding), (0, padding))), w, b, stride, 0)


@conv2d.mistake(
    "All the padding comes after the image: leave `padding` rows and columns of zeros before it too.", PADDING
)
def puts_all_padding_after_the_image(right, x, w, b, stride=1, padding=0):
    return right.conv2d(np.pad(x, ((0, 0), (0, 0), (0, 2 * padding), (0, 2 * padding))), w, b, stride, 0)


@conv2d.mistake(
    "You pad the result: the zeros go around the input, before the window moves over it.", PADDING
)
def pads_after(right, x, w, b, stride=1, padding=0):
    return right.zero_pad(right.conv2d(x, w, b, stride, 0), padding)


@conv2d.mistake("You repeat the border's values around the image: zero padding adds zeros.", PADDING)
def pads_with_the_border(right, x, w, b, stride=1, padding=0):
    sides = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    return right.conv2d(np.pad(x, sides, mode="edge"), w, b, stride, 0)


@conv2d.mistake("The arguments are mixed up: stride comes before padding.", "03_convolution_layer#Stride")
def swaps_stride_and_padding(right, x, w, b, padding=0, stride=1):
    return right.conv2d(x, w, b, stride, padding)


@conv2d.mistake(
    "Height and width of the result are swapped: the shape is (N, F, OH, OW), rows before columns.", WINDOW
)
def swaps_height_and_width(right, x, w, b, stride=1, padding=0):
    return right.conv2d(x, w, b, stride, padding).swapaxes(2, 3)


@conv2d.mistake(
    "You sum over the filters: sum over the channels, so that each filter makes one feature map.",
    "03_convolution_layer#Many filters",
)
def sums_over_filters_instead_of_channels(right, x, w, b, stride=1, padding=0):
    one_filter = w.sum(axis=0)
    maps = [
        right.conv2d(x[:, c : c + 1], one_filter[None, c : c + 1], np.zeros(1), stride, padding)
        for c in range(x.shape[1])
    ]
    return np.concatenate(maps, axis=1) + b.reshape(1, -1, 1, 1)


@conv2d.mistake(
    "Filters and channels of `w` are swapped: w[f, c] belongs to filter f and input channel c.",
    "03_convolution_layer#Many filters",
)
def swaps_filters_and_channels(right, x, w, b, stride=1, padding=0):
    if w.shape[0] != w.shape[1]:
        raise ValueError("shapes do not match")
    return right.conv2d(x, w.swapaxes(0, 1), b, stride, padding)


@conv2d.mistake(
    "You use the first channel only: a filter spans all channels and their products are summed.",
    "03_convolution_layer#Volumes",
)
def uses_the_first_channel_only(right, x, w, b, stride=1, padding=0):
    return right.conv2d(x[:, :1], w[:, :1], b, stride, padding)


@conv2d.mistake(
    "The result of the first image stands for the whole batch: loop over all N images.",
    "03_convolution_layer#Volumes",
)
def fills_the_first_image_only(right, x, w, b, stride=1, padding=0):
    result = right.conv2d(x, w, b, stride, padding)
    result[1:] = 0
    return result


@conv2d.mistake(
    "You forget the bias: add b[f] to every value of feature map f.",
    "03_convolution_layer#Counting parameters",
)
def forgets_the_bias(right, x, w, b, stride=1, padding=0):
    return right.conv2d(x, w, np.zeros(w.shape[0]), stride, padding)


@conv2d.mistake(
    "You add the bias once for each channel: it is added once, after the sum over the channels.",
    "03_convolution_layer#Counting parameters",
)
def adds_the_bias_once_per_channel(right, x, w, b, stride=1, padding=0):
    return right.conv2d(x, w, b * x.shape[1], stride, padding)


@conv2d.mistake(
    "You round the output size up: a window that hangs over the end is dropped.",
    "03_convolution_layer#Stride",
)
def rounds_the_output_size_up(right, x, w, b, stride=1, padding=0):
    missing = [-(x.shape[a] + 2 * padding - w.shape[a]) % stride for a in (2, 3)]
    padded = right.zero_pad(x, padding)
    return right.conv2d(np.pad(padded, ((0, 0), (0, 0), (0, missing[0]), (0, missing[1]))), w, b, stride, 0)


@conv2d.mistake(
    "The last row and column of every map stay zero: loop over all positions of the result.",
    "03_convolution_layer#Output size",
)
def leaves_the_last_row_and_column_of_a_map_zero(right, x, w, b, stride=1, padding=0):
    result = right.conv2d(x, w, b, stride, padding)
    result[:, :, -1], result[:, :, :, -1] = 0, 0
    return result


@conv2d.mistake(
    "You use the kernel's height for its width too: take both from w.shape.",
    "03_convolution_layer#Output size",
)
def takes_every_kernel_of_the_layer_for_square(right, x, w, b, stride=1, padding=0):
    if w.shape[2] != w.shape[3]:
        raise ValueError("operands could not be broadcast together")
    return right.conv2d(x, w, b, stride, padding)


@conv2d.mistake(
    "Your kernel is always 3 by 3: take its size from w.shape.", "03_convolution_layer#Output size"
)
def hard_codes_the_kernel_size(right, x, w, b, stride=1, padding=0):
    if min(w.shape[2:]) < 3:
        raise IndexError("index 2 is out of bounds")
    return right.conv2d(x, w[:, :, :3, :3], b, stride, padding)


@conv2d.mistake("You use the transposed kernel: row i of the kernel goes with row i of the window.", WINDOW)
def transposes_the_kernels(right, x, w, b, stride=1, padding=0):
    return right.conv2d(x, w.swapaxes(2, 3), b, stride, padding)


@conv2d.mistake(
    "The result has the input's type: for integer images the fractions are cut off. Use float64.", TYPES
)
def makes_integer_output(right, x, w, b, stride=1, padding=0):
    return right.conv2d(x, w, b, stride, padding).astype(x.dtype)


# parameter_counts

QUESTIONS = ("one filter", "layer", "one by one", "second layer", "dense")
COUNTING = "03_convolution_layer#Counting parameters"


def parameter_cases(rng: Rng) -> Iterator[Case]:
    salt = rng.bytes(8).hex()
    for question in QUESTIONS:
        yield Case(question, {"question": question, "salt": salt})


def torch_counts():
    import torch

    layers = {
        "one filter": torch.nn.Conv2d(3, 1, 5),
        "layer": torch.nn.Conv2d(3, 64, 5),
        "one by one": torch.nn.Conv2d(256, 64, 1),
        "second layer": torch.nn.Conv2d(16, 32, 3),
        "dense": torch.nn.Linear(3 * 32 * 32, 10),
    }
    return {question: sum(p.numel() for p in layer.parameters()) for question, layer in layers.items()}


parameter_counts = Task(
    "parameter_counts",
    dict.fromkeys(QUESTIONS, 0.5),
    parameter_cases,
    returns=("answer",),
    probe="answer",
    oracle=torch_counts,
    forbids=NUMPY_ONLY,
)


@parameter_counts.mistake("Each filter, and each unit, has one bias besides its weights: add it.", COUNTING)
def leaves_the_biases_out(right):
    return {
        "one filter": 5 * 5 * 3,
        "layer": 64 * 5 * 5 * 3,
        "one by one": 64 * 256,
        "second layer": 32 * 3 * 3 * 16,
        "dense": 10 * 3 * 32 * 32,
    }


@parameter_counts.mistake("A layer has one bias for each of its filters, not a single one.", COUNTING)
def counts_one_bias_for_the_layer(right):
    weights = leaves_the_biases_out(right)
    return {question: count + 1 for question, count in weights.items()}


@parameter_counts.mistake(
    "A filter is as deep as its input: it has KH x KW weights for each input channel.",
    "03_convolution_layer#Volumes",
)
def forgets_the_channels_of_the_input(right):
    return {
        "one filter": 5 * 5 + 1,
        "layer": 64 * (5 * 5 + 1),
        "one by one": 64 * 2,
        "second layer": 32 * (3 * 3 + 1),
        "dense": 10 * (32 * 32 + 1),
    }


@parameter_counts.mistake(
    "The same weights are used at every position: the image's size does not enter a convolution's count.",
    COUNTING,
)
def counts_every_position(right):
    answers = right.parameter_counts()
    return answers | {
        "one filter": answers["one filter"] * 28 * 28,
        "layer": answers["layer"] * 28 * 28,
        "one by one": answers["one by one"] * 14 * 14,
        "second layer": answers["second layer"] * 30 * 30,
    }


@parameter_counts.mistake("A kernel of size K has K x K weights in each channel, not K.", COUNTING)
def counts_one_side_of_the_kernel(right):
    answers = right.parameter_counts()
    return answers | {
        "one filter": 5 * 3 + 1,
        "layer": 64 * (5 * 3 + 1),
        "second layer": 32 * (3 * 16 + 1),
    }


@parameter_counts.mistake(
    "The input of a second layer is the first layer's output: its filters are as deep as that has maps.",
    "03_convolution_layer#Many filters",
)
def takes_the_channels_of_the_image_for_the_second_layer(right):
    return right.parameter_counts() | {"second layer": 32 * (3 * 3 * 3 + 1)}


TASKS = (output_size, zero_pad, cross_correlate2d, convolve2d, conv2d, parameter_counts)
