from __future__ import annotations

from functools import cache
from math import ceil

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import nn

from course_utils import zoo
from course_utils.zoo.googlenet import HEADS_AFTER, NETS, TABLE, GoogLeNet, Inception, NaiveInception

NARROW = {name: [max(2, number // 32) for number in row] for name, row in TABLE.items()}
SHORT = {name: NARROW[name] for name in ("3a", "4a", "4d", "5a")}

# The table as the lecture prints it: output size, parameters in units of 1,024, multiply-adds in millions.
PRINTED = {
    "conv1": ((64, 112, 112), 2.7, 34),
    "conv2": ((192, 56, 56), 112, 360),
    "3a": ((256, 28, 28), 159, 128),
    "3b": ((480, 28, 28), 380, 304),
    "4a": ((512, 14, 14), 364, 73),
    "4b": ((512, 14, 14), 437, 88),
    "4c": ((512, 14, 14), 463, 100),
    "4d": ((528, 14, 14), 580, 119),
    "4e": ((832, 14, 14), 840, 170),
    "5a": ((832, 7, 7), 1072, 54),
    "5b": ((1024, 7, 7), 1388, 71),
    "linear": ((1000,), 1000, 1),
}
# What the rows really have, where that is not what is printed (to a whole unit, rounded up or down).
WRONG_PARAMETERS = {
    "conv1": 9.25,
    "4a": 367.36,
    "4b": 438.63,
    "4c": 498.15,
    "4d": 591.19,
    "4e": 848.0,
    "5a": 1019.0,
    "5b": 1410.23,
}
WRONG_MULTIPLY_ADDS = {"conv1": 118.01, "5a": 51.08}


def on_meta(name: str = "googlenet", **options) -> nn.Module:
    with torch.device("meta"):
        return NETS[name](**options)


def narrow(table=NARROW, **options) -> GoogLeNet:
    return GoogLeNet(table, 7, stem=(4, 3, 6), head=(8, 16), **options)


@cache
def rows() -> dict[str, tuple[tuple[int, ...], int, int]]:
    """Count each row of the table: output shape, parameters and multiply-adds."""
    found: dict[str, tuple[tuple[int, ...], int, int]] = {}
    for layer in zoo.count(on_meta(aux=False)).layers:
        path = layer.name.split(".")
        name = path[1] if path[0] == "features" else "linear"
        if name == "stem":
            name = "conv1" if path[2] == "0" else "conv2" if path[2] in "34" else "pool"
        _, parameters, macs = found.get(name, ((), 0, 0))
        found[name] = (layer.output_shape, parameters + layer.parameters, macs + layer.macs)
    return found


@pytest.mark.parametrize(
    ("name", "aux", "parameters", "training", "evaluation"),
    [
        ("googlenet", True, 13_378_280, 1_591_044_096, 1_582_671_872),
        ("googlenet", False, 6_998_552, 1_582_671_872, 1_582_671_872),
        ("googlenet_bn", True, 13_004_888, 1_506_748_416, 1_498_376_192),
        ("googlenet_bn", False, 6_624_904, 1_498_376_192, 1_498_376_192),
    ],
)
def test_parameters_and_multiply_adds(name, aux, parameters, training, evaluation) -> None:
    """The heads run in training only: their multiply-adds count where training is counted."""
    net = on_meta(name, aux=aux)
    counts = zoo.count(net, training=True)
    assert (counts.parameters, counts.macs, counts.output_shape) == (parameters, training, (1000,))
    assert sum(layer.parameters for layer in counts.layers) == parameters
    assert zoo.count(net).macs == evaluation


def test_5_million_parameters_and_12_times_fewer_than_alexnet_are_neither() -> None:
    parameters = zoo.count(on_meta(aux=False)).parameters
    assert round(parameters / 1e6, 1) == 7.0
    assert round(60_965_224 / parameters, 1) == 8.7
    assert round(1024 * sum(printed for _, printed, _ in PRINTED.values()) / 1e6, 1) == 7.0


@pytest.mark.parametrize("row", PRINTED)
def test_the_lecture_s_table_row_by_row(row) -> None:
    shape, parameters, macs = rows()[row]
    printed_shape, printed_parameters, printed_millions = PRINTED[row]
    assert shape == printed_shape
    if row in WRONG_PARAMETERS:
        assert round(parameters / 1024, 2) == WRONG_PARAMETERS[row]
        assert abs(parameters / 1024 - printed_parameters) > 1
    else:
        assert abs(parameters / 1024 - printed_parameters) < 1
    if row in WRONG_MULTIPLY_ADDS:
        assert round(macs / 1e6, 2) == WRONG_MULTIPLY_ADDS[row]
        assert abs(macs / 1e6 - printed_millions) > 1
    else:
        assert abs(macs / 1e6 - printed_millions) < 1


def test_the_rows_of_the_table_are_all_of_the_net() -> None:
    found = rows()
    assert set(found) == {*PRINTED, "pool", "pool3", "pool4"}
    assert sum(parameters for _, parameters, _ in found.values()) == 6_998_552
    pools = [found[name][0] for name in ("pool", "pool3", "pool4")]
    assert pools == [(192, 28, 28), (480, 14, 14), (832, 7, 7)]


def test_row_5a_fits_a_reduction_to_48_and_not_the_32_that_is_printed() -> None:
    one, three_reduce, three, five_reduce, five, pool_proj = TABLE["5a"]
    assert five_reduce == 32
    counts = zoo.count(Inception(832, one, three_reduce, three, 48, five, pool_proj), (832, 7, 7))
    assert round(counts.macs / 1e6) == 54
    assert abs(counts.parameters / 1024 / 1072 - 1) < 0.01
    assert counts.output_shape == (832, 7, 7)


def test_row_conv1_fits_a_separable_convolution() -> None:
    """7x7 on each colour alone, 8 filters each, then 1x1: not the 7x7 convolution that the row says."""
    separable = nn.Sequential(
        nn.Conv2d(3, 24, 7, stride=2, padding=3, groups=3, bias=False), nn.Conv2d(24, 64, 1, bias=False)
    )
    counts = zoo.count(separable, (3, 224, 224))
    assert (counts.parameters, round(counts.macs / 1e6)) == (2712, 34)


def test_1x1_reductions_save_more_than_half_and_let_the_channels_shrink() -> None:
    naive = zoo.count(NaiveInception(192, 64, 128, 32), (192, 28, 28))
    reduced = zoo.count(Inception(192, *TABLE["3a"]), (192, 28, 28))
    assert naive.output_shape == (64 + 128 + 32 + 192, 28, 28)
    assert reduced.output_shape == (256, 28, 28)
    assert [round(counts.macs / 1e6) for counts in (naive, reduced)] == [303, 128]


class InNumPy:
    """The forward pass from the paper's text, in NumPy, with the weights of a net and nothing else of it."""

    def __init__(self, net: nn.Module, batch_norm: bool) -> None:
        self.weights = {name: value.numpy() for name, value in net.state_dict().items()}
        self.batch_norm = batch_norm

    def conv(self, x, name, stride=1):
        weight = self.weights[f"{name}.0.weight"]
        size = weight.shape[-1]
        border = (size // 2, size // 2)
        windows = sliding_window_view(np.pad(x, [(0, 0), (0, 0), border, border]), (size, size), axis=(2, 3))
        y = np.einsum("nchwij,fcij->nfhw", windows[:, :, ::stride, ::stride], weight, optimize=True)
        if self.batch_norm:
            scale, shift, mean, variance = (
                self.weights[f"{name}.1.{part}"][:, None, None]
                for part in ("weight", "bias", "running_mean", "running_var")
            )
            y = (y - mean) / np.sqrt(variance + 0.001) * scale + shift
        else:
            y = y + self.weights[f"{name}.0.bias"][:, None, None]
        return np.maximum(y, 0)

    def linear(self, x, name):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, x):
        if self.batch_norm:
            return x
        near = np.pad(x**2, [(0, 0), (2, 2), (0, 0), (0, 0)])
        total = sum(near[:, shift : shift + x.shape[1]] for shift in range(5))
        return x / (1 + 1e-4 / 5 * total) ** 0.75

    def inception(self, x, name):
        around = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)], constant_values=-np.inf)
        pooled = sliding_window_view(around, (3, 3), axis=(2, 3)).max((-1, -2))
        paths = [
            self.conv(x, f"{name}.one"),
            self.conv(self.conv(x, f"{name}.three.0"), f"{name}.three.1"),
            self.conv(self.conv(x, f"{name}.five.0"), f"{name}.five.1"),
            self.conv(pooled, f"{name}.pool.1"),
        ]
        return np.concatenate(paths, axis=1)

    def head(self, x, name):
        if self.batch_norm:
            x = adaptive(x, 4)
        else:
            x = sliding_window_view(x, (5, 5), axis=(2, 3))[:, :, ::3, ::3].mean((-1, -2))
        flat = self.conv(x, f"{name}.conv").reshape(len(x), -1)
        return self.linear(np.maximum(self.linear(flat, f"{name}.classifier.1"), 0), f"{name}.classifier.4")

    def __call__(self, x):
        x = self.norm(max_pool(self.conv(x, "features.stem.0", stride=2), 3))
        x = max_pool(self.norm(self.conv(self.conv(x, "features.stem.3"), "features.stem.4")), 3)
        heads = []
        for name in TABLE:
            if name in ("4a", "5a"):
                x = max_pool(x, 2 if self.batch_norm and name == "5a" else 3)
            x = self.inception(x, f"features.{name}")
            if name in HEADS_AFTER:
                heads.append(self.head(x, f"heads.{name}"))
        return self.linear(x.mean((2, 3)), "classifier.3"), *heads


def max_pool(x, size):
    """Windows with stride 2; the last may reach over the edge, where there is nothing."""
    more = [2 * ceil((side - size) / 2) + size - side for side in x.shape[2:]]
    x = np.pad(x, [(0, 0), (0, 0), (0, more[0]), (0, more[1])], constant_values=-np.inf)
    return sliding_window_view(x, (size, size), axis=(2, 3))[:, :, ::2, ::2].max((-1, -2))


def adaptive(x, side):
    spans = [(n * x.shape[2] // side, ceil((n + 1) * x.shape[2] / side)) for n in range(side)]
    averages = [[x[:, :, top:end, left:right].mean((2, 3)) for left, right in spans] for top, end in spans]
    return np.moveaxis(np.array(averages), (0, 1), (2, 3))


@pytest.mark.parametrize(("batch_norm", "image_size"), [(False, 128), (False, 85), (True, 72), (True, 85)])
def test_logits_are_those_of_the_paper_s_text_in_numpy(batch_norm, image_size) -> None:
    torch.manual_seed(0)
    net = narrow(image_size=image_size, batch_norm=batch_norm).double().eval()
    with torch.no_grad():
        for name, value in net.state_dict().items():  # biases and statistics that could hide nothing
            if value.ndim == 1:
                value.uniform_(0.5, 1.5) if "var" in name else value.add_(0.2 * torch.rand_like(value))
        x = torch.randn(2, 3, image_size, image_size, dtype=torch.float64)
        logits = net(x)
        net.training = True  # the heads run, while dropout and batch normalisation stay as they were
        outputs = net(x)
    expected = InNumPy(net, batch_norm)(x.numpy())
    for ours, theirs in zip((logits, *outputs), (expected[0], *expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    assert all(output.std() > 1e-3 for output in outputs)


def test_the_naive_module_puts_four_paths_side_by_side() -> None:
    torch.manual_seed(0)
    module = NaiveInception(3, 2, 4, 5).double()
    x = torch.randn(2, 3, 9, 8, dtype=torch.float64)
    y = module(x).detach().numpy()
    numpy = InNumPy(module, batch_norm=False)
    convolved = [numpy.conv(x.numpy(), name) for name in ("one", "three", "five")]
    np.testing.assert_allclose(y[:, :11], np.concatenate(convolved, axis=1), rtol=1e-9, atol=1e-12)
    assert (y[:, 11:, 1:-1, 1:-1] == sliding_window_view(x.numpy(), (3, 3), axis=(2, 3)).max((-1, -2))).all()
    assert module.out_channels == y.shape[1] == 2 + 4 + 5 + 3


@pytest.mark.parametrize("batch_norm", [False, True])
def test_in_training_two_heads_add_their_logits_and_every_parameter_learns(batch_norm) -> None:
    torch.manual_seed(0)
    net = narrow(image_size=79, batch_norm=batch_norm)
    outputs = net(torch.randn(2, 3, 79, 79))
    assert [output.shape for output in outputs] == 3 * [(2, 7)]
    sum(output.sum() for output in outputs).backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    alone = narrow(aux=False, batch_norm=batch_norm)
    assert alone(torch.randn(2, 3, 64, 40)).shape == (2, 7)
    net.eval()
    assert net(torch.randn(2, 3, 64, 40)).shape == (2, 7)


def test_other_classes_channels_and_sizes() -> None:
    paper = on_meta(num_classes=5, in_channels=1, image_size=160)
    assert paper.input_shape == (1, 160, 160)
    assert [output.shape for output in paper(torch.empty(2, 1, 160, 160, device="meta"))] == 3 * [(2, 5)]
    library = on_meta("googlenet_bn", num_classes=5)
    assert [output.shape for output in library(torch.empty(2, 3, 96, 64, device="meta"))] == 3 * [(2, 5)]


def test_images_that_do_not_fit_are_named() -> None:
    net = on_meta()
    with pytest.raises(ValueError, match=r"built for images of 224x224, not 192x224: .* image_size="):
        net(torch.empty(2, 3, 192, 224, device="meta"))
    with pytest.raises(ValueError, match="built for 3 input channels, not 1"):
        net(torch.empty(2, 1, 224, 224, device="meta"))
    with pytest.raises(ValueError, match=r"image_size 78 leaves maps of 4x4 .* at least 79, or aux=False"):
        on_meta(image_size=78)
    for name, least in (("googlenet", 31), ("googlenet_bn", 15)):
        net = on_meta(name).eval()
        assert net(torch.empty(1, 3, least, 64, device="meta")).shape == (1, 1000)
        with pytest.raises(ValueError, match=f"at least {least}x{least}, not {least - 1}x64"):
            net(torch.empty(1, 3, least - 1, 64, device="meta"))


def test_the_last_layer_of_a_head_starts_like_the_last_layer_of_the_net() -> None:
    torch.manual_seed(0)
    net = GoogLeNet(NARROW, 500, stem=(4, 3, 6), head=(3, 400))
    last = net.heads["4d"].classifier[-1].weight.detach()
    assert float(last.var()) * 400 == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_compiled_channels_last_in_bfloat16_and_loaded_again_it_is_the_same_net(batch_norm) -> None:
    torch.manual_seed(0)
    net, other = (narrow(SHORT, image_size=79, batch_norm=batch_norm).eval() for _ in range(2))
    net.training = other.training = True  # the heads run, without dropout
    x = torch.rand(2, 3, 79, 79)
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
