"""What nets of several families share: a look at the image that comes in, and weights to start from."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from torch import Tensor, nn


def check_image(
    x: Tensor, input_shape: tuple[int, int, int], *, net: str, fixed: bool = False, least: int = 1
) -> None:
    """Raise ``ValueError`` unless ``x`` holds images that the net can take.

    ``x`` is (N, C, H, W) and ``input_shape`` the (C, H, W) that the net was built for. Nets with fully
    connected layers on a map are ``fixed`` to that size; the others need ``least`` rows and columns.
    """
    channels, height, width = input_shape
    if x.ndim != 4:
        raise ValueError(
            f"{net} takes a batch of images (N, C, H, W), not an array of shape {tuple(x.shape)}"
        )
    if x.shape[1] != channels:
        raise ValueError(
            f"this {net} was built for {channels} input channels, not {x.shape[1]}: in_channels={x.shape[1]}"
        )
    if fixed and tuple(x.shape[2:]) != (height, width):
        raise ValueError(
            f"this {net} was built for images of {height}x{width}, not {x.shape[2]}x{x.shape[3]}: "
            "its fully connected layers fix the size; build it with image_size=..."
        )
    if min(x.shape[2:]) < least:
        raise ValueError(f"{net} needs images of at least {least}x{least}, not {x.shape[2]}x{x.shape[3]}")


def side_after(layers: Iterable[nn.Module], side: int) -> int:
    """Return how many rows an image of ``side`` rows and columns has behind convolutions and pools.

    Each makes floor((N + 2P - K) / S) + 1 of N, or rounds up where a pool has ``ceil_mode``; layers of other
    kinds keep N. 0 says that the image is too small.
    """
    for layer in layers:
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
            kernel, stride, padding = (_rows(n) for n in (layer.kernel_size, layer.stride, layer.padding))
            steps = side + 2 * padding - kernel + (stride - 1 if getattr(layer, "ceil_mode", False) else 0)
            if steps < 0:
                return 0
            side = steps // stride + 1
    return side


def least_side(layers: Iterable[nn.Module]) -> int:
    """Return how many rows and columns an image needs at least to pass convolutions and pools."""
    layers = list(layers)
    return next(side for side in count(1) if side_after(layers, side))


def _rows(size: Any) -> int:
    return int(size[0] if isinstance(size, tuple) else size)


def start(model: nn.Module) -> None:
    """Draw the weights of convolutions and linear layers for ReLU, and set biases to zero.

    The variance 2/fan_in keeps the size of activations through any depth (He et al. 2015, Delving deep into
    rectifiers, eq. 10); the last layer has no ReLU behind it and gets 1/fan_in.
    """
    weighted = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    for module in weighted:
        last = module is weighted[-1]
        nn.init.kaiming_normal_(module.weight, nonlinearity="linear" if last else "relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
