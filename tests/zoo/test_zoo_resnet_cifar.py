from __future__ import annotations

from functools import cache, partial

import pytest
import torch
from pytorchcv.models.resnet_cifar import CIFARResNet as OtherResNet
from torch import nn
from zoo_contract import copy_in_order, keeps_its_promises, stir

from course_utils.zoo.counting import Counts, count
from course_utils.zoo.resnet_cifar import NETS, CifarResNet

NARROW = [(4, 2), (6, 1), (8, 2)]


@cache
def counts(name: str, **options) -> Counts:
    with torch.device("meta"):
        return count(NETS[name](**options))


@pytest.mark.parametrize("family", ["resnet", "plain"])
@pytest.mark.parametrize(
    ("depth", "parameters", "mmacs"),
    [
        (20, 269_722, 40.6),
        (32, 464_154, 68.9),
        (44, 658_586, 97.2),
        (56, 853_018, 125.5),
        (110, 1_727_962, 252.9),
    ],
)
def test_a_plain_twin_has_the_same_parameters_multiply_adds_and_layers(
    family, depth, parameters, mmacs
) -> None:
    found = counts(f"{family}{depth}_cifar")
    assert found.parameters == parameters
    assert round(found.macs / 1e6, 1) == mmacs
    kinds = [layer.kind for layer in found.layers]
    assert kinds.count("convolution") + kinds.count("fully connected") == depth
    assert kinds.count("batch norm") == depth - 1
    assert kinds.count("addition") == ((depth - 2) // 2 if family == "resnet" else 0)


def test_there_is_a_twin_for_every_net() -> None:
    depths = (20, 32, 44, 56, 110)
    assert list(NETS) == [f"{family}{depth}_cifar" for family in ("resnet", "plain") for depth in depths]
    assert counts("resnet20_cifar").output_shape == counts("plain20_cifar").output_shape == (10,)


def test_output_sizes_are_the_paper_s() -> None:
    assert [(row.name, row.output_shape) for row in counts("resnet20_cifar").by_module(1)] == [
        ("conv1", (16, 32, 32)),
        ("stage1", (16, 32, 32)),
        ("stage2", (32, 16, 16)),
        ("stage3", (64, 8, 8)),
        ("average", (64, 1, 1)),
        ("fc", (10,)),
    ]


def other_net() -> OtherResNet:
    torch.manual_seed(2)
    other = OtherResNet([[width] * blocks for width, blocks in NARROW], 4, bottleneck=False, num_classes=7)
    other.features.final_pool = nn.AdaptiveAvgPool2d(1)
    stir(other)
    return other.double().eval()


def test_logits_are_those_of_an_independent_implementation() -> None:
    other = other_net()
    net = CifarResNet(NARROW, 7, shortcut="B").double().eval()
    copy_in_order(other, net)
    x = torch.randn(2, 3, 32, 24, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(net(x), other(x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shortcut", ["A", None])
def test_blocks_add_what_their_shortcut_says(shortcut) -> None:
    """The other net's blocks, one by one, with what is added to them written out."""
    other = other_net()
    taught = CifarResNet(NARROW, 7, shortcut="B").double()
    copy_in_order(other, taught)
    net = CifarResNet(NARROW, 7, shortcut=shortcut).double().eval()
    net.load_state_dict({k: v for k, v in taught.state_dict().items() if ".shortcut." not in k})
    x = torch.randn(2, 3, 32, 24, dtype=torch.float64)
    with torch.no_grad():
        y = other.features.init_block(x)
        for stage in (other.features.stage1, other.features.stage2, other.features.stage3):
            for unit in stage:
                z = unit.body(y)
                if shortcut:
                    step = y.shape[2] // z.shape[2]
                    z[:, : y.shape[1]] += y[:, :, ::step, ::step]
                y = z.clamp(min=0)
        torch.testing.assert_close(net(x), other.output(y.mean((2, 3))), rtol=1e-10, atol=1e-10)


def test_other_classes_channels_and_sizes() -> None:
    net = CifarResNet(NARROW, 3, 1).eval()
    assert net.input_shape == (1, 32, 32)
    for size in ((1, 1), (28, 28), (33, 40)):
        assert net(torch.rand(2, 1, *size)).shape == (2, 3)
    with pytest.raises(ValueError, match="this CifarResNet was built for 1 input channels, not 3"):
        net(torch.rand(1, 3, 32, 32))
    with pytest.raises(ValueError, match=r"shortcut is 'A' .* or 'B' .*, not 'none'"):
        CifarResNet(NARROW, shortcut="none")


@pytest.mark.parametrize("shortcut", ["A", None])
def test_it_keeps_the_promises_of_every_net(shortcut) -> None:
    keeps_its_promises(partial(CifarResNet, NARROW, 6, shortcut=shortcut), torch.rand(3, 3, 16, 16))
