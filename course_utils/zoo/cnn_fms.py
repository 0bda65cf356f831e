"""CNN-F, CNN-M and CNN-S: fast, medium and slow nets that show what each part of a net is worth.

K. Chatfield, K. Simonyan, A. Vedaldi and A. Zisserman, Return of the devil in the details: delving deep into
convolutional nets, BMVC 2014, table 1. Slides "Investigate components of CNNs".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import nn

from course_utils.zoo.alexnet import LRN, AlexNet, Conv, Row

# "x2 pool" and "x3 pool". The table gives no sizes of windows: these are those of the published nets, which
# round up, and so come to 6x6 behind conv5.
POOL = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)
POOL_2X2 = partial(nn.MaxPool2d, 2, 2, ceil_mode=True)
POOL_BY_3 = partial(nn.MaxPool2d, 3, 3, ceil_mode=True)

# A row of the paper's table each: a convolution a row here, and what follows its ReLU.
F: list[Row] = [
    (Conv(64, 11, stride=4), [LRN, POOL]),
    (Conv(256, 5, padding=2), [LRN, POOL]),
    (Conv(256, 3, padding=1), []),
    (Conv(256, 3, padding=1), []),
    (Conv(256, 3, padding=1), [POOL]),
]
M: list[Row] = [
    (Conv(96, 7, stride=2), [LRN, POOL]),
    (Conv(256, 5, stride=2, padding=1), [LRN, POOL]),
    (Conv(512, 3, padding=1), []),
    (Conv(512, 3, padding=1), []),
    (Conv(512, 3, padding=1), [POOL]),
]
S: list[Row] = [
    (Conv(96, 7, stride=2), [LRN, POOL_BY_3]),
    (Conv(256, 5, padding=1), [POOL_2X2]),
    (Conv(512, 3, padding=1), []),
    (Conv(512, 3, padding=1), []),
    (Conv(512, 3, padding=1), [POOL_BY_3]),
]


class ChatfieldCNN(AlexNet):
    """AlexNet's layers in one tower, with the widths, kernels and strides of the table.

    ``hidden`` are the units of full6 and full7. The paper narrows full7, whose values serve as an image's
    features, to 2048, 1024 and 128.

    Input (N, in_channels, image_size, image_size) float; output logits (N, num_classes). Raises
    ``ValueError`` for images of another size.
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
        super().__init__(rows, num_classes, in_channels, image_size=image_size, hidden=hidden)


NETS = {f"cnn_{name}": partial(ChatfieldCNN, rows) for name, rows in zip("fms", (F, M, S), strict=True)}
NETS |= {f"cnn_m_{width}": partial(ChatfieldCNN, M, hidden=(4096, width)) for width in (2048, 1024, 128)}
