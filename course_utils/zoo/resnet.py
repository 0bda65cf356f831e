"""ResNet: blocks that learn what to add to their input, so that 152 layers still train.

K. He, X. Zhang, S. Ren and J. Sun, Deep residual learning for image recognition, CVPR 2016, table 1, figures
3 and 5. Slides "ResNet: ILSVRC 2015 winner".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from course_utils.zoo.parts import check_image, start

Shortcut = Literal["A", "B"]
StrideIn = Literal["1x1", "3x3"]

# A column of the paper's table each: for conv2_x to conv5_x the channels of the 3x3 convolutions and the
# number of blocks. 18 and 34 have blocks of two layers, the others of three.
LAYERS_18 = [(64, 2), (128, 2), (256, 2), (512, 2)]
LAYERS_34 = LAYERS_50 = [(64, 3), (128, 4), (256, 6), (512, 3)]
LAYERS_101 = [(64, 3), (128, 4), (256, 23), (512, 3)]
LAYERS_152 = [(64, 3), (128, 8), (256, 36), (512, 3)]


class ZeroPadding(nn.Module):
    """Option A of the shortcut, without parameters: skip rows and columns, and add channels of zeros.

    Input (N, in_channels, H, W); output (N, out_channels, ceil(H/stride), ceil(W/stride)), same dtype.
    Source: section 3.3 of the paper.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.new_channels = out_channels - in_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` in the shape that the block's layers give it."""
        return nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new_channels))


def make_shortcut(kind: Shortcut, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Return what brings a block's input to the shape of its output: nothing, where that is the same.

    ``kind`` is "A" for zeros in the new channels or "B" for a projection, a 1x1 convolution with batch
    normalisation. Raises ``ValueError`` for another kind. Source: section 3.3 of the paper.
    """
    if kind not in ("A", "B"):
        raise ValueError(f"shortcut is 'A' (zeros in new channels) or 'B' (1x1 convolution), not {kind!r}")
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    if kind == "A":
        return ZeroPadding(in_channels, out_channels, stride)
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
    )


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, and the shortcut past both: the paper's figure 5, left.

    ``shortcut`` is "A" or "B", see ``make_shortcut``, or None for a plain block that has none. Input
    (N, in_channels, H, W) float; output (N, channels, ceil(H/stride), ceil(W/stride)).
    """

    def __init__(self, in_channels: int, channels: int, stride: int, shortcut: Shortcut | None) -> None:
        super().__init__()
        self.out_channels = channels
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = make_shortcut(shortcut, in_channels, channels, stride) if shortcut else None

    def forward(self, x: Tensor) -> Tensor:
        """Return ReLU(F(x) + x); without a shortcut ReLU(F(x))."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return torch.relu(y if self.shortcut is None else y + self.shortcut(x))


class Bottleneck(nn.Module):
    """A 1x1 convolution to few channels, a 3x3 there, a 1x1 to four times as many: figure 5, right.

    ``stride_in`` says which of them moves by ``stride``: the first "1x1" in the paper, the "3x3" in most
    libraries, which costs more multiply-adds and leaves no value of the input unread. Input
    (N, in_channels, H, W) float; output (N, 4 * channels, ceil(H/stride), ceil(W/stride)). Raises
    ``ValueError`` for another ``stride_in``.
    """

    def __init__(
        self, in_channels: int, channels: int, stride: int, shortcut: Shortcut, stride_in: StrideIn
    ) -> None:
        super().__init__()
        if stride_in not in ("1x1", "3x3"):
            raise ValueError(f"stride_in is '1x1' (the paper) or '3x3' (most libraries), not {stride_in!r}")
        first, second = (stride, 1) if stride_in == "1x1" else (1, stride)
        self.out_channels = 4 * channels
        self.conv1 = nn.Conv2d(in_channels, channels, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, second, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, self.out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(self.out_channels)
        self.shortcut = make_shortcut(shortcut, in_channels, self.out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return ReLU(F(x) + x)."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + self.shortcut(x))


class ResNet(nn.Sequential):
    """A 7x7 convolution and a max pool, four stages of blocks, global average pooling, one linear layer.

    ``stages`` is a column of the paper's table; each stage but the first starts with a block of stride 2.
    ``bottleneck`` takes blocks of three layers instead of two. ``shortcut`` is what changes shape past a
    block, "A" (no parameters) or "B" (projection); ``stride_in`` the convolution in which bottlenecks move,
    "1x1" or "3x3". The parts have the table's names and run one after another.

    Input (N, in_channels, H, W) float, of any size; output logits (N, num_classes). Raises ``ValueError``
    for another number of channels or an option that does not exist.
    """

    def __init__(
        self,
        stages: Sequence[tuple[int, int]],
        num_classes: int = 1000,
        in_channels: int = 3,
        *,
        bottleneck: bool = False,
        shortcut: Shortcut = "B",
        stride_in: StrideIn = "1x1",
    ) -> None:
        super().__init__()
        self.input_shape = (in_channels, 224, 224)
        before = stages[0][0]
        first = nn.Conv2d(in_channels, before, 7, 2, padding=3, bias=False)
        self.conv1 = nn.Sequential(first, nn.BatchNorm2d(before), nn.ReLU())
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        for number, (channels, blocks) in enumerate(stages, 2):
            stage = nn.Sequential()
            for index in range(blocks):
                stride = 2 if index == 0 and number > 2 else 1
                block: BasicBlock | Bottleneck
                if bottleneck:
                    block = Bottleneck(before, channels, stride, shortcut, stride_in)
                else:
                    block = BasicBlock(before, channels, stride, shortcut)
                stage.append(block)
                before = block.out_channels
            self.add_module(f"conv{number}_x", stage)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(before, num_classes)
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, C, H, W)."""
        check_image(x, self.input_shape, net="ResNet")
        for part in self:
            x = part(x)
        return x


NETS = {
    "resnet18": partial(ResNet, LAYERS_18, shortcut="A"),
    "resnet34": partial(ResNet, LAYERS_34, shortcut="A"),
    "resnet50": partial(ResNet, LAYERS_50, bottleneck=True),
    "resnet101": partial(ResNet, LAYERS_101, bottleneck=True),
    "resnet152": partial(ResNet, LAYERS_152, bottleneck=True),
}
