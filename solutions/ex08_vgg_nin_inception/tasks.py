"""The tasks of ex08: for each one its cases, what they are worth, and the mistakes that learners make.

A wrong module is the right one with parts or the way through them exchanged: ``Mlp``, ``Naive`` and
``Reduced`` have named parts, and ``assemble`` builds a network from a line of text. Oracles are written with
bare tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from course_utils.check import Case, Task
from course_utils.grading.inputs import Rng, numbers

COLUMNS = "08_deeper_and_smaller#VGG, column by column"
THREE = "08_deeper_and_smaller#One 7×7 or three 3×3"
PIXEL = "08_deeper_and_smaller#A network at every pixel"
MEAN = "08_deeper_and_smaller#Global average pooling"
HEADS = "08_deeper_and_smaller#Heads compared"
MEMORY = "08_deeper_and_smaller#Where the memory is"
MODULE = "09_inception#The Inception module"
NAIVE = "09_inception#The naive module"
REDUCTION = "09_inception#Dimension reductions"
TWO = "09_inception#Two 3×3 for a 5×5"
SEEN = "09_inception#Receptive fields in one module"
BATCH_NORM = "09_inception#Batch normalisation"
DROPOUT = "07_alexnet#Dropout"
SOFTMAX = "05_backprop_through_convolution#Softmax and cross-entropy"
MODULES = "06_lenet#numpy and PyTorch agree"
FIT = "03_convolution_layer#Volumes"
PADDING = "03_convolution_layer#Padding that keeps the size"
STRIDE = "03_convolution_layer#Stride"
BIASES = "03_convolution_layer#Counting parameters"
RELU = "03_convolution_layer#Non-linearity"
MAX = "04_pooling#Max pooling"
OVERLAP = "04_pooling#Windows that overlap"
AVERAGE = "04_pooling#Average pooling"
TYPES = "03_convolution_layer#Number types"

FORBIDDEN = ("course_utils.zoo",)
RETURNS = ("parameters", "output", "gradients")
SHARES = {"parameters": 1.0, "output": 2.0, "gradients": 1.0}
NET_RETURNS = ("parameters", "output", "trained", "gradients")
VGG_D = "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M"


def images(rng: Rng, channels: int, height: int, width: int, count: int = 2) -> dict[str, Any]:
    """Return the inputs of a case that run the module: images, and the seed of its weights."""
    return {"x": numbers(rng, count, channels, height, width), "seed": int(rng.integers(2**31))}


def conv1(in_channels: int, channels: int, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(in_channels, channels, 1, **options)


def conv3(in_channels: int, channels: int, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(in_channels, channels, 3, **{"padding": 1, **options})


class Parts(nn.Module):
    """A module with named parts, any of which may be exchanged, and so may the way through them."""

    def __init__(self, parts: dict[str, nn.Module | None], changes: dict[str, Any]) -> None:
        super().__init__()
        self.way = changes.pop("way", type(self).right)
        for name, part in {**parts, **changes}.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.way(self, x)

    def right(self, x):
        raise NotImplementedError


def bare(module: nn.Module, **shapes: tuple[int, ...]) -> nn.Module:
    """Give a module parameters of its own, for the oracles."""
    for name, shape in shapes.items():
        module.register_parameter(name, nn.Parameter(torch.zeros(shape)))
    return module


class Mixed(nn.Module):
    """A 1x1 convolution and ReLU as a product of matrices, for the oracles."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        bare(self, w=(channels, in_channels), b=(channels,))

    def forward(self, x):
        y = torch.einsum("nchw,fc->nfhw", x, self.w) + self.b[:, None, None]
        return y * (y > 0)


class Looked(nn.Module):
    """A convolution and ReLU, with its windows cut out one by one, for the oracles."""

    def __init__(self, in_channels: int, channels: int, size: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.size, self.stride = size, stride
        bare(self, w=(channels, in_channels, size, size), b=(channels,))

    def forward(self, x):
        border, k, s = self.size // 2, self.size, self.stride
        rows, columns = (-(-n // s) for n in x.shape[2:])
        x = functional.pad(x, (border,) * 4)
        y = 0
        for i in range(k):
            for j in range(k):
                window = x[:, :, i : i + s * (rows - 1) + 1 : s, j : j + s * (columns - 1) + 1 : s]
                y = y + torch.einsum("nchw,fc->nfhw", window, self.w[:, :, i, j])
        y = y + self.b[:, None, None]
        return y * (y > 0)


class Averaged(nn.Module):
    """The mean of those cells of a 3x3 window that lie inside, for the oracles."""

    def forward(self, x):
        ones = functional.pad(torch.ones_like(x), (1,) * 4)
        x = functional.pad(x, (1,) * 4)
        total, count = (a.unfold(2, 3, 1).unfold(3, 3, 1).sum(dim=(4, 5)) for a in (x, ones))
        return total / count


# vgg

CONVOLUTIONS = "3 x 3 convolutions"
POOLS = "pools"
SMALL = "1 x 1 convolutions"
PAPER = "VGG-D's convolutions"


def vgg_case(rng: Rng, group: str, configuration: str, classes: int, channels: int, *size: int) -> Case:
    arguments = {"configuration": configuration, "num_classes": classes, "in_channels": channels}
    return Case(group, {**arguments, **images(rng, channels, *size)})


def vgg_cases(rng: Rng) -> Iterator[Case]:
    yield vgg_case(rng, CONVOLUTIONS, "4", 2, 2, 4, 5)
    yield vgg_case(rng, CONVOLUTIONS, "3 5", 4, 1, 5, 4)
    yield vgg_case(rng, CONVOLUTIONS, "4 4 4", 2, 3, 3, 4)
    yield vgg_case(rng, POOLS, "4 M 6", 3, 1, 6, 8)
    yield vgg_case(rng, POOLS, "12 3 M 3 5 M", 2, 3, 7, 6)
    yield vgg_case(rng, POOLS, "M 5 M 5", 5, 2, 8, 9)
    yield vgg_case(rng, POOLS, "3 M M 4", 4, 1, 4, 4)  # one cell is left: nothing to average
    yield vgg_case(rng, SMALL, "1x4 3", 3, 2, 4, 3)
    yield vgg_case(rng, SMALL, "4 M 1x12 5", 2, 1, 6, 6)
    yield vgg_case(rng, SMALL, "3 1x3 1x3 M 1x5", 4, 3, 5, 6)
    arguments = {"configuration": VGG_D, "num_classes": 100, "in_channels": 3}
    yield Case(PAPER, {**arguments, "x": (1, 3, 224, 224), "seed": 0}, seconds=30)


def line(rng: Rng, pools: int, small: bool) -> str:
    """Return a configuration: two or three convolutions, a pool, two or three convolutions, and so on."""
    words = []
    for stage in range(pools + 1):
        if stage:
            words.append("M")
        for number in range(int(rng.integers(2, 4))):
            filters = int(rng.integers(2, 7))
            words.append(f"1x{filters}" if small and number == 1 else str(filters))
    return " ".join(words)


def vgg_hidden(rng: Rng) -> Iterator[Case]:
    for group, pools, small in ((CONVOLUTIONS, 0, False), (POOLS, 2, False), (SMALL, 1, True)):
        classes, channels = (int(n) for n in rng.integers((2, 1), (7, 5)))
        size = (int(n) for n in rng.integers(5, 11, 2))
        yield vgg_case(rng, group, line(rng, pools, small), classes, channels, *size)


class Halved(nn.Module):
    """The largest of each 2x2 cells, for the oracles."""

    def forward(self, x):
        x = x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 2, 2, w // 2, 2).amax(dim=(3, 5))


class Scored(nn.Module):
    """The mean of each map and a linear layer, for the oracles."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        bare(self, w=(classes, channels), b=(classes,))

    def forward(self, x):
        return x.sum(dim=(2, 3)) / (x.shape[2] * x.shape[3]) @ self.w.T + self.b


def bare_vgg(configuration, num_classes, in_channels):
    parts: list[nn.Module] = []
    for word in configuration.split(" "):
        if word == "M":
            parts.append(Halved())
            continue
        layer = Mixed if word.startswith("1x") else Looked
        parts.append(layer(in_channels, int(word.removeprefix("1x"))))
        in_channels = int(word.removeprefix("1x"))
    return nn.Sequential(*parts, Scored(in_channels, num_classes))


vgg = Task(
    "vgg",
    {CONVOLUTIONS: 1.25, POOLS: 1.75, SMALL: 1.5, PAPER: 0.5},
    vgg_cases,
    returns=NET_RETURNS,
    probe="module",
    oracle=bare_vgg,
    hidden=vgg_hidden,
    forbids=FORBIDDEN,
)

Make = Callable[[int, int], nn.Module]


def head(
    channels: int,
    classes: int,
    *,
    pool: nn.Module | None = None,
    last: Make = nn.Linear,
) -> list[nn.Module]:
    """Return the parts behind the last layer of the configuration, with a rule changed."""
    return [pool or nn.AdaptiveAvgPool2d(1), nn.Flatten(), last(channels, classes)]


def assemble(
    configuration: str,
    classes: int,
    in_channels: int,
    *,
    three: Make = conv3,
    one: Make = conv1,
    behind: Callable[[int], list[nn.Module]] = lambda channels: [nn.ReLU()],
    behind_one: Callable[[int], list[nn.Module]] | None = None,
    pool: Callable[[], list[nn.Module]] = lambda: [nn.MaxPool2d(2)],
    read: Callable[[str], list[str]] = str.split,
    carries: bool = True,
    end: Callable[[int, int], list[nn.Module]] = head,
) -> nn.Sequential:
    """Build a network from a line of text, with a rule changed."""
    parts: list[nn.Module] = []
    channels = in_channels
    for word in read(configuration):
        if word == "M":
            parts += pool()
            continue
        before = channels if carries else in_channels
        channels = int(word.removeprefix("1x"))
        small = word.startswith("1x")
        parts.append((one if small else three)(before, channels))
        parts += (behind_one if small and behind_one else behind)(channels)
    return nn.Sequential(*parts, *end(channels, classes))


@vgg.mistake("The 3 x 3 convolutions are not padded: each then loses two rows and columns.", PADDING)
def does_not_pad(right, *arguments):
    return assemble(*arguments, three=lambda i, c: conv3(i, c, padding=0))


@vgg.mistake("The ReLUs are missing: one stands behind each convolution.", RELU)
def leaves_out_the_relus(right, *arguments):
    return assemble(*arguments, behind=lambda channels: [])


@vgg.mistake("The ReLU behind the last convolution is missing: one stands behind each of them.", RELU)
def leaves_out_the_last_relu(right, *arguments):
    parts = list(assemble(*arguments))
    last = max(place for place, part in enumerate(parts) if isinstance(part, nn.ReLU))
    return nn.Sequential(*parts[:last], *parts[last + 1 :])


@vgg.mistake("The ReLU behind the first convolution is missing: one stands behind each of them.", RELU)
def leaves_out_the_first_relu(right, *arguments):
    parts = list(assemble(*arguments))
    first = min(place for place, part in enumerate(parts) if isinstance(part, nn.ReLU))
    return nn.Sequential(*parts[:first], *parts[first + 1 :])


@vgg.mistake("No ReLU stands behind 1 x 1 convolutions: one stands behind each convolution.", RELU)
def leaves_out_the_relu_behind_one_by_one(right, *arguments):
    return assemble(*arguments, behind_one=lambda channels: [])


@vgg.mistake("ReLU stands behind pools only: one stands behind each convolution.", RELU)
def activates_behind_pools_only(right, *arguments):
    return assemble(*arguments, behind=lambda channels: [], pool=lambda: [nn.ReLU(), nn.MaxPool2d(2)])


@vgg.mistake("The activation is a tanh: it is a ReLU.", RELU)
def takes_tanh(right, *arguments):
    return assemble(*arguments, behind=lambda channels: [nn.Tanh()])


@vgg.mistake("You read `1x16` as a 3 x 3 convolution: it has a kernel of 1 x 1, and no padding.", PIXEL)
def reads_one_by_one_as_three_by_three(right, *arguments):
    return assemble(*arguments, one=conv3)


@vgg.mistake("The 1 x 1 convolutions are padded: they keep the size without.", PADDING)
def pads_one_by_one(right, *arguments):
    return assemble(*arguments, one=lambda i, c: conv1(i, c, padding=1))


@vgg.mistake(
    "An entry such as `1x16` cannot be read: take the text behind the `x` before you turn it into a number.",
    PIXEL,
)
def cannot_read_one_by_one(right, *arguments):
    for word in arguments[0].split():
        if word != "M":
            int(word)
    return assemble(*arguments)


@vgg.mistake(
    "Of an entry such as `1x12` you read one digit: the number of filters is all that stands behind the `x`.",
    PIXEL,
)
def reads_one_digit(right, *arguments):
    def read(text):
        return [f"1x{word[-1]}" if word.startswith("1x") else word for word in text.split()]

    return assemble(*arguments, read=read)


@vgg.mistake("The entries with an `x` are passed over: `1x16` is a 1 x 1 convolution.", PIXEL)
def passes_over_one_by_one(right, *arguments):
    return assemble(*arguments, read=lambda text: [word for word in text.split() if "x" not in word])


@vgg.mistake("You go through the text letter by letter: `configuration.split()` gives its entries.", COLUMNS)
def reads_letter_by_letter(right, *arguments):
    return assemble(*arguments, read=list)


@vgg.mistake("The convolutions have no biases: each has one.", BIASES)
def leaves_out_the_biases(right, *arguments):
    return assemble(
        *arguments,
        three=lambda i, c: conv3(i, c, bias=False),
        one=lambda i, c: conv1(i, c, bias=False),
    )


@vgg.mistake("The 1 x 1 convolutions have no biases: each convolution has one.", BIASES)
def leaves_out_the_biases_of_one_by_one(right, *arguments):
    return assemble(*arguments, one=lambda i, c: conv1(i, c, bias=False))


@vgg.mistake("The linear layer has no bias: it has one.", BIASES)
def leaves_out_the_bias_of_the_linear_layer(right, *arguments):
    return assemble(*arguments, end=lambda c, n: head(c, n, last=lambda a, b: nn.Linear(a, b, bias=False)))


@vgg.mistake(
    "Every convolution takes the channels of the image: each takes what the one before put out.", FIT
)
def does_not_carry_the_channels(right, *arguments):
    return assemble(*arguments, carries=False)


@vgg.mistake("The first layer always takes 3 channels: it takes `in_channels`.", FIT)
def takes_three_channels_always(right, configuration, classes, channels):
    return assemble(configuration, classes, 3)


@vgg.mistake("The network always has 10 classes: it has `num_classes`.", COLUMNS)
def has_ten_classes(right, configuration, classes, channels):
    return assemble(configuration, 10, channels)


@vgg.mistake("The network always has 1000 classes: it has `num_classes`.", COLUMNS)
def has_a_thousand_classes(right, configuration, classes, channels):
    return assemble(configuration, 1000, channels)


@vgg.mistake("The arguments are mixed up: `num_classes` comes before `in_channels`.", COLUMNS)
def swaps_classes_and_channels(right, configuration, classes, channels):
    return assemble(configuration, channels, classes)


@vgg.mistake("The network ends with a softmax: it returns logits.", SOFTMAX)
def ends_with_softmax(right, *arguments):
    return assemble(*arguments, end=lambda c, n: [*head(c, n), nn.Softmax(dim=1)])


@vgg.mistake("The network ends with the logarithm of a softmax: it returns logits.", SOFTMAX)
def ends_with_log_softmax(right, *arguments):
    return assemble(*arguments, end=lambda c, n: [*head(c, n), nn.LogSoftmax(dim=1)])


@vgg.mistake("A ReLU stands behind the linear layer: logits may be negative.", SOFTMAX)
def cuts_the_logits(right, *arguments):
    return assemble(*arguments, end=lambda c, n: [*head(c, n), nn.ReLU()])


@vgg.mistake("The end takes the maximum over rows and columns: it takes the mean.", MEAN)
def ends_with_the_maximum(right, *arguments):
    return assemble(*arguments, end=lambda c, n: head(c, n, pool=nn.AdaptiveMaxPool2d(1)))


class Total(nn.Module):
    """The sum over rows and columns."""

    def forward(self, x):
        return x.sum(dim=(2, 3))


@vgg.mistake("The end adds up rows and columns: it takes their mean.", MEAN)
def ends_with_the_sum(right, *arguments):
    return assemble(*arguments, end=lambda c, n: head(c, n, pool=Total()))


@vgg.mistake(
    "The end flattens maps of several cells: average over rows and columns first, so that any size of image fits.",
    MEAN,
)
def flattens_instead_of_averaging(right, *arguments):
    return assemble(*arguments, end=lambda c, n: head(c, n, pool=nn.Identity()))


@vgg.mistake(
    "The maps become 7 x 7 and are flattened: average over all rows and columns, so that one number a map is left.",
    MEAN,
)
def averages_to_seven_by_seven(right, *arguments):
    def end(c, n):
        return [nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(49 * c, n)]

    return assemble(*arguments, end=end)


@vgg.mistake(
    "The linear layer has maps and a ReLU before the mean, as in NIN: here the mean comes first.", MEAN
)
def ends_as_network_in_network(right, *arguments):
    def end(c, n):
        return [conv1(c, n), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]

    return assemble(*arguments, end=end)


@vgg.mistake("There is a fully connected layer too many: one linear layer follows the mean.", HEADS)
def has_a_hidden_layer(right, *arguments):
    def last(c, n):
        return nn.Sequential(nn.Linear(c, c), nn.ReLU(), nn.Linear(c, n))

    return assemble(*arguments, end=lambda c, n: head(c, n, last=last))


@vgg.mistake("A dropout stands before the linear layer: there is none in this network.", DROPOUT)
def drops_out_before_the_linear_layer(right, *arguments):
    def last(c, n):
        return nn.Sequential(nn.Dropout(0.5), nn.Linear(c, n))

    return assemble(*arguments, end=lambda c, n: head(c, n, last=last))


@vgg.mistake("Batch normalisation stands between convolution and ReLU: there is none here.", BATCH_NORM)
def normalises_before_each_relu(right, *arguments):
    return assemble(*arguments, behind=lambda channels: [nn.BatchNorm2d(channels), nn.ReLU()])


@vgg.mistake("Batch normalisation stands behind each ReLU: there is none here.", BATCH_NORM)
def normalises_behind_each_relu(right, *arguments):
    return assemble(*arguments, behind=lambda channels: [nn.ReLU(), nn.BatchNorm2d(channels)])


@vgg.mistake("The pools have windows of 3 x 3: they have 2 x 2 and stride 2.", OVERLAP)
def pools_nine_cells(right, *arguments):
    return assemble(*arguments, pool=lambda: [nn.MaxPool2d(3, 2, padding=1)])


@vgg.mistake("The pools average: they take the maximum.", MAX)
def pools_averages(right, *arguments):
    return assemble(*arguments, pool=lambda: [nn.AvgPool2d(2)])


@vgg.mistake("The pools round up: a last row or column without a partner is dropped.", MAX)
def rounds_up_in_pools(right, *arguments):
    return assemble(*arguments, pool=lambda: [nn.MaxPool2d(2, ceil_mode=True)])


@vgg.mistake("The pools are missing: `M` is a 2 x 2 max pool with stride 2.", MAX)
def passes_over_pools(right, *arguments):
    return assemble(*arguments, pool=lambda: [])


@vgg.mistake("A pool stands behind every convolution: only `M` is a pool.", COLUMNS)
def pools_behind_every_convolution(right, *arguments):
    return assemble(
        *arguments, behind=lambda channels: [nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)], pool=lambda: []
    )


@vgg.mistake("All pools stand at the end: each stands where its `M` is.", COLUMNS)
def pools_at_the_end(right, *arguments):
    def read(text):
        return sorted(text.split(), key=lambda word: word == "M")

    return assemble(*arguments, read=read)


@vgg.mistake(
    "Pools stand before the convolution that they should follow: the entries go from left to right.", COLUMNS
)
def pools_one_layer_early(right, *arguments):
    def read(text):
        words = text.split()
        for place, word in enumerate(words):
            if word == "M" and place:
                words[place - 1 : place + 1] = words[place], words[place - 1]
        return words

    return assemble(*arguments, read=read)


@vgg.mistake("The pools move by 1: a window of 2 x 2 moves by 2.", MAX)
def pools_with_stride_one(right, *arguments):
    return assemble(*arguments, pool=lambda: [nn.MaxPool2d(2, 1)])


@vgg.mistake("The last entry of the configuration is left out.", COLUMNS)
def leaves_out_the_last_entry(right, *arguments):
    return assemble(*arguments, read=lambda text: text.split()[:-1])


@vgg.mistake("The layers stand in the wrong order: the first entry comes first.", COLUMNS)
def reads_from_right_to_left(right, *arguments):
    return assemble(*arguments, read=lambda text: text.split()[::-1])


@vgg.mistake(
    "Convolutions of the same shape are one object with one set of weights: make a new one for each entry.",
    COLUMNS,
)
def uses_convolutions_again(right, *arguments):
    made: dict[tuple[int, int], nn.Module] = {}

    def three(i, c):
        return made.setdefault((i, c), conv3(i, c))

    return assemble(*arguments, three=three)


class Listed(nn.Module):
    """A module that keeps its parts where PyTorch does not look."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.parts = list(parts)

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return x


LISTED = "Layers lie in a plain list, where PyTorch does not find their weights: use nn.ModuleList or nn.Sequential."


@vgg.mistake(LISTED, MODULES)
def keeps_layers_in_a_plain_list(right, *arguments):
    return Listed(*assemble(*arguments))


@vgg.mistake(
    "Every case ends in an error, mostly since shapes do not fit: follow the channels from layer to layer, and give the "
    "linear layer (N, channels), without axes of rows and columns.",
    FIT,
)
def has_layers_that_do_not_fit(right, *arguments):
    def end(c, n):
        return [nn.AdaptiveAvgPool2d(1), nn.Linear(c + 1, n)]

    return assemble(*arguments, end=end)


# MLPConv

ALONE = "stride 1"
STRIDED = "stride 2 and more"
KERNELS = "other kernel sizes"


def mlp_case(
    rng: Rng, group: str, channels: int, filters: int, hidden: int, size: int, stride: int, *shape: int
) -> Case:
    arguments = {"in_channels": channels, "filters": filters, "hidden": hidden, "kernel_size": size}
    return Case(group, {**arguments, "stride": stride, **images(rng, channels, *shape)})


def mlp_cases(rng: Rng) -> Iterator[Case]:
    yield mlp_case(rng, ALONE, 2, 3, 4, 3, 1, 4, 5)
    yield mlp_case(rng, ALONE, 3, 4, 4, 3, 1, 5, 4)
    yield mlp_case(rng, ALONE, 1, 5, 3, 3, 1, 3, 4)
    yield mlp_case(rng, STRIDED, 2, 3, 4, 3, 2, 6, 7)
    yield mlp_case(rng, STRIDED, 1, 4, 3, 3, 3, 8, 9)
    yield mlp_case(rng, KERNELS, 2, 3, 5, 5, 1, 6, 5)
    yield mlp_case(rng, KERNELS, 3, 5, 2, 7, 2, 8, 7)
    yield mlp_case(rng, KERNELS, 3, 2, 4, 1, 1, 3, 4)


def mlp_hidden(rng: Rng) -> Iterator[Case]:
    for group, sizes, strides in ((ALONE, [3], [1]), (STRIDED, [3], [2, 3]), (KERNELS, [5, 7], [1, 2])):
        filters, hidden = (int(n) for n in rng.choice(range(2, 8), 2, replace=False))
        channels, height, width = (int(n) for n in rng.integers((1, 6, 6), (5, 11, 11)))
        size, stride = int(rng.choice(sizes)), int(rng.choice(strides))
        yield mlp_case(rng, group, channels, filters, hidden, size, stride, height, width)


def bare_mlp(in_channels, filters, hidden, kernel_size, stride):
    first = Looked(in_channels, hidden, kernel_size, stride)
    return nn.Sequential(first, Mixed(hidden, hidden), Mixed(hidden, filters))


mlpconv = Task(
    "MLPConv",
    {ALONE: 1.25, STRIDED: 0.75, KERNELS: 1},
    mlp_cases,
    returns=RETURNS,
    shares=SHARES,
    probe="module",
    oracle=bare_mlp,
    hidden=mlp_hidden,
    forbids=FORBIDDEN,
)


class Mlp(Parts):
    """MLPConv with parts c1, c2 and c3, and a1, a2 and a3 behind each of them."""

    def __init__(self, i: int, f: int, h: int, k: int, s: int, **changes: Any) -> None:
        parts = {"c1": nn.Conv2d(i, h, k, s, k // 2), "c2": conv1(h, h), "c3": conv1(h, f)}
        parts |= {name: nn.ReLU() for name in ("a1", "a2", "a3")}
        super().__init__(parts, changes)

    def right(self, x):
        return self.a3(self.c3(self.a2(self.c2(self.a1(self.c1(x))))))


NONE = nn.Identity


@mlpconv.mistake("The first convolution is not padded: it is padded by `kernel_size // 2`.", PADDING)
def does_not_pad_the_window(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, c1=nn.Conv2d(i, h, k, s))


@mlpconv.mistake("The padding is always 1: it is `kernel_size // 2`, which depends on the kernel.", PADDING)
def pads_by_one_always(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, c1=nn.Conv2d(i, h, k, s, 1))


@mlpconv.mistake("The padding is as large as the kernel: it is half as large, rounded down.", PADDING)
def pads_by_the_kernel(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, c1=nn.Conv2d(i, h, k, s, k))


@mlpconv.mistake("The second and third convolution are padded: with 1 x 1 nothing is.", PADDING)
def pads_the_small_ones(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, c2=conv1(h, h, padding=1), c3=conv1(h, f, padding=1))


@mlpconv.mistake("The second and third convolution have 3 x 3: they have 1 x 1 and look at one pixel.", PIXEL)
def looks_around_three_times(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, c2=conv3(h, h), c3=conv3(h, f))


@mlpconv.mistake("All three convolutions have the same kernel: the second and third have 1 x 1.", PIXEL)
def has_one_kernel_size(right, i, f, h, k, s):
    def conv(a, b):
        return nn.Conv2d(a, b, k, padding=k // 2)

    return Mlp(i, f, h, k, s, c2=conv(h, h), c3=conv(h, f))


@mlpconv.mistake("The first kernel is always 3 x 3: it has `kernel_size` rows and columns.", PIXEL)
def has_a_kernel_of_three(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, c1=nn.Conv2d(i, h, 3, s, 1))


@mlpconv.mistake("The first ReLU is missing: one stands behind each convolution.", RELU)
def leaves_out_the_first_relu_of_three(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, a1=NONE())


@mlpconv.mistake("The second ReLU is missing: one stands behind each convolution.", RELU)
def leaves_out_the_second_relu_of_three(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, a2=NONE())


@mlpconv.mistake("The ReLU at the end is missing: one stands behind each convolution.", RELU)
def leaves_out_the_third_relu(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, a3=NONE())


@mlpconv.mistake("The ReLUs between the convolutions are missing: one stands behind each.", RELU)
def leaves_out_the_relus_between(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, a1=NONE(), a2=NONE())


@mlpconv.mistake("The ReLUs behind the 1 x 1 convolutions are missing.", RELU)
def activates_the_first_one_only(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, a2=NONE(), a3=NONE())


@mlpconv.mistake("All ReLUs are missing: then three layers can do no more than one.", PIXEL)
def has_no_relu(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, a1=NONE(), a2=NONE(), a3=NONE())


@mlpconv.mistake("The stride is not used: the first convolution moves by `stride`.", STRIDE)
def has_no_stride(right, i, f, h, k, s):
    return Mlp(i, f, h, k, 1)


@mlpconv.mistake("All three convolutions have the stride: only the first one has it.", STRIDE)
def has_the_stride_three_times(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, c2=conv1(h, h, stride=s), c3=conv1(h, f, stride=s))


@mlpconv.mistake("The stride is always 2: it is `stride`.", STRIDE)
def moves_by_two_always(right, i, f, h, k, s):
    return Mlp(i, f, h, k, 2)


@mlpconv.mistake(
    "You pool with the stride: the first convolution moves by it, and nothing is pooled.", STRIDE
)
def pools_instead_of_moving(right, i, f, h, k, s):
    a3 = nn.Sequential(nn.ReLU(), nn.MaxPool2d(s, ceil_mode=True))
    return Mlp(i, f, h, k, 1, a3=a3)


@mlpconv.mistake("The convolutions have no biases: each has one.", BIASES)
def has_no_biases(right, i, f, h, k, s):
    c1 = nn.Conv2d(i, h, k, s, k // 2, bias=False)
    return Mlp(i, f, h, k, s, c1=c1, c2=conv1(h, h, bias=False), c3=conv1(h, f, bias=False))


@mlpconv.mistake("The 1 x 1 convolutions have no biases: each convolution has one.", BIASES)
def has_no_biases_in_the_small_ones(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, c2=conv1(h, h, bias=False), c3=conv1(h, f, bias=False))


@mlpconv.mistake("A 1 x 1 convolution is missing: two of them follow the first convolution.", PIXEL)
def has_one_small_convolution(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, c2=NONE(), a2=NONE())


@mlpconv.mistake("There is a 1 x 1 convolution too many: two of them follow the first convolution.", PIXEL)
def has_three_small_convolutions(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, a2=nn.Sequential(nn.ReLU(), conv1(h, h), nn.ReLU()))


@mlpconv.mistake("The 1 x 1 convolutions are missing: two of them follow the first one.", PIXEL)
def has_no_small_convolutions(right, i, f, h, k, s):
    return nn.Sequential(nn.Conv2d(i, f, k, s, k // 2), nn.ReLU())


@mlpconv.mistake("`filters` and `hidden` are mixed up: the layer puts out `filters` maps.", PIXEL)
def swaps_filters_and_hidden(right, i, f, h, k, s):
    return Mlp(i, h, f, k, s)


@mlpconv.mistake(
    "The first convolution makes `filters` maps: it makes `hidden` ones, and so does the second.", PIXEL
)
def begins_with_filters(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, c1=nn.Conv2d(i, f, k, s, k // 2), c2=conv1(f, h))


@mlpconv.mistake(
    "The second convolution makes `filters` maps: it makes `hidden` ones, as many as the first.", PIXEL
)
def makes_filters_in_the_middle(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, c2=conv1(h, f), c3=conv1(f, f))


@mlpconv.mistake("All three convolutions make `filters` maps: the first two make `hidden` ones.", PIXEL)
def ignores_hidden(right, i, f, h, k, s):
    return Mlp(i, f, f, k, s)


@mlpconv.mistake("The layer puts out `hidden` maps: the last convolution makes `filters`.", PIXEL)
def ends_with_hidden(right, i, f, h, k, s):
    return Mlp(i, h, h, k, s)


@mlpconv.mistake("The 1 x 1 convolutions come first: the one with the larger kernel does.", PIXEL)
def begins_with_the_small_ones(right, i, f, h, k, s):
    last = nn.Conv2d(h, f, k, s, k // 2)
    return Mlp(i, f, h, k, s, c1=conv1(i, h), c3=last)


@mlpconv.mistake("Batch normalisation stands before each ReLU: there is none here.", BATCH_NORM)
def normalises_three_times(right, i, f, h, k, s):
    a1, a2, a3 = (nn.Sequential(nn.BatchNorm2d(n), nn.ReLU()) for n in (h, h, f))
    return Mlp(i, f, h, k, s, a1=a1, a2=a2, a3=a3)


@mlpconv.mistake("The maps are averaged at the end: the layer returns maps with rows and columns.", MEAN)
def averages_at_the_end(right, i, f, h, k, s):
    a3 = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Mlp(i, f, h, k, s, a3=a3)


@mlpconv.mistake("The first convolution looks at each map alone: leave `groups` as it is.", FIT)
def looks_at_each_map_alone(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, c1=nn.Sequential(nn.Conv2d(i, i, k, s, k // 2, groups=i), conv1(i, h)))


@mlpconv.mistake(
    "Every case ends in an error, mostly since channels do not fit: they go from `in_channels` to `hidden`, to `hidden`, to "
    "`filters`.",
    FIT,
)
def has_convolutions_that_do_not_fit(right, i, f, h, k, s):
    return Mlp(i, f, h, k, s, c3=conv1(h + 1, f))


@mlpconv.mistake(LISTED, MODULES)
def keeps_convolutions_in_a_plain_list(right, *arguments):
    return Listed(Mlp(*arguments))


# NaiveInception

DIFFERENT = "as many maps as you like"
EQUAL = "as many maps on every path"
THIN = "images of one row, one column or one pixel"


def naive_case(rng: Rng, group: str, channels: int, one: int, three: int, five: int, *size: int) -> Case:
    arguments = {"in_channels": channels, "one": one, "three": three, "five": five}
    return Case(group, {**arguments, **images(rng, channels, *size)})


def naive_cases(rng: Rng) -> Iterator[Case]:
    yield naive_case(rng, DIFFERENT, 2, 3, 4, 5, 4, 5)
    yield naive_case(rng, DIFFERENT, 4, 2, 3, 1, 6, 3)
    yield naive_case(rng, DIFFERENT, 3, 5, 2, 4, 5, 5)
    yield naive_case(rng, EQUAL, 3, 3, 3, 3, 5, 4)
    yield naive_case(rng, EQUAL, 2, 2, 2, 2, 4, 4)
    yield naive_case(rng, THIN, 3, 2, 4, 5, 1, 4)
    yield naive_case(rng, THIN, 2, 4, 3, 5, 5, 1)
    yield naive_case(rng, THIN, 4, 3, 2, 3, 1, 1)


def naive_hidden(rng: Rng) -> Iterator[Case]:
    for group in (DIFFERENT, EQUAL, THIN):
        widths = [int(n) for n in rng.choice(range(2, 8), 4, replace=False)]
        height, width = (int(n) for n in rng.integers(4, 10, 2))
        if group == EQUAL:
            widths = widths[:1] * 4
        yield naive_case(rng, group, *widths, 1 if group == THIN else height, width)


class Joined(nn.Module):
    """Paths side by side, for the oracles."""

    def __init__(self, *paths: nn.Module) -> None:
        super().__init__()
        self.paths = nn.ModuleList(paths)

    def forward(self, x):
        return torch.cat([path(x) for path in self.paths], dim=1)


def bare_naive(in_channels, one, three, five):
    return Joined(
        Averaged(),
        Mixed(in_channels, one),
        Looked(in_channels, three),
        nn.Sequential(Looked(in_channels, five), Looked(five, five)),
    )


naive = Task(
    "NaiveInception",
    {DIFFERENT: 2, EQUAL: 1.25, THIN: 0.75},
    naive_cases,
    returns=RETURNS,
    shares=SHARES,
    probe="module",
    oracle=bare_naive,
    hidden=naive_hidden,
    forbids=FORBIDDEN,
)


def average(**options: Any) -> nn.AvgPool2d:
    return nn.AvgPool2d(3, **{"stride": 1, "padding": 1, "count_include_pad": False, **options})


def chain(*layers: nn.Module, last: bool = True) -> nn.Sequential:
    """Return layers with a ReLU behind each, with ``last`` behind the last one too."""
    parts = [part for layer in layers for part in (layer, nn.ReLU())]
    return nn.Sequential(*parts[: None if last else -1])


class Naive(Parts):
    """NaiveInception with parts pool, one, three and five, and what joins them."""

    order = ("pool", "one", "three", "five")

    def __init__(self, i: int, one: int, three: int, five: int, /, **changes: Any) -> None:
        parts = {
            "pool": average(),
            "one": chain(conv1(i, one)),
            "three": chain(conv3(i, three)),
            "five": chain(conv3(i, five), conv3(five, five)),
        }
        super().__init__(parts, changes)

    def all(self, x):
        return [getattr(self, name)(x) for name in self.order]

    def right(self, x):
        return torch.cat(self.all(x), dim=1)


@naive.mistake("The averages stand last: the pool's maps come first, then 1 x 1, 3 x 3, 5 x 5.", MODULE)
def puts_the_pool_last(right, *arguments):
    return Naive(*arguments, order=("one", "three", "five", "pool"))


@naive.mistake("The paths are joined in reverse order: pool, 1 x 1, 3 x 3, 5 x 5.", MODULE)
def joins_in_reverse(right, *arguments):
    return Naive(*arguments, order=("five", "three", "one", "pool"))


@naive.mistake("The two last paths are joined in the wrong order: 3 x 3 comes before 5 x 5.", MODULE)
def swaps_the_last_paths(right, *arguments):
    return Naive(*arguments, order=("pool", "one", "five", "three"))


@naive.mistake("The first paths are joined in the wrong order: the pool comes before 1 x 1.", MODULE)
def swaps_the_first_paths(right, *arguments):
    return Naive(*arguments, order=("one", "pool", "three", "five"))


@naive.mistake("You join along the rows: paths are joined along the channels, axis 1.", NAIVE)
def joins_along_the_rows(right, *arguments):
    return Naive(*arguments, way=lambda m, x: torch.cat(m.all(x), dim=2))


@naive.mistake("You join along the columns: paths are joined along the channels, axis 1.", NAIVE)
def joins_along_the_columns(right, *arguments):
    return Naive(*arguments, way=lambda m, x: torch.cat(m.all(x), dim=3))


@naive.mistake("You join along the batch: paths are joined along the channels, axis 1.", NAIVE)
def joins_along_the_batch(right, *arguments):
    return Naive(*arguments, way=lambda m, x: torch.cat(m.all(x), dim=0))


@naive.mistake("You add the paths: they are joined along the channels, axis 1.", NAIVE)
def adds_the_paths(right, *arguments):
    return Naive(*arguments, way=lambda m, x: sum(m.all(x)))


@naive.mistake("You stack the paths on a new axis: `torch.cat` joins along the channels.", NAIVE)
def stacks_the_paths(right, *arguments):
    return Naive(*arguments, way=lambda m, x: torch.stack(m.all(x), dim=1))


@naive.mistake("The pool takes the maximum: in this module it takes the average.", AVERAGE)
def takes_the_maximum(right, *arguments):
    return Naive(*arguments, pool=nn.MaxPool2d(3, 1, 1))


@naive.mistake(
    "At the border you divide by 9 and count zeros that are not there: switch `count_include_pad` off.",
    AVERAGE,
)
def counts_the_padding(right, *arguments):
    return Naive(*arguments, pool=average(count_include_pad=True))


@naive.mistake("The pool has windows of 5 x 5: it has 3 x 3.", AVERAGE)
def averages_twenty_five_cells(right, *arguments):
    return Naive(*arguments, pool=nn.AvgPool2d(5, 1, 2, count_include_pad=False))


@naive.mistake("The first path hands x on as it is: it averages windows of 3 x 3.", AVERAGE)
def does_not_pool(right, *arguments):
    return Naive(*arguments, pool=nn.Identity())


@naive.mistake("The path with the pool is missing: the module has four paths.", MODULE)
def leaves_out_the_pool(right, *arguments):
    return Naive(*arguments, pool=None, order=("one", "three", "five"))


@naive.mistake("The path with 1 x 1 is missing: the module has four paths.", MODULE)
def leaves_out_the_first_convolution(right, *arguments):
    return Naive(*arguments, one=None, order=("pool", "three", "five"))


@naive.mistake("Every mean is one number a map: the pool has windows of 3 x 3.", AVERAGE)
def averages_all_cells(right, *arguments):
    def way(m, x):
        pooled, *others = m.all(x)
        return torch.cat([x.mean(dim=(2, 3), keepdim=True).expand_as(pooled), *others], dim=1)

    return Naive(*arguments, way=way)


@naive.mistake("The ReLUs are missing: one stands behind each convolution.", RELU)
def leaves_out_every_relu(right, i, one, three, five):
    return Naive(
        i,
        one,
        three,
        five,
        one=conv1(i, one),
        three=conv3(i, three),
        five=nn.Sequential(conv3(i, five), conv3(five, five)),
    )


@naive.mistake("The ReLU between the two 3 x 3 convolutions is missing.", TWO)
def leaves_out_the_relu_between(right, i, one, three, five):
    return Naive(i, one, three, five, five=nn.Sequential(conv3(i, five), chain(conv3(five, five))))


@naive.mistake("The ReLUs at the ends of the paths are missing: one stands behind each convolution.", RELU)
def leaves_out_the_relus_at_the_ends(right, i, one, three, five):
    parts = {"one": conv1(i, one), "three": conv3(i, three)}
    return Naive(i, one, three, five, **parts, five=chain(conv3(i, five), conv3(five, five), last=False))


@naive.mistake("The ReLU behind 1 x 1 is missing: one stands behind each convolution.", RELU)
def leaves_out_the_relu_of_one(right, i, one, three, five):
    return Naive(i, one, three, five, one=conv1(i, one))


@naive.mistake("The ReLU behind the second 3 x 3 of the last path is missing.", RELU)
def leaves_out_the_relu_at_the_end_of_five(right, i, one, three, five):
    return Naive(i, one, three, five, five=chain(conv3(i, five), conv3(five, five), last=False))


@naive.mistake("The ReLU behind the single 3 x 3 is missing: one stands behind each convolution.", RELU)
def leaves_out_the_relu_of_three(right, i, one, three, five):
    return Naive(i, one, three, five, three=conv3(i, three))


@naive.mistake("x is cut by a ReLU before it is averaged: the pool reads x itself.", RELU)
def cuts_before_the_averages(right, *arguments):
    return Naive(*arguments, pool=nn.Sequential(nn.ReLU(), average()))


@naive.mistake(
    "Two things: the averages come first in the join, and at the border `count_include_pad` has to be off.",
    AVERAGE,
)
def counts_the_padding_and_joins_it_last(right, *arguments):
    pool = average(count_include_pad=True)
    return Naive(*arguments, pool=pool, order=("one", "three", "five", "pool"))


@naive.mistake("A ReLU cuts the averages too: it stands behind convolutions only.", RELU)
def cuts_the_averages(right, *arguments):
    return Naive(*arguments, way=lambda m, x: torch.relu(Naive.right(m, x)))


@naive.mistake(
    "The only ReLU stands behind the join: one stands behind each convolution, and none behind the pool.",
    RELU,
)
def activates_the_join_only(right, i, one, three, five):
    return Naive(
        i,
        one,
        three,
        five,
        one=conv1(i, one),
        three=conv3(i, three),
        five=nn.Sequential(conv3(i, five), conv3(five, five)),
        way=lambda m, x: torch.relu(Naive.right(m, x)),
    )


@naive.mistake("The last path has a 5 x 5 convolution: it has two of 3 x 3 in a row.", TWO)
def has_a_five_by_five(right, i, one, three, five):
    return Naive(i, one, three, five, five=chain(nn.Conv2d(i, five, 5, padding=2)))


@naive.mistake(
    "You build the module of the paper: here an average pool comes first in the join, and two 3 x 3 take the place of 5 x 5.",
    NAIVE,
)
def builds_the_naive_module_of_the_paper(right, i, one, three, five):
    parts = {"pool": nn.MaxPool2d(3, 1, 1), "five": chain(nn.Conv2d(i, five, 5, padding=2))}
    return Naive(i, one, three, five, **parts, order=("one", "three", "five", "pool"))


@naive.mistake("The pool takes the maximum and stands last: it averages, and its maps come first.", NAIVE)
def takes_the_maximum_and_joins_it_last(right, *arguments):
    return Naive(*arguments, pool=nn.MaxPool2d(3, 1, 1), order=("one", "three", "five", "pool"))


@naive.mistake("The last path has one 3 x 3 convolution: it has two in a row.", TWO)
def has_one_three_by_three(right, i, one, three, five):
    return Naive(i, one, three, five, five=chain(conv3(i, five)))


@naive.mistake("The last path has two 5 x 5 convolutions: it has two of 3 x 3.", TWO)
def has_two_five_by_five(right, i, one, three, five):
    layers = (nn.Conv2d(a, five, 5, padding=2) for a in (i, five))
    return Naive(i, one, three, five, five=chain(*layers))


@naive.mistake("The first 3 x 3 of the last path makes `in_channels` maps: it makes `five`.", TWO)
def keeps_the_channels_first(right, i, one, three, five):
    return Naive(i, one, three, five, five=chain(conv3(i, i), conv3(i, five)))


@naive.mistake("The last path reads what the 3 x 3 path made: each path reads x.", NAIVE)
def continues_the_three_by_three(right, i, one, three, five):
    def way(m, x):
        middle = m.three(x)
        return torch.cat([m.pool(x), m.one(x), middle, m.five(middle)], dim=1)

    return Naive(i, one, three, five, five=chain(conv3(three, five)), way=way)


@naive.mistake("The paths stand one behind the other: each of them reads x, side by side.", NAIVE)
def runs_paths_in_a_row(right, i, one, three, five):
    def way(m, x):
        first = m.one(x)
        second = m.three(first)
        return torch.cat([m.pool(x), first, second, m.five(second)], dim=1)

    parts = {"three": chain(conv3(one, three)), "five": chain(conv3(three, five), conv3(five, five))}
    return Naive(i, one, three, five, **parts, way=way)


@naive.mistake("The convolutions read the averages: each path reads x.", NAIVE)
def reads_the_averages(right, *arguments):
    def way(m, x):
        pooled = m.pool(x)
        return torch.cat([pooled, m.one(pooled), m.three(pooled), m.five(pooled)], dim=1)

    return Naive(*arguments, way=way)


@naive.mistake("`three` and `five` are mixed up.", MODULE)
def swaps_three_and_five(right, i, one, three, five):
    return Naive(i, one, five, three)


@naive.mistake("The convolutions have no biases: each has one.", BIASES)
def leaves_out_all_biases(right, i, one, three, five):
    return Naive(
        i,
        one,
        three,
        five,
        one=chain(conv1(i, one, bias=False)),
        three=chain(conv3(i, three, bias=False)),
        five=chain(conv3(i, five, bias=False), conv3(five, five, bias=False)),
    )


def normal(*layers: nn.Conv2d) -> nn.Sequential:
    """Return layers with batch normalisation and ReLU behind each."""
    return nn.Sequential(
        *(part for layer in layers for part in (layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU()))
    )


@naive.mistake("Batch normalisation stands before each ReLU: there is none here.", BATCH_NORM)
def normalises_every_path(right, i, one, three, five):
    parts = {"one": normal(conv1(i, one)), "three": normal(conv3(i, three))}
    return Naive(i, one, three, five, **parts, five=normal(conv3(i, five), conv3(five, five)))


@naive.mistake("The averages are projected by a 1 x 1 convolution: here they are joined as they are.", NAIVE)
def projects_the_averages(right, i, *filters):
    return Naive(i, *filters, pool=nn.Sequential(average(), chain(conv1(i, i))))


@naive.mistake(
    "Every case ends in an error, mostly since paths do not fit beside each other: 3 x 3 convolutions and the pool need "
    "`padding=1`, the pool `stride=1`, and paths are joined along axis 1.",
    PADDING,
)
def has_paths_that_do_not_fit(right, i, one, three, five):
    return Naive(i, one, three, five, one=chain(conv1(i, one, padding=1)))


@naive.mistake(
    "Unless images are thin, paths do not fit beside each other: the pool moves by 3 where no stride is given. It needs "
    "`stride=1`.",
    STRIDE,
)
def pools_with_the_stride_of_its_window(right, *arguments):
    return Naive(*arguments, pool=average(stride=3))


@naive.mistake(LISTED, MODULES)
def keeps_paths_in_a_plain_list(right, *arguments):
    return Listed(Naive(*arguments))


# Inception

MODULE_CASES = "modules of different width"
NARROW = "wide inputs"
ROW = "images of one row or one column"
PAPER_3A = "the width of GoogLeNet's 3a"
FILTERS = ("in_channels", "one", "three_reduce", "three", "five_reduce", "five", "pool_proj")


def inception_case(rng: Rng, group: str, filters: tuple[int, ...], *size: int) -> Case:
    return Case(group, {**dict(zip(FILTERS, filters, strict=True)), **images(rng, filters[0], *size)})


def inception_cases(rng: Rng) -> Iterator[Case]:
    yield inception_case(rng, MODULE_CASES, (3, 2, 4, 5, 3, 4, 6), 4, 5)
    yield inception_case(rng, MODULE_CASES, (2, 5, 3, 4, 2, 6, 3), 6, 4)
    yield inception_case(rng, MODULE_CASES, (4, 3, 2, 2, 5, 3, 4), 5, 5)
    yield inception_case(rng, NARROW, (10, 3, 2, 4, 1, 3, 2), 4, 4)
    yield inception_case(rng, NARROW, (12, 4, 3, 6, 2, 4, 3), 5, 3)
    yield inception_case(rng, ROW, (3, 4, 2, 5, 3, 6, 2), 1, 5)
    yield inception_case(rng, ROW, (4, 2, 3, 4, 2, 5, 3), 4, 1)
    large = dict(zip(FILTERS, (192, 64, 96, 128, 16, 32, 32), strict=True))
    yield Case(PAPER_3A, {**large, "x": (1, 192, 2, 2), "seed": 0}, seconds=30)


def inception_hidden(rng: Rng) -> Iterator[Case]:
    for group in (MODULE_CASES, NARROW, ROW):
        channels = int(rng.integers(8, 12) if group == NARROW else rng.integers(2, 6))
        filters = [int(n) for n in rng.choice(range(2, 8), 6, replace=False)]
        height, width = (int(n) for n in rng.integers(4, 9, 2))
        yield inception_case(rng, group, (channels, *filters), 1 if group == ROW else height, width)


def bare_inception(in_channels, one, three_reduce, three, five_reduce, five, pool_proj):
    return Joined(
        nn.Sequential(Averaged(), Mixed(in_channels, pool_proj)),
        Mixed(in_channels, one),
        nn.Sequential(Mixed(in_channels, three_reduce), Looked(three_reduce, three)),
        nn.Sequential(Mixed(in_channels, five_reduce), Looked(five_reduce, five), Looked(five, five)),
    )


inception = Task(
    "Inception",
    {MODULE_CASES: 2.5, NARROW: 1.25, ROW: 0.75, PAPER_3A: 0.5},
    inception_cases,
    returns=RETURNS,
    shares=SHARES,
    probe="module",
    oracle=bare_inception,
    hidden=inception_hidden,
    forbids=FORBIDDEN,
)


class Reduced(Naive):
    """Inception with parts pool, one, three and five, and what joins them."""

    def __init__(
        self, i: int, one: int, tr: int, three: int, fr: int, five: int, p: int, /, **changes: Any
    ) -> None:
        parts = {
            "pool": nn.Sequential(average(), chain(conv1(i, p))),
            "one": chain(conv1(i, one)),
            "three": chain(conv1(i, tr), conv3(tr, three)),
            "five": chain(conv1(i, fr), conv3(fr, five), conv3(five, five)),
        }
        Parts.__init__(self, parts, changes)


@inception.mistake("The pool's path stands last: it comes first, then 1 x 1, 3 x 3, 5 x 5.", MODULE)
def puts_the_pooled_path_last(right, *arguments):
    return Reduced(*arguments, order=("one", "three", "five", "pool"))


@inception.mistake("The paths are joined in reverse order: pool, 1 x 1, 3 x 3, 5 x 5.", MODULE)
def joins_paths_in_reverse(right, *arguments):
    return Reduced(*arguments, order=("five", "three", "one", "pool"))


@inception.mistake("The two last paths are joined in the wrong order: 3 x 3 comes before 5 x 5.", MODULE)
def swaps_the_two_last_paths(right, *arguments):
    return Reduced(*arguments, order=("pool", "one", "five", "three"))


@inception.mistake("The two first paths are joined in the wrong order: the pool comes before 1 x 1.", MODULE)
def swaps_the_two_first_paths(right, *arguments):
    return Reduced(*arguments, order=("one", "pool", "three", "five"))


@inception.mistake("The pool takes the maximum: in this module it takes the average.", AVERAGE)
def takes_the_maximum_before_the_projection(right, *arguments):
    i, p = arguments[0], arguments[-1]
    return Reduced(*arguments, pool=nn.Sequential(nn.MaxPool2d(3, 1, 1), chain(conv1(i, p))))


@inception.mistake(
    "At the border you divide by 9 and count zeros that are not there: switch `count_include_pad` off.",
    AVERAGE,
)
def counts_the_padding_of_the_pool(right, *arguments):
    i, p = arguments[0], arguments[-1]
    return Reduced(*arguments, pool=nn.Sequential(average(count_include_pad=True), chain(conv1(i, p))))


@inception.mistake(
    "You project and cut before you average: the ReLU of the pool's path comes at its end.", REDUCTION
)
def cuts_before_it_averages(right, *arguments):
    i, p = arguments[0], arguments[-1]
    return Reduced(*arguments, pool=nn.Sequential(chain(conv1(i, p)), average()))


@inception.mistake("The pool is missing: the first path averages, then projects.", MODULE)
def projects_without_a_pool(right, *arguments):
    i, p = arguments[0], arguments[-1]
    return Reduced(*arguments, pool=chain(conv1(i, p)))


@inception.mistake("The projection behind the pool is missing: a 1 x 1 to `pool_proj` maps.", REDUCTION)
def does_not_project(right, *arguments):
    return Reduced(*arguments, pool=average())


@inception.mistake("The pool's projection has 3 x 3: it has 1 x 1.", REDUCTION)
def projects_nine_cells(right, *arguments):
    i, p = arguments[0], arguments[-1]
    return Reduced(*arguments, pool=nn.Sequential(average(), chain(conv3(i, p))))


@inception.mistake("The path with the pool is missing: the module has four paths.", MODULE)
def leaves_out_the_pooled_path(right, *arguments):
    return Reduced(*arguments, pool=None, order=("one", "three", "five"))


@inception.mistake("The path with 1 x 1 alone is missing: the module has four paths.", MODULE)
def leaves_out_the_path_of_one(right, *arguments):
    return Reduced(*arguments, one=None, order=("pool", "three", "five"))


@inception.mistake("The ReLU behind the pool's projection is missing.", RELU)
def leaves_out_the_relu_of_the_projection(right, *arguments):
    i, p = arguments[0], arguments[-1]
    return Reduced(*arguments, pool=nn.Sequential(average(), conv1(i, p)))


@inception.mistake(
    "The ReLUs behind the two reductions are missing: one stands behind each convolution.", REDUCTION
)
def leaves_out_the_relus_of_the_reductions(right, i, one, tr, three, fr, five, p):
    parts = {
        "three": nn.Sequential(conv1(i, tr), chain(conv3(tr, three))),
        "five": nn.Sequential(conv1(i, fr), chain(conv3(fr, five), conv3(five, five))),
    }
    return Reduced(i, one, tr, three, fr, five, p, **parts)


@inception.mistake(
    "The ReLUs behind reductions and projection are missing: each convolution has one.", REDUCTION
)
def leaves_out_the_relus_of_reductions_and_projection(right, i, one, tr, three, fr, five, p):
    parts = {
        "pool": nn.Sequential(average(), conv1(i, p)),
        "three": nn.Sequential(conv1(i, tr), chain(conv3(tr, three))),
        "five": nn.Sequential(conv1(i, fr), chain(conv3(fr, five), conv3(five, five))),
    }
    return Reduced(i, one, tr, three, fr, five, p, **parts)


@inception.mistake("The ReLU behind the reduction before 3 x 3 is missing.", REDUCTION)
def leaves_out_the_relu_before_three(right, i, one, tr, three, fr, five, p):
    return Reduced(i, one, tr, three, fr, five, p, three=nn.Sequential(conv1(i, tr), chain(conv3(tr, three))))


@inception.mistake("The ReLU behind the reduction of the last path is missing.", REDUCTION)
def leaves_out_the_relu_before_five(right, i, one, tr, three, fr, five, p):
    path = nn.Sequential(conv1(i, fr), chain(conv3(fr, five), conv3(five, five)))
    return Reduced(i, one, tr, three, fr, five, p, five=path)


@inception.mistake("The ReLU of the path with 1 x 1 alone is missing.", RELU)
def leaves_out_the_relu_of_the_path_of_one(right, i, one, *filters):
    return Reduced(i, one, *filters, one=conv1(i, one))


@inception.mistake("The ReLU at the end of the path with one 3 x 3 is missing.", RELU)
def leaves_out_the_relu_behind_three(right, i, one, tr, three, fr, five, p):
    path = chain(conv1(i, tr), conv3(tr, three), last=False)
    return Reduced(i, one, tr, three, fr, five, p, three=path)


@inception.mistake("The ReLU at the end of the last path is missing.", RELU)
def leaves_out_the_relu_behind_five(right, i, one, tr, three, fr, five, p):
    path = chain(conv1(i, fr), conv3(fr, five), conv3(five, five), last=False)
    return Reduced(i, one, tr, three, fr, five, p, five=path)


@inception.mistake("A ReLU stands between the pool and its projection: only one stands behind.", RELU)
def cuts_the_averages_before_the_projection(right, *arguments):
    i, p = arguments[0], arguments[-1]
    return Reduced(*arguments, pool=nn.Sequential(average(), nn.ReLU(), chain(conv1(i, p))))


@inception.mistake(
    "You project before you average, and zeros beyond the border count: switch `count_include_pad` off.",
    AVERAGE,
)
def projects_first_and_counts_the_padding(right, *arguments):
    i, p = arguments[0], arguments[-1]
    return Reduced(*arguments, pool=nn.Sequential(conv1(i, p), average(count_include_pad=True), nn.ReLU()))


@inception.mistake(
    "Two things: the pool's path comes first in the join, and at the border `count_include_pad` has to be off.",
    AVERAGE,
)
def counts_the_padding_and_joins_the_path_last(right, *arguments):
    i, p = arguments[0], arguments[-1]
    pool = nn.Sequential(average(count_include_pad=True), chain(conv1(i, p)))
    return Reduced(*arguments, pool=pool, order=("one", "three", "five", "pool"))


@inception.mistake("The ReLU between the two 3 x 3 convolutions of the last path is missing.", TWO)
def leaves_out_the_relu_between_two(right, i, one, tr, three, fr, five, p):
    path = nn.Sequential(chain(conv1(i, fr)), conv3(fr, five), chain(conv3(five, five)))
    return Reduced(i, one, tr, three, fr, five, p, five=path)


@inception.mistake(
    "The ReLUs at the ends of the paths are missing: one stands behind each convolution.", RELU
)
def leaves_out_the_relus_at_all_ends(right, i, one, tr, three, fr, five, p):
    parts = {
        "pool": nn.Sequential(average(), conv1(i, p)),
        "one": conv1(i, one),
        "three": chain(conv1(i, tr), conv3(tr, three), last=False),
        "five": chain(conv1(i, fr), conv3(fr, five), conv3(five, five), last=False),
    }
    return Reduced(i, one, tr, three, fr, five, p, **parts)


def linear_paths(i, one, tr, three, fr, five, p):
    """Return the four paths without any ReLU."""
    return {
        "pool": nn.Sequential(average(), conv1(i, p)),
        "one": conv1(i, one),
        "three": nn.Sequential(conv1(i, tr), conv3(tr, three)),
        "five": nn.Sequential(conv1(i, fr), conv3(fr, five), conv3(five, five)),
    }


@inception.mistake("All ReLUs are missing: one stands behind each convolution.", RELU)
def has_no_relu_anywhere(right, *arguments):
    return Reduced(*arguments, **linear_paths(*arguments))


@inception.mistake("The only ReLU stands behind the join: those inside the paths are missing.", RELU)
def activates_behind_the_join_only(right, *arguments):
    way = {"way": lambda m, x: torch.relu(Reduced.right(m, x))}
    return Reduced(*arguments, **linear_paths(*arguments), **way)


@inception.mistake(
    "The 1 x 1 of the paths with 3 x 3 comes behind: it comes before, so that 3 x 3 has fewer channels to read.",
    REDUCTION,
)
def reduces_behind(right, i, one, tr, three, fr, five, p):
    parts = {
        "three": chain(conv3(i, tr), conv1(tr, three)),
        "five": chain(conv3(i, fr), conv3(fr, fr), conv1(fr, five)),
    }
    return Reduced(i, one, tr, three, fr, five, p, **parts)


@inception.mistake("The reductions are missing: a 1 x 1 comes before the 3 x 3 convolutions.", REDUCTION)
def does_not_reduce(right, i, one, tr, three, fr, five, p):
    parts = {"three": chain(conv3(i, three)), "five": chain(conv3(i, five), conv3(five, five))}
    return Reduced(i, one, tr, three, fr, five, p, **parts)


@inception.mistake("The reductions have 3 x 3: they have 1 x 1.", REDUCTION)
def reduces_with_three_by_three(right, i, one, tr, three, fr, five, p):
    parts = {
        "three": chain(conv3(i, tr), conv3(tr, three)),
        "five": chain(conv3(i, fr), conv3(fr, five), conv3(five, five)),
    }
    return Reduced(i, one, tr, three, fr, five, p, **parts)


@inception.mistake("Both paths with 3 x 3 share one reduction: each has its own.", REDUCTION)
def shares_the_reduction(right, i, one, tr, three, fr, five, p):
    def way(m, x):
        reduced = m.reduce(x)
        return torch.cat([m.pool(x), m.one(x), m.three(reduced), m.five(reduced)], dim=1)

    parts = {"three": chain(conv3(tr, three)), "five": chain(conv3(tr, five), conv3(five, five))}
    return Reduced(i, one, tr, three, fr, five, p, reduce=chain(conv1(i, tr)), **parts, way=way)


@inception.mistake("The last path has a 5 x 5 convolution: it has two of 3 x 3 in a row.", TWO)
def has_a_five_by_five_in_it(right, i, one, tr, three, fr, five, p):
    path = chain(conv1(i, fr), nn.Conv2d(fr, five, 5, padding=2))
    return Reduced(i, one, tr, three, fr, five, p, five=path)


@inception.mistake(
    "You build the module of the paper: here an average pool's path comes first in the join, and two 3 x 3 take the place of "
    "5 x 5.",
    REDUCTION,
)
def builds_the_module_of_the_paper(right, i, one, tr, three, fr, five, p):
    parts = {
        "pool": nn.Sequential(nn.MaxPool2d(3, 1, 1), chain(conv1(i, p))),
        "five": chain(conv1(i, fr), nn.Conv2d(fr, five, 5, padding=2)),
    }
    order = ("one", "three", "five", "pool")
    return Reduced(i, one, tr, three, fr, five, p, **parts, order=order)


@inception.mistake(
    "The pool takes the maximum and its path stands last: it averages, and comes first.", MODULE
)
def takes_the_maximum_and_joins_the_path_last(right, *arguments):
    i, p = arguments[0], arguments[-1]
    pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), chain(conv1(i, p)))
    return Reduced(*arguments, pool=pool, order=("one", "three", "five", "pool"))


@inception.mistake("The last path has one 3 x 3 convolution: it has two in a row.", TWO)
def has_one_three_by_three_in_it(right, i, one, tr, three, fr, five, p):
    return Reduced(i, one, tr, three, fr, five, p, five=chain(conv1(i, fr), conv3(fr, five)))


@inception.mistake("The first 3 x 3 of the last path makes `five_reduce` maps: it makes `five`.", TWO)
def widens_in_the_second(right, i, one, tr, three, fr, five, p):
    path = chain(conv1(i, fr), conv3(fr, fr), conv3(fr, five))
    return Reduced(i, one, tr, three, fr, five, p, five=path)


@inception.mistake("`three_reduce` and `three` are mixed up, and so are `five_reduce` and `five`.", REDUCTION)
def swaps_reduced_and_full(right, i, one, tr, three, fr, five, p):
    return Reduced(i, one, three, tr, five, fr, p)


@inception.mistake("The paths of 3 x 3 and 5 x 5 have each other's numbers of filters.", REDUCTION)
def swaps_the_filters_of_three_and_five(right, i, one, tr, three, fr, five, p):
    return Reduced(i, one, fr, five, tr, three, p)


@inception.mistake("`one` and `pool_proj` are mixed up.", REDUCTION)
def swaps_one_and_projection(right, i, one, tr, three, fr, five, p):
    return Reduced(i, p, tr, three, fr, five, one)


@inception.mistake("The convolutions have no biases: each has one.", BIASES)
def has_no_biases_at_all(right, i, one, tr, three, fr, five, p):
    no = {"bias": False}
    parts = {
        "pool": nn.Sequential(average(), chain(conv1(i, p, **no))),
        "one": chain(conv1(i, one, **no)),
        "three": chain(conv1(i, tr, **no), conv3(tr, three, **no)),
        "five": chain(conv1(i, fr, **no), conv3(fr, five, **no), conv3(five, five, **no)),
    }
    return Reduced(i, one, tr, three, fr, five, p, **parts)


@inception.mistake("Reductions and projection have no biases: each convolution has one.", BIASES)
def has_no_biases_in_reductions(right, i, one, tr, three, fr, five, p):
    no = {"bias": False}
    parts = {
        "pool": nn.Sequential(average(), chain(conv1(i, p, **no))),
        "three": chain(conv1(i, tr, **no), conv3(tr, three)),
        "five": chain(conv1(i, fr, **no), conv3(fr, five), conv3(five, five)),
    }
    return Reduced(i, one, tr, three, fr, five, p, **parts)


@inception.mistake("Batch normalisation stands before each ReLU: there is none here.", BATCH_NORM)
def normalises_all_paths(right, i, one, tr, three, fr, five, p):
    parts = {
        "pool": nn.Sequential(average(), normal(conv1(i, p))),
        "one": normal(conv1(i, one)),
        "three": normal(conv1(i, tr), conv3(tr, three)),
        "five": normal(conv1(i, fr), conv3(fr, five), conv3(five, five)),
    }
    return Reduced(i, one, tr, three, fr, five, p, **parts)


@inception.mistake(
    "Every case ends in an error, mostly since paths do not fit beside each other: 3 x 3 convolutions and the pool need "
    "`padding=1`, the pool `stride=1`, and paths are joined along axis 1.",
    PADDING,
)
def has_paths_that_do_not_fit_together(right, i, one, *filters):
    return Reduced(i, one, *filters, one=chain(conv1(i, one, padding=1)))


@inception.mistake(LISTED, MODULES)
def keeps_all_paths_in_a_plain_list(right, *arguments):
    return Listed(Reduced(*arguments))


# count_layers

SINGLE = "one convolution"
MANY = "several convolutions"
WITH_POOLS = "pools"
WITH_SMALL = "1 x 1 convolutions"
ODD = "sizes that do not halve evenly"
LARGE = "VGG-D"


def count_case(group: str, configuration: str, channels: int, size: int, classes: int) -> Case:
    inputs = {"configuration": configuration, "in_channels": channels, "size": size, "num_classes": classes}
    return Case(group, inputs)


def count_cases(rng: Rng) -> Iterator[Case]:
    def few(low: int, high: int) -> int:
        return int(rng.integers(low, high))

    yield count_case(SINGLE, "8", 3, 4, 2)
    yield count_case(SINGLE, f"{few(3, 20)}", few(2, 6), few(5, 12), few(3, 12))
    yield count_case(MANY, "4 6 6", 2, 8, 5)
    yield count_case(MANY, " ".join(str(few(3, 20)) for _ in range(4)), few(2, 6), few(5, 12), few(3, 12))
    yield count_case(WITH_POOLS, "8 M 16 M 16", 1, 16, 10)
    yield count_case(WITH_POOLS, f"{few(3, 9)} 5 M M 7 {few(3, 9)} M", 3, 8 * few(2, 5), few(3, 12))
    yield count_case(WITH_SMALL, "8 1x4 M 16", 3, 12, 10)
    yield count_case(
        WITH_SMALL, f"1x{few(3, 9)} 6 1x{few(10, 30)} M 1x5", few(2, 6), 4 * few(2, 5), few(3, 12)
    )
    yield count_case(ODD, "4 M 5 M 6", 2, 15, 3)
    yield count_case(ODD, f"{few(3, 9)} M 7 M {few(3, 9)} 1x3", few(2, 6), 4 * few(2, 5) + 3, few(3, 12))
    yield count_case(LARGE, VGG_D, 3, 224, 1000)


def count_hidden(rng: Rng) -> Iterator[Case]:
    for group, pools, small in (
        (MANY, 0, False),
        (WITH_POOLS, 2, False),
        (WITH_SMALL, 1, True),
        (ODD, 2, True),
    ):
        channels, classes, side = (int(n) for n in rng.integers((2, 2, 2), (6, 20, 8)))
        yield count_case(group, line(rng, pools, small), channels, 4 * side + 3 * (group == ODD), classes)


def counted(configuration, in_channels, size, num_classes):
    """Run shapes through torch's functions and count what there is."""
    x: Any = torch.empty(1, in_channels, size, size, device="meta")
    weights = []
    macs = 0
    for word in configuration.split():
        if word == "M":
            x = functional.max_pool2d(x, 2)
            continue
        side = 1 if "x" in word else 3
        w = torch.empty(int(word.split("x")[-1]), x.shape[1], side, side, device="meta")
        x = functional.conv2d(x, w, padding="same")
        macs += x.numel() * w[0].numel()
        weights += [w, w[:, 0, 0, 0]]
    last = torch.empty(num_classes, x.shape[1], device="meta")
    weights += [last, last[:, 0]]
    return sum(w.numel() for w in weights), macs + last.numel()


count_layers = Task(
    "count_layers",
    {SINGLE: 0.75, MANY: 0.75, WITH_POOLS: 1, WITH_SMALL: 1, ODD: 0.75, LARGE: 0.75},
    count_cases,
    returns=("parameters", "macs"),
    oracle=counted,
    hidden=count_hidden,
    forbids=FORBIDDEN,
)

Amount = Callable[..., float]


def tally(
    configuration: str,
    channels: int,
    size: int,
    classes: int,
    *,
    weights: Amount = lambda c, f, k, side: f * (c * k * k + 1),
    work: Amount = lambda c, f, k, side: f * c * k * k * side * side,
    last: Callable[[int, int, int], tuple[float, float]] = lambda c, n, side: (n * (c + 1), n * c),
    halve: Callable[[Any], Any] = lambda side: side // 2,
    pooled: Callable[[int, int], float] = lambda c, side: 0,
    kernel: Callable[[str], int] = lambda word: 1 if "x" in word else 3,
    shrink: Callable[[int, int], int] = lambda side, k: side,
    carries: bool = True,
    read: Callable[[str], list[str]] = str.split,
) -> tuple[Any, Any]:
    """Count parameters and multiply-adds with a rule changed."""
    parameters: Any = 0
    macs: Any = 0
    side, image = size, channels
    for word in read(configuration):
        if word == "M":
            macs += pooled(channels, side)
            side = halve(side)
            continue
        filters, k = int(word.split("x")[-1]), kernel(word)
        side = shrink(side, k)
        before = channels if carries else image
        parameters += weights(before, filters, k, side)
        macs += work(before, filters, k, side)
        channels = filters
    more = last(channels, classes, side)
    return parameters + more[0], macs + more[1]


@count_layers.mistake("The biases are missing: each filter and each class has one parameter more.", BIASES)
def forgets_the_biases(right, *arguments):
    return tally(
        *arguments, weights=lambda c, f, k, side: f * c * k * k, last=lambda c, n, side: (n * c, n * c)
    )


@count_layers.mistake("The biases of the convolutions are missing: each filter has one.", BIASES)
def forgets_the_biases_of_convolutions(right, *arguments):
    return tally(*arguments, weights=lambda c, f, k, side: f * c * k * k)


@count_layers.mistake("The biases of the linear layer are missing: each class has one.", BIASES)
def forgets_the_biases_of_the_linear_layer(right, *arguments):
    return tally(*arguments, last=lambda c, n, side: (n * c, n * c))


@count_layers.mistake("A convolution has one bias for each filter, not one for the whole layer.", BIASES)
def counts_one_bias_a_layer(right, *arguments):
    return tally(
        *arguments,
        weights=lambda c, f, k, side: f * c * k * k + 1,
        last=lambda c, n, side: (n * c + 1, n * c),
    )


@count_layers.mistake("Each weight has a bias here: each filter has one.", BIASES)
def counts_a_bias_for_each_kernel(right, *arguments):
    return tally(*arguments, weights=lambda c, f, k, side: f * c * (k * k + 1))


@count_layers.mistake(
    "The multiply-adds count the biases: a bias is added, and nothing is multiplied.", MEMORY
)
def counts_biases_as_work(right, *arguments):
    return tally(
        *arguments,
        work=lambda c, f, k, side: f * (c * k * k + 1) * side * side,
        last=lambda c, n, side: (n * (c + 1), n * (c + 1)),
    )


@count_layers.mistake(
    "The multiply-adds of the convolutions count the biases: nothing is multiplied there.", MEMORY
)
def counts_biases_of_convolutions_as_work(right, *arguments):
    return tally(*arguments, work=lambda c, f, k, side: f * (c * k * k + 1) * side * side)


@count_layers.mistake(
    "The multiply-adds are those of one pixel: a filter works at every row and column.", MEMORY
)
def counts_the_work_of_one_pixel(right, *arguments):
    return tally(*arguments, work=lambda c, f, k, side: f * c * k * k)


@count_layers.mistake("The multiply-adds are those of one row: multiply by rows and by columns.", MEMORY)
def counts_the_work_of_one_row(right, *arguments):
    return tally(*arguments, work=lambda c, f, k, side: f * c * k * k * side)


@count_layers.mistake("The multiply-adds lack the input channels: each filter is as deep as its input.", FIT)
def counts_work_without_input_channels(right, *arguments):
    return tally(*arguments, work=lambda c, f, k, side: f * k * k * side * side)


@count_layers.mistake(
    "Parameters and multiply-adds lack the input channels: each filter is as deep as its input.", FIT
)
def forgets_input_channels_in_both(right, *arguments):
    return tally(
        *arguments,
        weights=lambda c, f, k, side: f * (k * k + 1),
        work=lambda c, f, k, side: f * k * k * side * side,
    )


@count_layers.mistake("The parameters lack the input channels: each filter is as deep as its input.", FIT)
def counts_parameters_without_input_channels(right, *arguments):
    return tally(*arguments, weights=lambda c, f, k, side: f * (k * k + 1))


@count_layers.mistake("The multiply-adds lack the kernel: each value takes rows times columns of it.", MEMORY)
def counts_work_without_the_kernel(right, *arguments):
    return tally(*arguments, work=lambda c, f, k, side: f * c * side * side)


@count_layers.mistake("The multiply-adds lack the number of filters: each of them does this work.", MEMORY)
def counts_the_work_of_one_filter(right, *arguments):
    return tally(*arguments, work=lambda c, f, k, side: c * k * k * side * side)


@count_layers.mistake("A kernel of 3 x 3 has 9 weights a channel, not 3.", BIASES)
def does_not_square_the_kernel(right, *arguments):
    return tally(
        *arguments,
        weights=lambda c, f, k, side: f * (c * k + 1),
        work=lambda c, f, k, side: f * c * k * side * side,
    )


@count_layers.mistake(
    "Pools change nothing here: behind each there are half as many rows and columns.", MEMORY
)
def ignores_pools(right, *arguments):
    return tally(*arguments, halve=lambda side: side)


@count_layers.mistake("Behind a pool you have a quarter of the rows: it has half of them.", MAX)
def quarters_the_rows(right, *arguments):
    return tally(*arguments, halve=lambda side: side // 4)


@count_layers.mistake("The pools round up: a last row or column without a partner is dropped.", MAX)
def rounds_sizes_up(right, *arguments):
    return tally(*arguments, halve=lambda side: -(-side // 2))


@count_layers.mistake(
    "You divide sizes with `/`, which gives floats: use `//`, which drops the odd row.", TYPES
)
def divides_with_fractions(right, *arguments):
    return tally(*arguments, halve=lambda side: side / 2)


@count_layers.mistake("You return floats: parameters and multiply-adds are whole numbers.", TYPES)
def returns_floats(right, *arguments):
    parameters, macs = tally(*arguments)
    return float(parameters), float(macs)


@count_layers.mistake("The multiply-adds count what pools do: they compare, and multiply nothing.", MEMORY)
def counts_pools_as_work(right, *arguments):
    return tally(*arguments, pooled=lambda c, side: c * (side // 2) ** 2 * 4)


@count_layers.mistake("You count `1x16` as a 3 x 3 convolution: its kernel has one weight a channel.", PIXEL)
def counts_one_by_one_as_three_by_three(right, *arguments):
    return tally(*arguments, kernel=lambda word: 3)


@count_layers.mistake("The entries with an `x` are passed over: `1x16` is a 1 x 1 convolution.", PIXEL)
def does_not_count_one_by_one(right, *arguments):
    return tally(*arguments, read=lambda text: [word for word in text.split() if "x" not in word])


@count_layers.mistake(
    "An entry such as `1x16` cannot be read: take the text behind the `x` before you turn it into a number.",
    PIXEL,
)
def does_not_read_one_by_one(right, *arguments):
    for word in arguments[0].split():
        if word != "M":
            int(word)
    return tally(*arguments)


@count_layers.mistake("The linear layer at the end is missing.", HEADS)
def forgets_the_linear_layer(right, *arguments):
    return tally(*arguments, last=lambda c, n, side: (0, 0))


@count_layers.mistake("The multiply-adds of the linear layer are missing.", HEADS)
def forgets_the_work_of_the_linear_layer(right, *arguments):
    return tally(*arguments, last=lambda c, n, side: (n * (c + 1), 0))


@count_layers.mistake("The parameters of the linear layer are missing.", HEADS)
def forgets_the_parameters_of_the_linear_layer(right, *arguments):
    return tally(*arguments, last=lambda c, n, side: (0, n * c))


@count_layers.mistake(
    "The linear layer reads every cell of the maps: it reads one mean a map, so its input is the channels.",
    MEAN,
)
def flattens_before_the_linear_layer(right, *arguments):
    return tally(*arguments, last=lambda c, n, side: (n * (c * side * side + 1), n * c * side * side))


@count_layers.mistake("The linear layer works at each pixel: it reads the means and works once.", MEAN)
def works_at_each_pixel_at_the_end(right, *arguments):
    return tally(*arguments, last=lambda c, n, side: (n * (c + 1), n * c * side * side))


@count_layers.mistake("The additions of the averaging are counted: nothing is multiplied there.", MEAN)
def counts_the_averaging(right, *arguments):
    return tally(*arguments, last=lambda c, n, side: (n * (c + 1), n * c + c * side * side))


@count_layers.mistake(
    "The maps shrink at each 3 x 3 convolution: with padding 1 they keep their size.", PADDING
)
def counts_without_padding(right, *arguments):
    return tally(*arguments, shrink=lambda side, k: side - k + 1)


@count_layers.mistake(
    "The work is twice as large: one multiply-add is one multiplication and its addition.", MEMORY
)
def counts_two_for_each(right, *arguments):
    parameters, macs = tally(*arguments)
    return parameters, 2 * macs


@count_layers.mistake("The two numbers are in the wrong order: first parameters, then multiply-adds.", MEMORY)
def returns_work_first(right, *arguments):
    return tally(*arguments)[::-1]


@count_layers.mistake(
    "Every convolution takes the channels of the image: each takes what the one before put out.", FIT
)
def counts_with_the_channels_of_the_image(right, *arguments):
    return tally(*arguments, carries=False)


@count_layers.mistake(
    "The parameters are counted at every pixel: all places share one set of weights.", BIASES
)
def counts_weights_at_every_pixel(right, *arguments):
    return tally(*arguments, weights=lambda c, f, k, side: f * (c * k * k + 1) * side * side)


@count_layers.mistake("You count values that are put out: each takes many multiply-adds.", MEMORY)
def counts_values(right, *arguments):
    return tally(
        *arguments, work=lambda c, f, k, side: f * side * side, last=lambda c, n, side: (n * (c + 1), n)
    )


# receptive_field

PLAIN = "3 x 3 convolutions alone"
ONE_POOL = "one pool"
POOLED = "several pools"
TINY = "1 x 1 convolutions"


def field_cases(rng: Rng) -> Iterator[Case]:
    def word() -> str:
        return str(int(rng.integers(3, 70)))

    def case(group: str, *words: str) -> Case:
        return Case(group, {"configuration": " ".join(words)})

    def some(low: int, high: int) -> list[str]:
        return [word() for _ in range(int(rng.integers(low, high)))]

    yield case(PLAIN, "8")
    yield case(PLAIN, "8 8 16")
    yield case(PLAIN, *some(4, 8))
    yield case(ONE_POOL, "8 M")
    yield case(ONE_POOL, "M 8")
    yield case(ONE_POOL, *some(1, 4), "M", *some(2, 5))
    yield case(POOLED, "8 M 16 M 16 M")
    yield case(POOLED, "M M 8 8")
    yield case(POOLED, *some(1, 4), "M", *some(1, 4), "M", *some(1, 4), "M", *some(1, 3))
    yield case(POOLED, VGG_D)
    yield case(TINY, "1x8")
    yield case(TINY, "8 1x4 M 1x16 8 1x4")
    yield case(TINY, *some(1, 4), f"1x{word()}", "M", *some(1, 3), "M", f"1x{word()}", *some(1, 3))


def field_hidden(rng: Rng) -> Iterator[Case]:
    for group, pools, small in ((PLAIN, 0, False), (ONE_POOL, 1, False), (POOLED, 4, False), (TINY, 2, True)):
        yield Case(group, {"configuration": line(rng, pools, small)})


def seen(configuration):
    """Follow one value back, layer by layer, and collect the rows that it needs."""
    rows = {0}
    for word in reversed(configuration.split()):
        if word == "M":
            rows = {2 * row + step for row in rows for step in (0, 1)}
        elif "x" not in word:
            rows = {row + step for row in rows for step in (-1, 0, 1)}
    return len(rows)


receptive_field = Task(
    "receptive_field",
    {PLAIN: 0.5, ONE_POOL: 0.75, POOLED: 1, TINY: 0.75},
    field_cases,
    oracle=seen,
    hidden=field_hidden,
    forbids=FORBIDDEN,
)


def widen(
    configuration: str,
    *,
    start: int = 1,
    conv: Callable[[int, int], int] = lambda k, step: (k - 1) * step,
    pool: Callable[[int], int] = lambda step: step,
    grow: Callable[[int], int] = lambda step: 2 * step,
    small: int = 1,
    read: Callable[[str], list[str]] = str.split,
) -> int:
    """Follow the receptive field through the layers with a rule changed."""
    size, step = start, 1
    for word in read(configuration):
        if word == "M":
            size += pool(step)
            step = grow(step)
        else:
            size += conv(small if "x" in word else 3, step)
    return size


@receptive_field.mistake(
    "The steps between neighbours are missing: behind a pool neighbours lie twice as far apart in the image.",
    SEEN,
)
def ignores_the_steps(right, configuration):
    return widen(configuration, grow=lambda step: step)


@receptive_field.mistake(
    "Pools are left out: each sees two neighbours, and doubles the steps behind it.", SEEN
)
def leaves_out_pools(right, configuration):
    return widen(configuration, pool=lambda step: 0, grow=lambda step: step)


@receptive_field.mistake(
    "The window of the pool is missing: one step more is seen, since it takes two neighbours.", SEEN
)
def leaves_out_the_window_of_the_pool(right, configuration):
    return widen(configuration, pool=lambda step: 0)


@receptive_field.mistake(
    "A pool adds two steps: it adds one, that of its second row, and then the steps double.", SEEN
)
def adds_two_steps_at_a_pool(right, configuration):
    return widen(configuration, pool=lambda step: 2 * step)


@receptive_field.mistake("The field begins with 0: a pixel of the image sees one row, itself.", SEEN)
def begins_with_nothing(right, configuration):
    return widen(configuration, start=0)


@receptive_field.mistake("The field begins with 3: it begins with 1, and the first 3 x 3 adds 2.", SEEN)
def begins_with_three(right, configuration):
    return widen(configuration, start=3)


@receptive_field.mistake(
    "A 3 x 3 convolution adds 3 steps: it adds 2, since one of its rows was there.", THREE
)
def adds_the_whole_kernel(right, configuration):
    return widen(configuration, conv=lambda k, step: k * step if k > 1 else 0)


@receptive_field.mistake(
    "Each layer adds its whole window: it adds one step less, since one of its rows was there.", THREE
)
def adds_every_window_whole(right, configuration):
    return widen(configuration, conv=lambda k, step: k * step, pool=lambda step: 2 * step)


@receptive_field.mistake("A 3 x 3 convolution adds 1 step: it adds one on each side, 2.", THREE)
def adds_one_side(right, configuration):
    return widen(configuration, conv=lambda k, step: (k // 2) * step)


@receptive_field.mistake("You count `1x16` as a 3 x 3 convolution: it sees no neighbours.", PIXEL)
def widens_at_one_by_one(right, configuration):
    return widen(configuration, small=3)


@receptive_field.mistake("A 1 x 1 convolution adds a step: it sees no neighbours and adds nothing.", PIXEL)
def adds_a_step_at_one_by_one(right, configuration):
    return widen(configuration, small=2)


@receptive_field.mistake(
    "Direction and rule do not fit: from the image on, add steps, which pools double; from the last layer back, double the "
    "rows at a pool and add 2 at a 3 x 3.",
    SEEN,
)
def goes_the_wrong_way(right, configuration):
    size = 1
    for word in configuration.split():
        size = 2 * size if word == "M" else size if "x" in word else size + 2
    return size


@receptive_field.mistake("The steps grow by 1 at each pool: they double, so that three pools make 8.", SEEN)
def adds_one_to_the_steps(right, configuration):
    return widen(configuration, grow=lambda step: step + 1)


@receptive_field.mistake("The steps grow by 2 at each pool: they double.", SEEN)
def adds_two_to_the_steps(right, configuration):
    return widen(configuration, grow=lambda step: step + 2)


@receptive_field.mistake(
    "The steps are four times as large behind a pool: they double in each direction.", SEEN
)
def quadruples_the_steps(right, configuration):
    return widen(configuration, grow=lambda step: 4 * step)


@receptive_field.mistake("The steps double at each convolution too: only pools have a stride.", SEEN)
def doubles_at_every_layer(right, configuration):
    size, step = 1, 1
    for word in configuration.split():
        size += step if word == "M" else 0 if "x" in word else 2 * step
        step *= 2
    return size


@receptive_field.mistake("You return rows times columns: asked for are the rows.", SEEN)
def squares_the_field(right, configuration):
    return widen(configuration) ** 2


@receptive_field.mistake(
    "You return the steps between neighbours: asked for are the rows that are seen.", SEEN
)
def returns_the_steps(right, configuration):
    return 2 ** configuration.split().count("M")


@receptive_field.mistake("The field is a product of kernel sizes: they add up, less one each.", THREE)
def multiplies_the_kernels(right, configuration):
    return math.prod(2 if word == "M" else 1 if "x" in word else 3 for word in configuration.split())


@receptive_field.mistake("The last layer is left out: the value lies behind it.", SEEN)
def leaves_out_the_last_layer(right, configuration):
    return widen(configuration, read=lambda text: text.split()[:-1])


@receptive_field.mistake("The first layer is left out: it sees the image.", SEEN)
def leaves_out_the_first_layer(right, configuration):
    return widen(configuration, read=lambda text: text.split()[1:])


@receptive_field.mistake("You return a float: rows are whole numbers.", TYPES)
def returns_a_float(right, configuration):
    return float(widen(configuration))


@receptive_field.mistake(
    "An entry such as `1x16` cannot be read: look for the `x` before you turn the text into a number.", PIXEL
)
def fails_at_one_by_one(right, configuration):
    for word in configuration.split():
        if word != "M":
            int(word)
    return widen(configuration)


TASKS = (vgg, mlpconv, naive, inception, count_layers, receptive_field)
