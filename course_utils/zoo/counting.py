"""Counts what a network holds and does, layer by layer, without computing anything.

The network runs on PyTorch's *meta* device, where tensors have shapes and no values: AlexNet and VGG are
counted in milliseconds and take no memory. Every call of a convolution, a pooling, a linear layer and of
the rest of ``KINDS`` becomes a row, whether a module or a plain function made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

KINDS = {
    "conv2d": "convolution",
    "linear": "fully connected",
    "max_pool2d": "max pool",
    "avg_pool2d": "average pool",
    "adaptive_avg_pool2d": "average pool",
    "relu": "ReLU",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "local_response_norm": "local response norm",
    "batch_norm": "batch norm",
    "dropout": "dropout",
    "cat": "concatenation",
    "add": "addition",
    "cdist": "distance",
}
STORED = ("convolution", "fully connected", "max pool", "average pool")
"""The layers that papers and lectures count: an activation function is part of the layer before it."""

BATCH = 2  # batch normalisation in training refuses a single value a channel


@dataclass(frozen=True)
class Layer:
    """One call in the forward pass; shapes and counts are those of one image.

    ``macs`` are multiply-adds of convolutions and fully connected layers, without those of a bias.
    ``values`` is how many numbers the layer puts out. ``receptive_field`` is how many rows and columns of
    the image one output value depends on, as if the image had no border, and ``stride`` how far apart in
    the image two neighbouring values look; both are None behind a fully connected layer, which sees it all.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int
    values: int
    receptive_field: tuple[int, int] | None
    stride: tuple[int, int] | None


@dataclass(frozen=True)
class Counts:
    """What ``count`` found: ``layers`` in the order of the forward pass, and totals.

    ``parameters`` are all that the net has, also those of auxiliary classifiers that did not run. ``depth``
    is how many convolutions and fully connected layers lie on the longest way through the net.
    """

    net: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    parameters: int
    layers: tuple[Layer, ...]
    depth: int

    @property
    def macs(self) -> int:
        """Multiply-adds of convolutions and fully connected layers for one image."""
        return sum(layer.macs for layer in self.layers)

    def activations(self, kinds: Iterable[str] | None = STORED) -> int:
        """Count the numbers that one image's forward pass puts out, the image itself included.

        By default convolutions, fully connected layers and pooling count, as papers do; ``None`` counts
        every row: normalisations and activation functions that keep a result of their own too.
        """
        wanted = None if kinds is None else set(kinds)
        return prod(self.input_shape) + sum(
            layer.values for layer in self.layers if wanted is None or layer.kind in wanted
        )

    def memory(
        self, batch_size: int = 1, *, backward: bool = False, kinds: Iterable[str] | None = STORED
    ) -> int:
        """Return the bytes in float32 of the parameters and of the activations of a batch.

        ``backward`` adds a gradient for each of them: training takes twice the memory, before what an
        optimiser keeps.
        """
        numbers = self.parameters + batch_size * self.activations(kinds)
        return 4 * numbers * (2 if backward else 1)

    def by_module(self, depth: int) -> tuple[Layer, ...]:
        """Join neighbouring rows of one module: those whose names agree in the first ``depth`` parts.

        Counts add up; shape, receptive field and stride are those of the last row; the kind is that of the
        rows of ``STORED`` if they have one in common, else "module".
        """

        def part(layer: Layer) -> str:
            return ".".join(layer.name.split(".")[:depth])

        return tuple(_joined(name, list(rows)) for name, rows in groupby(self.layers, part))


def _joined(name: str, rows: Sequence[Layer]) -> Layer:
    kinds = {row.kind for row in rows if row.kind in STORED} or {row.kind for row in rows}
    last = rows[-1]
    return Layer(
        name,
        kinds.pop() if len(kinds) == 1 else "module",
        last.output_shape,
        sum(row.parameters for row in rows),
        sum(row.macs for row in rows),
        sum(row.values for row in rows if row.kind in STORED),
        last.receptive_field,
        last.stride,
    )


def count(model: nn.Module, input_shape: Sequence[int] | None = None, *, training: bool = False) -> Counts:
    """Count parameters, multiply-adds, activations and receptive fields of a network, layer by layer.

    ``input_shape`` is (C, H, W), by default the model's own ``input_shape``. ``training`` counts what runs in
    train mode, auxiliary classifiers too. The model may be on any device and is left as it is.

    Raises ``ValueError`` when the shape is missing, or when the network cannot take such an image.
    """
    shape = tuple(getattr(model, "input_shape", ()) if input_shape is None else input_shape)
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"input_shape is (C, H, W), for example (3, 224, 224), not {shape}")
    modes = {module: module.training for module in model.modules()}
    meter = _Meter(model)
    try:
        model.train(training)
        state = {name: tensor.to("meta") for name, tensor in _state(model)}
        with torch.no_grad(), meter:
            output = functional_call(model, state, (torch.empty(BATCH, *shape, device="meta"),))
    finally:
        meter.close()
        for module, mode in modes.items():
            module.training = mode
    first = output[0] if isinstance(output, tuple) else output
    parameters = sum(parameter.numel() for parameter in model.parameters())
    layers = tuple(meter.layers)
    return Counts(type(model).__name__, shape, tuple(first.shape[1:]), parameters, layers, meter.depth)


def _state(model: nn.Module) -> Iterable[tuple[str, Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


class _Meter(TorchFunctionMode):
    """Sees every call on tensors while a network runs, and notes those of ``KINDS``.

    Each tensor carries its field: the receptive field, the stride, whether all of the image is seen, and how
    many layers with weights lie before it.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.layers: list[Layer] = []
        self.depth = 0
        self.inside: list[tuple[str, nn.Module]] = []
        self.counted: set[nn.Module] = set()
        self.handles: list[Any] = []
        for name, module in model.named_modules():
            self.handles += [
                module.register_forward_pre_hook(
                    lambda module, inputs, name=name: self.inside.append((name, module))
                ),
                module.register_forward_hook(lambda module, inputs, output: self._leave()),
            ]

    def close(self) -> None:
        """Take the hooks off the model again."""
        for handle in self.handles:
            handle.remove()

    def _leave(self) -> None:
        self.inside.pop()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        if not isinstance(output, Tensor):
            return output
        name = getattr(func, "__name__", "").strip("_").removeprefix("i" if "__i" in str(func) else "")
        fields = [tensor.field for tensor in _tensors((args, kwargs)) if hasattr(tensor, "field")]
        field = _Field.widest(fields or [_Field()])
        if name.endswith("pool2d") or name == "conv2d":
            field = field.through(*_window(name, args, kwargs))
        elif name in ("linear", "cdist"):
            field = replace(field, everything=True)
        if name in ("conv2d", "linear"):
            field = replace(field, depth=field.depth + 1)
            self.depth = max(self.depth, field.depth)
        output.field = field  # type: ignore[attr-defined]
        kind = KINDS.get(name)
        if kind and not (name == "add" and not fields):
            self.layers.append(self._row(name, kind, args, output, field))
        return output

    def _row(self, name: str, kind: str, args: Any, output: Tensor, field: _Field) -> Layer:
        path, module = self.inside[-1]
        parameters = 0
        if module not in self.counted:
            self.counted.add(module)
            parameters = sum(p.numel() for p in module.parameters(recurse=False))
        values = output.numel() // BATCH
        macs = values * args[1][0].numel() if name in ("conv2d", "linear") else 0
        shape = tuple(output.shape[1:])
        seen = (None, None) if field.everything else (field.size, field.stride)
        return Layer(path, kind, shape, parameters, macs, values, *seen)


@dataclass(frozen=True)
class _Field:
    size: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    everything: bool = False
    depth: int = 0

    @staticmethod
    def widest(fields: Sequence[_Field]) -> _Field:
        """Join the fields of tensors that meet: the widest of each axis."""
        heights, widths = zip(*(field.size for field in fields), strict=True)
        rows, columns = zip(*(field.stride for field in fields), strict=True)
        return _Field(
            (max(heights), max(widths)),
            (max(rows), max(columns)),
            any(field.everything for field in fields),
            max(field.depth for field in fields),
        )

    def through(self, kernel: tuple[int, int], stride: tuple[int, int]) -> _Field:
        """Return the field of a value that a window of the given size and stride puts out."""
        (height, width), (row, column) = self.size, self.stride
        return replace(
            self,
            size=(height + (kernel[0] - 1) * row, width + (kernel[1] - 1) * column),
            stride=(row * stride[0], column * stride[1]),
        )


def _window(name: str, args: Any, kwargs: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the size and the stride of a call's window."""
    given = dict(zip(("input", "kernel", "third", "stride"), args, strict=False)) | kwargs
    height, width = args[0].shape[-2:]
    if name == "adaptive_avg_pool2d":
        rows, columns = _pair(given.get("output_size", given.get("kernel")))
        return (-(-height // rows), -(-width // columns)), (height // rows, width // columns)
    if name == "conv2d":
        kernel = tuple(args[1].shape[-2:])
        dilation = _pair(args[5] if len(args) > 5 else kwargs.get("dilation", 1))
        spread = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
        return _pair(spread), _pair(given.get("stride", 1))
    kernel = _pair(given.get("kernel_size", given.get("kernel")))
    stride = kwargs.get("stride") or given.get("third")
    return kernel, _pair(stride) if stride else kernel


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def _tensors(value: Any) -> Iterable[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
