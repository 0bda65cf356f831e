"""ZFNet, or Clarifai: AlexNet with finer first convolutions, chosen after a look at its features.

M. Zeiler and R. Fergus, Visualizing and understanding convolutional networks, ECCV 2014, figure 3. Slide
"Clarifai: ILSVRC 2013 winner".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import nn

from course_utils.zoo.alexnet import LRN, AlexNet, Conv, Row

# The figure's maps of 110, 55, 26 and 13 rows need pools that round up.
POOL = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)

# A convolution a row, and what follows its ReLU: here the response is normalised after the pool.
FIGURE_3: list[Row] = [
    (Conv(96, 7, stride=2, padding=1), [POOL, LRN]),
    (Conv(256, 5, stride=2), [POOL, LRN]),
    (Conv(384, 3, padding=1), []),
    (Conv(384, 3, padding=1), []),
    (Conv(256, 3, padding=1), [POOL]),
]


class ZFNet(AlexNet):
    """AlexNet's layers in one tower, with the kernels and strides of the table.

    AlexNet's 11x11 and stride 4 left dead filters and gaps between frequencies; 7x7 and stride 2 do not. The
    paper gives no constants for the normalisation: they are AlexNet's.

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


NETS = {"zfnet": partial(ZFNet, FIGURE_3)}
