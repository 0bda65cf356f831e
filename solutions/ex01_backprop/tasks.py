"""The tasks of ex01: for each one its cases, what they are worth, and the mistakes that learners make.

A mistake takes the reference's functions first, so that it says in a line or two what goes wrong. Oracles
import torch or SciPy themselves: it takes a second, and only a release needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from course_utils.check import NUMPY_ONLY, Case, Task
from course_utils.grading.inputs import TYPES_AND_LAYOUTS, Array, Rng, fine, numbers, whole

OUTPUTS = "01_feedforward_review#Output units"
COST = "01_feedforward_review#Cost functions"
FORWARD = "01_feedforward_review#The forward pass"
BACKWARD = "01_feedforward_review#The backward pass"
CHECKING = "01_feedforward_review#Checking a gradient"
DESCENT = "01_feedforward_review#Gradient descent"
NUMBER_TYPES = "03_convolution_layer#Number types"


# softmax


def softmax_cases(rng: Rng) -> Iterator[Case]:
    def case(group: str, logits: Array, strided: bool = False) -> Case:
        return Case(group, {"logits": logits}, strided)

    yield case("one row", numbers(rng, 1, 3))
    yield case("one row", numbers(rng, 1, 10))
    yield case("a batch", numbers(rng, 4, 3))
    yield case("a batch", numbers(rng, 2, 5))
    yield case("a batch", numbers(rng, 3, 3))
    large = "large logits"
    yield case(large, numbers(rng, 3, 4) + 1000)
    yield case(large, numbers(rng, 2, 3) - 1000)
    yield case(large, numbers(rng, 3, 5) + np.array([[900], [0], [-900]]))
    yield case(large, numbers(rng, 2, 4) + 20_000 * np.eye(2, 4))  # too large for long doubles too
    types = TYPES_AND_LAYOUTS
    yield case(types, whole(rng, 3, 4))
    yield case(types, numbers(rng, 2, 5).astype(np.float32))
    yield case(types, fine(rng, 3, 2))
    yield case(types, numbers(rng, 3, 4), strided=True)


def softmax_hidden(rng: Rng) -> Iterator[Case]:
    yield Case("a batch", {"logits": numbers(rng, 31, 7)})
    yield Case("large logits", {"logits": 500 * numbers(rng, 9, 11)})


def torch_softmax(logits):
    import torch

    return torch.softmax(torch.tensor(logits, dtype=torch.float64), dim=1).numpy()


softmax = Task(
    "softmax",
    {"one row": 0.5, "a batch": 0.5, "large logits": 0.5, TYPES_AND_LAYOUTS: 0.5},
    softmax_cases,
    oracle=torch_softmax,
    hidden=softmax_hidden,
    forbids=NUMPY_ONLY,
)


@softmax.mistake(
    "The exponentials of large logits overflow: subtract the largest logit of each row first, which changes nothing else.",
    OUTPUTS,
)
def overflows(right, logits):
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


@softmax.mistake(
    "You subtract the largest logit of the whole batch: in a row that lies far below it all exponentials become 0. "
    "Each row has a maximum of its own.",
    OUTPUTS,
)
def subtracts_the_maximum_of_the_batch(right, logits):
    powers = np.exp(logits - logits.max())
    return powers / powers.sum(axis=1, keepdims=True)


@softmax.mistake(
    "You sum over the examples: the probabilities of one example, along a row, add up to 1.", OUTPUTS
)
def normalises_the_columns(right, logits):
    return right.softmax(logits.T).T


@softmax.mistake(
    "You divide by the sum over the whole batch: every row has a sum of its own, so keep its axis with keepdims=True.",
    OUTPUTS,
)
def divides_by_the_sum_of_the_batch(right, logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum()


@softmax.mistake(
    "The sums lack their axis: (N, C) divided by (N,) pairs the sums with the columns. Keep the axis with keepdims=True.",
    OUTPUTS,
)
def divides_by_sums_without_their_axis(right, logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1)


@softmax.mistake(
    "The sums are those of the columns: sum along each row, with axis=1, and keep the axis, keepdims=True.",
    OUTPUTS,
)
def divides_by_the_sums_of_the_columns(right, logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=0)


@softmax.mistake(
    "Your result is transposed: each example is a row, (N, C). Sums with keepdims=True need no transpose.",
    OUTPUTS,
)
def leaves_the_result_transposed(right, logits):
    return right.softmax(logits).T


@softmax.mistake(
    "You clip the logits: all beyond the limit become equal, and so do their probabilities. Subtract the "
    "largest logit of each row, which changes no probability.",
    OUTPUTS,
)
def clips_the_logits(right, logits):
    return right.softmax(np.clip(logits, -500, 500))


@softmax.mistake("You do not divide: the exponentials of a row are to add up to 1.", OUTPUTS)
def does_not_divide_by_the_sum(right, logits):
    return np.exp(logits - logits.max(axis=1, keepdims=True))


@softmax.mistake(
    "You divide the logits themselves by their sum: take exponentials first, which are never negative.",
    OUTPUTS,
)
def forgets_the_exponential(right, logits):
    return logits / logits.sum(axis=1, keepdims=True)


@softmax.mistake("You raise 2 to the logits: the base of softmax is e, so use np.exp.", OUTPUTS)
def takes_powers_of_two(right, logits):
    return right.softmax(logits * np.log(2))


@softmax.mistake("The smallest logit gets the largest probability: the exponent has the wrong sign.", OUTPUTS)
def negates_the_exponent(right, logits):
    return right.softmax(-logits)


@softmax.mistake("You return the logarithms of the probabilities: return the probabilities.", OUTPUTS)
def returns_logarithms(right, logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@softmax.mistake(
    "You squash every logit by itself, with a sigmoid: softmax makes the logits of a row compete.", OUTPUTS
)
def takes_sigmoids(right, logits):
    return 1 / (1 + np.exp(-logits))


@softmax.mistake(
    "The result has the logits' type: for integers every probability is cut off to 0. Use float64.",
    NUMBER_TYPES,
)
def keeps_the_type_of_the_logits(right, logits):
    return right.softmax(logits).astype(logits.dtype)


@softmax.mistake(
    "You subtract the maximum in place, which changes the caller's logits: write `logits - ...`, not `logits -= ...`.",
    NUMBER_TYPES,
)
def subtracts_the_maximum_in_place(right, logits):
    logits -= logits.max(axis=1, keepdims=True)
    return right.softmax(logits)


# cross_entropy


def scores(rng: Rng, n: int, classes: int) -> dict[str, Array]:
    """Return logits (N, C) and their labels (N,), of which no two neighbours are equal."""
    steps = rng.integers(1, classes, n)
    return {"logits": numbers(rng, n, classes), "labels": np.cumsum(steps) % classes}


def confident(rng: Rng, n: int, classes: int, above: int = 1000) -> dict[str, Array]:
    """Return logits whose largest one, of another class than the label, lies far ``above`` the others."""
    inputs = scores(rng, n, classes)
    inputs["logits"][np.arange(n), (inputs["labels"] + rng.integers(1, classes, n)) % classes] += above
    return inputs


def cross_entropy_cases(rng: Rng) -> Iterator[Case]:
    yield Case("one example", scores(rng, 1, 3))
    yield Case("one example", scores(rng, 1, 6))
    yield Case("a batch", scores(rng, 4, 3))
    yield Case("a batch", scores(rng, 3, 5))
    yield Case("a batch", scores(rng, 3, 3))
    yield Case("a batch", scores(rng, 6, 4))
    yield Case("two classes, and ten", scores(rng, 5, 2))
    yield Case("two classes, and ten", scores(rng, 3, 10))
    sure = "confident and wrong"
    yield Case(sure, confident(rng, 1, 3))
    yield Case(sure, confident(rng, 4, 3))
    yield Case(sure, confident(rng, 2, 4, 20_000))  # rounds to 0 in long doubles too
    far = "logits far from zero"
    for n, classes, offset in ((3, 4, 1000), (2, 3, -1000)):
        inputs = scores(rng, n, classes)
        yield Case(far, inputs | {"logits": inputs["logits"] + offset})
    inputs = scores(rng, 3, 4)
    yield Case(far, inputs | {"logits": inputs["logits"] + np.array([[900], [0], [-900]])})
    types = TYPES_AND_LAYOUTS
    yield Case(types, scores(rng, 3, 4) | {"logits": whole(rng, 3, 4)})
    inputs = scores(rng, 4, 3)
    yield Case(types, inputs | {"labels": inputs["labels"].astype(np.uint8)})
    inputs = scores(rng, 2, 5)
    yield Case(types, inputs | {"logits": inputs["logits"].astype(np.float32)})
    yield Case(types, scores(rng, 3, 2) | {"logits": fine(rng, 3, 2)})
    yield Case(types, scores(rng, 3, 4), strided=True)
    inputs = scores(rng, 40, 10)  # more cells than uint8 can count
    yield Case(types, inputs | {"labels": inputs["labels"].astype(np.uint8)})


def cross_entropy_hidden(rng: Rng) -> Iterator[Case]:
    yield Case("a batch", scores(rng, 29, 7))
    yield Case("confident and wrong", confident(rng, 8, 5))


def torch_cross_entropy(logits, labels):
    import torch

    scores = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor(labels.astype(np.int64)))
    loss.backward()
    return loss.item(), scores.grad.numpy()


cross_entropy = Task(
    "cross_entropy",
    {
        "one example": 0.5,
        "a batch": 1,
        "two classes, and ten": 0.5,
        "confident and wrong": 0.5,
        "logits far from zero": 1,
        TYPES_AND_LAYOUTS: 0.5,
    },
    cross_entropy_cases,
    returns=("loss", "dlogits"),
    oracle=torch_cross_entropy,
    hidden=cross_entropy_hidden,
    forbids=NUMPY_ONLY,
)


def one_hot(logits: Array, labels: Array) -> Array:
    """Return an array (N, C) with a 1 at each label and 0 elsewhere."""
    return np.eye(logits.shape[1])[labels]


@cross_entropy.mistake(
    "You sum over the examples, in the loss and in the gradient: the loss is their mean, so divide both by N.",
    COST,
)
def sums_over_the_examples(right, logits, labels):
    loss, dlogits = right.cross_entropy(logits, labels)
    return loss * len(labels), dlogits * len(labels)


@cross_entropy.mistake(
    "The loss is a sum over the examples and your gradient that of the mean: divide the loss by N too.", COST
)
def sums_the_loss_only(right, logits, labels):
    loss, dlogits = right.cross_entropy(logits, labels)
    return loss * len(labels), dlogits


@cross_entropy.mistake(
    "The loss is right, and its gradient is not divided by N: the loss is a mean, so each example counts 1/N.",
    COST,
)
def forgets_the_mean_in_the_gradient(right, logits, labels):
    loss, dlogits = right.cross_entropy(logits, labels)
    return loss, dlogits * len(labels)


@cross_entropy.mistake(
    "You divide by N and by the number of classes: the mean is over the examples only.", COST
)
def means_over_the_classes_too(right, logits, labels):
    loss, dlogits = right.cross_entropy(logits, labels)
    return loss / logits.shape[1], dlogits / logits.shape[1]


@cross_entropy.mistake(
    "The loss is a mean over N * C numbers, of which all but one a row are 0: add up along the rows, and divide by N.",
    COST,
)
def means_the_loss_over_the_classes_too(right, logits, labels):
    loss, dlogits = right.cross_entropy(logits, labels)
    return loss / logits.shape[1], dlogits


@cross_entropy.mistake("You return a loss for each example: return their mean, one number.", COST)
def returns_a_loss_for_each_example(right, logits, labels):
    pairs = zip(logits, labels, strict=True)
    losses = [right.cross_entropy(row[None], label[None])[0] for row, label in pairs]
    return np.array(losses), right.cross_entropy(logits, labels)[1]


@cross_entropy.mistake(
    "The loss has lost its minus sign, as on the slides: logarithms of probabilities are negative, a loss is not.",
    COST,
)
def forgets_the_minus_sign(right, logits, labels):
    loss, dlogits = right.cross_entropy(logits, labels)
    return -loss, dlogits


@cross_entropy.mistake(
    "The loss is right and the gradient has the wrong sign: it is the probabilities minus the one-hot labels.",
    COST,
)
def negates_the_gradient(right, logits, labels):
    loss, dlogits = right.cross_entropy(logits, labels)
    return loss, -dlogits


@cross_entropy.mistake(
    "Your gradient is the probabilities alone: subtract 1 at each example's label, then divide by N.", COST
)
def does_not_subtract_the_labels(right, logits, labels):
    return right.cross_entropy(logits, labels)[0], right.softmax(logits) / len(labels)


@cross_entropy.mistake(
    "Your gradient is that with respect to the probabilities: go on through softmax to the logits.", COST
)
def stops_at_the_probabilities(right, logits, labels):
    loss = right.cross_entropy(logits, labels)[0]
    return loss, -one_hot(logits, labels) / right.softmax(logits) / len(labels)


@cross_entropy.mistake(
    "You subtract 1 from the labels: they count from 0 already, so label 0 means the first column.", COST
)
def counts_labels_from_one(right, logits, labels):
    return right.cross_entropy(logits, labels.astype(np.int64) - 1)


@cross_entropy.mistake(
    "You take the logarithm of the largest probability of each row: take that of the label, right or wrong.",
    COST,
)
def takes_the_largest_probability_for_the_label(right, logits, labels):
    return right.cross_entropy(logits, logits.argmax(axis=1))


@cross_entropy.mistake(
    "`p[:, labels]` takes the columns of all labels in every row: pair rows and labels with p[np.arange(N), labels].",
    COST,
)
def takes_the_columns_of_all_labels(right, logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    logarithms = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    dlogits = right.softmax(logits)
    dlogits[:, labels] -= 1
    return -logarithms[:, labels].mean(), dlogits / len(labels)


@cross_entropy.mistake(
    "You take softmax over the examples: the classes of one example compete, along its row.", OUTPUTS
)
def takes_softmax_along_the_columns(right, logits, labels):
    p = right.softmax(logits.T).T
    loss = -np.log(p[np.arange(len(labels)), labels]).mean()
    return loss, (p - one_hot(logits, labels)) / len(labels)


@cross_entropy.mistake(
    "A probability that rounds to 0 makes your loss infinite: its logarithm is the shifted logit minus the "
    "logarithm of the sum, and needs no probability.",
    COST,
)
def takes_the_logarithm_of_zero(right, logits, labels):
    p = right.softmax(logits)[np.arange(len(labels)), labels]
    return -np.log(p).mean(), right.cross_entropy(logits, labels)[1]


def adds_to_the_probabilities(what: str, number: float) -> None:
    """Add the mistake of a ``number``, called ``what``, inside the logarithm: it sets the largest loss."""

    def answer(right, logits, labels):
        p = right.softmax(logits)[np.arange(len(labels)), labels]
        return -np.log(p + number).mean(), right.cross_entropy(logits, labels)[1]

    answer.__name__ = f"adds_{what}_to_the_probabilities"
    cross_entropy.mistake(
        "You keep probabilities away from 0 with a small constant: then all very wrong answers cost the "
        "same. Compute the logarithm from the shifted logits.",
        COST,
    )(answer)


adds_to_the_probabilities("a_small_number", 1e-12)
for number in ("1e-6", "1e-7", "1e-8", "1e-9", "1e-10", "1e-15", "1e-16"):
    adds_to_the_probabilities(number, float(number))
adds_to_the_probabilities("eps", float(np.finfo(float).eps))


def clips_the_logits_at(limit: int) -> None:
    """Add the mistake of logits that are clipped at ``limit``: it is the largest loss that they can give."""

    def answer(right, logits, labels):
        return right.cross_entropy(np.clip(logits, -limit, limit), labels)

    answer.__name__ = f"clips_the_logits_at_{limit}"
    cross_entropy.mistake(
        "You clip the logits: all beyond the limit become equal. Subtract the largest logit of each row, "
        "which changes no probability.",
        OUTPUTS,
    )(answer)


for limit in (500, 50):
    clips_the_logits_at(limit)


@cross_entropy.mistake(
    "The exponentials of large logits overflow: subtract the largest logit of each row first.", OUTPUTS
)
def overflows_for_large_logits(right, logits, labels):
    return from_powers(np.exp(logits), labels)


def from_powers(powers: Array, labels: Array) -> tuple[Array, Array]:
    """Return loss and gradient by way of probabilities: ``powers`` (N, C) over the sums of their rows."""
    p = powers / powers.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(labels)), labels]).mean()
    return loss, (p - one_hot(powers, labels)) / len(labels)


THE_BATCH = (
    "You subtract the largest logit of the whole batch: in a row that lies far below it all exponentials "
    "become 0. Each row has a maximum of its own, logits.max(axis=1, keepdims=True)."
)


@cross_entropy.mistake(THE_BATCH, OUTPUTS)
def subtracts_the_maximum_of_the_batch_before_the_division(right, logits, labels):
    return from_powers(np.exp(logits - logits.max()), labels)


def logarithms_of_the_batch(logits: Array) -> Array:
    """Return log p (N, C) made with the maximum of the batch: inf where all exponentials of a row are 0."""
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


@cross_entropy.mistake(THE_BATCH, OUTPUTS)
def subtracts_the_maximum_of_the_batch_in_the_loss(right, logits, labels):
    loss = -logarithms_of_the_batch(logits)[np.arange(len(labels)), labels].mean()
    return loss, right.cross_entropy(logits, labels)[1]


@cross_entropy.mistake(THE_BATCH, OUTPUTS)
def subtracts_the_maximum_of_the_batch_before_the_logarithm(right, logits, labels):
    logarithms = logarithms_of_the_batch(logits)
    loss = -logarithms[np.arange(len(labels)), labels].mean()
    return loss, (np.exp(logarithms) - one_hot(logits, labels)) / len(labels)


@cross_entropy.mistake(THE_BATCH, OUTPUTS)
def subtracts_the_maximum_of_the_batch_in_loss_and_softmax(right, logits, labels):
    loss = -logarithms_of_the_batch(logits)[np.arange(len(labels)), labels].mean()
    return loss, from_powers(np.exp(logits - logits.max()), labels)[1]


@cross_entropy.mistake("You take logarithms to base 2: this loss uses the natural one, np.log.", COST)
def takes_logarithms_to_base_2(right, logits, labels):
    loss, dlogits = right.cross_entropy(logits, labels)
    return loss / np.log(2), dlogits


@cross_entropy.mistake("You take logarithms to base 10: this loss uses the natural one, np.log.", COST)
def takes_logarithms_to_base_10(right, logits, labels):
    loss, dlogits = right.cross_entropy(logits, labels)
    return loss / np.log(10), dlogits


@cross_entropy.mistake(
    "You forget the logarithm: the loss is the mean of -log p of the labels, not of -p.", COST
)
def forgets_the_logarithm(right, logits, labels):
    p = right.softmax(logits)[np.arange(len(labels)), labels]
    return -p.mean(), right.cross_entropy(logits, labels)[1]


@cross_entropy.mistake(
    "You count the other classes too, with log(1 - p): that is the loss of independent sigmoids. "
    "With softmax only the label's logarithm counts.",
    COST,
)
def counts_the_other_classes_too(right, logits, labels):
    p = np.clip(right.softmax(logits), 1e-12, 1 - 1e-12)
    targets = one_hot(logits, labels)
    terms = targets * np.log(p) + (1 - targets) * np.log(1 - p)
    return -terms.sum(axis=1).mean(), right.cross_entropy(logits, labels)[1]


@cross_entropy.mistake(
    "The gradient has the logits' type: for integers its fractions are cut off. Use float64.", NUMBER_TYPES
)
def keeps_the_type_of_the_logits_in_the_gradient(right, logits, labels):
    loss, dlogits = right.cross_entropy(logits, labels)
    return loss, dlogits.astype(logits.dtype)


FLAT = (
    "Your flat indices have the labels' type: n * C + label does not fit into uint8 once a batch is large. "
    "Make the labels int64 first, or index with p[np.arange(N), labels]."
)


@cross_entropy.mistake(FLAT, NUMBER_TYPES)
def counts_cells_in_the_type_of_the_labels(right, logits, labels):
    cells = (np.arange(len(labels)) * logits.shape[1] + labels).astype(labels.dtype)
    shifted = logits - logits.max(axis=1, keepdims=True)
    logarithms = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    dlogits = right.softmax(logits)
    dlogits.reshape(-1)[cells] -= 1
    return -logarithms.ravel()[cells].mean(), dlogits / len(labels)


@cross_entropy.mistake(FLAT, NUMBER_TYPES)
def counts_cells_one_by_one_in_the_type_of_the_labels(right, logits, labels):
    last = (len(labels) - 1) * logits.shape[1]
    if last > np.iinfo(labels.dtype).max:
        raise OverflowError(f"Python integer {last} out of bounds for {labels.dtype}")
    return right.cross_entropy(logits, labels)


@cross_entropy.mistake(
    "You subtract the maximum in place, which changes the caller's logits: write `logits - ...`, not `logits -= ...`.",
    NUMBER_TYPES,
)
def changes_the_logits(right, logits, labels):
    logits -= logits.max(axis=1, keepdims=True)
    return right.cross_entropy(logits, labels)


# mlp_forward


def network(rng: Rng, n: int, d: int, m: int) -> dict[str, Array]:
    """Return examples x (N, D) and weights w1 (D, M), w2 (M,), small enough that tanh does not saturate."""
    return {"x": numbers(rng, n, d), "w1": numbers(rng, d, m) / 4, "w2": numbers(rng, m)}


def mlp_forward_cases(rng: Rng) -> Iterator[Case]:
    yield Case("one example", network(rng, 1, 3, 2))
    yield Case("one example", network(rng, 1, 1, 4))
    yield Case("one example", network(rng, 1, 2, 1))
    yield Case("a batch", network(rng, 4, 3, 2))
    yield Case("a batch", network(rng, 3, 2, 5))
    yield Case("a batch", network(rng, 3, 3, 3))
    yield Case("a batch", network(rng, 5, 4, 1))
    large = "inputs of tanh that are large"
    inputs = network(rng, 4, 2, 3)
    yield Case(large, inputs | {"x": numbers(rng, 4, 2) + np.array([[80_000], [-80_000], [0], [80]])})
    types = TYPES_AND_LAYOUTS
    yield Case(types, network(rng, 3, 2, 4) | {"x": whole(rng, 3, 2)})
    yield Case(types, {"x": whole(rng, 4, 3), "w1": whole(rng, 3, 2), "w2": whole(rng, 2)})
    yield Case(types, {"x": fine(rng, 2, 3), "w1": fine(rng, 3, 2) / 4, "w2": fine(rng, 2)})
    inputs = network(rng, 3, 4, 3)
    yield Case(types, {name: array.astype(np.float32) for name, array in inputs.items()})
    yield Case(types, network(rng, 4, 2, 3), strided=True)


def mlp_forward_hidden(rng: Rng) -> Iterator[Case]:
    yield Case("a batch", network(rng, 17, 6, 11))
    yield Case("a batch", network(rng, 6, 2, 30))


def torch_mlp(x, w1, w2):
    import torch

    x, w1, w2 = (torch.tensor(array, dtype=torch.float64) for array in (x, w1, w2))
    z = torch.tanh(torch.nn.functional.linear(x, w1.T))
    return torch.mv(z, w2).numpy(), z.numpy()


mlp_forward = Task(
    "mlp_forward",
    {"one example": 0.5, "a batch": 0.5, "inputs of tanh that are large": 0.5, TYPES_AND_LAYOUTS: 0.5},
    mlp_forward_cases,
    returns=("y_hat", "z"),
    oracle=torch_mlp,
    hidden=mlp_forward_hidden,
    forbids=NUMPY_ONLY,
)


@mlp_forward.mistake(
    "The hidden units are linear: take the tanh of their inputs, or two layers do no more than one.", FORWARD
)
def leaves_tanh_out(right, x, w1, w2):
    z = x @ w1
    return z @ w2, z


@mlp_forward.mistake(
    "You take the tanh of the output too: this network's output is linear, so that it can be any number.",
    FORWARD,
)
def takes_the_tanh_of_the_output(right, x, w1, w2):
    y_hat, z = right.mlp_forward(x, w1, w2)
    return np.tanh(y_hat), z


@mlp_forward.mistake("The hidden units are sigmoids: this network uses np.tanh.", FORWARD)
def uses_sigmoids(right, x, w1, w2):
    z = 1 / (1 + np.exp(-(x @ w1)))
    return z @ w2, z


@mlp_forward.mistake("The hidden units are ReLUs: this network uses np.tanh.", FORWARD)
def uses_relus(right, x, w1, w2):
    z = np.maximum(x @ w1, 0)
    return z @ w2, z


@mlp_forward.mistake(
    "You return the inputs of tanh as `z`: the name is for what the hidden units put out, tanh(a).", FORWARD
)
def returns_the_inputs_of_tanh(right, x, w1, w2):
    return right.mlp_forward(x, w1, w2)[0], x @ w1


@mlp_forward.mistake("The results are in the other order: y_hat comes first, then z.", FORWARD)
def returns_z_first(right, x, w1, w2):
    return right.mlp_forward(x, w1, w2)[::-1]


@mlp_forward.mistake(
    "`y_hat` has a second axis: the output is one number an example, shape (N,). `z @ w2` gives that.",
    FORWARD,
)
def keeps_an_axis_of_one(right, x, w1, w2):
    y_hat, z = right.mlp_forward(x, w1, w2)
    return y_hat[:, None], z


@mlp_forward.mistake(
    "You transpose w1: w1[i, j] leads from input i to hidden unit j, so x @ w1 fits as it is.", FORWARD
)
def transposes_the_first_weights(right, x, w1, w2):
    return right.mlp_forward(x, w1.T, w2)


@mlp_forward.mistake(
    "You add the hidden units up without their weights: multiply each with its w2 first.", FORWARD
)
def leaves_the_second_weights_out(right, x, w1, w2):
    z = right.mlp_forward(x, w1, w2)[1]
    return z.sum(axis=1), z


@mlp_forward.mistake("You take the mean over the hidden units: the output is a sum over them.", FORWARD)
def takes_the_mean_over_the_hidden_units(right, x, w1, w2):
    y_hat, z = right.mlp_forward(x, w1, w2)
    return y_hat / len(w2), z


@mlp_forward.mistake(
    "The formula of tanh with exponentials overflows for large inputs, inf / inf: np.tanh does not.", FORWARD
)
def computes_tanh_by_its_formula(right, x, w1, w2):
    a = x @ w1
    z = (np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a))
    return z @ w2, z


@mlp_forward.mistake(
    "`z` has the type of `x`: for integer input the hidden units are cut off to -1, 0 and 1. Use float64.",
    NUMBER_TYPES,
)
def cuts_z_to_the_type_of_x(right, x, w1, w2):
    z = right.mlp_forward(x, w1, w2)[1].astype(x.dtype)
    return z @ w2, z


# mlp_backward


def examples(rng: Rng, n: int, d: int, m: int) -> dict[str, Array]:
    """Return examples x (N, D) with targets y (N,), and weights w1 (D, M), w2 (M,)."""
    inputs = network(rng, n, d, m)
    return {"x": inputs["x"], "y": numbers(rng, n), "w1": inputs["w1"], "w2": inputs["w2"]}


def mlp_backward_cases(rng: Rng) -> Iterator[Case]:
    yield Case("one example", examples(rng, 1, 3, 2))
    yield Case("one example", examples(rng, 1, 2, 4))
    yield Case("a batch", examples(rng, 4, 3, 2))
    yield Case("a batch", examples(rng, 3, 2, 5))
    yield Case("a batch", examples(rng, 6, 4, 3))
    equal = "as many inputs as hidden units"
    yield Case(equal, examples(rng, 1, 3, 3))
    yield Case(equal, examples(rng, 4, 3, 3))
    yield Case(equal, examples(rng, 2, 2, 2))
    single = "one input, one hidden unit"
    yield Case(single, examples(rng, 3, 1, 4))
    yield Case(single, examples(rng, 4, 3, 1))
    yield Case(single, examples(rng, 2, 1, 1))
    types = TYPES_AND_LAYOUTS
    inputs = examples(rng, 3, 3, 2)
    yield Case(types, inputs | {"x": whole(rng, 3, 3), "w1": inputs["w1"] / 4})
    yield Case(types, examples(rng, 4, 2, 3) | {"y": whole(rng, 4)})
    yield Case(types, examples(rng, 3, 2, 4) | {"w2": whole(rng, 4)})
    yield Case(types, examples(rng, 2, 3, 2) | {"x": numbers(rng, 2, 3) / 16, "w1": whole(rng, 3, 2)})
    yield Case(
        types, {"x": fine(rng, 2, 3), "y": fine(rng, 2), "w1": fine(rng, 3, 2) / 4, "w2": fine(rng, 2)}
    )
    inputs = examples(rng, 3, 4, 3)
    yield Case(types, {name: array.astype(np.float32) for name, array in inputs.items()})
    yield Case(types, examples(rng, 4, 2, 3), strided=True)


def mlp_backward_hidden(rng: Rng) -> Iterator[Case]:
    yield Case("a batch", examples(rng, 13, 5, 9))
    yield Case("as many inputs as hidden units", examples(rng, 8, 6, 6))


def torch_mlp_backward(x, y, w1, w2):
    import torch

    x, y = (torch.tensor(array, dtype=torch.float64) for array in (x, y))
    w1, w2 = (torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in (w1, w2))
    loss = torch.nn.functional.mse_loss(torch.tanh(x @ w1) @ w2, y) / 2
    return tuple(gradient.numpy() for gradient in torch.autograd.grad(loss, (w1, w2)))


mlp_backward = Task(
    "mlp_backward",
    {
        "one example": 1,
        "a batch": 2,
        "as many inputs as hidden units": 1,
        "one input, one hidden unit": 1,
        TYPES_AND_LAYOUTS: 1,
    },
    mlp_backward_cases,
    returns=("dw1", "dw2"),
    oracle=torch_mlp_backward,
    hidden=mlp_backward_hidden,
    forbids=NUMPY_ONLY,
)


def forward_and_error(right, x, y, w1, w2):
    """Return z (N, M) and what each example's output error contributes: (y_hat - y) / N."""
    y_hat, z = right.mlp_forward(x, w1, w2)
    return z, (y_hat - y) / len(y)


@mlp_backward.mistake(
    "You use (1 - z)^2, as the slides print it: the derivative of tanh is 1 - z^2.", BACKWARD
)
def uses_the_slides_derivative(right, x, y, w1, w2):
    z, error = forward_and_error(right, x, y, w1, w2)
    return x.T @ (np.outer(error, w2) * (1 - z) ** 2), z.T @ error


@mlp_backward.mistake(
    "You multiply delta_j with x_j, as the slides print it: the weight from input i to unit j needs x_i, "
    "for every pair of i and j.",
    BACKWARD,
)
def uses_x_j_for_x_i(right, x, y, w1, w2):
    z, error = forward_and_error(right, x, y, w1, w2)
    products = (x * (np.outer(error, w2) * (1 - z**2))).sum(axis=0)
    return np.tile(products, (x.shape[1], 1)), z.T @ error


@mlp_backward.mistake(
    "Both gradients have the wrong sign: the loss grows with y_hat - y, not with y - y_hat.", BACKWARD
)
def takes_y_minus_y_hat(right, x, y, w1, w2):
    dw1, dw2 = right.mlp_backward(x, y, w1, w2)
    return -dw1, -dw2


@mlp_backward.mistake(
    "dw2 has the wrong sign, as on the slides, which write (y - y_hat) z there: it is (y_hat - y) z.",
    BACKWARD,
)
def takes_y_minus_y_hat_for_the_second_weights(right, x, y, w1, w2):
    dw1, dw2 = right.mlp_backward(x, y, w1, w2)
    return dw1, -dw2


@mlp_backward.mistake(
    "You sum over the examples: the loss is their mean, so divide both gradients by N.", BACKWARD
)
def forgets_the_mean(right, x, y, w1, w2):
    dw1, dw2 = right.mlp_backward(x, y, w1, w2)
    return dw1 * len(y), dw2 * len(y)


@mlp_backward.mistake("dw2 is right and dw1 is a sum over the examples: divide it by N too.", BACKWARD)
def forgets_the_mean_in_dw1(right, x, y, w1, w2):
    dw1, dw2 = right.mlp_backward(x, y, w1, w2)
    return dw1 * len(y), dw2


@mlp_backward.mistake("dw1 is right and dw2 is a sum over the examples: divide it by N too.", BACKWARD)
def forgets_the_mean_in_dw2(right, x, y, w1, w2):
    dw1, dw2 = right.mlp_backward(x, y, w1, w2)
    return dw1, dw2 * len(y)


@mlp_backward.mistake(
    "dw2 is made from the hidden units' inputs a: the weight multiplies their outputs z = tanh(a).", BACKWARD
)
def uses_a_for_z(right, x, y, w1, w2):
    dw1, _ = right.mlp_backward(x, y, w1, w2)
    return dw1, (x @ w1).T @ forward_and_error(right, x, y, w1, w2)[1]


@mlp_backward.mistake(
    "dw1 lacks the derivative of tanh: on its way to a, the gradient is multiplied by 1 - z^2.", BACKWARD
)
def forgets_the_derivative_of_tanh(right, x, y, w1, w2):
    z, error = forward_and_error(right, x, y, w1, w2)
    return x.T @ np.outer(error, w2), z.T @ error


@mlp_backward.mistake(
    "dw1 lacks w2: on its way from the output to unit j, the gradient is multiplied by w2[j].", BACKWARD
)
def forgets_w2_in_the_hidden_gradient(right, x, y, w1, w2):
    return right.mlp_backward(x, y, w1, w2)[0] / w2, right.mlp_backward(x, y, w1, w2)[1]


@mlp_backward.mistake("You use 1 - z: the derivative of tanh is 1 - z^2.", BACKWARD)
def uses_one_minus_z(right, x, y, w1, w2):
    z, error = forward_and_error(right, x, y, w1, w2)
    return x.T @ (np.outer(error, w2) * (1 - z)), z.T @ error


@mlp_backward.mistake(
    "You use z (1 - z), which is the derivative of a sigmoid: that of tanh is 1 - z^2.", BACKWARD
)
def uses_the_derivative_of_the_sigmoid(right, x, y, w1, w2):
    z, error = forward_and_error(right, x, y, w1, w2)
    return x.T @ (np.outer(error, w2) * z * (1 - z)), z.T @ error


@mlp_backward.mistake(
    "You take tanh twice: z is tanh(a) already, so the derivative is 1 - z^2 and not 1 - tanh(z)^2.", BACKWARD
)
def takes_tanh_twice(right, x, y, w1, w2):
    z, error = forward_and_error(right, x, y, w1, w2)
    return x.T @ (np.outer(error, w2) * (1 - np.tanh(z) ** 2)), z.T @ error


@mlp_backward.mistake(
    "You put the inputs a into 1 - z^2: the short form of the derivative needs the outputs z.", BACKWARD
)
def uses_a_in_the_derivative(right, x, y, w1, w2):
    z, error = forward_and_error(right, x, y, w1, w2)
    return x.T @ (np.outer(error, w2) * (1 - (x @ w1) ** 2)), z.T @ error


@mlp_backward.mistake(
    "Both gradients are twice too large: the loss has a 1/2, which cancels the 2 of the square.", BACKWARD
)
def forgets_the_half(right, x, y, w1, w2):
    dw1, dw2 = right.mlp_backward(x, y, w1, w2)
    return 2 * dw1, 2 * dw2


@mlp_backward.mistake(
    "Both gradients are half of what they should be: the derivative of (y - y_hat)^2 brings a 2, which the 1/2 cancels.",
    BACKWARD,
)
def keeps_the_half(right, x, y, w1, w2):
    dw1, dw2 = right.mlp_backward(x, y, w1, w2)
    return dw1 / 2, dw2 / 2


@mlp_backward.mistake(
    "Your gradients are those of the last example alone: add up over the examples.", BACKWARD
)
def keeps_the_last_example_only(right, x, y, w1, w2):
    dw1, dw2 = right.mlp_backward(x[-1:], y[-1:], w1, w2)
    return dw1 / len(y), dw2 / len(y)


@mlp_backward.mistake(
    "You average over the examples before you multiply: the mean of products is not the product of means. Add up x_i "
    "times delta_j of each example.",
    BACKWARD,
)
def takes_the_means_before_the_products(right, x, y, w1, w2):
    z, error = forward_and_error(right, x, y, w1, w2)
    delta = np.outer(error, w2) * (1 - z**2)
    return np.outer(x.mean(axis=0), delta.sum(axis=0)), z.mean(axis=0) * error.sum()


@mlp_backward.mistake("dw2 has a second axis: it has the shape of w2, (M,).", BACKWARD)
def returns_dw2_as_a_column(right, x, y, w1, w2):
    dw1, dw2 = right.mlp_backward(x, y, w1, w2)
    return dw1, dw2[:, None]


@mlp_backward.mistake("dw1 is transposed: it has the shape of w1, (D, M).", BACKWARD)
def transposes_dw1(right, x, y, w1, w2):
    dw1, dw2 = right.mlp_backward(x, y, w1, w2)
    return dw1.T, dw2


@mlp_backward.mistake("The results are in the other order: dw1 comes first, then dw2.", BACKWARD)
def returns_dw2_first(right, x, y, w1, w2):
    return right.mlp_backward(x, y, w1, w2)[::-1]


@mlp_backward.mistake(
    "The gradients have the weights' types: for integer weights their fractions are cut off. Use float64.",
    NUMBER_TYPES,
)
def keeps_the_types_of_the_weights(right, x, y, w1, w2):
    dw1, dw2 = right.mlp_backward(x, y, w1, w2)
    return dw1.astype(w1.dtype), dw2.astype(w2.dtype)


@mlp_backward.mistake(
    "You subtract in place, which changes the caller's `y`: write `y - y_hat`, not `y -= y_hat`.",
    NUMBER_TYPES,
)
def changes_the_targets(right, x, y, w1, w2):
    gradients = right.mlp_backward(x, y, w1, w2)
    y -= right.mlp_forward(x, w1, w2)[0]
    return gradients


# numerical_gradient


def numerical_gradient_cases(rng: Rng) -> Iterator[Case]:
    def case(group: str, f: str, x: Array, h: float = 1e-5, strided: bool = False) -> Case:
        return Case(group, {"f": f, "x": x, "h": h}, strided)

    yield case("one axis", "np.sum(x ** 2)", numbers(rng, 4), 1e-3)
    yield case("one axis", "np.sum(x ** 3)", numbers(rng, 3))
    yield case("one axis", "np.sum(np.sin(x) * x)", numbers(rng, 5), 1e-4)
    yield case("one axis", "np.exp(x[0]) * x[1]", numbers(rng, 2), 1e-3)
    several = "several axes"
    yield case(several, "np.sum(x ** 3)", numbers(rng, 2, 3), 1e-4)
    yield case(several, "np.sum(np.exp(x))", numbers(rng, 3, 3), 1e-4)
    yield case(several, "np.sum(np.sin(x)) + np.sum(x[0] ** 2)", numbers(rng, 4, 2), 1e-3)
    yield case(several, "np.sum(x ** 2) + np.sum(x[:, 0] ** 3)", numbers(rng, 2, 3, 2))
    together = "cells that act together"
    yield case(together, "np.sum(x) ** 2", numbers(rng, 3) + np.arange(3), 1e-3)
    yield case(together, "np.sum(x[0] * x[1])  + np.sum(x ** 2)", numbers(rng, 2, 4), 1e-3)
    yield case(together, "np.sum((x @ x.T) ** 2)", numbers(rng, 3, 2), 1e-4)
    yield case(together, "np.log(np.sum(np.exp(x)))", numbers(rng, 2, 2), 1e-3)
    large = "a large step"
    yield case(large, "np.sum(x ** 3)", numbers(rng, 3), 0.25)
    yield case(large, "np.sum(x ** 4) + np.sum(x) ** 2", numbers(rng, 2, 3), 0.5)
    types = TYPES_AND_LAYOUTS
    yield case(types, "np.sum(x ** 3)", whole(rng, 4), 1e-3)
    yield case(types, "np.sum(x ** 2) + np.sum(x) ** 2", whole(rng, 2, 3), 0.25)
    yield case(types, "np.sum(np.sin(x)) + np.sum(x ** 2)", numbers(rng, 3, 2).astype(np.float32))
    yield case(types, "np.sum(x ** 3)", fine(rng, 2, 3), 1e-3)
    yield case(types, "np.sum(np.tanh(x)) + np.sum(x ** 2)", numbers(rng, 3, 2), 1e-3, strided=True)


def numerical_gradient_hidden(rng: Rng) -> Iterator[Case]:
    x = numbers(rng, 3, 5)
    yield Case("several axes", {"f": "np.sum(np.cos(x) * x) + np.sum(x) ** 2", "x": x, "h": 1e-3})
    x = numbers(rng, 2, 3, 2, 2)
    yield Case("several axes", {"f": "np.sum(x ** 3) + np.sum(x[0]) ** 2", "x": x, "h": 1e-2})


def scipy_central_difference(f, x, h):
    from scipy.optimize._numdiff import approx_derivative

    def of_a_flat_array(values):
        return f(values.reshape(x.shape))

    start = x.ravel().astype(np.float64)
    return approx_derivative(of_a_flat_array, start, method="3-point", abs_step=h).reshape(x.shape)


numerical_gradient = Task(
    "numerical_gradient",
    {
        "one axis": 1,
        "several axes": 1,
        "cells that act together": 1,
        "a large step": 0.5,
        TYPES_AND_LAYOUTS: 0.5,
    },
    numerical_gradient_cases,
    probe="formula",
    oracle=scipy_central_difference,
    hidden=numerical_gradient_hidden,
    forbids=NUMPY_ONLY,
)


def by_cell(x: Array, slope: Any) -> Array:
    """Return the array (shape of x) of slope(x, step) for steps that are 1 in one cell and 0 elsewhere."""
    steps = np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([slope(x.astype(np.float64), step) for step in steps]).reshape(x.shape)


@numerical_gradient.mistake(
    "You compare with f(x) itself, the forward difference: take one step to each side, and divide by 2h.",
    CHECKING,
)
def takes_the_forward_difference(right, f, x, h):
    return by_cell(x, lambda x, step: (f(x + h * step) - f(x)) / h)


@numerical_gradient.mistake(
    "You take a step to the left only, the backward difference: take one to each side, and divide by 2h.",
    CHECKING,
)
def takes_the_backward_difference(right, f, x, h):
    return by_cell(x, lambda x, step: (f(x) - f(x - h * step)) / h)


@numerical_gradient.mistake(
    "The second value is f(x) itself: after a step of +h, -h leads back to the start, so step by -2h from there. "
    "(The result is half of a forward difference.)",
    CHECKING,
)
def steps_back_to_the_start_only(right, f, x, h):
    return by_cell(x, lambda x, step: (f(x + h * step) - f(x)) / (2 * h))


@numerical_gradient.mistake(
    "The result is twice too large: x + h and x - h lie 2h apart, so divide by 2h.", CHECKING
)
def divides_by_h(right, f, x, h):
    return 2 * right.numerical_gradient(f, x, h)


@numerical_gradient.mistake("`/ 2 * h` divides by 2 and multiplies by h: write `/ (2 * h)`.", CHECKING)
def forgets_the_brackets(right, f, x, h):
    return right.numerical_gradient(f, x, h) * h**2


@numerical_gradient.mistake("You forget to divide: the difference of two values is no slope yet.", CHECKING)
def does_not_divide(right, f, x, h):
    return right.numerical_gradient(f, x, h) * (2 * h)


@numerical_gradient.mistake(
    "You step half as far as you are told: with f(x + h/2) and f(x - h/2) the error is another one.", CHECKING
)
def steps_by_half_of_h(right, f, x, h):
    return right.numerical_gradient(f, x, h / 2)


@numerical_gradient.mistake("You use a step of your own, 1e-5: use the h that you are given.", CHECKING)
def uses_a_step_of_its_own(right, f, x, h):
    return right.numerical_gradient(f, x, 1e-5)


@numerical_gradient.mistake(
    "The sign is wrong: subtract the value on the left, f at x - h, from the one on the right.", CHECKING
)
def subtracts_the_wrong_way(right, f, x, h):
    return -right.numerical_gradient(f, x, h)


def slopes_without_return(f, x, moved, h):
    """Take the slopes of f at x by moving the cells of ``moved``, and never back."""
    result = np.zeros(x.shape)
    for i in np.ndindex(*x.shape):
        moved[i] += h
        above = f(moved)
        moved[i] -= 2 * h
        result[i] = (above - f(moved)) / (2 * h)
    return result


@numerical_gradient.mistake(
    "Cells stay moved after their turn: put x[i] back before you go on to the next cell.", CHECKING
)
def does_not_put_cells_back(right, f, x, h):
    return slopes_without_return(f, x, x.astype(np.float64), h)


@numerical_gradient.mistake(
    "You leave the caller's x changed: work on a copy, and put each cell back after its turn.", CHECKING
)
def leaves_the_callers_x_moved(right, f, x, h):
    return slopes_without_return(f, x, x, h)


@numerical_gradient.mistake(
    "You move all cells at once: that gives one slope for the whole array. Move one cell at a time.", CHECKING
)
def moves_all_cells_at_once(right, f, x, h):
    return np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h))


@numerical_gradient.mistake(
    "You move a whole row at a time, so that all its cells get the same slope: visit every cell, "
    "for example with np.ndindex(x.shape).",
    CHECKING,
)
def moves_a_row_at_a_time(right, f, x, h):
    cells = right.numerical_gradient  # for one axis a row is a cell
    if x.ndim == 1:
        return cells(f, x, h)
    x = x.astype(np.float64)
    steps = np.eye(len(x)).reshape(len(x), len(x), *[1] * (x.ndim - 1))
    slopes = np.array([(f(x + h * step) - f(x - h * step)) / (2 * h) for step in steps])
    return np.broadcast_to(slopes.reshape(-1, *[1] * (x.ndim - 1)), x.shape)


@numerical_gradient.mistake("The result is one long row of numbers: give it the shape of x.", CHECKING)
def returns_a_flat_array(right, f, x, h):
    return right.numerical_gradient(f, x, h).ravel()


@numerical_gradient.mistake("The axes of the result are in another order than those of x.", CHECKING)
def transposes_the_result(right, f, x, h):
    return right.numerical_gradient(f, x, h).T


@numerical_gradient.mistake("The last cell is left out: visit all x.size of them.", CHECKING)
def leaves_the_last_cell_out(right, f, x, h):
    result = right.numerical_gradient(f, x, h)
    result[(-1,) * x.ndim] = 0
    return result


def slopes_in_place(f, x, moved, h):
    """Take the slopes of f at x by moving the numbers of ``moved``, one axis, in its own type, and back."""
    result = np.zeros(x.size)
    for i, start in enumerate(moved.copy()):
        moved[i] = start + h
        above = f(x)
        moved[i] = start - h
        result[i] = (above - f(x)) / (2 * h)
        moved[i] = start
    return result.reshape(x.shape)


@numerical_gradient.mistake(
    "You step on an array of the type of x: integers cut the step off, and float32 keeps too few digits of it. "
    "Make the copy with dtype=float.",
    NUMBER_TYPES,
)
def keeps_the_type_of_x(right, f, x, h):
    copy = np.ascontiguousarray(x.copy())
    return slopes_in_place(f, copy, copy.reshape(-1), h)


@numerical_gradient.mistake(
    "You stay in float32 when x is: it has 7 digits, and a difference of two nearly equal values uses them up. "
    "Make the copy with dtype=float.",
    CHECKING,
)
def stays_in_float32(right, f, x, h):
    copy = np.ascontiguousarray(x * 1.0)
    return slopes_in_place(f, copy, copy.reshape(-1), h)


@numerical_gradient.mistake(
    "When x is not contiguous, x.ravel() and x.reshape(-1) are copies: the steps that you take in them do not reach x. "
    "Copy x first, with dtype=float, or index x itself.",
    CHECKING,
)
def steps_on_a_copy_of_x(right, f, x, h):
    return slopes_in_place(f, x, x.reshape(-1), h)


@numerical_gradient.mistake(
    "The result has the type of x: for an integer x its fractions are cut off. Use float64.", NUMBER_TYPES
)
def returns_the_type_of_x(right, f, x, h):
    return right.numerical_gradient(f, x, h).astype(x.dtype)


# sgd_step


def step(rng: Rng, rate: float, *shapes: tuple[int, ...]) -> dict[str, Any]:
    """Return parameters and gradients of the given shapes, and a learning rate."""
    params, grads = ([numbers(rng, *shape) for shape in shapes] for _ in range(2))
    return {"params": params, "grads": grads, "learning_rate": rate}


def sgd_step_cases(rng: Rng) -> Iterator[Case]:
    yield Case("one array", step(rng, 0.5, (4,)))
    yield Case("one array", step(rng, 0.1, (2, 3)))
    yield Case("several arrays", step(rng, 0.1, (3, 2), (2,)))
    yield Case("several arrays", step(rng, 0.25, (2, 3), (2, 3)))
    yield Case("several arrays", step(rng, 0.01, (4,), (2, 2, 3), (1,), (3, 2)))
    yield Case("large and small steps", step(rng, 2.0, (3,), (3,)))
    yield Case("large and small steps", step(rng, 0.001, (2, 2), (5,)))
    types = TYPES_AND_LAYOUTS
    mixed = step(rng, 0.3, (3, 2), (2,))
    yield Case(types, mixed | {"params": [whole(rng, 3, 2), whole(rng, 2)]})
    yield Case(types, step(rng, 0.2, (2,), (3,)) | {"grads": [whole(rng, 2), whole(rng, 3)]})
    inputs = step(rng, 0.1, (2, 3), (4,))
    single = {name: [array.astype(np.float32) for array in inputs[name]] for name in ("params", "grads")}
    yield Case(types, inputs | single)
    yield Case(types, {"params": [fine(rng, 3)], "grads": [fine(rng, 3)], "learning_rate": 0.7})
    yield Case(types, step(rng, 0.1, (3, 2), (4,)), strided=True)


def sgd_step_hidden(rng: Rng) -> Iterator[Case]:
    shapes = [tuple(int(n) for n in rng.integers(1, 6, rng.integers(1, 4))) for _ in range(6)]
    yield Case("several arrays", step(rng, 0.03, *shapes))


def torch_sgd_step(params, grads, learning_rate):
    import torch

    pairs = [
        [torch.tensor(array, dtype=torch.float64) for array in pair]
        for pair in zip(params, grads, strict=True)
    ]
    return [torch.add(p, g, alpha=-learning_rate).numpy() for p, g in pairs]


sgd_step = Task(
    "sgd_step",
    {"one array": 0.5, "several arrays": 0.5, "large and small steps": 0.5, TYPES_AND_LAYOUTS: 0.5},
    sgd_step_cases,
    returns=("params",),
    probe="list",
    oracle=torch_sgd_step,
    hidden=sgd_step_hidden,
    forbids=NUMPY_ONLY,
)


@sgd_step.mistake(
    "You change the caller's arrays: `p -= ...` works in place, `p - ...` makes a new array.", DESCENT
)
def changes_the_parameters_in_place(right, params, grads, learning_rate):
    for p, g in zip(params, grads, strict=True):
        p -= learning_rate * g
    return params


@sgd_step.mistake(
    "You subtract in place on copies that have the parameters' type: an integer array takes no fractions. Copy with "
    "astype(float), or write `p - ...`.",
    NUMBER_TYPES,
)
def subtracts_in_place_on_copies(right, params, grads, learning_rate):
    new = [p.copy() for p in params]
    for p, g in zip(new, grads, strict=True):
        p -= learning_rate * g
    return new


@sgd_step.mistake(
    "The gradients change: `g *= learning_rate` works in place, and the caller may still need them.", DESCENT
)
def changes_the_gradients_in_place(right, params, grads, learning_rate):
    for g in grads:
        g *= learning_rate
    return right.sgd_step(params, grads, 1)


@sgd_step.mistake("You walk up: the gradient points to where the loss grows, so subtract it.", DESCENT)
def adds_the_gradient(right, params, grads, learning_rate):
    return right.sgd_step(params, grads, -learning_rate)


@sgd_step.mistake("You divide by the learning rate: multiply the gradient with it.", DESCENT)
def divides_by_the_learning_rate(right, params, grads, learning_rate):
    return right.sgd_step(params, grads, 1 / learning_rate)


@sgd_step.mistake("The learning rate is not used: multiply the gradient with it.", DESCENT)
def forgets_the_learning_rate(right, params, grads, learning_rate):
    return right.sgd_step(params, grads, 1)


@sgd_step.mistake("You return the steps alone: subtract each from its parameters.", DESCENT)
def returns_the_steps_only(right, params, grads, learning_rate):
    return [learning_rate * g for g in grads]


@sgd_step.mistake(
    "You let the parameters shrink by the learning rate, as weight decay would: multiply it with the gradient.",
    DESCENT,
)
def decays_the_weights(right, params, grads, learning_rate):
    return [(1 - learning_rate) * p - g for p, g in zip(params, grads, strict=True)]


@sgd_step.mistake(
    "The learning rate multiplies the parameters too: only the gradient is multiplied, before you subtract.",
    DESCENT,
)
def puts_the_brackets_around_both(right, params, grads, learning_rate):
    return [learning_rate * (p - g) for p, g in zip(params, grads, strict=True)]


@sgd_step.mistake("Only the first array takes a step: update all of them.", DESCENT)
def updates_the_first_array_only(right, params, grads, learning_rate):
    return [params[0] - learning_rate * grads[0], *params[1:]]


@sgd_step.mistake(
    "You return one array only: is the `return` inside the loop? Collect all of them in a list.", DESCENT
)
def returns_from_inside_the_loop(right, params, grads, learning_rate):
    return right.sgd_step(params[:1], grads[:1], learning_rate)


@sgd_step.mistake("You divide the gradients by their length: they are means over the batch already.", DESCENT)
def divides_the_gradients_by_their_length(right, params, grads, learning_rate):
    return right.sgd_step(params, [g / len(g) for g in grads], learning_rate)


@sgd_step.mistake(
    "The result has the parameters' type: for integers the fractions of the step are cut off. Use float64.",
    NUMBER_TYPES,
)
def keeps_the_type_of_the_parameters(right, params, grads, learning_rate):
    new = right.sgd_step(params, grads, learning_rate)
    return [array.astype(p.dtype) for array, p in zip(new, params, strict=True)]


TASKS = (softmax, cross_entropy, mlp_forward, mlp_backward, numerical_gradient, sgd_step)
