"""VGG: 3x3 convolutions and nothing larger, from 11 to 19 layers with weights.

K. Simonyan and A. Zisserman, Very deep convolutional networks for large-scale image recognition, ICLR 2015,
table 1. Slides "VGGNet: ILSVRC 2014 2nd place".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from course_utils.zoo.parts import check_image, start

Stage = Sequence[tuple[int, int]]

# A column of the paper's table each: five stages of (kernel size, channels), with a max pool after each.
A = [[(3, 64)], [(3, 128)], 2 * [(3, 256)], 2 * [(3, 512)], 2 * [(3, 512)]]
B = [2 * [(3, 64)], 2 * [(3, 128)], 2 * [(3, 256)], 2 * [(3, 512)], 2 * [(3, 512)]]
C = [stage + [(1, stage[-1][1])] * (number > 1) for number, stage in enumerate(B)]
D = [stage + [(3, stage[-1][1])] * (number > 1) for number, stage in enumerate(B)]
E = [stage + [(3, stage[-1][1])] * (number > 1) for number, stage in enumerate(D)]


class VGG(nn.Module):
    """Stages of 3x3 convolutions, each halved by a max pool, then three fully connected layers.

    ``stages`` is a column of the paper's table; ``lrn`` puts a local response normalisation behind the first
    convolution (A-LRN), ``batch_norm`` a batch normalisation behind every convolution (not in the paper).

    Input (N, in_channels, image_size, image_size) float; output logits (N, num_classes). Raises
    ``ValueError`` for images of another size.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        num_classes: int = 1000,
        in_channels: int = 3,
        *,
        image_size: int = 224,
        hidden: int = 4096,
        lrn: bool = False,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.input_shape = (in_channels, image_size, image_size)
        side = image_size // 2 ** len(stages)
        if side < 1:
            raise ValueError(
                f"image_size {image_size} is halved {len(stages)} times: give at least {2 ** len(stages)}"
            )
        layers: list[nn.Module] = []
        channels = in_channels
        for stage in stages:
            for kernel_size, filters in stage:
                layers.append(nn.Conv2d(channels, filters, kernel_size, padding=kernel_size // 2))
                if batch_norm:
                    layers.append(nn.BatchNorm2d(filters))
                layers.append(nn.ReLU())
                channels = filters
                if lrn and len(layers) == 2:
                    layers.append(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2))
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Flatten())
        for before, after in pairwise([channels * side**2, hidden, hidden]):
            self.classifier.extend([nn.Linear(before, after), nn.ReLU(), nn.Dropout(0.5)])
        self.classifier.append(nn.Linear(hidden, num_classes))
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, C, H, W)."""
        check_image(x, self.input_shape, net="VGG", fixed=True)
        return self.classifier(self.features(x))


NETS = {f"vgg_{name}": partial(VGG, stages) for name, stages in zip("abcde", (A, B, C, D, E), strict=True)}
NETS |= {f"{name}_bn": partial(net, batch_norm=True) for name, net in NETS.items()}
NETS["vgg_a_lrn"] = partial(VGG, A, lrn=True)
