"""Four families at the same price: small nets for small images, each with about 250,000 parameters.

Each has a 3x3 convolution, three stages at the full, half and a quarter of the image's rows, global average
pooling and one linear layer. What the stages are made of is all that differs:

- GoogLeNet (Szegedy et al., CVPR 2015): Inception modules with batch normalisation, max pools between;
- ResNet (He et al., CVPR 2016): basic blocks, as in ``resnet_cifar``;
- ResNet with pre-activation (He et al., Identity mappings in deep residual networks, ECCV 2016): batch
  normalisation and ReLU come before a convolution, and nothing stands on the way past a block;
- DenseNet (Huang et al., CVPR 2017): dense blocks, transitions between.

Slides "GoogLeNet", "ResNet", "DenseNet" and "Going Deeper".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from course_utils.zoo.densenet import DenseBlock, Transition
from course_utils.zoo.googlenet import Inception
from course_utils.zoo.parts import check_image, start
from course_utils.zoo.resnet import BasicBlock, make_shortcut

# A list a stage. Inception modules by the numbers of the paper's table: #1x1, #3x3 reduce, #3x3, #5x5 reduce,
# #5x5, pool proj; residual stages by (channels, blocks); dense blocks by their number of layers.
MODULES = [
    [(16, 16, 32, 8, 8, 8)] * 2,
    [(32, 32, 64, 16, 16, 16)] * 2,
    [(48, 48, 96, 16, 32, 32)] * 2,
]
STAGES = [(16, 3), (32, 2), (64, 3)]
DENSE = (6, 6, 7)
GROWTH = 14


class SmallNet(nn.Sequential):
    """A 3x3 convolution, stages of some family, global average pooling and one linear layer.

    ``make`` gets the first convolution's ``width`` and returns the stages, and the channels behind them. With
    ``activate`` a batch normalisation and a ReLU follow the stages and not the first convolution, for
    families that normalise *before* they convolve.

    Input (N, in_channels, H, W) float, of any size from 4x4; output logits (N, num_classes). Raises
    ``ValueError`` for smaller images or another number of channels.
    """

    def __init__(
        self,
        make: Callable[[int], tuple[nn.Sequential, int]],
        width: int,
        num_classes: int = 10,
        in_channels: int = 3,
        *,
        activate: bool = False,
    ) -> None:
        super().__init__()
        self.input_shape = (in_channels, 32, 32)
        self.conv = nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1, bias=False))
        self.stages, channels = make(width)
        if activate:
            self.norm = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        else:
            self.conv.extend([nn.BatchNorm2d(width), nn.ReLU()])
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, num_classes)
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, C, H, W)."""
        check_image(x, self.input_shape, net="SmallNet", least=4)
        for part in self:
            x = part(x)
        return x


class Residual(nn.Sequential):
    """Layers, and a way past them on which nothing stands: x + F(x), without a ReLU behind the sum.

    Input (N, C, H, W); output what the layers put out. ``shortcut`` brings the input to that shape.
    """

    def __init__(self, *layers: nn.Module, shortcut: nn.Module) -> None:
        super().__init__(*layers)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Return shortcut(x) + F(x)."""
        y = x
        for name, layer in self.named_children():
            if name != "shortcut":
                y = layer(y)
        return self.shortcut(x) + y


def inception_stages(width: int) -> tuple[nn.Sequential, int]:
    """Return stages of Inception modules with a max pool before all but the first, and their channels."""
    stages = nn.Sequential()
    for number, modules in enumerate(MODULES):
        if number:
            stages.append(nn.MaxPool2d(3, 2, padding=1))
        for filters in modules:
            module = Inception(width, *filters, batch_norm=True)
            stages.append(module)
            width = module.out_channels
    return stages, width


def residual_stages(width: int, *, preactivated: bool = False) -> tuple[nn.Sequential, int]:
    """Return stages of two-layer blocks with shortcuts "A"; each but the first starts with stride 2."""
    stages = nn.Sequential()
    for number, (channels, blocks) in enumerate(STAGES):
        for index in range(blocks):
            stride = 2 if number and not index else 1
            if preactivated:
                stages.append(
                    Residual(
                        *convolve_last(width, channels, stride),
                        *convolve_last(channels, channels),
                        shortcut=make_shortcut("A", width, channels, stride),
                    )
                )
            else:
                stages.append(BasicBlock(width, channels, stride, "A"))
            width = channels
    return stages, width


def convolve_last(in_channels: int, channels: int, stride: int = 1) -> Sequence[nn.Module]:
    """Return batch normalisation, ReLU and a 3x3 convolution, in this order."""
    return (
        nn.BatchNorm2d(in_channels),
        nn.ReLU(),
        nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False),
    )


def dense_stages(width: int) -> tuple[nn.Sequential, int]:
    """Return dense blocks with transitions between them, and the channels behind them."""
    stages = nn.Sequential()
    for number, layers in enumerate(DENSE, 1):
        stages.append(DenseBlock(width, layers, GROWTH))
        width += layers * GROWTH
        if number < len(DENSE):
            stages.append(Transition(width))
            width //= 2
    return stages, width


def source_weights(net: SmallNet) -> list[float]:
    """Return what each reader of a dense block gives each of its sources: the mean absolute weight.

    Readers are the block's layers, by their 1x1 convolutions, and what follows the block. A reader's sources
    are the block's input and the layers before it. The numbers come block by block, reader by reader;
    ``by_source`` makes matrices of them. Source: Huang et al., figure 5. A net of another family has none.
    """
    means: list[float] = []
    stages: list[Any] = list(net.stages)
    for block, behind in zip(stages, [*stages[1:], net], strict=True):
        if isinstance(block, DenseBlock):
            readers = [layer.conv1 for layer in block] + [behind.fc if behind is net else behind.conv]
            for number, reader in enumerate(readers):
                weights = reader.weight.detach().abs().flatten(1).mean(dim=0)
                first = len(weights) - number * GROWTH
                means += [float(part.mean()) for part in weights.split([first, *number * [GROWTH]])]
    return means


def by_source(means: Sequence[float]) -> list[NDArray[np.float64]]:
    """Return ``source_weights`` as a matrix (sources, readers) for each block of ``DENSE``.

    Each column is divided by its mean, so that 1 says "as much as the others". A layer does not read itself
    or those behind it: there the matrix has NaN.
    """
    left, matrices = list(means), []
    for layers in DENSE:
        matrix = np.full((layers + 1, layers + 1), np.nan)
        for reader in range(layers + 1):
            column, left = left[: reader + 1], left[reader + 1 :]
            matrix[: reader + 1, reader] = np.array(column) / np.mean(column)
        matrices.append(matrix)
    return matrices


NETS = {
    "googlenet_small": partial(SmallNet, inception_stages, 16),
    "resnet_small": partial(SmallNet, residual_stages, STAGES[0][0]),
    "preact_resnet_small": partial(
        SmallNet, partial(residual_stages, preactivated=True), STAGES[0][0], activate=True
    ),
    "densenet_small": partial(SmallNet, dense_stages, 2 * GROWTH, activate=True),
}
