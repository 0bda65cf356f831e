from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from plain_layers import connect, convolve, normalise, pool, relu, to_numpy
from pytorchcv.model_provider import get_model
from torch import nn
from zoo_contract import keeps_its_promises

from course_utils.zoo.alexnet import Row
from course_utils.zoo.counting import Counts, count
from course_utils.zoo.zfnet import FIGURE_3, NETS, ZFNet


def counts(**options) -> Counts:
    with torch.device("meta"):
        return count(NETS["zfnet"](**options))


def narrow(rows: Sequence[Row], by: int = 8) -> list[Row]:
    return [(conv._replace(filters=conv.filters // by), following) for conv, following in rows]


def test_parameters_and_multiply_adds() -> None:
    found = counts()
    assert (found.parameters, found.macs) == (62_357_608, 1_168_032_896)


def test_maps_are_those_of_the_figure() -> None:
    rows = counts().layers
    maps = [row.output_shape for row in rows if row.kind in ("convolution", "max pool")]
    first = [(96, 110, 110), (96, 55, 55), (256, 26, 26), (256, 13, 13)]
    assert maps == [*first, (384, 13, 13), (384, 13, 13), (256, 13, 13), (256, 6, 6)]
    normalised = [row.output_shape for row in rows if row.kind == "local response norm"]
    assert normalised == [(96, 55, 55), (256, 13, 13)]


def test_conv1_is_finer_than_alexnet_s() -> None:
    conv1 = counts().layers[0]
    assert (conv1.receptive_field, conv1.stride) == ((7, 7), (2, 2))


def test_logits_are_those_of_an_independent_implementation_once_its_order_is_taken() -> None:
    """The other net normalises before it pools, with a fifth of the paper's alpha."""
    torch.manual_seed(0)
    rows = [(conv, following[::-1]) for conv, following in narrow(FIGURE_3)]
    net = ZFNet(rows, 7, hidden=(20, 10)).double().eval()
    for module in net.features:
        if isinstance(module, nn.LocalResponseNorm):
            module.alpha = 1e-4
    with torch.device("meta"):
        other = get_model("zfnet", pretrained=False, num_classes=7).eval()
    weighted = [[m for m in n.modules() if isinstance(m, (nn.Conv2d, nn.Linear))] for n in (net, other)]
    for own, theirs in zip(*weighted, strict=True):
        theirs.weight, theirs.bias = own.weight, own.bias
    x = torch.randn(2, 3, 224, 224, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(net(x), other(x), rtol=1e-10, atol=1e-10)


def test_logits_are_those_of_plain_numpy() -> None:
    torch.manual_seed(0)
    net = ZFNet(narrow(FIGURE_3), 7, 2, image_size=96, hidden=(20, 10)).double().eval()
    images = 100 * torch.randn(2, 2, 96, 96, dtype=torch.float64)
    weights = [(to_numpy(m.weight), to_numpy(m.bias)) for m in net.modules() if hasattr(m, "weight")]
    x = relu(convolve(to_numpy(images), *weights[0], stride=2, padding=1))
    x = normalise(pool(x, 3, 2, round_up=True))
    x = normalise(pool(relu(convolve(x, *weights[1], stride=2)), 3, 2, round_up=True))
    x = relu(convolve(x, *weights[2], padding=1))
    x = relu(convolve(x, *weights[3], padding=1))
    x = pool(relu(convolve(x, *weights[4], padding=1)), 3, 2, round_up=True)
    logits = connect(relu(connect(relu(connect(x, *weights[5])), *weights[6])), *weights[7])
    with torch.no_grad():
        np.testing.assert_allclose(to_numpy(net(images)), logits, rtol=1e-9)


def test_other_sizes_classes_and_channels() -> None:
    with torch.device("meta"):
        net = NETS["zfnet"](num_classes=5, in_channels=1, image_size=100)
        assert net(torch.empty(2, 1, 100, 100)).shape == (2, 5)
        with pytest.raises(ValueError, match=r"this ZFNet was built for images of 100x100, .* image_size="):
            net(torch.empty(2, 1, 224, 224))
        with pytest.raises(ValueError, match="built for 1 input channels, not 3"):
            net(torch.empty(2, 3, 100, 100))
        assert NETS["zfnet"](image_size=47)(torch.empty(2, 3, 47, 47)).shape == (2, 1000)
        with pytest.raises(ValueError, match="ZFNet needs an image_size of at least 47, not 46"):
            NETS["zfnet"](image_size=46)


def test_the_zoo_s_promises() -> None:
    keeps_its_promises(
        lambda: ZFNet(narrow(FIGURE_3), 5, hidden=(30, 20), image_size=64), torch.randn(2, 3, 64, 64)
    )
