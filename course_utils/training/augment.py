"""Augments whole batches where they lie: crops and flips drawn for each image, from a seeded generator."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional


def random_crop(images: Tensor, padding: int, generator: Generator) -> Tensor:
    """Shift every image by up to ``padding`` pixels along each axis, each by its own; (N, C, H, W) stays.

    What comes in at the border mirrors the image, as if a crop of H x W were taken from a larger picture.
    """
    n, c, h, w = images.shape
    wide = functional.pad(images, [padding] * 4, mode="reflect")
    shifts = torch.randint(2 * padding + 1, (2, n, 1), generator=generator).to(images.device)
    rows = shifts[0] + torch.arange(h, device=images.device)
    columns = shifts[1] + torch.arange(w, device=images.device)
    which = torch.arange(n, device=images.device)[:, None, None, None]
    maps = torch.arange(c, device=images.device)[None, :, None, None]
    return wide[which, maps, rows[:, None, :, None], columns[:, None, None, :]]


def random_flip(images: Tensor, generator: Generator) -> Tensor:
    """Mirror every second image or so from left to right; (N, C, H, W) stays."""
    mirrored = torch.rand(len(images), generator=generator).to(images.device) < 0.5
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)
