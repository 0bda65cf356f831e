"""Layers in plain NumPy, as slow and as simple as their formulas: what nets are compared with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor, nn


def values(module: nn.Module) -> list[np.ndarray]:
    """Weights and biases, as arrays in the order of construction."""
    return [parameter.detach().numpy() for parameter in module.parameters()]


def convolve(x: np.ndarray, w: np.ndarray, b: np.ndarray, stride: int = 1, padding: int = 0) -> np.ndarray:
    """x: (N, C, H, W), w: (F, C / groups, K, K); each group of filters sees its share of the channels."""
    groups = x.shape[1] // w.shape[1]
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(x, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    pairs = zip(np.split(windows, groups, axis=1), np.split(w, groups), strict=True)
    maps = [np.einsum("ncijuv,fcuv->nfij", part, filters, optimize=True) for part, filters in pairs]
    return np.concatenate(maps, axis=1) + b[:, None, None]


def pool(
    x: np.ndarray, size: int, stride: int, reduce: Callable = np.nanmax, round_up: bool = False
) -> np.ndarray:
    """A window that sticks out at the bottom or the right counts only what lies in the map."""
    if round_up:
        missing = [-(n - size) % stride for n in x.shape[2:]]
        x = np.pad(x, ((0, 0), (0, 0), (0, missing[0]), (0, missing[1])), constant_values=np.nan)
    return reduce(sliding_window_view(x, (size, size), axis=(2, 3))[:, :, ::stride, ::stride], axis=(-2, -1))


def normalise(x: np.ndarray, n: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2) -> np.ndarray:
    """The formula of the AlexNet paper, section 3.3."""
    around = np.pad(x**2, ((0, 0), (n // 2, n // 2), (0, 0), (0, 0)))
    return x / (k + alpha * sliding_window_view(around, n, axis=1).sum(axis=-1)) ** beta


def connect(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the fully connected layer's values; x: (N, ...) in one row an image."""
    return x.reshape(len(x), -1) @ w.T + b


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def to_numpy(x: Tensor) -> np.ndarray:
    return x.detach().numpy()
