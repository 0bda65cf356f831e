from __future__ import annotations

from functools import cache, partial

import numpy as np
import pytest
import torch
from torch.nn import functional
from zoo_contract import keeps_its_promises, stir

from course_utils import zoo
from course_utils.zoo import small
from course_utils.zoo.counting import Counts
from course_utils.zoo.densenet import DenseBlock

DEPTHS = {"googlenet_small": 14, "resnet_small": 18, "preact_resnet_small": 18, "densenet_small": 42}


@cache
def counts(name: str, channels: int = 3) -> Counts:
    with torch.device("meta"):
        return zoo.count(zoo.build(name, in_channels=channels))


@pytest.mark.parametrize("name", DEPTHS)
@pytest.mark.parametrize("channels", [1, 3])
def test_all_families_have_the_same_price(name, channels) -> None:
    assert counts(name, channels).parameters == pytest.approx(250_000, rel=0.05)


@pytest.mark.parametrize(("name", "depth"), DEPTHS.items())
def test_stages_lie_at_the_full_half_and_quarter_size(name, depth) -> None:
    found = counts(name)
    assert found.depth == depth
    sides = {layer.output_shape[1] for layer in found.layers if layer.kind == "convolution"}
    assert sides == {32, 16, 8}
    assert found.output_shape == (10,)


def test_a_preactivated_block_is_what_its_paper_draws() -> None:
    """The net once more in plain functions: normalisation and ReLU before weights, nothing past them."""
    torch.manual_seed(3)
    net = zoo.build("preact_resnet_small", num_classes=4, in_channels=2)
    stir(net)
    net.double().eval()
    state = net.state_dict()
    x = torch.randn(2, 2, 13, 10, dtype=torch.float64)

    def normalised(y, name):
        names = ("running_mean", "running_var", "weight", "bias")
        return functional.relu(functional.batch_norm(y, *(state[f"{name}.{part}"] for part in names)))

    y = functional.conv2d(x, state["conv.0.weight"], padding=1)
    for number, stride in enumerate((1, 1, 1, 2, 1, 2, 1, 1)):
        w = state[f"stages.{number}.2.weight"]
        z = functional.conv2d(normalised(y, f"stages.{number}.0"), w, padding=1, stride=stride)
        z = functional.conv2d(
            normalised(z, f"stages.{number}.3"), state[f"stages.{number}.5.weight"], padding=1
        )
        z[:, : y.shape[1]] += y[:, :, ::stride, ::stride]
        y = z
    expected = normalised(y, "norm.0").mean((2, 3)) @ state["fc.weight"].T + state["fc.bias"]
    with torch.no_grad():
        torch.testing.assert_close(net(x), expected, rtol=1e-10, atol=1e-10)


def test_weights_of_a_dense_net_are_told_apart_by_source() -> None:
    net = zoo.build("densenet_small", in_channels=1)
    stages = list(net.stages)
    with torch.no_grad():
        for block, behind in zip(stages, [*stages[1:], net], strict=True):
            if isinstance(block, DenseBlock):
                last = behind.fc if behind is net else behind.conv
                for number, reader in enumerate([*(layer.conv1 for layer in block), last]):
                    first = reader.weight.shape[1] - number * small.GROWTH
                    reader.weight.fill_(-1.0)
                    for source in range(number):  # source 1 is the first layer
                        start = first + source * small.GROWTH
                        reader.weight[:, start : start + small.GROWTH] = source + 2.0
    matrices = small.by_source(small.source_weights(net))
    assert [matrix.shape for matrix in matrices] == [(7, 7), (7, 7), (8, 8)]
    for matrix in matrices:
        assert np.isnan(matrix[np.tril_indices(len(matrix), -1)]).all()
        for reader in range(len(matrix)):
            column = np.arange(1.0, reader + 2)
            np.testing.assert_allclose(matrix[: reader + 1, reader], column / column.mean(), rtol=1e-6)


def test_other_families_have_no_weights_by_source() -> None:
    assert small.source_weights(zoo.build("resnet_small")) == []


@pytest.mark.parametrize("name", DEPTHS)
def test_it_keeps_the_promises_of_every_net(name) -> None:
    keeps_its_promises(partial(zoo.build, name, num_classes=6), torch.rand(3, 3, 16, 12))


@pytest.mark.parametrize("name", DEPTHS)
def test_images_of_other_sizes_and_channels(name) -> None:
    net = zoo.build(name, num_classes=3, in_channels=1).eval()
    for size in ((4, 4), (14, 14), (33, 20)):
        assert net(torch.rand(2, 1, *size)).shape == (2, 3)
    with pytest.raises(ValueError, match="SmallNet needs images of at least 4x4, not 3x9"):
        net(torch.rand(1, 1, 3, 9))
    with pytest.raises(ValueError, match="built for 1 input channels, not 3"):
        net(torch.rand(1, 3, 8, 8))
