"""Calls a learner's PyTorch module on a case: same weights in, comparable numbers out, whatever its style.

A module may be a class, a function that builds one, an ``nn.Sequential``; its attributes may have any names
and any order. So weights are not given by name: each is drawn from the *place* that it has in the network,
which is its shape and the shapes of the weights before and behind it on the way from input to output. Two
modules that compute alike get the same weights, and so give the same numbers.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.check.task import Answer, Case, WrongTypeError

Place = tuple[Any, ...]
CONTAINERS = (list, tuple, set, dict)
MOST_VALUES = 4_000_000  # weights of a module that is run with numbers; of larger ones only shapes are asked
MIXED = re.compile(r"(data|d|scalar |input |weight |bias )type", re.IGNORECASE)


class UnregisteredError(WrongTypeError):
    """A module keeps weights in a plain list or dictionary, where PyTorch does not find them."""


class MixedTypesError(WrongTypeError):
    """A module computes with tensors that stayed float32 when its weights became float64."""


class ChangedInPlaceError(WrongTypeError):
    """A module overwrites what its backward pass needs."""


def call_module(answer: Answer, case: Case, returns: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Build the module and return of it what ``returns`` asks for.

    The case's inputs are the arguments that build it, then ``x``, the images, and ``seed``. Returned are

    - ``parameters``: how many weights it has;
    - ``output``: what it returns in eval mode, after one pass in train mode has moved running statistics;
    - ``trained``: what it returns in train mode;
    - ``gradients``: for each weight one number made of its gradient, in the order of their places;
    - ``dx``: the gradient of the input.

    Gradients are those in eval mode of a weighted sum of the output. Where ``x`` is a shape instead of an
    array, nothing is computed: ``output`` holds zeros, and modules of any size take no memory.
    """
    torch: Any = importlib.import_module("torch")
    inputs = dict(case.inputs)
    x, seed = inputs.pop("x"), inputs.pop("seed")
    if not isinstance(x, np.ndarray):
        return _on_meta(torch, answer, inputs, x, returns)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more are slower for modules of this size
    try:
        return _numbers_of(torch, answer, inputs, x, seed, returns)
    except RuntimeError as error:
        if MIXED.search(str(error)):
            raise MixedTypesError(
                "float64 meets float32 in it: make layers in __init__ and not in forward, so that PyTorch "
                "finds their weights, and other tensors with dtype=x.dtype"
            ) from error
        if "inplace operation" in str(error):
            raise ChangedInPlaceError(
                "an operation in place (+=, relu_, inplace=True) overwrites what the backward pass needs"
            ) from error
        raise
    finally:
        torch.set_num_threads(threads)


def _numbers_of(
    torch: Any, answer: Answer, inputs: dict[str, Any], x: NDArray[Any], seed: int, returns: tuple[str, ...]
) -> dict[str, NDArray[Any]]:
    torch.manual_seed(seed)
    module = _build(torch, answer, inputs)
    if any(torch.nn.parameter.is_lazy(parameter) for parameter in module.parameters()):
        with torch.no_grad():
            module.eval()(torch.tensor(x, dtype=torch.float32))  # now lazy layers know their channels
    count = sum(parameter.numel() for parameter in module.parameters())
    if count > MOST_VALUES:
        raise WrongTypeError(f"it has {count:,} weights, far more than the task needs")
    module.double()
    kept = [(buffer, buffer.clone()) for buffer in module.buffers()]
    ordered = _set_weights(torch, module, x, seed)
    for buffer, value in kept:
        buffer.data.copy_(value)
    found: dict[str, NDArray[Any]] = {"parameters": np.array(count)}
    torch.manual_seed(seed)
    module.train()
    with torch.no_grad():
        found["trained"] = _numbers(_tensor(torch, module(torch.tensor(x))))
    module.eval()
    leaf = torch.tensor(x, requires_grad=True)
    output = _tensor(torch, module(leaf * 1))
    found["output"] = _numbers(output)
    if {"dx", "gradients"} & set(returns):
        weights = torch.tensor(np.random.default_rng(seed).normal(size=tuple(output.shape)))
        wanted = [leaf, *(parameter for _, parameter in ordered)]
        grads = torch.autograd.grad((output * weights).sum(), wanted, allow_unused=True)
        found["dx"] = np.zeros(x.shape) if grads[0] is None else _numbers(grads[0])
        found["gradients"] = np.array([_digest(gradient) for gradient in grads[1:]])
    return {name: found[name] for name in returns}


def _build(torch: Any, answer: Answer, inputs: dict[str, Any]) -> Any:
    module = answer(*inputs.values())
    if not isinstance(module, torch.nn.Module):
        raise WrongTypeError(f"it gives an object of type {type(module).__name__}, not an nn.Module")
    known = {id(parameter) for parameter in module.parameters()}
    for part in module.modules():
        for name, value in vars(part).items():
            if isinstance(value, CONTAINERS) and any(id(p) not in known for p in _held(torch, value)):
                raise UnregisteredError(
                    f"self.{name} is a plain {type(value).__name__}: PyTorch does not find the weights in "
                    "it; use nn.ModuleList, nn.ModuleDict or nn.Sequential"
                )
    return module


def _held(torch: Any, value: Any) -> Iterator[Any]:
    """Yield the parameters in a plain list, tuple, set or dictionary, also in those inside it."""
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, torch.nn.Parameter):
            yield item
        elif isinstance(item, torch.nn.Module):
            yield from item.parameters()
        elif isinstance(item, CONTAINERS):
            yield from _held(torch, item)


def _on_meta(
    torch: Any, answer: Answer, inputs: dict[str, Any], shape: Sequence[int], returns: tuple[str, ...]
) -> dict[str, NDArray[Any]]:
    with torch.device("meta"), torch.no_grad():
        module = _build(torch, answer, inputs).eval()
        output = _tensor(torch, module(torch.empty(tuple(shape))))
    found = {
        "parameters": np.array(sum(parameter.numel() for parameter in module.parameters())),
        "output": np.zeros(tuple(output.shape)),
    }
    empty = np.zeros(0)
    return {name: found.get(name, empty) for name in returns}


def _set_weights(torch: Any, module: Any, x: NDArray[Any], seed: int) -> list[tuple[Place, Any]]:
    """Give each parameter the numbers of its place, and return the parameters in the order of places."""
    module.train()
    leaf = torch.tensor(x, requires_grad=True)
    output = _tensor(torch, module(leaf * 1))
    taken: dict[Place, int] = {}
    ordered = []
    for place, parameter in _places(output.grad_fn, leaf, list(module.parameters())):
        number = taken[place] = taken.get(place, -1) + 1  # alike in all that can be seen: in order of use
        ordered.append(((*place, number), parameter))
        text = repr((seed, *place, number)).encode()
        rng = np.random.default_rng(list(hashlib.sha256(text).digest()))
        parameter.data.copy_(torch.tensor(_draw(rng, tuple(parameter.shape))))
    return sorted(ordered, key=lambda pair: repr(pair[0]))


def _draw(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return weights that keep the size of the signal; what has one axis scales or shifts: not near 0."""
    if len(shape) < 2:
        return np.asarray(rng.uniform(0.4, 1.2, shape) * rng.choice([-1, 1], shape))
    return rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)


def _places(root: Any, leaf: Any, parameters: Sequence[Any]) -> list[tuple[Place, Any]]:
    """Return each parameter with its place, in the order of use: its shape and those of weights around it.

    Weights are parameters with two axes or more. Those of the very operation that a bias belongs to lie
    before the bias, since some write the two as one operation and some as two. Axes of length 1 do not count:
    a linear layer and a convolution of 1 x 1 have the same weights.
    """
    number = {id(parameter): i for i, parameter in enumerate(parameters)}
    nodes = _from_inputs(root)
    entering: dict[Any, list[int]] = {}  # numbers of the parameters that enter a node, in order
    moved: dict[Any, bool] = {}  # whether the input enters above
    before: dict[Any, int] = {}  # numbers of the parameters before a node, as bits
    for node in nodes:
        variable = getattr(node, "variable", None)
        known = number.get(id(variable))
        entering[node] = [] if known is None else [known]
        moved[node], before[node] = variable is leaf, 0
        for child in _children(node):
            if moved[child]:
                moved[node] = True
                before[node] |= before[child] | _as_bits(entering[child])
            else:
                entering[node] += entering[child]
    behind = dict.fromkeys(nodes, 0)
    for node in reversed(nodes):
        for child in _children(node):
            if moved[child]:
                behind[child] |= behind[node] | _as_bits(entering[node])
    ahead, after = [0] * len(parameters), [0] * len(parameters)
    order: dict[int, None] = {}
    for node in nodes:
        if moved[node]:
            for i in entering[node]:
                order[i] = None
                ahead[i] |= before[node] | _as_bits(entering[node])
                after[i] |= behind[node]
    shapes = [tuple(n for n in parameter.shape if n > 1) for parameter in parameters]

    def weights(bits: int, without: int) -> tuple[tuple[int, ...], ...]:
        heavy = (i for i, parameter in enumerate(parameters) if parameter.ndim > 1 and i != without)
        return tuple(sorted(shapes[i] for i in heavy if bits >> i & 1))

    every = [*order, *(i for i in range(len(parameters)) if i not in order)]
    return [((shapes[i], weights(ahead[i], i), weights(after[i], i)), parameters[i]) for i in every]


def _from_inputs(root: Any) -> list[Any]:
    """Return the nodes of an autograd graph, each behind those that it is computed from."""
    order: list[Any] = []
    state: dict[Any, bool] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        if state.get(node):
            stack.pop()
            continue
        if node in state:
            state[node] = True
            order.append(stack.pop())
            continue
        state[node] = False
        stack += [child for child in _children(node) if child not in state]
    return order


def _children(node: Any) -> list[Any]:
    return [child for child, _ in node.next_functions if child is not None]


def _as_bits(numbers: Iterable[int]) -> int:
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits


def _tensor(torch: Any, value: Any) -> Any:
    """Return a module's output as one tensor; several are put side by side."""
    if value is None:
        raise WrongTypeError("its forward returned None: is a `return` missing?")
    parts = list(value) if isinstance(value, (tuple, list)) else [value]
    if not parts or not all(isinstance(part, torch.Tensor) for part in parts):
        raise WrongTypeError(f"its forward returned an object of type {type(value).__name__}, not a tensor")
    return parts[0] if len(parts) == 1 else torch.cat([part.flatten(1) for part in parts], dim=1)


def _numbers(tensor: Any) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().double().numpy().copy()
    return array


def _digest(gradient: Any) -> float:
    """Return one number of a gradient that another order or sign of its cells changes."""
    if gradient is None:
        return 0.0
    flat = _numbers(gradient).ravel()
    return float(flat @ np.random.default_rng(0).normal(size=flat.size))
