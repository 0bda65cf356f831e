from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Generator, nn

from course_utils.data import load
from course_utils.training import Recipe, accuracy, as_tensors, fit, random_crop, random_flip
from course_utils.training.loop import share_of_rate


@pytest.fixture
def blobs():
    """Two classes that a linear layer can tell apart: bright on the left, bright on the right."""
    generator = Generator().manual_seed(0)
    images = torch.rand(64, 1, 8, 8, generator=generator)
    labels = torch.arange(64) % 2
    images[labels == 0, :, :, :4] += 1
    images[labels == 1, :, :, 4:] += 1
    return images, labels


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2))


def test_training_learns_what_can_be_learned_and_reports_each_epoch(blobs) -> None:
    seen = []
    history = fit(linear(), blobs, blobs, Recipe(10, batch_size=16), seed=0, report=seen.append)
    assert seen == history
    assert [epoch.number for epoch in history] == list(range(1, 11))
    assert history[-1].test_accuracy == history[-1].train_accuracy == 1
    assert history[-1].loss < history[0].loss / 2


def test_a_seed_decides_all_of_it(blobs) -> None:
    recipe = Recipe(2, batch_size=16, augment=lambda x, generator: random_crop(x, 2, generator))
    nets = [linear() for _ in range(3)]
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        fit(net, blobs, blobs, recipe, seed=seed)
    first, second, third = (net[1].weight for net in nets)
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_one_step_is_the_formula_of_momentum_and_decay(blobs) -> None:
    """Nesterov's first step is (1 + momentum) times the rate times gradient and decay."""
    net, recipe = linear(), Recipe(1, batch_size=64, learning_rate=0.1, momentum=0.9, weight_decay=0.01)
    before = net[1].weight.detach().clone()
    loss = nn.functional.cross_entropy(net(blobs[0]), blobs[1])
    (gradient,) = torch.autograd.grad(loss, net[1].weight)
    fit(net, blobs, blobs, recipe, seed=0)
    torch.testing.assert_close(net[1].weight.detach(), before - 0.1 * 1.9 * (gradient + 0.01 * before))


def test_a_loss_that_is_no_number_stops_with_advice(blobs) -> None:
    with pytest.raises(FloatingPointError, match=r"epoch 1: begin with less than 1e\+30"):
        fit(linear(), blobs, blobs, Recipe(2, batch_size=8, learning_rate=1e30), seed=0)


def test_smoke_is_two_steps(blobs, monkeypatch) -> None:
    monkeypatch.setenv("COURSE_RUN", "smoke")
    steps = []
    net = linear()
    net.register_forward_hook(lambda module, inputs, output: steps.append(len(output)))
    history = fit(net, blobs, blobs, Recipe(30, batch_size=16), seed=0)
    assert len(history) == 1
    assert steps == [16, 16, 64]  # the last is the test set


def test_the_rate_rises_then_falls_as_a_cosine() -> None:
    assert [share_of_rate(epoch, 10, 2) for epoch in (0, 1, 2, 6, 10)] == pytest.approx([0, 0.5, 1, 0.5, 0])
    assert share_of_rate(2.5, 10) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)


def test_accuracy_puts_the_net_into_eval_mode_and_counts_every_image() -> None:
    net = nn.Sequential(nn.Dropout(0.5), nn.Flatten())
    images = torch.eye(3)[torch.arange(601) % 3]
    assert accuracy(net, (images, torch.arange(601) % 3), batch_size=100) == 1
    assert not net.training


def test_a_crop_is_a_window_of_the_mirrored_image_for_each_image_its_own() -> None:
    images = torch.rand(40, 2, 5, 7, generator=Generator().manual_seed(0))
    cropped = random_crop(images, 2, Generator().manual_seed(1))
    wide = np.pad(images.numpy(), [(0, 0), (0, 0), (2, 2), (2, 2)], mode="reflect")
    places = set()
    for image, crop in zip(wide, cropped.numpy(), strict=True):
        found = [
            (i, j) for i in range(5) for j in range(5) if np.array_equal(image[:, i : i + 5, j : j + 7], crop)
        ]
        assert len(found) == 1
        places.update(found)
    assert len(places) > 12  # of 25


def test_about_half_of_the_images_are_mirrored() -> None:
    images = torch.rand(400, 1, 2, 3, generator=Generator().manual_seed(0))
    flipped = random_flip(images, Generator().manual_seed(1))
    mirrored = (flipped == images.flip(3)).all(dim=(1, 2, 3))
    same = (flipped == images).all(dim=(1, 2, 3))
    assert bool((mirrored ^ same).all())
    assert 160 < int(mirrored.sum()) < 240


def test_data_become_tensors_with_the_mean_taken_off() -> None:
    data = load("photo_patches", "test")
    mean = torch.full((3, 32, 32), 100.0)
    images, labels = as_tensors(data, mean)
    assert images.dtype == torch.float32
    assert images[5, 1, 2, 3] == pytest.approx((float(data.images[5, 1, 2, 3]) - 100) / 255)
    assert labels.tolist() == data.labels.tolist()
