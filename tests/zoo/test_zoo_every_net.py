"""What holds for every net of the zoo, by its name: shapes for any image, classes and channels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils import zoo

FIXED = ("lenet5", "alexnet", "zfnet", "vgg_", "cnn_")  # fully connected layers on a map: one size of image
ANY_SIZE = ("alexnet_one_tower",)


def on_meta(name: str, **options) -> nn.Module:
    with torch.device("meta"):
        return zoo.build(name, **options)


def takes_one_size(name: str) -> bool:
    return name.startswith(FIXED) and name not in ANY_SIZE


@pytest.mark.parametrize("name", zoo.NETS)
def test_the_default_form_gives_logits_for_its_own_images(name) -> None:
    net = on_meta(name).eval()
    counts = zoo.count(net)
    classes = counts.output_shape[0]
    assert net(torch.empty(3, *net.input_shape, device="meta")).shape == (3, classes)
    assert counts.output_shape == (classes,)
    assert classes in (10, 1000)
    heads = sum(p.numel() for name, p in net.named_parameters() if name.startswith(("heads.", "head.")))
    assert sum(layer.parameters for layer in counts.layers) == counts.parameters - heads


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_number_of_classes_and_channels(data) -> None:
    name = data.draw(st.sampled_from([name for name in zoo.NETS if name != "lenet5_1998"]))
    classes, channels = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 5))
    net = on_meta(name, num_classes=classes, in_channels=channels).eval()
    assert net.input_shape[0] == channels
    assert net(torch.empty(2, *net.input_shape, device="meta")).shape == (2, classes)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_another_size_gives_logits_or_a_clear_error(data) -> None:
    name = data.draw(st.sampled_from(list(zoo.NETS)))
    net = on_meta(name).eval()
    rows, columns = data.draw(st.integers(1, 300)), data.draw(st.integers(1, 300))
    image = torch.empty(1, net.input_shape[0], rows, columns, device="meta")
    try:
        assert net(image).shape == (1, 1000 if zoo.count(net).output_shape == (1000,) else 10)
        assert not takes_one_size(name) or (rows, columns) == net.input_shape[1:]
    except ValueError as error:
        assert f"not {rows}x{columns}" in str(error)


@pytest.mark.parametrize("name", [name for name in zoo.NETS if takes_one_size(name)])
def test_a_net_of_one_size_says_how_to_have_another(name) -> None:
    net = on_meta(name)
    image = torch.empty(1, net.input_shape[0], 331, 331, device="meta")
    with pytest.raises(ValueError, match="not 331x331"):
        net(image)


@pytest.mark.parametrize("name", zoo.NETS)
def test_another_number_of_channels_is_refused_by_name(name) -> None:
    net = on_meta(name)
    channels = net.input_shape[0] + 1
    with pytest.raises(ValueError, match=f"{channels}"):
        net(torch.empty(2, channels, *net.input_shape[1:], device="meta"))
