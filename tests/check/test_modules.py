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


class Lazy(Block):
    """Layers find out by themselves how many channels come in."""

    def __init__(self, channels, filters, stride):
        super().__init__(channels, filters, stride)
        self.conv1 = nn.LazyConv2d(filters, 3, stride, 1, bias=False)
        self.conv2 = nn.LazyConv2d(filters, 3, padding=1, bias=False)
        self.bn1 = nn.LazyBatchNorm2d()


def built_by_a_function(channels, filters, stride):
    return Block(channels, filters, stride)


@pytest.mark.parametrize("style", [ShortcutFirst, Bare, Lazy, built_by_a_function])
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


class InAList(nn.Module):
    """Its layers lie where PyTorch does not look."""

    def __init__(self, channels, filters, stride, keep=list):
        super().__init__()
        self.layers = keep([nn.Conv2d(channels, filters, 3, stride, 1), nn.ReLU()])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


@pytest.mark.parametrize(
    ("keep", "kind"),
    [
        (list, "list"),
        (tuple, "tuple"),
        (lambda layers: [layers, []], "list"),
        (lambda layers: dict(enumerate(layers)), "dict"),
        (lambda layers: list(layers[0].parameters()), "list"),
    ],
)
def test_weights_in_a_plain_container_are_told(keep, kind) -> None:
    told = outcome(lambda *arguments: nn.Sequential(InAList(*arguments, keep)))
    assert told.errors[:2] == ("UnregisteredError", "WrongTypeError")
    assert told.message == (
        f"self.layers is a plain {kind}: PyTorch does not find the weights in it; "
        "use nn.ModuleList, nn.ModuleDict or nn.Sequential"
    )


def test_a_plain_list_of_modules_that_are_registered_too_is_fine() -> None:
    def build(*arguments):
        module = InAList(*arguments)
        for number, layer in enumerate(module.layers):
            module.add_module(f"layer{number}", layer)
        return module

    assert not outcome(build).errors
    assert not outcome(lambda *arguments: InAList(*arguments, nn.ModuleList)).errors


class MadeInForward(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.made = {"conv": (channels, filters, 3, stride), "linear": (5, filters), "bn": (channels,)}

    def forward(self, x):
        make = {"conv": nn.Conv2d, "linear": nn.Linear, "bn": nn.BatchNorm2d}[self.kind]
        return make(*self.made[self.kind])(x)


@pytest.mark.parametrize("kind", ["conv", "linear", "bn"])
def test_a_layer_that_forward_makes_is_told(kind) -> None:
    def build(*arguments):
        module = MadeInForward(*arguments)
        module.kind = kind
        return module

    told = outcome(build)
    assert told.errors[:2] == ("MixedTypesError", "WrongTypeError")
    assert "make layers in __init__ and not in forward" in told.message


def test_an_operation_in_place_that_spoils_the_backward_pass_is_told() -> None:
    class AddsToItsInput(Block):
        def forward(self, x):
            y = self.conv1(x)
            x += 1
            return y

    told = outcome(AddsToItsInput)
    assert told.errors[0] == "ChangedInPlaceError"
    assert told.message.startswith("an operation in place (+=, relu_, inplace=True) overwrites")


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (nn.Conv2d(5, 3, 3), "to have 5 channels, but got 4 channels"),
        (nn.BatchNorm2d(3), "running_mean should contain 4 elements not 3"),
        (nn.Linear(4, 3), "shapes cannot be multiplied"),
    ],
)
def test_layers_that_do_not_fit_are_told_in_pytorch_s_own_words(layer, words) -> None:
    told = outcome(lambda *arguments: layer)
    assert told.errors[0] == "RuntimeError"
    assert words in told.message


class Stub(nn.Module):
    def __init__(self, *arguments):
        super().__init__()
        raise NotImplementedError()


class NoForward(nn.Module):
    def __init__(self, *arguments):
        super().__init__()


class StubOfForward(NoForward):
    def forward(self, x):
        raise NotImplementedError()


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (Stub, "NotImplementedError", "NotImplementedError"),
        (lambda *arguments: Stub(), "UnwrittenPartError", "Stub is not written yet"),
        (StubOfForward, "UnwrittenPartError", "StubOfForward.forward is not written yet"),
        (NoForward, "UnwrittenPartError", "forward is not written yet"),
    ],
)
def test_what_is_not_written_yet_is_told_by_its_name(answer, error, message) -> None:
    told = outcome(answer)
    assert told.errors[0] == error
    assert told.message.startswith(message)
