"""GoogLeNet: modules that look with several kernel sizes at once, and 1x1 convolutions that pay for it.

C. Szegedy et al., Going deeper with convolutions, CVPR 2015, table 1 and figures 2 and 3. Slides "GoogLeNet:
ILSVRC 2014 winner".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from course_utils.zoo.parts import check_image, start

# The paper's table, a row an Inception module. The digit is the stage; stages are a max pool 3x3/2 apart.
TABLE = {
    # #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
STEM = (64, 64, 192)  # convolutions above the modules: 7x7/2, then #3x3 reduce and 3x3
HEAD = (128, 1024)  # an auxiliary head's 1x1 convolution, and its fully connected layer
HEADS_AFTER = ("4a", "4d")


def convolution(
    in_channels: int, filters: int, kernel_size: int, stride: int = 1, *, batch_norm: bool = False
) -> nn.Sequential:
    """Return a convolution that keeps H/stride and W/stride, and its ReLU.

    With ``batch_norm`` a batch normalisation stands between them, and takes over the bias.
    """
    padding = kernel_size // 2
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, filters, kernel_size, stride, padding, bias=not batch_norm)
    ]
    if batch_norm:
        layers.append(nn.BatchNorm2d(filters, eps=0.001))
    return nn.Sequential(*layers, nn.ReLU())


class NaiveInception(nn.Module):
    """The module before its 1x1 reductions, figure 2a: 1x1, 3x3, 5x5 and max pool 3x3, side by side.

    Input (N, in_channels, H, W) float; output (N, one + three + five + in_channels, H, W): the pool hands on
    every channel, so the maps can only grow from module to module. Slide "Inception module, naive version".
    """

    def __init__(self, in_channels: int, one: int, three: int, five: int) -> None:
        super().__init__()
        self.one = convolution(in_channels, one, 1)
        self.three = convolution(in_channels, three, 3)
        self.five = convolution(in_channels, five, 5)
        self.pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.out_channels = one + three + five + in_channels

    def forward(self, x: Tensor) -> Tensor:
        """Return the four paths' outputs behind one another along the channels."""
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], dim=1)


class Inception(nn.Module):
    """The module with dimension reductions, figure 2b: a 1x1 before 3x3 and 5x5, and after the pool.

    The numbers of filters come in the order of the paper's table: ``Inception(192, *TABLE["3a"])``.
    ``kernel_size`` is the largest one. Input (N, in_channels, H, W) float; output
    (N, one + three + five + pool_proj, H, W). Slide "Inception module with dimension reductions".
    """

    def __init__(
        self,
        in_channels: int,
        one: int,
        three_reduce: int,
        three: int,
        five_reduce: int,
        five: int,
        pool_proj: int,
        *,
        kernel_size: int = 5,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        conv = partial(convolution, batch_norm=batch_norm)
        self.one = conv(in_channels, one, 1)
        self.three = nn.Sequential(conv(in_channels, three_reduce, 1), conv(three_reduce, three, 3))
        self.five = nn.Sequential(conv(in_channels, five_reduce, 1), conv(five_reduce, five, kernel_size))
        self.pool = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), conv(in_channels, pool_proj, 1))
        self.out_channels = one + three + five + pool_proj

    def forward(self, x: Tensor) -> Tensor:
        """Return the four paths' outputs behind one another along the channels."""
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], dim=1)


class AuxiliaryHead(nn.Module):
    """A small classifier on a map in the middle of the net: its loss sends a gradient into the early layers.

    Input (N, in_channels, side, side) float; output logits (N, num_classes). The paper averages 5x5
    windows with stride 3; with ``batch_norm`` the map, of any size, becomes 4x4 averages. Source: section 5
    of the paper, which adds 0.3 times each head's loss to the net's own.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        side: int,
        *,
        widths: Sequence[int] = HEAD,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        filters, hidden = widths
        pooled = 4 if batch_norm else (side - 5) // 3 + 1
        self.pool = nn.AdaptiveAvgPool2d(pooled) if batch_norm else nn.AvgPool2d(5, stride=3)
        self.conv = convolution(in_channels, filters, 1, batch_norm=batch_norm)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(filters * pooled**2, hidden),
            nn.ReLU(),
            nn.Dropout(0.7),
            nn.Linear(hidden, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of maps (N, in_channels, side, side)."""
        return self.classifier(self.conv(self.pool(x)))


class GoogLeNet(nn.Module):
    """A stem of three convolutions, nine Inception modules, an average over the map, one linear layer.

    ``table`` holds the modules' numbers of filters by name, as ``TABLE`` does. ``aux`` adds the heads behind
    4a and 4d. ``batch_norm`` builds what libraries publish weights for, which is not the paper's net: 3x3
    where the paper has 5x5, batch normalisation and no bias in every convolution, no local response
    normalisation, a last max pool of 2x2/2, heads that average to 4x4, and 20 % dropout, not 40 %.

    Input (N, in_channels, H, W) float; output logits (N, num_classes), in training with heads the tuple
    (logits, head at 4a, head at 4d). Raises ``ValueError`` for images under 31x31, with ``batch_norm`` under
    15x15. In training the paper's heads also fix the size, to image_size x image_size.
    """

    def __init__(
        self,
        table: Mapping[str, Sequence[int]],
        num_classes: int = 1000,
        in_channels: int = 3,
        *,
        image_size: int = 224,
        stem: Sequence[int] = STEM,
        head: Sequence[int] = HEAD,
        aux: bool = True,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.input_shape = (in_channels, image_size, image_size)
        self.fixed_by_heads = aux and not batch_norm
        kernel_size, last_pool, dropout, self.least = (3, 2, 0.2, 15) if batch_norm else (5, 3, 0.4, 31)
        side = (image_size + 1) // 16  # of the maps in stage 4
        if self.fixed_by_heads and side < 5:
            raise ValueError(
                f"image_size {image_size} leaves maps of {side}x{side} to the auxiliary heads, which average "
                "5x5 windows: give at least 79, or aux=False"
            )
        conv = partial(convolution, batch_norm=batch_norm)
        first, reduced, channels = stem
        # The paper leaves the constants open: these are those of Caffe's reproduction, k=1 and alpha=1e-4.
        norm = nn.Identity if batch_norm else partial(nn.LocalResponseNorm, 5, alpha=1e-4, beta=0.75, k=1)
        self.features = nn.ModuleDict()
        self.features["stem"] = nn.Sequential(
            conv(in_channels, first, 7, 2),
            nn.MaxPool2d(3, 2, ceil_mode=True),  # 112 to 56, without a border of zeros: ceil_mode
            norm(),
            conv(first, reduced, 1),
            conv(reduced, channels, 3),
            norm(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
        )
        self.heads = nn.ModuleDict()
        for name, filters in table.items():
            if name == "4a":
                self.features["pool3"] = nn.MaxPool2d(3, 2, ceil_mode=True)
            elif name == "5a":
                self.features["pool4"] = nn.MaxPool2d(last_pool, 2, ceil_mode=True)
            module = Inception(channels, *filters, kernel_size=kernel_size, batch_norm=batch_norm)
            self.features[name] = module
            channels = module.out_channels
            if aux and name in HEADS_AFTER:
                self.heads[name] = AuxiliaryHead(
                    channels, num_classes, side, widths=head, batch_norm=batch_norm
                )
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels, num_classes)
        )
        start(self)
        for auxiliary in self.heads.values():
            start(auxiliary)  # once more, for its own last layer: no ReLU follows that one either

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the logits (N, num_classes) of images (N, C, H, W), in training the heads' logits too."""
        fixed = self.training and self.fixed_by_heads
        check_image(x, self.input_shape, net="GoogLeNet", fixed=fixed, least=self.least)
        auxiliary = []
        for name, layer in self.features.items():
            x = layer(x)
            if self.training and name in self.heads:
                auxiliary.append(self.heads[name](x))
        logits = self.classifier(x)
        return (logits, *auxiliary) if auxiliary else logits


NETS = {"googlenet": partial(GoogLeNet, TABLE), "googlenet_bn": partial(GoogLeNet, TABLE, batch_norm=True)}
