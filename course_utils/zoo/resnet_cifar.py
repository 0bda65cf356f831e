"""ResNet for images of 32x32, and its plain twin: the same layers without shortcuts, so that both compare.

K. He, X. Zhang, S. Ren and J. Sun, Deep residual learning for image recognition, CVPR 2016, section 4.2 and
table 6. Slides "ResNet: ILSVRC 2015 winner".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from course_utils.zoo.parts import check_image, start
from course_utils.zoo.resnet import BasicBlock, Shortcut

# The paper's table: maps of 32x32, 16x16 and 8x8 with so many channels; n blocks in each give 6n + 2 layers.
CHANNELS = (16, 32, 64)
BLOCKS = {20: 3, 32: 5, 44: 7, 56: 9, 110: 18}


class CifarResNet(nn.Sequential):
    """A 3x3 convolution, three stages of blocks, global average pooling, one linear layer.

    ``stages`` gives the channels and the number of blocks of each; each but the first starts with stride 2.
    ``shortcut`` is "A" as in the paper, "B" for projections, or None for a plain net, which has exactly as
    many parameters as with "A".

    Input (N, in_channels, H, W) float, of any size; output logits (N, num_classes). Raises ``ValueError``
    for another number of channels or a shortcut that does not exist.
    """

    def __init__(
        self,
        stages: Sequence[tuple[int, int]],
        num_classes: int = 10,
        in_channels: int = 3,
        *,
        shortcut: Shortcut | None = "A",
    ) -> None:
        super().__init__()
        self.input_shape = (in_channels, 32, 32)
        before = stages[0][0]
        first = nn.Conv2d(in_channels, before, 3, padding=1, bias=False)
        self.conv1 = nn.Sequential(first, nn.BatchNorm2d(before), nn.ReLU())
        for number, (channels, blocks) in enumerate(stages, 1):
            stage = nn.Sequential()
            for index in range(blocks):
                stride = 2 if index == 0 and number > 1 else 1
                stage.append(BasicBlock(before, channels, stride, shortcut))
                before = channels
            self.add_module(f"stage{number}", stage)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(before, num_classes)
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, C, H, W)."""
        check_image(x, self.input_shape, net="CifarResNet")
        for part in self:
            x = part(x)
        return x


NETS = {
    f"resnet{depth}_cifar": partial(CifarResNet, [(channels, blocks) for channels in CHANNELS])
    for depth, blocks in BLOCKS.items()
}
NETS |= {name.replace("resnet", "plain"): partial(net, shortcut=None) for name, net in NETS.items()}
