from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from course_utils import zoo
from course_utils.zoo.counting import Layer


class Branches(nn.Module):
    """Two paths that meet twice: once side by side, once added; the activation is a plain function."""

    input_shape = (3, 9, 13)

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Conv2d(3, 4, 3, padding=1)
        self.far = nn.Conv2d(3, 4, (1, 5), padding=(0, 4), dilation=(1, 2), bias=False)
        self.join = nn.Conv2d(8, 8, 3, stride=2, groups=2)
        self.pool = nn.MaxPool2d(2, 1)
        self.last = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        both = torch.cat([functional.relu(self.near(x)), self.far(x)], dim=1)
        y = self.pool(self.join(both) + self.join(both))
        return self.last(functional.adaptive_avg_pool2d(y, 1).flatten(1))


def test_each_call_is_a_row_with_its_shape_counts_and_receptive_field() -> None:
    counts = zoo.count(Branches())
    assert counts.layers == (
        Layer("near", "convolution", (4, 9, 13), 112, 4 * 9 * 13 * 27, 468, (3, 3), (1, 1)),
        Layer("", "ReLU", (4, 9, 13), 0, 0, 468, (3, 3), (1, 1)),
        Layer("far", "convolution", (4, 9, 13), 60, 4 * 9 * 13 * 15, 468, (1, 9), (1, 1)),
        Layer("", "concatenation", (8, 9, 13), 0, 0, 936, (3, 9), (1, 1)),
        Layer("join", "convolution", (8, 4, 6), 296, 8 * 4 * 6 * 36, 192, (5, 11), (2, 2)),
        Layer("join", "convolution", (8, 4, 6), 0, 8 * 4 * 6 * 36, 192, (5, 11), (2, 2)),
        Layer("", "addition", (8, 4, 6), 0, 0, 192, (5, 11), (2, 2)),
        Layer("pool", "max pool", (8, 3, 5), 0, 0, 120, (7, 13), (2, 2)),
        Layer("", "average pool", (8, 1, 1), 0, 0, 8, (11, 21), (6, 10)),
        Layer("last", "fully connected", (5,), 45, 40, 5, None, None),
    )
    assert counts.parameters == sum(layer.parameters for layer in counts.layers)
    assert counts.output_shape == (5,)


def test_depth_is_the_longest_way_and_a_layer_that_runs_twice_counts_where_it_stands() -> None:
    assert zoo.count(Branches()).depth == 3  # near or far, join, last
    with torch.device("meta"):
        assert zoo.count(zoo.build("resnet18")).depth == 18  # without projections, which are shorter
        assert zoo.count(zoo.build("googlenet")).depth == 22  # two in each Inception module


def test_activations_and_memory_add_up_what_is_stored() -> None:
    counts = zoo.count(Branches())
    stored = 3 * 9 * 13 + 468 + 468 + 192 + 192 + 120 + 8 + 5
    assert counts.activations() == stored
    assert counts.activations(None) == stored + 468 + 936 + 192
    assert counts.memory(10) == 4 * (counts.parameters + 10 * stored)
    assert counts.memory(10, backward=True) == 2 * counts.memory(10)


def test_a_receptive_field_is_as_far_as_a_gradient_reaches() -> None:
    """An oracle that knows nothing of the formula: which pixels change one value in the middle?"""
    net = nn.Sequential(
        *(nn.Conv2d(1, 1, 5, stride=2), nn.MaxPool2d(3, stride=2), nn.Conv2d(1, 1, 3), nn.AvgPool2d(2)),
    )
    x = torch.rand(1, 1, 95, 95, requires_grad=True)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.1)
    y = net[0](x)
    y = functional.avg_pool2d(y, 3, stride=2)  # the maximum sends its gradient to one pixel of the window
    net[3](net[2](y))[0, 0, 4, 4].backward()
    rows, columns = x.grad[0, 0].nonzero().unbind(1)
    reached = (int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1)
    last = zoo.count(net, (1, 95, 95)).layers[-1]
    assert last.receptive_field == reached
    assert last.stride == (8, 8)


def test_counting_leaves_the_model_as_it_was() -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net[1].eval()
    zoo.count(net, (3, 8, 8), training=True)
    assert [module.training for module in net.modules()] == [True, True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_auxiliary_classifiers_count_where_training_is_counted() -> None:
    with torch.device("meta"):
        net = zoo.build("googlenet")
    alone, both = zoo.count(net), zoo.count(net, training=True)
    assert alone.parameters == both.parameters == 13_378_280
    assert sum(layer.parameters for layer in alone.layers) == 6_998_552
    assert sum(layer.parameters for layer in both.layers) == 13_378_280
    assert alone.macs < both.macs
    assert alone.output_shape == both.output_shape == (1000,)


@pytest.mark.parametrize("shape", [(), (224, 224), (3, 0, 4)])
def test_a_shape_that_is_no_image_is_refused(shape) -> None:
    with pytest.raises(ValueError, match=r"input_shape is \(C, H, W\)"):
        zoo.count(nn.Conv2d(3, 1, 1), shape)
