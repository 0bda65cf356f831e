"""Inception v2 and v3: large kernels taken apart, two 3x3 for a 5x5 and 1x7 with 7x1 for a 7x7.

C. Szegedy et al., Rethinking the Inception architecture for computer vision, CVPR 2016, table 1 and figures
5, 6, 7, 8 and 10. Slides "Inception v2, v3".

Both names are that paper's. Its section 6 calls the net of table 1 Inception-v2. Inception-v3 is the last
row of table 3: v2 trained with RMSProp and label smoothing, its first 7x7 convolution taken apart into 3x3
ones, and the fully connected layer of its auxiliary head batch-normalised like the convolutions
("BN-auxiliary"). Some libraries give the name Inception v2 to an earlier net, BN-Inception (Ioffe and
Szegedy 2015), which is not here.

What the paper states: the convolutions before the modules; three modules like figure 5 at 35x35x288, five
like figure 6 with n = 7 at 17x17x768, two like figure 7 at 8x8x1280, which put out 2048; variations of
figure 10 where the grid shrinks. It leaves each path's number of filters to a file beside the submission.
And it contradicts itself: table 1 has the first 7x7 apart before table 3 adds that; the convolution from
192 to 288 channels has no mark for padding, yet keeps 35x35.

What is chosen here. v3 is the net whose weights were published, and which libraries have. It departs from
table 1: a 1x1 convolution and a second pool in the stem, 5x5 paths in the first modules, 256 channels behind
the first of them, and four modules like figure 6. v2 is table 1 in all of that, and pads where it must. Where
the paper is silent v2 has v3's numbers of filters and grid reductions; its fifth module repeats the fourth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from course_utils.zoo.parts import check_image, start

Kernel = int | tuple[int, int]
Filters = Sequence[Sequence[int]]  # of each path of a module, from its first convolution to its last
StemRow = tuple[int, int, int, int] | Literal["pool"]

# Table 1 before the modules: (filters, kernel size, stride, padding) of convolutions, and a max pool 3x3/2.
STEM_V2: list[StemRow] = [
    (32, 3, 2, 0),
    (32, 3, 1, 0),
    (64, 3, 1, 1),
    "pool",
    (80, 3, 1, 0),
    (192, 3, 2, 0),
    (288, 3, 1, 1),
]
STEM_V3: list[StemRow] = [*STEM_V2[:4], (80, 1, 1, 0), (192, 3, 1, 0), "pool"]

# The modules: the kind, a class below each, and the filters of each path that has convolutions.
V3: list[tuple[str, Filters]] = [
    ("A", [[64], [48, 64], [64, 96, 96], [32]]),
    ("A", [[64], [48, 64], [64, 96, 96], [64]]),
    ("A", [[64], [48, 64], [64, 96, 96], [64]]),
    ("B", [[384], [64, 96, 96]]),
    ("C", [[192], [128, 128, 192], [128, 128, 128, 128, 192], [192]]),
    ("C", [[192], [160, 160, 192], [160, 160, 160, 160, 192], [192]]),
    ("C", [[192], [160, 160, 192], [160, 160, 160, 160, 192], [192]]),
    ("C", [[192], [192, 192, 192], [192, 192, 192, 192, 192], [192]]),
    ("D", [[192, 320], [192, 192, 192, 192]]),
    ("E", [[320], [384, 384], [448, 384, 384], [192]]),
    ("E", [[320], [384, 384], [448, 384, 384], [192]]),
]
V2: list[tuple[str, Filters]] = [*3 * [("A, figure 5", V3[1][1])], *V3[3:8], V3[7], *V3[8:]]
HEAD = (128, 768)  # the auxiliary head's 1x1 convolution, and its fully connected layer


def convolution(
    in_channels: int, filters: int, kernel_size: Kernel, stride: int = 1, padding: Kernel = 0
) -> nn.Sequential:
    """Return a convolution without bias, its batch normalisation and its ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, filters, kernel_size, stride, padding, bias=False),
        nn.BatchNorm2d(filters, eps=0.001),
        nn.ReLU(),
    )


def path(
    in_channels: int, filters: Sequence[int], kernels: Sequence[Kernel], stride: int = 1
) -> nn.Sequential:
    """Return convolutions behind one another that keep the map's size; with ``stride`` 2 the last halves it.

    Raises ``ValueError`` unless there are as many numbers of filters as kernels.
    """
    if len(filters) != len(kernels):
        raise ValueError(
            f"a path of {len(kernels)} convolutions with kernels {', '.join(map(str, kernels))} takes "
            f"{len(kernels)} numbers of filters, not {list(filters)}"
        )
    layers = []
    for number, (after, kernel_size) in enumerate(zip(filters, kernels, strict=True), start=1):
        height, width = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        halves = stride > 1 and number == len(kernels)
        padding = 0 if halves else (height // 2, width // 2)
        layers.append(convolution(in_channels, after, kernel_size, stride if halves else 1, padding))
        in_channels = after
    return nn.Sequential(*layers)


def pooled_path(in_channels: int, filters: Sequence[int]) -> nn.Sequential:
    """Return the path that averages 3x3 windows, and projects what it got with a 1x1 convolution."""
    return nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), path(in_channels, filters, [1]))


class Paths(nn.Module):
    """Paths side by side, their outputs behind one another along the channels."""

    def __init__(self, *paths: nn.Module, out_channels: int) -> None:
        super().__init__()
        self.paths = nn.ModuleList(paths)
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, out_channels, H', W') of maps (N, in_channels, H, W)."""
        return torch.cat([branch(x) for branch in self.paths], dim=1)


class InceptionA(Paths):
    """Figure 5, for 35x35: 1x1; 1x1 and one 3x3; 1x1 and two 3x3, which see as far as a 5x5; a pool.

    ``filters`` are those of these four paths. With ``kernel_size`` 5 the second path ends in a 5x5, as in the
    v3 that was published. Input (N, in_channels, H, W) float; output
    (N, sum of the paths' last filters, H, W).
    """

    def __init__(self, in_channels: int, filters: Filters, *, kernel_size: int = 3) -> None:
        one, single, double, pool = filters
        super().__init__(
            path(in_channels, one, [1]),
            path(in_channels, single, [1, kernel_size]),
            path(in_channels, double, [1, 3, 3]),
            pooled_path(in_channels, pool),
            out_channels=one[-1] + single[-1] + double[-1] + pool[-1],
        )


class InceptionB(Paths):
    """Figure 10, from 35x35 to 17x17: convolutions with stride 2 beside a max pool, no bottleneck before it.

    ``filters`` are those of two paths: 3x3/2; 1x1, 3x3 and 3x3/2. Input (N, in_channels, H, W) float; output
    (N, sum of the paths' last filters + in_channels, (H - 1) // 2, (W - 1) // 2).
    """

    def __init__(self, in_channels: int, filters: Filters) -> None:
        single, double = filters
        super().__init__(
            path(in_channels, single, [3], stride=2),
            path(in_channels, double, [1, 3, 3], stride=2),
            nn.MaxPool2d(3, stride=2),
            out_channels=single[-1] + double[-1] + in_channels,
        )


class InceptionC(Paths):
    """Figure 6, for 17x17 and n = 7: each 7x7 convolution is a 1x7 and a 7x1, 14 weights in place of 49.

    ``filters`` are those of four paths: 1x1; 1x1, 1x7, 7x1; 1x1, 7x1, 1x7, 7x1, 1x7; a pool. Input
    (N, in_channels, H, W); output (N, sum of the paths' last filters, H, W).
    """

    def __init__(self, in_channels: int, filters: Filters) -> None:
        one, single, double, pool = filters
        super().__init__(
            path(in_channels, one, [1]),
            path(in_channels, single, [1, (1, 7), (7, 1)]),
            path(in_channels, double, [1, (7, 1), (1, 7), (7, 1), (1, 7)]),
            pooled_path(in_channels, pool),
            out_channels=one[-1] + single[-1] + double[-1] + pool[-1],
        )


class InceptionD(Paths):
    """A variation of figure 10, from 17x17 to 8x8, with a 7x7 taken apart in one of its paths.

    ``filters`` are those of two paths: 1x1, 3x3/2; 1x1, 1x7, 7x1, 3x3/2. Input (N, in_channels, H, W) float;
    output (N, sum of the paths' last filters + in_channels, (H - 1) // 2, (W - 1) // 2).
    """

    def __init__(self, in_channels: int, filters: Filters) -> None:
        three, seven = filters
        super().__init__(
            path(in_channels, three, [1, 3], stride=2),
            path(in_channels, seven, [1, (1, 7), (7, 1), 3], stride=2),
            nn.MaxPool2d(3, stride=2),
            out_channels=three[-1] + seven[-1] + in_channels,
        )


class InceptionE(Paths):
    """Figure 7, for 8x8: a 1x3 and a 3x1 side by side, not in a row, for many channels on the smallest maps.

    ``filters`` are those of four paths: 1x1; 1x1 and the pair; 1x1, 3x3 and the pair; a pool. Both of a pair
    have the last number of filters, and both count in the output. Input (N, in_channels, H, W) float; output
    (N, sum of the paths' last filters, H, W).
    """

    def __init__(self, in_channels: int, filters: Filters) -> None:
        one, single, double, pool = filters
        super().__init__(
            path(in_channels, one, [1]),
            nn.Sequential(path(in_channels, single[:-1], [1]), self.pair(*single[-2:])),
            nn.Sequential(path(in_channels, double[:-1], [1, 3]), self.pair(*double[-2:])),
            pooled_path(in_channels, pool),
            out_channels=one[-1] + 2 * single[-1] + 2 * double[-1] + pool[-1],
        )

    @staticmethod
    def pair(in_channels: int, filters: int) -> Paths:
        """Return a 1x3 and a 3x1 convolution side by side, with so many filters each."""
        return Paths(
            path(in_channels, [filters], [(1, 3)]),
            path(in_channels, [filters], [(3, 1)]),
            out_channels=2 * filters,
        )


MODULES: dict[str, Callable[[int, Filters], Paths]] = {
    "A": partial(InceptionA, kernel_size=5),
    "A, figure 5": InceptionA,
    "B": InceptionB,
    "C": InceptionC,
    "D": InceptionD,
    "E": InceptionE,
}


class AuxiliaryHead(nn.Sequential):
    """A classifier on the last map of 17x17, figure 8: it regularises the net, the paper finds, no more.

    The 5x5 convolution meets a map of 5x5, where it is a fully connected layer; ``batch_norm`` normalises
    that one too. Input (N, in_channels, H, W) float with H and W at least 17; output logits (N, num_classes).
    """

    def __init__(
        self, in_channels: int, num_classes: int, *, widths: Sequence[int] = HEAD, batch_norm: bool = True
    ) -> None:
        filters, hidden = widths
        super().__init__(
            nn.AvgPool2d(5, stride=3),
            convolution(in_channels, filters, 1),
            convolution(filters, hidden, 5)
            if batch_norm
            else nn.Sequential(nn.Conv2d(filters, hidden, 5), nn.ReLU()),
            nn.AdaptiveAvgPool2d(1),  # does nothing to the paper's image, and lets larger ones in
            nn.Flatten(),
            nn.Linear(hidden, num_classes),
        )


class InceptionNet(nn.Module):
    """A stem that shrinks the image early, modules of five kinds, an average over the map, a linear layer.

    ``stem`` and ``table`` are lists such as ``STEM_V3`` and ``V3``. ``aux`` adds the auxiliary head to the
    map that goes into module D; ``bn_auxiliary`` normalises the head's fully connected layer.

    Input (N, in_channels, H, W) float; output logits (N, num_classes), in training with ``aux`` the tuple
    (logits, the head's logits). Raises ``ValueError`` for images under 75x75, in training with ``aux`` under
    299x299.
    """

    def __init__(
        self,
        stem: Sequence[StemRow],
        table: Sequence[tuple[str, Filters]],
        num_classes: int = 1000,
        in_channels: int = 3,
        *,
        head: Sequence[int] = HEAD,
        aux: bool = True,
        bn_auxiliary: bool = True,
    ) -> None:
        super().__init__()
        self.input_shape = (in_channels, 299, 299)
        channels = in_channels
        self.stem = nn.Sequential()
        for row in stem:
            if row == "pool":
                self.stem.append(nn.MaxPool2d(3, stride=2))
            else:
                self.stem.append(convolution(channels, *row))
                channels = row[0]
        self.lower, self.upper = nn.Sequential(), nn.Sequential()
        self.head: AuxiliaryHead | None = None
        part = self.lower
        for number, (kind, filters) in enumerate(table, start=1):
            if kind == "D":
                part = self.upper
                if aux:
                    self.head = AuxiliaryHead(channels, num_classes, widths=head, batch_norm=bn_auxiliary)
            module = MODULES[kind](channels, filters)
            part.add_module(f"{kind[0]}{number}", module)
            channels = module.out_channels
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(channels, num_classes)
        )
        start(self)
        if self.head is not None:
            start(self.head)  # once more, for its own last layer: no ReLU follows that one either

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return the logits (N, num_classes) of images (N, C, H, W), in training the head's logits too."""
        check_image(x, self.input_shape, net="Inception", least=75)
        if self.training and self.head is not None:
            check_image(x, self.input_shape, net="the auxiliary head of Inception", least=299)
        x = self.lower(self.stem(x))
        if self.head is None or not self.training:
            return self.classifier(self.upper(x))
        auxiliary = self.head(x)
        return self.classifier(self.upper(x)), auxiliary


NETS = {
    "inception_v2": partial(InceptionNet, STEM_V2, V2, bn_auxiliary=False),
    "inception_v3": partial(InceptionNet, STEM_V3, V3),
}
