"""Every architecture of the lecture, a file a family: read one from top to bottom.

>>> from course_utils import zoo
>>> net = zoo.build("vgg_d", num_classes=10)
>>> zoo.count(net).parameters
134301514
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from torch import nn

from course_utils.zoo import (
    alexnet,
    cnn_fms,
    densenet,
    googlenet,
    inception,
    lenet,
    nin,
    resnet,
    resnet_cifar,
    small,
    vgg,
    zfnet,
)
from course_utils.zoo.counting import Counts, Layer, count
from course_utils.zoo.showing import draw, table

__all__ = ["NETS", "Counts", "Layer", "build", "count", "draw", "table"]

FAMILIES = (
    lenet,
    alexnet,
    zfnet,
    vgg,
    nin,
    googlenet,
    inception,
    resnet,
    resnet_cifar,
    densenet,
    cnn_fms,
    small,
)
NETS: dict[str, Callable[..., nn.Module]] = {
    name: build for family in FAMILIES for name, build in family.NETS.items()
}
"""Every net by its name, in the form that the lecture's tables give it."""


def build(name: str, **options: Any) -> nn.Module:
    """Build a net by name, with fresh weights: ``build("resnet50", num_classes=10, in_channels=1)``.

    ``options`` are those of the net's class: every one takes ``num_classes`` and ``in_channels``. Inside
    ``with torch.device("meta"):`` the net takes no memory, which is enough to count it.

    Raises ``ValueError`` for a name that is not in ``NETS``, ``TypeError`` for an option the net lacks.
    """
    if name not in NETS:
        near = get_close_matches(name, NETS, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(NETS)}"
        raise ValueError(f"there is no net {name!r}: {hint}")
    return NETS[name](**options)
