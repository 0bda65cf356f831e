from __future__ import annotations

import numpy as np
import pytest
import torch
from plain_layers import connect, convolve, pool, relu, values
from torch import nn
from zoo_contract import keeps_its_promises

from course_utils.zoo.counting import Counts, count
from course_utils.zoo.lenet import C3, DIGITS, FILTERS, NETS, LeNet5, LeNet5Of1998

LAYERS = ("c1", "s2", "c3", "s4", "c5", "f6", "output")


def counts(name: str, **options) -> Counts:
    with torch.device("meta"):
        return count(NETS[name](**options))


def test_parameters_of_1998_layer_by_layer() -> None:
    found = counts("lenet5_1998")
    assert found.parameters == 60_000
    by_layer = {layer.name: layer.parameters for layer in found.by_module(1)}
    own = (156, 12, 1_516, 32, 48_120, 10_164, 0)
    assert by_layer == dict(zip(LAYERS, own, strict=True))


def test_connections_of_1998_layer_by_layer() -> None:
    with torch.device("meta"):
        found = NETS["lenet5_1998"]().connections()
    of_layers = (122_304, 5_880, 151_600, 2_000, 48_120, 10_164, 840)
    assert found == dict(zip(LAYERS, of_layers, strict=True))
    assert sum(found.values()) == 340_908


def test_multiply_adds_of_1998_are_connections_without_biases_subsampling_and_distances() -> None:
    biases = 28**2 * 6 + 10**2 * 16 + 120 + 84
    assert counts("lenet5_1998").macs == 340_908 - 5_880 - 2_000 - 840 - biases == 325_680


@pytest.mark.parametrize("name", NETS)
def test_shapes_after_each_layer(name) -> None:
    shapes = {layer.name: layer.output_shape for layer in counts(name).by_module(1)}
    c5 = (120, 1, 1) if name == "lenet5_1998" else (120,)
    expected = ((6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), c5, (84,), (10,))
    assert shapes == dict(zip(LAYERS, expected, strict=True))


def test_table_i_joins_ten_maps_of_c3_to_each_of_s2() -> None:
    assert [len(seen) for seen in C3] == 6 * [3] + 9 * [4] + [6]
    assert len({*C3}) == 16
    assert [sum(source in seen for seen in C3) for source in range(6)] == 6 * [10]


def test_codes_are_the_drawings_and_no_two_are_near() -> None:
    codes = LeNet5Of1998(C3).output.codes
    assert codes.shape == (10, 84) and not codes.requires_grad
    assert set(codes.unique().tolist()) == {-1, 1}
    drawn = ["".join("#" if dot > 0 else "." for dot in row) for row in codes[7].reshape(12, 7)]
    assert drawn == [line.split()[7] for line in DIGITS.strip().split("\n")]
    different = (codes[:, None] != codes).sum(-1) + 84 * torch.eye(10)
    assert different.min() >= 5


def test_today_s_net_has_the_same_counts_for_28x28_with_padding_and_32x32_without() -> None:
    for options in ({}, {"image_size": 32, "padding": 0}):
        found = counts("lenet5", **options)
        assert (found.parameters, found.macs) == (61_706, 416_520)
    full = {layer.name: layer.parameters for layer in found.by_module(1)}
    assert full["c3"] == (6 * 25 + 1) * 16


def squash(x: np.ndarray) -> np.ndarray:
    return 1.7159 * np.tanh(2 / 3 * x)


def subsample(x: np.ndarray, coefficient: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return squash(pool(x, 2, 2, np.sum) * coefficient + bias)


def test_1998_computes_what_the_paper_s_formulas_say() -> None:
    torch.manual_seed(0)
    codes = torch.randn(4, 9, dtype=torch.float64).sign()
    net = LeNet5Of1998(C3, 4, 2, hidden=7, codes=codes).double().eval()
    for layer in (net.s2, net.s4):
        nn.init.uniform_(layer.coefficient, -1, 1)
        nn.init.uniform_(layer.bias, -1, 1)
    images = torch.rand(30, 2, 32, 32, dtype=torch.float64)
    maps = subsample(squash(convolve(images.numpy(), *values(net.c1))), *values(net.s2))
    small = list(zip(values(net.c3)[::2], values(net.c3)[1::2], strict=True))
    maps = [convolve(maps[:, list(seen)], *conv) for seen, conv in zip(C3, small, strict=True)]
    maps = subsample(squash(np.concatenate(maps, axis=1)), *values(net.s4))
    hidden = squash(convolve(maps, *values(net.c5)))
    drawing = squash(connect(hidden, *values(net.f6)))
    distances = ((drawing[:, None] - codes.numpy()) ** 2).sum(-1)
    with torch.no_grad():
        logits = net(images)
    np.testing.assert_allclose(logits.numpy(), -distances, rtol=1e-10)
    np.testing.assert_array_equal(logits.argmax(1).numpy(), distances.argmin(1))


def test_today_s_net_computes_what_plain_numpy_does() -> None:
    torch.manual_seed(0)
    net = LeNet5(FILTERS, 5, 3, hidden=(12, 8)).double().eval()
    images = torch.rand(2, 3, 28, 28, dtype=torch.float64)
    maps = pool(relu(convolve(images.numpy(), *values(net.c1), padding=2)), 2, 2)
    maps = pool(relu(convolve(maps, *values(net.c3))), 2, 2)
    hidden = relu(connect(relu(connect(maps, *values(net.c5))), *values(net.f6)))
    with torch.no_grad():
        np.testing.assert_allclose(net(images).numpy(), connect(hidden, *values(net.output)), rtol=1e-10)


def test_squashing_keeps_one_and_minus_one() -> None:
    net = LeNet5Of1998(C3)
    ends = net.c1[1](torch.tensor([-100.0, -1, 1, 100]))
    torch.testing.assert_close(ends, torch.tensor([-1.7159, -1, 1, 1.7159]), atol=1e-4, rtol=0)


def test_subsampling_starts_as_an_average() -> None:
    layer = LeNet5Of1998(C3).s2
    torch.testing.assert_close(layer(torch.ones(1, 6, 4, 4)), torch.ones(1, 6, 2, 2), atol=1e-4, rtol=0)


def test_other_classes_of_1998_need_codes_of_their_own() -> None:
    with pytest.raises(ValueError, match=r"7 classes need 7 codes .* \(10, 84\).*: give codes="):
        LeNet5Of1998(C3, 7)
    with pytest.raises(ValueError, match="7 classes need 7 codes"):
        LeNet5Of1998(C3, 7, codes=torch.ones(84))
    net = LeNet5Of1998(C3, 7, 3, codes=torch.ones(7, 5))
    assert net(torch.rand(2, 3, 32, 32)).shape == (2, 7)


def test_a_drawing_that_is_a_code_is_at_distance_zero_and_its_digit_wins() -> None:
    output = LeNet5Of1998(C3).output
    logits = output(output.codes)
    assert torch.equal(logits.argmax(1), torch.arange(10))
    assert torch.equal(logits.diagonal(), torch.zeros(10))


@pytest.mark.parametrize("name", NETS)
def test_sizes_and_channels_that_the_net_was_not_built_for(name) -> None:
    with torch.device("meta"):
        net = NETS[name]()
        other = NETS[name](in_channels=3, image_size=40)
        assert other(torch.empty(2, 3, 40, 40)).shape == (2, 10)
        with pytest.raises(ValueError, match=r"LeNet-5 was built for images of .* image_size="):
            net(torch.empty(2, 1, 40, 40))
        with pytest.raises(ValueError, match="built for 1 input channels, not 3"):
            net(torch.empty(2, 3, 28, 28))
        with pytest.raises(ValueError, match="at least 16x16 with their padding, not 15"):
            NETS[name](image_size=15, **({"padding": 0} if name == "lenet5" else {}))


def test_today_s_net_keeps_the_zoo_s_promises() -> None:
    keeps_its_promises(lambda: LeNet5(FILTERS, 5, hidden=(12, 8)), torch.rand(2, 1, 28, 28))


def test_1998_keeps_the_zoo_s_promises_and_distances_stay_exact() -> None:
    """Under autocast its distances are in float32: at 100 bfloat16 knows half units only."""
    torch.manual_seed(0)
    sources = [(0, 1), (1, 2), (0, 2)]
    net, x = LeNet5Of1998(sources, hidden=7), torch.rand(2, 1, 32, 32)
    y = net(x)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(net, fullgraph=True, backend="eager")(x), y)
    torch.testing.assert_close(net(x.contiguous(memory_format=torch.channels_last)), y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = net(x)
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, y, rtol=0.05, atol=0)
    twin = LeNet5Of1998(sources, hidden=7)
    twin.load_state_dict(net.state_dict())
    torch.testing.assert_close(twin(x), y)
    nn.functional.cross_entropy(y, torch.tensor([3, 8])).backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())
