"""The loop that trains every network of the course, read from top to bottom."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from course_utils.data.dataset import Dataset
from course_utils.training.records import smokes

SMOKE_STEPS = 2
Augmentation = Callable[[Tensor, Generator], Tensor]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: stochastic gradient descent with momentum, and a learning rate that falls.

    ``learning_rate`` is where the cosine begins, after ``warm_up`` epochs in which it rises from zero; it
    ends at zero. ``augment`` changes each batch of training images (N, C, H, W), with random numbers from a
    generator.
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warm_up: float = 0.0
    augment: Augmentation | None = None


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training set came to; accuracies are between 0 and 1."""

    number: int
    loss: float
    train_accuracy: float
    test_accuracy: float
    seconds: float


def fit(
    net: nn.Module,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    recipe: Recipe,
    *,
    seed: int,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> list[Epoch]:
    """Train ``net`` on images and labels, and measure it on the test set after each epoch.

    ``train`` and ``test`` are (images (N, C, H, W) float, labels (N,) int64) on the net's device. ``seed``
    decides order and augmentation; the weights are those that the net comes with. ``report`` is called after
    each epoch. The loss and the accuracy on the training set are means over the epoch's own batches. With
    COURSE_RUN=smoke an epoch is two steps and there is one: enough to see that all of it runs.

    Raises ``FloatingPointError`` when the loss is no longer a number.
    """
    images, labels = train
    generator = Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(
        net.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.momentum > 0,
    )
    steps = SMOKE_STEPS if smokes() else math.ceil(len(images) / recipe.batch_size)
    epochs = 1 if smokes() else recipe.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: share_of_rate(step / steps, epochs, recipe.warm_up)
    )
    history = []
    for number in range(1, epochs + 1):
        begin = perf_counter()
        net.train()
        order = torch.randperm(len(images), generator=generator)
        total = right = seen = 0.0
        for batch in order.split(recipe.batch_size)[:steps]:
            x, y = images[batch], labels[batch]
            if recipe.augment is not None:
                x = recipe.augment(x, generator)
            logits = net(x)
            loss = functional.cross_entropy(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(y)
            right += (logits.argmax(1) == y).sum().item()
            seen += len(y)
        if not math.isfinite(total):
            raise FloatingPointError(
                f"the loss is {total} in epoch {number}: begin with less than {recipe.learning_rate}"
            )
        epoch = Epoch(number, total / seen, right / seen, accuracy(net, test), perf_counter() - begin)
        history.append(epoch)
        report(epoch)
    return history


def share_of_rate(epoch: float, epochs: int, warm_up: float = 0.0) -> float:
    """Return the learning rate as a share of its height, ``epoch`` (a fraction) epochs into training."""
    if epoch < warm_up:
        return epoch / warm_up
    progress = (epoch - warm_up) / max(epochs - warm_up, 1e-9)
    return (1 + math.cos(math.pi * min(progress, 1.0))) / 2


@torch.no_grad()
def accuracy(net: nn.Module, test: tuple[Tensor, Tensor], batch_size: int = 250) -> float:
    """Return the share of images whose largest logit is their label's, with ``net`` in eval mode."""
    net.eval()
    images, labels = test
    batches = zip(images.split(batch_size), labels.split(batch_size), strict=True)
    return sum(int((net(x).argmax(1) == y).sum()) for x, y in batches) / len(labels)


def as_tensors(data: Dataset, mean: Tensor | float = 0.0, scale: float = 255.0) -> tuple[Tensor, Tensor]:
    """Return a data set's images as float32 (N, C, H, W), (value - mean) / scale, and its labels."""
    images = torch.from_numpy(data.images).float()
    return (images - mean) / scale, torch.from_numpy(data.labels)
