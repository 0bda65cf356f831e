"""Every gradient of the references is the slope of its function, in each cell of each input.

The slope is measured by central differences of the sum of upstream * forward(inputs), with a random upstream
gradient: one of ones would not notice what a backward pass does to it. What is measured here knows nothing of
the references' backward passes, and nothing of their own numerical gradient.

A gradient joins by one entry in GRADIENTS. A pair of linear maps that are each other's adjoint, such as
a scatter and a gather, joins by one entry in ADJOINTS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from places import SOLUTIONS

from course_utils.grading import solution as solutions
from course_utils.grading.inputs import Array, Rng, distinct, numbers

REFERENCES = {folder.name: solutions.load(folder).reference for folder in SOLUTIONS}
STEP = 1e-5
ROUNDING = 1e-8  # of the largest slope: what is left of a central difference with that step
SEEDS = range(3)


@dataclass(frozen=True)
class Gradient:
    """A backward pass beside the forward pass that it belongs to.

    ``draws`` makes from a generator several tuples of inputs, of different shapes and settings; the
    first ``of`` of each are float arrays, and the gradient is taken with respect to these.
    ``forward(right, *inputs)`` returns an array or a number, and ``backward(right, upstream, *inputs)`` as
    many gradients as ``of`` says. ``right`` maps an exercise's name to its reference's functions.
    """

    name: str
    of: int
    draws: Callable[[Rng], Iterable[tuple[Any, ...]]]
    forward: Callable[..., Any]
    backward: Callable[..., tuple[Array, ...]]


@dataclass(frozen=True)
class Adjoint:
    """Two linear maps, of which each is the other's adjoint: the sum of there(x) * y is that of x * back(y).

    ``draws`` makes from a generator several tuples: an array for ``there`` and the settings of both.
    ``there(right, x, *settings)`` and ``back(right, y, *settings)`` each return an array.
    """

    name: str
    draws: Callable[[Rng], Iterable[tuple[Any, ...]]]
    there: Callable[..., Array]
    back: Callable[..., Array]


def logits_and_labels(rng: Rng) -> Iterable[tuple[Any, ...]]:
    for n, classes in ((1, 3), (4, 3), (3, 7), (5, 2)):
        yield numbers(rng, n, classes), rng.integers(0, classes, n)


def weights_and_examples(rng: Rng) -> Iterable[tuple[Any, ...]]:
    for n, d, m in ((1, 3, 2), (4, 2, 5), (3, 3, 3), (5, 1, 1)):
        yield numbers(rng, d, m) / 4, numbers(rng, m), numbers(rng, n, d), numbers(rng, n)


def half_squared_error(right: dict[str, SimpleNamespace], w1: Array, w2: Array, x: Array, y: Array) -> float:
    y_hat, _ = right["ex01_backprop"].mlp_forward(x, w1, w2)
    return float(np.mean((y - y_hat) ** 2) / 2)


def batches(rng: Rng) -> Iterable[tuple[Any, ...]]:
    for shape in ((7,), (3, 5), (2, 3, 4, 5)):
        yield (numbers(rng, *shape),)


def pooled_images(rng: Rng) -> Iterable[tuple[Any, ...]]:
    for shape, kernel_size, stride in (
        ((1, 1, 4, 4), 2, 2),
        ((2, 2, 5, 7), 3, 2),
        ((1, 3, 6, 4), 3, 1),
        ((2, 1, 8, 7), 2, 3),
    ):
        yield distinct(rng, *shape), kernel_size, stride


def convolved_images(rng: Rng) -> Iterable[tuple[Any, ...]]:
    for x, w, stride, padding in (
        ((1, 1, 4, 4), (1, 1, 3, 3), 1, 0),
        ((2, 2, 5, 6), (3, 2, 3, 2), 1, 1),
        ((1, 3, 6, 7), (2, 3, 2, 3), 2, 1),
        ((2, 1, 5, 4), (2, 1, 2, 2), 3, 2),
    ):
        yield numbers(rng, *x), numbers(rng, *w), numbers(rng, w[0]), stride, padding


def images_for_square_kernels(rng: Rng) -> Iterable[tuple[Any, ...]]:
    for x, w, stride, padding in (
        ((1, 1, 4, 4), (1, 1, 3, 3), 1, 0),
        ((2, 2, 5, 6), (3, 2, 3, 3), 1, 1),
        ((1, 3, 6, 7), (2, 3, 2, 2), 2, 1),
        ((2, 1, 5, 4), (2, 1, 2, 2), 3, 2),
    ):
        yield numbers(rng, *x), numbers(rng, *w), numbers(rng, w[0]), stride, padding


def images_and_windows(rng: Rng) -> Iterable[tuple[Any, ...]]:
    for x, kernel_size, stride, padding in (
        ((1, 1, 4, 4), 2, 1, 0),
        ((2, 2, 5, 7), 3, 1, 1),
        ((1, 3, 6, 4), 3, 2, 2),
        ((2, 1, 8, 7), 2, 3, 0),
    ):
        yield numbers(rng, *x), x, kernel_size, stride, padding


GRADIENTS = (
    Gradient(
        "cross_entropy",
        1,
        logits_and_labels,
        lambda right, logits, labels: right["ex01_backprop"].cross_entropy(logits, labels)[0],
        lambda right, upstream, logits, labels: (
            upstream * right["ex01_backprop"].cross_entropy(logits, labels)[1],
        ),
    ),
    Gradient(
        "mlp_backward",
        2,
        weights_and_examples,
        half_squared_error,
        lambda right, upstream, w1, w2, x, y: tuple(
            upstream * gradient for gradient in right["ex01_backprop"].mlp_backward(x, y, w1, w2)
        ),
    ),
    Gradient(
        "relu_backward",
        1,
        batches,
        lambda right, x: np.maximum(x, 0),
        lambda right, upstream, x: (right["ex04_conv_backprop"].relu_backward(upstream, x),),
    ),
    Gradient(
        "max_pool2d_backward",
        1,
        pooled_images,
        lambda right, *inputs: right["ex03_pooling"].max_pool2d(*inputs),
        lambda right, upstream, *inputs: (
            right["ex04_conv_backprop"].max_pool2d_backward(upstream, *inputs),
        ),
    ),
    Gradient(
        "avg_pool2d_backward",
        1,
        pooled_images,
        lambda right, *inputs: right["ex03_pooling"].avg_pool2d(*inputs),
        lambda right, upstream, *inputs: (
            right["ex04_conv_backprop"].avg_pool2d_backward(upstream, *inputs),
        ),
    ),
    Gradient(
        "conv2d_backward",
        3,
        convolved_images,
        lambda right, *inputs: right["ex02_convolution"].conv2d(*inputs),
        lambda right, upstream, x, w, b, *settings: right["ex04_conv_backprop"].conv2d_backward(
            upstream, x, w, *settings
        ),
    ),
    Gradient(
        "conv2d_fast_backward",
        3,
        images_for_square_kernels,
        lambda right, *inputs: right["ex05_fast_convolution"].conv2d_fast(*inputs),
        lambda right, upstream, x, w, b, *settings: right["ex05_fast_convolution"].conv2d_fast_backward(
            upstream, x, w, *settings
        ),
    ),
)
ADJOINTS = (
    Adjoint(
        "im2col and col2im",
        images_and_windows,
        lambda right, x, shape, *settings: right["ex05_fast_convolution"].im2col(x, *settings),
        lambda right, columns, shape, *settings: right["ex05_fast_convolution"].col2im(
            columns, shape, *settings
        ),
    ),
)


def measured_slopes(function: Callable[[Array], Any], upstream: Array, start: Array) -> Array:
    """Return the central differences of the sum of upstream * function(x) at ``start``, cell by cell."""
    steps = STEP * np.eye(start.size).reshape(start.size, *start.shape)
    slopes = [np.sum(upstream * (function(start + s) - function(start - s))) / (2 * STEP) for s in steps]
    return np.reshape(slopes, start.shape)


def errors(gradient: Gradient, rng: Rng) -> Iterable[float]:
    """Yield for each draw and each of its inputs how far the gradient is from the measured slopes."""
    for inputs in gradient.draws(rng):
        upstream = rng.normal(size=np.shape(gradient.forward(REFERENCES, *inputs)))
        gradients = gradient.backward(REFERENCES, upstream, *inputs)
        assert len(gradients) == gradient.of
        for i, given in enumerate(gradients):

            def forward(moved: Array, i: int = i, inputs: tuple[Any, ...] = inputs) -> Any:
                return gradient.forward(REFERENCES, *inputs[:i], moved, *inputs[i + 1 :])

            slopes = measured_slopes(forward, upstream, inputs[i])
            assert given.shape == slopes.shape
            yield float(np.max(np.abs(given - slopes)) / np.max(np.abs(slopes)))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("gradient", GRADIENTS, ids=lambda gradient: gradient.name)
def test_a_gradient_is_the_slope_of_its_function(gradient: Gradient, seed: int) -> None:
    assert max(errors(gradient, np.random.default_rng(seed))) < ROUNDING


@pytest.mark.parametrize("gradient", GRADIENTS, ids=lambda gradient: gradient.name)
def test_a_gradient_that_is_slightly_off_is_noticed(gradient: Gradient) -> None:
    def off(*arguments: Any) -> tuple[Array, ...]:
        return tuple(array * (1 + 1e-6) for array in gradient.backward(*arguments))

    wrong = Gradient(gradient.name, gradient.of, gradient.draws, gradient.forward, off)
    assert min(errors(wrong, np.random.default_rng(0))) > ROUNDING


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pair", ADJOINTS, ids=lambda pair: pair.name)
def test_a_map_and_its_adjoint_give_the_same_product(pair: Adjoint, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for x, *settings in pair.draws(rng):
        image = pair.there(REFERENCES, x, *settings)
        y = rng.normal(size=image.shape)
        back = pair.back(REFERENCES, y, *settings)
        assert back.shape == x.shape
        rounding = 1e-12 * np.sum(np.abs(image * y))
        assert np.sum(image * y) == pytest.approx(np.sum(x * back), rel=0, abs=rounding)
