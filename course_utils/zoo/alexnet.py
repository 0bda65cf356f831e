"""AlexNet: ReLU, dropout and two GPUs made a deep convolutional net win ILSVRC 2012.

A. Krizhevsky, I. Sutskever and G. Hinton, ImageNet classification with deep convolutional neural networks,
NIPS 2012, section 3.5 and figure 2. Slides "AlexNet: ILSVRC 2012 winner" and "Example-AlexNet".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor, nn

from course_utils.zoo.parts import check_image, least_side, side_after, start


class Conv(NamedTuple):
    """A convolution in a table; ``split``: each tower has its share of the filters and sees its own maps."""

    filters: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    split: bool = False


Row = tuple[Conv, Sequence[Callable[[], nn.Module]]]

# The paper's alpha of 1e-4 is a factor on each square; PyTorch divides alpha by the number of squares, 5.
LRN = partial(nn.LocalResponseNorm, 5, alpha=5e-4, beta=0.75, k=2)
POOL = partial(nn.MaxPool2d, 3, 2)

# A convolution a row, and what follows its ReLU.
TWO_TOWERS: list[Row] = [
    (Conv(96, 11, stride=4), [LRN, POOL]),
    (Conv(256, 5, padding=2, split=True), [LRN, POOL]),
    (Conv(384, 3, padding=1), []),
    (Conv(384, 3, padding=1, split=True), []),
    (Conv(256, 3, padding=1, split=True), [POOL]),
]

# A. Krizhevsky, One weird trick for parallelizing convolutional neural networks, 2014, as libraries have it.
ONE_TOWER: list[Row] = [
    (Conv(64, 11, stride=4, padding=2), [POOL]),
    (Conv(192, 5, padding=2), [POOL]),
    (Conv(384, 3, padding=1), []),
    (Conv(256, 3, padding=1), []),
    (Conv(256, 3, padding=1), [POOL]),
]


class AlexNet(nn.Module):
    """Five convolutions, of which three are pooled, then three fully connected layers.

    ``rows`` is the table of convolutions, ``hidden`` the units of the two hidden fully connected layers.
    ``groups`` is the number of towers, in the paper one for each of two GPUs: those convolutions that the
    table splits do not see across; 1 joins the towers.

    Input (N, in_channels, image_size, image_size) float; output logits (N, num_classes). The paper says 224,
    but its 55x55 maps come from 227. Raises ``ValueError`` for images of another size.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        num_classes: int = 1000,
        in_channels: int = 3,
        *,
        image_size: int = 227,
        hidden: Sequence[int] = (4096, 4096),
        groups: int = 2,
    ) -> None:
        super().__init__()
        self.input_shape = (in_channels, image_size, image_size)
        self.features = convolutions(rows, in_channels, groups)
        side = side_after(self.features, image_size)
        if side < 1:
            least = least_side(self.features)
            raise ValueError(
                f"{type(self).__name__} needs an image_size of at least {least}, not {image_size}"
            )
        self.classifier = nn.Sequential(nn.Flatten())
        for before, after in pairwise([rows[-1][0].filters * side**2, *hidden]):
            self.classifier.extend([nn.Linear(before, after), nn.ReLU(), nn.Dropout(0.5)])
        self.classifier.append(nn.Linear(hidden[-1], num_classes))
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, C, H, W)."""
        check_image(x, self.input_shape, net=type(self).__name__, fixed=True)
        return self.classifier(self.features(x))


class OneTowerAlexNet(nn.Module):
    """AlexNet for one GPU: fewer filters, no towers, no response normalisation; it takes any size of image.

    An average over 6x6 cells makes a map of 6x6 of the last map, whatever its size; at 224x224 it changes
    nothing. Layers come in the order that the libraries' weights know: dropout stands before a hidden layer.

    Input (N, in_channels, H, W) float, 224x224 in the paper; output logits (N, num_classes). Raises
    ``ValueError`` for images of less than 63x63.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        num_classes: int = 1000,
        in_channels: int = 3,
        *,
        image_size: int = 224,
        hidden: Sequence[int] = (4096, 4096),
    ) -> None:
        super().__init__()
        self.input_shape = (in_channels, image_size, image_size)
        self.features = convolutions(rows, in_channels)
        self.least = least_side(self.features)
        self.pool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential()
        for before, after in pairwise([rows[-1][0].filters * 6**2, *hidden]):
            self.classifier.extend([nn.Dropout(0.5), nn.Linear(before, after), nn.ReLU()])
        self.classifier.append(nn.Linear(hidden[-1], num_classes))
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, C, H, W)."""
        check_image(x, self.input_shape, net="AlexNet", least=self.least)
        return self.classifier(self.pool(self.features(x)).flatten(1))


def convolutions(rows: Sequence[Row], in_channels: int, groups: int = 1) -> nn.Sequential:
    """Return the layers of a table: each convolution, its ReLU, and what follows them.

    Convolutions that the table splits get ``groups``, and each group its own share of the channels.
    """
    layers: list[nn.Module] = []
    channels = in_channels
    for (filters, kernel_size, stride, padding, split), following in rows:
        conv = nn.Conv2d(channels, filters, kernel_size, stride, padding, groups=groups if split else 1)
        layers += [conv, nn.ReLU(), *(make() for make in following)]
        channels = filters
    return nn.Sequential(*layers)


NETS: dict[str, Callable[..., nn.Module]] = {
    "alexnet": partial(AlexNet, TWO_TOWERS),
    "alexnet_one_tower": partial(OneTowerAlexNet, ONE_TOWER),
}
