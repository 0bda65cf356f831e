from __future__ import annotations

from functools import cache, partial

import pytest
import torch
from torch.nn import functional
from zoo_contract import keeps_its_promises, stir

from course_utils import zoo
from course_utils.zoo import small
from course_utils.zoo.counting import Counts

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


def test_each_connection_of_a_dense_net_can_be_cut_by_itself() -> None:
    """Blank a source by hand, and by the weights that read it: the reader must not notice a difference."""
    torch.manual_seed(4)
    stages = partial(small.dense_stages, layers=(2, 3), growth=3)
    net = small.SmallNet(stages, 6, num_classes=5, in_channels=1, activate=True).double()
    blocks = small.connections(net)
    assert [[len(sources) for sources in readers] for readers in blocks] == [[1, 2, 3], [1, 2, 3, 4]]
    block, transition = net.stages[0], net.stages[1]
    x = torch.rand(2, 6, 4, 4, dtype=torch.float64)
    first = block.layer1(x)
    for number, channels in enumerate((6, 3)):
        blank = [x.clone(), first.clone()]
        blank[number] *= 0
        blanked = block.layer2.conv1(torch.cat(blank, dim=1))
        weights = blocks[0][1][number]
        assert weights.shape == (12, channels, 1, 1)
        kept = weights.clone()
        weights.zero_()
        torch.testing.assert_close(block.layer2.conv1(torch.cat([x, first], dim=1)), blanked)
        weights.copy_(kept)
    assert torch.equal(torch.cat(blocks[0][2], dim=1), transition.conv.weight)
    assert torch.equal(torch.cat(blocks[1][3], dim=1), net.fc.weight)


def test_measures_of_connections_stand_in_the_row_of_the_source_and_the_column_of_the_reader() -> None:
    stages = partial(small.dense_stages, layers=(2, 2), growth=3)
    net = small.SmallNet(stages, 6, in_channels=1, activate=True)
    sizes = small.by_connection(net, lambda weights: torch.tensor(weights.numel()))
    assert sizes.tolist() == [
        [[72, 72, 36], [0, 36, 18], [0, 0, 18]],  # 6 channels to 12 and 12, then half of 12; growth 3
        [[72, 72, 60], [0, 36, 30], [0, 0, 30]],  # the linear layer has 10 outputs
    ]


def test_other_families_have_no_dense_connections() -> None:
    assert small.connections(zoo.build("resnet_small")) == []


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
