from __future__ import annotations

import pytest
import torch
from pytorchcv.model_provider import get_model
from torch import nn

from course_utils import zoo
from course_utils.zoo.vgg import VGG

PARAMETERS = {
    "vgg_a": 132_863_336,
    "vgg_a_lrn": 132_863_336,
    "vgg_b": 133_047_848,
    "vgg_c": 133_638_952,
    "vgg_d": 138_357_544,
    "vgg_e": 143_667_240,
    "vgg_a_bn": 132_868_840,
    "vgg_b_bn": 133_053_736,
    "vgg_d_bn": 138_365_992,
    "vgg_e_bn": 143_678_248,
}
GMACS = {"vgg_a": 7.609, "vgg_b": 11.308, "vgg_c": 11.771, "vgg_d": 15.470, "vgg_e": 19.632}


def on_meta(name: str, **options) -> nn.Module:
    with torch.device("meta"):
        return zoo.build(name, **options)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_the_paper_s(name) -> None:
    counts = zoo.count(on_meta(name))
    assert counts.parameters == PARAMETERS[name]
    assert sum(layer.parameters for layer in counts.layers) == counts.parameters


@pytest.mark.parametrize("name", GMACS)
def test_multiply_adds(name) -> None:
    assert round(zoo.count(on_meta(name)).macs / 1e9, 3) == GMACS[name]


def test_the_slide_s_row_of_parameters_in_millions() -> None:
    millions = [round(PARAMETERS[f"vgg_{column}"] / 1e6) for column in ("a", "a_lrn", "b", "c", "d", "e")]
    assert millions == [133, 133, 133, 134, 138, 144]


@pytest.mark.parametrize(
    ("name", "layers"), [("a", 11), ("a_lrn", 11), ("b", 13), ("c", 16), ("d", 16), ("e", 19)]
)
def test_weight_layers_and_the_shapes_after_each_stage(name, layers) -> None:
    counts = zoo.count(on_meta(f"vgg_{name}"))
    kinds = [layer.kind for layer in counts.layers]
    assert kinds.count("convolution") + kinds.count("fully connected") == layers
    pooled = [layer.output_shape for layer in counts.layers if layer.kind == "max pool"]
    assert pooled == [(64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7)]


def test_activations_of_d_in_both_ways_of_counting() -> None:
    """The slide's 24 million lie between: neither way gives them."""
    counts = zoo.count(on_meta("vgg_d"))
    assert counts.activations() == 15_237_608
    assert round(counts.activations(None) / 1e6, 1) == 28.8


def test_three_3x3_see_what_one_7x7_sees() -> None:
    three = zoo.count(nn.Sequential(*(nn.Conv2d(8, 8, 3, bias=False) for _ in range(3))), (8, 9, 9))
    one = zoo.count(nn.Conv2d(8, 8, 7, bias=False), (8, 9, 9))
    assert three.layers[-1].receptive_field == one.layers[-1].receptive_field == (7, 7)
    assert (three.parameters, one.parameters) == (27 * 8**2, 49 * 8**2)


@pytest.mark.parametrize(("ours", "theirs"), [("vgg_a", "vgg11"), ("vgg_b_bn", "bn_vgg13b")])
def test_logits_are_those_of_an_independent_implementation(ours, theirs) -> None:
    other = get_model(theirs, in_size=(32, 32), num_classes=7).features.double().eval()
    stages = [[(3, 64)], [(3, 128)], 2 * [(3, 256)], 2 * [(3, 512)], 2 * [(3, 512)]]
    stages = stages if ours == "vgg_a" else [2 * [(3, stage[0][1])] for stage in stages]
    net = VGG(stages, 7, image_size=32, batch_norm=ours.endswith("bn"), hidden=8).double().eval()
    features = net.features.state_dict()
    values = [value for name, value in other.state_dict().items()]
    assert [value.shape for value in values] == [value.shape for value in features.values()]
    net.features.load_state_dict(dict(zip(features, values, strict=True)))
    x = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(net.features(x), other(x), rtol=1e-12, atol=1e-12)


def test_another_size_needs_to_be_said_when_the_net_is_built() -> None:
    with pytest.raises(ValueError, match=r"built for images of 224x224, not 192x224: .* image_size="):
        on_meta("vgg_a")(torch.empty(1, 3, 192, 224, device="meta"))
    small = on_meta("vgg_a", image_size=64, num_classes=5, in_channels=1)
    assert small(torch.empty(2, 1, 64, 64, device="meta")).shape == (2, 5)
    with pytest.raises(ValueError, match="built for 1 input channels, not 3"):
        small(torch.empty(2, 3, 64, 64, device="meta"))
    with pytest.raises(ValueError, match=r"takes a batch of images \(N, C, H, W\)"):
        small(torch.empty(1, 64, 64, device="meta"))
    with pytest.raises(ValueError, match="halved 5 times: give at least 32"):
        on_meta("vgg_a", image_size=16)


def test_a_name_that_is_not_there_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="there is no net 'vgg-d': did you mean vgg_"):
        zoo.build("vgg-d")
