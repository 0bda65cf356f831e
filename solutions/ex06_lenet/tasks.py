"""The tasks of ex06: for each one its cases, what they are worth, and the mistakes that learners make.

Wrong networks are the right one with one thing changed: ``forwards`` runs any of them in torch, and its gradients
come from autograd. Slips on the way back are made in ``by_hand``, which walks it layer by layer. The two learning
tasks have no mistakes: what went wrong is read off the predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from course_utils.check import Case, Task
from course_utils.data import load
from course_utils.grading.inputs import TYPES_AND_LAYOUTS, Array, Rng, numbers, whole

LAYERS = "06_lenet#The layers in numpy"
NET = "06_lenet#LeNet-5"
COUNTS = "06_lenet#How many parameters?"
AGREE = "06_lenet#numpy and PyTorch agree"
LOOP = "06_lenet#The training loop"
PARTS = "06_lenet#Sigmoid, tanh or ReLU, average or maximum"
C3 = "06_lenet#C5 is a convolution"
OUTPUTS = "01_feedforward_review#Output units"
BACKWARD = "01_feedforward_review#The backward pass"
DESCENT = "01_feedforward_review#Gradient descent"
TYPES = "03_convolution_layer#Number types"
BIASES = "03_convolution_layer#Counting parameters"
PADDING = "03_convolution_layer#Padding that keeps the size"
FLIP = "03_convolution_layer#Convolution or cross-correlation"
ABOVE = "05_backprop_through_convolution#The gradient from above"
RELU = "05_backprop_through_convolution#ReLU"
SOFTMAX = "05_backprop_through_convolution#Softmax and cross-entropy"
MAX = "05_backprop_through_convolution#Max pooling"
BIAS = "05_backprop_through_convolution#The gradient of the bias"

READY_MADE = ("course_utils.training", "course_utils.zoo")
WITHOUT_LABELS = ("course_utils.data", *READY_MADE)

Params = list[Array]
SUFFIXES = ("w1", "b1", "w2", "b2", "w3", "b3", "w4", "b4", "w5", "b5")


# networks, right and wrong ones


def tensors(arrays: Sequence[Array], dtype: Any = torch.float64) -> list[torch.Tensor]:
    return [torch.tensor(np.ascontiguousarray(array), dtype=dtype) for array in arrays]


def row_by_row(maps: torch.Tensor) -> torch.Tensor:
    return maps.flatten(1)


def forwards(
    x: torch.Tensor,
    params: Sequence[torch.Tensor],
    *,
    act: Callable[[torch.Tensor], torch.Tensor] = torch.relu,
    idle: Sequence[int] = (),
    pool: Callable[..., torch.Tensor] = functional.max_pool2d,
    flat: Callable[[torch.Tensor], torch.Tensor] = row_by_row,
    last: Callable[[torch.Tensor], torch.Tensor] = lambda logits: logits,
) -> torch.Tensor:
    """Run LeNet-5 with torch's functions, or what becomes of it when a part is exchanged.

    ``act`` is the activation, and the activations numbered in ``idle`` (0 to 3) are left out; ``last`` follows
    on the logits.
    """
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = params
    acts = [(lambda z: z) if number in idle else act for number in range(4)]
    y = pool(acts[0](functional.conv2d(x, w1, b1, padding=2)), 2)
    y = flat(pool(acts[1](functional.conv2d(y, w2, b2)), 2))
    y = acts[3](acts[2](y @ w3 + b3) @ w4 + b4)
    return last(y @ w5 + b5)


def logits_of(x: Array, params: Params, dtype: Any = torch.float64, **changes: Any) -> Array:
    """Return what a network gives, as an array."""
    (images,) = tensors([x], dtype)
    return forwards(images, tensors(params, dtype), **changes).numpy()


def loss_of(logits: torch.Tensor, labels: Array) -> torch.Tensor:
    return functional.cross_entropy(logits, torch.tensor(np.array(labels, dtype=np.int64)))


def gradients_of(
    x: Array, labels: Array, params: Params, dtype: Any = torch.float64, loss: Any = loss_of, **changes: Any
) -> list[Any]:
    """Return the loss of a network and its gradients, from autograd."""
    (images,), leaves = tensors([x], dtype), tensors(params, dtype)
    for leaf in leaves:
        leaf.requires_grad_()
    value = loss(forwards(images, leaves, **changes), labels)
    return [value.item(), *(g.numpy() for g in torch.autograd.grad(value, leaves, allow_unused=True))]


def stages(x: Array, params: Params) -> tuple[list[Array], list[Array]]:
    """Return what goes into each ReLU, where it matters: the larger maps are shown as their pools see them."""
    found: list[Array] = []

    def seen(z: torch.Tensor) -> torch.Tensor:
        found.append((functional.max_pool2d(z, 2) if z.ndim == 4 else z).numpy())
        return torch.relu(z)

    logits_of(x, params, act=seen)
    return found[:2], found[2:]


def tells(x: Array, params: Params) -> bool:
    """Tell whether every ReLU of the network matters for these images, and lets enough through.

    Before each ReLU some numbers are negative and some positive, none nearly 0; of each image some units of
    every layer pass.
    """
    maps, units = stages(x, params)
    mixed = all((z > 0.05).any() and (z < -0.05).any() for z in (*maps, *units))
    return mixed and all((z.reshape(len(x), -1) > 0.05).any(axis=1).all() for z in (*maps, *units))


def he(rng: Rng, *shape: int) -> Array:
    """Return normal weights that keep the size of the signal, in steps of 1/1024."""
    inputs = np.prod(shape[1:]) if len(shape) == 4 else shape[0]
    return np.asarray(np.round(1024 * rng.normal(0, np.sqrt(2 / inputs), shape)) / 1024)


def sized(
    channels: int,
    rows: int,
    columns: int,
    filters: tuple[int, int],
    hidden: tuple[int, int],
    classes: int,
) -> list[tuple[int, ...]]:
    """Return the shapes of the ten parameters."""
    left = [(size // 2 - 4) // 2 for size in (rows, columns)]
    features = filters[1] * left[0] * left[1]
    weights: list[tuple[int, ...]] = [(filters[0], channels, 5, 5), (filters[1], filters[0], 5, 5)]
    weights += [(features, hidden[0]), hidden, (hidden[1], classes)]
    units = (*filters, *hidden, classes)
    return [shape for pair in zip(weights, [(n,) for n in units], strict=True) for shape in pair]


def network(
    rng: Rng,
    count: int,
    channels: int,
    size: tuple[int, int],
    filters: tuple[int, int],
    hidden: tuple[int, int],
    classes: int,
    images: Any = numbers,
    weights: Any = he,
) -> dict[str, Any]:
    """Return images and parameters on which every part of LeNet-5 shows."""
    while True:
        x = images(rng, count, channels, *size)
        shapes = sized(channels, *size, filters, hidden, classes)
        params = [weights(rng, *shape) if len(shape) > 1 else numbers(rng, *shape) / 4 for shape in shapes]
        if tells(x, params):
            return {"x": x, "params": params}


def sparse(rng: Rng, *shape: int) -> Array:
    """Return integer weights: mostly 0, some 1 or -1, as many as keep the size of the signal."""
    inputs = np.prod(shape[1:]) if len(shape) == 4 else shape[0]
    return np.asarray(rng.choice([-1, 1], shape) * (rng.random(shape) < max(2 / inputs, 0.06)))


def small_whole(rng: Rng, *shape: int) -> Array:
    return np.asarray(rng.integers(1, 4, shape) * rng.choice([-1, 1], shape))


def with_integers(rng: Rng, *sizes: Any) -> dict[str, Any]:
    """Return a network whose parameters are integers too."""
    while True:
        inputs = network(rng, *sizes, images=small_whole, weights=sparse)
        params = [p if p.ndim > 1 else small_whole(rng, *p.shape) for p in inputs["params"]]
        if tells(inputs["x"], params):
            return {**inputs, "params": params}


def far_out(rng: Rng, *sizes: Any) -> dict[str, Any]:
    """Return a network with two hidden layers of which the first puts out 2**20 and a little.

    The next weights add up to 0 for each unit, so that the little decides: float32 has no digits left for it.
    """
    while True:
        inputs = network(rng, *sizes)
        _, b3, w4 = inputs["params"][4:7]
        b3 += 2.0**20
        w4[-1] = -w4[:-1].sum(axis=0)
        above = stages(inputs["x"], inputs["params"])[1][1]
        if (above > 0.05).any(axis=1).all() and (above < -0.05).any():
            return inputs


def in_float32(inputs: dict[str, Any]) -> dict[str, Any]:
    x, params = inputs["x"], inputs["params"]
    return {**inputs, "x": x.astype(np.float32), "params": [p.astype(np.float32) for p in params]}


def with_labels(rng: Rng, inputs: dict[str, Any]) -> dict[str, Any]:
    """Add labels, of which no two neighbours are equal; the order is that of the arguments."""
    x, params = inputs["x"], inputs["params"]
    classes = len(params[-1])
    labels = np.cumsum(rng.integers(1, classes, len(x))) % classes
    return {"x": x, "labels": labels, "params": params}


ONE = "one image"
BATCH = "a batch"
SIZES = "channels, filters, units and classes"
SHAPES = "images that are not square"

Sizes = tuple[int, int, tuple[int, int], tuple[int, int], tuple[int, int], int]
EQUAL: Sizes = (4, 1, (12, 12), (2, 4), (4, 4), 4)  # a transposed matrix fits everywhere
PLACES: tuple[tuple[str, Sizes], ...] = (
    (ONE, (1, 1, (16, 16), (2, 3), (5, 4), 3)),
    (BATCH, EQUAL),
    (BATCH, (3, 1, (16, 16), (2, 2), (4, 5), 3)),
    (SIZES, (2, 3, (12, 12), (2, 5), (4, 6), 2)),
    (SHAPES, (2, 1, (16, 21), (2, 2), (4, 3), 5)),
)


def any_sizes(rng: Rng) -> Sizes:
    """Draw sizes for a hidden case: images of 12 to 20 rows and columns."""
    count, channels, *filters = (int(n) for n in rng.integers(1, 5, 4))
    first, second, classes = (int(n) for n in rng.integers(3, 8, 3))
    rows, columns = (int(n) for n in rng.integers(12, 21, 2))
    return (count, channels, (rows, columns), (filters[0], 1 + filters[1]), (first, second), classes)


# lenet_forward


def forward_cases(rng: Rng) -> Iterator[Case]:
    for group, sizes in PLACES:
        yield Case(group, network(rng, *sizes))
    yield Case(ONE, network(rng, 1, 1, (12, 12), (2, 4), (3, 5), 2))
    yield Case(SIZES, network(rng, 3, 2, (16, 16), (3, 2), (6, 3), 6))
    yield Case(SHAPES, network(rng, 2, 1, (18, 13), (1, 4), (3, 4), 3))
    types = TYPES_AND_LAYOUTS
    yield Case(types, network(rng, 2, 1, (16, 12), (2, 3), (5, 4), 3, images=whole))
    yield Case(types, with_integers(rng, 2, 1, (16, 16), (2, 3), (5, 4), 3))
    yield Case(types, in_float32(network(rng, 2, 1, (12, 16), (2, 2), (4, 5), 3)))
    yield Case(types, far_out(rng, 2, 2, (16, 16), (2, 2), (4, 5), 4), strided=True)


def forward_hidden(rng: Rng) -> Iterator[Case]:
    yield Case(SIZES, network(rng, *any_sizes(rng)))
    yield Case(SHAPES, network(rng, *any_sizes(rng)))
    yield Case(BATCH, network(rng, 7, 1, (28, 28), (6, 16), (20, 12), 10))


lenet_forward = Task(
    "lenet_forward",
    {ONE: 1, BATCH: 1, SIZES: 1, SHAPES: 1, TYPES_AND_LAYOUTS: 1},
    forward_cases,
    oracle=logits_of,
    hidden=forward_hidden,
    forbids=READY_MADE,
)


def without_biases(params: Params, *places: int) -> Params:
    return [0 * p if number in places else p for number, p in enumerate(params)]


def channels_last(maps: torch.Tensor) -> torch.Tensor:
    return maps.permute(0, 2, 3, 1).flatten(1)


def column_by_column(maps: torch.Tensor) -> torch.Tensor:
    return maps.transpose(2, 3).flatten(1)


def images_last(maps: torch.Tensor) -> torch.Tensor:
    """Mix the images up: the batch's numbers in rows of D, transposed."""
    return maps.reshape(-1, len(maps)).T


def turned(params: Params) -> Params:
    return [p[:, :, ::-1, ::-1] if p.ndim == 4 else p for p in params]


def transposed(params: Params) -> Params:
    return [p.T if p.ndim == 2 else p for p in params]


@lenet_forward.mistake(
    "The ReLU behind the first convolution is missing: every hidden layer has one.", LAYERS
)
def forgets_the_first_relu(right, x, params):
    return logits_of(x, params, idle=(0,))


@lenet_forward.mistake(
    "The ReLU behind the second convolution is missing: every hidden layer has one.", LAYERS
)
def forgets_the_second_relu(right, x, params):
    return logits_of(x, params, idle=(1,))


@lenet_forward.mistake(
    "The ReLU behind the first fully connected layer is missing: every hidden layer has one.", LAYERS
)
def forgets_the_third_relu(right, x, params):
    return logits_of(x, params, idle=(2,))


@lenet_forward.mistake(
    "The ReLU behind the second fully connected layer is missing: every hidden layer has one.", LAYERS
)
def forgets_the_fourth_relu(right, x, params):
    return logits_of(x, params, idle=(3,))


@lenet_forward.mistake("Neither convolution is followed by a ReLU: every layer but the last one is.", LAYERS)
def has_no_relu_behind_the_convolutions(right, x, params):
    return logits_of(x, params, idle=(0, 1))


@lenet_forward.mistake(
    "The hidden fully connected layers have no ReLU: without it two of them are no more than one.", LAYERS
)
def has_no_relu_behind_the_fully_connected_layers(right, x, params):
    return logits_of(x, params, idle=(2, 3))


@lenet_forward.mistake("There is no ReLU at all: every layer but the last one has one behind it.", LAYERS)
def has_no_relu_at_all(right, x, params):
    return logits_of(x, params, idle=(0, 1, 2, 3))


@lenet_forward.mistake(
    "A ReLU stands behind the last layer: the logits may be negative, so nothing follows on them.", OUTPUTS
)
def puts_a_relu_behind_the_last_layer(right, x, params):
    return logits_of(x, params, last=torch.relu)


@lenet_forward.mistake(
    "You return probabilities: the task asks for the logits, and softmax comes with the loss.", OUTPUTS
)
def puts_a_softmax_behind_the_last_layer(right, x, params):
    return logits_of(x, params, last=lambda logits: torch.softmax(logits, 1))


@lenet_forward.mistake(
    "You return logarithms of probabilities: the task asks for the logits, as the last layer gives them.",
    OUTPUTS,
)
def returns_logarithms_of_probabilities(right, x, params):
    return logits_of(x, params, last=lambda logits: torch.log_softmax(logits, 1))


@lenet_forward.mistake(
    "You return the class with the largest logit: the task asks for all logits, (N, K).", OUTPUTS
)
def returns_the_predicted_class(right, x, params):
    return logits_of(x, params).argmax(axis=1)


@lenet_forward.mistake(
    "You take the average of each window: today's LeNet-5 takes the maximum, max_pool2d.", PARTS
)
def pools_the_average(right, x, params):
    return logits_of(x, params, pool=functional.avg_pool2d)


@lenet_forward.mistake("The activation is tanh, as in 1998: today's LeNet-5 has ReLU.", PARTS)
def squashes_with_tanh(right, x, params):
    return logits_of(x, params, act=torch.tanh)


@lenet_forward.mistake("The activation is the logistic function: today's LeNet-5 has ReLU.", PARTS)
def squashes_with_the_logistic_function(right, x, params):
    return logits_of(x, params, act=torch.sigmoid)


@lenet_forward.mistake(
    "The images go through a ReLU before the first convolution: it comes behind the convolution.", LAYERS
)
def applies_relu_to_the_images(right, x, params):
    return logits_of(np.maximum(x, 0), params)


@lenet_forward.mistake(
    "You flatten with the channels last: one map comes behind the other, each row by row, as `reshape(len(x), -1)` "
    "does.",
    C3,
)
def flattens_channels_last(right, x, params):
    return logits_of(x, params, flat=channels_last)


@lenet_forward.mistake(
    "You flatten each map column by column: it is row by row, as `reshape(len(x), -1)` does.", C3
)
def flattens_column_by_column(right, x, params):
    return logits_of(x, params, flat=column_by_column)


@lenet_forward.mistake(
    "You flatten with `reshape(-1, N).T`, which mixes the images up: keep the first axis, `reshape(N, -1)`.",
    C3,
)
def mixes_the_images_up_when_it_flattens(right, x, params):
    return logits_of(x, params, flat=images_last)


@lenet_forward.mistake(
    "You flatten the batch's axis too: every image keeps a row of its own, `reshape(len(x), -1)`.", C3
)
def flattens_the_batch_too(right, x, params):
    return logits_of(x, params, flat=torch.Tensor.flatten)


@lenet_forward.mistake("The fully connected layers have no bias: add b3, b4 and b5 to each row.", LAYERS)
def forgets_the_biases_of_the_fully_connected_layers(right, x, params):
    return logits_of(x, without_biases(params, 5, 7, 9))


@lenet_forward.mistake("The convolutions have no bias: give b1 and b2 to conv2d.", BIASES)
def forgets_the_biases_of_the_convolutions(right, x, params):
    return logits_of(x, without_biases(params, 1, 3))


@lenet_forward.mistake("There are no biases at all: every layer adds one, b1 to b5.", BIASES)
def forgets_all_biases(right, x, params):
    return logits_of(x, without_biases(params, 1, 3, 5, 7, 9))


@lenet_forward.mistake("The last layer has no bias: add b5 to each row of logits.", LAYERS)
def forgets_the_last_bias(right, x, params):
    return logits_of(x, without_biases(params, 9))


@lenet_forward.mistake(
    "You transpose the fully connected weights: here they have a row for each input, so it is `h @ w + b`. (PyTorch keeps "
    "the transpose.)",
    LAYERS,
)
def transposes_the_fully_connected_weights(right, x, params):
    return logits_of(x, transposed(params))


@lenet_forward.mistake(
    "The kernels are turned by 180 degrees: these layers do not turn them, as in every library.", FLIP
)
def turns_the_kernels(right, x, params):
    return logits_of(x, turned(params))


@lenet_forward.mistake("You divide the images by 255: the network takes them as they are.", NET)
def scales_the_images(right, x, params):
    return logits_of(x / 255, params)


@lenet_forward.mistake(
    "You standardise the images: the network takes them as they are; scaling is done before.", NET
)
def standardises_the_images(right, x, params):
    return logits_of((x - x.mean()) / x.std(), params)


@lenet_forward.mistake(
    "Only six digits are right: some part computes in float32, PyTorch's default. Use float64.", AGREE
)
def computes_in_float32(right, x, params):
    return logits_of(x, params, dtype=torch.float32)


@lenet_forward.mistake(
    "The result has the images' type: for whole numbers its fractions are cut off. Leave it a float.", TYPES
)
def keeps_the_type_of_the_images(right, x, params):
    return logits_of(x, params).astype(x.dtype)


# lenet_backward

RESULTS = ("loss", *(f"d{name}" for name in SUFFIXES))


def confident(rng: Rng, *sizes: Any) -> dict[str, Any]:
    """Return a network that is sure of class 0, and labels that are others."""
    inputs = with_labels(rng, network(rng, *sizes))
    inputs["params"][-1][0] += 40
    classes = len(inputs["params"][-1])
    return {**inputs, "labels": 1 + inputs["labels"] % (classes - 1)}


def backward_cases(rng: Rng) -> Iterator[Case]:
    for group, sizes in PLACES:
        yield Case(group, with_labels(rng, network(rng, *sizes)))
    yield Case(BATCH, confident(rng, 2, 1, (12, 12), (2, 3), (4, 3), 3))
    types = TYPES_AND_LAYOUTS
    yield Case(types, with_labels(rng, with_integers(rng, 2, 1, (16, 12), (2, 3), (3, 4), 3)))
    yield Case(types, with_labels(rng, in_float32(network(rng, 2, 1, (12, 12), (2, 3), (4, 3), 3))))
    yield Case(types, with_labels(rng, far_out(rng, 2, 1, (12, 12), (2, 2), (4, 3), 3)), strided=True)


def backward_hidden(rng: Rng) -> Iterator[Case]:
    yield Case(SIZES, with_labels(rng, network(rng, *any_sizes(rng))))
    yield Case(SHAPES, with_labels(rng, network(rng, *any_sizes(rng))))
    yield Case(BATCH, with_labels(rng, network(rng, 6, 1, (28, 28), (6, 16), (20, 12), 10)))


lenet_backward = Task(
    "lenet_backward",
    {ONE: 2, BATCH: 2, SIZES: 2, SHAPES: 2, TYPES_AND_LAYOUTS: 2},
    backward_cases,
    returns=RESULTS,
    oracle=gradients_of,
    hidden=backward_hidden,
    forbids=READY_MADE,
)


class Slips:
    """The ways back of LeNet-5's parts; a subclass takes one of them wrongly.

    ``relu(number, dout, z)`` goes back through the ReLU of that number, 0 to 3; the others are by their layer.
    """

    def __init__(self, right: Any) -> None:
        self.right = right

    def relu(self, number: int, dout: Array, z: Array) -> Array:
        return np.asarray(dout * (z > 0))

    def pool(self, dout: Array, x: Array) -> Array:
        return np.asarray(self.right.max_pool2d_backward(dout, x, 2, 2))

    def below(self, dout: Array, w: Array) -> Array:
        return np.asarray(dout @ w.T)

    def weight(self, number: int, a: Array, z: Array, dout: Array) -> Array:
        """Return dw of the fully connected layer of this number, 3 to 5, for its input a, z before its ReLU."""
        return np.asarray(a.T @ dout)

    def bias(self, dout: Array) -> Array:
        return np.asarray(dout.sum(axis=0))

    def unflatten(self, dout: Array, shape: tuple[int, ...]) -> Array:
        return np.asarray(dout.reshape(shape))

    def back(self, x: Array, labels: Array, params: Params) -> list[Any]:
        right = self.right
        w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = params
        z1 = right.conv2d(x, w1, b1, 1, 2)
        a1 = np.maximum(z1, 0)
        p1 = right.max_pool2d(a1, 2, 2)
        z2 = right.conv2d(p1, w2, b2, 1, 0)
        a2 = np.maximum(z2, 0)
        p2 = right.max_pool2d(a2, 2, 2)
        flat = p2.reshape(len(x), -1)
        z3 = flat @ w3 + b3
        z4 = np.maximum(z3, 0) @ w4 + b4
        a4 = np.maximum(z4, 0)
        loss, top = right.cross_entropy(a4 @ w5 + b5, labels)
        dz4 = self.relu(3, self.below(top, w5), z4)
        dz3 = self.relu(2, self.below(dz4, w4), z3)
        dp2 = self.unflatten(self.below(dz3, w3), p2.shape)
        dz2 = self.relu(1, self.pool(dp2, a2), z2)
        dp1, dw2, db2 = right.conv2d_backward(dz2, p1, w2, 1, 0)
        dz1 = self.relu(0, self.pool(dp1, a1), z1)
        _, dw1, db1 = right.conv2d_backward(dz1, x, w1, 1, 2)
        dw3 = self.weight(3, flat, right.max_pool2d(z2, 2, 2).reshape(flat.shape), dz3)
        dw4 = self.weight(4, np.maximum(z3, 0), z3, dz4)
        dw5 = self.weight(5, a4, z4, top)
        ends = [dw3, self.bias(dz3), dw4, self.bias(dz4), dw5, self.bias(top)]
        return [loss, dw1, db1, dw2, db2, *ends]


def without_masks(*numbers: int) -> Callable[..., list[Any]]:
    """Return a way back on which the ReLUs of these numbers pass everything."""

    class Open(Slips):
        def relu(self, number, dout, z):
            return dout if number in numbers else super().relu(number, dout, z)

    return lambda right, x, labels, params: Open(right).back(x, labels, params)


@lenet_backward.mistake(
    "On the way back you skip the ReLU behind the first convolution: its gradient passes where its input was positive.",
    RELU,
)
def skips_the_first_relu_on_the_way_back(right, x, labels, params):
    return without_masks(0)(right, x, labels, params)


@lenet_backward.mistake(
    "On the way back you skip the ReLU behind the second convolution: its gradient passes where its input was positive.",
    RELU,
)
def skips_the_second_relu_on_the_way_back(right, x, labels, params):
    return without_masks(1)(right, x, labels, params)


@lenet_backward.mistake(
    "On the way back you skip the ReLU behind the first fully connected layer: its gradient passes where its input was "
    "positive.",
    RELU,
)
def skips_the_third_relu_on_the_way_back(right, x, labels, params):
    return without_masks(2)(right, x, labels, params)


@lenet_backward.mistake(
    "On the way back you skip the ReLU behind the second fully connected layer: its gradient passes where its input was "
    "positive.",
    RELU,
)
def skips_the_fourth_relu_on_the_way_back(right, x, labels, params):
    return without_masks(3)(right, x, labels, params)


@lenet_backward.mistake(
    "On the way back you skip the ReLUs of the convolutions: the gradient passes where their inputs were positive.",
    RELU,
)
def skips_the_relus_of_the_convolutions_on_the_way_back(right, x, labels, params):
    return without_masks(0, 1)(right, x, labels, params)


@lenet_backward.mistake(
    "On the way back you skip the ReLUs of the fully connected layers: the gradient passes where their inputs were "
    "positive.",
    RELU,
)
def skips_the_relus_of_the_fully_connected_layers_on_the_way_back(right, x, labels, params):
    return without_masks(2, 3)(right, x, labels, params)


@lenet_backward.mistake(
    "On the way back you skip every ReLU: the gradient passes where the input of ReLU was positive, and stops elsewhere.",
    RELU,
)
def skips_every_relu_on_the_way_back(right, x, labels, params):
    return without_masks(0, 1, 2, 3)(right, x, labels, params)


@lenet_backward.mistake(
    "You apply ReLU to the gradients: what passes is decided by what went into ReLU on the way forwards.",
    RELU,
)
def applies_relu_to_the_gradients(right, x, labels, params):
    class Rectified(Slips):
        def relu(self, number, dout, z):
            return np.maximum(dout, 0)

    return Rectified(right).back(x, labels, params)


@lenet_backward.mistake(
    "Max pooling's gradient is shared evenly, as by average pooling: the maximum of each window gets all of it.",
    MAX,
)
def spreads_the_gradient_over_each_window(right, x, labels, params):
    class Even(Slips):
        def pool(self, dout, x):
            dx = np.zeros(x.shape)
            even = dout.repeat(2, axis=2).repeat(2, axis=3) / 4
            dx[:, :, : even.shape[2], : even.shape[3]] = even
            return dx

    return Even(right).back(x, labels, params)


@lenet_backward.mistake(
    "Every cell of a window gets the whole gradient of max pooling: only its maximum does.", MAX
)
def copies_the_gradient_to_each_window(right, x, labels, params):
    class Copied(Slips):
        def pool(self, dout, x):
            dx = np.zeros(x.shape)
            whole_windows = dout.repeat(2, axis=2).repeat(2, axis=3)
            dx[:, :, : whole_windows.shape[2], : whole_windows.shape[3]] = whole_windows
            return dx

    return Copied(right).back(x, labels, params)


@lenet_backward.mistake(
    "The gradients are sums over the batch: the loss is a mean, and its 1/N belongs into the gradient of the logits.",
    SOFTMAX,
)
def forgets_the_mean_in_the_gradients(right, x, labels, params):
    loss, *gradients = gradients_of(x, labels, params)
    return [loss, *(len(x) * g for g in gradients)]


@lenet_backward.mistake(
    "The gradients are divided by N once more: the gradient of the logits holds the mean already.", ABOVE
)
def divides_the_gradients_by_the_batch_again(right, x, labels, params):
    loss, *gradients = gradients_of(x, labels, params)
    return [loss, *(g / len(x) for g in gradients)]


@lenet_backward.mistake(
    "You divide dw3 to db5 by N, and the gradient of the logits holds the mean already: add up there.", ABOVE
)
def divides_the_fully_connected_gradients_by_the_batch_again(right, x, labels, params):
    results = gradients_of(x, labels, params)
    return [*results[:5], *(g / len(x) for g in results[5:])]


@lenet_backward.mistake(
    "The biases' gradients are means over the batch: the gradient of the logits holds the mean already, so sum.",
    BIAS,
)
def averages_the_gradients_of_the_biases(right, x, labels, params):
    class Averaged(Slips):
        def bias(self, dout):
            return dout.mean(axis=0)

    return Averaged(right).back(x, labels, params)


@lenet_backward.mistake("The loss is the sum over the batch: it is the mean, as its gradients are.", SOFTMAX)
def adds_the_loss_up(right, x, labels, params):
    loss, *gradients = gradients_of(x, labels, params)
    return [loss * len(x), *gradients]


@lenet_backward.mistake("Loss and gradients are sums over the batch: both are means.", SOFTMAX)
def adds_everything_up(right, x, labels, params):
    return [len(x) * result for result in gradients_of(x, labels, params)]


@lenet_backward.mistake(
    "The gradients are divided by the number of classes: the mean is over the images of the batch.", SOFTMAX
)
def divides_by_the_number_of_classes(right, x, labels, params):
    loss, *gradients = gradients_of(x, labels, params)
    return [loss, *(g * len(x) / len(params[-1]) for g in gradients)]


@lenet_backward.mistake(
    "All gradients have the wrong sign: that of the logits is probabilities minus truth.", SOFTMAX
)
def turns_the_sign_around(right, x, labels, params):
    loss, *gradients = gradients_of(x, labels, params)
    return [loss, *(-g for g in gradients)]


@lenet_backward.mistake(
    "The loss has the wrong sign: cross-entropy is minus the logarithm of a probability, so it is positive.",
    SOFTMAX,
)
def turns_the_sign_of_the_loss(right, x, labels, params):
    loss, *gradients = gradients_of(x, labels, params)
    return [-loss, *gradients]


@lenet_backward.mistake(
    "The gradient of the logits lacks the truth: subtract 1 at the label of each image.", SOFTMAX
)
def does_not_subtract_the_truth(right, x, labels, params):
    def sums(logits, labels):
        return torch.logsumexp(logits, 1).mean()

    return [gradients_of(x, labels, params)[0], *gradients_of(x, labels, params, loss=sums)[1:]]


@lenet_backward.mistake(
    "Softmax is taken twice: cross_entropy has it inside, so give it the logits.", SOFTMAX
)
def takes_softmax_twice(right, x, labels, params):
    return gradients_of(x, labels, params, last=lambda logits: torch.softmax(logits, 1))


@lenet_backward.mistake(
    "A ReLU stands behind the last layer: the loss takes the logits as they are.", OUTPUTS
)
def puts_relu_behind_the_logits(right, x, labels, params):
    return gradients_of(x, labels, params, last=torch.relu)


@lenet_backward.mistake(
    "You count the labels from 1: they count from 0, and are the columns of the logits.", SOFTMAX
)
def counts_the_labels_from_one(right, x, labels, params):
    return gradients_of(x, (labels - 1) % len(params[-1]), params)


@lenet_backward.mistake(
    "The forward pass of this function pools the average: it takes the maximum, as lenet_forward does.", PARTS
)
def pools_the_average_in_both_directions(right, x, labels, params):
    return gradients_of(x, labels, params, pool=functional.avg_pool2d)


@lenet_backward.mistake(
    "The forward pass of this function has no ReLU behind the convolutions: every hidden layer has one.",
    LAYERS,
)
def has_no_relu_behind_the_convolutions_in_both_directions(right, x, labels, params):
    return gradients_of(x, labels, params, idle=(0, 1))


@lenet_backward.mistake(
    "The forward pass of this function has no ReLU behind the fully connected layers: every hidden layer has one.",
    LAYERS,
)
def has_no_relu_behind_the_fully_connected_layers_in_both_directions(right, x, labels, params):
    return gradients_of(x, labels, params, idle=(2, 3))


@lenet_backward.mistake(
    "The forward pass of this function adds no biases to the fully connected layers: add b3, b4 and b5.",
    LAYERS,
)
def forgets_the_biases_on_the_way_forwards(right, x, labels, params):
    return gradients_of(x, labels, without_biases(params, 5, 7, 9))


@lenet_backward.mistake(
    "The gradient of the flat layer gets its shape back with the channels last: give it the shape that the pooled "
    "maps had, (N, F2, rows, columns).",
    C3,
)
def unflattens_channels_last(right, x, labels, params):
    class ChannelsLast(Slips):
        def unflatten(self, dout, shape):
            n, f, rows, columns = shape
            return dout.reshape(n, rows, columns, f).transpose(0, 3, 1, 2)

    return ChannelsLast(right).back(x, labels, params)


@lenet_backward.mistake(
    "dw3, dw4 and dw5 come out transposed: the input comes first, `h.T @ dout`.", BACKWARD
)
def transposes_the_fully_connected_gradients(right, x, labels, params):
    loss, *gradients = gradients_of(x, labels, params)
    return [loss, *transposed(gradients)]


@lenet_backward.mistake(
    "On the way back the fully connected weights are not transposed: it is `dout @ w.T`.", BACKWARD
)
def does_not_transpose_the_weights_on_the_way_back(right, x, labels, params):
    class Straight(Slips):
        def below(self, dout, w):
            return dout @ w

    return Straight(right).back(x, labels, params)


@lenet_backward.mistake(
    "dw4 and dw5 use what went into ReLU: the layer's input is what came out of ReLU.", BACKWARD
)
def multiplies_by_the_units_before_relu(right, x, labels, params):
    class Before(Slips):
        def weight(self, number, a, z, dout):
            return (a if number == 3 else z).T @ dout

    return Before(right).back(x, labels, params)


@lenet_backward.mistake(
    "dw5 uses what went into ReLU: the last layer's input is what came out of ReLU.", BACKWARD
)
def multiplies_by_the_last_units_before_relu(right, x, labels, params):
    class Before(Slips):
        def weight(self, number, a, z, dout):
            return (z if number == 5 else a).T @ dout

    return Before(right).back(x, labels, params)


@lenet_backward.mistake(
    "db3, db4 and db5 are not summed over the batch: they have the shape of the biases.", BIAS
)
def does_not_sum_the_biases_over_the_batch(right, x, labels, params):
    class Unsummed(Slips):
        def bias(self, dout):
            return dout

    return Unsummed(right).back(x, labels, params)


@lenet_backward.mistake(
    "db3, db4 and db5 are summed over the units: sum over the batch, axis 0, so that each unit has its own.",
    BIAS,
)
def sums_the_biases_over_the_units(right, x, labels, params):
    class Across(Slips):
        def bias(self, dout):
            return dout.sum(axis=1)

    return Across(right).back(x, labels, params)


@lenet_backward.mistake(
    "db3, db4 and db5 keep the axis of the batch: they have the shape of the biases.", BIAS
)
def keeps_the_axis_of_the_batch(right, x, labels, params):
    class Kept(Slips):
        def bias(self, dout):
            return dout.sum(axis=0, keepdims=True)

    return Kept(right).back(x, labels, params)


@lenet_backward.mistake(
    "The gradients come from the last layer to the first: return them in the order of params.", BACKWARD
)
def returns_the_last_layer_first(right, x, labels, params):
    loss, *gradients = gradients_of(x, labels, params)
    pairs = [gradients[i : i + 2] for i in range(0, 10, 2)]
    return [loss, *(g for pair in reversed(pairs) for g in pair)]


@lenet_backward.mistake(
    "All dw come before all db: return them in the order of params, dw1, db1, dw2, db2 and so on.", BACKWARD
)
def returns_weights_before_biases(right, x, labels, params):
    loss, *gradients = gradients_of(x, labels, params)
    return [loss, *gradients[::2], *gradients[1::2]]


@lenet_backward.mistake(
    "Only six digits are right: some part computes in float32, PyTorch's default. Use float64.", AGREE
)
def finds_gradients_in_float32(right, x, labels, params):
    return gradients_of(x, labels, params, dtype=torch.float32)


@lenet_backward.mistake(
    "The gradients have the types of params: for integers their fractions are cut off. Make them with float64.",
    TYPES,
)
def cuts_the_gradients_to_the_types_of_the_params(right, x, labels, params):
    loss, *gradients = gradients_of(x, labels, params)
    return [loss, *(g.astype(p.dtype) for g, p in zip(gradients, params, strict=True))]


@lenet_backward.mistake(
    "You add a small number to the probability before the logarithm, or clip it: where the network is sure and wrong, "
    "that changes the loss. cross_entropy works with the logits and needs no such help.",
    SOFTMAX,
)
def props_the_probabilities_up(right, x, labels, params):
    _, *gradients = gradients_of(x, labels, params)
    logits = logits_of(x, params)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return [-np.mean(np.log(p[np.arange(len(x)), labels] + 1e-8)), *gradients]


# overfit and train_lenet

KINDS = (0, 1, 3, 5, 7, 8, 9)  # labels of Fashion-MNIST without those that are hard to tell apart


def fifty_cases(rng: Rng) -> Iterator[Case]:
    train = load("fashion_mnist")
    for group in ("their own labels", "labels drawn at random"):
        images = train.images[(chosen := rng.permutation(len(train.images))[:50])]
        labels = train.labels[chosen] if group == "their own labels" else rng.integers(0, 10, 50)
        order = rng.permutation(50)
        inputs = {"images": images, "labels": labels, "again": images[order]}
        yield Case(group, inputs, seconds=40, truth=labels[order], accuracy=1.0)


def nearest(images: Array, labels: Array, new: Array) -> Array:
    """Return the label of the image that is nearest to each new one."""
    old, new = (part.reshape(len(part), -1).astype(float) for part in (images, new))
    distances = (old**2).sum(axis=1) - 2 * new @ old.T
    return np.asarray(labels[distances.argmin(axis=1)])


overfit = Task(
    "overfit",
    {"their own labels": 2, "labels drawn at random": 2},
    fifty_cases,
    returns=("labels",),
    forbids=WITHOUT_LABELS,
)


def moved(rng: Rng, images: Array) -> Array:
    """Move each image by up to 4 pixels in each direction, and mirror every other one."""
    padded = np.pad(images, ((0, 0), (0, 0), (4, 4), (4, 4)))
    corners = rng.integers(0, 9, (len(images), 2))
    found = [image[:, i : i + 28, j : j + 28] for image, (i, j) in zip(padded, corners, strict=True)]
    return np.stack([image[:, :, ::-1] if n % 2 else image for n, image in enumerate(found)])


def clothes(rng: Rng, split: str, each: int) -> tuple[Array, Array]:
    """Draw so many images of each kind, in random order, with labels from 0."""
    data = load("fashion_mnist", split)
    of_kind = [rng.permutation(np.flatnonzero(data.labels == kind))[:each] for kind in KINDS]
    chosen = rng.permutation(np.concatenate(of_kind))
    return moved(rng, data.images[chosen]), np.searchsorted(KINDS, data.labels[chosen])


def clothes_cases(rng: Rng) -> Iterator[Case]:
    (images, labels), (new_images, truth) = clothes(rng, "train", 140), clothes(rng, "test", 60)
    inputs = {"images": images, "labels": labels, "new_images": new_images}
    yield Case("new images", inputs, seconds=60, truth=truth, accuracy=0.77)


train_lenet = Task(
    "train_lenet",
    {"new images": 6},
    clothes_cases,
    returns=("labels",),
    forbids=WITHOUT_LABELS,
)


# LeNet

USUAL = "the usual sizes"
OTHERS = "other channels, filters, units and classes"
IMAGES = "other image sizes"


def module_case(rng: Rng, group: str, *sizes: Any) -> Case:
    count, channels, size, filters, hidden, classes = sizes
    arguments = {"in_channels": channels, "filters": filters, "hidden": hidden}
    arguments |= {"num_classes": classes, "image_size": size}
    seed = int(rng.integers(2**31))
    return Case(group, {**arguments, "x": numbers(rng, count, channels, *size), "seed": seed})


def module_cases(rng: Rng) -> Iterator[Case]:
    x, seed = numbers(rng, 1, 1, 28, 28), int(rng.integers(2**31))
    yield Case(USUAL, {"x": x, "seed": seed})
    yield module_case(rng, OTHERS, 3, 1, (28, 28), (3, 4), (9, 7), 5)
    yield module_case(rng, OTHERS, 2, 3, (28, 28), (5, 2), (6, 8), 12)
    yield module_case(rng, IMAGES, 3, 1, (12, 12), (4, 6), (5, 7), 3)
    yield module_case(rng, IMAGES, 2, 2, (16, 21), (3, 5), (8, 6), 4)
    yield module_case(rng, IMAGES, 3, 1, (26, 13), (2, 4), (7, 5), 6)


def module_hidden(rng: Rng) -> Iterator[Case]:
    yield module_case(rng, OTHERS, 2, 2, (28, 28), (7, 3), (11, 5), 9)
    for _ in range(2):
        count, channels, size, *others = any_sizes(rng)
        size = (size[0] + int(rng.integers(0, 12)), size[1])
        yield module_case(rng, IMAGES, 1 + count, channels, size, *others)


class Bare(nn.Module):
    """The oracle: parameters of its own, and torch's functions."""

    def __init__(self, shapes: Sequence[tuple[int, ...]]) -> None:
        super().__init__()
        self.own = nn.ParameterList([nn.Parameter(torch.zeros(shape)) for shape in shapes])

    def forward(self, x):
        return forwards(x, [p.T if p.ndim == 2 else p for p in self.own])


def bare(in_channels=1, filters=(6, 16), hidden=(120, 84), num_classes=10, image_size=(28, 28)):
    shapes = sized(in_channels, *image_size, filters, hidden, num_classes)
    return Bare([shape[::-1] if len(shape) == 2 else shape for shape in shapes])


lenet_module = Task(
    "LeNet",
    {USUAL: 2, OTHERS: 2, IMAGES: 2},
    module_cases,
    returns=("parameters", "output", "gradients"),
    shares={"parameters": 1.0, "output": 2.0, "gradients": 1.0},
    probe="module",
    oracle=bare,
    hidden=module_hidden,
    forbids=READY_MADE,
)


class Wrong(nn.Module):
    """LeNet-5 with parts exchanged; its parts are made by the functions that a subclass overrides."""

    padding = (2, 0)
    kernel_size = 5
    strides = 1
    conv_bias = linear_bias = True
    acts: tuple[Callable[[Any], Any], ...] = (torch.relu,) * 4
    pool: Callable[[Any, Any], Any] = staticmethod(functional.max_pool2d)
    last: Callable[[Any], Any] = staticmethod(lambda logits: logits)
    flat: Callable[[Any], Any] = staticmethod(row_by_row)

    def __init__(
        self, in_channels=1, filters=(6, 16), hidden=(120, 84), num_classes=10, image_size=(28, 28)
    ) -> None:
        super().__init__()
        options = {"stride": self.strides, "bias": self.conv_bias}
        self.conv1 = nn.Conv2d(in_channels, filters[0], self.kernel_size, padding=self.padding[0], **options)
        self.conv2 = nn.Conv2d(filters[0], filters[1], self.kernel_size, padding=self.padding[1], **options)
        self.norms = nn.ModuleList(self.norm(n) for n in filters)
        self.linears = nn.ModuleList(
            nn.Linear(inputs, units, bias=self.linear_bias)
            for inputs, units in self.sizes(self.features(filters, image_size), hidden, num_classes)
        )

    def norm(self, filters: int) -> nn.Module:
        return nn.Identity()

    def features(self, filters, image_size) -> int:
        """Return how many numbers are left, found by running the convolutions once."""
        with torch.no_grad():
            return self.flat(self.maps(torch.zeros(1, self.conv1.in_channels, *image_size))).shape[1]

    def sizes(self, features, hidden, classes):
        return zip((features, *hidden), (*hidden, classes), strict=True)

    def maps(self, x):
        x = self.pool(self.acts[0](self.norms[0](self.conv1(x))), 2)
        return self.pool(self.acts[1](self.norms[1](self.conv2(x))), 2)

    def forward(self, x):
        x = self.flat(self.maps(x))
        for act, linear in zip(self.acts[2:], self.linears[:-1], strict=False):
            x = act(linear(x))
        return self.last(self.linears[-1](x))


def straight(x):
    return x


@lenet_module.mistake("The first convolution has no padding: it pads by 2.", PADDING)
def does_not_pad(right, *arguments):
    class Unpadded(Wrong):
        padding = (0, 0)

    return Unpadded(*arguments)


@lenet_module.mistake("The second convolution is padded too: only the first one is.", PADDING)
def pads_both_convolutions(right, *arguments):
    class Padded(Wrong):
        padding = (2, 2)

    return Padded(*arguments)


@lenet_module.mistake("The padding is in the second convolution: it belongs into the first.", PADDING)
def pads_the_second_convolution(right, *arguments):
    class Second(Wrong):
        padding = (0, 2)

    return Second(*arguments)


@lenet_module.mistake("The kernels are 3 by 3: those of LeNet-5 are 5 by 5.", NET)
def has_kernels_of_three(right, *arguments):
    class Small(Wrong):
        kernel_size = 3

    return Small(*arguments)


@lenet_module.mistake("You take the average of each window: today's LeNet-5 takes the maximum.", PARTS)
def takes_the_average_of_windows(right, *arguments):
    class Averaging(Wrong):
        pool = staticmethod(functional.avg_pool2d)

    return Averaging(*arguments)


@lenet_module.mistake(
    "The convolutions have a stride of 2 in place of pooling: stride 1, and max pooling behind each.", NET
)
def strides_in_place_of_pooling(right, *arguments):
    class Striding(Wrong):
        strides = 2
        pool = staticmethod(lambda x, size: x)

    return Striding(*arguments)


@lenet_module.mistake("The convolutions have no ReLU: there is one behind each of them.", LAYERS)
def leaves_out_the_relus_of_the_convolutions(right, *arguments):
    class Linear(Wrong):
        acts = (straight, straight, torch.relu, torch.relu)

    return Linear(*arguments)


@lenet_module.mistake("The hidden fully connected layers have no ReLU: there is one behind each.", LAYERS)
def leaves_out_the_relus_of_the_fully_connected_layers(right, *arguments):
    class Linear(Wrong):
        acts = (torch.relu, torch.relu, straight, straight)

    return Linear(*arguments)


@lenet_module.mistake(
    "There is no ReLU between the two hidden fully connected layers: every layer but the last has one.",
    LAYERS,
)
def leaves_out_the_third_relu(right, *arguments):
    class Linear(Wrong):
        acts = (torch.relu, torch.relu, straight, torch.relu)

    return Linear(*arguments)


@lenet_module.mistake(
    "There is no ReLU before the last layer: every layer but the last has one behind it.", LAYERS
)
def leaves_out_the_fourth_relu(right, *arguments):
    class Linear(Wrong):
        acts = (torch.relu, torch.relu, torch.relu, straight)

    return Linear(*arguments)


@lenet_module.mistake("There is no ReLU at all: every layer but the last has one behind it.", LAYERS)
def leaves_out_every_relu(right, *arguments):
    class Linear(Wrong):
        acts = (straight,) * 4

    return Linear(*arguments)


@lenet_module.mistake("The activation is tanh, as in 1998: today's LeNet-5 has ReLU.", PARTS)
def has_tanh_for_relu(right, *arguments):
    class Tanh(Wrong):
        acts = (torch.tanh,) * 4

    return Tanh(*arguments)


@lenet_module.mistake("The activation is the logistic function: today's LeNet-5 has ReLU.", PARTS)
def has_the_logistic_function_for_relu(right, *arguments):
    class Logistic(Wrong):
        acts = (torch.sigmoid,) * 4

    return Logistic(*arguments)


@lenet_module.mistake("A ReLU stands behind the last layer: the output is the logits.", OUTPUTS)
def rectifies_the_logits(right, *arguments):
    class Rectified(Wrong):
        last = staticmethod(torch.relu)

    return Rectified(*arguments)


@lenet_module.mistake(
    "A softmax stands at the end: the output is the logits, and softmax comes with the loss.", OUTPUTS
)
def ends_in_softmax(right, *arguments):
    class Softmax(Wrong):
        last = staticmethod(lambda logits: torch.softmax(logits, 1))

    return Softmax(*arguments)


@lenet_module.mistake("A log-softmax stands at the end: the output is the logits.", OUTPUTS)
def ends_in_log_softmax(right, *arguments):
    class LogSoftmax(Wrong):
        last = staticmethod(lambda logits: torch.log_softmax(logits, 1))

    return LogSoftmax(*arguments)


@lenet_module.mistake("The convolutions have no bias: leave bias=False out.", COUNTS)
def gives_the_convolutions_no_bias(right, *arguments):
    class Unbiased(Wrong):
        conv_bias = False

    return Unbiased(*arguments)


@lenet_module.mistake("The fully connected layers have no bias: leave bias=False out.", COUNTS)
def gives_the_fully_connected_layers_no_bias(right, *arguments):
    class Unbiased(Wrong):
        linear_bias = False

    return Unbiased(*arguments)


@lenet_module.mistake("There is batch normalisation behind the convolutions: this network has none.", COUNTS)
def normalises_batches(right, *arguments):
    class Normalised(Wrong):
        def norm(self, filters):
            return nn.BatchNorm2d(filters)

    return Normalised(*arguments)


@lenet_module.mistake(
    "A hidden layer is missing: there are two between the maps and the logits, with hidden[0] and hidden[1] units.",
    NET,
)
def leaves_out_a_hidden_layer(right, *arguments):
    class Shallow(Wrong):
        def sizes(self, features, hidden, classes):
            return [(features, hidden[0]), (hidden[0], classes)]

    return Shallow(*arguments)


@lenet_module.mistake("The hidden layers are exchanged: hidden[0] units come first, hidden[1] second.", NET)
def exchanges_the_hidden_layers(right, *arguments):
    class Exchanged(Wrong):
        def sizes(self, features, hidden, classes):
            return super().sizes(features, hidden[::-1], classes)

    return Exchanged(*arguments)


@lenet_module.mistake(
    "The numbers of filters are exchanged: filters[0] is of the first convolution, filters[1] of the second.",
    NET,
)
def exchanges_the_filters(right, in_channels=1, filters=(6, 16), *arguments):
    return Wrong(in_channels, filters[::-1], *arguments)


@lenet_module.mistake(
    "You average each map to one number before the fully connected layers: here they see all of its places.",
    C3,
)
def averages_the_maps(right, *arguments):
    class Global(Wrong):
        flat = staticmethod(lambda maps: maps.mean((2, 3)))

    return Global(*arguments)


@lenet_module.mistake("The channels come last when you flatten: leave the order of the axes as it is.", C3)
def flattens_the_channels_last(right, *arguments):
    class ChannelsLast(Wrong):
        flat = staticmethod(channels_last)

    return ChannelsLast(*arguments)


@lenet_module.mistake(
    "The number of inputs of the first fully connected layer is written down, 16 · 5 · 5 or 400: compute it from "
    "filters and image_size.",
    COUNTS,
)
def has_four_hundred_features(right, *arguments):
    class Fixed(Wrong):
        def features(self, filters, image_size):
            return 400

    return Fixed(*arguments)


@lenet_module.mistake(
    "Only images of 28 by 28 fit: you count on 5 by 5 places behind the second pooling. Compute them from image_size.",
    COUNTS,
)
def counts_on_five_by_five_places(right, *arguments):
    class Fixed(Wrong):
        def features(self, filters, image_size):
            return filters[1] * 25

    return Fixed(*arguments)


@lenet_module.mistake(
    "You take the images for square: image_size has rows and columns, and both count.", COUNTS
)
def takes_images_for_square(right, *arguments):
    class Square(Wrong):
        def features(self, filters, image_size):
            return super().features(filters, (image_size[0], image_size[0]))

    return Square(*arguments)


@lenet_module.mistake(
    "The places behind the second pooling are rounded up, or half a place is kept: // rounds down after each halving.",
    COUNTS,
)
def halves_once_at_the_end(right, *arguments):
    class Late(Wrong):
        def features(self, filters, image_size):
            rows, columns = (size // 4 - 1 for size in image_size)
            return filters[1] * rows * columns

    return Late(*arguments)


@lenet_module.mistake("The number of classes is always 10: it is num_classes.", NET)
def has_ten_classes(right, *arguments):
    class Ten(Wrong):
        def sizes(self, features, hidden, classes):
            return super().sizes(features, hidden, 10)

    return Ten(*arguments)


@lenet_module.mistake("The first convolution takes one channel always: it takes in_channels.", NET)
def takes_one_channel(right, in_channels=1, *arguments):
    return Wrong(1, *arguments)


# sgd_in_torch

STEP = "one step"
STEPS = "several steps"
MOMENTUM = "momentum"


def sgd_cases(rng: Rng) -> Iterator[Case]:
    def case(
        group: str, inputs: dict[str, Any], rate: float, momentum: float, steps: int, **more: Any
    ) -> Case:
        settings = {"learning_rate": rate, "momentum": momentum, "steps": steps}
        return Case(group, with_labels(rng, inputs) | settings, **more)

    yield case(STEP, network(rng, *EQUAL), 0.25, 0.0, 1)
    yield case(STEPS, network(rng, 3, 1, (16, 21), (2, 2), (4, 5), 3), 0.125, 0.0, 3)
    yield case(MOMENTUM, network(rng, 2, 3, (12, 12), (2, 3), (4, 5), 3), 0.0625, 0.75, 4)
    types = TYPES_AND_LAYOUTS
    yield case(types, with_integers(rng, 2, 1, (12, 12), (2, 3), (3, 4), 3), 0.1, 0.0, 1)
    yield case(types, in_float32(network(rng, 2, 1, (12, 12), (2, 3), (4, 3), 3)), 0.1, 0.5, 2)
    far = far_out(rng, 2, 1, (12, 12), (2, 2), (4, 3), 3)
    yield case(types, far, 2.0**-20, 0.0, 1, strided=True)


def sgd_hidden(rng: Rng) -> Iterator[Case]:
    for group, momentum, steps in ((STEPS, 0.0, 2), (MOMENTUM, 0.5, 3)):
        inputs = with_labels(rng, network(rng, *any_sizes(rng)))
        yield Case(group, inputs | {"learning_rate": 0.05, "momentum": momentum, "steps": steps})


def descend(
    x: Array,
    labels: Array,
    params: Params,
    learning_rate: float,
    momentum: float,
    steps: int,
    *,
    damped: float = 0.0,
    nesterov: bool = False,
    decay: float = 0.0,
    forget: bool = True,
    frozen: Sequence[int] = (),
    **changes: Any,
) -> list[Array]:
    """Walk downhill with the formula written out, and with one thing changed."""
    weights = [np.array(p, dtype=np.float64) for p in params]
    speeds = [np.zeros(p.shape) for p in params]
    kept = [np.zeros(p.shape) for p in params]
    for _ in range(steps):
        gradients = gradients_of(x, labels, weights, **changes)[1:]
        for i, gradient in enumerate(gradients):
            if i in frozen:
                continue
            kept[i] = gradient + (0 if forget else kept[i])
            g = kept[i] + decay * weights[i]
            speeds[i] = momentum * speeds[i] + (1 - damped) * g
            weights[i] = weights[i] - learning_rate * (g + momentum * speeds[i] if nesterov else speeds[i])
    return weights


sgd_in_torch = Task(
    "sgd_in_torch",
    {STEP: 2, STEPS: 1, MOMENTUM: 1.5, TYPES_AND_LAYOUTS: 1.5},
    sgd_cases,
    returns=("params",),
    probe="list",
    oracle=descend,
    hidden=sgd_hidden,
    forbids=READY_MADE,
)


def straight_in(params: Params) -> Params:
    """Return params as a network sees them whose fully connected weights were copied without transposing."""
    for p in params:
        if p.ndim == 2 and p.shape[0] != p.shape[1]:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    return transposed(params)


@sgd_in_torch.mistake(
    "The fully connected weights are not transposed on the way in: PyTorch keeps a row for each unit, so it is `array.T`.",
    AGREE,
)
def does_not_transpose_on_the_way_in(right, x, labels, params, *settings):
    trained = descend(x, labels, straight_in(params), *settings)
    return transposed(transposed(trained))


@sgd_in_torch.mistake(
    "The fully connected weights are not transposed at all: PyTorch keeps a row for each unit, so transpose on the way in "
    "and on the way back.",
    AGREE,
)
def does_not_transpose_at_all(right, x, labels, params, *settings):
    return transposed(descend(x, labels, straight_in(params), *settings))


@sgd_in_torch.mistake(
    "The fully connected weights are not transposed on the way back: params have a row for each input.", AGREE
)
def does_not_transpose_on_the_way_back(right, x, labels, params, *settings):
    return transposed(descend(x, labels, params, *settings))


@sgd_in_torch.mistake(
    "The caller's arrays change: torch.from_numpy shares their memory, and training writes into it. Carry copies in.",
    AGREE,
)
def shares_memory_with_the_caller(right, x, labels, params, *settings):
    trained = descend(x, labels, params, *settings)
    for array, new in zip(params, trained, strict=True):
        if array.dtype == np.float64:
            array[...] = new
    return trained


@sgd_in_torch.mistake(
    "The old gradients stay: PyTorch adds to what is there, so call zero_grad in every step.", LOOP
)
def forgets_zero_grad(right, *arguments):
    return descend(*arguments, forget=False)


@sgd_in_torch.mistake(
    "Momentum has no effect: give it to the optimizer, and make that once, before the loop, since it remembers v.",
    LOOP,
)
def loses_the_momentum(right, x, labels, params, learning_rate, momentum, steps):
    return descend(x, labels, params, learning_rate, 0.0, steps)


@sgd_in_torch.mistake(
    "The gradient is multiplied by 1 - momentum: PyTorch's SGD adds it whole, so leave dampening at 0.",
    DESCENT,
)
def dampens_the_gradient(right, x, labels, params, learning_rate, momentum, steps):
    return descend(x, labels, params, learning_rate, momentum, steps, damped=momentum)


@sgd_in_torch.mistake("The momentum is Nesterov's: leave nesterov at its default.", DESCENT)
def takes_the_momentum_of_nesterov(right, *arguments):
    return descend(*arguments, nesterov=True)


@sgd_in_torch.mistake("The weights decay: leave weight_decay at its default, 0.", DESCENT)
def lets_the_weights_decay(right, *arguments):
    return descend(*arguments, decay=5e-4)


@sgd_in_torch.mistake("You take one step: repeat it `steps` times.", LOOP)
def takes_one_step(right, x, labels, params, learning_rate, momentum, steps):
    return descend(x, labels, params, learning_rate, momentum, 1)


@sgd_in_torch.mistake("You take one step too many.", LOOP)
def takes_one_step_too_many(right, x, labels, params, learning_rate, momentum, steps):
    return descend(x, labels, params, learning_rate, momentum, steps + 1)


@sgd_in_torch.mistake("You take one step too few.", LOOP)
def takes_one_step_too_few(right, x, labels, params, learning_rate, momentum, steps):
    return descend(x, labels, params, learning_rate, momentum, steps - 1)


@sgd_in_torch.mistake(
    "Nothing has changed: does `step` come after `backward`, with no zero_grad between them, and do you return the "
    "network's parameters?",
    LOOP,
)
def changes_nothing(right, x, labels, params, *settings):
    return [np.array(p, dtype=np.float64) for p in params]


@sgd_in_torch.mistake("The learning rate is not used: give it to the optimizer, lr=learning_rate.", LOOP)
def forgets_the_learning_rate(right, x, labels, params, learning_rate, momentum, steps):
    return descend(x, labels, params, 0.001, momentum, steps)


@sgd_in_torch.mistake("You walk uphill: the loss is the cross-entropy itself, not its negative.", DESCENT)
def walks_uphill(right, x, labels, params, learning_rate, *settings):
    return descend(x, labels, params, -learning_rate, *settings)


@sgd_in_torch.mistake("The loss is a sum over the batch: it is the mean, cross_entropy's default.", SOFTMAX)
def descends_on_the_sum(right, *arguments):
    return descend(*arguments, loss=lambda logits, labels: loss_of(logits, labels) * len(logits))


@sgd_in_torch.mistake(
    "Softmax is taken twice: functional.cross_entropy has it inside, so the network ends in logits.", SOFTMAX
)
def gives_probabilities_to_the_loss(right, *arguments):
    return descend(*arguments, last=lambda logits: torch.softmax(logits, 1))


@sgd_in_torch.mistake("The optimizer is Adam: the task asks for torch.optim.SGD.", DESCENT)
def descends_with_adam(right, x, labels, params, learning_rate, momentum, steps):
    weights = [leaf.requires_grad_() for leaf in tensors(params)]
    optimizer = torch.optim.Adam(weights, lr=learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(forwards(tensors([x])[0], weights), labels).backward()
        optimizer.step()
    return [leaf.detach().numpy() for leaf in weights]


@sgd_in_torch.mistake("Only the last layer learns: give all of net.parameters() to the optimizer.", LOOP)
def trains_the_last_layer_only(right, *arguments):
    return descend(*arguments, frozen=range(8))


@sgd_in_torch.mistake("The biases do not learn: give all of net.parameters() to the optimizer.", LOOP)
def trains_no_biases(right, *arguments):
    return descend(*arguments, frozen=range(1, 10, 2))


@sgd_in_torch.mistake("You count the labels from 1: they count from 0, as cross_entropy takes them.", SOFTMAX)
def counts_labels_from_one(right, x, labels, params, *settings):
    return descend(x, (labels - 1) % len(params[-1]), params, *settings)


@sgd_in_torch.mistake("You return the gradients: the task asks for the parameters after the steps.", LOOP)
def returns_the_gradients(right, x, labels, params, learning_rate, momentum, steps):
    before = descend(x, labels, params, learning_rate, momentum, steps - 1)
    return gradients_of(x, labels, before)[1:]


@sgd_in_torch.mistake("All weights come before all biases: return them in the order of params.", AGREE)
def returns_all_weights_before_all_biases(right, *arguments):
    trained = descend(*arguments)
    return [*trained[::2], *trained[1::2]]


@sgd_in_torch.mistake(
    "The results have the types of params: for integers their fractions are cut off. Leave them float64.",
    TYPES,
)
def cuts_the_results_to_the_types_of_the_params(right, x, labels, params, *settings):
    trained = descend(x, labels, params, *settings)
    return [new.astype(p.dtype) for new, p in zip(trained, params, strict=True)]


@sgd_in_torch.mistake(
    "The forward pass has no ReLU behind the fully connected layers: it is the network of task 4.", LAYERS
)
def trains_without_the_relus_of_the_fully_connected_layers(right, *arguments):
    return descend(*arguments, idle=(2, 3))


@sgd_in_torch.mistake("The forward pass pools the average: it is the network of task 4.", PARTS)
def trains_with_average_pooling(right, *arguments):
    return descend(*arguments, pool=functional.avg_pool2d)


TASKS = (lenet_forward, lenet_backward, overfit, lenet_module, sgd_in_torch, train_lenet)
