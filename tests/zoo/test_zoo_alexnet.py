from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from plain_layers import connect, convolve, normalise, pool, relu, to_numpy
from pytorchcv.model_provider import get_model
from torch import nn
from zoo_contract import keeps_its_promises

from course_utils.zoo.alexnet import NETS, ONE_TOWER, TWO_TOWERS, AlexNet, OneTowerAlexNet, Row
from course_utils.zoo.counting import Counts, count


def counts(name: str, **options) -> Counts:
    with torch.device("meta"):
        return count(NETS[name](**options))


def narrow(rows: Sequence[Row], by: int = 8) -> list[Row]:
    return [(conv._replace(filters=conv.filters // by), following) for conv, following in rows]


@pytest.mark.parametrize(
    ("name", "options", "parameters", "macs"),
    [
        ("alexnet", {}, 60_965_224, 724_406_816),
        ("alexnet", {"groups": 1}, 62_378_344, 1_135_256_096),
        ("alexnet_one_tower", {}, 61_100_840, 714_188_480),
    ],
)
def test_parameters_and_multiply_adds(name, options, parameters, macs) -> None:
    found = counts(name, **options)
    assert (found.parameters, found.macs) == (parameters, macs)


def test_neurons_of_the_slide() -> None:
    found = counts("alexnet")
    weighted = [row.values for row in found.layers if row.kind in ("convolution", "fully connected")]
    neurons = [227 * 227 * 3, *weighted]
    assert neurons == [154_587, 290_400, 186_624, 64_896, 64_896, 43_264, 4_096, 4_096, 1_000]
    assert sum(neurons) == 813_859


def test_first_layer_and_first_pool_of_the_slides() -> None:
    rows = counts("alexnet").layers
    conv1 = rows[0]
    pool1 = next(row for row in rows if row.kind == "max pool")
    assert (conv1.output_shape, conv1.parameters) == ((96, 55, 55), 11 * 11 * 3 * 96 + 96)
    assert (pool1.output_shape, pool1.parameters) == ((96, 27, 27), 0)


def test_224_without_padding_does_not_give_55() -> None:
    assert counts("alexnet", image_size=224).layers[0].output_shape == (96, 54, 54)


@pytest.mark.parametrize(
    ("name", "filters"),
    [("alexnet", (96, 256, 384, 384, 256)), ("alexnet_one_tower", (64, 192, 384, 256, 256))],
)
def test_maps_are_those_of_the_figure(name, filters) -> None:
    rows = counts(name).layers
    convolutions = [row.output_shape for row in rows if row.kind == "convolution"]
    assert convolutions == [(f, side, side) for f, side in zip(filters, (55, 27, 13, 13, 13), strict=True)]
    pooled = [row.output_shape for row in rows if row.kind == "max pool"]
    assert pooled == [(filters[0], 27, 27), (filters[1], 13, 13), (filters[4], 6, 6)]


def lend_weights(ours: nn.Module, theirs: nn.Module) -> None:
    """Let the other net compute with our tensors, which may be narrower than its own."""
    weighted = [
        [module for module in net.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
        for net in (ours, theirs)
    ]
    for own, other in zip(*weighted, strict=True):
        other.weight, other.bias = own.weight, own.bias


def other_net(name: str, **options) -> nn.Module:
    with torch.device("meta"):
        return get_model(name, pretrained=False, **options).eval()


def test_one_tower_agrees_with_an_independent_implementation() -> None:
    torch.manual_seed(0)
    net = OneTowerAlexNet(narrow(ONE_TOWER), 7, hidden=(20, 10)).double().eval()
    other = other_net("alexnetb", num_classes=7)
    lend_weights(net, other)
    x = torch.randn(2, 3, 224, 224, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(net(x), other(x), rtol=1e-10, atol=1e-10)


def test_joined_towers_agree_with_an_independent_implementation() -> None:
    torch.manual_seed(0)
    net = AlexNet(narrow(TWO_TOWERS), 7, hidden=(20, 10), groups=1).double().eval()
    other = other_net("alexnet", num_classes=7)
    lend_weights(net, other)
    for module in net.features:
        if isinstance(module, nn.LocalResponseNorm):
            module.alpha = 1e-4  # the other net gives the paper's alpha to PyTorch, which divides it by 5
    x = torch.randn(2, 3, 227, 227, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(net(x), other(x), rtol=1e-10, atol=1e-10)


def test_two_towers_compute_what_plain_numpy_does() -> None:
    """Pixels in the hundreds, as in the paper, make the normalisation count."""
    torch.manual_seed(0)
    net = AlexNet(narrow(TWO_TOWERS), 7, 2, image_size=99, hidden=(20, 10)).double().eval()
    images = 100 * torch.randn(2, 2, 99, 99, dtype=torch.float64)
    weights = [(to_numpy(m.weight), to_numpy(m.bias)) for m in net.modules() if hasattr(m, "weight")]
    x = pool(normalise(relu(convolve(to_numpy(images), *weights[0], stride=4))), 3, 2)
    x = pool(normalise(relu(convolve(x, *weights[1], padding=2))), 3, 2)
    x = relu(convolve(x, *weights[2], padding=1))
    x = relu(convolve(x, *weights[3], padding=1))
    x = pool(relu(convolve(x, *weights[4], padding=1)), 3, 2)
    logits = connect(relu(connect(relu(connect(x, *weights[5])), *weights[6])), *weights[7])
    with torch.no_grad():
        np.testing.assert_allclose(to_numpy(net(images)), logits, rtol=1e-9)


def test_each_tower_sees_its_own_maps_but_in_conv1_and_conv3() -> None:
    """A change of the first tower's input reaches the second one only where the table does not split."""
    net = AlexNet(narrow(TWO_TOWERS), 5, hidden=(8, 8), image_size=67)
    for number, (conv, _) in enumerate(TWO_TOWERS[1:], start=1):
        layer = [module for module in net.features if isinstance(module, nn.Conv2d)][number]
        x = torch.zeros(1, layer.in_channels, 5, 5)
        y = layer(x)
        x[:, : layer.in_channels // 2] = 1
        changed = (layer(x) != y).any(dim=-1).any(dim=-1)[0]
        half = layer.out_channels // 2
        assert changed[:half].all()
        assert not changed[half:].any() if conv.split else changed[half:].all()


def test_published_names_of_the_one_tower_s_weights() -> None:
    """Libraries number their layers so, and their files of weights with them."""
    with torch.device("meta"):
        names = [name.removesuffix(".weight") for name in NETS["alexnet_one_tower"]().state_dict()][::2]
    assert names == [f"features.{n}" for n in (0, 3, 6, 8, 10)] + [f"classifier.{n}" for n in (1, 4, 6)]


def test_any_size_from_63_fits_one_tower() -> None:
    with torch.device("meta"):
        net = NETS["alexnet_one_tower"](num_classes=5, in_channels=1)
        for size in ((63, 63), (64, 300)):
            assert net(torch.empty(2, 1, *size)).shape == (2, 5)
        with pytest.raises(ValueError, match="AlexNet needs images of at least 63x63, not 62x200"):
            net(torch.empty(2, 1, 62, 200))


def test_two_towers_are_built_for_one_size() -> None:
    with torch.device("meta"):
        net = NETS["alexnet"](num_classes=5, in_channels=1, image_size=99)
        assert net.input_shape == (1, 99, 99)
        assert net(torch.empty(2, 1, 99, 99)).shape == (2, 5)
        with pytest.raises(ValueError, match=r"this AlexNet was built for images of 99x99, .* image_size="):
            net(torch.empty(2, 1, 227, 227))
        with pytest.raises(ValueError, match="built for 1 input channels, not 3"):
            net(torch.empty(2, 3, 99, 99))
        with pytest.raises(ValueError, match="AlexNet needs an image_size of at least 67, not 66"):
            NETS["alexnet"](image_size=66)
        assert NETS["alexnet"](image_size=67)(torch.empty(2, 3, 67, 67)).shape == (2, 1000)


def test_the_zoo_s_promises() -> None:
    images = torch.randn(2, 3, 99, 99)
    keeps_its_promises(lambda: AlexNet(narrow(TWO_TOWERS), 5, hidden=(30, 20), image_size=99), images)
    keeps_its_promises(lambda: OneTowerAlexNet(narrow(ONE_TOWER), 5, hidden=(30, 20)), images)
