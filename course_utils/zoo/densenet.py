"""DenseNet: every layer of a block reads the maps of all layers before it, and adds a few of its own.

G. Huang, Z. Liu, L. van der Maaten and K. Q. Weinberger, Densely connected convolutional networks, CVPR 2017,
table 1 (DenseNet-BC). Slides "DenseNet".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from course_utils.zoo.parts import check_image, start

# A column of the paper's table each: the number of dense layers in the four blocks.
LAYERS_121 = (6, 12, 24, 16)
LAYERS_169 = (6, 12, 32, 32)
LAYERS_201 = (6, 12, 48, 32)
LAYERS_264 = (6, 12, 64, 48)


class DenseLayer(nn.Module):
    """H of the paper: a 1x1 convolution to 4 * growth channels, then a 3x3 one to ``growth``.

    Batch normalisation and ReLU come before each convolution. Input (N, in_channels, H, W) float; output
    (N, growth, H, W). Source: section 3, "Bottleneck layers".
    """

    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps that this layer adds to those of all layers before it."""
        x = self.conv1(torch.relu(self.norm1(x)))
        return self.conv2(torch.relu(self.norm2(x)))


class DenseBlock(nn.Sequential):
    """Layers of which each reads the block's input and the output of every layer before it.

    Input (N, in_channels, H, W) float; output (N, in_channels + layers * growth, H, W): all that was read
    and made, input included. Source: equation 2.
    """

    def __init__(self, in_channels: int, layers: int, growth: int) -> None:
        super().__init__()
        for number in range(layers):
            self.add_module(f"layer{number + 1}", DenseLayer(in_channels + number * growth, growth))

    def forward(self, x: Tensor) -> Tensor:
        """Return x0 and the maps that the layers made of it, side by side: [x0, x1, ...]."""
        for layer in self:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """Between two blocks: a 1x1 convolution to half of the channels, and 2x2 average pooling.

    Input (N, in_channels, H, W) float, at least 2x2; output (N, in_channels // 2, H // 2, W // 2).
    Source: section 3, "Pooling layers" and "Compression".
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, in_channels // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        """Return half as many maps, each with half the rows and columns."""
        return self.pool(self.conv(torch.relu(self.norm(x))))


class DenseNet(nn.Sequential):
    """A 7x7 convolution and a max pool, dense blocks with transitions between them, one linear layer.

    ``layers`` is a column of the paper's table; each dense layer adds ``growth`` channels (the paper's k).
    The parts have the table's names and run one after another.

    Input (N, in_channels, H, W) float, at least 29x29 with four blocks; output logits (N, num_classes).
    Raises ``ValueError`` for smaller images or another number of channels.
    """

    def __init__(
        self,
        layers: Sequence[int],
        num_classes: int = 1000,
        in_channels: int = 3,
        *,
        growth: int = 32,
    ) -> None:
        super().__init__()
        self.input_shape = (in_channels, 224, 224)
        # Convolution and max pool keep ceil(size / 4) rows; each transition halves them, rounding down.
        self.least = 4 * 2 ** (len(layers) - 1) - 3
        channels = 2 * growth
        first = nn.Conv2d(in_channels, channels, 7, 2, padding=3, bias=False)
        self.conv = nn.Sequential(first, nn.BatchNorm2d(channels), nn.ReLU())
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        for number, count in enumerate(layers, 1):
            self.add_module(f"block{number}", DenseBlock(channels, count, growth))
            channels += count * growth
            if number < len(layers):
                self.add_module(f"transition{number}", Transition(channels))
                channels //= 2
        self.norm = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, num_classes)
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, C, H, W)."""
        check_image(x, self.input_shape, net="DenseNet", least=self.least)
        for part in self:
            x = part(x)
        return x


NETS = {
    "densenet121": partial(DenseNet, LAYERS_121),
    "densenet169": partial(DenseNet, LAYERS_169),
    "densenet201": partial(DenseNet, LAYERS_201),
    "densenet264": partial(DenseNet, LAYERS_264),
}
