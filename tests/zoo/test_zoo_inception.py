from __future__ import annotations

from functools import cache

import pytest
import torch
from pytorchcv.model_provider import get_model
from pytorchcv.models.common import Concurrent, ConvBlock
from pytorchcv.models.inceptionv3 import AvgPoolBranch, Conv1x1Branch, ConvSeqBranch, InceptionBUnit
from torch import nn

from course_utils import zoo
from course_utils.zoo.inception import (
    NETS,
    STEM_V2,
    STEM_V3,
    V2,
    V3,
    AuxiliaryHead,
    InceptionA,
    InceptionC,
    InceptionE,
    InceptionNet,
)

STEMS = {"inception_v2": STEM_V2, "inception_v3": STEM_V3}
TABLES = {"inception_v2": V2, "inception_v3": V3}


def on_meta(name: str = "inception_v3", **options) -> nn.Module:
    with torch.device("meta"):
        return NETS[name](**options)


def narrow(name: str, *, one_of_each: bool = False, **options) -> InceptionNet:
    def less(number):
        return max(2, number // 32)

    stem = [row if row == "pool" else (less(row[0]), *row[1:]) for row in STEMS[name]]
    table = [(kind, [[less(n) for n in path] for path in paths]) for kind, paths in TABLES[name]]
    if one_of_each:
        table = list(dict(table).items())
    return InceptionNet(stem, table, 5, 3, head=(8, 16), **options)


@cache
def counted(name: str, training: bool) -> zoo.Counts:
    return zoo.count(on_meta(name), training=training)


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Return the output shape of each part of the stem and of each module."""
    layers = counted(name, training=False).layers
    return {".".join(layer.name.split(".")[:2]): layer.output_shape for layer in layers}


@pytest.mark.parametrize(
    ("name", "without", "with_head", "evaluation", "training"),
    [
        ("inception_v3", 23_834_568, 27_161_264, 5_713_216_096, 5_718_899_296),
        ("inception_v2", 26_405_192, 29_731_120, 6_482_774_624, 6_488_457_824),
    ],
)
def test_parameters_and_multiply_adds(name, without, with_head, evaluation, training) -> None:
    """The head runs in training only: its multiply-adds count where training is counted."""
    assert sum(parameter.numel() for parameter in on_meta(name, aux=False).parameters()) == without
    counts = counted(name, training=True)
    assert (counts.parameters, counts.macs) == (with_head, training)
    assert sum(layer.parameters for layer in counts.layers) == with_head
    counts = counted(name, training=False)
    assert (counts.macs, counts.output_shape) == (evaluation, (1000,))
    assert sum(layer.parameters for layer in counts.layers) == without


def test_v2_has_the_sizes_of_the_paper_s_table() -> None:
    found = shapes("inception_v2")
    inputs = [(32, 149, 149), (32, 147, 147), (64, 147, 147), (64, 73, 73), (80, 71, 71), (192, 35, 35)]
    assert [found[f"stem.{row}"] for row in range(7)] == [*inputs, (288, 35, 35)]
    assert [found[f"lower.A{number}"] for number in (1, 2, 3)] == 3 * [(288, 35, 35)]
    assert found["lower.B4"] == (768, 17, 17)
    assert [found[f"lower.C{number}"] for number in range(5, 10)] == 5 * [(768, 17, 17)]
    assert found["upper.D10"] == (1280, 8, 8)
    assert [found[f"upper.E{number}"] for number in (11, 12)] == 2 * [(2048, 8, 8)]


def test_v3_departs_from_the_table_in_its_stem_and_modules() -> None:
    found = shapes("inception_v3")
    stem = [(32, 149, 149), (32, 147, 147), (64, 147, 147), (64, 73, 73)]
    stem += [(80, 73, 73), (192, 71, 71), (192, 35, 35)]
    assert [found[f"stem.{row}"] for row in range(7)] == stem
    assert [found[f"lower.A{number}"][0] for number in (1, 2, 3)] == [256, 288, 288]
    assert found["lower.B4"] == (768, 17, 17)
    assert [found[f"lower.C{number}"] for number in range(5, 9)] == 4 * [(768, 17, 17)]
    assert found["upper.D9"] == (1280, 8, 8)
    assert [found[f"upper.E{number}"] for number in (10, 11)] == 2 * [(2048, 8, 8)]


def test_what_taking_kernels_apart_saves() -> None:
    """Section 3 of the paper: two 3x3 for a 5x5 save 28 %, a 1x7 and a 7x1 for a 7x7 save 71 %."""

    def weights(*kernels):
        convs = [nn.Conv2d(8, 8, kernel, bias=False) for kernel in kernels]
        counts = zoo.count(nn.Sequential(*convs), (8, 9, 9))
        return counts.parameters / 64, counts.layers[-1].receptive_field

    assert weights(5) == (25, (5, 5))
    assert weights(3, 3) == (18, (5, 5))
    assert weights(7) == (49, (7, 7))
    assert weights((1, 7), (7, 1)) == (14, (7, 7))


def randomized(other: nn.Module) -> nn.Module:
    """Give batch normalisations statistics and factors that hide nothing."""
    with torch.no_grad():
        for name, value in other.state_dict().items():
            if value.ndim == 1:
                value.uniform_(0.5, 1.5) if "var" in name else value.add_(0.2 * torch.rand_like(value))
    return other.double().eval()


def with_weights_of(other: nn.Module, ours: nn.Module) -> nn.Module:
    """Fill a net on the meta device with another's weights, in their order."""
    values = list(other.state_dict().values())
    names = [name for name in ours.state_dict() if not name.startswith("head.")]
    assert [value.shape for value in values] == [ours.state_dict()[name].shape for name in names]
    ours.load_state_dict(dict(zip(names, values, strict=True)), strict=True, assign=True)
    return ours.eval()


def assert_the_same(ours: nn.Module, other: nn.Module, *shape: int) -> None:
    x = torch.randn(*shape, dtype=torch.float64)
    with torch.no_grad():
        expected = other(x)
        torch.testing.assert_close(ours(x), expected, rtol=1e-9, atol=1e-10)
    assert expected.std() > 1e-3


def test_v3_is_an_independent_implementation_s() -> None:
    torch.manual_seed(0)
    other = get_model("inceptionv3", num_classes=5)
    other.features.final_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1))  # theirs takes 299x299 alone
    ours = with_weights_of(randomized(other), on_meta("inception_v3", num_classes=5, aux=False))
    assert_the_same(ours, other, 2, 3, 123, 107)


def test_v2_is_the_paper_s_figures_built_from_an_independent_implementation_s_parts() -> None:
    torch.manual_seed(0)
    parts = {"bn_eps": 0.001}

    def conv(in_channels, filters, stride, padding):
        return ConvBlock(in_channels, filters, 3, stride, padding, **parts)

    def figure5():
        paths = Concurrent()
        paths.add_module("1x1", Conv1x1Branch(288, 64, **parts))
        paths.add_module("3x3", ConvSeqBranch(288, (48, 64), (1, 3), (1, 1), (0, 1), **parts))
        double = ConvSeqBranch(288, (64, 96, 96), (1, 3, 3), (1, 1, 1), (0, 1, 1), **parts)
        paths.add_module("two 3x3", double)
        paths.add_module("pooled", AvgPoolBranch(288, 64, **parts))
        return paths

    v3 = get_model("inceptionv3", num_classes=5)
    middle, last = list(v3.features.stage2), list(v3.features.stage3)
    other = nn.Sequential(
        *(conv(3, 32, 2, 0), conv(32, 32, 1, 0), conv(32, 64, 1, 1), nn.MaxPool2d(3, 2)),
        *(conv(64, 80, 1, 0), conv(80, 192, 2, 0), conv(192, 288, 1, 1)),
        *(figure5() for _ in range(3)),
        *(*middle, InceptionBUnit(768, 768, 192, **parts), *last),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), v3.output.fc),
    )
    ours = with_weights_of(randomized(other), on_meta("inception_v2", num_classes=5, aux=False))
    assert_the_same(ours, other, 2, 3, 123, 107)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_head_s_fully_connected_layer_is_normalised_in_v3_alone(batch_norm) -> None:
    torch.manual_seed(0)
    other = nn.Sequential(
        nn.AvgPool2d(5, 3),
        ConvBlock(6, 4, 1, 1, 0, bn_eps=0.001),
        ConvBlock(4, 8, 5, 1, 0, bias=not batch_norm, use_bn=batch_norm, bn_eps=0.001),
        nn.Flatten(),
        nn.Linear(8, 5),
    )
    with torch.device("meta"):
        head = AuxiliaryHead(6, 5, widths=(4, 8), batch_norm=batch_norm)
    assert_the_same(with_weights_of(randomized(other), head), other, 3, 6, 17, 17)
    net = on_meta("inception_v3" if batch_norm else "inception_v2")
    normalised = [module for module in net.head.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(normalised) == 1 + batch_norm


@pytest.mark.parametrize("name", NETS)
def test_in_training_the_head_adds_its_logits_and_every_parameter_learns(name) -> None:
    torch.manual_seed(0)
    net = narrow(name)
    outputs = net(torch.randn(2, 3, 299, 299))
    assert [output.shape for output in outputs] == [(2, 5), (2, 5)]
    sum(output.sum() for output in outputs).backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    assert narrow(name, aux=False)(torch.randn(2, 3, 96, 128)).shape == (2, 5)
    assert net.eval()(torch.randn(2, 3, 96, 128)).shape == (2, 5)


def test_other_classes_channels_and_sizes() -> None:
    net = on_meta(num_classes=5, in_channels=1)
    assert net.input_shape == (1, 299, 299)
    outputs = net(torch.empty(2, 1, 331, 320, device="meta"))
    assert [output.shape for output in outputs] == [(2, 5), (2, 5)]
    assert net.eval()(torch.empty(2, 1, 200, 160, device="meta")).shape == (2, 5)


@pytest.mark.parametrize("name", NETS)
def test_images_that_do_not_fit_are_named(name) -> None:
    net = on_meta(name)
    with pytest.raises(
        ValueError, match=r"auxiliary head of Inception needs .* at least 299x299, not 298x320"
    ):
        net(torch.empty(2, 3, 298, 320, device="meta"))
    with pytest.raises(ValueError, match="built for 3 input channels, not 1"):
        net(torch.empty(2, 1, 299, 299, device="meta"))
    net.eval()
    assert net(torch.empty(1, 3, 75, 80, device="meta")).shape == (1, 1000)
    with pytest.raises(ValueError, match="Inception needs images of at least 75x75, not 74x80"):
        net(torch.empty(1, 3, 74, 80, device="meta"))


def test_a_path_with_a_filter_too_few_is_named() -> None:
    with pytest.raises(ValueError, match=r"3 convolutions with kernels 1, 3, 3 takes 3 .* not \[64, 96\]"):
        InceptionA(192, [[64], [48, 64], [64, 96], [32]])


@pytest.mark.parametrize("kind", [InceptionA, InceptionC, InceptionE])
def test_a_module_is_usable_by_itself(kind) -> None:
    paths = {
        InceptionA: [[2], [3, 4], [5, 6, 7], [8]],
        InceptionC: [[2], [3, 3, 4], [5, 6, 7, 8, 9], [8]],
        InceptionE: [[2], [3, 4], [5, 6, 7], [8]],
    }[kind]
    module = kind(6, paths)
    assert module(torch.rand(2, 6, 9, 8)).shape == (2, module.out_channels, 9, 8)
    both = 2 if kind is InceptionE else 1
    assert module.out_channels == 2 + both * (paths[1][-1] + paths[2][-1]) + 8


@pytest.mark.parametrize("name", NETS)
def test_compiled_channels_last_in_bfloat16_and_loaded_again_it_is_the_same_net(name) -> None:
    torch.manual_seed(0)
    net, other = (narrow(name, one_of_each=True) for _ in range(2))
    for each in (net, other):
        each.eval().training = True  # the head runs, without dropout
    x = torch.rand(2, 3, 299, 299)
    with torch.no_grad():
        expected = net(x)
        torch.testing.assert_close(torch.compile(net, fullgraph=True, backend="eager")(x), expected)
        other.load_state_dict(net.state_dict())
        other.to(memory_format=torch.channels_last)
        torch.testing.assert_close(other(x.to(memory_format=torch.channels_last)), expected)
        with torch.autocast("cpu", torch.bfloat16):
            halves = net(x)
    for half, whole in zip(halves, expected, strict=True):
        assert half.dtype == torch.bfloat16
        torch.testing.assert_close(half.float(), whole, rtol=0.1, atol=0.1)
