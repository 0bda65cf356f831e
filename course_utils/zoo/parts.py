"""What nets of several families share: a look at the image that comes in, and weights to start from."""

from __future__ import annotations

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
