"""The tasks of ex09: for each one its cases, what they are worth, and the mistakes that learners make.

A wrong module is the right one with parts or the way through them exchanged: ``Pre``, ``Wide``, ``Grow`` and
``Thin`` are the four blocks with named parts. Wrong networks are assembled by the two rules ``residual`` and
``dense``. Oracles are written with torch's functions and bare tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from course_utils.check import Case, Task
from course_utils.grading.inputs import TYPES_AND_LAYOUTS, Array, Rng, fine, numbers, whole

PREACTIVATION = "10_resnet_densenet#The residual module"
RESIDUAL = "10_resnet_densenet#Two kinds of block"
SHORTCUT = "10_resnet_densenet#Shortcuts that change shape"
STRIDE = "10_resnet_densenet#Where the stride sits"
STAGES = "10_resnet_densenet#The table of ResNets"
DENSE = "10_resnet_densenet#Dense connections"
GROWTH_RATE = "10_resnet_densenet#Growth"
TRANSITION = "10_resnet_densenet#Blocks and transitions"
GRADIENT = "10_resnet_densenet#Two ways back"
BATCH_NORM = "09_inception#Batch normalisation"
EVALUATION = "09_inception#Training is not evaluation"
DROPOUT = "07_alexnet#Dropout"
MEAN = "08_deeper_and_smaller#Global average pooling"
SOFTMAX = "05_backprop_through_convolution#Softmax and cross-entropy"
MODULES = "06_lenet#numpy and PyTorch agree"
FIT = "03_convolution_layer#Volumes"
PADDING = "03_convolution_layer#Padding that keeps the size"
BIASES = "03_convolution_layer#Counting parameters"
RELU = "05_backprop_through_convolution#ReLU"
ABOVE = "05_backprop_through_convolution#The gradient from above"
TYPES = "03_convolution_layer#Number types"
AVERAGE = "04_pooling#Average pooling"

FORBIDDEN = ("course_utils.zoo",)
RETURNS = ("parameters", "output", "gradients")
SHARES = {"parameters": 1.0, "output": 2.0, "gradients": 1.0}
NET_RETURNS = ("parameters", "output", "trained", "gradients")


def images(rng: Rng, channels: int, height: int, width: int, count: int = 2) -> dict[str, Any]:
    """Return the inputs of a case that run the module: images, and the seed of its weights."""
    return {"x": numbers(rng, count, channels, height, width), "seed": int(rng.integers(2**31))}


def conv1(in_channels: int, channels: int, stride: int = 1, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(in_channels, channels, 1, stride, **{"bias": False, **options})


def conv3(in_channels: int, channels: int, stride: int = 1, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(in_channels, channels, 3, stride, **{"bias": False, "padding": 1, **options})


def forgetful(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation that uses the batch's own statistics in eval mode too."""
    return nn.BatchNorm2d(channels, track_running_stats=False)


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


class Normal(nn.Module):
    """Batch normalisation and ReLU, written out: the oracles' own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        bare(self, scale=(channels,), shift=(channels,))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x, activate=True):
        mean, variance = self.mean, self.variance
        if self.training:
            count = x.numel() / x.shape[1]
            mean = x.mean(dim=(0, 2, 3))
            variance = ((x - mean[:, None, None]) ** 2).mean(dim=(0, 2, 3))
            self.mean.data = 0.9 * self.mean + 0.1 * mean.detach()
            self.variance.data = 0.9 * self.variance + 0.1 * variance.detach() * count / (count - 1)
        factor = self.scale / torch.sqrt(variance + 1e-5)
        y = (x - mean[:, None, None]) * factor[:, None, None] + self.shift[:, None, None]
        return y * (y > 0) if activate else y


def mixed(x, w):
    """Apply a 1x1 convolution as a product of matrices."""
    return torch.einsum("nchw,fc->nfhw", x, w)


# PreActBlock

SAME = "the same shape"
CHANNELS = "another number of channels"
STRIDED = "stride 2"
BOTH = "stride 2 and another number of channels"


def pre_act_cases(rng: Rng) -> Iterator[Case]:
    def case(group: str, in_channels: int, channels: int, stride: int, height: int, width: int) -> Case:
        arguments = {"in_channels": in_channels, "channels": channels, "stride": stride}
        return Case(group, {**arguments, **images(rng, in_channels, height, width)})

    yield case(SAME, 4, 4, 1, 4, 3)
    yield case(SAME, 3, 3, 1, 5, 5)  # without padding one cell is left, which can be added to any map
    yield case(CHANNELS, 3, 5, 1, 4, 4)
    yield case(CHANNELS, 5, 2, 1, 3, 4)
    yield case(STRIDED, 3, 3, 2, 4, 6)
    yield case(BOTH, 2, 4, 2, 6, 4)
    yield case(BOTH, 4, 3, 2, 5, 7)


def pre_act_hidden(rng: Rng) -> Iterator[Case]:
    for group, stride, other in ((SAME, 1, False), (CHANNELS, 1, True), (STRIDED, 2, False), (BOTH, 2, True)):
        first = int(rng.integers(2, 7))
        second = int(rng.choice([n for n in range(2, 8) if n != first])) if other else first
        arguments = {"in_channels": first, "channels": second, "stride": stride}
        height, width = (int(n) for n in rng.integers(4, 10, 2))
        yield Case(group, {**arguments, **images(rng, first, height, width, int(rng.integers(2, 5)))})


def bare_pre_act_block(in_channels, channels, stride):
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = Normal(in_channels), Normal(channels)
            bare(self, w=(channels, in_channels, 3, 3), v=(channels, channels, 3, 3))
            if (in_channels, 1) != (channels, stride):
                bare(self, p=(channels, in_channels))

        def forward(self, x):
            a = self.first(x)
            y = functional.conv2d(a, self.w, stride=stride, padding=1)
            y = functional.conv2d(self.second(y), self.v, padding=1)
            return y + (mixed(a[:, :, ::stride, ::stride], self.p) if hasattr(self, "p") else x)

    return Bare()


pre_act_block = Task(
    "PreActBlock",
    {SAME: 1.5, CHANNELS: 1.25, STRIDED: 1, BOTH: 1.25},
    pre_act_cases,
    returns=RETURNS,
    shares=SHARES,
    probe="module",
    oracle=bare_pre_act_block,
    hidden=pre_act_hidden,
    forbids=FORBIDDEN,
)


class Pre(Parts):
    """PreActBlock with parts n1, c1, n2, c2 and p, the projection or None."""

    def __init__(self, i: int, c: int, s: int, **changes: Any) -> None:
        parts = {
            "n1": nn.BatchNorm2d(i),
            "c1": conv3(i, c, s),
            "n2": nn.BatchNorm2d(c),
            "c2": conv3(c, c),
            "p": conv1(i, c, s) if (i, 1) != (c, s) else None,
        }
        super().__init__(parts, changes)

    def residual(self, a):
        return self.c2(torch.relu(self.n2(self.c1(a))))

    def shortcut(self, x, a):
        return x if self.p is None else self.p(a)

    def right(self, x):
        a = torch.relu(self.n1(x))
        return self.residual(a) + self.shortcut(x, a)


@pre_act_block.mistake(
    "A ReLU stands behind the addition: with pre-activation nothing does, so that the shortcut stays open.",
    PREACTIVATION,
)
def puts_a_relu_behind_the_addition(right, i, c, s):
    return Pre(i, c, s, way=lambda m, x: torch.relu(Pre.right(m, x)))


@pre_act_block.mistake(
    "You build the block of the first ResNet: here BN and ReLU come before each convolution, not behind it.",
    PREACTIVATION,
)
def normalises_behind_each_convolution(right, i, c, s):
    def way(m, x):
        return torch.relu(m.n2(m.c2(torch.relu(m.n1(m.c1(x))))) + m.shortcut(x, x))

    return Pre(i, c, s, n1=nn.BatchNorm2d(c), way=way)


@pre_act_block.mistake(
    "BN and ReLU stand behind each convolution: with pre-activation they come before it.", PREACTIVATION
)
def normalises_and_activates_behind_each_convolution(right, i, c, s):
    def way(m, x):
        return torch.relu(m.n2(m.c2(torch.relu(m.n1(m.c1(x)))))) + m.shortcut(x, x)

    return Pre(i, c, s, n1=nn.BatchNorm2d(c), way=way)


@pre_act_block.mistake(
    "BN stands behind each convolution: with pre-activation BN and ReLU come before each of them.",
    PREACTIVATION,
)
def normalises_behind_each_convolution_without_a_last_relu(right, i, c, s):
    def way(m, x):
        return m.n2(m.c2(torch.relu(m.n1(m.c1(x))))) + m.shortcut(x, x)

    return Pre(i, c, s, n1=nn.BatchNorm2d(c), way=way)


@pre_act_block.mistake("The projection reads x: it reads a, the input after BN 1 and ReLU.", PREACTIVATION)
def projects_the_input_itself(right, i, c, s):
    return Pre(i, c, s, way=lambda m, x: m.residual(torch.relu(m.n1(x))) + m.shortcut(x, x))


@pre_act_block.mistake(
    "Where the shape stays you add a, the input after BN 1 and ReLU: the shortcut is x itself there.",
    SHORTCUT,
)
def adds_the_activated_input(right, i, c, s):
    def way(m, x):
        a = torch.relu(m.n1(x))
        return m.residual(a) + m.shortcut(a, a)

    return Pre(i, c, s, way=way)


@pre_act_block.mistake(
    "The shortcuts are mixed up: x where the shape stays, and a projection of a where it does not.", SHORTCUT
)
def mixes_up_where_shortcuts_begin(right, i, c, s):
    def way(m, x):
        a = torch.relu(m.n1(x))
        return m.residual(a) + m.shortcut(a, x)

    return Pre(i, c, s, way=way)


@pre_act_block.mistake(
    "The projection reads BN 1 of x without the ReLU: it reads a, which is behind the ReLU.", PREACTIVATION
)
def projects_before_the_relu(right, i, c, s):
    def way(m, x):
        n = m.n1(x)
        return m.residual(torch.relu(n)) + m.shortcut(x, n)

    return Pre(i, c, s, way=way)


@pre_act_block.mistake(
    "There is a projection everywhere: where the shape stays, the shortcut is x itself.", SHORTCUT
)
def projects_everywhere(right, i, c, s):
    return Pre(i, c, s, p=conv1(i, c, s))


@pre_act_block.mistake(
    "Where the shape changes, the two ways do not meet: the shortcut needs a projection there, 1 x 1, without padding, with "
    "the stride of the block.",
    SHORTCUT,
)
def has_no_projection(right, i, c, s):
    return Pre(i, c, s, p=None)


@pre_act_block.mistake(
    "You project only where the stride is 2: another number of channels needs a projection too.", SHORTCUT
)
def projects_for_a_stride_only(right, i, c, s):
    return Pre(i, c, s, **({} if s > 1 else {"p": None}))


@pre_act_block.mistake(
    "You project only where the number of channels changes: a stride of 2 needs a projection too.", SHORTCUT
)
def projects_for_other_channels_only(right, i, c, s):
    return Pre(i, c, s, **({} if i != c else {"p": None}))


@pre_act_block.mistake(
    "You project where the stride is 2 and the channels change: either of the two is enough.", SHORTCUT
)
def projects_where_both_change(right, i, c, s):
    return Pre(i, c, s, **({} if i != c and s > 1 else {"p": None}))


@pre_act_block.mistake("There is no shortcut: add it to what the convolutions make.", SHORTCUT)
def has_no_shortcut(right, i, c, s):
    return Pre(i, c, s, p=None, way=lambda m, x: m.residual(torch.relu(m.n1(x))))


@pre_act_block.mistake(
    "There is no shortcut where the shape changes: the projection is missing there.", SHORTCUT
)
def leaves_the_shortcut_out_where_the_shape_changes(right, i, c, s):
    def way(m, x):
        y = m.residual(torch.relu(m.n1(x)))
        return y + x if (i, 1) == (c, s) else y

    return Pre(i, c, s, p=None, way=way)


@pre_act_block.mistake(
    "You make the projection and do not use it: the shortcut is missing where the shape changes.", SHORTCUT
)
def makes_a_projection_and_does_not_use_it(right, i, c, s):
    def way(m, x):
        y = m.residual(torch.relu(m.n1(x)))
        return y + x if m.p is None else y

    return Pre(i, c, s, way=way)


@pre_act_block.mistake("A BN stands behind the projection: it is a convolution alone.", BATCH_NORM)
def normalises_the_projection(right, i, c, s):
    changes = {"p": nn.Sequential(conv1(i, c, s), nn.BatchNorm2d(c))} if (i, 1) != (c, s) else {}
    return Pre(i, c, s, **changes)


@pre_act_block.mistake(
    "BN and ReLU of its own stand before the projection: it reads the same a as the first convolution.",
    BATCH_NORM,
)
def gives_the_projection_its_own_batch_norm(right, i, c, s):
    def way(m, x):
        y = m.residual(torch.relu(m.n1(x)))
        return y + (x if m.p is None else m.p(x))

    changes = {"p": nn.Sequential(nn.BatchNorm2d(i), nn.ReLU(), conv1(i, c, s))} if (i, 1) != (c, s) else {}
    return Pre(i, c, s, way=way, **changes)


@pre_act_block.mistake("The projection is a 3 x 3 convolution: it has 1 x 1.", SHORTCUT)
def projects_with_a_kernel_of_three(right, i, c, s):
    return Pre(i, c, s, **({"p": conv3(i, c, s)} if (i, 1) != (c, s) else {}))


@pre_act_block.mistake("The stride is in the second 3 x 3 convolution: the first one has it.", STRIDE)
def puts_the_stride_into_the_second_convolution(right, i, c, s):
    return Pre(i, c, s, c1=conv3(i, c), c2=conv3(c, c, s))


@pre_act_block.mistake(
    "With stride 2 the two ways do not meet: conv 1 and the projection have the stride, conv 2 does not.",
    STRIDE,
)
def has_the_stride_on_one_way_only(right, i, c, s):
    return Pre(i, c, s, c2=conv3(c, c, s))


@pre_act_block.mistake("The block has no stride anywhere: conv 1 and the projection move by it.", STRIDE)
def has_no_stride(right, i, c, s):
    return Pre(i, c, s, c1=conv3(i, c), **({"p": conv1(i, c)} if (i, 1) != (c, s) else {}))


@pre_act_block.mistake(
    "The 3 x 3 convolutions are not padded: each then loses two rows and columns.", PADDING
)
def does_not_pad(right, i, c, s):
    return Pre(i, c, s, c1=conv3(i, c, s, padding=0), c2=conv3(c, c, padding=0))


@pre_act_block.mistake("The convolutions have biases: switch them off with `bias=False`.", BIASES)
def keeps_the_biases(right, i, c, s):
    changes = {"p": conv1(i, c, s, bias=True)} if (i, 1) != (c, s) else {}
    return Pre(i, c, s, c1=conv3(i, c, s, bias=True), c2=conv3(c, c, bias=True), **changes)


@pre_act_block.mistake("The projection has a bias: switch it off with `bias=False`.", BIASES)
def keeps_the_bias_of_the_projection(right, i, c, s):
    return Pre(i, c, s, **({"p": conv1(i, c, s, bias=True)} if (i, 1) != (c, s) else {}))


@pre_act_block.mistake("The 3 x 3 convolutions have biases: switch them off with `bias=False`.", BIASES)
def keeps_the_biases_of_the_convolutions(right, i, c, s):
    return Pre(i, c, s, c1=conv3(i, c, s, bias=True), c2=conv3(c, c, bias=True))


@pre_act_block.mistake("The second convolution has a bias: switch it off with `bias=False`.", BIASES)
def keeps_the_bias_of_the_second_convolution(right, i, c, s):
    return Pre(i, c, s, c2=conv3(c, c, bias=True))


@pre_act_block.mistake("The first BN is missing: BN and ReLU come before each convolution.", BATCH_NORM)
def leaves_out_the_first_batch_norm(right, i, c, s):
    return Pre(i, c, s, n1=nn.Identity())


@pre_act_block.mistake("The second BN is missing: BN and ReLU come before each convolution.", BATCH_NORM)
def leaves_out_the_second_batch_norm(right, i, c, s):
    return Pre(i, c, s, n2=nn.Identity())


@pre_act_block.mistake("Both BNs are missing: BN and ReLU come before each convolution.", BATCH_NORM)
def leaves_out_batch_norm(right, i, c, s):
    return Pre(i, c, s, n1=nn.Identity(), n2=nn.Identity())


@pre_act_block.mistake(
    "A third BN stands at the end: two are enough, and nothing follows the second convolution.", BATCH_NORM
)
def normalises_at_the_end_too(right, i, c, s):
    return Pre(i, c, s, c2=nn.Sequential(conv3(c, c), nn.BatchNorm2d(c)))


@pre_act_block.mistake(
    "One BN is used in both places: each place has its own statistics and weights, so make two.", BATCH_NORM
)
def uses_one_batch_norm_twice(right, i, c, s):
    norm = nn.BatchNorm2d(i)
    return Pre(i, c, s, n1=norm, n2=norm)


@pre_act_block.mistake(
    "One convolution is used twice: the two have weights of their own, so make two.", PREACTIVATION
)
def uses_one_convolution_twice(right, i, c, s):
    conv = conv3(i, c, s)
    return Pre(i, c, s, c1=conv, c2=conv)


@pre_act_block.mistake("The first ReLU is missing: BN and ReLU come before each convolution.", PREACTIVATION)
def leaves_out_the_first_relu(right, i, c, s):
    def way(m, x):
        a = m.n1(x)
        return m.residual(a) + m.shortcut(x, a)

    return Pre(i, c, s, way=way)


@pre_act_block.mistake("The second ReLU is missing: BN and ReLU come before each convolution.", PREACTIVATION)
def leaves_out_the_second_relu(right, i, c, s):
    def way(m, x):
        a = torch.relu(m.n1(x))
        return m.c2(m.n2(m.c1(a))) + m.shortcut(x, a)

    return Pre(i, c, s, way=way)


@pre_act_block.mistake("Both ReLUs are missing: BN and ReLU come before each convolution.", PREACTIVATION)
def leaves_out_both_relus(right, i, c, s):
    def way(m, x):
        a = m.n1(x)
        return m.c2(m.n2(m.c1(a))) + m.shortcut(x, a)

    return Pre(i, c, s, way=way)


@pre_act_block.mistake("ReLU comes before BN: normalise first, then cut.", PREACTIVATION)
def cuts_before_it_normalises(right, i, c, s):
    def way(m, x):
        a = m.n1(torch.relu(x))
        return m.c2(m.n2(torch.relu(m.c1(a)))) + m.shortcut(x, a)

    return Pre(i, c, s, way=way)


@pre_act_block.mistake("You multiply where you must add: y = shortcut + F.", SHORTCUT)
def multiplies_by_the_shortcut(right, i, c, s):
    def way(m, x):
        a = torch.relu(m.n1(x))
        return m.residual(a) * m.shortcut(x, a)

    return Pre(i, c, s, way=way)


@pre_act_block.mistake("You join where you must add: y = shortcut + F has `channels` maps.", SHORTCUT)
def joins_instead_of_adding(right, i, c, s):
    def way(m, x):
        a = torch.relu(m.n1(x))
        return torch.cat([m.shortcut(x, a), m.residual(a)], dim=1)

    return Pre(i, c, s, way=way)


@pre_act_block.mistake(
    "BN uses the statistics of the batch in eval mode too: make an nn.BatchNorm2d, which remembers them.",
    EVALUATION,
)
def does_not_keep_running_statistics(right, i, c, s):
    return Pre(i, c, s, n1=forgetful(i), n2=forgetful(c))


@pre_act_block.mistake(
    "BN has no weights: leave `affine` as it is, so that it can scale and shift.", BATCH_NORM
)
def switches_the_weights_of_batch_norm_off(right, i, c, s):
    return Pre(i, c, s, n1=nn.BatchNorm2d(i, affine=False), n2=nn.BatchNorm2d(c, affine=False))


@pre_act_block.mistake(
    "Where the channels change, a layer is made for a wrong number of them: BN 1, conv 1 and the projection see "
    "`in_channels`, BN 2 and conv 2 see `channels`.",
    FIT,
)
def makes_the_first_batch_norm_for_the_output(right, i, c, s):
    return Pre(i, c, s, n1=nn.BatchNorm2d(c))


@pre_act_block.mistake(
    "Every case ends in an error, mostly since shapes do not fit: 3 x 3 convolutions need `padding=1`, 1 x 1 none; BN 1 and "
    "conv 1 see `in_channels`, BN 2 and conv 2 see `channels`.",
    FIT,
)
def has_layers_that_do_not_fit(right, i, c, s):
    return Pre(i, c, s, c2=conv3(c, c, padding=0))


@pre_act_block.mistake(
    "Layers lie in a plain list, where PyTorch does not find their weights: use nn.ModuleList or nn.Sequential.",
    MODULES,
)
def keeps_layers_in_a_plain_list(right, i, c, s):
    block = Pre(i, c, s)
    block.kept = [conv3(c, c)]
    return block


# BottleneckD


def bottleneck_cases(rng: Rng) -> Iterator[Case]:
    def case(group: str, in_channels: int, channels: int, stride: int, height: int, width: int) -> Case:
        arguments = {"in_channels": in_channels, "channels": channels, "stride": stride}
        return Case(group, {**arguments, **images(rng, in_channels, height, width)})

    yield case(SAME, 8, 2, 1, 4, 3)
    yield case(SAME, 4, 1, 1, 3, 3)  # without padding one cell is left, which can be added to any map
    yield case(CHANNELS, 3, 2, 1, 4, 3)
    yield case(CHANNELS, 2, 2, 1, 3, 4)  # as many as the 3x3 convolution has
    yield case(STRIDED, 8, 2, 2, 4, 4)
    yield case(BOTH, 3, 2, 2, 4, 6)
    yield case(BOTH, 6, 1, 2, 6, 4)


def bottleneck_hidden(rng: Rng) -> Iterator[Case]:
    for group, stride, other in ((SAME, 1, False), (CHANNELS, 1, True), (STRIDED, 2, False), (BOTH, 2, True)):
        channels = int(rng.integers(1, 4))
        many = range(2, 15)
        first = int(rng.choice([n for n in many if n != 4 * channels])) if other else 4 * channels
        arguments = {"in_channels": first, "channels": channels, "stride": stride}
        height, width = (2 * int(n) for n in rng.integers(2, 5, 2))
        yield Case(group, {**arguments, **images(rng, first, height, width, int(rng.integers(2, 5)))})


def bare_bottleneck(in_channels, channels, stride):
    wide = 4 * channels

    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.n1, self.n2, self.n3 = Normal(channels), Normal(channels), Normal(wide)
            bare(self, w1=(channels, in_channels), w2=(channels, channels, 3, 3), w3=(wide, channels))
            if (in_channels, 1) != (wide, stride):
                self.n = Normal(wide)
                bare(self, p=(wide, in_channels))

        def forward(self, x):
            y = self.n1(mixed(x, self.w1))
            y = self.n2(functional.conv2d(y, self.w2, stride=stride, padding=1))
            y = self.n3(mixed(y, self.w3), activate=False)
            if hasattr(self, "p"):
                n, c, h, w = x.shape
                cells = x.reshape(n, c, h // stride, stride, w // stride, stride)
                x = self.n(mixed(cells.mean(dim=(3, 5)), self.p), activate=False)
            return (x + y).clamp(min=0)

    return Bare()


bottleneck = Task(
    "BottleneckD",
    {SAME: 1.25, CHANNELS: 1.25, STRIDED: 1, BOTH: 1.5},
    bottleneck_cases,
    returns=RETURNS,
    shares=SHARES,
    probe="module",
    oracle=bare_bottleneck,
    hidden=bottleneck_hidden,
    forbids=FORBIDDEN,
)


class Wide(Parts):
    """BottleneckD with parts c1, n1, c2, n2, c3, n3 and the shortcut's pool, p and n, each of them or None."""

    def __init__(self, i: int, c: int, s: int, **changes: Any) -> None:
        w = changes.pop("wide", 4 * c)
        shrinks, projects = s > 1, changes.pop("projects", (i, 1) != (w, s))
        parts = {
            "c1": conv1(i, c),
            "n1": nn.BatchNorm2d(c),
            "c2": conv3(c, c, s),
            "n2": nn.BatchNorm2d(c),
            "c3": conv1(c, w),
            "n3": nn.BatchNorm2d(w),
        }
        around = {
            "pool": nn.AvgPool2d(2) if shrinks else None,
            "p": conv1(i, w),
            "n": nn.BatchNorm2d(w),
        }
        around = {name: changes.pop(name, part) for name, part in around.items()}
        super().__init__(parts | (around if projects else {}), changes)

    def residual(self, x):
        y = torch.relu(self.n1(self.c1(x)))
        y = torch.relu(self.n2(self.c2(y)))
        return self.n3(self.c3(y))

    def shortcut(self, x):
        for name in ("pool", "p", "n"):
            part = getattr(self, name, None)
            x = x if part is None else part(x)
        return x

    def right(self, x):
        return torch.relu(self.residual(x) + self.shortcut(x))


@bottleneck.mistake("The stride is in the first 1 x 1 convolution: here the 3 x 3 one has it.", STRIDE)
def puts_the_stride_into_the_first_convolution(right, i, c, s):
    return Wide(i, c, s, c1=conv1(i, c, s), c2=conv3(c, c))


@bottleneck.mistake("The stride is in the last 1 x 1 convolution: the 3 x 3 one has it.", STRIDE)
def puts_the_stride_into_the_last_convolution(right, i, c, s):
    return Wide(i, c, s, c2=conv3(c, c), c3=conv1(c, 4 * c, s))


@bottleneck.mistake(
    "The shortcut is that of the first ResNet, 1 x 1 with stride 2: average 2 x 2 cells, then convolve with stride 1.",
    SHORTCUT,
)
def projects_with_stride_two(right, i, c, s):
    return Wide(i, c, s, pool=None, p=conv1(i, 4 * c, s))


@bottleneck.mistake("The shortcut takes the maximum of 2 x 2 cells: it takes their average.", AVERAGE)
def takes_the_maximum_in_the_shortcut(right, i, c, s):
    return Wide(i, c, s, pool=nn.MaxPool2d(2) if s > 1 else None)


@bottleneck.mistake(
    "With stride 2 the two ways do not meet: the 3 x 3 convolution moves by 2, and on the shortcut the pooling alone does.",
    STRIDE,
)
def halves_one_way_once_more(right, i, c, s):
    return Wide(i, c, s, p=conv1(i, 4 * c, s))


@bottleneck.mistake(
    "Nothing moves by 2: the 3 x 3 convolution has the stride, and the shortcut pools.", STRIDE
)
def ignores_the_stride(right, i, c, s):
    return Wide(i, c, s, pool=None, c2=conv3(c, c))


@bottleneck.mistake("The average pooling of the shortcut has a window of 3 x 3: it has 2 x 2.", AVERAGE)
def averages_nine_cells(right, i, c, s):
    return Wide(i, c, s, pool=nn.AvgPool2d(3, 2, padding=1) if s > 1 else None)


@bottleneck.mistake(
    "You average in the shortcut with stride 1 too: there the 1 x 1 convolution reads x as it is.", AVERAGE
)
def averages_with_stride_one_too(right, i, c, s):
    return Wide(i, c, s, pool=nn.AvgPool2d(2) if s > 1 else nn.AvgPool2d(3, 1, padding=1))


@bottleneck.mistake("The BN of the shortcut is missing.", BATCH_NORM)
def leaves_out_the_batch_norm_of_the_shortcut(right, i, c, s):
    return Wide(i, c, s, n=None)


@bottleneck.mistake("The shortcut pools at its end: it pools before the convolution and BN.", SHORTCUT)
def pools_at_the_end_of_the_shortcut(right, i, c, s):
    return Wide(i, c, s, pool=None, n=nn.Sequential(nn.BatchNorm2d(4 * c), nn.AvgPool2d(s)))


@bottleneck.mistake("A ReLU stands on the shortcut: the only ReLU behind it is that of the sum.", SHORTCUT)
def puts_a_relu_on_the_shortcut(right, i, c, s):
    return Wide(i, c, s, n=nn.Sequential(nn.BatchNorm2d(4 * c), nn.ReLU()))


@bottleneck.mistake("The last BN is missing: one stands behind each convolution.", BATCH_NORM)
def leaves_out_the_last_batch_norm(right, i, c, s):
    return Wide(i, c, s, n3=nn.Identity())


@bottleneck.mistake("The BN between the 3 x 3 convolution and its ReLU is missing.", BATCH_NORM)
def leaves_out_the_middle_batch_norm(right, i, c, s):
    return Wide(i, c, s, n2=nn.Identity())


@bottleneck.mistake("All BNs are missing: one stands behind each convolution.", BATCH_NORM)
def leaves_out_all_batch_norms(right, i, c, s):
    return Wide(i, c, s, n1=nn.Identity(), n2=nn.Identity(), n3=nn.Identity(), n=None)


@bottleneck.mistake(
    "The ReLU at the end is taken of F before the addition: it is taken of the sum.", SHORTCUT
)
def cuts_before_the_addition(right, i, c, s):
    return Wide(i, c, s, way=lambda m, x: torch.relu(m.residual(x)) + m.shortcut(x))


@bottleneck.mistake("A ReLU too many: F is not cut before the addition, only the sum is.", SHORTCUT)
def cuts_before_and_behind_the_addition(right, i, c, s):
    return Wide(i, c, s, way=lambda m, x: torch.relu(torch.relu(m.residual(x)) + m.shortcut(x)))


@bottleneck.mistake("The ReLU behind the addition is missing.", SHORTCUT)
def leaves_out_the_last_relu(right, i, c, s):
    return Wide(i, c, s, way=lambda m, x: m.residual(x) + m.shortcut(x))


@bottleneck.mistake("The ReLU behind the first BN is missing.", SHORTCUT)
def leaves_out_the_first_relu_of_the_bottleneck(right, i, c, s):
    def way(m, x):
        y = torch.relu(m.n2(m.c2(m.n1(m.c1(x)))))
        return torch.relu(m.n3(m.c3(y)) + m.shortcut(x))

    return Wide(i, c, s, way=way)


@bottleneck.mistake("The ReLU behind the second BN is missing.", SHORTCUT)
def leaves_out_the_second_relu_of_the_bottleneck(right, i, c, s):
    def way(m, x):
        y = m.n2(m.c2(torch.relu(m.n1(m.c1(x)))))
        return torch.relu(m.n3(m.c3(y)) + m.shortcut(x))

    return Wide(i, c, s, way=way)


@bottleneck.mistake("Both ReLUs between the convolutions are missing.", SHORTCUT)
def leaves_out_the_relus_between(right, i, c, s):
    def way(m, x):
        return torch.relu(m.n3(m.c3(m.n2(m.c2(m.n1(m.c1(x)))))) + m.shortcut(x))

    return Wide(i, c, s, way=way)


@bottleneck.mistake("ReLU comes before BN: behind a convolution normalise first, then cut.", BATCH_NORM)
def cuts_before_it_normalises_in_the_bottleneck(right, i, c, s):
    def way(m, x):
        y = m.n1(torch.relu(m.c1(x)))
        y = m.n2(torch.relu(m.c2(y)))
        return torch.relu(m.n3(m.c3(y)) + m.shortcut(x))

    return Wide(i, c, s, way=way)


@bottleneck.mistake(
    "The block puts out `channels` maps: the last 1 x 1 convolution makes `4 * channels` of them.", RESIDUAL
)
def does_not_widen(right, i, c, s):
    return Wide(i, c, s, wide=c)


@bottleneck.mistake(
    "`channels` is taken for the output: it is the width of the 3 x 3 convolution, the output has four times as many.",
    RESIDUAL,
)
def takes_channels_for_the_output(right, i, c, s):
    m = -(-c // 4)
    return Wide(i, m, s, wide=c)


@bottleneck.mistake(
    "The 3 x 3 convolution has `4 * channels` maps: the bottleneck is narrow, and only the last 1 x 1 widens.",
    RESIDUAL,
)
def is_wide_in_the_middle(right, i, c, s):
    w = 4 * c
    parts = {"c1": conv1(i, w), "n1": nn.BatchNorm2d(w), "c2": conv3(w, w, s), "n2": nn.BatchNorm2d(w)}
    return Wide(i, c, s, c3=conv1(w, w), **parts)


@bottleneck.mistake(
    "There is a projection everywhere: where the shape stays, the shortcut is x itself.", SHORTCUT
)
def projects_in_every_bottleneck(right, i, c, s):
    return Wide(i, c, s, projects=True)


@bottleneck.mistake(
    "Where the shape changes, the two ways do not meet: the shortcut needs a 1 x 1 convolution to `4 * channels` there, "
    "without padding, and with stride 2 a pooling before it.",
    SHORTCUT,
)
def has_no_projection_in_the_bottleneck(right, i, c, s):
    return Wide(i, c, s, projects=False)


@bottleneck.mistake(
    "You project only where the stride is 2: with stride 1 other channels need a projection too.", SHORTCUT
)
def projects_in_the_bottleneck_for_a_stride_only(right, i, c, s):
    return Wide(i, c, s, projects=s > 1)


@bottleneck.mistake(
    "You project only where the number of channels changes: with stride 2 as many channels need it too.",
    SHORTCUT,
)
def projects_in_the_bottleneck_for_other_channels_only(right, i, c, s):
    return Wide(i, c, s, projects=i != 4 * c)


@bottleneck.mistake(
    "With stride 2 and as many channels you pool and do not convolve: pooling, convolution and BN belong together.",
    SHORTCUT,
)
def pools_alone_where_the_channels_stay(right, i, c, s):
    return Wide(i, c, s, **({"p": None, "n": None} if i == 4 * c else {}))


@bottleneck.mistake(
    "You compare `in_channels` with `channels`: the output has `4 * channels`, and that is what counts.",
    SHORTCUT,
)
def compares_with_the_narrow_width(right, i, c, s):
    return Wide(i, c, s, projects=s > 1 or i != c)


@bottleneck.mistake("There is no shortcut: add it to F before the last ReLU.", SHORTCUT)
def has_no_shortcut_in_the_bottleneck(right, i, c, s):
    return Wide(i, c, s, projects=False, way=lambda m, x: torch.relu(m.residual(x)))


@bottleneck.mistake("The 3 x 3 convolution is not padded: it then loses two rows and columns.", PADDING)
def does_not_pad_the_bottleneck(right, i, c, s):
    return Wide(i, c, s, c2=conv3(c, c, s, padding=0))


@bottleneck.mistake("The convolutions have biases: switch them off with `bias=False`.", BIASES)
def keeps_the_biases_of_the_bottleneck(right, i, c, s):
    w = 4 * c
    changes = {"c1": conv1(i, c, bias=True), "c2": conv3(c, c, s, bias=True), "c3": conv1(c, w, bias=True)}
    return Wide(i, c, s, p=conv1(i, w, bias=True), **changes)


@bottleneck.mistake("The convolution of the shortcut has a bias: switch it off with `bias=False`.", BIASES)
def keeps_the_bias_of_the_shortcut(right, i, c, s):
    return Wide(i, c, s, p=conv1(i, 4 * c, bias=True))


@bottleneck.mistake("The convolutions of F have biases: switch them off with `bias=False`.", BIASES)
def keeps_the_biases_of_the_residual(right, i, c, s):
    w = 4 * c
    changes = {"c1": conv1(i, c, bias=True), "c2": conv3(c, c, s, bias=True), "c3": conv1(c, w, bias=True)}
    return Wide(i, c, s, **changes)


@bottleneck.mistake(
    "One BN is used behind the first two convolutions: each place has its own, so make two.", BATCH_NORM
)
def uses_one_batch_norm_for_two_places(right, i, c, s):
    norm = nn.BatchNorm2d(c)
    return Wide(i, c, s, n1=norm, n2=norm)


@bottleneck.mistake(
    "F and the shortcut share their last BN: each place has its own, so make two.", BATCH_NORM
)
def shares_the_batch_norm_of_both_ways(right, i, c, s):
    norm = nn.BatchNorm2d(4 * c)
    return Wide(i, c, s, n3=norm, n=norm)


@bottleneck.mistake(
    "You add first and normalise the sum: each way has its BN, and then the two are added.", BATCH_NORM
)
def normalises_the_sum(right, i, c, s):
    def way(m, x):
        y = torch.relu(m.n2(m.c2(torch.relu(m.n1(m.c1(x))))))
        return torch.relu(m.n3(m.c3(y) + m.shortcut(x)))

    return Wide(i, c, s, n=None, way=way)


@bottleneck.mistake(
    "The convolution in the middle has 1 x 1: it has 3 x 3, and is the only one that looks around.", RESIDUAL
)
def convolves_one_by_one_in_the_middle(right, i, c, s):
    return Wide(i, c, s, c2=conv1(c, c, s))


@bottleneck.mistake(
    "BN and ReLU come before each convolution, as in task 1: in this block they come behind it.", RESIDUAL
)
def builds_the_bottleneck_with_pre_activation(right, i, c, s):
    def way(m, x):
        a = torch.relu(m.n1(x))
        y = m.c3(torch.relu(m.n3(m.c2(torch.relu(m.n2(m.c1(a)))))))
        return y + (m.shortcut(a) if m.p is not None else x)

    changes: dict[str, Any] = {"n1": nn.BatchNorm2d(i), "n3": nn.BatchNorm2d(c)}
    if (i, 1) == (4 * c, s):
        changes |= {"projects": True, "pool": None, "p": None}
    return Wide(i, c, s, n=None, way=way, **changes)


@bottleneck.mistake(
    "BN uses the statistics of the batch in eval mode too: make an nn.BatchNorm2d, which remembers them.",
    EVALUATION,
)
def does_not_keep_the_statistics_of_the_bottleneck(right, i, c, s):
    return Wide(i, c, s, n1=forgetful(c), n2=forgetful(c), n3=forgetful(4 * c), n=forgetful(4 * c))


@bottleneck.mistake(
    "Every case ends in an error, mostly since shapes do not fit: the 3 x 3 convolution needs `padding=1`, those of 1 x 1 "
    "none; follow the channels from layer to layer.",
    FIT,
)
def has_layers_that_do_not_fit_in_the_bottleneck(right, i, c, s):
    return Wide(i, c, s, c1=conv1(i, c, padding=1))


@bottleneck.mistake(
    "Layers lie in a plain list, where PyTorch does not find their weights: use nn.ModuleList or nn.Sequential.",
    MODULES,
)
def keeps_layers_of_the_bottleneck_in_a_plain_list(right, i, c, s):
    block = Wide(i, c, s)
    block.kept = [conv1(i, c)]
    return block


# resnet

ONE_STAGE = "one stage"
SEVERAL = "several stages"
UNEQUAL = "stages of different length"


def resnet_case(
    rng: Rng, group: str, blocks: tuple[int, ...], width: int, classes: int, channels: int, *size: int
) -> Case:
    arguments = {"blocks": blocks, "width": width, "num_classes": classes, "in_channels": channels}
    return Case(group, {**arguments, **images(rng, channels, *size)})


def resnet_cases(rng: Rng) -> Iterator[Case]:
    yield resnet_case(rng, ONE_STAGE, (1,), 4, 3, 1, 4, 5)
    yield resnet_case(rng, ONE_STAGE, (2,), 3, 5, 2, 4, 4)
    yield resnet_case(rng, SEVERAL, (1, 1), 3, 4, 1, 6, 8)
    yield resnet_case(rng, SEVERAL, (2, 2), 2, 3, 3, 6, 6)
    yield resnet_case(rng, SEVERAL, (1, 1), 3, 2, 1, 2, 2)  # one cell is left: nothing to average
    yield resnet_case(rng, UNEQUAL, (1, 2), 4, 3, 1, 7, 6)
    yield resnet_case(rng, UNEQUAL, (3, 1, 2), 2, 4, 4, 8, 10)


def resnet_hidden(rng: Rng) -> Iterator[Case]:
    for group, stages in ((ONE_STAGE, 1), (SEVERAL, 3), (UNEQUAL, 3)):
        count = int(rng.integers(1, 3))
        blocks = tuple(int(n) for n in rng.permutation(stages) + 1) if group == UNEQUAL else (count,) * stages
        width, classes, channels = (int(n) for n in rng.integers((2, 2, 1), (5, 8, 5)))
        size = (int(n) for n in rng.integers(8, 13, 2))
        yield resnet_case(rng, group, blocks, width, classes, channels, *size)


class Head(nn.Module):
    """Batch normalisation, ReLU, mean and linear layer, with bare tensors, for the oracles."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = Normal(channels)
        bare(self, w=(classes, channels), b=(classes,))

    def forward(self, x):
        return self.norm(x).flatten(2).mean(dim=2) @ self.w.T + self.b


class Stem(nn.Module):
    """A 3x3 convolution with a bare tensor, for the oracles."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        bare(self, w=(channels, in_channels, 3, 3))

    def forward(self, x):
        return functional.conv2d(x, self.w, padding=1)


def bare_resnet(blocks, width, num_classes, in_channels):
    widths = [width * 2**stage for stage, count in enumerate(blocks) for _ in range(count)]
    strides = [1 + (a != b) for a, b in zip([width, *widths], widths, strict=False)]
    parts = map(bare_pre_act_block, [width, *widths], widths, strides)
    return nn.Sequential(Stem(in_channels, width), *parts, Head(widths[-1], num_classes))


resnet = Task(
    "resnet",
    {ONE_STAGE: 1, SEVERAL: 2, UNEQUAL: 2},
    resnet_cases,
    returns=NET_RETURNS,
    probe="module",
    oracle=bare_resnet,
    hidden=resnet_hidden,
    forbids=FORBIDDEN,
)


def head(
    channels: int,
    classes: int,
    *,
    norm: bool = True,
    relu: bool = True,
    pool: nn.Module | None = None,
    last: Callable[[int, int], nn.Module] = nn.Linear,
) -> list[nn.Module]:
    """Return the parts behind the last block, with a rule changed."""
    parts: list[nn.Module] = [nn.BatchNorm2d(channels)] if norm else []
    parts += [nn.ReLU()] if relu else []
    return [*parts, pool or nn.AdaptiveAvgPool2d(1), nn.Flatten(), last(channels, classes)]


def residual(
    blocks: tuple[int, ...],
    width: int,
    classes: int,
    in_channels: int,
    *,
    block: Callable[[int, int, int], nn.Module] = Pre,
    stem: Callable[[int, int], list[nn.Module]] = lambda i, c: [conv3(i, c)],
    widths: Callable[[int, int], int] = lambda width, stage: width * 2**stage,
    stride: Callable[[int, int, int], int] = lambda stage, number, count: 2 if stage and not number else 1,
    counts: Callable[[tuple[int, ...]], list[int]] = list,
    again: bool = False,
    end: Callable[[int, int], list[nn.Module]] = head,
) -> nn.Module:
    """Assemble a residual network with a rule changed."""
    parts = stem(in_channels, width)
    before = width
    for stage, count in enumerate(counts(blocks)):
        after = widths(width, stage)
        for number in range(count):
            if again and number > 1:
                parts.append(parts[-1])  # the same object once more
                continue
            parts.append(block(before, after, stride(stage, number, count)))
            before = after
    return nn.Sequential(*parts, *end(before, classes))


@resnet.mistake("Every stage begins with stride 2: the first one keeps the size of the images.", STAGES)
def halves_in_the_first_stage_too(right, *arguments):
    return residual(*arguments, stride=lambda stage, number, count: 2 if not number else 1)


@resnet.mistake("No block has a stride: the first block of each stage but the first has stride 2.", STAGES)
def never_halves(right, *arguments):
    return residual(*arguments, stride=lambda *_: 1)


@resnet.mistake("Every block of the later stages has stride 2: only the first block of a stage does.", STAGES)
def halves_in_every_block_of_later_stages(right, *arguments):
    return residual(*arguments, stride=lambda stage, number, count: 2 if stage else 1)


@resnet.mistake("Every block has stride 2: only the first one of each stage but the first does.", STAGES)
def halves_in_every_block(right, *arguments):
    return residual(*arguments, stride=lambda *_: 2)


@resnet.mistake(
    "The last block of a stage has the stride: the first block of the later stages has it.", STAGES
)
def halves_in_the_last_block_of_a_stage(right, *arguments):
    return residual(*arguments, stride=lambda stage, number, count: 2 if stage and number == count - 1 else 1)


@resnet.mistake("You halve at the end of each stage: the first block of the next one has the stride.", STAGES)
def halves_at_the_end_of_a_stage(right, blocks, *arguments):
    def stride(stage, number, count):
        return 2 if number == count - 1 and stage < len(blocks) - 1 else 1

    return residual(blocks, *arguments, stride=stride)


@resnet.mistake(
    "Stride 2 stands at the first block of the first stage only: it is the first stage that has none.", STAGES
)
def halves_in_the_first_stage_only(right, *arguments):
    return residual(*arguments, stride=lambda stage, number, count: 1 if stage or number else 2)


@resnet.mistake("All stages have `width` channels: each has twice as many as the one before.", STAGES)
def keeps_the_width(right, *arguments):
    return residual(*arguments, widths=lambda width, stage: width)


@resnet.mistake(
    "The width grows by `width` from stage to stage: it doubles, so the third stage has 4 * width.", STAGES
)
def adds_the_width_in_each_stage(right, *arguments):
    return residual(*arguments, widths=lambda width, stage: width * (stage + 1))


@resnet.mistake("The first stage has `2 * width` channels already: it has `width`.", STAGES)
def doubles_in_the_first_stage_too(right, *arguments):
    return residual(*arguments, widths=lambda width, stage: width * 2 ** (stage + 1))


@resnet.mistake("The width is four times as large in each stage: it doubles.", STAGES)
def quadruples_the_width(right, *arguments):
    return residual(*arguments, widths=lambda width, stage: width * 4**stage)


@resnet.mistake("Every block doubles the channels: only the first block of a later stage does.", STAGES)
def doubles_in_every_block(right, blocks, width, classes, in_channels):
    parts: list[nn.Module] = [conv3(in_channels, width)]
    before = width
    for stage, count in enumerate(blocks):
        for number in range(count):
            after = 2 * before if stage else before
            parts.append(Pre(before, after, 2 if stage and not number else 1))
            before = after
    return nn.Sequential(*parts, *head(before, classes))


@resnet.mistake("Each stage lacks a block: the numbers in `blocks` count the first one too.", STAGES)
def builds_one_block_less(right, *arguments):
    return residual(*arguments, counts=lambda blocks: [max(n - 1, 1) for n in blocks])


@resnet.mistake("Each stage has a block too many: the numbers in `blocks` count the first one too.", STAGES)
def builds_one_block_more(right, *arguments):
    return residual(*arguments, counts=lambda blocks: [n + 1 for n in blocks])


@resnet.mistake("All stages have `blocks[0]` blocks: stage s has `blocks[s]`.", STAGES)
def takes_the_first_number_for_all_stages(right, *arguments):
    return residual(*arguments, counts=lambda blocks: [blocks[0]] * len(blocks))


@resnet.mistake("Every stage has one block: stage s has `blocks[s]`.", STAGES)
def builds_one_block_a_stage(right, *arguments):
    return residual(*arguments, counts=lambda blocks: [1] * len(blocks))


@resnet.mistake("There are always three stages: there are as many as `blocks` has numbers.", STAGES)
def builds_three_stages_always(right, *arguments):
    return residual(*arguments, counts=lambda blocks: [*blocks, 1, 1, 1][:3])


@resnet.mistake("The last stage is missing.", STAGES)
def leaves_out_the_last_stage(right, *arguments):
    return residual(*arguments, counts=lambda blocks: list(blocks[:-1]))


@resnet.mistake("The stages stand in the wrong order: `blocks[0]` belongs to the first one.", STAGES)
def reads_the_numbers_of_blocks_backwards(right, *arguments):
    return residual(*arguments, counts=lambda blocks: list(blocks[::-1]))


@resnet.mistake(
    "Blocks of a stage are one object used again and again, with the same weights: build a new one in each round.",
    STAGES,
)
def uses_one_block_again_and_again(right, blocks, width, classes, in_channels):
    parts: list[nn.Module] = [conv3(in_channels, width)]
    before = width
    for stage, count in enumerate(blocks):
        after = width * 2**stage
        first = Pre(before, after, 2 if stage else 1)
        others = [Pre(after, after, 1)] * (count - 1) if stage else [first] * (count - 1)
        parts += [first, *others]
        before = after
    return nn.Sequential(*parts, *head(before, classes))


@resnet.mistake(
    "Behind the first one the blocks of a stage are one object, with the same weights: build a new one each time.",
    STAGES,
)
def repeats_the_second_block(right, *arguments):
    return residual(*arguments, again=True)


@resnet.mistake("BN and ReLU stand behind the stem: the first block begins with them.", PREACTIVATION)
def activates_behind_the_stem(right, *arguments):
    return residual(*arguments, stem=lambda i, c: [conv3(i, c), nn.BatchNorm2d(c), nn.ReLU()])


@resnet.mistake("A BN stands behind the stem: the first block begins with one.", PREACTIVATION)
def normalises_behind_the_stem(right, *arguments):
    return residual(*arguments, stem=lambda i, c: [conv3(i, c), nn.BatchNorm2d(c)])


@resnet.mistake("A ReLU stands behind the stem: nothing does, the first block begins with BN.", PREACTIVATION)
def puts_a_relu_behind_the_stem(right, *arguments):
    return residual(*arguments, stem=lambda i, c: [conv3(i, c), nn.ReLU()])


@resnet.mistake("The stem has a bias: switch it off with `bias=False`.", BIASES)
def keeps_the_bias_of_the_stem(right, *arguments):
    return residual(*arguments, stem=lambda i, c: [conv3(i, c, bias=True)])


@resnet.mistake(
    "The stem is that for large images, 7 x 7 with stride 2 and a max pooling: here it is 3 x 3 with stride 1.",
    STAGES,
)
def begins_as_for_large_images(right, *arguments):
    def stem(i, c):
        return [nn.Conv2d(i, c, 7, 2, padding=3, bias=False), nn.MaxPool2d(3, 2, padding=1)]

    return residual(*arguments, stem=stem)


@resnet.mistake("The stem has stride 2: it keeps the size of the images.", STAGES)
def halves_in_the_stem(right, *arguments):
    return residual(*arguments, stem=lambda i, c: [conv3(i, c, 2)])


@resnet.mistake("The stem is a 1 x 1 convolution: it is 3 x 3.", STAGES)
def begins_with_one_by_one(right, *arguments):
    return residual(*arguments, stem=lambda i, c: [conv1(i, c)])


@resnet.mistake("The stem is not padded: the maps lose two rows and columns.", PADDING)
def does_not_pad_the_stem(right, *arguments):
    return residual(*arguments, stem=lambda i, c: [conv3(i, c, padding=0)])


@resnet.mistake(
    "BN and ReLU of the head are missing: the last block ends with an addition, so they come behind it.",
    PREACTIVATION,
)
def ends_without_batch_norm_and_relu(right, *arguments):
    return residual(*arguments, end=lambda c, n: head(c, n, norm=False, relu=False))


@resnet.mistake("The ReLU of the head is missing.", PREACTIVATION)
def ends_without_relu(right, *arguments):
    return residual(*arguments, end=lambda c, n: head(c, n, relu=False))


@resnet.mistake("The BN of the head is missing: it comes before the ReLU.", PREACTIVATION)
def ends_without_batch_norm(right, *arguments):
    return residual(*arguments, end=lambda c, n: head(c, n, norm=False))


@resnet.mistake("The head takes the maximum over rows and columns: it takes the mean.", MEAN)
def ends_with_the_maximum(right, *arguments):
    return residual(*arguments, end=lambda c, n: head(c, n, pool=nn.AdaptiveMaxPool2d(1)))


class Total(nn.Module):
    """The sum over rows and columns."""

    def forward(self, x):
        return x.sum(dim=(2, 3))


@resnet.mistake(
    "The head flattens maps of several cells: average over rows and columns first, so that any size of image fits.",
    MEAN,
)
def flattens_instead_of_averaging(right, *arguments):
    return residual(*arguments, end=lambda c, n: head(c, n, pool=nn.Identity()))


@resnet.mistake(
    "The head averages windows of 4 x 4: average over all rows and columns, so that any size of image fits.",
    MEAN,
)
def averages_windows_of_four(right, *arguments):
    return residual(*arguments, end=lambda c, n: head(c, n, pool=nn.AvgPool2d(4)))


@resnet.mistake("The head adds up rows and columns: it takes their mean.", MEAN)
def ends_with_the_sum(right, *arguments):
    return residual(*arguments, end=lambda c, n: head(c, n, pool=Total()))


class Early(nn.Module):
    """The mean of a map before batch normalisation and ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return torch.relu(self.norm(x.mean(dim=(2, 3), keepdim=True)))


@resnet.mistake("The mean is taken before BN and ReLU: they come first.", MEAN)
def takes_the_mean_first(right, *arguments):
    return residual(*arguments, end=lambda c, n: [Early(c), nn.Flatten(), nn.Linear(c, n)])


@resnet.mistake("The linear layer has no bias: it has one.", BIASES)
def leaves_out_the_bias_of_the_linear_layer(right, *arguments):
    return residual(*arguments, end=lambda c, n: head(c, n, last=lambda a, b: nn.Linear(a, b, bias=False)))


@resnet.mistake("The network ends with a softmax: it returns logits.", SOFTMAX)
def ends_with_softmax(right, *arguments):
    return residual(*arguments, end=lambda c, n: [*head(c, n), nn.Softmax(dim=1)])


@resnet.mistake("The network ends with the logarithm of a softmax: it returns logits.", SOFTMAX)
def ends_with_log_softmax(right, *arguments):
    return residual(*arguments, end=lambda c, n: [*head(c, n), nn.LogSoftmax(dim=1)])


@resnet.mistake("A dropout stands before the linear layer: there is none in this network.", DROPOUT)
def drops_out_before_the_linear_layer(right, *arguments):
    def last(a, b):
        return nn.Sequential(nn.Dropout(0.5), nn.Linear(a, b))

    return residual(*arguments, end=lambda c, n: head(c, n, last=last))


@resnet.mistake("A ReLU stands behind the linear layer: logits may be negative.", SOFTMAX)
def cuts_the_logits(right, *arguments):
    return residual(*arguments, end=lambda c, n: [*head(c, n), nn.ReLU()])


@resnet.mistake("The network always has 10 classes: it has `num_classes`.", STAGES)
def has_ten_classes(right, blocks, width, classes, in_channels):
    return residual(blocks, width, 10, in_channels)


@resnet.mistake("The stem always takes 3 channels: it takes `in_channels`.", STAGES)
def takes_three_channels_always(right, blocks, width, classes, in_channels):
    return residual(blocks, width, classes, 3)


@resnet.mistake(
    "Between stages the channels do not fit: the first block of a stage gets what the stage before puts out.",
    FIT,
)
def forgets_the_channels_of_the_stage_before(right, *arguments):
    def block(before, after, stride):
        return Pre(after, after, stride)

    return residual(*arguments, block=block)


@resnet.mistake(
    "Every case ends in an error, mostly since parts do not fit: follow the shape from part to part, and give the linear "
    "layer (N, channels), without axes of rows and columns.",
    FIT,
)
def has_parts_that_do_not_fit(right, *arguments):
    return residual(
        *arguments, end=lambda c, n: [part for part in head(c, n) if not isinstance(part, nn.Flatten)]
    )


@resnet.mistake("The arguments are mixed up: `num_classes` comes before `in_channels`.", STAGES)
def swaps_classes_and_channels(right, blocks, width, classes, in_channels):
    return residual(blocks, width, in_channels, classes)


class Post(nn.Module):
    """The basic block of the first ResNet."""

    def __init__(self, i: int, c: int, s: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv3(i, c, s), nn.BatchNorm2d(c), nn.ReLU(), conv3(c, c), nn.BatchNorm2d(c)
        )
        shape = (i, 1) != (c, s)
        self.around = nn.Sequential(conv1(i, c, s), nn.BatchNorm2d(c)) if shape else nn.Identity()

    def forward(self, x):
        return torch.relu(self.body(x) + self.around(x))


@resnet.mistake("The blocks are those of the first ResNet: assemble your PreActBlock.", PREACTIVATION)
def uses_the_blocks_of_the_first_resnet(right, *arguments):
    return residual(*arguments, block=Post)


@resnet.mistake(
    "This is the first ResNet, with BN and ReLU behind convolutions and none in the head: use your PreActBlock.",
    PREACTIVATION,
)
def builds_the_first_resnet(right, *arguments):
    return residual(
        *arguments,
        block=Post,
        stem=lambda i, c: [conv3(i, c), nn.BatchNorm2d(c), nn.ReLU()],
        end=lambda c, n: head(c, n, norm=False, relu=False),
    )


class Listed(nn.Module):
    """A module that keeps its parts where PyTorch does not look."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.parts = list(net)  # type: ignore[call-overload]

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return x


@resnet.mistake(
    "Blocks lie in a plain list, where PyTorch does not find their weights: use nn.ModuleList or nn.Sequential.",
    MODULES,
)
def keeps_blocks_in_a_plain_list(right, *arguments):
    return Listed(residual(*arguments))


def carry(network: Task, block: Task, names: tuple[str, ...], build: Callable[..., nn.Module]) -> None:
    """Add mistakes of a block's task to those of a network that is assembled rightly from such blocks."""
    for mistake in block.mistakes:
        if mistake.name in names:

            def answer(right, *arguments, wrong=mistake.answer):
                return build(*arguments, partial(wrong, right))

            answer.__name__ = f"{mistake.name} in its parts"
            why = f"The network is put together rightly, and its parts are not, so mend {block.name} first. {mistake.why}"
            network.mistake(why, mistake.section)(answer)


carry(
    resnet,
    pre_act_block,
    (
        "puts a relu behind the addition",
        "normalises behind each convolution",
        "projects the input itself",
        "adds the activated input",
        "projects everywhere",
        "normalises the projection",
        "keeps the biases",
        "puts the stride into the second convolution",
        "leaves out the second relu",
        "makes a projection and does not use it",
    ),
    lambda blocks, width, classes, in_channels, block: residual(
        blocks, width, classes, in_channels, block=block
    ),
)


# DenseLayer

FACTORS = "bottlenecks of different width"
GROWTH = "growth rates"
AS_MANY = "as many new maps as old ones"


def dense_layer_case(rng: Rng, group: str, channels: int, growth: int, factor: int, *size: int) -> Case:
    arguments = {"in_channels": channels, "growth_rate": growth, "factor": factor}
    return Case(group, {**arguments, **images(rng, channels, *size)})


def dense_layer_cases(rng: Rng) -> Iterator[Case]:
    yield dense_layer_case(rng, GROWTH, 4, 2, 2, 4, 4)
    yield dense_layer_case(rng, GROWTH, 2, 3, 2, 3, 5)
    yield dense_layer_case(rng, GROWTH, 3, 1, 2, 4, 3)
    yield dense_layer_case(rng, FACTORS, 5, 2, 4, 4, 4)
    yield dense_layer_case(rng, FACTORS, 3, 2, 1, 4, 3)
    yield dense_layer_case(rng, AS_MANY, 3, 3, 3, 3, 4)
    yield dense_layer_case(rng, AS_MANY, 2, 2, 1, 4, 4)


def dense_layer_hidden(rng: Rng) -> Iterator[Case]:
    for group in (GROWTH, FACTORS, AS_MANY):
        growth, factor, channels = (int(n) for n in rng.integers((1, 1, 3), (5, 5, 8)))
        if group == AS_MANY:
            growth, channels = growth + 1, growth + 1
        size = (int(n) for n in rng.integers(4, 9, 2))
        yield dense_layer_case(rng, group, channels, growth, factor, *size)


def bare_dense_layer(in_channels, growth_rate, factor):
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            middle = factor * growth_rate
            self.n1, self.n2 = Normal(in_channels), Normal(middle)
            bare(self, w=(middle, in_channels), v=(growth_rate, middle, 3, 3))

        def forward(self, x):
            new = functional.conv2d(self.n2(mixed(self.n1(x), self.w)), self.v, padding=1)
            y = x.new_zeros(len(x), in_channels + growth_rate, *x.shape[2:])
            y[:, :in_channels] = x
            y[:, in_channels:] = new
            return y

    return Bare()


dense_layer = Task(
    "DenseLayer",
    {GROWTH: 2, FACTORS: 1, AS_MANY: 1},
    dense_layer_cases,
    returns=RETURNS,
    shares=SHARES,
    probe="module",
    oracle=bare_dense_layer,
    hidden=dense_layer_hidden,
    forbids=FORBIDDEN,
)


class Grow(Parts):
    """DenseLayer with parts n1, c1, n2, c2."""

    def __init__(self, i: int, g: int, f: int, **changes: Any) -> None:
        middle = changes.pop("middle", f * g)
        parts: dict[str, nn.Module | None] = {
            "n1": nn.BatchNorm2d(i),
            "c1": conv1(i, middle),
            "n2": nn.BatchNorm2d(middle),
            "c2": conv3(middle, g),
        }
        super().__init__(parts, changes)

    def new(self, x):
        return self.c2(torch.relu(self.n2(self.c1(torch.relu(self.n1(x))))))

    def right(self, x):
        return torch.cat([x, self.new(x)], dim=1)


@dense_layer.mistake("You return the new maps alone: join them to the input.", DENSE)
def returns_the_new_maps_only(right, i, g, f):
    return Grow(i, g, f, way=Grow.new)


@dense_layer.mistake("The new maps come first: the input comes first, then the new maps.", DENSE)
def puts_the_new_maps_first(right, i, g, f):
    return Grow(i, g, f, way=lambda m, x: torch.cat([m.new(x), x], dim=1))


@dense_layer.mistake("You join along the batch, axis 0: channels are axis 1.", DENSE)
def joins_along_the_batch(right, i, g, f):
    return Grow(i, g, f, way=lambda m, x: torch.cat([x, m.new(x)], dim=0))


@dense_layer.mistake("You join along rows, axis 2: channels are axis 1.", DENSE)
def joins_along_rows(right, i, g, f):
    return Grow(i, g, f, way=lambda m, x: torch.cat([x, m.new(x)], dim=2))


@dense_layer.mistake("You join along columns, the last axis: channels are axis 1.", DENSE)
def joins_along_columns(right, i, g, f):
    return Grow(i, g, f, way=lambda m, x: torch.cat([x, m.new(x)], dim=3))


@dense_layer.mistake("You add, as in a residual block: a dense layer joins.", DENSE)
def adds_the_new_maps(right, i, g, f):
    return Grow(i, g, f, way=lambda m, x: x + m.new(x))


@dense_layer.mistake("You hand on what BN and ReLU made of the input: join the new maps to x itself.", DENSE)
def hands_on_the_activated_input(right, i, g, f):
    def way(m, x):
        a = torch.relu(m.n1(x))
        return torch.cat([a, m.c2(torch.relu(m.n2(m.c1(a))))], dim=1)

    return Grow(i, g, f, way=way)


@dense_layer.mistake("You hand on the maps of the bottleneck too: only x and the new maps are joined.", DENSE)
def hands_on_the_bottleneck_too(right, i, g, f):
    def way(m, x):
        middle = m.c1(torch.relu(m.n1(x)))
        return torch.cat([x, middle, m.c2(torch.relu(m.n2(middle)))], dim=1)

    return Grow(i, g, f, way=way)


@dense_layer.mistake("A ReLU stands behind the joining: nothing does, the next layer begins with BN.", DENSE)
def cuts_behind_the_joining(right, i, g, f):
    return Grow(i, g, f, way=lambda m, x: torch.relu(Grow.right(m, x)))


@dense_layer.mistake(
    "A ReLU stands behind the last convolution: the next layer begins with BN and ReLU.", DENSE
)
def cuts_the_new_maps(right, i, g, f):
    return Grow(i, g, f, way=lambda m, x: torch.cat([x, torch.relu(m.new(x))], dim=1))


@dense_layer.mistake(
    "BN and ReLU stand behind each convolution: here they come before it, as in task 1.", PREACTIVATION
)
def normalises_new_maps_behind_each_convolution(right, i, g, f):
    def way(m, x):
        new = torch.relu(m.n2(m.c2(torch.relu(m.n1(m.c1(x))))))
        return torch.cat([x, new], dim=1)

    return Grow(i, g, f, n1=nn.BatchNorm2d(f * g), n2=nn.BatchNorm2d(g), way=way)


@dense_layer.mistake("BN stands behind each convolution: BN and ReLU come before it.", PREACTIVATION)
def normalises_new_maps_behind_without_a_last_relu(right, i, g, f):
    def way(m, x):
        return torch.cat([x, m.n2(m.c2(torch.relu(m.n1(m.c1(x)))))], dim=1)

    return Grow(i, g, f, n1=nn.BatchNorm2d(f * g), n2=nn.BatchNorm2d(g), way=way)


@dense_layer.mistake(
    "The bottleneck is missing: a 1 x 1 convolution to factor * growth_rate maps comes before the 3 x 3 one.",
    DENSE,
)
def leaves_out_the_bottleneck(right, i, g, f):
    def way(m, x):
        return torch.cat([x, m.c2(torch.relu(m.n1(x)))], dim=1)

    return Grow(i, g, f, c1=None, n2=None, c2=conv3(i, g), way=way)


@dense_layer.mistake(
    "The bottleneck always has 4 * growth_rate maps: it has factor * growth_rate.", GROWTH_RATE
)
def always_takes_four_for_the_factor(right, i, g, f):
    return Grow(i, g, f, middle=4 * g)


@dense_layer.mistake("The bottleneck has growth_rate maps: it has factor * growth_rate.", GROWTH_RATE)
def ignores_the_factor(right, i, g, f):
    return Grow(i, g, f, middle=g)


@dense_layer.mistake("The bottleneck has `factor` maps: it has factor * growth_rate.", GROWTH_RATE)
def takes_the_factor_for_a_width(right, i, g, f):
    return Grow(i, g, f, middle=f)


@dense_layer.mistake(
    "The bottleneck has factor * in_channels maps: it has factor * growth_rate.", GROWTH_RATE
)
def multiplies_the_input_channels(right, i, g, f):
    return Grow(i, g, f, middle=f * i)


@dense_layer.mistake("The arguments are mixed up: `growth_rate` comes before `factor`.", GROWTH_RATE)
def swaps_growth_rate_and_factor(right, i, g, f):
    return Grow(i, f, g)


@dense_layer.mistake(
    "The layer adds factor * growth_rate maps: the 3 x 3 convolution puts out growth_rate.", GROWTH_RATE
)
def grows_by_the_bottleneck(right, i, g, f):
    return Grow(i, g, f, c2=conv3(f * g, f * g))


@dense_layer.mistake("The layer adds as many maps as it is given: it adds growth_rate.", GROWTH_RATE)
def doubles_the_channels(right, i, g, f):
    return Grow(i, g, f, c2=conv3(f * g, i))


@dense_layer.mistake("3 x 3 comes before 1 x 1: the bottleneck comes first.", DENSE)
def convolves_three_by_three_first(right, i, g, f):
    return Grow(i, g, f, c1=conv3(i, f * g), c2=conv1(f * g, g))


@dense_layer.mistake("Both convolutions have 3 x 3: the first one, the bottleneck, has 1 x 1.", DENSE)
def convolves_three_by_three_twice(right, i, g, f):
    return Grow(i, g, f, c1=conv3(i, f * g))


@dense_layer.mistake("Both convolutions have 1 x 1: the second one has 3 x 3.", DENSE)
def convolves_one_by_one_twice(right, i, g, f):
    return Grow(i, g, f, c2=conv1(f * g, g))


@dense_layer.mistake("The convolutions have biases: switch them off with `bias=False`.", BIASES)
def keeps_the_biases_of_the_dense_layer(right, i, g, f):
    return Grow(i, g, f, c1=conv1(i, f * g, bias=True), c2=conv3(f * g, g, bias=True))


@dense_layer.mistake("The last convolution has a bias: switch it off with `bias=False`.", BIASES)
def keeps_the_bias_of_the_last_convolution(right, i, g, f):
    return Grow(i, g, f, c2=conv3(f * g, g, bias=True))


@dense_layer.mistake("The first BN is missing: BN and ReLU come before each convolution.", BATCH_NORM)
def leaves_out_the_first_batch_norm_of_the_layer(right, i, g, f):
    return Grow(i, g, f, n1=nn.Identity())


@dense_layer.mistake("The second BN is missing: BN and ReLU come before each convolution.", BATCH_NORM)
def leaves_out_the_second_batch_norm_of_the_layer(right, i, g, f):
    return Grow(i, g, f, n2=nn.Identity())


@dense_layer.mistake("Both BNs are missing: BN and ReLU come before each convolution.", BATCH_NORM)
def leaves_out_the_batch_norms_of_the_layer(right, i, g, f):
    return Grow(i, g, f, n1=nn.Identity(), n2=nn.Identity())


@dense_layer.mistake(
    "A third BN stands behind the last convolution: the next layer begins with one.", BATCH_NORM
)
def normalises_the_new_maps_too(right, i, g, f):
    return Grow(i, g, f, c2=nn.Sequential(conv3(f * g, g), nn.BatchNorm2d(g)))


@dense_layer.mistake("The first ReLU is missing: BN and ReLU come before each convolution.", DENSE)
def leaves_out_the_first_relu_of_the_layer(right, i, g, f):
    def way(m, x):
        return torch.cat([x, m.c2(torch.relu(m.n2(m.c1(m.n1(x)))))], dim=1)

    return Grow(i, g, f, way=way)


@dense_layer.mistake("The second ReLU is missing: BN and ReLU come before each convolution.", DENSE)
def leaves_out_the_second_relu_of_the_layer(right, i, g, f):
    def way(m, x):
        return torch.cat([x, m.c2(m.n2(m.c1(torch.relu(m.n1(x)))))], dim=1)

    return Grow(i, g, f, way=way)


@dense_layer.mistake("Both ReLUs are missing: BN and ReLU come before each convolution.", DENSE)
def leaves_out_the_relus_of_the_layer(right, i, g, f):
    return Grow(i, g, f, way=lambda m, x: torch.cat([x, m.c2(m.n2(m.c1(m.n1(x))))], dim=1))


@dense_layer.mistake("ReLU comes before BN: normalise first, then cut.", DENSE)
def cuts_before_it_normalises_in_the_layer(right, i, g, f):
    def way(m, x):
        return torch.cat([x, m.c2(m.n2(torch.relu(m.c1(m.n1(torch.relu(x))))))], dim=1)

    return Grow(i, g, f, way=way)


@dense_layer.mistake(
    "BN uses the statistics of the batch in eval mode too: make an nn.BatchNorm2d, which remembers them.",
    EVALUATION,
)
def does_not_keep_the_statistics_of_the_layer(right, i, g, f):
    return Grow(i, g, f, n1=forgetful(i), n2=forgetful(f * g))


@dense_layer.mistake(
    "Every case ends in an error, mostly since shapes do not fit: maps that are joined need the same rows and columns, so pad "
    "the 3 x 3 convolution by 1 and the 1 x 1 not at all; BN 2 sees factor * growth_rate channels.",
    PADDING,
)
def has_maps_that_do_not_fit(right, i, g, f):
    return Grow(i, g, f, c2=conv3(f * g, g, padding=0))


@dense_layer.mistake(
    "Layers lie in a plain list, where PyTorch does not find their weights: use nn.ModuleList or nn.Sequential.",
    MODULES,
)
def keeps_the_chain_in_a_plain_list(right, i, g, f):
    layer = Grow(i, g, f)
    layer.kept = [conv1(i, g)]
    return layer


# Transition

HALF = "half of the channels"
SHARE = "other shares"
FRACTIONS = "fractions of a channel"
ODD = "rows and columns that no window covers"


def transition_case(rng: Rng, group: str, channels: int, compression: float, *size: int) -> Case:
    return Case(group, {"in_channels": channels, "compression": compression, **images(rng, channels, *size)})


def transition_cases(rng: Rng) -> Iterator[Case]:
    yield transition_case(rng, HALF, 6, 0.5, 4, 4)
    yield transition_case(rng, HALF, 4, 0.5, 6, 4)
    yield transition_case(rng, SHARE, 4, 0.75, 4, 4)
    yield transition_case(rng, SHARE, 8, 0.25, 4, 6)
    yield transition_case(rng, SHARE, 3, 1.0, 4, 4)
    yield transition_case(rng, FRACTIONS, 7, 0.5, 4, 4)
    yield transition_case(rng, FRACTIONS, 5, 0.25, 6, 4)
    yield transition_case(rng, ODD, 4, 0.5, 5, 7)


def transition_hidden(rng: Rng) -> Iterator[Case]:
    for group in (HALF, SHARE, FRACTIONS, ODD):
        size = 2 * rng.integers(2, 5, 2) + (1 if group == ODD else 0)
        channels = 4 * int(rng.integers(1, 4)) + (3 if group == FRACTIONS else 0)
        compression = float(rng.choice([0.25, 0.75])) if group == SHARE else 0.5
        yield transition_case(rng, group, channels, compression, *map(int, size))


def bare_transition(in_channels, compression):
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.n = Normal(in_channels)
            bare(self, w=(int(np.floor(compression * in_channels)), in_channels))

        def forward(self, x):
            y = mixed(self.n(x), self.w)
            h, w = (size - size % 2 for size in y.shape[2:])
            y = y[:, :, :h, :w]
            return sum(y[:, :, i::2, j::2] for i in range(2) for j in range(2)) / 4

    return Bare()


transition = Task(
    "Transition",
    {HALF: 0.75, SHARE: 0.5, FRACTIONS: 0.5, ODD: 0.25},
    transition_cases,
    returns=RETURNS,
    shares=SHARES,
    probe="module",
    oracle=bare_transition,
    hidden=transition_hidden,
    forbids=FORBIDDEN,
)


class Thin(Parts):
    """Transition with parts n, c and pool."""

    def __init__(self, i: int, t: float, **changes: Any) -> None:
        kept = changes.pop("kept", int(t * i))
        parts: dict[str, nn.Module | None] = {
            "n": nn.BatchNorm2d(i),
            "c": conv1(i, kept),
            "pool": nn.AvgPool2d(2),
        }
        super().__init__(parts, changes)

    def right(self, x):
        return self.pool(self.c(torch.relu(self.n(x))))


@transition.mistake("It pools with the maximum: a transition takes the average.", TRANSITION)
def pools_with_the_maximum(right, i, t):
    return Thin(i, t, pool=nn.MaxPool2d(2))


@transition.mistake("The pooling is missing: rows and columns are halved by it.", TRANSITION)
def does_not_pool(right, i, t):
    return Thin(i, t, pool=nn.Identity())


@transition.mistake("A stride of the convolution halves the maps: average 2 x 2 cells instead.", TRANSITION)
def halves_with_a_stride(right, i, t):
    return Thin(i, t, c=conv1(i, int(t * i), 2), pool=nn.Identity())


@transition.mistake("The window of the pooling has 3 x 3 cells: it has 2 x 2.", TRANSITION)
def pools_nine_cells(right, i, t):
    return Thin(i, t, pool=nn.AvgPool2d(3, 2, padding=1))


@transition.mistake("The windows of the pooling overlap: they move by 2.", TRANSITION)
def moves_the_window_by_one(right, i, t):
    return Thin(i, t, pool=nn.AvgPool2d(2, 1))


@transition.mistake(
    "At the end you pool windows that are not full: a row or column that no window covers is dropped.",
    AVERAGE,
)
def pools_windows_that_are_not_full(right, i, t):
    return Thin(i, t, pool=nn.AvgPool2d(2, ceil_mode=True))


@transition.mistake("The whole map is averaged: the windows of the pooling have 2 x 2 cells.", TRANSITION)
def averages_the_whole_map(right, i, t):
    return Thin(i, t, pool=nn.AdaptiveAvgPool2d(1))


@transition.mistake("You always keep half of the channels: keep int(compression * in_channels).", TRANSITION)
def always_keeps_half(right, i, t):
    return Thin(i, t, kept=i // 2)


@transition.mistake("All channels stay: keep int(compression * in_channels) of them.", TRANSITION)
def keeps_all_channels(right, i, t):
    return Thin(i, t, kept=i)


@transition.mistake("You round the number of channels: int(...) cuts the fraction off.", TRANSITION)
def rounds_the_number_of_channels(right, i, t):
    return Thin(i, t, kept=round(t * i))


@transition.mistake("You round the number of channels up: int(...) cuts the fraction off.", TRANSITION)
def rounds_the_number_of_channels_up(right, i, t):
    return Thin(i, t, kept=int(np.ceil(t * i)))


@transition.mistake(
    "You drop the share `compression` of the channels: it is the share that stays.", TRANSITION
)
def drops_the_share(right, i, t):
    return Thin(i, t, kept=max(i - int(t * i), 1))


@transition.mistake("You divide by compression: it is the share of the channels that stays.", TRANSITION)
def divides_by_the_compression(right, i, t):
    return Thin(i, t, kept=int(i / t))


@transition.mistake("The BN is missing: it comes first.", BATCH_NORM)
def leaves_out_the_batch_norm(right, i, t):
    return Thin(i, t, n=nn.Identity())


@transition.mistake("BN is made for the channels that stay: it comes first, and sees `in_channels`.", FIT)
def makes_the_batch_norm_for_the_output(right, i, t):
    return Thin(i, t, n=nn.BatchNorm2d(int(t * i)))


@transition.mistake("The ReLU is missing: it stands between BN and the convolution.", TRANSITION)
def leaves_out_the_relu(right, i, t):
    return Thin(i, t, way=lambda m, x: m.pool(m.c(m.n(x))))


@transition.mistake("BN and ReLU are missing: they come before the convolution.", TRANSITION)
def leaves_out_batch_norm_and_relu(right, i, t):
    return Thin(i, t, n=nn.Identity(), way=lambda m, x: m.pool(m.c(x)))


@transition.mistake("The convolution is missing its 1 x 1: you convolve with 3 x 3.", TRANSITION)
def convolves_with_three_by_three(right, i, t):
    return Thin(i, t, c=conv3(i, int(t * i)))


@transition.mistake("The convolution has a bias: switch it off with `bias=False`.", BIASES)
def keeps_the_bias_of_the_transition(right, i, t):
    return Thin(i, t, c=conv1(i, int(t * i), bias=True))


@transition.mistake("BN and ReLU stand behind the convolution: they come before it.", PREACTIVATION)
def normalises_behind_the_convolution(right, i, t):
    return Thin(i, t, n=nn.BatchNorm2d(int(t * i)), way=lambda m, x: m.pool(torch.relu(m.n(m.c(x)))))


@transition.mistake("ReLU comes before BN: normalise first, then cut.", TRANSITION)
def cuts_before_it_normalises_in_the_transition(right, i, t):
    return Thin(i, t, way=lambda m, x: m.pool(m.c(m.n(torch.relu(x)))))


@transition.mistake(
    "A ReLU stands behind the convolution: the next block begins with BN and ReLU.", TRANSITION
)
def cuts_behind_the_convolution(right, i, t):
    return Thin(i, t, way=lambda m, x: m.pool(torch.relu(m.c(torch.relu(m.n(x))))))


@transition.mistake("You pool before BN and ReLU: they come first.", TRANSITION)
def pools_first(right, i, t):
    return Thin(i, t, way=lambda m, x: m.c(torch.relu(m.n(m.pool(x)))))


@transition.mistake(
    "BN uses the statistics of the batch in eval mode too: make an nn.BatchNorm2d, which remembers them.",
    EVALUATION,
)
def does_not_keep_the_statistics_of_the_transition(right, i, t):
    return Thin(i, t, n=forgetful(i))


@transition.mistake(
    "Layers lie in a plain list, where PyTorch does not find their weights: use nn.ModuleList or nn.Sequential.",
    MODULES,
)
def keeps_the_transition_in_a_plain_list(right, i, t):
    module = Thin(i, t)
    module.kept = [conv1(i, 1)]
    return module


# densenet

ONE_BLOCK = "one block"
TWO_BLOCKS = "two blocks"
MORE_BLOCKS = "three blocks, and another compression"


def densenet_case(
    rng: Rng,
    group: str,
    blocks: tuple[int, ...],
    growth: int,
    compression: float,
    classes: int,
    channels: int,
    *size: int,
) -> Case:
    arguments = {
        "blocks": blocks,
        "growth_rate": growth,
        "compression": compression,
        "num_classes": classes,
        "in_channels": channels,
    }
    return Case(group, {**arguments, **images(rng, channels, *size)})


def densenet_cases(rng: Rng) -> Iterator[Case]:
    yield densenet_case(rng, ONE_BLOCK, (1,), 2, 0.5, 3, 1, 4, 5)
    yield densenet_case(rng, ONE_BLOCK, (3,), 3, 0.5, 4, 2, 4, 4)
    yield densenet_case(rng, TWO_BLOCKS, (2, 1), 3, 0.5, 5, 1, 4, 6)
    yield densenet_case(rng, TWO_BLOCKS, (1, 2), 1, 0.5, 2, 3, 6, 5)
    yield densenet_case(rng, TWO_BLOCKS, (1, 1), 2, 0.5, 4, 1, 2, 2)  # one cell is left: nothing to average
    yield densenet_case(rng, MORE_BLOCKS, (1, 1, 1), 3, 0.25, 4, 2, 8, 8)
    yield densenet_case(rng, MORE_BLOCKS, (2, 1, 3), 2, 0.75, 4, 1, 8, 9)


def densenet_hidden(rng: Rng) -> Iterator[Case]:
    for group, count in ((ONE_BLOCK, 1), (TWO_BLOCKS, 2), (MORE_BLOCKS, 3)):
        blocks = tuple(int(n) for n in rng.integers(1, 4, count))
        growth, classes, channels = (int(n) for n in rng.integers((3, 2, 1), (5, 8, 5)))
        compression = float(rng.choice([0.25, 0.75])) if group == MORE_BLOCKS else 0.5
        size = (int(n) for n in rng.integers(8, 12, 2))
        yield densenet_case(rng, group, blocks, growth, compression, classes, channels, *size)


def bare_densenet(blocks, growth_rate, compression, num_classes, in_channels):
    parts: list[nn.Module] = [Stem(in_channels, 2 * growth_rate)]
    channels = 2 * growth_rate
    for number, layers in enumerate(blocks, 1):
        parts += [bare_dense_layer(channels + k * growth_rate, growth_rate, 4) for k in range(layers)]
        channels += layers * growth_rate
        if number < len(blocks):
            parts.append(bare_transition(channels, compression))
            channels = int(np.floor(channels * compression))
    return nn.Sequential(*parts, Head(channels, num_classes))


densenet = Task(
    "densenet",
    {ONE_BLOCK: 1, TWO_BLOCKS: 2, MORE_BLOCKS: 2},
    densenet_cases,
    returns=NET_RETURNS,
    probe="module",
    oracle=bare_densenet,
    hidden=densenet_hidden,
    forbids=FORBIDDEN,
)


def dense(
    blocks: tuple[int, ...],
    growth: int,
    compression: float,
    classes: int,
    in_channels: int,
    *,
    stem: Callable[[int, int], list[nn.Module]] = lambda i, g: [conv3(i, 2 * g)],
    width: Callable[[int], int] = lambda growth: 2 * growth,
    layer: Callable[[int, int], nn.Module] = lambda i, g: Grow(i, g, 4),
    grown: Callable[[int, int], int] = lambda width, growth: width + growth,
    thin: Callable[[int, float], nn.Module] | None = Thin,
    thinned: Callable[[int, float], int] = lambda width, compression: int(width * compression),
    behind: Callable[[int, int], bool] = lambda number, count: number < count,
    counts: Callable[[tuple[int, ...]], list[int]] = list,
    end: Callable[[int, int], list[nn.Module]] = head,
) -> nn.Module:
    """Assemble a dense network with a rule changed."""
    parts = stem(in_channels, growth)
    now = width(growth)
    for number, layers in enumerate(counts(blocks), 1):
        for _ in range(layers):
            parts.append(layer(now, growth))
            now = grown(now, growth)
        if thin is not None and behind(number, len(blocks)):
            parts.append(thin(now, compression))
            now = thinned(now, compression)
    return nn.Sequential(*parts, *end(now, classes))


@densenet.mistake("A transition stands behind the last block too: there it is the head's turn.", TRANSITION)
def puts_a_transition_behind_the_last_block(right, *arguments):
    return dense(*arguments, behind=lambda *_: True)


@densenet.mistake("The transitions are missing: one stands between any two blocks.", TRANSITION)
def leaves_out_the_transitions(right, *arguments):
    return dense(*arguments, thin=None)


@densenet.mistake(
    "A transition stands before the first block too: the stem is followed by the block.", TRANSITION
)
def puts_a_transition_before_the_first_block(right, blocks, growth, compression, classes, in_channels):
    def stem(i, g):
        return [conv3(i, 2 * g), Thin(2 * g, compression)]

    def width(g):
        return int(2 * g * compression)

    return dense(blocks, growth, compression, classes, in_channels, stem=stem, width=width)


@densenet.mistake("Only the first transition is there: one stands between any two blocks.", TRANSITION)
def puts_a_transition_behind_the_first_block_only(right, *arguments):
    return dense(*arguments, behind=lambda number, count: number == 1 < count)


@densenet.mistake("The transitions always keep half: hand `compression` on to them.", TRANSITION)
def compresses_by_half_always(right, blocks, growth, compression, classes, in_channels):
    return dense(blocks, growth, 0.5, classes, in_channels)


@densenet.mistake("The transitions do not compress: hand `compression` on to them.", TRANSITION)
def does_not_compress(right, blocks, growth, compression, classes, in_channels):
    return dense(blocks, growth, 1.0, classes, in_channels)


@densenet.mistake("The transitions take the maximum: they take the average.", TRANSITION)
def pools_with_the_maximum_in_transitions(right, *arguments):
    return dense(*arguments, thin=lambda i, t: Thin(i, t, pool=nn.MaxPool2d(2)))


@densenet.mistake("The stem puts out growth_rate maps: it puts out 2 * growth_rate.", GROWTH_RATE)
def begins_with_the_growth_rate(right, *arguments):
    return dense(*arguments, stem=lambda i, g: [conv3(i, g)], width=lambda g: g)


@densenet.mistake("The stem puts out 16 maps: it puts out 2 * growth_rate.", GROWTH_RATE)
def begins_with_sixteen_maps(right, *arguments):
    return dense(*arguments, stem=lambda i, g: [conv3(i, 16)], width=lambda g: 16)


@densenet.mistake("BN and ReLU stand behind the stem: the first dense layer begins with them.", PREACTIVATION)
def activates_behind_the_stem_of_the_densenet(right, *arguments):
    return dense(*arguments, stem=lambda i, g: [conv3(i, 2 * g), nn.BatchNorm2d(2 * g), nn.ReLU()])


@densenet.mistake("A ReLU stands behind the stem: nothing does.", PREACTIVATION)
def puts_a_relu_behind_the_stem_of_the_densenet(right, *arguments):
    return dense(*arguments, stem=lambda i, g: [conv3(i, 2 * g), nn.ReLU()])


@densenet.mistake("The stem has a bias: switch it off with `bias=False`.", BIASES)
def keeps_the_bias_of_the_stem_of_the_densenet(right, *arguments):
    return dense(*arguments, stem=lambda i, g: [conv3(i, 2 * g, bias=True)])


@densenet.mistake("The stem has stride 2: it keeps the size of the images.", GROWTH_RATE)
def halves_in_the_stem_of_the_densenet(right, *arguments):
    return dense(*arguments, stem=lambda i, g: [conv3(i, 2 * g, 2)])


@densenet.mistake(
    "The stem is that for large images, 7 x 7 with stride 2 and a max pooling: here it is 3 x 3.", GROWTH_RATE
)
def begins_the_densenet_as_for_large_images(right, *arguments):
    def stem(i, g):
        return [nn.Conv2d(i, 2 * g, 7, 2, padding=3, bias=False), nn.MaxPool2d(3, 2, padding=1)]

    return dense(*arguments, stem=stem)


@densenet.mistake("The stem is not padded: the maps lose two rows and columns.", PADDING)
def does_not_pad_the_stem_of_the_densenet(right, *arguments):
    return dense(*arguments, stem=lambda i, g: [conv3(i, 2 * g, padding=0)])


@densenet.mistake(
    "Every case ends in an error, mostly since you lose count of the channels: they grow by growth_rate behind each dense "
    "layer, and are int(compression * channels) behind a transition.",
    GROWTH_RATE,
)
def loses_count_of_the_channels(right, *arguments):
    return dense(*arguments, grown=lambda width, growth: width)


@densenet.mistake("The stem always takes 3 channels: it takes `in_channels`.", GROWTH_RATE)
def gives_the_densenet_three_channels(right, blocks, growth, compression, classes, in_channels):
    return dense(blocks, growth, compression, classes, 3)


@densenet.mistake(
    "Behind a transition the channels do not fit: there are int(compression * channels) of them.", TRANSITION
)
def forgets_that_transitions_compress(right, *arguments):
    return dense(*arguments, thinned=lambda width, compression: width)


@densenet.mistake(
    "The head flattens maps of several cells: average over rows and columns first, so that any size of image fits.",
    MEAN,
)
def flattens_the_maps_of_the_densenet(right, *arguments):
    return dense(*arguments, end=lambda c, n: head(c, n, pool=nn.Identity()))


@densenet.mistake("A dropout stands before the linear layer: there is none in this network.", DROPOUT)
def drops_out_before_the_classes(right, *arguments):
    def last(a, b):
        return nn.Sequential(nn.Dropout(0.5), nn.Linear(a, b))

    return dense(*arguments, end=lambda c, n: head(c, n, last=last))


@densenet.mistake("The dense layers drop out, as in some nets of the paper: here they do not.", DROPOUT)
def drops_out_in_dense_layers(right, *arguments):
    def layer(i, g):
        return Grow(i, g, 4, c2=nn.Sequential(conv3(4 * g, g), nn.Dropout(0.2)))

    return dense(*arguments, layer=layer)


@densenet.mistake("All blocks have `blocks[0]` layers: block b has `blocks[b]`.", GROWTH_RATE)
def takes_the_first_number_for_all_blocks(right, *arguments):
    return dense(*arguments, counts=lambda blocks: [blocks[0]] * len(blocks))


@densenet.mistake(
    "Each block has a layer too many: the numbers in `blocks` are those of its layers.", GROWTH_RATE
)
def builds_one_layer_more(right, *arguments):
    return dense(*arguments, counts=lambda blocks: [n + 1 for n in blocks])


@densenet.mistake("Each block has one layer: block b has `blocks[b]`.", GROWTH_RATE)
def builds_one_layer_a_block(right, *arguments):
    return dense(*arguments, counts=lambda blocks: [1] * len(blocks))


@densenet.mistake("The blocks stand in the wrong order: `blocks[0]` belongs to the first one.", GROWTH_RATE)
def reads_the_numbers_of_layers_backwards(right, *arguments):
    return dense(*arguments, counts=lambda blocks: list(blocks[::-1]))


@densenet.mistake("The dense layers have the factor 1: here it is 4.", GROWTH_RATE)
def builds_layers_without_a_wider_bottleneck(right, *arguments):
    return dense(*arguments, layer=lambda i, g: Grow(i, g, 1))


@densenet.mistake("The dense layers have the factor 2: here it is 4.", GROWTH_RATE)
def builds_layers_with_factor_two(right, *arguments):
    return dense(*arguments, layer=lambda i, g: Grow(i, g, 2))


class Chain(nn.Module):
    """Layers that each get the new maps of the one before alone, not all that came before."""

    def __init__(self, width: int, growth: int, layers: int) -> None:
        super().__init__()
        inputs = [width] + [growth] * (layers - 1)
        self.layers = nn.ModuleList(Grow(i, growth, 4, way=Grow.new) for i in inputs)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


@densenet.mistake(
    "Only the new maps of a layer reach the next one: it reads all that came before, the block's input included.",
    DENSE,
)
def hands_on_the_new_maps_only(right, blocks, growth, compression, classes, in_channels):
    parts: list[nn.Module] = [conv3(in_channels, 2 * growth)]
    now = 2 * growth
    for number, layers in enumerate(blocks, 1):
        parts.append(Chain(now, growth, layers))
        now = growth
        if number < len(blocks):
            parts.append(Thin(now, compression, kept=max(int(now * compression), 1)))
            now = max(int(now * compression), 1)
    return nn.Sequential(*parts, *head(now, classes))


class Dropping(nn.Module):
    """A dense block that puts out the new maps of its layers without the input."""

    def __init__(self, width: int, growth: int, layers: int) -> None:
        super().__init__()
        self.width = width
        self.layers = nn.Sequential(*(Grow(width + k * growth, growth, 4) for k in range(layers)))

    def forward(self, x):
        return self.layers(x)[:, self.width :]


@densenet.mistake("A block drops its own input: it puts out the input together with all new maps.", DENSE)
def drops_the_input_of_a_block(right, blocks, growth, compression, classes, in_channels):
    parts: list[nn.Module] = [conv3(in_channels, 2 * growth)]
    now = 2 * growth
    for number, layers in enumerate(blocks, 1):
        parts.append(Dropping(now, growth, layers))
        now = layers * growth
        if number < len(blocks):
            kept = max(int(now * compression), 1)
            parts.append(Thin(now, compression, kept=kept))
            now = kept
    return nn.Sequential(*parts, *head(now, classes))


@densenet.mistake(
    "BN and ReLU of the head are missing: the last block ends with a convolution, so they come behind it.",
    PREACTIVATION,
)
def ends_the_densenet_without_batch_norm_and_relu(right, *arguments):
    return dense(*arguments, end=lambda c, n: head(c, n, norm=False, relu=False))


@densenet.mistake("The ReLU of the head is missing.", PREACTIVATION)
def ends_the_densenet_without_relu(right, *arguments):
    return dense(*arguments, end=lambda c, n: head(c, n, relu=False))


@densenet.mistake("The BN of the head is missing: it comes before the ReLU.", PREACTIVATION)
def ends_the_densenet_without_batch_norm(right, *arguments):
    return dense(*arguments, end=lambda c, n: head(c, n, norm=False))


@densenet.mistake("The head takes the maximum over rows and columns: it takes the mean.", MEAN)
def ends_the_densenet_with_the_maximum(right, *arguments):
    return dense(*arguments, end=lambda c, n: head(c, n, pool=nn.AdaptiveMaxPool2d(1)))


@densenet.mistake("The head adds up rows and columns: it takes their mean.", MEAN)
def ends_the_densenet_with_the_sum(right, *arguments):
    return dense(*arguments, end=lambda c, n: head(c, n, pool=Total()))


@densenet.mistake("The mean is taken before BN and ReLU: they come first.", MEAN)
def takes_the_mean_first_in_the_densenet(right, *arguments):
    return dense(*arguments, end=lambda c, n: [Early(c), nn.Flatten(), nn.Linear(c, n)])


@densenet.mistake("The linear layer has no bias: it has one.", BIASES)
def leaves_out_the_bias_of_the_densenet(right, *arguments):
    return dense(*arguments, end=lambda c, n: head(c, n, last=lambda a, b: nn.Linear(a, b, bias=False)))


@densenet.mistake("The network ends with a softmax: it returns logits.", SOFTMAX)
def ends_the_densenet_with_softmax(right, *arguments):
    return dense(*arguments, end=lambda c, n: [*head(c, n), nn.Softmax(dim=1)])


@densenet.mistake("The network always has 10 classes: it has `num_classes`.", GROWTH_RATE)
def gives_the_densenet_ten_classes(right, blocks, growth, compression, classes, in_channels):
    return dense(blocks, growth, compression, 10, in_channels)


@densenet.mistake(
    "Layers lie in a plain list, where PyTorch does not find their weights: use nn.ModuleList or nn.Sequential.",
    MODULES,
)
def keeps_dense_layers_in_a_plain_list(right, *arguments):
    return Listed(dense(*arguments))


@densenet.mistake("You round channels behind a transition: int(...) cuts the fraction off.", TRANSITION)
def rounds_channels_behind_transitions(right, *arguments):
    return dense(
        *arguments,
        thin=lambda i, t: Thin(i, t, kept=round(i * t)),
        thinned=lambda width, compression: round(width * compression),
    )


carry(
    densenet,
    dense_layer,
    (
        "puts the new maps first",
        "hands on the activated input",
        "cuts the new maps",
        "normalises new maps behind each convolution",
        "keeps the biases of the dense layer",
        "convolves three by three first",
    ),
    lambda *arguments: dense(*arguments[:-1], layer=lambda i, g: arguments[-1](i, g, 4)),
)
carry(
    densenet,
    transition,
    (
        "does not pool",
        "halves with a stride",
        "leaves out the relu",
        "leaves out the batch norm",
        "keeps the bias of the transition",
    ),
    lambda *arguments: dense(*arguments[:-1], thin=arguments[-1]),
)


# chain_gradients

PLAIN = "plain chains"
IDENTITY = "shortcuts of strength 1"
OTHERS = "other strengths"
ZEROS = "zeros"
ONE = "one layer"


def chain(
    rng: Rng,
    group: str,
    n: int,
    d: int,
    depth: int,
    skip: float,
    *,
    make: Any = numbers,
    strided: bool = False,
) -> Case:
    """Return a case in which ReLU cuts some numbers of every layer, and not all, also in the last output."""
    while True:
        x, weights = make(rng, n, d), make(rng, depth, d, d)
        if all((state > 0).any() and (state < 0).any() for state in outputs(x, weights, skip)):
            return Case(group, {"x": x, "weights": weights, "dout": make(rng, n, d), "skip": skip}, strided)


def outputs(x, weights, skip):
    """Return x and what each layer makes of it."""
    states = [x]
    for w in weights:
        states.append(skip * states[-1] + np.maximum(states[-1], 0) @ w)
    return states


def chain_cases(rng: Rng) -> Iterator[Case]:
    yield chain(rng, PLAIN, 1, 3, 2, 0)
    yield chain(rng, PLAIN, 3, 4, 3, 0)
    yield chain(rng, IDENTITY, 1, 2, 2, 1)
    yield chain(rng, IDENTITY, 3, 4, 3, 1)
    yield chain(rng, IDENTITY, 2, 3, 5, 1)
    yield chain(rng, OTHERS, 2, 3, 3, 0.5)
    yield chain(rng, OTHERS, 3, 2, 4, -1.25)
    yield chain(rng, ONE, 1, 3, 1, 1)
    yield chain(rng, ONE, 2, 2, 1, 0.25)
    dead = chain(rng, ZEROS, 3, 4, 3, 0)
    dead.inputs["x"][0] = -abs(dead.inputs["x"][0])  # nothing is left of the first example
    yield dead
    some = chain(rng, ZEROS, 2, 4, 3, 1)
    some.inputs["x"][:, :2] = 0
    some.inputs["weights"][:, :, 0] = 0
    yield some
    types = TYPES_AND_LAYOUTS
    yield chain(rng, types, 2, 3, 2, 1, make=whole)
    mixed_types = chain(rng, types, 2, 3, 2, 0.5)
    yield Case(types, {**mixed_types.inputs, "dout": whole(rng, 2, 3)})
    small = np.abs(numbers(rng, 2, 3, 3)) / 64  # outputs of the first layer lie between 0 and 1
    yield Case(types, {"x": np.abs(whole(rng, 2, 3)), "weights": small, "dout": fine(rng, 2, 3), "skip": 0})
    yield chain(rng, types, 2, 3, 2, 1, make=fine)
    single = chain(rng, types, 2, 3, 2, 0.5)
    yield Case(
        types, {k: v.astype(np.float32) if isinstance(v, np.ndarray) else v for k, v in single.inputs.items()}
    )
    yield chain(rng, types, 2, 3, 2, 1, strided=True)


def chain_hidden(rng: Rng) -> Iterator[Case]:
    for group, skip in ((PLAIN, 0), (IDENTITY, 1), (OTHERS, 0.75), (OTHERS, 2)):
        n, d, depth = (int(size) for size in rng.integers((1, 2, 2), (5, 6, 7)))
        yield chain(rng, group, n, d, depth, skip)


def torch_chain(x, weights, dout, skip):
    """Return autograd's gradients with respect to each output of the chain."""
    tensors = [torch.tensor(np.ascontiguousarray(a), dtype=torch.float64) for a in (x, weights, dout)]
    states = [tensors[0].requires_grad_()]
    for w in tensors[1]:
        states.append(skip * states[-1] + torch.relu(states[-1]) @ w)
        states[-1].retain_grad()
    (states[-1] * tensors[2]).sum().backward()
    return np.stack([state.grad.numpy() for state in states])


chain_gradients = Task(
    "chain_gradients",
    {PLAIN: 1, IDENTITY: 1.5, OTHERS: 1, ONE: 0.5, ZEROS: 0.5, TYPES_AND_LAYOUTS: 0.5},
    chain_cases,
    oracle=torch_chain,
    hidden=chain_hidden,
    forbids=FORBIDDEN,
)


def backward(
    x,
    weights,
    dout,
    skip,
    *,
    seen: Callable[[list[Array], int], Array] = lambda states, layer: states[layer],
    step: Callable[..., Array] = lambda g, w, mask, skip: skip * g + mask * (g @ w.T),
    passes: Callable[[Array], Array] = lambda state: state > 0,
) -> Array:
    """Go back through the chain with a rule changed; ``seen`` is the state whose sign decides."""
    states = outputs(x, weights, skip)
    grads = [np.asarray(dout, dtype=float)]
    for layer in reversed(range(len(weights))):
        grads.append(step(grads[-1], weights[layer], passes(seen(states, layer)), skip))
    return np.stack(grads[::-1])


@chain_gradients.mistake(
    "The shortcut is missing: skip times the gradient from above comes to the sum.", GRADIENT
)
def forgets_the_shortcut(right, x, weights, dout, skip):
    return backward(x, weights, dout, skip, step=lambda g, w, mask, skip: mask * (g @ w.T))


@chain_gradients.mistake(
    "The way through W is missing: its gradient comes to that of the shortcut.", GRADIENT
)
def goes_along_the_shortcut_only(right, x, weights, dout, skip):
    return backward(x, weights, dout, skip, step=lambda g, w, mask, skip: skip * g)


@chain_gradients.mistake("The shortcut counts fully, whatever `skip` is: multiply by it.", GRADIENT)
def takes_every_shortcut_for_one(right, x, weights, dout, skip):
    return backward(x, weights, dout, skip, step=lambda g, w, mask, skip: g + mask * (g @ w.T))


@chain_gradients.mistake("Forward and backward take `skip` for 1: multiply by it in both passes.", GRADIENT)
def ignores_skip_altogether(right, x, weights, dout, skip):
    return backward(x, weights, dout, 1)


@chain_gradients.mistake(
    "The forward pass has no shortcut: what is cut depends on the sums with it.", GRADIENT
)
def forgets_the_shortcut_on_the_way_forward(right, x, weights, dout, skip):
    states = outputs(x, weights, 0)
    return backward(x, weights, dout, skip, seen=lambda _, layer: states[layer])


@chain_gradients.mistake("`skip` multiplies both terms: it belongs to the shortcut alone.", GRADIENT)
def multiplies_both_terms(right, x, weights, dout, skip):
    return backward(x, weights, dout, skip, step=lambda g, w, mask, skip: skip * (g + mask * (g @ w.T)))


@chain_gradients.mistake(
    "ReLU is missing: where the input is not positive, nothing comes back through W.", RELU
)
def forgets_relu(right, x, weights, dout, skip):
    return backward(x, weights, dout, skip, step=lambda g, w, mask, skip: skip * g + g @ w.T)


@chain_gradients.mistake("The mask cuts the shortcut too: ReLU stands on the way through W alone.", GRADIENT)
def cuts_the_shortcut_too(right, x, weights, dout, skip):
    return backward(x, weights, dout, skip, step=lambda g, w, mask, skip: mask * (skip * g + g @ w.T))


@chain_gradients.mistake(
    "The mask is applied before W: it stands between x and W, so multiply by the transposed W first.",
    GRADIENT,
)
def cuts_before_the_weights(right, x, weights, dout, skip):
    return backward(x, weights, dout, skip, step=lambda g, w, mask, skip: skip * g + (mask * g) @ w.T)


@chain_gradients.mistake("The mask looks at a layer's output: ReLU cut its input.", RELU)
def looks_at_the_output_of_a_layer(right, x, weights, dout, skip):
    return backward(x, weights, dout, skip, seen=lambda states, layer: states[layer + 1])


@chain_gradients.mistake(
    "The mask always looks at the chain's input: each layer has cut its own input.", RELU
)
def looks_at_the_first_input_always(right, x, weights, dout, skip):
    return backward(x, weights, dout, skip, seen=lambda states, layer: states[0])


@chain_gradients.mistake(
    "The mask always looks at the chain's output: each layer has cut its own input.", RELU
)
def looks_at_the_last_output_always(right, x, weights, dout, skip):
    return backward(x, weights, dout, skip, seen=lambda states, layer: states[-1])


@chain_gradients.mistake("At exactly 0 the gradient passes: here the derivative of ReLU is 0 there.", RELU)
def lets_zero_pass(right, x, weights, dout, skip):
    return backward(x, weights, dout, skip, passes=lambda state: state >= 0)


@chain_gradients.mistake("The mask looks at the sign of the gradient: the input of the layer decides.", RELU)
def cuts_by_the_sign_of_the_gradient(right, x, weights, dout, skip):
    def step(g, w, mask, skip):
        back = g @ w.T
        return skip * g + (back > 0) * back

    return backward(x, weights, dout, skip, step=step)


@chain_gradients.mistake("You multiply by the value of ReLU: multiply by its derivative, 1 or 0.", RELU)
def multiplies_by_the_value_of_relu(right, x, weights, dout, skip):
    return backward(x, weights, dout, skip, passes=lambda state: np.maximum(state, 0))


@chain_gradients.mistake(
    "W is not transposed: forward a row is multiplied by W, backward by its transpose.", GRADIENT
)
def does_not_transpose(right, x, weights, dout, skip):
    return backward(x, weights, dout, skip, step=lambda g, w, mask, skip: skip * g + mask * (g @ w))


@chain_gradients.mistake(
    "W is transposed in both passes: forward a row is multiplied by W itself, backward by its transpose.",
    GRADIENT,
)
def transposes_forward_too(right, x, weights, dout, skip):
    states = outputs(x, weights.swapaxes(1, 2), skip)
    return backward(x, weights, dout, skip, seen=lambda _, layer: states[layer])


@chain_gradients.mistake("W is transposed forward and not backward: it is the other way round.", GRADIENT)
def transposes_on_the_way_forward_only(right, x, weights, dout, skip):
    return backward(x, weights.swapaxes(1, 2), dout, skip)


@chain_gradients.mistake(
    "The backward pass takes the matrices in forward order: the last layer's comes first.", GRADIENT
)
def goes_back_in_forward_order(right, x, weights, dout, skip):
    states, grads = outputs(x, weights, skip), [np.asarray(dout, dtype=float)]
    for w, before in zip(weights, states[-2::-1], strict=True):
        grads.append(skip * grads[-1] + (before > 0) * (grads[-1] @ w.T))
    return np.stack(grads[::-1])


@chain_gradients.mistake(
    "Matrices and inputs are both taken in forward order: the last layer's come first.", GRADIENT
)
def goes_back_from_the_first_layer(right, x, weights, dout, skip):
    states, grads = outputs(x, weights, skip), [np.asarray(dout, dtype=float)]
    for w, before in zip(weights, states[:-1], strict=True):
        grads.append(skip * grads[-1] + (before > 0) * (grads[-1] @ w.T))
    return np.stack(grads[::-1])


@chain_gradients.mistake("The gradients stand in the wrong order: that of x comes first.", GRADIENT)
def puts_the_last_gradient_first(right, x, weights, dout, skip):
    return right.chain_gradients(x, weights, dout, skip)[::-1]


@chain_gradients.mistake(
    "You return the gradient of x alone: return those of all outputs, L + 1 in all.", GRADIENT
)
def returns_the_gradient_of_the_input_only(right, x, weights, dout, skip):
    return right.chain_gradients(x, weights, dout, skip)[0]


@chain_gradients.mistake("dout is missing at the end: it is the gradient of the last output.", GRADIENT)
def leaves_out_the_gradient_of_the_output(right, x, weights, dout, skip):
    return right.chain_gradients(x, weights, dout, skip)[:-1]


@chain_gradients.mistake("The gradient of x is missing: there are L + 1 gradients.", GRADIENT)
def leaves_out_the_gradient_of_the_input(right, x, weights, dout, skip):
    return right.chain_gradients(x, weights, dout, skip)[1:]


@chain_gradients.mistake("You begin with ones: begin with `dout`, the gradient from above.", ABOVE)
def begins_with_ones(right, x, weights, dout, skip):
    return right.chain_gradients(x, weights, np.ones(dout.shape), skip)


@chain_gradients.mistake("You return the outputs of the forward pass: the gradients are asked for.", GRADIENT)
def returns_the_outputs(right, x, weights, dout, skip):
    return np.stack(outputs(x.astype(float), weights, skip))


@chain_gradients.mistake("You divide by the size of the batch: each row is an example of its own.", ABOVE)
def divides_by_the_batch(right, x, weights, dout, skip):
    return right.chain_gradients(x, weights, dout / len(x), skip)


@chain_gradients.mistake("You sum over the batch: each example has gradients of its own.", ABOVE)
def sums_over_the_batch(right, x, weights, dout, skip):
    return right.chain_gradients(x, weights, dout, skip).sum(axis=1)


@chain_gradients.mistake("The chain is another: here the ReLU comes before W, not behind the sum.", GRADIENT)
def puts_relu_behind_the_sum(right, x, weights, dout, skip):
    states = [x]
    for w in weights:
        states.append(np.maximum(skip * states[-1] + states[-1] @ w, 0))
    grads = [np.asarray(dout, dtype=float)]
    for w, after in zip(weights[::-1], states[:0:-1], strict=True):
        above = grads[-1] * (after > 0)
        grads.append(skip * above + above @ w.T)
    return np.stack(grads[::-1])


@chain_gradients.mistake("The chain is another: here the ReLU comes before W, not behind it.", GRADIENT)
def puts_relu_behind_the_weights(right, x, weights, dout, skip):
    states, inner = [x], []
    for w in weights:
        inner.append(states[-1] @ w)
        states.append(skip * states[-1] + np.maximum(inner[-1], 0))
    grads = [np.asarray(dout, dtype=float)]
    for w, before in zip(weights[::-1], inner[::-1], strict=True):
        grads.append(skip * grads[-1] + (grads[-1] * (before > 0)) @ w.T)
    return np.stack(grads[::-1])


@chain_gradients.mistake(
    "The result has the type of dout: for integers its fractions are cut off. Make it with float64.", TYPES
)
def keeps_the_type_of_dout(right, x, weights, dout, skip):
    result = np.zeros((len(weights) + 1, *dout.shape), dout.dtype)
    states = outputs(x, weights, skip)
    result[-1] = dout
    for layer in reversed(range(len(weights))):
        g = result[layer + 1]
        result[layer] = skip * g + (states[layer] > 0) * (g @ weights[layer].T)
    return result


@chain_gradients.mistake(
    "The outputs of the layers have the type of x: for integers their fractions are cut off. Use float64.",
    TYPES,
)
def keeps_outputs_in_the_type_of_x(right, x, weights, dout, skip):
    states = np.zeros((len(weights) + 1, *x.shape), x.dtype)
    states[0] = x
    for layer, w in enumerate(weights):
        states[layer + 1] = skip * states[layer] + np.maximum(states[layer], 0) @ w
    return backward(x, weights, dout, skip, seen=lambda _, layer: states[layer])


@chain_gradients.mistake("You write into `dout`: others still need that array, so work on a copy.", ABOVE)
def writes_into_dout(right, x, weights, dout, skip):
    result = right.chain_gradients(x, weights, dout, skip)
    dout[...] = result[0]
    return result


TASKS = (pre_act_block, bottleneck, resnet, dense_layer, transition, densenet, chain_gradients)
