from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
import torch
from plain_layers import convolve, pool, relu, to_numpy
from pytorchcv.models.nin_cifar import CIFARNIN
from torch import nn
from zoo_contract import copy_in_order, keeps_its_promises

from course_utils.zoo.counting import Counts, count
from course_utils.zoo.nin import CIFAR, IMAGENET, NETS, NIN, Row


def counts(name: str, **options) -> Counts:
    with torch.device("meta"):
        return count(NETS[name](**options))


def narrow(rows: Sequence[Row], by: int = 8) -> list[Row]:
    return [
        (mlpconv._replace(filters=[width // by for width in mlpconv.filters]), following)
        for mlpconv, following in rows
    ]


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [("nin", 7_595_176, 1_100_188_800), ("nin_cifar", 966_986, 222_486_528)],
)
def test_parameters_and_multiply_adds(name, parameters, macs) -> None:
    found = counts(name)
    assert (found.parameters, found.macs) == (parameters, macs)


def test_the_slide_s_7_5_million_parameters_in_29_megabytes() -> None:
    parameters = counts("nin").parameters
    assert int(parameters / 1e5) / 10 == 7.5
    assert round(4 * parameters / 2**20) == 29


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nin", [(96, 54), (96, 27), (256, 27), (256, 13), (384, 13), (384, 6), (1000, 6), (1000, 1)]),
        ("nin_cifar", [(96, 32), (96, 16), (192, 16), (192, 8), (10, 8), (10, 1)]),
    ],
)
def test_maps_before_and_after_each_pool(name, expected) -> None:
    rows = counts(name).layers
    convolved = [row for row in rows if row.kind in ("convolution", "max pool", "average pool")]
    pooled = [n for n, row in enumerate(convolved) if row.kind != "convolution"]
    found = [convolved[n].output_shape for at in pooled for n in (at - 1, at)]
    assert found == [(channels, side, side) for channels, side in expected]


def test_each_mlpconv_layer_is_a_convolution_and_two_1x1() -> None:
    with torch.device("meta"):
        kernels = [m.kernel_size[0] for m in NETS["nin"]().modules() if isinstance(m, nn.Conv2d)]
    assert kernels == [11, 1, 1, 5, 1, 1, 3, 1, 1, 3, 1, 1]


def test_cifar_s_net_agrees_with_an_independent_implementation_once_its_pools_are_taken() -> None:
    """The other net pads its pools where the authors' round up: both make 16 and 8 of 32."""
    torch.manual_seed(0)
    pools = [[partial(kind, 3, 2, padding=1)] for kind in (nn.MaxPool2d, nn.AvgPool2d)] + [[]]
    rows = [(mlpconv, own) for (mlpconv, _), own in zip(narrow(CIFAR), pools, strict=True)]
    net = NIN(rows, 10, image_size=32).double().eval()
    other = CIFARNIN([row.filters for row, _ in rows], [5, 5, 3]).double().eval()
    copy_in_order(net, other)
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(net(x), other(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("rows", "size", "strides", "paddings", "pools"),
    [
        (IMAGENET, 99, (4, 1, 1, 1), (0, 2, 1, 1), (np.nanmax, np.nanmax, np.nanmax, None)),
        (CIFAR, 30, (1, 1, 1), (2, 2, 1), (np.nanmax, np.nanmean, None)),
    ],
)
def test_logits_are_those_of_plain_numpy(rows, size, strides, paddings, pools) -> None:
    torch.manual_seed(0)
    net = NIN(narrow(rows), 7, 2).double().eval()
    weights = [(to_numpy(m.weight), to_numpy(m.bias)) for m in net.modules() if isinstance(m, nn.Conv2d)]
    images = torch.randn(2, 2, size, size, dtype=torch.float64)
    x = to_numpy(images)
    for number, (stride, padding, reduce) in enumerate(zip(strides, paddings, pools, strict=True)):
        first, second, third = weights[3 * number : 3 * number + 3]
        x = relu(convolve(x, *first, stride=stride, padding=padding))
        x = relu(convolve(relu(convolve(x, *second)), *third))
        x = pool(x, 3, 2, reduce, round_up=True) if reduce else x
    with torch.no_grad():
        np.testing.assert_allclose(to_numpy(net(images)), x.mean(axis=(2, 3)), rtol=1e-10)


@pytest.mark.parametrize(("name", "least", "default"), [("nin", 39, 224), ("nin_cifar", 4, 32)])
def test_any_size_from_the_least_on(name, least, default) -> None:
    with torch.device("meta"):
        net = NETS[name](num_classes=5, in_channels=1)
        assert net.input_shape == (1, default, default)
        for size in ((least, least), (default + 9, default)):
            assert net(torch.empty(2, 1, *size)).shape == (2, 5)
        with pytest.raises(
            ValueError, match=f"NIN needs images of at least {least}x{least}, not {least - 1}x"
        ):
            net(torch.empty(2, 1, least - 1, default))
        with pytest.raises(ValueError, match="built for 1 input channels, not 3"):
            net(torch.empty(2, 3, default, default))


def test_the_zoo_s_promises() -> None:
    keeps_its_promises(lambda: NIN(narrow(IMAGENET), 5), torch.randn(2, 3, 64, 64))
