"""Makes the inputs of cases: arrays on which mistakes cannot hide behind rounding, zeros or symmetry."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Rng = np.random.Generator

TYPES_AND_LAYOUTS = "integers, float32, fine fractions, not contiguous"
"""The name of the group of cases that vary the type and the memory layout of their arrays."""


def numbers(rng: Rng, *shape: int) -> Array:
    """Odd eighths between -2 and 2: never zero, never whole, and sums of products of them are exact."""
    return np.asarray((2 * rng.integers(-8, 8, shape) + 1) / 8)


def fine(rng: Rng, *shape: int) -> Array:
    """Odd multiples of 2**-20 between -2 and 2: too fine for half precision, and sums are still exact."""
    return np.asarray((2 * rng.integers(-(2**20), 2**20, shape) + 1) / 2**20)


def whole(rng: Rng, *shape: int) -> Array:
    """Integers between -9 and 9 without 0, as an integer array."""
    return np.asarray(rng.integers(1, 10, shape) * rng.choice([-1, 1], shape))


def distinct(rng: Rng, *shape: int) -> Array:
    """Odd eighths that are all different, in random order: a maximum of some of them is never a tie."""
    size = int(np.prod(shape))
    return np.asarray((2 * rng.permutation(size).reshape(shape) - size + 1) / 8 + 1 / 16)
