from __future__ import annotations

from functools import cache, partial

import pytest
import torch
from pytorchcv.models.densenet import DenseNet as OtherDenseNet
from torch import nn
from zoo_contract import copy_in_order, keeps_its_promises, stir

from course_utils.zoo.counting import Counts, count
from course_utils.zoo.densenet import NETS, DenseBlock, DenseNet, Transition

NARROW = (2, 3, 1, 2)


@cache
def counts(name: str, **options) -> Counts:
    with torch.device("meta"):
        return count(NETS[name](**options))


@pytest.mark.parametrize(
    ("name", "parameters", "gmacs", "depth"),
    [
        ("densenet121", 7_978_856, 2.834, 121),
        ("densenet169", 14_149_480, 3.360, 169),
        ("densenet201", 20_013_928, 4.291, 201),
        ("densenet264", 33_337_704, 5.752, 265),
    ],
)
def test_parameters_multiply_adds_and_layers(name, parameters, gmacs, depth) -> None:
    """The table's column for 264 has one layer with weights more than its name says."""
    found = counts(name)
    assert found.parameters == parameters
    assert round(found.macs / 1e9, 3) == gmacs
    weighted = [layer for layer in found.layers if layer.kind in ("convolution", "fully connected")]
    assert len(weighted) == depth


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("densenet121", (256, 512, 1024, 1024)),
        ("densenet169", (256, 512, 1280, 1664)),
        ("densenet201", (256, 512, 1792, 1920)),
        ("densenet264", (256, 512, 2304, 2688)),
    ],
)
def test_output_sizes_are_the_table_s_and_transitions_halve_all(name, channels) -> None:
    shapes = {row.name: row.output_shape for row in counts(name).by_module(1)}
    expected = {"conv": (64, 112, 112), "pool": (64, 56, 56)}
    for number, (width, size) in enumerate(zip(channels, (56, 28, 14, 7), strict=True), 1):
        expected[f"block{number}"] = (width, size, size)
        if number < 4:
            expected[f"transition{number}"] = (width // 2, size // 2, size // 2)
    last = channels[-1]
    assert shapes == {**expected, "norm": (last, 7, 7), "average": (last, 1, 1), "fc": (1000,)}


def test_logits_are_those_of_an_independent_implementation() -> None:
    torch.manual_seed(3)
    growth, channels, width = 4, [], 8
    for layers in NARROW:
        channels.append([width + growth * (number + 1) for number in range(layers)])
        width = channels[-1][-1] // 2
    other = OtherDenseNet(channels, 8, num_classes=7)
    other.features.final_pool = nn.AdaptiveAvgPool2d(1)
    stir(other)
    other.double().eval()
    net = DenseNet(NARROW, 7, growth=growth).double().eval()
    copy_in_order(other, net)
    x = torch.randn(2, 3, 64, 72, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(net(x), other(x), rtol=1e-10, atol=1e-10)


def test_a_block_keeps_its_input_and_every_layer_s_maps() -> None:
    block = DenseBlock(5, 3, growth=2).eval()
    x = torch.rand(2, 5, 4, 6)
    y = block(x)
    assert y.shape == (2, 5 + 3 * 2, 4, 6)
    assert torch.equal(y[:, :5], x)
    for number, layer in enumerate(block):
        read, made = 5 + 2 * number, 2
        torch.testing.assert_close(y[:, read : read + made], layer(y[:, :read]))


def test_a_transition_halves_channels_rows_and_columns() -> None:
    assert Transition(6)(torch.rand(2, 6, 8, 5)).shape == (2, 3, 4, 2)


def test_other_classes_channels_and_sizes() -> None:
    net = DenseNet(NARROW, 3, 1, growth=4).eval()
    assert net.input_shape == (1, 224, 224)
    for size in ((29, 29), (32, 75)):
        assert net(torch.rand(2, 1, *size)).shape == (2, 3)
    with pytest.raises(ValueError, match="DenseNet needs images of at least 29x29, not 28x75"):
        net(torch.rand(2, 1, 28, 75))
    with pytest.raises(ValueError, match="this DenseNet was built for 1 input channels, not 3"):
        net(torch.rand(1, 3, 32, 32))
    assert DenseNet((1, 1), growth=2).eval()(torch.rand(1, 3, 5, 5)).shape == (1, 1000)


def test_it_keeps_the_promises_of_every_net() -> None:
    keeps_its_promises(partial(DenseNet, NARROW, 6, growth=4), torch.rand(3, 3, 48, 48))
