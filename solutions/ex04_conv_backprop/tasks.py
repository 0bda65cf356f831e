"""The tasks of ex04: for each one its cases, what they are worth, and the mistakes that learners make.

A mistake takes the reference's functions first, so that it says in a line or two what goes wrong. The reference
takes the number of windows from ``dout`` alone: given another stride it puts the same windows elsewhere.
Oracles are torch's autograd in float64; they import torch themselves, since only a release needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from course_utils.check import NUMPY_ONLY, Case, Task
from course_utils.grading.inputs import TYPES_AND_LAYOUTS, Array, Rng, distinct, fine, numbers, whole


RELU = "05_backprop_through_convolution#ReLU"
MAX = "05_backprop_through_convolution#Max pooling"
AVERAGE = "05_backprop_through_convolution#Average pooling"
ABOVE = "05_backprop_through_convolution#The gradient from above"
BIAS = "05_backprop_through_convolution#The gradient of the bias"
KERNEL = "05_backprop_through_convolution#The gradient of the kernel"
INPUT = "05_backprop_through_convolution#The gradient of the input"
STEPS = "05_backprop_through_convolution#Stride and padding"
CHANNELS = "05_backprop_through_convolution#Several channels and filters"
TYPES = "03_convolution_layer#Number types"


def torch_gradients(forward, dout, *leaves):
    """Return autograd's gradients of ``forward(*leaves)`` for the gradient ``dout`` from above."""
    import torch

    tensors = [torch.tensor(np.ascontiguousarray(leaf), dtype=torch.float64) for leaf in leaves]
    for tensor in tensors:
        tensor.requires_grad_()
    from_above = torch.tensor(np.ascontiguousarray(dout), dtype=torch.float64)
    return tuple(g.numpy() for g in torch.autograd.grad(forward(*tensors), tensors, from_above))


# relu_backward


def with_zeros(rng: Rng, *shape: int) -> Array:
    """Numbers of which about a third are zero; of the first four, two are zero, one is above and one below."""
    x = numbers(rng, *shape) * (rng.random(shape) < 0.65)
    x.flat[:4] = 0, 1, 0, -1
    return x


def relu_cases(rng: Rng) -> Iterator[Case]:
    def case(group: str, x: Array, strided: bool = False) -> Case:
        return Case(group, {"dout": numbers(rng, *x.shape), "x": x}, strided)

    yield case("vectors and matrices", numbers(rng, 9))
    yield case("vectors and matrices", numbers(rng, 4, 7))
    yield case("batches of images", numbers(rng, 1, 1, 4, 4))
    yield case("batches of images", numbers(rng, 2, 3, 4, 5))
    yield case("batches of images", numbers(rng, 3, 1, 5, 2))
    yield case("zeros in the input", with_zeros(rng, 12))
    yield case("zeros in the input", with_zeros(rng, 2, 1, 3, 4))
    types = TYPES_AND_LAYOUTS
    yield case(types, whole(rng, 3, 5))
    yield Case(types, {"dout": whole(rng, 3, 5), "x": numbers(rng, 3, 5)})
    small = fine(rng, 2, 5) / 2**30
    small[0, 0] = abs(small[0, 0])  # one at least is small and above 0
    yield Case(types, {"dout": fine(rng, 2, 5), "x": small})
    single = {name: numbers(rng, 2, 2, 3, 3).astype(np.float32) for name in ("dout", "x")}
    yield Case(types, single)
    yield case(types, with_zeros(rng, 2, 2, 3, 4), strided=True)


def relu_hidden(rng: Rng) -> Iterator[Case]:
    x = with_zeros(rng, 3, *(int(size) for size in rng.integers(2, 9, 3)))
    yield Case("zeros in the input", {"dout": numbers(rng, *x.shape), "x": x})
    for _ in range(2):
        shape = [int(size) for size in rng.integers(2, 9, int(rng.integers(2, 5)))]
        yield Case("batches of images", {"dout": numbers(rng, *shape), "x": numbers(rng, *shape)})


def torch_relu(dout, x):
    import torch

    return torch_gradients(torch.nn.functional.relu, dout, x)[0]


relu_backward = Task(
    "relu_backward",
    {
        "vectors and matrices": 0.5,
        "batches of images": 0.5,
        "zeros in the input": 0.5,
        TYPES_AND_LAYOUTS: 0.5,
    },
    relu_cases,
    oracle=torch_relu,
    hidden=relu_hidden,
    forbids=NUMPY_ONLY,
)


@relu_backward.mistake(
    "You pass the gradient on everywhere: where x is negative, the output does not depend on x, so it is 0 there.",
    RELU,
)
def passes_everything_on(right, dout, x):
    return 1 * dout


@relu_backward.mistake("At exactly 0 you take the derivative as 1: here it is 0, as in torch.", RELU)
def lets_zero_pass(right, dout, x):
    return dout * (x >= 0)


@relu_backward.mistake(
    "You take small numbers for 0: the gradient passes wherever x is positive, so compare with 0 itself.",
    RELU,
)
def takes_small_numbers_for_zero(right, dout, x):
    return dout * (x > 1e-8)


@relu_backward.mistake("At exactly 0 you take the derivative as 1/2: here it is 0, as in torch.", RELU)
def lets_half_pass_at_zero(right, dout, x):
    return dout * (np.sign(x) + 1) / 2


@relu_backward.mistake(
    "You return the derivative of ReLU alone: multiply it by `dout`, the gradient from above.", ABOVE
)
def forgets_the_gradient_from_above(right, dout, x):
    return (x > 0) * 1.0


@relu_backward.mistake(
    "You multiply by the value of ReLU: multiply by its derivative, which is 1 where x is positive.", RELU
)
def multiplies_by_the_value(right, dout, x):
    return dout * np.maximum(x, 0)


@relu_backward.mistake(
    "You look at the sign of `dout`: what passes is decided by the sign of x, the input of the forward pass.",
    RELU,
)
def applies_relu_to_the_gradient(right, dout, x):
    return np.maximum(dout, 0)


@relu_backward.mistake(
    "You drop negative gradients too: a negative gradient passes where x is positive.", RELU
)
def drops_negative_gradients_too(right, dout, x):
    return np.maximum(dout, 0) * (x > 0)


@relu_backward.mistake("It is the wrong way round: the gradient passes where x is positive.", RELU)
def lets_the_negative_side_pass(right, dout, x):
    return dout * (x < 0)


@relu_backward.mistake(
    "Where x is negative you turn the sign, as for |x|: ReLU is flat there, so the gradient is 0.", RELU
)
def takes_the_derivative_of_the_absolute_value(right, dout, x):
    return dout * np.sign(x)


@relu_backward.mistake("The arguments are mixed up: `dout` comes first, then x.", ABOVE)
def swaps_the_arguments(right, dout, x):
    return x * (dout > 0)


@relu_backward.mistake(
    "You write the zeros into `dout` itself: others still need that array, so work on a copy.", RELU
)
def writes_into_dout(right, dout, x):
    dout[x <= 0] = 0
    return dout


@relu_backward.mistake(
    "The result has the type of x: for an integer x the gradient's fractions are cut off. Use the type of dout.",
    TYPES,
)
def keeps_the_type_of_the_input(right, dout, x):
    dx = np.zeros_like(x)
    dx[x > 0] = dout[x > 0]
    return dx


# max_pool2d_backward and avg_pool2d_backward

TILES = "windows side by side"
SEVERAL = "several images and channels"
OVERLAP = "windows that overlap"
GAPS = "gaps, and windows that do not fit"
NOT_SQUARE = "not square"


def outputs(x: Array, kernel_size: int, stride: int) -> tuple[int, ...]:
    """Return the shape of what pooling makes of x."""
    n, c, *sizes = x.shape
    return (n, c, *((size - kernel_size) // stride + 1 for size in sizes))


def pooling(
    rng: Rng,
    group: str,
    x: Array,
    kernel_size: int,
    stride: int,
    *,
    dout: Any = numbers,
    strided: bool = False,
) -> Case:
    above = dout(rng, *outputs(x, kernel_size, stride))
    inputs = {"dout": above, "x": x, "kernel_size": kernel_size, "stride": stride}
    return Case(group, inputs, strided)


SHAPES: tuple[tuple[str, tuple[int, ...], int, int], ...] = (
    (TILES, (1, 1, 4, 4), 2, 2),
    (TILES, (1, 1, 6, 6), 3, 3),
    (SEVERAL, (2, 1, 4, 4), 2, 2),
    (SEVERAL, (1, 3, 4, 4), 2, 2),
    (SEVERAL, (3, 2, 6, 6), 3, 3),
    (OVERLAP, (1, 1, 5, 5), 3, 2),
    (OVERLAP, (1, 1, 4, 4), 2, 1),
    (OVERLAP, (2, 2, 5, 5), 3, 1),
    (OVERLAP, (1, 2, 7, 7), 3, 2),
    (GAPS, (1, 1, 8, 8), 2, 3),
    (GAPS, (1, 2, 5, 5), 2, 2),
    (GAPS, (2, 1, 6, 6), 3, 2),
    (GAPS, (1, 1, 7, 7), 2, 3),
    (GAPS, (1, 1, 5, 5), 1, 2),
    (NOT_SQUARE, (1, 2, 4, 7), 3, 1),
    (NOT_SQUARE, (2, 1, 6, 4), 2, 2),
    (NOT_SQUARE, (1, 1, 5, 8), 3, 2),
    (NOT_SQUARE, (1, 1, 3, 5), 3, 1),
)


def max_pool_cases(rng: Rng) -> Iterator[Case]:
    def few(*shape: int) -> Array:
        return rng.integers(-1, 2, shape).astype(float)

    for group, shape, kernel_size, stride in SHAPES:
        yield pooling(rng, group, distinct(rng, *shape), kernel_size, stride)
    ties = "ties"
    yield pooling(rng, ties, np.full((1, 1, 4, 4), float(rng.integers(1, 5))), 2, 2)
    yield pooling(rng, ties, few(2, 2, 6, 6), 2, 2)
    yield pooling(rng, ties, few(1, 2, 6, 6), 3, 3)
    yield pooling(rng, ties, few(1, 1, 5, 6), 3, 1)
    yield pooling(rng, ties, few(1, 2, 7, 5), 3, 2)
    yield pooling(rng, "negative values only", distinct(rng, 1, 1, 4, 4) - 9, 2, 2)
    yield pooling(rng, "negative values only", distinct(rng, 1, 2, 5, 5) - 99, 3, 2)
    yield pooling(rng, "negative values only", 2.0**70 * (distinct(rng, 1, 2, 5, 5) - 9), 3, 2)
    types = TYPES_AND_LAYOUTS
    whole_x = rng.permutation(30).reshape(1, 1, 5, 6) - 15
    yield pooling(rng, types, whole_x, 2, 2)
    yield pooling(rng, types, distinct(rng, 1, 2, 4, 6), 2, 2, dout=whole)
    yield pooling(rng, types, 1 + distinct(rng, 1, 1, 5, 5) / 2**28, 3, 2, dout=fine)  # nearly ties
    single = pooling(rng, types, distinct(rng, 2, 1, 5, 5).astype(np.float32), 3, 1)
    yield Case(types, {**single.inputs, "dout": single.inputs["dout"].astype(np.float32)})
    yield pooling(rng, types, distinct(rng, 2, 2, 5, 6), 3, 2, strided=True)


def pool_hidden(rng: Rng) -> Iterator[Case]:
    for group, kernel_size, stride in ((OVERLAP, 4, 3), (OVERLAP, 3, 1), (GAPS, 3, 4), (NOT_SQUARE, 2, 2)):
        n, c = (int(rng.integers(1, 4)) for _ in range(2))
        h, w = (int(rng.integers(6, 12)) for _ in range(2))
        yield pooling(rng, group, distinct(rng, n, c, h, w), kernel_size, stride)


def torch_max_pool(dout, x, kernel_size, stride):
    import torch

    def forward(x):
        return torch.nn.functional.max_pool2d(x, kernel_size, stride)

    return torch_gradients(forward, dout, x)[0]


max_pool2d_backward = Task(
    "max_pool2d_backward",
    {
        TILES: 0.5,
        SEVERAL: 1,
        OVERLAP: 1.5,
        GAPS: 1,
        NOT_SQUARE: 1,
        "ties": 1,
        "negative values only": 0.5,
        TYPES_AND_LAYOUTS: 0.5,
    },
    max_pool_cases,
    oracle=torch_max_pool,
    hidden=pool_hidden,
    forbids=NUMPY_ONLY,
)


def first_maximum(window: Array) -> tuple[int, int]:
    row, column = divmod(int(np.argmax(window)), window.shape[1])
    return row, column


def routed(dout, x, kernel_size, stride, place=first_maximum, amount=lambda above, window: above):
    """Go from window to window and send ``amount(above, window)`` to the cell ``place(window)`` of it."""
    dx = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(dout.shape):
        top, left = i * stride, j * stride
        window = x[n, c, top : top + kernel_size, left : left + kernel_size]
        row, column = place(window)
        dx[n, c, top + row, left + column] += amount(dout[n, c, i, j], window)
    return dx


def spread(dout, x, kernel_size, stride, share, dtype: Any = float):
    """Go from window to window and add ``share(window)``, times the gradient from above, to the whole window."""
    dx = np.zeros(x.shape, dtype)
    for n, c, i, j in np.ndindex(dout.shape):
        inside = (
            n,
            c,
            slice(i * stride, i * stride + kernel_size),
            slice(j * stride, j * stride + kernel_size),
        )
        dx[inside] = dx[inside] + dout[n, c, i, j] * share(x[inside])
    return dx


@max_pool2d_backward.mistake(
    "You assign where you must add: a cell that is the maximum of several windows gets the sum of their gradients.",
    MAX,
)
def overwrites_where_windows_overlap(right, dout, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(dout.shape):
        top, left = i * stride, j * stride
        row, column = first_maximum(x[n, c, top : top + kernel_size, left : left + kernel_size])
        dx[n, c, top + row, left + column] = dout[n, c, i, j]
    return dx


@max_pool2d_backward.mistake(
    "Where several cells share the maximum, all of them get the gradient: only the first one of the window does.",
    MAX,
)
def sends_it_to_every_tied_maximum(right, dout, x, kernel_size, stride):
    return spread(dout, x, kernel_size, stride, lambda window: window == window.max())


@max_pool2d_backward.mistake(
    "Where several cells share the maximum you send the gradient to the last one: the first one gets it.", MAX
)
def sends_it_to_the_last_maximum(right, dout, x, kernel_size, stride):
    def last(window):
        return divmod(window.size - 1 - int(np.argmax(window[::-1, ::-1])), window.shape[1])

    return routed(dout, x, kernel_size, stride, last)


@max_pool2d_backward.mistake(
    "Where several cells share the maximum you split the gradient: the first one of the window gets all of it.",
    MAX,
)
def splits_it_among_ties(right, dout, x, kernel_size, stride):
    def share(window):
        mask = window == window.max()
        return mask / mask.sum()

    return spread(dout, x, kernel_size, stride, share)


@max_pool2d_backward.mistake(
    "Where several cells share the maximum you search column by column: the first one row by row gets the gradient.",
    MAX,
)
def searches_column_by_column(right, dout, x, kernel_size, stride):
    return routed(dout, x, kernel_size, stride, lambda window: first_maximum(window.T)[::-1])


@max_pool2d_backward.mistake(
    "Your windows lie `kernel_size` apart: they begin at i * stride and j * stride.", MAX
)
def takes_the_kernel_size_for_the_stride(right, dout, x, kernel_size, stride):
    return routed(dout, x, kernel_size, kernel_size)


@max_pool2d_backward.mistake(
    "You use the stride for the size of the window too: a window has kernel_size rows and columns.", MAX
)
def takes_the_stride_for_the_kernel_size(right, dout, x, kernel_size, stride):
    return routed(dout, x, stride, stride)


@max_pool2d_backward.mistake("Your windows move by one cell: they begin at i * stride and j * stride.", MAX)
def moves_by_one_cell(right, dout, x, kernel_size, stride):
    return routed(dout, x, kernel_size, 1)


@max_pool2d_backward.mistake(
    "You share the gradient evenly, as average pooling does: here the maximum of the window gets all of it.",
    AVERAGE,
)
def spreads_it_evenly(right, dout, x, kernel_size, stride):
    return spread(dout, x, kernel_size, stride, lambda window: 1 / window.size)


@max_pool2d_backward.mistake(
    "Every cell of a window gets the whole gradient: only its maximum does, the other cells did not count.",
    MAX,
)
def copies_it_to_the_whole_window(right, dout, x, kernel_size, stride):
    return spread(dout, x, kernel_size, stride, lambda window: 1)


@max_pool2d_backward.mistake(
    "You look for the maximum of the whole plane: every window has its own maximum.", MAX
)
def searches_the_whole_plane(right, dout, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for n, c in np.ndindex(dout.shape[:2]):
        dx[(n, c, *first_maximum(x[n, c]))] = dout[n, c].sum()
    return dx


@max_pool2d_backward.mistake(
    "The gradient goes to the first cell of each window: send it to where the window's maximum is.", MAX
)
def sends_it_to_the_start_of_the_window(right, dout, x, kernel_size, stride):
    return routed(dout, x, kernel_size, stride, lambda window: (0, 0))


@max_pool2d_backward.mistake(
    "The place of the maximum is counted from the window's first cell: add where the window begins.", MAX
)
def forgets_where_the_window_begins(right, dout, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(dout.shape):
        top, left = i * stride, j * stride
        row, column = first_maximum(x[n, c, top : top + kernel_size, left : left + kernel_size])
        dx[n, c, row, column] += dout[n, c, i, j]
    return dx


@max_pool2d_backward.mistake(
    "You look for the largest magnitude: the maximum is the largest number, and -5 is less than 1.", MAX
)
def takes_the_largest_magnitude(right, dout, x, kernel_size, stride):
    return right.max_pool2d_backward(dout, np.abs(x), kernel_size, stride)


@max_pool2d_backward.mistake("You send the gradient to the minimum of the window: its maximum gets it.", MAX)
def sends_it_to_the_minimum(right, dout, x, kernel_size, stride):
    return right.max_pool2d_backward(dout, -x, kernel_size, stride)


@max_pool2d_backward.mistake(
    "Your search for the maximum begins at 0, so that a window of negative numbers has none: begin at its first cell.",
    MAX,
)
def begins_the_search_at_zero(right, dout, x, kernel_size, stride):
    return right.max_pool2d_backward(dout, np.maximum(x, 0), kernel_size, stride)


@max_pool2d_backward.mistake(
    "Your search for the maximum begins at a made-up number, -999: there are smaller ones. Begin at the window's first "
    "cell, or at -np.inf.",
    MAX,
)
def begins_the_search_at_a_made_up_number(right, dout, x, kernel_size, stride):
    return right.max_pool2d_backward(dout, np.maximum(x, -999), kernel_size, stride)


@max_pool2d_backward.mistake(
    "You take the first cell that is close to the maximum: only the maximum itself counts, so compare with `==`, or use "
    "np.argmax, in float64.",
    MAX,
)
def takes_nearly_equal_cells_for_ties(right, dout, x, kernel_size, stride):
    def close(window):
        return divmod(int(np.argmax(np.isclose(window, window.max()))), window.shape[1])

    return routed(dout, x, kernel_size, stride, close)


@max_pool2d_backward.mistake(
    "Row and column of the maximum are swapped: divmod(index, kernel_size) gives the row first.", MAX
)
def swaps_row_and_column(right, dout, x, kernel_size, stride):
    return routed(dout, x, kernel_size, stride, lambda window: first_maximum(window)[::-1])


@max_pool2d_backward.mistake(
    "You split the index of the maximum by the width of the image: it was found in the window, so split it by kernel_size.",
    MAX,
)
def divides_the_index_by_the_width_of_the_image(right, dout, x, kernel_size, stride):
    return routed(dout, x, kernel_size, stride, lambda window: divmod(int(np.argmax(window)), x.shape[3]))


@max_pool2d_backward.mistake(
    "You multiply the gradient by the maximum: the derivative with respect to the maximum is 1.", MAX
)
def multiplies_by_the_maximum(right, dout, x, kernel_size, stride):
    return routed(dout, x, kernel_size, stride, amount=lambda above, window: above * window.max())


@max_pool2d_backward.mistake(
    "You put the maximum itself into its place: what goes there is `dout`, the gradient from above.", ABOVE
)
def returns_the_maximum_in_place_of_the_gradient(right, dout, x, kernel_size, stride):
    return routed(dout, x, kernel_size, stride, amount=lambda above, window: window.max())


@max_pool2d_backward.mistake(
    "You mark the maxima with 1: what goes there is `dout`, the gradient from above.", ABOVE
)
def marks_the_maxima(right, dout, x, kernel_size, stride):
    return routed(dout, x, kernel_size, stride, amount=lambda above, window: 1)


@max_pool2d_backward.mistake(
    "Only the first channel gets a gradient: every channel is pooled by itself.", MAX
)
def fills_the_first_channel_only(right, dout, x, kernel_size, stride):
    dx = right.max_pool2d_backward(dout, x, kernel_size, stride)
    dx[:, 1:] = 0
    return dx


@max_pool2d_backward.mistake(
    "Only the last image keeps its gradient: make dx once, before the loop over the images.", MAX
)
def keeps_the_last_image_only(right, dout, x, kernel_size, stride):
    dx = right.max_pool2d_backward(dout, x, kernel_size, stride)
    dx[:-1] = 0
    return dx


@max_pool2d_backward.mistake("Your window is always 2 by 2: it has kernel_size rows and columns.", MAX)
def hard_codes_the_size_of_the_window(right, dout, x, kernel_size, stride):
    return routed(dout, x, 2, stride)


@max_pool2d_backward.mistake(
    "dx has the type of x: for an integer x the gradient's fractions are cut off. Make it with float64.",
    TYPES,
)
def keeps_the_type_of_the_pooled_input(right, dout, x, kernel_size, stride):
    return right.max_pool2d_backward(dout, x, kernel_size, stride).astype(x.dtype)


# avg_pool2d_backward


def odd(rng: Rng, *shape: int) -> Array:
    """Odd numbers between -15 and 15, as floats."""
    return 8 * numbers(rng, *shape)


def avg_pool_cases(rng: Rng) -> Iterator[Case]:
    for group, shape, kernel_size, stride in SHAPES:
        yield pooling(rng, group, numbers(rng, *shape), kernel_size, stride)
    types = TYPES_AND_LAYOUTS
    yield pooling(rng, types, whole(rng, 1, 1, 5, 6), 2, 2)
    yield pooling(rng, types, numbers(rng, 1, 2, 4, 6), 2, 2, dout=whole)
    yield pooling(rng, types, whole(rng, 1, 2, 5, 5), 3, 2, dout=whole)
    yield pooling(rng, types, fine(rng, 1, 1, 5, 5), 3, 2, dout=fine)
    single = pooling(rng, types, numbers(rng, 2, 1, 5, 5).astype(np.float32), 3, 1)
    yield Case(types, {**single.inputs, "dout": single.inputs["dout"].astype(np.float32)})
    yield pooling(rng, types, numbers(rng, 2, 2, 5, 6), 3, 2, strided=True)
    yield pooling(rng, types, whole(rng, 1, 2, 4, 4), 2, 1, dout=odd)  # shares above 1 meet in a cell


def torch_avg_pool(dout, x, kernel_size, stride):
    import torch

    def forward(x):
        return torch.nn.functional.avg_pool2d(x, kernel_size, stride)

    return torch_gradients(forward, dout, x)[0]


avg_pool2d_backward = Task(
    "avg_pool2d_backward",
    {TILES: 0.5, SEVERAL: 0.5, OVERLAP: 1, GAPS: 1, NOT_SQUARE: 0.5, TYPES_AND_LAYOUTS: 0.5},
    avg_pool_cases,
    oracle=torch_avg_pool,
    hidden=pool_hidden,
    forbids=NUMPY_ONLY,
)


@avg_pool2d_backward.mistake(
    "Every cell of a window gets the whole gradient: it counted for one part in kernel_size * kernel_size.",
    AVERAGE,
)
def does_not_divide(right, dout, x, kernel_size, stride):
    return right.avg_pool2d_backward(dout, x, kernel_size, stride) * kernel_size**2


@avg_pool2d_backward.mistake(
    "You divide by kernel_size: a window has kernel_size * kernel_size cells.", AVERAGE
)
def divides_by_one_side(right, dout, x, kernel_size, stride):
    return right.avg_pool2d_backward(dout, x, kernel_size, stride) * kernel_size


@avg_pool2d_backward.mistake(
    "You divide by stride * stride: the mean was taken over kernel_size * kernel_size cells.", AVERAGE
)
def divides_by_the_stride(right, dout, x, kernel_size, stride):
    return right.avg_pool2d_backward(dout, x, kernel_size, stride) * (kernel_size / stride) ** 2


@avg_pool2d_backward.mistake(
    "You divide by the number of windows: the mean was taken over the cells of one window.", AVERAGE
)
def divides_by_the_number_of_windows(right, dout, x, kernel_size, stride):
    scale = kernel_size**2 / (dout.shape[2] * dout.shape[3])
    return right.avg_pool2d_backward(dout, x, kernel_size, stride) * scale


@avg_pool2d_backward.mistake(
    "You assign where you must add: a cell that several windows cover gets the sum of their shares.", AVERAGE
)
def assigns_the_shares_where_windows_overlap(right, dout, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dout.shape[2:]):
        rows = slice(i * stride, i * stride + kernel_size)
        columns = slice(j * stride, j * stride + kernel_size)
        dx[:, :, rows, columns] = dout[:, :, i, j, None, None] / kernel_size**2
    return dx


@avg_pool2d_backward.mistake("You average over the windows that cover a cell: their shares add up.", AVERAGE)
def averages_where_windows_overlap(right, dout, x, kernel_size, stride):
    covers = spread(np.ones_like(dout), x, kernel_size, stride, lambda window: 1)
    return right.avg_pool2d_backward(dout, x, kernel_size, stride) / np.maximum(covers, 1)


@avg_pool2d_backward.mistake(
    "Your windows lie `kernel_size` apart: they begin at i * stride and j * stride.", AVERAGE
)
def puts_windows_a_kernel_size_apart(right, dout, x, kernel_size, stride):
    return spread(dout, x, kernel_size, kernel_size, lambda window: 1 / kernel_size**2)


@avg_pool2d_backward.mistake(
    "Your windows move by one cell: they begin at i * stride and j * stride.", AVERAGE
)
def moves_windows_by_one_cell(right, dout, x, kernel_size, stride):
    return spread(dout, x, kernel_size, 1, lambda window: 1 / kernel_size**2)


@avg_pool2d_backward.mistake(
    "You use the stride along the height and not along the width: the columns begin at j * stride.", AVERAGE
)
def uses_the_stride_for_rows_only(right, dout, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(dout.shape):
        share = dout[n, c, i, j] / kernel_size**2
        dx[n, c, i * stride : i * stride + kernel_size, j : j + kernel_size] += share
    return dx


@avg_pool2d_backward.mistake(
    "You send the gradient to the maximum, as max pooling does: here every cell of the window gets an equal share.",
    MAX,
)
def sends_it_to_the_maximum(right, dout, x, kernel_size, stride):
    return routed(dout, x, kernel_size, stride)


@avg_pool2d_backward.mistake(
    "You multiply by the cells of x: a mean's derivative is the same for each of its cells, whatever they hold.",
    AVERAGE,
)
def multiplies_by_the_input(right, dout, x, kernel_size, stride):
    return x * right.avg_pool2d_backward(dout, x, kernel_size, stride)


@avg_pool2d_backward.mistake(
    "You return each cell's share alone: multiply it by `dout`, the gradient from above.", ABOVE
)
def forgets_what_comes_from_above(right, dout, x, kernel_size, stride):
    return right.avg_pool2d_backward(np.ones_like(dout), x, kernel_size, stride)


@avg_pool2d_backward.mistake(
    "Only the first channel gets a gradient: every channel is pooled by itself.", AVERAGE
)
def fills_one_channel_only(right, dout, x, kernel_size, stride):
    dx = right.avg_pool2d_backward(dout, x, kernel_size, stride)
    dx[:, 1:] = 0
    return dx


@avg_pool2d_backward.mistake(
    "Only the last image keeps its gradient: make dx once, before the loop over the images.", AVERAGE
)
def keeps_one_image_only(right, dout, x, kernel_size, stride):
    dx = right.avg_pool2d_backward(dout, x, kernel_size, stride)
    dx[:-1] = 0
    return dx


@avg_pool2d_backward.mistake("Your window is always 2 by 2: it has kernel_size rows and columns.", AVERAGE)
def fixes_the_size_of_the_window(right, dout, x, kernel_size, stride):
    return spread(dout, x, 2, stride, lambda window: 1 / 4)


@avg_pool2d_backward.mistake(
    "dx is too small: it has the shape of x, and cells that no window covers hold 0.", AVERAGE
)
def leaves_uncovered_cells_out(right, dout, x, kernel_size, stride):
    h, w = ((windows - 1) * stride + kernel_size for windows in dout.shape[2:])
    return right.avg_pool2d_backward(dout, x, kernel_size, stride)[:, :, :h, :w]


@avg_pool2d_backward.mistake(
    "You divide with `//`: for an integer dout that drops the fractions. Use `/`.", TYPES
)
def divides_without_fractions(right, dout, x, kernel_size, stride):
    share = dout // kernel_size**2 if dout.dtype.kind == "i" else dout / kernel_size**2
    return right.avg_pool2d_backward(share, x, kernel_size, stride) * kernel_size**2


@avg_pool2d_backward.mistake(
    "dx has the type of x, and an integer array cannot hold shares of a gradient: make it with float64.",
    TYPES,
)
def makes_dx_with_the_type_of_x(right, dout, x, kernel_size, stride):
    dx = np.zeros_like(x)
    dx[...] += right.avg_pool2d_backward(dout, x, kernel_size, stride)
    return dx


@avg_pool2d_backward.mistake(
    "dx has the type of x: for an integer x the gradient's fractions are cut off. Make it with float64.",
    TYPES,
)
def cuts_dx_to_the_type_of_x(right, dout, x, kernel_size, stride):
    return right.avg_pool2d_backward(dout, x, kernel_size, stride).astype(x.dtype)


@avg_pool2d_backward.mistake(
    "dx has the type of x: where that is an integer array, a cell loses its fraction each time that you add "
    "to it. Make it with float64.",
    TYPES,
)
def cuts_dx_whenever_it_adds(right, dout, x, kernel_size, stride):
    return spread(dout, x, kernel_size, stride, lambda window: 1 / kernel_size**2, x.dtype)


# conv2d_backward

Shape = tuple[int, ...]


def layer(rng: Rng, x: Shape, w: Shape, stride: int, padding: int, like: Any = numbers) -> dict[str, Any]:
    """Return the gradient from above, an input (N, C, H, W) and filters (F, C, KH, KW) of a layer."""
    sizes = ((size + 2 * padding - kernel) // stride + 1 for size, kernel in zip(x[2:], w[2:], strict=True))
    arrays = {"dout": like(rng, x[0], w[0], *sizes), "x": like(rng, *x), "w": like(rng, *w)}
    return {**arrays, "stride": stride, "padding": padding}


def conv2d_cases(rng: Rng) -> Iterator[Case]:
    def case(
        group: str, x: Shape, w: Shape, stride: int = 1, padding: int = 0, strided: bool = False
    ) -> Case:
        return Case(group, layer(rng, x, w, stride, padding), strided)

    yield case("one channel, one filter", (1, 1, 4, 4), (1, 1, 3, 3))
    yield case("one channel, one filter", (1, 1, 5, 5), (1, 1, 2, 2))
    yield case("several channels", (1, 3, 4, 4), (1, 3, 3, 3))
    yield case("several channels", (1, 2, 4, 4), (1, 2, 1, 1))
    yield case("several filters", (1, 2, 4, 4), (3, 2, 2, 2))
    yield case("several filters", (1, 3, 4, 4), (3, 3, 3, 3))
    yield case("several filters", (1, 1, 5, 5), (2, 1, 4, 4))
    yield case("several images", (3, 1, 4, 4), (1, 1, 3, 3))
    yield case("several images", (2, 2, 4, 4), (3, 2, 2, 2))
    yield case("stride 2 and 3", (1, 2, 5, 5), (2, 2, 3, 3), 2)
    yield case("stride 2 and 3", (2, 1, 5, 5), (2, 1, 2, 2), 3)
    yield case("stride 2 and 3", (1, 2, 6, 6), (2, 2, 3, 3), 3)
    yield case("stride that does not tile", (1, 2, 6, 6), (2, 2, 3, 3), 2)
    yield case("stride that does not tile", (2, 1, 7, 7), (2, 1, 2, 2), 3)
    yield case("padding 1 to 3", (1, 2, 4, 4), (2, 2, 3, 3), 1, 1)
    yield case("padding 1 to 3", (2, 1, 3, 3), (2, 1, 3, 3), 1, 2)
    yield case("padding 1 to 3", (1, 1, 5, 5), (2, 1, 3, 3), 2, 1)
    yield case("padding 1 to 3", (1, 1, 3, 3), (2, 1, 2, 2), 3, 3)
    yield case("not square", (1, 2, 4, 6), (2, 2, 3, 3))
    yield case("not square", (2, 2, 6, 5), (2, 2, 2, 4), 2, 1)
    yield case("not square", (1, 2, 4, 5), (3, 2, 3, 1), 1, 1)
    yield case("not square", (1, 1, 3, 4), (2, 1, 3, 4))
    types = TYPES_AND_LAYOUTS
    whole_x = layer(rng, (1, 2, 4, 3), (1, 2, 3, 2), 1, 1)  # one filter: windows add up in one order only
    yield Case(types, {**whole_x, "x": whole(rng, 1, 2, 4, 3)})
    whole_w = layer(rng, (1, 2, 4, 3), (2, 2, 2, 2), 1, 0)
    yield Case(types, {**whole_w, "w": whole(rng, 2, 2, 2, 2)})
    whole_dout = layer(rng, (1, 1, 4, 4), (2, 1, 2, 2), 2, 0)
    yield Case(types, {**whole_dout, "dout": whole(rng, 1, 2, 2, 2)})
    yield Case(types, layer(rng, (1, 2, 3, 4), (2, 2, 2, 2), 1, 1, fine))
    single = layer(rng, (2, 2, 4, 4), (2, 2, 3, 3), 2, 1)
    low = {name: single[name].astype(np.float32) for name in ("dout", "x", "w")}
    yield Case(types, {**single, **low})
    yield case(types, (2, 2, 4, 5), (3, 2, 3, 2), 1, 1, strided=True)
    yield case(types, (2, 2, 4, 5), (3, 2, 3, 2), 2, 0, strided=True)  # what is padded is contiguous


def conv2d_hidden(rng: Rng) -> Iterator[Case]:
    for stride, padding in ((1, 0), (2, 1), (3, 2), (2, 3)):
        n, c, f, kh, kw = (int(rng.integers(1, 5)) for _ in range(5))
        h, w = (int(rng.integers(5, 10)) for _ in range(2))
        yield Case("not square", layer(rng, (n, c, h, w), (f, c, kh, kw), stride, padding))


def torch_conv2d(dout, x, w, stride, padding):
    import torch

    def forward(x, w, b):
        return torch.nn.functional.conv2d(x, w, b, stride=stride, padding=padding)

    return torch_gradients(forward, dout, x, w, np.zeros(w.shape[0]))


conv2d_backward = Task(
    "conv2d_backward",
    {
        "one channel, one filter": 1,
        "several channels": 1,
        "several filters": 1,
        "several images": 1,
        "stride 2 and 3": 1,
        "stride that does not tile": 1,
        "padding 1 to 3": 1.5,
        "not square": 1,
        TYPES_AND_LAYOUTS: 0.5,
    },
    conv2d_cases,
    returns=("dx", "dw", "db"),
    shares={"dx": 2, "dw": 2, "db": 1},
    oracle=torch_conv2d,
    hidden=conv2d_hidden,
    forbids=NUMPY_ONLY,
)


def turned(w: Array) -> Array:
    return w[:, :, ::-1, ::-1]


def gradient_of_the_padded_input(right, dout, x, w, stride, padding):
    return right.conv2d_backward(dout, right_sides(x, padding), w, stride, 0)[0]


def right_sides(x: Array, padding: int) -> Array:
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


def end_sides(x: Array, cells: int) -> Array:
    return np.pad(x, ((0, 0), (0, 0), (0, cells), (0, cells)))


# the stride


@conv2d_backward.mistake(
    "dx ignores the stride: output (i, j) adds to the window that begins at row i * stride, column j * stride.",
    STEPS,
)
def ignores_the_stride_in_dx(right, dout, x, w, stride, padding):
    _, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return right.conv2d_backward(dout, x, w, 1, padding)[0], dw, db


@conv2d_backward.mistake(
    "dw ignores the stride: output (i, j) saw the window that begins at row i * stride, column j * stride.",
    STEPS,
)
def ignores_the_stride_in_dw(right, dout, x, w, stride, padding):
    dx, _, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, right.conv2d_backward(dout, x, w, 1, padding)[1], db


@conv2d_backward.mistake(
    "You ignore the stride: output (i, j) belongs to the window that begins at row i * stride, column j * stride.",
    STEPS,
)
def ignores_the_stride(right, dout, x, w, stride, padding):
    return right.conv2d_backward(dout, x, w, 1, padding)


@conv2d_backward.mistake(
    "You use the stride along the height and not along the width: columns begin at j * stride.", STEPS
)
def strides_the_rows_only(right, dout, x, w, stride, padding):
    padded = right_sides(x, padding)
    dx, dw = np.zeros(padded.shape), np.zeros(w.shape)
    for n, f, i, j in np.ndindex(dout.shape):
        window = (n, slice(None), slice(i * stride, i * stride + w.shape[2]), slice(j, j + w.shape[3]))
        dx[window] += dout[n, f, i, j] * w[f]
        dw[f] += dout[n, f, i, j] * padded[window]
    inside = (..., slice(padding, padding + x.shape[2]), slice(padding, padding + x.shape[3]))
    return dx[inside], dw, dout.sum(axis=(0, 2, 3))


@conv2d_backward.mistake("The arguments are mixed up: stride comes before padding.", STEPS)
def swaps_stride_and_padding(right, dout, x, w, padding, stride):
    return right.conv2d_backward(dout, x, w, stride, padding)


@conv2d_backward.mistake(
    "dx is too small where the stride does not tile: it has the shape of x, with 0 in the cells that no window saw.",
    STEPS,
)
def leaves_out_cells_that_no_window_saw(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    rest = [(x.shape[a] + 2 * padding - w.shape[a]) % stride for a in (2, 3)]
    return dx[:, :, : x.shape[2] - rest[0], : x.shape[3] - rest[1]], dw, db


@conv2d_backward.mistake(
    "Where the stride does not tile, your windows end at the end: they begin at the first row and column, the rest is "
    "left over at the end.",
    STEPS,
)
def leaves_the_rest_at_the_beginning(right, dout, x, w, stride, padding):
    padded = right_sides(x, padding)
    top, left = ((padded.shape[a] - w.shape[a]) % stride for a in (2, 3))
    part, dw, db = right.conv2d_backward(dout, padded[:, :, top:, left:], w, stride, 0)
    dx = np.pad(part, ((0, 0), (0, 0), (top, 0), (left, 0)))
    return dx[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]], dw, db


# the padding


@conv2d_backward.mistake(
    "dx still has the padding: the zeros around the image are no inputs, so cut their gradient off.", STEPS
)
def does_not_crop_the_padding(right, dout, x, w, stride, padding):
    _, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return gradient_of_the_padded_input(right, dout, x, w, stride, padding), dw, db


@conv2d_backward.mistake(
    "You cut the padding off at the end only: the image begins at row and column `padding` of the padded gradient.",
    STEPS,
)
def crops_at_the_end_only(right, dout, x, w, stride, padding):
    _, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    padded = gradient_of_the_padded_input(right, dout, x, w, stride, padding)
    return padded[:, :, : x.shape[2], : x.shape[3]], dw, db


@conv2d_backward.mistake(
    "You cut the padding off at the beginning only: the image ends at row `padding + H` and column `padding + W` of the "
    "padded gradient.",
    STEPS,
)
def crops_at_the_beginning_only(right, dout, x, w, stride, padding):
    _, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    padded = gradient_of_the_padded_input(right, dout, x, w, stride, padding)
    return padded[:, :, padding:, padding:], dw, db


@conv2d_backward.mistake(
    "Without padding your dx is empty: `[padding:-padding]` is `[0:0]` then. Use `[padding:padding + H]`.",
    STEPS,
)
def crops_to_nothing_without_padding(right, dout, x, w, stride, padding):
    _, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    padded = gradient_of_the_padded_input(right, dout, x, w, stride, padding)
    return padded[:, :, padding:-padding, padding:-padding], dw, db


@conv2d_backward.mistake(
    "dw does not see the padding where it was: pad all four sides, so that row 0 of the image is row `padding`.",
    STEPS,
)
def pads_after_the_image_in_dw(right, dout, x, w, stride, padding):
    dx, _, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, right.conv2d_backward(dout, end_sides(x, 2 * padding), w, stride, 0)[1], db


@conv2d_backward.mistake(
    "You do not pad: the windows slid over the padded input, so pad x first and cut dx in the end.", STEPS
)
def does_not_pad(right, dout, x, w, stride, padding):
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for n, f, i, j in np.ndindex(dout.shape):
        top, left = i * stride, j * stride
        window = (n, slice(None), slice(top, top + w.shape[2]), slice(left, left + w.shape[3]))
        dw[f] += dout[n, f, i, j] * x[window]
        dx[window] += dout[n, f, i, j] * w[f]
    return dx, dw, dout.sum(axis=(0, 2, 3))


# the gradient of the input


@conv2d_backward.mistake(
    "The kernel is the wrong way round in dx: if you slide it over dout, turn it by 180 degrees; if you add it to "
    "windows of dx, do not.",
    INPUT,
)
def turns_the_kernel_the_wrong_way_in_dx(right, dout, x, w, stride, padding):
    _, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return right.conv2d_backward(dout, x, turned(w), stride, padding)[0], dw, db


@conv2d_backward.mistake(
    "dx uses the transposed kernel: turning by 180 degrees reverses rows and columns and does not swap them.",
    INPUT,
)
def transposes_the_kernel_in_dx(right, dout, x, w, stride, padding):
    _, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    if w.shape[2] != w.shape[3]:
        raise ValueError("operands could not be broadcast together")
    return right.conv2d_backward(dout, x, w.swapaxes(2, 3), stride, padding)[0], dw, db


@conv2d_backward.mistake(
    "dx is assigned where windows overlap: an input that counted in several windows gets the sum, so use `+=`.",
    INPUT,
)
def overwrites_dx_where_windows_overlap(right, dout, x, w, stride, padding):
    padded = np.zeros(right_sides(x, padding).shape)
    for i, j in np.ndindex(dout.shape[2:]):
        top, left = i * stride, j * stride
        part = np.einsum("nf,fcmk->ncmk", dout[:, :, i, j], w)
        padded[:, :, top : top + w.shape[2], left : left + w.shape[3]] = part
    _, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return padded[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]], dw, db


@conv2d_backward.mistake(
    "dx is assigned in every round of the loop: it collects from all filters and all windows, so use `+=`.",
    INPUT,
)
def overwrites_dx_in_every_round(right, dout, x, w, stride, padding):
    padded = np.zeros(right_sides(x, padding).shape)
    for n, f, i, j in np.ndindex(dout.shape):
        top, left = i * stride, j * stride
        padded[n, :, top : top + w.shape[2], left : left + w.shape[3]] = dout[n, f, i, j] * w[f]
    _, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return padded[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]], dw, db


@conv2d_backward.mistake(
    "dx comes from the first filter only: every filter read the input, so sum over all of them.", CHANNELS
)
def uses_the_first_filter_only_in_dx(right, dout, x, w, stride, padding):
    _, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return right.conv2d_backward(dout[:, :1], x, w[:1], stride, padding)[0], dw, db


@conv2d_backward.mistake(
    "dx holds the first image only: every image of the batch has its gradient.", CHANNELS
)
def fills_dx_for_the_first_image_only(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    dx[1:] = 0
    return dx, dw, db


# the gradient of the kernel


@conv2d_backward.mistake(
    "dw is turned by 180 degrees: weight (m, k) met the cell m rows down and k columns to the right of each window's "
    "first.",
    KERNEL,
)
def turns_dw(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, turned(dw), db


@conv2d_backward.mistake("Rows and columns of dw are swapped: it has the shape of w.", KERNEL)
def transposes_dw(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, dw.swapaxes(2, 3), db


@conv2d_backward.mistake(
    "dw comes from the last window only: a weight is used in every window of every image, so use `+=`.",
    KERNEL,
)
def overwrites_dw_in_every_round(right, dout, x, w, stride, padding):
    dx, _, db = right.conv2d_backward(dout, x, w, stride, padding)
    last = np.zeros(dout.shape)
    last[-1, :, -1, -1] = dout[-1, :, -1, -1]
    return dx, right.conv2d_backward(last, x, w, stride, padding)[1], db


@conv2d_backward.mistake(
    "dw comes from the last image only: the weights are shared by the batch, so sum over its images.",
    CHANNELS,
)
def takes_dw_from_the_last_image_only(right, dout, x, w, stride, padding):
    dx, _, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, right.conv2d_backward(dout[-1:], x[-1:], w, stride, padding)[1], db


@conv2d_backward.mistake("dw has channels before filters: it has the shape of w, (F, C, KH, KW).", CHANNELS)
def swaps_filters_and_channels_of_dw(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, dw.swapaxes(0, 1), db


@conv2d_backward.mistake(
    "dx mixes up filters and channels of w: w[f, c] leads from channel c of x to feature map f.", CHANNELS
)
def swaps_filters_and_channels_in_dx(right, dout, x, w, stride, padding):
    _, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    if w.shape[0] != w.shape[1]:
        raise ValueError("shapes do not match")
    return right.conv2d_backward(dout, x, w.swapaxes(0, 1), stride, padding)[0], dw, db


@conv2d_backward.mistake(
    "dw sums over the channels: each channel has weights of its own, so keep the channel's axis.", CHANNELS
)
def sums_dw_over_the_channels(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, np.broadcast_to(dw.sum(axis=1, keepdims=True), dw.shape), db


@conv2d_backward.mistake("You use the kernel's height for its width too: take both from w.shape.", KERNEL)
def takes_every_kernel_for_square(right, dout, x, w, stride, padding):
    if w.shape[2] != w.shape[3]:
        raise ValueError("operands could not be broadcast together")
    return right.conv2d_backward(dout, x, w, stride, padding)


# the gradient of the bias


@conv2d_backward.mistake(
    "db is averaged over the batch: add up, since `dout` already holds the mean of the loss.", BIAS
)
def averages_db_over_the_batch(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, dw, db / len(dout)


@conv2d_backward.mistake(
    "db is the mean over images and positions: the bias was added at each of them, so their gradients add up.",
    BIAS,
)
def averages_db_over_everything(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, dw, dout.mean(axis=(0, 2, 3))


@conv2d_backward.mistake(
    "You sum db over axes 1, 2 and 3, which leaves the images: sum over axes 0, 2 and 3, so that the filters stay.",
    BIAS,
)
def leaves_the_images_in_db(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, dw, dout.sum(axis=(1, 2, 3))


@conv2d_backward.mistake("db still has an axis of images: sum over the batch too, the shape is (F,).", BIAS)
def does_not_sum_db_over_the_batch(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, dw, dout.sum(axis=(2, 3))


@conv2d_backward.mistake(
    "db still has rows and columns: the same bias was added at all positions, so sum over them.", BIAS
)
def does_not_sum_db_over_the_positions(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, dw, dout.sum(axis=0)


@conv2d_backward.mistake("db keeps axes of length 1: the shape is (F,), as that of b.", BIAS)
def keeps_axes_of_db(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, dw, dout.sum(axis=(0, 2, 3), keepdims=True)


@conv2d_backward.mistake("db is summed over the filters too: bias f was added to feature map f alone.", BIAS)
def sums_db_over_the_filters(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, dw, np.full(db.shape, db.sum())


@conv2d_backward.mistake(
    "db comes from the last image only: the bias is shared by the batch, so sum over its images.", BIAS
)
def takes_db_from_the_last_image_only(right, dout, x, w, stride, padding):
    dx, dw, _ = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, dw, dout[-1].sum(axis=(1, 2))


# all of them


@conv2d_backward.mistake(
    "dw is averaged over the batch: add up, since `dout` already holds the mean of the loss.", ABOVE
)
def averages_dw_over_the_batch(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, dw / len(dout), db


@conv2d_backward.mistake(
    "dw is averaged over the positions: a weight is used at each of them, so their gradients add up.", KERNEL
)
def averages_dw_over_the_positions(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, dw / (dout.shape[2] * dout.shape[3]), db


@conv2d_backward.mistake(
    "dw and db are averaged over the batch: add up, since `dout` already holds the mean of the loss.", ABOVE
)
def averages_dw_and_db_over_the_batch(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, dw / len(dout), db / len(dout)


@conv2d_backward.mistake(
    "You divide all three by the size of the batch: `dout` already holds the mean of the loss.", ABOVE
)
def divides_everything_by_the_batch(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx / len(dout), dw / len(dout), db / len(dout)


@conv2d_backward.mistake("You take the gradient from above as 1 everywhere: multiply by `dout`.", ABOVE)
def ignores_the_gradient_from_above(right, dout, x, w, stride, padding):
    return right.conv2d_backward(np.ones(dout.shape), x, w, stride, padding)


@conv2d_backward.mistake("The order of the results is another one: return dx, dw, db.", KERNEL)
def returns_dw_before_dx(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dw, dx, db


@conv2d_backward.mistake(
    "dx and dw have the types of x and w, and integer arrays cannot hold a gradient: make them with float64.",
    TYPES,
)
def makes_gradients_with_the_types_of_the_inputs(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    x_like, w_like = np.zeros_like(x), np.zeros_like(w)
    x_like[...] += dx
    w_like[...] += dw
    return x_like, w_like, db


@conv2d_backward.mistake(
    "dx and dw have the types of x and w: for integers their fractions are cut off. Make them with float64.",
    TYPES,
)
def cuts_dx_and_dw_to_the_types_of_the_inputs(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx.astype(x.dtype), dw.astype(w.dtype), db


@conv2d_backward.mistake(
    "dx has the type of x: for an integer x the gradient's fractions are cut off. Make it with float64.",
    TYPES,
)
def cuts_dx_to_the_type_of_the_input(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx.astype(x.dtype), dw, db


@conv2d_backward.mistake(
    "dw has the type of w: for an integer w the gradient's fractions are cut off. Make it with float64.",
    TYPES,
)
def cuts_dw_to_the_type_of_the_weights(right, dout, x, w, stride, padding):
    dx, dw, db = right.conv2d_backward(dout, x, w, stride, padding)
    return dx, dw.astype(w.dtype), db


@conv2d_backward.mistake(
    "dx and dw have the types of x and w: a cell of an integer array loses its fraction each time that you "
    "add to it. Make them with float64.",
    TYPES,
)
def cuts_dx_and_dw_whenever_it_adds(right, dout, x, w, stride, padding):
    padded = right_sides(x, padding)
    dx, dw = np.zeros_like(padded), np.zeros_like(w)
    for n, f, i, j in np.ndindex(dout.shape):
        top, left = i * stride, j * stride
        window = (n, slice(None), slice(top, top + w.shape[2]), slice(left, left + w.shape[3]))
        dx[window] = dx[window] + dout[n, f, i, j] * w[f]
        dw[f] = dw[f] + dout[n, f, i, j] * padded[window]
    inside = (..., slice(padding, padding + x.shape[2]), slice(padding, padding + x.shape[3]))
    return dx[inside], dw, dout.sum(axis=(0, 2, 3))


TASKS = (relu_backward, max_pool2d_backward, avg_pool2d_backward, conv2d_backward)
