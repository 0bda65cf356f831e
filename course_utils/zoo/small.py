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


def dense_stages(
    width: int, layers: Sequence[int] = DENSE, growth: int = GROWTH
) -> tuple[nn.Sequential, int]:
    """Return dense blocks of so many layers with transitions between them, and the channels behind them."""
    stages = nn.Sequential()
    for number, count in enumerate(layers, 1):
        stages.append(DenseBlock(width, count, growth))
        width += count * growth
        if number < len(layers):
            stages.append(Transition(width))
            width //= 2
    return stages, width


def connections(net: SmallNet) -> list[list[list[Tensor]]]:
    """Return the weights of each connection inside a net's dense blocks, by block, reader and source.

    A block's readers are its layers, by their 1x1 convolutions, and last what follows the block. The sources
    of a reader are the block's input and the layers before it. Each entry is the part of the reader's weight
    that meets one source, (outputs, channels, ...): a view, through which the net can be changed. A net of
    another family has no such blocks. Source: Huang et al., figure 5.
    """
    blocks = []
    stages: list[Any] = list(net.stages)
    for block, behind in zip(stages, [*stages[1:], net], strict=True):
        if isinstance(block, DenseBlock):
            readers = [layer.conv1 for layer in block] + [behind.fc if behind is net else behind.conv]
            weights = [reader.weight.detach() for reader in readers]
            first, growth = weights[0].shape[1], weights[1].shape[1] - weights[0].shape[1]
            blocks.append(
                [list(w.split([first, *number * [growth]], dim=1)) for number, w in enumerate(weights)]
            )
    return blocks


def by_connection(net: SmallNet, measure: Callable[[Tensor], Tensor]) -> NDArray[np.float64]:
    """Return ``measure`` of each connection's weights as an array (blocks, sources, readers).

    The blocks must be of one length. A layer reads neither itself nor those behind it: there it is 0.
    """
    blocks = connections(net)
    matrices = np.zeros((len(blocks), len(blocks[0]), len(blocks[0])))
    for block, readers in enumerate(blocks):
        for reader, sources in enumerate(readers):
            matrices[block, : reader + 1, reader] = [float(measure(weights)) for weights in sources]
    return matrices


NETS = {
    "googlenet_small": partial(SmallNet, inception_stages, 16),
    "resnet_small": partial(SmallNet, residual_stages, STAGES[0][0]),
    "preact_resnet_small": partial(
        SmallNet, partial(residual_stages, preactivated=True), STAGES[0][0], activate=True
    ),
    "densenet_small": partial(SmallNet, dense_stages, 2 * GROWTH, activate=True),
}
