from __future__ import annotations

from functools import cache, partial

import pytest
import torch
from pytorchcv.models.resnet import ResNet as OtherResNet
from torch import nn
from zoo_contract import copy_in_order, keeps_its_promises, stir

from course_utils.zoo.counting import Counts, count
from course_utils.zoo.resnet import NETS, ResNet, ZeroPadding

NARROW = [(4, 2), (6, 1), (8, 2), (10, 1)]


@cache
def counts(name: str, **options) -> Counts:
    with torch.device("meta"):
        return count(NETS[name](**options))


@pytest.mark.parametrize(
    ("name", "options", "parameters", "gmacs"),
    [
        ("resnet18", {}, 11_515_688, 1.795),
        ("resnet34", {}, 21_623_848, 3.644),
        ("resnet50", {}, 25_557_032, 3.858),
        ("resnet101", {}, 44_549_160, 7.570),
        ("resnet152", {}, 60_192_808, 11.282),
        ("resnet18", {"shortcut": "B"}, 11_689_512, 1.814),
        ("resnet34", {"shortcut": "B"}, 21_797_672, 3.664),
        ("resnet50", {"stride_in": "3x3"}, 25_557_032, 4.089),
        ("resnet101", {"stride_in": "3x3"}, 44_549_160, 7.801),
        ("resnet152", {"stride_in": "3x3"}, 60_192_808, 11.514),
    ],
)
def test_parameters_and_multiply_adds(name, options, parameters, gmacs) -> None:
    found = counts(name, **options)
    assert found.parameters == sum(layer.parameters for layer in found.layers) == parameters
    assert round(found.macs / 1e9, 3) == gmacs


def test_the_slide_s_flops_are_multiply_adds() -> None:
    """It prints 3.8 for 50 layers: the 3.858 are cut there, while the other four are rounded."""
    gigas = [counts(name).macs / 1e9 for name in NETS]
    assert [round(giga, 1) for giga in gigas] == [1.8, 3.6, 3.9, 7.6, 11.3]
    assert int(10 * gigas[2]) / 10 == 3.8


@pytest.mark.parametrize(
    ("name", "maps"),
    [
        ("resnet18", (64, 128, 256, 512)),
        ("resnet34", (64, 128, 256, 512)),
        ("resnet50", (256, 512, 1024, 2048)),
        ("resnet101", (256, 512, 1024, 2048)),
        ("resnet152", (256, 512, 1024, 2048)),
    ],
)
def test_output_sizes_are_the_table_s_and_the_name_counts_the_layers(name, maps) -> None:
    found = counts(name)
    shapes = {row.name: row.output_shape for row in found.by_module(1)}
    sizes = {f"conv{n}_x": (c, s, s) for n, c, s in zip((2, 3, 4, 5), maps, (56, 28, 14, 7), strict=True)}
    assert shapes == {
        "conv1": (64, 112, 112),
        "pool": (64, 56, 56),
        **sizes,
        "average": (maps[-1], 1, 1),
        "fc": (1000,),
    }
    main = [
        r for r in found.layers if r.kind in ("convolution", "fully connected") and "shortcut" not in r.name
    ]
    assert len(main) == int(name.removeprefix("resnet"))


@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize(("bottleneck", "stride_in"), [(False, "1x1"), (True, "1x1"), (True, "3x3")])
def test_logits_are_those_of_an_independent_implementation(shortcut, bottleneck, stride_in) -> None:
    """For option A the other net's projections get weights that copy the old channels and leave zeros."""
    torch.manual_seed(1)
    widths = [channels * (4 if bottleneck else 1) for channels, _ in NARROW]
    other = OtherResNet(
        [[width] * blocks for width, (_, blocks) in zip(widths, NARROW, strict=True)],
        init_block_channels=4,
        bottleneck=bottleneck,
        conv1_stride=stride_in == "1x1",
        num_classes=7,
    )
    other.features.final_pool = nn.AdaptiveAvgPool2d(1)
    other.double().eval()
    stir(other)
    net = ResNet(NARROW, 7, bottleneck=bottleneck, shortcut=shortcut, stride_in=stride_in).double().eval()
    if shortcut == "B":
        copy_in_order(other, net)
    else:
        taught = ResNet(NARROW, 7, bottleneck=bottleneck, stride_in=stride_in).double()
        copy_in_order(other, taught)
        net.load_state_dict({k: v for k, v in taught.state_dict().items() if ".shortcut." not in k})
        for name, module in other.named_modules():
            if name.endswith("identity_conv"):
                module.bn.reset_running_stats()
                module.bn.reset_parameters()
                module.bn.running_var -= module.bn.eps
                outputs, inputs = module.conv.weight.shape[:2]
                module.conv.weight.data[:, :, 0, 0] = torch.eye(outputs, inputs)
    x = torch.randn(2, 3, 64, 72, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(net(x), other(x), rtol=1e-10, atol=1e-10)


def test_zero_padding_skips_positions_and_adds_channels_of_zeros() -> None:
    x = torch.arange(1, 31.0).reshape(1, 2, 3, 5)
    y = ZeroPadding(2, 5, 2)(x)
    assert y.shape == (1, 5, 2, 3)
    assert y[0, :2].tolist() == [
        [[1, 3, 5], [11, 13, 15]],
        [[16, 18, 20], [26, 28, 30]],
    ]
    assert not y[0, 2:].any()


def test_a_block_whose_layers_give_nothing_passes_its_input_on() -> None:
    """What the shortcut is for: to be the identity is easy."""
    net = ResNet(NARROW).eval()
    nn.init.zeros_(net.conv2_x[1].bn2.weight)
    x = torch.rand(1, 4, 6, 6)
    assert torch.equal(net.conv2_x[1](x), x)


def test_other_classes_channels_and_sizes() -> None:
    net = ResNet(NARROW, 5, 1, bottleneck=True).eval()
    assert net.input_shape == (1, 224, 224)
    for size in ((1, 1), (28, 28), (33, 80)):
        assert net(torch.rand(2, 1, *size)).shape == (2, 5)
    with pytest.raises(ValueError, match="this ResNet was built for 1 input channels, not 3"):
        net(torch.rand(1, 3, 32, 32))


def test_an_option_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match=r"shortcut is 'A' .* or 'B' .*, not 'C'"):
        ResNet(NARROW, shortcut="C")
    with pytest.raises(ValueError, match=r"stride_in is '1x1' .* or '3x3' .*, not 3"):
        ResNet(NARROW, bottleneck=True, stride_in=3)


@pytest.mark.parametrize("options", [{"shortcut": "A"}, {"bottleneck": True}], ids=["basic", "bottleneck"])
def test_it_keeps_the_promises_of_every_net(options) -> None:
    keeps_its_promises(partial(ResNet, NARROW, 6, **options), torch.rand(3, 3, 48, 48))
