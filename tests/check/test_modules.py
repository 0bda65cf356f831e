"""The module probe: modules that compute alike give the same numbers, whatever they are written like."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from course_utils.check.probe import Said, run
from course_utils.check.task import Case

RETURNS = ("parameters", "output", "trained", "gradients", "dx")
X = np.random.default_rng(0).normal(size=(3, 4, 6, 5))


def outcome(answer, returns=RETURNS, x=X, **arguments):
    arguments = arguments or {"channels": 4, "filters": 6, "stride": 2}
    return run("module", answer, Case("any", {**arguments, "x": x, "seed": 7}), returns, Said())


class Block(nn.Module):
    """A residual block with a projection, as a textbook writes it."""

    def __init__(self, channels, filters, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.shortcut = nn.Sequential(
            nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters)
        )

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ShortcutFirst(nn.Module):
    """The shortcut is registered and used first, with other names, in place and functional calls."""

    def __init__(self, a, b, s):
        super().__init__()
        self.skip_norm, self.skip = nn.BatchNorm2d(b), nn.Conv2d(a, b, (1, 1), (s, s), bias=False)
        self.body = nn.Sequential(
            *(nn.Conv2d(a, b, 3, padding=1, stride=s, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)),
            *(nn.Conv2d(b, b, 3, padding="same", bias=False), nn.BatchNorm2d(b)),
        )

    def forward(self, images):
        out = self.skip_norm(self.skip(images))
        out += self.body(images)
        return functional.relu_(out)


class Bare(nn.Module):
    """Weights are parameters of its own."""

    def __init__(self, a, b, s):
        super().__init__()
        self.s = s
        self.w = nn.ParameterList([torch.rand(b, b, 3, 3), torch.rand(b, a, 3, 3), torch.rand(b, a, 1, 1)])
        self.norms = nn.ModuleList([nn.BatchNorm2d(b) for _ in range(3)])

    def forward(self, x):
        y = functional.conv2d(x, self.w[1], stride=self.s, padding=1)
        y = functional.conv2d(self.norms[2](y).clamp(min=0), self.w[0], padding=1)
        z = functional.conv2d(x, self.w[2], stride=self.s)
        return torch.maximum(self.norms[1](z) + self.norms[0](y), torch.zeros(1))


def built_by_a_function(channels, filters, stride):
    return Block(channels, filters, stride)


@pytest.mark.parametrize("style", [ShortcutFirst, Bare, built_by_a_function])
def test_right_modules_in_other_styles_give_the_same_numbers(style) -> None:
    expected, got = outcome(Block).arrays, outcome(style).arrays
    assert list(got) == list(RETURNS)
    for name in RETURNS:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-10, err_msg=name)


def changed(**changes):
    def build(*arguments):
        block = Block(*arguments)
        for name, value in changes.items():
            setattr(block, name, value)
        return block

    return build


@pytest.mark.parametrize(
    ("wrong", "shows"),
    [
        (changed(bn2=nn.Identity()), {"parameters", "output", "trained", "gradients", "dx"}),
        (changed(shortcut=nn.AvgPool2d(1, 2)), None),
        (changed(bn1=nn.BatchNorm2d(6, momentum=0.5)), {"output", "gradients", "dx"}),
        (changed(bn1=nn.BatchNorm2d(6, track_running_stats=False)), {"output", "gradients", "dx"}),
        (changed(conv1=nn.Conv2d(4, 6, 3, 2, 1)), {"parameters", "trained", "output"}),
    ],
)
def test_wrong_modules_give_others(wrong, shows) -> None:
    expected, got = outcome(Block), outcome(wrong)
    if shows is None:
        assert got.errors
        return
    different = {
        name
        for name in RETURNS
        if got.arrays[name].shape != expected.arrays[name].shape
        or not np.allclose(got.arrays[name], expected.arrays[name])
    }
    assert shows <= different or different >= {"parameters", "gradients"}


def test_two_layers_written_as_linear_as_convolution_and_as_products_have_the_same_weights() -> None:
    class Products(nn.Module):
        def __init__(self, a, b):
            super().__init__()
            self.b2, self.b1 = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(b))
            self.w1, self.w2 = nn.Parameter(torch.zeros(b, a)), nn.Parameter(torch.zeros(3, b))

        def forward(self, x):
            x = torch.relu(x.mean((2, 3)) @ self.w1.T + self.b1)
            return functional.linear(x, self.w2) + self.b2

    def layers(a, b):
        pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return nn.Sequential(pooled, nn.Linear(a, b), nn.ReLU(), nn.Linear(b, 3))

    def convolutions(a, b):
        return nn.Sequential(nn.Conv2d(a, b, 1), nn.ReLU(), nn.Conv2d(b, 3, 1), nn.Flatten())

    one, other = (outcome(style, a=4, b=7) for style in (layers, Products))
    for name in RETURNS:
        np.testing.assert_allclose(other.arrays[name], one.arrays[name], rtol=1e-10, err_msg=name)
    small = X.mean((2, 3), keepdims=True)
    one, other = (outcome(style, x=small, a=4, b=7) for style in (layers, convolutions))
    np.testing.assert_allclose(other.arrays["output"], one.arrays["output"], rtol=1e-10)


def test_where_only_a_shape_is_given_a_module_of_any_size_is_asked_for_its_shapes() -> None:
    def large(classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 256 * 256, 8192), nn.Linear(8192, classes))

    case = Case("any", {"classes": 11, "x": (2, 3, 256, 256), "seed": 7})
    found = run("module", large, case, ("parameters", "output"), Said(), patience=60).arrays
    assert int(found["parameters"]) == 3 * 256 * 256 * 8192 + 8192 + 8192 * 11 + 11
    assert found["output"].shape == (2, 11)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda *a: 5, "it gives an object of type int, not an nn.Module"),
        (lambda *a: nn.Linear(4_000, 4_000), "it has 16,004,000 weights, far more than the task needs"),
    ],
)
def test_what_is_no_module_of_the_task_is_told_in_one_line(answer, message) -> None:
    assert outcome(answer).message == message


def test_a_forward_without_return_is_told() -> None:
    class Silent(nn.Module):
        def forward(self, x):
            x + 1

    assert outcome(lambda *a: Silent()).message == "its forward returned None: is a `return` missing?"


def test_the_weights_of_a_deep_net_are_set_without_recursion_and_in_little_time() -> None:
    def deep(depth):
        return nn.Sequential(*(nn.Conv2d(4, 4, 3, padding=1) for _ in range(depth)))

    found = outcome(deep, returns=("parameters", "gradients"), depth=120)
    assert not found.errors
    assert len(set(found.arrays["gradients"].tolist())) == 240
