"""Network in network: 1x1 convolutions after each convolution, and no fully connected layers at the end.

M. Lin, Q. Chen and S. Yan, Network in network, ICLR 2014, figures 1 and 2; the widths are those of the nets
that the authors published. Slides "Network in Network".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor, nn

from course_utils.zoo.parts import check_image, least_side, start


class MlpConv(NamedTuple):
    """A convolution and the 1x1 convolutions behind it, a small network at each position of a map."""

    filters: Sequence[int]
    kernel_size: int
    stride: int = 1
    padding: int = 0


Row = tuple[MlpConv, Sequence[Callable[[], nn.Module]]]

MAX_POOL = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)
AVERAGE_POOL = partial(nn.AvgPool2d, 3, 2, ceil_mode=True)
DROPOUT = partial(nn.Dropout, 0.5)

# An mlpconv layer a row, and what follows it. The last one ends in one map a class, which the net adds.
IMAGENET: list[Row] = [
    (MlpConv([96, 96, 96], 11, stride=4), [MAX_POOL]),
    (MlpConv([256, 256, 256], 5, padding=2), [MAX_POOL]),
    (MlpConv([384, 384, 384], 3, padding=1), [MAX_POOL, DROPOUT]),
    (MlpConv([1024, 1024], 3, padding=1), []),
]
CIFAR: list[Row] = [
    (MlpConv([192, 160, 96], 5, padding=2), [MAX_POOL, DROPOUT]),
    (MlpConv([192, 192, 192], 5, padding=2), [AVERAGE_POOL, DROPOUT]),
    (MlpConv([192, 192], 3, padding=1), []),
]


class NIN(nn.Module):
    """Mlpconv layers with pools between them; the average of a class's map is the logit of the class.

    ``rows`` is the table of mlpconv layers. Every convolution has a ReLU, the last one too: logits are not
    negative.

    Input (N, in_channels, H, W) float, ``image_size`` rows and columns in the paper and any other number that
    reaches the end; output logits (N, num_classes). Raises ``ValueError`` for smaller images: ImageNet's net
    needs 39x39, CIFAR's 4x4.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        num_classes: int = 1000,
        in_channels: int = 3,
        *,
        image_size: int = 224,
    ) -> None:
        super().__init__()
        self.input_shape = (in_channels, image_size, image_size)
        layers: list[nn.Module] = []
        channels = in_channels
        for number, ((filters, kernel_size, stride, padding), following) in enumerate(rows, start=1):
            widths = [*filters, num_classes] if number == len(rows) else filters
            layers += [nn.Conv2d(channels, widths[0], kernel_size, stride, padding), nn.ReLU()]
            for before, after in pairwise(widths):
                layers += [nn.Conv2d(before, after, 1), nn.ReLU()]
            layers += [make() for make in following]
            channels = widths[-1]
        self.features = nn.Sequential(*layers)
        self.least = least_side(self.features)
        self.pool = nn.AdaptiveAvgPool2d(1)
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, C, H, W)."""
        check_image(x, self.input_shape, net="NIN", least=self.least)
        return self.pool(self.features(x)).flatten(1)


NETS = {"nin": partial(NIN, IMAGENET), "nin_cifar": partial(NIN, CIFAR, num_classes=10, image_size=32)}
