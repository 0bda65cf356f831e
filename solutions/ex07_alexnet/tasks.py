"""The tasks of ex07: for each one its cases, what they are worth, and the mistakes that learners make.

A mistake takes the reference's functions first, so that it says in a line or two what goes wrong. The wrong
networks are one module with one rule changed; the oracle of the network is written with plain tensors instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from course_utils.check import NUMPY_ONLY, Case, Task
from course_utils.grading.inputs import TYPES_AND_LAYOUTS, Array, Rng, distinct, fine, numbers, whole

NETWORK = "07_alexnet#The network"
SIZE = "07_alexnet#From 227 to 55"
COUNTING = "07_alexnet#Neurons and parameters"
TOWERS = "07_alexnet#Two towers"
RELU = "07_alexnet#ReLU against tanh"
CROPS = "07_alexnet#Crops and mirror images"
DROPOUT = "07_alexnet#Dropout"
RESPONSE = "07_alexnet#Local response normalisation"
RETRIEVAL = "07_alexnet#Retrieval by the top hidden layer"
FORMULA = "03_convolution_layer#Output size"
PADDING = "03_convolution_layer#Zero padding"
STRIDE = "03_convolution_layer#Stride"
VOLUMES = "03_convolution_layer#Volumes"
TYPES = "03_convolution_layer#Number types"
POOLING = "04_pooling#Windows that overlap"
DENSE = "04_pooling#The fully connected layer as a convolution"


def pick(rng: Rng, low: int, high: int, but: tuple[int, ...] = ()) -> int:
    """Return a whole number from ``low`` to ``high``, both included, that is none of ``but``."""
    return int(rng.choice([n for n in range(low, high + 1) if n not in but]))


# layer_table

CONVOLUTIONS = "convolutions"
FLOOR = "windows that do not fit"
GROUPS = "groups"
POOLED = "pooling"
CONNECTED = "fully connected layers"
NETS = "whole networks"

ALEXNET = (
    ("conv", 96, 11, 4, 0, 1),
    ("pool", 3, 2),
    ("conv", 256, 5, 1, 2, 2),
    ("pool", 3, 2),
    ("conv", 384, 3, 1, 1, 1),
    ("conv", 384, 3, 1, 1, 2),
    ("conv", 256, 3, 1, 1, 2),
    ("pool", 3, 2),
    ("fc", 4096),
    ("fc", 4096),
    ("fc", 1000),
)


class DoesNotFitError(Exception):
    """No layer of the kind asked for fits on those below."""


class Stack:
    """Random layers, each of which fits on those below it."""

    def __init__(self, rng: Rng, channels: int, size: int) -> None:
        self.rng, self.channels, self.size = rng, channels, size
        self.layers: list[Any] = []

    def _window(self, most: int, paddings: tuple[int, ...], rest: bool) -> tuple[int, int, int]:
        """Return kernel size, stride and padding with at least two windows; with ``rest`` some cells are left over."""
        free = [
            (kernel_size, stride, padding)
            for kernel_size in range(2, 6)
            for stride in range(1, most + 1)
            for padding in paddings
            if padding < kernel_size != stride
            and self.size + 2 * padding - kernel_size >= stride
            and bool((self.size + 2 * padding - kernel_size) % stride) == rest
        ]
        if not free:
            raise DoesNotFitError
        kernel_size, stride, padding = (int(n) for n in self.rng.choice(free))
        self.size = (self.size + 2 * padding - kernel_size) // stride + 1
        return kernel_size, stride, padding

    def conv(self, groups: int = 1, rest: bool = False, padded: bool = False) -> Stack:
        """Add a convolution whose windows leave a rest, or not."""
        filters = groups * pick(self.rng, 2, 5, but=(self.channels // groups,))
        window = self._window(3, (1, 2) if padded else (0, 1, 2), rest)
        self.layers.append(("conv", filters, *window, groups))
        self.channels = filters
        return self

    def pool(self, rest: bool = False, most: int = 3) -> Stack:
        """Add a pooling whose windows overlap or leave gaps, with a stride of ``most`` or less."""
        self.layers.append(("pool", *self._window(most, (0,), rest)[:2]))
        return self

    def fc(self) -> Stack:
        """Add a fully connected layer."""
        self.layers.append(("fc", pick(self.rng, 3, 12)))
        self.channels, self.size = self.layers[-1][1], 1
        return self


def table_case(
    rng: Rng, group: str, channels: int, sizes: tuple[int, int], build: Callable[[Stack], Stack]
) -> Case:
    while True:
        size = pick(rng, *sizes)
        try:
            layers = build(Stack(rng, channels, size)).layers
        except DoesNotFitError:
            continue
        return Case(group, {"layers": tuple(layers), "channels": channels, "size": size})


def table_cases(rng: Rng) -> Iterator[Case]:
    def case(group: str, channels: int, low: int, high: int, build: Callable[[Stack], Stack]) -> Case:
        return table_case(rng, group, channels, (low, high), build)

    yield case(CONVOLUTIONS, 1, 8, 12, lambda net: net.conv())
    yield case(CONVOLUTIONS, 3, 20, 26, lambda net: net.conv(padded=True).conv())
    yield case(CONVOLUTIONS, 2, 20, 26, lambda net: net.conv().conv(padded=True))
    yield case(FLOOR, 3, 14, 20, lambda net: net.conv(rest=True))
    yield case(FLOOR, 1, 14, 20, lambda net: net.conv(rest=True, padded=True))
    yield case(FLOOR, 2, 14, 20, lambda net: net.pool(rest=True))
    yield case(GROUPS, 4, 9, 15, lambda net: net.conv(groups=2))
    yield case(GROUPS, 6, 9, 15, lambda net: net.conv(groups=3, padded=True))
    yield case(GROUPS, 8, 20, 26, lambda net: net.conv(groups=4).conv(groups=2))
    yield case(GROUPS, 3, 20, 26, lambda net: net.conv(groups=3).conv())
    yield case(POOLED, 3, 9, 15, lambda net: net.pool(most=1))
    yield case(POOLED, 2, 20, 26, lambda net: net.conv().pool())
    yield case(POOLED, 4, 20, 26, lambda net: net.pool().conv(padded=True))
    yield case(CONNECTED, pick(rng, 5, 9), 1, 1, lambda net: net.fc())
    yield case(CONNECTED, 3, 4, 7, lambda net: net.fc().fc())
    yield case(CONNECTED, 2, 9, 15, lambda net: net.conv().fc().fc())
    yield case(CONNECTED, 2, 9, 15, lambda net: net.pool().fc())
    yield Case(NETS, {"layers": ALEXNET, "channels": 3, "size": 227})
    yield case(NETS, 3, 40, 60, lambda net: net.conv(rest=True).pool().conv(padded=True).pool(rest=True).fc())


def table_hidden(rng: Rng) -> Iterator[Case]:
    for groups in (2, 3):
        channels = groups * pick(rng, 1, 3)
        yield table_case(
            rng,
            NETS,
            channels,
            (60, 90),
            lambda net, g=groups: net.pool(rest=True).conv(g).conv(g, padded=True).fc().fc().fc(),
        )


def counted_by_torch(layers, channels, size):
    """Build the layers on torch's meta device, run them, and count what there is."""

    def values(output: Any) -> list[int]:
        return [output.shape[1], output.shape[2] if output.ndim == 4 else 1]

    x: Any = torch.zeros(1, channels, size, size, device="meta")
    rows = [[*values(x), x.numel(), 0]]
    with torch.device("meta"):
        for kind, *about in layers:
            if kind == "conv":
                filters, kernel_size, stride, padding, groups = about
                layer: nn.Module = nn.Conv2d(x.shape[1], filters, kernel_size, stride, padding, groups=groups)
            elif kind == "pool":
                layer = nn.MaxPool2d(*about)
            else:
                x = x.flatten(1)
                layer = nn.Linear(x.shape[1], *about)
            x = layer(x)
            weights = sum(parameter.numel() for parameter in layer.parameters())
            rows.append([*values(x), x.numel() if weights else 0, weights])
    return np.array(rows)


layer_table = Task(
    "layer_table",
    {CONVOLUTIONS: 1.5, FLOOR: 0.5, GROUPS: 1, POOLED: 1, CONNECTED: 1.5, NETS: 0.5},
    table_cases,
    returns=("table",),
    oracle=counted_by_torch,
    hidden=table_hidden,
    forbids=NUMPY_ONLY,
)


def conv_weights(filters, before, kernel_size, groups):
    return filters * (before // groups) * kernel_size**2


def counted(
    layers,
    channels,
    size,
    *,
    moved: Callable[..., Any] = lambda free, stride: free // stride + 1,
    padded: Callable[..., Any] = lambda padding: 2 * padding,
    weights: Callable[..., Any] = conv_weights,
    biases: Callable[..., Any] = lambda filters, side, groups: filters,
    neurons: Callable[..., Any] = lambda channels, side: channels * side**2,
    units_biases: Callable[..., Any] = lambda units: units,
    inputs: Callable[..., Any] = lambda channels, side: channels * side**2,
    pool: Callable[..., Any] = lambda channels, side, kernel_size: [0, 0],
    pool_side: Callable[..., Any] | None = None,
    end: Callable[..., Any] = lambda side: 1,
    seen: Callable[..., Any] = lambda filters, channels: filters,
):
    """Count a table with one rule changed; the defaults are right."""
    side = size
    rows = [[channels, side, channels * side**2, 0]]
    for kind, *about in layers:
        if kind == "conv":
            filters, kernel_size, stride, padding, groups = about
            side = moved(side + padded(padding) - kernel_size, stride)
            parameters = weights(filters, channels, kernel_size, groups) + biases(filters, side, groups)
            channels = seen(filters, channels)
            rows.append([filters, side, neurons(filters, side), parameters])
        elif kind == "pool":
            kernel_size, stride = about
            side = pool_side(side, *about) if pool_side else moved(side - kernel_size, stride)
            rows.append([channels, side, *pool(channels, side, kernel_size)])
        else:
            (units,) = about
            parameters = units * inputs(channels, side) + units_biases(units)
            channels, side = units, end(side)
            rows.append([units, side, units, parameters])
    return np.array(rows)


@layer_table.mistake(
    "You forget the groups: a filter of a convolution with G groups sees only 1/G of the channels below.",
    TOWERS,
)
def forgets_the_groups(right, layers, channels, size):
    return counted(layers, channels, size, weights=lambda f, c, k, g: f * c * k**2)


@layer_table.mistake(
    "You divide the filters by the groups too: there are F filters in all, and each sees C / G channels.",
    TOWERS,
)
def counts_one_group_only(right, layers, channels, size):
    return counted(layers, channels, size, weights=lambda f, c, k, g: f // g * (c // g) * k**2)


@layer_table.mistake(
    "You multiply by the groups: a filter that sees fewer channels has fewer weights, so divide.", TOWERS
)
def multiplies_by_the_groups(right, layers, channels, size):
    return counted(layers, channels, size, weights=lambda f, c, k, g: f * c * g * k**2)


@layer_table.mistake(
    "You count the biases once a group: groups split channels and filters, and a filter has one bias.",
    TOWERS,
)
def counts_biases_for_each_group(right, layers, channels, size):
    return counted(layers, channels, size, biases=lambda f, side, g: f * g)


@layer_table.mistake("You forget the biases: one a filter, and one a unit.", COUNTING)
def forgets_all_biases(right, layers, channels, size):
    return counted(layers, channels, size, biases=lambda *_: 0, units_biases=lambda _: 0)


@layer_table.mistake("You forget the biases of the convolutions: one a filter.", COUNTING)
def forgets_the_biases_of_convolutions(right, layers, channels, size):
    return counted(layers, channels, size, biases=lambda *_: 0)


@layer_table.mistake("You forget the biases of fully connected layers: one a unit.", COUNTING)
def forgets_the_biases_of_fully_connected_layers(right, layers, channels, size):
    return counted(layers, channels, size, units_biases=lambda _: 0)


@layer_table.mistake(
    "You give every neuron a bias of its own: the neurons of one feature map share it, so there is one a filter.",
    COUNTING,
)
def counts_a_bias_for_each_neuron(right, layers, channels, size):
    return counted(layers, channels, size, biases=lambda f, side, g: f * side**2)


@layer_table.mistake("You add one bias a layer: each filter, and each unit, has its own.", COUNTING)
def counts_one_bias_for_each_layer(right, layers, channels, size):
    return counted(layers, channels, size, biases=lambda *_: 1, units_biases=lambda _: 1)


@layer_table.mistake(
    "You give every neuron weights of its own: a filter slides, so its weights count once, not at each position.",
    COUNTING,
)
def counts_weights_at_every_position(right, layers, channels, size):
    table = right.layer_table(layers, channels, size)
    for row, (kind, *_) in zip(table[1:], layers, strict=True):
        if kind == "conv":
            row[3] *= row[1] ** 2
    return table


@layer_table.mistake(
    "You count a kernel as K weights: it has K rows and K columns, so K * K for each channel.", COUNTING
)
def counts_one_side_of_the_kernel(right, layers, channels, size):
    return counted(layers, channels, size, weights=lambda f, c, k, g: f * (c // g) * k)


@layer_table.mistake(
    "You leave out the channels: a filter has K * K weights for each channel that it sees.", COUNTING
)
def leaves_out_the_channels(right, layers, channels, size):
    return counted(layers, channels, size, weights=lambda f, c, k, g: f * k**2)


@layer_table.mistake(
    "You set the channels to F before you count: the weights need the channels of the layer below.", COUNTING
)
def counts_with_the_new_channels(right, layers, channels, size):
    return counted(layers, channels, size, weights=lambda f, c, k, g: f * (f // g) * k**2)


@layer_table.mistake(
    "Every convolution sees the channels of the image: it sees those that the layer below puts out.", VOLUMES
)
def keeps_the_channels_of_the_image(right, layers, channels, size):
    return counted(layers, channels, size, seen=lambda filters, below: below)


@layer_table.mistake("You round sizes up: windows that do not fit are dropped, so use `//`.", FORMULA)
def rounds_sizes_up(right, layers, channels, size):
    return counted(layers, channels, size, moved=lambda free, stride: -(-free // stride) + 1)


@layer_table.mistake("Sizes keep their fractions: windows that do not fit are dropped, so use `//`.", FORMULA)
def keeps_fractions_of_sizes(right, layers, channels, size):
    return counted(layers, channels, size, moved=lambda free, stride: free / stride + 1)


@layer_table.mistake(
    "Sizes are one short: the first window stands at the border, and (N + 2P - K) // S more follow.", FORMULA
)
def forgets_the_first_window(right, layers, channels, size):
    return counted(layers, channels, size, moved=lambda free, stride: free // stride)


@layer_table.mistake("You pad one side only: there are P zeros on each side, 2 P in all.", PADDING)
def pads_one_side_only(right, layers, channels, size):
    return counted(layers, channels, size, padded=lambda padding: padding)


@layer_table.mistake("You forget the padding: P zeros stand on each side before the kernel slides.", PADDING)
def forgets_the_padding(right, layers, channels, size):
    return counted(layers, channels, size, padded=lambda padding: 0)


@layer_table.mistake(
    "You forget the stride: the kernel moves by S cells, so there are about 1/S as many.", STRIDE
)
def forgets_the_stride(right, layers, channels, size):
    return counted(layers, channels, size, moved=lambda free, stride: free + 1)


@layer_table.mistake(
    "Pooling moves by its kernel size in your table: AlexNet's windows overlap, so use the stride that is given.",
    POOLING,
)
def pools_without_overlap(right, layers, channels, size):
    return counted(layers, channels, size, pool_side=lambda side, k, stride: (side - k) // k + 1)


@layer_table.mistake(
    "You round the sizes of pooled maps up: windows that do not fit are dropped, so use `//`.", POOLING
)
def rounds_pooled_sizes_up(right, layers, channels, size):
    return counted(layers, channels, size, pool_side=lambda side, k, stride: -(-(side - k) // stride) + 1)


@layer_table.mistake(
    "You divide the size by the pooling's stride: count windows, (N - K) // S + 1, as for a convolution.",
    POOLING,
)
def divides_by_the_stride_of_pooling(right, layers, channels, size):
    return counted(layers, channels, size, pool_side=lambda side, kernel_size, stride: side // stride)


@layer_table.mistake(
    "You count what pooling puts out as neurons: it has none of its own here, as in the paper's count.",
    COUNTING,
)
def counts_pooled_values_as_neurons(right, layers, channels, size):
    return counted(layers, channels, size, pool=lambda c, side, k: [c * side**2, 0])


@layer_table.mistake("You give pooling weights: it takes a maximum, and learns nothing.", COUNTING)
def counts_parameters_of_pooling(right, layers, channels, size):
    return counted(layers, channels, size, pool=lambda c, side, k: [0, c * k**2])


@layer_table.mistake(
    "A unit of a fully connected layer sees one number a channel in your count: it sees all channels * side * side.",
    DENSE,
)
def does_not_flatten(right, layers, channels, size):
    return counted(layers, channels, size, inputs=lambda channels, side: channels)


@layer_table.mistake(
    "A unit of a fully connected layer sees one row of each map in your count: it sees side * side cells.",
    DENSE,
)
def flattens_one_side_only(right, layers, channels, size):
    return counted(layers, channels, size, inputs=lambda channels, side: channels * side)


@layer_table.mistake(
    "The side stays as it was after a fully connected layer: its units have no rows, so the side is 1.", DENSE
)
def keeps_the_side_after_a_fully_connected_layer(right, layers, channels, size):
    return counted(layers, channels, size, end=lambda side: side)


@layer_table.mistake(
    "You divide the neurons by the groups: both towers together have `filters` maps.", TOWERS
)
def counts_the_neurons_of_one_group(right, layers, channels, size):
    table = right.layer_table(layers, channels, size)
    for row, (kind, *about) in zip(table[1:], layers, strict=True):
        row[2] //= about[4] if kind == "conv" else 1
    return table


@layer_table.mistake("You count neurons as channels * side: a map has side rows and side columns.", VOLUMES)
def counts_one_side_of_the_maps(right, layers, channels, size):
    table = right.layer_table(layers, channels, size)
    rows = np.array([True, *(kind == "conv" for kind, *_ in layers)])
    table[rows, 2] = table[rows, 0] * table[rows, 1]
    return table


@layer_table.mistake("You forget the channels when you count neurons: there are F maps.", VOLUMES)
def counts_the_neurons_of_one_map(right, layers, channels, size):
    table = right.layer_table(layers, channels, size)
    rows = np.array([True, *(kind == "conv" for kind, *_ in layers)])
    table[rows, 2] = table[rows, 1] ** 2
    return table


@layer_table.mistake("The row of the input is missing: it comes first, without parameters.", VOLUMES)
def leaves_out_the_input(right, layers, channels, size):
    return right.layer_table(layers, channels, size)[1:]


@layer_table.mistake("The rows of poolings are missing: every layer has one.", COUNTING)
def leaves_out_poolings(right, layers, channels, size):
    table = right.layer_table(layers, channels, size)
    return table[[True, *(kind != "pool" for kind, *_ in layers)]]


@layer_table.mistake(
    "Neurons and parameters are swapped: the columns are channels, side, neurons, parameters.", COUNTING
)
def swaps_neurons_and_parameters(right, layers, channels, size):
    return right.layer_table(layers, channels, size)[:, [0, 1, 3, 2]]


@layer_table.mistake(
    "The input has no neurons in your table: here its numbers count, as on the slide.", COUNTING
)
def counts_no_neurons_of_the_input(right, layers, channels, size):
    table = right.layer_table(layers, channels, size)
    table[0, 2] = 0
    return table


@layer_table.mistake("You add up: the last column holds the parameters of each layer by itself.", COUNTING)
def adds_up_the_parameters(right, layers, channels, size):
    table = right.layer_table(layers, channels, size)
    table[:, 3] = np.cumsum(table[:, 3])
    return table


# dropout

HALF = "training, half of them"
OTHER = "training, other shares"
TEST = "test time"
MAPS = "batches of feature maps"


def uniform(rng: Rng, p: float, *shape: int) -> Array:
    """Random numbers from 0 to 1; the first three are p itself, and one on each side of it."""
    u = rng.random(shape)
    u.flat[:3] = p, p / 2, (1 + p) / 2
    return u


def dropout_cases(rng: Rng) -> Iterator[Case]:
    def case(
        group: str, x: Array, p: float, train: bool = True, *, u: Array | None = None, strided: bool = False
    ) -> Case:
        draw = uniform(rng, p, *x.shape) if u is None else u
        return Case(group, {"x": x, "p": p, "u": draw, "train": train}, strided)

    yield case(HALF, numbers(rng, 9), 0.5)
    yield case(HALF, numbers(rng, 3, 7), 0.5)
    yield case(HALF, numbers(rng, 5, 4), 0.5)
    yield case(OTHER, numbers(rng, 11), 0.2)
    yield case(OTHER, numbers(rng, 3, 8), 0.75)
    yield case(OTHER, numbers(rng, 4, 5), 0.3)
    yield case(OTHER, numbers(rng, 2, 6), 0.9)
    yield case(OTHER, numbers(rng, 3, 4), 0.0, u=rng.random((3, 4)))
    yield case(TEST, numbers(rng, 8), 0.5, False)
    yield case(TEST, numbers(rng, 3, 5), 0.25, False)
    yield case(TEST, numbers(rng, 2, 2, 3, 4), 0.8, False)
    yield case(MAPS, numbers(rng, 2, 3, 4, 4), 0.5)
    yield case(MAPS, numbers(rng, 3, 2, 2, 5), 0.4)
    yield case(TYPES_AND_LAYOUTS, whole(rng, 4, 6), 0.3)
    yield case(TYPES_AND_LAYOUTS, whole(rng, 3, 4), 0.5, False)
    yield case(TYPES_AND_LAYOUTS, fine(rng, 3, 7), 0.5)
    single = numbers(rng, 3, 6).astype(np.float32)
    yield case(TYPES_AND_LAYOUTS, single, 0.25, u=uniform(rng, 0.25, 3, 6).astype(np.float32))
    yield case(TYPES_AND_LAYOUTS, numbers(rng, 2, 2, 3, 5), 0.6, strided=True)


def dropout_hidden(rng: Rng) -> Iterator[Case]:
    for p in (0.1, 0.5, 0.85):
        x = numbers(rng, *(pick(rng, 2, 7) for _ in range(pick(rng, 2, 4))))
        yield Case(OTHER, {"x": x, "p": p, "u": uniform(rng, p, *x.shape), "train": True})


def dropout_by_places(x, p, u, train):
    """Visit each number by itself."""
    if not train:
        return x
    y = np.zeros(x.shape)
    for place in zip(*np.nonzero(u >= p), strict=True):
        y[place] = x[place] / (1 - p)
    return y


dropout = Task(
    "dropout",
    {HALF: 1, OTHER: 1, TEST: 1, MAPS: 0.5, TYPES_AND_LAYOUTS: 0.5},
    dropout_cases,
    oracle=dropout_by_places,
    hidden=dropout_hidden,
    forbids=NUMPY_ONLY,
)


@dropout.mistake(
    "You do not scale: what is kept is divided by 1 - p, so that the next layer sees as much as at test time.",
    DROPOUT,
)
def does_not_scale(right, x, p, u, train):
    return x * (u >= p) if train else x


@dropout.mistake(
    "You scale at test time, as the paper did: here training divides by 1 - p, and test time changes nothing.",
    DROPOUT,
)
def scales_at_test_time_instead(right, x, p, u, train):
    return x * (u >= p) if train else x * (1 - p)


@dropout.mistake(
    "You scale twice, in training and at test time: training divides by 1 - p, and test time changes nothing.",
    DROPOUT,
)
def scales_at_test_time_too(right, x, p, u, train):
    return right.dropout(x, p, u, True) if train else x * (1 - p)


@dropout.mistake(
    "You multiply what is kept by 1 - p: divide, so that the sum stays as large on average.", DROPOUT
)
def multiplies_in_place_of_dividing(right, x, p, u, train):
    return x * (u >= p) * (1 - p) if train else x


@dropout.mistake(
    "You divide what is kept by p, the share that is dropped: divide by 1 - p, the share that is kept.",
    DROPOUT,
)
def divides_by_the_share_that_is_dropped(right, x, p, u, train):
    with np.errstate(all="ignore"):
        return x * (u >= p) / np.float64(p) if train else x


@dropout.mistake("You take p for the share that is kept: p is the share that is dropped.", DROPOUT)
def takes_p_for_the_share_that_is_kept(right, x, p, u, train):
    with np.errstate(all="ignore"):
        return x * (u < p) / np.float64(p) if train else x


@dropout.mistake(
    "You drop the others: a number goes where u < p, which is the case for a share p of them.", DROPOUT
)
def drops_the_others(right, x, p, u, train):
    return x * (u < p) / (1 - p) if train else x


@dropout.mistake("You drop where u equals p too: only where u < p.", DROPOUT)
def drops_where_u_equals_p(right, x, p, u, train):
    return x * (u > p) / (1 - p) if train else x


@dropout.mistake("You drop half of the numbers whatever p is: compare u with p.", DROPOUT)
def drops_half_of_them(right, x, p, u, train):
    return x * (u >= 0.5) / (1 - p) if train else x


@dropout.mistake(
    "You drop half of the numbers and double the others whatever p is: use p in both places.", DROPOUT
)
def takes_p_for_one_half(right, x, p, u, train):
    return 2.0 * x * (u >= 0.5) if train else x


@dropout.mistake(
    "You double what is kept whatever p is: divide by 1 - p, which is one half only where p is.", DROPOUT
)
def doubles_what_is_kept(right, x, p, u, train):
    return 2.0 * x * (u >= p) if train else x


@dropout.mistake("You drop at test time too: with `train` False every number passes as it is.", DROPOUT)
def drops_at_test_time_too(right, x, p, u, train):
    return right.dropout(x, p, u, True)


@dropout.mistake("It is the wrong way round: numbers are dropped when `train` is True.", DROPOUT)
def drops_at_test_time_only(right, x, p, u, train):
    return right.dropout(x, p, u, not train)


@dropout.mistake("You never drop anything: with `train` True numbers are dropped where u < p.", DROPOUT)
def never_drops(right, x, p, u, train):
    return 1.0 * x


@dropout.mistake(
    "Your test time returns zeros, or nothing of x: with `train` False the result is x itself.", DROPOUT
)
def returns_zeros_at_test_time(right, x, p, u, train):
    return right.dropout(x, p, u, True) if train else 0.0 * x


@dropout.mistake("You drop the same units in every image: each number of the batch has its own u.", DROPOUT)
def drops_the_same_in_every_image(right, x, p, u, train):
    first = u[:1] if u.ndim > 1 else u
    return right.dropout(x, p, np.broadcast_to(first, u.shape), train)


@dropout.mistake("You drop whole feature maps: each number of a map has its own u.", DROPOUT)
def drops_whole_maps(right, x, p, u, train):
    first = u[:, :, :1, :1] if u.ndim == 4 else u
    return right.dropout(x, p, np.broadcast_to(first, u.shape), train)


@dropout.mistake(
    "You divide by the share that happened to be kept: divide by 1 - p, the share that is kept on average.",
    DROPOUT,
)
def divides_by_what_happened(right, x, p, u, train):
    return x * (u >= p) / (u >= p).mean() if train else x


@dropout.mistake("You return the mask alone: multiply it by x.", DROPOUT)
def returns_the_mask(right, x, p, u, train):
    return (u >= p) / (1 - p) if train else x


@dropout.mistake(
    "You compare x with p: which numbers are dropped is decided by u, whatever their own size.", DROPOUT
)
def compares_x_with_p(right, x, p, u, train):
    return x * (x >= p) / (1 - p) if train else x


@dropout.mistake(
    "You write the zeros into x itself: others still need that array, so work on a copy.", DROPOUT
)
def writes_into_x(right, x, p, u, train):
    if train:
        x[u < p] = 0
    return x / (1 - p) if train else x


@dropout.mistake(
    "The result has the type of x: for an integer x its fractions are cut off. Make it with float64.", TYPES
)
def keeps_the_type_of_the_input(right, x, p, u, train):
    y = np.zeros_like(x)
    y[...] = right.dropout(x, p, u, train)
    return y


# local_response_norm

ONE = "one pixel"
PLACES = "several images and positions"
WIDE = "windows that reach over the ends"
NUMBERS = "other numbers"
PAPER = "the paper's numbers"


def norm_cases(rng: Rng) -> Iterator[Case]:
    def case(
        group: str,
        x: Array,
        size: int = 3,
        alpha: float = 0.5,
        beta: float = 0.75,
        k: float = 2.0,
        *,
        strided: bool = False,
    ) -> Case:
        inputs = {"x": x, "size": size, "alpha": alpha, "beta": beta, "k": k}
        return Case(group, inputs, strided)

    yield case(ONE, numbers(rng, 1, 6, 1, 1))
    yield case(ONE, numbers(rng, 1, 8, 1, 1), 5)
    yield case(ONE, numbers(rng, 1, 5, 1, 1), 1)
    yield case(PLACES, numbers(rng, 1, 7, 2, 3))
    yield case(PLACES, numbers(rng, 2, 7, 1, 1), 5)
    yield case(PLACES, numbers(rng, 3, 6, 4, 2))
    yield case(PLACES, numbers(rng, 2, 9, 3, 4), 5)
    yield case(WIDE, numbers(rng, 1, 4, 2, 2), 5)
    yield case(WIDE, numbers(rng, 2, 3, 3, 2), 7)
    yield case(WIDE, numbers(rng, 1, 1, 3, 3), 3)
    yield case(WIDE, numbers(rng, 2, 2, 2, 3), 9)
    yield case(NUMBERS, numbers(rng, 1, 6, 2, 2), 3, 0.1 * pick(rng, 2, 9), 0.75, 1.0)
    yield case(NUMBERS, numbers(rng, 1, 7, 2, 3), 3, 0.3, 0.5, 1.5)
    yield case(NUMBERS, numbers(rng, 2, 6, 2, 2), 5, 1.5, 1.0, 0.5)
    yield case(NUMBERS, numbers(rng, 1, 8, 3, 2), 3, 0.5, 1.25, 3.0)
    yield case(PAPER, 40 * numbers(rng, 1, 12, 3, 3), 5, 1e-4)
    yield case(PAPER, 60 * numbers(rng, 2, 9, 2, 2), 5, 1e-4)
    yield case(TYPES_AND_LAYOUTS, whole(rng, 1, 6, 2, 3), 3)
    yield case(TYPES_AND_LAYOUTS, numbers(rng, 2, 5, 2, 2).astype(np.float32), 3)
    yield case(TYPES_AND_LAYOUTS, fine(rng, 1, 6, 2, 2), 3)
    yield case(TYPES_AND_LAYOUTS, numbers(rng, 2, 7, 3, 2), 5, strided=True)


def norm_hidden(rng: Rng) -> Iterator[Case]:
    for size in (3, 5, 7):
        x = numbers(rng, pick(rng, 1, 3), pick(rng, 3, 12), pick(rng, 1, 5), pick(rng, 1, 5))
        alpha, beta, k = (pick(rng, 1, 12) / 8 for _ in range(3))
        inputs = {"x": x, "size": size, "alpha": alpha, "beta": beta, "k": k}
        yield Case(NUMBERS, inputs)


def torch_norm(x, size, alpha, beta, k):
    """Ask torch, which divides alpha by the size of the window."""
    maps = torch.tensor(np.ascontiguousarray(x), dtype=torch.float64)
    return functional.local_response_norm(maps, size, alpha * size, beta, k).numpy()


local_response_norm = Task(
    "local_response_norm",
    {ONE: 1, PLACES: 1.5, WIDE: 1, NUMBERS: 1, PAPER: 0.5, TYPES_AND_LAYOUTS: 1},
    norm_cases,
    oracle=torch_norm,
    hidden=norm_hidden,
    forbids=NUMPY_ONLY,
)


def window_sums(values: Array, low: int, high: int) -> Array:
    """Sum ``values`` over the channels from ``low`` below each to ``high`` above it, ends left out."""
    total = np.zeros(values.shape)
    channels = values.shape[1]
    for i in range(channels):
        for j in range(max(0, i - low), min(channels, i + high + 1)):
            total[:, i] += values[:, j]
    return total


def normed(x, size, alpha, beta, k, sums: Any = None):
    """Divide by the power of k plus alpha times ``sums``; the right sums by default."""
    half = size // 2
    total = window_sums(x * 1.0 * x, half, half) if sums is None else sums
    return x / (k + alpha * total) ** beta


@local_response_norm.mistake(
    "You divide alpha by the size of the window, as torch does: in the paper's formula alpha counts for each square.",
    RESPONSE,
)
def divides_alpha_by_the_size(right, x, size, alpha, beta, k):
    return right.local_response_norm(x, size, alpha / size, beta, k)


@local_response_norm.mistake(
    "You multiply alpha by the size of the window: that is what torch needs to be given. Use alpha as it is.",
    RESPONSE,
)
def multiplies_alpha_by_the_size(right, x, size, alpha, beta, k):
    return right.local_response_norm(x, size, alpha * size, beta, k)


@local_response_norm.mistake(
    "You use the paper's alpha, beta and k whatever you are given: take them from the arguments.", RESPONSE
)
def uses_the_numbers_of_the_paper(right, x, size, alpha, beta, k):
    return right.local_response_norm(x, size, 1e-4, 0.75, 2.0)


@local_response_norm.mistake(
    "You take the mean of the squares: add them up, and multiply the sum by alpha.", RESPONSE
)
def takes_the_mean_of_the_squares(right, x, size, alpha, beta, k):
    count = window_sums(np.ones(x.shape), size // 2, size // 2)
    return normed(x, size, alpha, beta, k, window_sums(x * 1.0 * x, size // 2, size // 2) / count)


@local_response_norm.mistake(
    "You forget k: the denominator is (k + alpha * sum) to the power of beta.", RESPONSE
)
def forgets_k(right, x, size, alpha, beta, k):
    return right.local_response_norm(x, size, alpha, beta, 0.0)


@local_response_norm.mistake("You take k as 1: it is an argument, 2 in the paper.", RESPONSE)
def takes_k_as_one(right, x, size, alpha, beta, k):
    return right.local_response_norm(x, size, alpha, beta, 1.0)


@local_response_norm.mistake(
    "You multiply k by alpha too: only the sum of squares is multiplied by alpha.", RESPONSE
)
def multiplies_k_by_alpha(right, x, size, alpha, beta, k):
    return right.local_response_norm(x, size, alpha, beta, k * alpha)


@local_response_norm.mistake("You forget alpha: the sum of squares is multiplied by it.", RESPONSE)
def forgets_alpha(right, x, size, alpha, beta, k):
    return right.local_response_norm(x, size, 1.0, beta, k)


@local_response_norm.mistake("You forget beta: the denominator is raised to its power.", RESPONSE)
def forgets_beta(right, x, size, alpha, beta, k):
    return right.local_response_norm(x, size, alpha, 1.0, k)


@local_response_norm.mistake(
    "You take the square root of the denominator: its power is beta, 0.75 in the paper.", RESPONSE
)
def takes_the_square_root(right, x, size, alpha, beta, k):
    return right.local_response_norm(x, size, alpha, 0.5, k)


@local_response_norm.mistake(
    "Only the sum is raised to the power of beta: k belongs inside the brackets too.", RESPONSE
)
def raises_the_sum_alone(right, x, size, alpha, beta, k):
    half = size // 2
    return x / (k + (alpha * window_sums(x * 1.0 * x, half, half)) ** beta)


@local_response_norm.mistake("You multiply: divide by the power, so that strong neighbours weaken.", RESPONSE)
def multiplies_in_place_of_dividing_by_it(right, x, size, alpha, beta, k):
    return right.local_response_norm(x, size, alpha, -beta, k)


@local_response_norm.mistake("You return the denominator alone: it divides x.", RESPONSE)
def returns_the_denominator(right, x, size, alpha, beta, k):
    return (x * 1.0) / right.local_response_norm(x, size, alpha, beta, k)


@local_response_norm.mistake(
    "You sum over rows and columns of one map: the window runs over channels, at one position.", RESPONSE
)
def sums_over_positions(right, x, size, alpha, beta, k):
    squares, half = x * 1.0 * x, size // 2
    along = window_sums(squares.swapaxes(1, 2), half, half).swapaxes(1, 2)
    both = window_sums(along.swapaxes(1, 3), half, half).swapaxes(1, 3)
    return normed(x, size, alpha, beta, k, both)


@local_response_norm.mistake(
    "You sum over neighbouring channels and positions: the window runs over channels, at one position.",
    RESPONSE,
)
def sums_over_channels_and_positions(right, x, size, alpha, beta, k):
    total, half = x * 1.0 * x, size // 2
    for axis in (1, 2, 3):
        total = window_sums(total.swapaxes(1, axis), half, half).swapaxes(1, axis)
    return normed(x, size, alpha, beta, k, total)


@local_response_norm.mistake(
    "You sum over the whole map of each neighbour: only its number at the same position counts.", RESPONSE
)
def sums_over_whole_maps(right, x, size, alpha, beta, k):
    half = size // 2
    squares = (x * 1.0 * x).sum(axis=(2, 3), keepdims=True)
    return normed(x, size, alpha, beta, k, window_sums(squares, half, half))


@local_response_norm.mistake("You sum over the batch too: every image is normalised by itself.", RESPONSE)
def sums_over_the_batch(right, x, size, alpha, beta, k):
    half = size // 2
    total = window_sums(x * 1.0 * x, half, half).sum(axis=0, keepdims=True)
    return normed(x, size, alpha, beta, k, total)


@local_response_norm.mistake("You sum over all channels: only those up to size // 2 away count.", RESPONSE)
def sums_over_all_channels(right, x, size, alpha, beta, k):
    return normed(x, size, alpha, beta, k, window_sums(x * 1.0 * x, x.shape[1], x.shape[1]))


@local_response_norm.mistake(
    "Your window has `size` channels on each side: it has `size` in all, size // 2 on each side.", RESPONSE
)
def reaches_twice_as_far(right, x, size, alpha, beta, k):
    return normed(x, size, alpha, beta, k, window_sums(x * 1.0 * x, size, size))


@local_response_norm.mistake(
    "Your window reaches one channel too far on both sides: it has `size` channels, size // 2 on each side.",
    RESPONSE,
)
def reaches_one_channel_too_far(right, x, size, alpha, beta, k):
    return right.local_response_norm(x, size + 2, alpha, beta, k)


@local_response_norm.mistake(
    "Your window ends one channel early: `range(a, b)` leaves b out, and i + size // 2 belongs to it.",
    RESPONSE,
)
def ends_one_channel_early(right, x, size, alpha, beta, k):
    return normed(x, size, alpha, beta, k, window_sums(x * 1.0 * x, size // 2, size // 2 - 1))


@local_response_norm.mistake("Your window begins one channel late: i - size // 2 belongs to it.", RESPONSE)
def begins_one_channel_late(right, x, size, alpha, beta, k):
    return normed(x, size, alpha, beta, k, window_sums(x * 1.0 * x, size // 2 - 1, size // 2))


@local_response_norm.mistake(
    "Your window begins at the channel itself: it reaches size // 2 channels to both sides.", RESPONSE
)
def looks_at_later_channels_only(right, x, size, alpha, beta, k):
    return normed(x, size, alpha, beta, k, window_sums(x * 1.0 * x, 0, size - 1))


@local_response_norm.mistake(
    "Your window ends at the channel itself: it reaches size // 2 channels to both sides.", RESPONSE
)
def looks_at_earlier_channels_only(right, x, size, alpha, beta, k):
    return normed(x, size, alpha, beta, k, window_sums(x * 1.0 * x, size - 1, 0))


@local_response_norm.mistake("You leave the channel itself out: its own square is part of the sum.", RESPONSE)
def leaves_out_the_channel_itself(right, x, size, alpha, beta, k):
    half, squares = size // 2, x * 1.0 * x
    return normed(x, size, alpha, beta, k, window_sums(squares, half, half) - squares)


@local_response_norm.mistake(
    "Your window goes round: beyond the first and the last channel there is nothing to add.", RESPONSE
)
def wraps_around_at_the_ends(right, x, size, alpha, beta, k):
    squares, half = x * 1.0 * x, size // 2
    total = sum(np.roll(squares, shift, axis=1) for shift in range(-half, half + 1))
    return normed(x, size, alpha, beta, k, total)


@local_response_norm.mistake(
    "A negative start counts from the end: `squares[:, -1:2]` is not what you want. Begin at max(0, i - size // 2).",
    RESPONSE,
)
def lets_the_window_begin_below_zero(right, x, size, alpha, beta, k):
    squares, half, total = x * 1.0 * x, size // 2, np.zeros(x.shape)
    for i in range(x.shape[1]):
        total[:, i] = squares[:, i - half : i + half + 1].sum(axis=1)
    return normed(x, size, alpha, beta, k, total)


@local_response_norm.mistake(
    "You repeat the first and the last channel beyond the ends: there is nothing to add.", RESPONSE
)
def repeats_the_channels_at_the_ends(right, x, size, alpha, beta, k):
    half, channels = size // 2, x.shape[1]
    wide = np.pad(x * 1.0 * x, ((0, 0), (half, half), (0, 0), (0, 0)), mode="edge")
    total = sum(wide[:, shift : shift + channels] for shift in range(size))
    return normed(x, size, alpha, beta, k, total)


@local_response_norm.mistake(
    "Channels near the ends stay as they are: their window is shorter, and they are normalised too.", RESPONSE
)
def leaves_the_channels_at_the_ends(right, x, size, alpha, beta, k):
    half, channels = size // 2, x.shape[1]
    y = x * 1.0
    inner = slice(half, max(half, channels - half))
    y[:, inner] = normed(x, size, alpha, beta, k)[:, inner]
    return y


@local_response_norm.mistake("You sum the numbers themselves: sum their squares.", RESPONSE)
def forgets_the_squares(right, x, size, alpha, beta, k):
    with np.errstate(all="ignore"):
        return normed(x, size, alpha, beta, k, window_sums(x * 1.0, size // 2, size // 2))


@local_response_norm.mistake("You sum magnitudes: sum squares.", RESPONSE)
def sums_magnitudes(right, x, size, alpha, beta, k):
    return normed(x, size, alpha, beta, k, window_sums(np.abs(x) * 1.0, size // 2, size // 2))


@local_response_norm.mistake("You square the sum: square each number, then add up.", RESPONSE)
def squares_the_sum(right, x, size, alpha, beta, k):
    return normed(x, size, alpha, beta, k, window_sums(x * 1.0, size // 2, size // 2) ** 2)


@local_response_norm.mistake(
    "You read channels that are normalised already: every sum is made of the given x, so write into another array.",
    RESPONSE,
)
def reads_normalised_channels(right, x, size, alpha, beta, k):
    y, half = x * 1.0, size // 2
    for i in range(x.shape[1]):
        total = (y[:, max(0, i - half) : i + half + 1] ** 2).sum(axis=1)
        y[:, i] = y[:, i] / (k + alpha * total) ** beta
    return y


@local_response_norm.mistake(
    "You write into x itself: others still need that array, and later sums read it. Write into another one.",
    RESPONSE,
)
def writes_into_the_input(right, x, size, alpha, beta, k):
    x[...] = right.local_response_norm(x, size, alpha, beta, k)
    return x


@local_response_norm.mistake(
    "The result has the type of x: for an integer x its fractions are cut off. Make it with float64.", TYPES
)
def cuts_the_result_to_the_type_of_x(right, x, size, alpha, beta, k):
    y = np.zeros_like(x)
    y[...] = right.local_response_norm(x, size, alpha, beta, k)
    return y


# TwoTowers

SMALL = "small networks"
IMAGES = "other images"
FIRST = "other first convolutions"
FULL = "the paper's network"
TRAINING = "dropout in training"


def tower_case(
    rng: Rng,
    group: str,
    channels: int,
    reach: int,
    first: tuple[int, int] = (3, 1),
    rates: tuple[float, float] = (0.0, 0.0),
    rest: int = 0,
) -> Case:
    """Return a case whose first maps have ``reach`` rows, with ``rest`` rows of the image left over."""
    left = tuple(pick(rng, 3, 6) for _ in range(5))
    right = tuple(pick(rng, 3, 6, but=(n,)) for n in left)
    kernel_size, stride = first
    size = (reach - 1) * stride + kernel_size + rest
    return Case(
        group,
        {
            "left": left,
            "right": right,
            "hidden": (pick(rng, 5, 8), pick(rng, 5, 8)),
            "classes": pick(rng, 3, 4),
            "channels": channels,
            "size": size,
            "first": first,
            "dropout": rates,
            "x": 40 * numbers(rng, 2, channels, size, size),
            "seed": pick(rng, 1, 10**6),
        },
    )


def full_case(hidden: tuple[int, int], classes: int, channels: int, size: int) -> Case:
    tower = (48, 128, 192, 192, 128)
    inputs = {"left": tower, "right": tower, "hidden": hidden, "classes": classes, "channels": channels}
    inputs |= {
        "size": size,
        "first": (11, 4),
        "dropout": (0.5, 0.5),
        "x": (2, channels, size, size),
        "seed": 1,
    }
    return Case(FULL, inputs, seconds=30)


def tower_cases(rng: Rng) -> Iterator[Case]:
    yield tower_case(rng, SMALL, 1, 15)
    yield tower_case(rng, SMALL, 2, 16)
    yield tower_case(rng, IMAGES, 3, 23, rates=(1.0, 0.0))
    yield tower_case(rng, IMAGES, 1, 31, rates=(0.0, 1.0))
    yield tower_case(rng, FIRST, 2, 15, (5, 2), rest=1)
    yield tower_case(rng, FIRST, 1, 16, (4, 3), (1.0, 0.0), rest=2)
    yield full_case((4096, 4096), 1000, 3, 227)
    yield tower_case(rng, FULL, 1, 15, (11, 2), rest=1)
    yield tower_case(rng, TRAINING, 1, 15, rates=(1.0, 0.0))
    yield tower_case(rng, TRAINING, 2, 16, rates=(0.0, 1.0))
    yield tower_case(rng, TRAINING, 1, 23, rates=(1.0, 1.0))


def tower_hidden(rng: Rng) -> Iterator[Case]:
    first = (pick(rng, 3, 8), pick(rng, 1, 2))
    yield tower_case(rng, FIRST, pick(rng, 1, 4), pick(rng, 15, 32), first, (1.0, 0.0))
    yield full_case((pick(rng, 100, 5000), pick(rng, 100, 5000)), pick(rng, 5, 999), 3, pick(rng, 67, 260))


class Plain(nn.Module):
    """The network written with plain tensors: no layer of torch, windows unfolded, sums of squares running."""

    def __init__(self, left, right, hidden, classes, channels, size, first, dropout):
        super().__init__()
        self.first, self.rates = first, dropout
        shapes = []
        for widths in (left, right):
            below = [channels, widths[0], left[1] + right[1], widths[2], widths[3]]
            sides = [first[0], 5, 3, 3, 3]
            shapes += [(f, c, k, k) for f, c, k in zip(widths, below, sides, strict=True)]
        side = len(range(0, size - first[0] + 1, first[1]))
        for _ in range(3):
            side = len(range(0, side - 2, 2))
        ends = [(left[4] + right[4]) * side * side, *hidden, classes]
        shapes += [(after, before) for before, after in itertools.pairwise(ends)]
        self.weights = nn.ParameterList([torch.zeros(shape) for shape in shapes])
        self.biases = nn.ParameterList([torch.zeros(shape[0]) for shape in shapes])

    def _maps(self, x, number, stride=1, padding=0):
        weight = self.weights[number]
        n, f, k = len(x), weight.shape[0], weight.shape[2]
        side = (x.shape[2] + 2 * padding - k) // stride + 1
        columns = functional.unfold(x, k, padding=padding, stride=stride)
        product = weight.reshape(f, -1) @ columns + self.biases[number][:, None]
        return product.reshape(n, f, side, side).clamp(min=0)

    def _normed(self, x):
        total = functional.pad(x * x, (0, 0, 0, 0, 2, 2)).unfold(1, 5, 1).sum(dim=-1)
        return x * (2 + 1e-4 * total) ** -0.75

    def _pooled(self, x):
        return x.unfold(2, 3, 2).unfold(3, 3, 2).amax(dim=(-1, -2))

    def forward(self, x):
        """Return the logits."""
        both = [
            self._pooled(
                self._normed(
                    self._maps(self._pooled(self._normed(self._maps(x, t, self.first[1]))), t + 1, 1, 2)
                )
            )
            for t in (0, 5)
        ]
        joined = torch.cat(both, dim=1)
        tops = []
        for t in (0, 5):
            top = joined
            for layer in (2, 3, 4):
                top = self._maps(top, t + layer, 1, 1)
            tops.append(self._pooled(top).flatten(1))
        y = torch.cat(tops, dim=1)
        for layer, rate in zip((10, 11), self.rates, strict=True):
            y = (y @ self.weights[layer].T + self.biases[layer]).clamp(min=0)
            if self.training and rate:
                y = y * 0 if rate == 1 else y * (torch.rand_like(y) >= rate) / (1 - rate)
        return y @ self.weights[12].T + self.biases[12]


TwoTowers = Task(
    "TwoTowers",
    {SMALL: 2, IMAGES: 2, FIRST: 1, FULL: 1, TRAINING: 2},
    tower_cases,
    returns=("parameters", "output", "trained"),
    probe="module",
    oracle=Plain,
    hidden=tower_hidden,
    forbids=("course_utils.zoo",),
    shares={"parameters": 1, "output": 2, "trained": 1},
)


def paper_norm(maps: Any) -> Any:
    return functional.local_response_norm(maps, 5, 5e-4, 0.75, 2.0)


def paper_pool(maps: Any) -> Any:
    return functional.max_pool2d(maps, 3, 2)


class Towers(nn.Module):
    """The network with some of its rules changed.

    ``joins`` numbers the convolutions, from 0, that read both towers' maps; ``order`` is what follows a
    convolution; ``normed`` and ``pooled`` number the convolutions that are normalised and pooled.
    """

    joins: tuple[int, ...] = (2,)
    shared: tuple[int, ...] = ()
    kernels: tuple[int, ...] = (0, 5, 3, 3, 3)
    paddings: tuple[int, ...] = (0, 2, 1, 1, 1)
    strides: tuple[int, ...] = (0, 1, 1, 1, 1)
    order = ("relu", "norm", "pool")
    normed: tuple[int, ...] = (0, 1)
    pooled: tuple[int, ...] = (0, 1, 4)
    active: tuple[int, ...] = (0, 1, 2, 3, 4)
    bias = True
    dense_bias = True
    crossed = False
    norms_together = False
    norm = staticmethod(paper_norm)
    pool = staticmethod(paper_pool)
    relu = staticmethod(torch.relu)
    hidden_relu = staticmethod(torch.relu)
    top = staticmethod(lambda maps: maps)
    end = staticmethod(lambda logits: logits)
    places: tuple[str, ...] = ("", "after 0", "after 1")
    always = False
    fixed: float | None = None
    turned = False
    hidden_layers = 2

    def __init__(self, left, right, hidden, classes, channels, size, first, dropout, **rules):
        super().__init__()
        for name, value in rules.items():
            setattr(self, name, value)
        self.rates = dropout[::-1] if self.turned else dropout
        self.split = [left, right]
        self.layers = nn.ModuleList()
        before = [channels, channels]
        for i, widths in enumerate(zip(left, right, strict=True)):
            kernel_size, stride = self.kernels[i] or first[0], self.strides[i] or first[1]
            if i in self.joins:
                before = [sum(before)] * 2
            pairs = list(zip(before, widths, strict=True))
            if i in self.shared:
                pairs = [(before[0], sum(widths))]
            convs = [nn.Conv2d(b, w, kernel_size, stride, self.paddings[i], bias=self.bias) for b, w in pairs]
            self.layers.append(nn.ModuleList(convs))
            before = list(widths)
        with torch.no_grad():
            inputs = self._features(torch.zeros(1, channels, size, size)).shape[1]
        ends = [inputs, *hidden[: self.hidden_layers], classes]
        pairs = list(itertools.pairwise(ends))
        self.dense = nn.ModuleList([nn.Linear(a, b, bias=self.dense_bias) for a, b in pairs])

    def _joined(self, maps: list[Any]) -> Any:
        return torch.cat(maps[::-1] if self.crossed else maps, dim=1)

    def _steps(self, i: int, maps: list[Any]) -> list[Any]:
        for step in self.order:
            if step == "relu" and i in self.active:
                maps = [self.relu(y) for y in maps]
            elif step == "pool" and i in self.pooled:
                maps = [self.pool(y) for y in maps]
            elif step == "norm" and i in self.normed:
                if self.norms_together:
                    maps = list(self.norm(torch.cat(maps, dim=1)).split([y.shape[1] for y in maps], dim=1))
                else:
                    maps = [self.norm(y) for y in maps]
        return maps

    def _features(self, x: Any) -> Any:
        maps = [x, x]
        for i, convs in enumerate(self.layers):
            if i in self.joins:
                maps = [self._joined(maps)] * 2
            if i in self.shared:
                maps = list(convs[0](maps[0]).split([widths[i] for widths in self.split], dim=1))
            else:
                maps = [conv(y) for conv, y in zip(convs, maps, strict=True)]
            maps = self._steps(i, maps)
        return self.top(self._joined(maps)).flatten(1)

    def _dropped(self, y: Any, place: str, rate: float) -> Any:
        if place not in self.places:
            return y
        return functional.dropout(y, rate if self.fixed is None else self.fixed, self.training or self.always)

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        y = self._dropped(self._features(x), "before 0", self.rates[0])
        *others, last = self.dense
        for i, layer in enumerate(others):
            y = self._dropped(self.hidden_relu(layer(y)), f"after {i}", self.rates[i])
            if i == 0:
                y = self._dropped(y, "before 1", self.rates[1])
        return self.end(self._dropped(last(y), "logits", self.rates[1]))


@TwoTowers.mistake(
    "Your towers see each other in every convolution: conv2, conv4 and conv5 read their own tower's maps only.",
    TOWERS,
)
def joins_the_towers_everywhere(right, *about):
    return Towers(*about, joins=(1, 2, 3, 4))


@TwoTowers.mistake(
    "Your towers never meet before the fully connected layers: conv3 reads the maps of both.", TOWERS
)
def never_joins_the_towers(right, *about):
    return Towers(*about, joins=())


@TwoTowers.mistake("Your towers meet in conv2: they meet in conv3.", TOWERS)
def joins_the_towers_in_conv2(right, *about):
    return Towers(*about, joins=(1,))


@TwoTowers.mistake("Your towers meet in conv4: they meet in conv3.", TOWERS)
def joins_the_towers_in_conv4(right, *about):
    return Towers(*about, joins=(3,))


@TwoTowers.mistake("Your towers meet in conv5: they meet in conv3.", TOWERS)
def joins_the_towers_in_conv5(right, *about):
    return Towers(*about, joins=(4,))


@TwoTowers.mistake(
    "Your towers stay together from conv3 on: conv3 reads both, conv4 and conv5 their own tower's maps again.",
    TOWERS,
)
def does_not_part_again(right, *about):
    return Towers(*about, joins=(2, 3, 4))


@TwoTowers.mistake(
    "conv3 is one convolution of both towers in your network: that computes the same, but here each tower has its own.",
    TOWERS,
)
def makes_conv3_one_convolution(right, *about):
    return Towers(*about, shared=(2,))


@TwoTowers.mistake(
    "The right tower's maps come before the left's: the left's are first where the towers are joined.", TOWERS
)
def puts_the_right_tower_first(right, *about):
    return Towers(*about, crossed=True)


@TwoTowers.mistake(
    "The response normalisation is missing: it follows the ReLU of conv1 and of conv2.", RESPONSE
)
def forgets_the_normalisation(right, *about):
    return Towers(*about, normed=())


@TwoTowers.mistake("The response normalisation after conv2 is missing.", RESPONSE)
def normalises_after_conv1_only(right, *about):
    return Towers(*about, normed=(0,))


@TwoTowers.mistake(
    "You normalise after every convolution: only conv1 and conv2 are followed by it.", RESPONSE
)
def normalises_after_every_convolution(right, *about):
    return Towers(*about, normed=(0, 1, 2, 3, 4))


@TwoTowers.mistake("You normalise before the ReLU: it comes after it.", RESPONSE)
def normalises_before_relu(right, *about):
    return Towers(*about, order=("norm", "relu", "pool"))


@TwoTowers.mistake("You pool before you normalise: normalise first, then pool.", RESPONSE)
def pools_before_it_normalises(right, *about):
    return Towers(*about, order=("relu", "pool", "norm"))


@TwoTowers.mistake(
    "You normalise across both towers: a window of channels stays within its own tower.", RESPONSE
)
def normalises_both_towers_together(right, *about):
    return Towers(*about, norms_together=True)


@TwoTowers.mistake(
    "alpha is five times too small: torch divides it by the size of the window, so give it 5 times the paper's.",
    RESPONSE,
)
def forgets_that_torch_divides_alpha(right, *about):
    return Towers(*about, norm=lambda maps: functional.local_response_norm(maps, 5, 1e-4, 0.75, 2.0))


@TwoTowers.mistake("You leave k at torch's own 1: in the paper it is 2.", RESPONSE)
def leaves_k_at_one(right, *about):
    return Towers(*about, norm=lambda maps: functional.local_response_norm(maps, 5, 5e-4, 0.75, 1.0))


@TwoTowers.mistake(
    "You leave alpha and k at torch's own numbers: k is 2, and torch's alpha is 5 times the paper's.",
    RESPONSE,
)
def leaves_the_numbers_of_torch(right, *about):
    return Towers(*about, norm=lambda maps: functional.local_response_norm(maps, 5, 1e-4, 0.75, 1.0))


@TwoTowers.mistake("Your pooling windows do not overlap: they have 3 x 3 cells and move by 2.", POOLING)
def pools_three_by_three_side_by_side(right, *about):
    return Towers(*about, pool=lambda maps: functional.max_pool2d(maps, 3, 3, ceil_mode=maps.shape[2] < 3))


@TwoTowers.mistake("Your pooling windows have 2 x 2 cells: they have 3 x 3, and move by 2.", POOLING)
def pools_two_by_two(right, *about):
    return Towers(*about, pool=lambda maps: functional.max_pool2d(maps, 2, 2))


@TwoTowers.mistake("You pad before you pool: the windows stay inside the map.", POOLING)
def pads_the_pooling(right, *about):
    return Towers(*about, pool=lambda maps: functional.max_pool2d(maps, 3, 2, 1))


@TwoTowers.mistake("You take averages: AlexNet takes the maximum of each window.", POOLING)
def takes_averages(right, *about):
    return Towers(*about, pool=lambda maps: functional.avg_pool2d(maps, 3, 2))


@TwoTowers.mistake("The pooling after conv5 is missing.", POOLING)
def forgets_the_last_pooling(right, *about):
    return Towers(*about, pooled=(0, 1))


@TwoTowers.mistake(
    "You average each map before the fully connected layers: they see every cell of every map.", DENSE
)
def averages_whole_maps(right, *about):
    return Towers(*about, top=lambda maps: maps.mean(dim=(2, 3)))


@TwoTowers.mistake("conv2 has no padding in your network: its kernels of 5 x 5 need 2.", PADDING)
def forgets_the_padding_of_conv2(right, *about):
    return Towers(*about, paddings=(0, 1, 1, 1, 1), kernels=(0, 3, 3, 3, 3))


@TwoTowers.mistake("conv1 is padded in your network: it has no padding.", SIZE)
def pads_conv1(right, *about):
    return Towers(*about, paddings=(2, 2, 1, 1, 1))


@TwoTowers.mistake("conv1 takes the paper's 11 and 4 always: take them from `first`.", SIZE)
def moves_conv1_by_one(right, *about):
    return Towers(*about, strides=(1, 1, 1, 1, 1))


@TwoTowers.mistake("The ReLU after the convolutions is missing.", RELU)
def forgets_relu_after_convolutions(right, *about):
    return Towers(*about, active=())


@TwoTowers.mistake("The ReLU after conv5 is missing: every convolution has one.", RELU)
def forgets_relu_after_conv5(right, *about):
    return Towers(*about, active=(0, 1, 2, 3))


@TwoTowers.mistake("The ReLU after the hidden fully connected layers is missing.", RELU)
def forgets_relu_after_hidden_layers(right, *about):
    return Towers(*about, hidden_relu=lambda y: y)


@TwoTowers.mistake("You use tanh: AlexNet's point was ReLU.", RELU)
def uses_tanh(right, *about):
    return Towers(*about, relu=torch.tanh, hidden_relu=torch.tanh)


@TwoTowers.mistake("You apply ReLU to the logits: the last layer has none.", RELU)
def applies_relu_to_the_logits(right, *about):
    return Towers(*about, end=torch.relu)


@TwoTowers.mistake("You return probabilities: return the logits, without softmax.", NETWORK)
def returns_probabilities(right, *about):
    return Towers(*about, end=lambda logits: logits.softmax(dim=1))


@TwoTowers.mistake("A hidden fully connected layer is missing: there are two, then the logits.", DENSE)
def forgets_a_hidden_layer(right, *about):
    return Towers(*about, hidden_layers=1)


@TwoTowers.mistake("Your convolutions have no biases: every layer has them.", COUNTING)
def leaves_out_the_biases_of_convolutions(right, *about):
    return Towers(*about, bias=False)


@TwoTowers.mistake("Dropout is missing: it follows the ReLU of each hidden fully connected layer.", DROPOUT)
def forgets_dropout(right, *about):
    return Towers(*about, places=())


@TwoTowers.mistake("Dropout after the second hidden layer is missing.", DROPOUT)
def drops_after_the_first_hidden_layer_only(right, *about):
    return Towers(*about, places=("after 0",))


@TwoTowers.mistake("Dropout after the first hidden layer is missing.", DROPOUT)
def drops_after_the_second_hidden_layer_only(right, *about):
    return Towers(*about, places=("after 1",))


@TwoTowers.mistake(
    "Dropout stands before the hidden layers, as in some libraries: here it follows the ReLU of each.",
    DROPOUT,
)
def drops_before_the_hidden_layers(right, *about):
    return Towers(*about, places=("before 0", "before 1"))


@TwoTowers.mistake("You drop logits too: dropout follows the two hidden layers only.", DROPOUT)
def drops_logits_too(right, *about):
    return Towers(*about, places=("after 0", "after 1", "logits"))


@TwoTowers.mistake(
    "You drop at test time too: nn.Dropout stops by itself in eval mode, functional.dropout needs `self.training`.",
    DROPOUT,
)
def drops_in_eval_mode_too(right, *about):
    return Towers(*about, always=True)


@TwoTowers.mistake("The two dropout rates are swapped: the first belongs to the first hidden layer.", DROPOUT)
def swaps_the_rates(right, *about):
    return Towers(*about, turned=True)


@TwoTowers.mistake("You use the first dropout rate twice: the second hidden layer has its own.", DROPOUT)
def uses_the_first_rate_twice(right, *about):
    *others, rates = about
    return Towers(*others, (rates[0], rates[0]))


@TwoTowers.mistake("You use the left tower's widths for both: the right tower has its own.", TOWERS)
def gives_both_towers_the_widths_of_the_left(right, left, _, *about):
    return Towers(left, left, *about)


@TwoTowers.mistake("You drop one half whatever `dropout` says: take the two rates from it.", DROPOUT)
def drops_one_half_always(right, *about):
    return Towers(*about, fixed=0.5)


# crop_and_flip

CUT = "crops"
MIRROR = "mirrored images"
BOTH = "crops, some mirrored"
WHOLE_TYPES = "one image, other types, not contiguous"


def crop_case(
    rng: Rng,
    group: str,
    n: int,
    c: int,
    h: int,
    w: int,
    size: int,
    flips: str = "some",
    *,
    images: Array | None = None,
    strided: bool = False,
) -> Case:
    """Return crops at places that differ from image to image, and from row to column.

    No mirrored crop lies in the middle: there it would be the same in the mirrored image.
    """
    images = distinct(rng, n, c, h, w) if images is None else images
    flip = np.zeros(n, bool)
    if flips == "some":
        flip[: max(1, n // 2)] = True
        flip = rng.permutation(flip)
    while True:
        top, left = rng.integers(0, h - size + 1, n), rng.integers(0, w - size + 1, n)
        apart = n == 1 or (len(set(top)) > 1 and len(set(left)) > 1)
        if (apart and (top != left).all() and (2 * left != w - size).all()) or size == h == w:
            break
    inputs = {"images": images, "top": top, "left": left, "flip": flip, "size": size}
    return Case(group, inputs, strided)


def crop_cases(rng: Rng) -> Iterator[Case]:
    yield crop_case(rng, CUT, 2, 1, 5, 5, 3, "none")
    yield crop_case(rng, CUT, 3, 2, 7, 7, 4, "none")
    yield crop_case(rng, CUT, 4, 1, 6, 6, 2, "none")
    yield crop_case(rng, MIRROR, 2, 1, 3, 3, 3)
    yield crop_case(rng, MIRROR, 3, 2, 4, 4, 4)
    yield crop_case(rng, MIRROR, 5, 1, 3, 3, 3)
    yield crop_case(rng, BOTH, 2, 1, 6, 6, 3)
    yield crop_case(rng, BOTH, 3, 3, 7, 7, 4)
    yield crop_case(rng, BOTH, 5, 2, 8, 8, 5)
    yield crop_case(rng, "not square", 3, 1, 5, 9, 4)
    yield crop_case(rng, "not square", 4, 2, 9, 6, 3)
    yield crop_case(rng, "not square", 2, 3, 4, 8, 4 - 1)
    yield crop_case(rng, WHOLE_TYPES, 1, 2, 6, 6, 3)
    for kind in (np.uint8, np.float32):
        images = rng.integers(0, 256, (3, 3, 7, 7)).astype(kind)
        yield crop_case(rng, WHOLE_TYPES, 3, 3, 7, 7, 4, images=images)
    yield crop_case(rng, WHOLE_TYPES, 3, 2, 6, 6, 4, images=fine(rng, 3, 2, 6, 6))
    yield crop_case(rng, WHOLE_TYPES, 3, 2, 6, 7, 4, strided=True)


def crop_hidden(rng: Rng) -> Iterator[Case]:
    for _ in range(3):
        size = pick(rng, 2, 5)
        h, w = pick(rng, size + 2, 11), pick(rng, size + 2, 11)
        yield crop_case(rng, "not square", pick(rng, 3, 6), pick(rng, 1, 4), h, w, size)


def gathered(images, top, left, flip, size):
    """Compute for each number of the result where it comes from."""
    step = np.arange(size)
    rows = np.asarray(top)[:, None] + step
    columns = np.asarray(left)[:, None] + np.where(np.asarray(flip)[:, None], size - 1 - step, step)
    n, c = np.arange(len(images)), np.arange(images.shape[1])
    return images[n[:, None, None, None], c[:, None, None], rows[:, None, :, None], columns[:, None, None]]


crop_and_flip = Task(
    "crop_and_flip",
    {CUT: 1, MIRROR: 1, BOTH: 1.5, "not square": 1, WHOLE_TYPES: 0.5},
    crop_cases,
    returns=("crops",),
    oracle=gathered,
    hidden=crop_hidden,
    forbids=NUMPY_ONLY,
)


def cropped(images, top, left, flip, size, mirror: Any = lambda crop: crop[:, :, ::-1]):
    """Crop each image at its place, and mirror those that ``flip`` names with ``mirror``."""
    crops = np.empty((*images.shape[:2], size, size), images.dtype)
    for n, image in enumerate(images):
        crop = image[:, top[n] : top[n] + size, left[n] : left[n] + size]
        crops[n] = mirror(crop) if flip[n] else crop
    return crops


@crop_and_flip.mistake(
    "Every image gets the first one's crop: image n has its own top[n] and left[n].", CROPS
)
def crops_all_images_alike(right, images, top, left, flip, size):
    return cropped(images, np.full_like(top, top[0]), np.full_like(left, left[0]), flip, size)


@crop_and_flip.mistake("Every image is mirrored as the first one is: image n has its own flip[n].", CROPS)
def mirrors_all_as_the_first(right, images, top, left, flip, size):
    return cropped(images, top, left, np.full_like(flip, flip[0]), size)


@crop_and_flip.mistake("You mirror every image: only those where flip[n] is True.", CROPS)
def mirrors_every_image(right, images, top, left, flip, size):
    return cropped(images, top, left, np.ones_like(flip), size)


@crop_and_flip.mistake(
    "As soon as one image is to be mirrored you mirror all: decide for each by its own flip[n].", CROPS
)
def mirrors_all_if_any(right, images, top, left, flip, size):
    return cropped(images, top, left, np.full_like(flip, flip.any()), size)


@crop_and_flip.mistake("You mirror no image: those where flip[n] is True are to be mirrored.", CROPS)
def mirrors_no_image(right, images, top, left, flip, size):
    return cropped(images, top, left, np.zeros_like(flip), size)


@crop_and_flip.mistake("You mirror the others: those where flip[n] is True are to be mirrored.", CROPS)
def mirrors_the_others(right, images, top, left, flip, size):
    return cropped(images, top, left, ~flip, size)


@crop_and_flip.mistake(
    "You turn images upside down: mirror from left to right, which reverses the columns.", CROPS
)
def turns_upside_down(right, images, top, left, flip, size):
    return cropped(images, top, left, flip, size, lambda crop: crop[:, ::-1])


@crop_and_flip.mistake(
    "You reverse rows and columns, which turns the image by 180 degrees: reverse the columns only.", CROPS
)
def turns_by_180_degrees(right, images, top, left, flip, size):
    return cropped(images, top, left, flip, size, lambda crop: crop[:, ::-1, ::-1])


@crop_and_flip.mistake(
    "You swap rows and columns: mirroring reverses the order of the columns, the last axis.", CROPS
)
def transposes_the_crop(right, images, top, left, flip, size):
    return cropped(images, top, left, flip, size, lambda crop: crop.swapaxes(1, 2))


@crop_and_flip.mistake(
    "You reverse the channels, so that red becomes blue: reverse the columns, the last axis.", CROPS
)
def reverses_the_channels(right, images, top, left, flip, size):
    return cropped(images, top, left, flip, size, lambda crop: crop[::-1])


@crop_and_flip.mistake(
    "You reverse channels, rows and columns: `crop[::-1, ::-1, ::-1]` or np.flip without an axis does. Reverse the "
    "columns only.",
    CROPS,
)
def reverses_every_axis(right, images, top, left, flip, size):
    return cropped(images, top, left, flip, size, np.flip)


@crop_and_flip.mistake(
    "You mirror the whole image and crop then, so that `left` counts from the other side: crop first.", CROPS
)
def mirrors_before_it_crops(right, images, top, left, flip, size):
    mirrored = np.where(flip[:, None, None, None], images[..., ::-1], images)
    return cropped(mirrored, top, left, np.zeros_like(flip), size)


@crop_and_flip.mistake("top and left are swapped: top is a row, left a column.", CROPS)
def swaps_top_and_left(right, images, top, left, flip, size):
    return cropped(images, left, top, flip, size)


@crop_and_flip.mistake("You crop all images at the upper left corner: begin at top[n] and left[n].", CROPS)
def crops_at_the_corner(right, images, top, left, flip, size):
    return cropped(images, np.zeros_like(top), np.zeros_like(left), flip, size)


@crop_and_flip.mistake("You crop the middle, as at test time: begin at top[n] and left[n].", CROPS)
def crops_the_middle(right, images, top, left, flip, size):
    h, w = images.shape[2:]
    return cropped(
        images, np.full_like(top, (h - size) // 2), np.full_like(left, (w - size) // 2), flip, size
    )


@crop_and_flip.mistake("You use top[n] for the columns too: they begin at left[n].", CROPS)
def uses_top_for_columns_too(right, images, top, left, flip, size):
    return cropped(images, top, top, flip, size)


@crop_and_flip.mistake(
    "You count from the bottom and the right: top and left count from the first cell.", CROPS
)
def counts_from_the_other_end(right, images, top, left, flip, size):
    h, w = images.shape[2:]
    return cropped(images, h - size - top, w - size - left, flip, size)


@crop_and_flip.mistake(
    "The mirrored crops come in the opposite order: `crops[flip][::-1]` reverses the images. Reverse the last axis.",
    CROPS,
)
def reverses_the_images(right, images, top, left, flip, size):
    crops = cropped(images, top, left, np.zeros_like(flip), size)
    crops[flip] = crops[flip][::-1]
    return crops


@crop_and_flip.mistake(
    "Crops of mirrored images are one column off: `[left + size : left : -1]` begins one column late.", CROPS
)
def mirrors_one_column_off(right, images, top, left, flip, size):
    wide = np.concatenate([images, images[..., -1:]], axis=3)
    return cropped(wide, top, left + flip, flip, size)


@crop_and_flip.mistake("Only the mirrored images are left: the others belong to the result too.", CROPS)
def returns_mirrored_images_only(right, images, top, left, flip, size):
    return cropped(images, top, left, flip, size)[flip]


@crop_and_flip.mistake(
    "You mirror the images that you were given: others still need them, so work on a copy.", CROPS
)
def mirrors_the_images_in_place(right, images, top, left, flip, size):
    for n in np.flatnonzero(flip):
        rows, columns = slice(top[n], top[n] + size), slice(left[n], left[n] + size)
        images[n, :, rows, columns] = images[n, :, rows, columns][..., ::-1].copy()
    return cropped(images, top, left, np.zeros_like(flip), size)


@crop_and_flip.mistake(
    "The crops have whole numbers only: an array of integers cuts fractions off. Make it with the images' dtype.",
    TYPES,
)
def cuts_to_whole_numbers(right, images, top, left, flip, size):
    return cropped(images, top, left, flip, size).astype(np.int64)


# retrieve

SINGLE = "one query"
SEVERAL = "several queries"
TIES = "equal distances"
KINDS = "integers, uint8, float32, not contiguous"


def far_apart(rng: Rng, n: int, queries: int, d: int, make: Any = numbers) -> tuple[Array, Array]:
    """Return features and queries in which no query is equally far from two images."""
    while True:
        features, query = make(rng, n, d), make(rng, queries, d)
        squares = ((features[None].astype(float) - query[:, None]) ** 2).sum(axis=2)
        if all(len(set(row)) == n for row in squares):
            return features, query


def retrieve_cases(rng: Rng) -> Iterator[Case]:
    def case(group: str, features: Array, queries: Array, k: int, *, strided: bool = False) -> Case:
        return Case(group, {"features": features, "queries": queries, "k": k}, strided)

    def pixels(rng: Rng, *shape: int) -> Array:
        return rng.integers(0, 256, shape).astype(np.uint8)

    def few(*shape: int) -> Array:
        return rng.integers(1, 4, shape).astype(float)

    yield case(SINGLE, *far_apart(rng, 10, 1, 4), 3)
    yield case(SINGLE, *far_apart(rng, 12, 1, 3), 5)
    yield case(SINGLE, *far_apart(rng, 7, 1, 5), 7)
    yield case(SINGLE, *far_apart(rng, 12, 1, 4), 1)
    yield case(SINGLE, *far_apart(rng, 60, 1, 6, fine), 12)
    yield case(SEVERAL, *far_apart(rng, 12, 5, 4), 1)
    yield case(SEVERAL, *far_apart(rng, 9, 3, 4), 2)
    yield case(SEVERAL, *far_apart(rng, 12, 4, 6), 4)
    yield case(SEVERAL, *with_own(rng, 11, 3, 5), 3)
    yield case(
        TIES,
        np.array([[3.0, 1], [1, 3], [1, 1], [3, 3], [2, 5]])[rng.permutation(5)],
        np.full((1, 2), 2.0),
        3,
    )
    features = few(8, 3)
    yield case(TIES, np.concatenate([features, features])[rng.permutation(16)], few(2, 3), 6)
    yield case(TIES, few(40, 2), few(3, 2), 12)
    yield case(KINDS, *far_apart(rng, 9, 2, 4, whole), 3)
    yield case(KINDS, *far_apart(rng, 10, 2, 5, pixels), 4)
    yield case(KINDS, *far_apart(rng, 8, 3, 6, pixels), 3)
    features, queries = far_apart(rng, 9, 2, 4)
    yield case(KINDS, features.astype(np.float32), queries.astype(np.float32), 3)
    yield case(KINDS, *far_apart(rng, 9, 3, 5), 4, strided=True)


def with_own(rng: Rng, n: int, queries: int, d: int) -> tuple[Array, Array]:
    """Return features and, as queries, some of them."""
    while True:
        features, _ = far_apart(rng, n, 1, d)
        query = features[rng.permutation(n)[:queries]]
        squares = ((features[None] - query[:, None]) ** 2).sum(axis=2)
        if all(len(set(row)) == n for row in squares):
            return features, query.copy()


def retrieve_hidden(rng: Rng) -> Iterator[Case]:
    for _ in range(3):
        n, queries, d = pick(rng, 6, 14), pick(rng, 2, 5), pick(rng, 4, 8)
        features, query = far_apart(rng, n, queries, d)
        yield Case(SEVERAL, {"features": features, "queries": query, "k": pick(rng, 2, 5)})


def sorted_by_python(features, queries, k):
    """Sort pairs of distance and number with Python's own sort, in fractions that round nothing."""
    found = []
    for query in queries.tolist():
        pairs = []
        for number, row in enumerate(features.tolist()):
            pairs.append((sum((a - b) ** 2 for a, b in zip(row, query, strict=True)), number))
        found.append([number for _, number in sorted(pairs)[:k]])
    return np.array(found)


retrieve = Task(
    "retrieve",
    {SINGLE: 1.5, SEVERAL: 2, TIES: 0.5, KINDS: 1},
    retrieve_cases,
    returns=("numbers",),
    oracle=sorted_by_python,
    hidden=retrieve_hidden,
    forbids=NUMPY_ONLY,
)


def differences(features, queries) -> Array:
    """Return (Q, N, D) differences as floats."""
    return np.asarray(features[None].astype(float) - queries[:, None])


def first(distances, k) -> Array:
    return np.argsort(distances, axis=1, kind="stable")[:, :k]


@retrieve.mistake("You return the farthest images: the nearest have the smallest distances.", RETRIEVAL)
def returns_the_farthest(right, features, queries, k):
    return first(-((differences(features, queries) ** 2).sum(axis=2)), k)


@retrieve.mistake("Your nearest images come last: the nearest is first, then the second nearest.", RETRIEVAL)
def returns_the_nearest_last(right, features, queries, k):
    return right.retrieve(features, queries, k)[:, ::-1]


@retrieve.mistake(
    "Your k images are not in the order of their distances: np.argpartition, or a mask, leaves them unsorted.",
    RETRIEVAL,
)
def sorts_by_number(right, features, queries, k):
    return np.sort(right.retrieve(features, queries, k), axis=1)


@retrieve.mistake(
    "You leave the nearest image out: no query is taken out here, whatever its distance.", RETRIEVAL
)
def skips_the_nearest(right, features, queries, k):
    order = right.retrieve(features, queries, len(features))
    return order[:, 1 : k + 1]


@retrieve.mistake(
    "You leave out images at distance 0: an image that is the query itself comes first.", RETRIEVAL
)
def skips_images_at_distance_zero(right, features, queries, k):
    squares = (differences(features, queries) ** 2).sum(axis=2)
    return first(np.where(squares == 0, np.inf, squares), k)


@retrieve.mistake(
    "You rank by the inner product: long features win then, wherever they point. Take the distance.",
    RETRIEVAL,
)
def ranks_by_the_inner_product(right, features, queries, k):
    return first(-(queries.astype(float) @ features.astype(float).T), k)


@retrieve.mistake(
    "You rank by the angle between features: take the Euclidean distance, in which their lengths count.",
    RETRIEVAL,
)
def ranks_by_the_angle(right, features, queries, k):
    one, other = (
        a / np.linalg.norm(a, axis=1, keepdims=True) for a in (queries.astype(float), features.astype(float))
    )
    return first(-(one @ other.T), k)


@retrieve.mistake("You add magnitudes of differences: add their squares.", RETRIEVAL)
def adds_magnitudes(right, features, queries, k):
    return first(np.abs(differences(features, queries)).sum(axis=2), k)


@retrieve.mistake("You take the largest difference: add the squares of all of them.", RETRIEVAL)
def takes_the_largest_difference(right, features, queries, k):
    return first(np.abs(differences(features, queries)).max(axis=2), k)


@retrieve.mistake(
    "You add the differences before you square, so that they cancel: square each, then add up.", RETRIEVAL
)
def squares_the_sum_of_differences(right, features, queries, k):
    return first(np.abs(differences(features, queries).sum(axis=2)), k)


@retrieve.mistake("You add the differences with their signs: square each of them first.", RETRIEVAL)
def adds_signed_differences(right, features, queries, k):
    return first(-differences(features, queries).sum(axis=2), k)


@retrieve.mistake("You compare lengths only: subtract the query from each image's features first.", RETRIEVAL)
def compares_lengths_only(right, features, queries, k):
    lengths = [(a.astype(float) ** 2).sum(axis=1) for a in (features, queries)]
    return first(np.abs(lengths[0][None] - lengths[1][:, None]), k)


@retrieve.mistake(
    "In |f|^2 - 2 f q + |q|^2 your middle term has the wrong factor: it is minus 2 times the inner product.",
    RETRIEVAL,
)
def forgets_the_two(right, features, queries, k):
    f, q = features.astype(float), queries.astype(float)
    return first((f**2).sum(axis=1)[None] - q @ f.T, k)


@retrieve.mistake(
    "You use the first query for all: every row of the result belongs to its own query.", RETRIEVAL
)
def uses_the_first_query_only(right, features, queries, k):
    return right.retrieve(features, np.broadcast_to(queries[:1], queries.shape), k)


@retrieve.mistake("You return the result of the first query only: there is a row for each.", RETRIEVAL)
def returns_one_row_only(right, features, queries, k):
    return right.retrieve(features, queries, k)[0]


@retrieve.mistake("The queries stand in columns: the result is (Q, k), a row for each query.", RETRIEVAL)
def returns_queries_in_columns(right, features, queries, k):
    return right.retrieve(features, queries, k).T


@retrieve.mistake(
    "You return distances: return the numbers of the images, in whole numbers from 0.", RETRIEVAL
)
def returns_distances(right, features, queries, k):
    return np.sort(np.sqrt((differences(features, queries) ** 2).sum(axis=2)), axis=1)[:, :k]


@retrieve.mistake("You return features: return the numbers of the images.", RETRIEVAL)
def returns_features(right, features, queries, k):
    return features[right.retrieve(features, queries, k)]


@retrieve.mistake("You count images from 1: the first one is number 0.", RETRIEVAL)
def counts_images_from_one(right, features, queries, k):
    return right.retrieve(features, queries, k) + 1


@retrieve.mistake("You return ranks, one for each image: return the numbers of the k nearest.", RETRIEVAL)
def returns_ranks(right, features, queries, k):
    return np.argsort(right.retrieve(features, queries, len(features)), axis=1)[:, :k]


@retrieve.mistake("You return one image more, or fewer: `[:, :k]` has k columns.", RETRIEVAL)
def returns_all_images(right, features, queries, k):
    return right.retrieve(features, queries, len(features))


@retrieve.mistake(
    "Of equally far images yours come from the end: the one with the smaller number is first.", RETRIEVAL
)
def puts_later_images_first_in_ties(right, features, queries, k):
    return len(features) - 1 - right.retrieve(features[::-1], queries, k)


@retrieve.mistake(
    "uint8 wraps around, and 3 - 5 is 254 there: turn the features into floats before you subtract.", TYPES
)
def subtracts_in_uint8(right, features, queries, k):
    return first(((features[None] - queries[:, None]).astype(float) ** 2).sum(axis=2), k)


@retrieve.mistake(
    "uint8 wraps around when you subtract and when you square: turn the features into floats first.", TYPES
)
def computes_in_uint8(right, features, queries, k):
    return first(((features[None] - queries[:, None]) ** 2).sum(axis=2), k)


TASKS = (layer_table, dropout, local_response_norm, TwoTowers, crop_and_flip, retrieve)
