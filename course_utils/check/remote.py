"""The judge's hand in a learner's kernel: calls the probe on the cases that it is sent.

It holds nothing that is worth reading: cases without expected values. The judge believes nothing of what it
returns but the arrays, and those only as far as they are right.
"""

from __future__ import annotations

import builtins
import importlib
import json
import math
import sys
from typing import Any

from course_utils.check import probe
from course_utils.check.task import Outcome
from course_utils.check.transport import Answer, Request, read_request, write_answer

LIBRARIES = ("numpy", "numpy.linalg", "numpy.random", "numpy.lib.stride_tricks", "scipy.signal", "torch")


class Reply:
    """Text that shows itself as it is, so that a kernel's reply carries it unchanged."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def run(text: str) -> Reply:
    """Do what the request in ``text`` asks for and return the answer, whatever the learner's code does."""
    request = read_request(text)
    said = probe.Said()
    for name in LIBRARIES:
        if name.startswith("numpy"):  # NumPy loads its parts when they are first used: that is no disturbance
            importlib.import_module(name)
    before = _state()
    outcomes = _outcomes(request, said)
    answer = Answer(outcomes, said.getvalue(), disturbed=_state() != before)
    if sum(array.nbytes for outcome in outcomes for array in outcome.arrays.values()) > request.most:
        answer = Answer(_all_alike(request, "WrongTypeError", "it returned far more than the task needs"))
    return Reply(write_answer(answer))


def expression(request: str) -> str:
    """Return the expression that a kernel evaluates to answer a request; it needs no name of the notebook."""
    return f"__import__({__name__!r}, fromlist=['run']).run({json.dumps(request)})"


def _outcomes(request: Request, said: probe.Said) -> tuple[Outcome, ...]:
    names = _notebook()
    if request.task not in names:
        return _all_alike(request, "NameError", f"{request.task} is not defined: did its cell run?")
    return tuple(
        probe.run_all(
            request.probe,
            names[request.task],
            request.cases,
            request.returns,
            said,
            patience=request.patience,
            budget=request.budget,
        )
    )


def _all_alike(request: Request, error: str, message: str) -> tuple[Outcome, ...]:
    return tuple(Outcome(errors=(error,), message=message) for _ in request.cases)


def _notebook() -> dict[str, Any]:
    """Return the notebook's names."""
    ipython: Any = sys.modules["IPython"]
    names: dict[str, Any] = ipython.get_ipython().user_ns
    return names


def _state() -> dict[str, dict[str, int]]:
    """Return which objects the notebook's names and those of the libraries stand for."""
    places = {"": {name: value for name, value in _notebook().items() if not name.startswith("_")}}
    places |= {module.__name__: vars(module) for module in (builtins, math)}
    places |= {name: vars(sys.modules[name]) for name in LIBRARIES if name in sys.modules}
    return {
        place: {name: id(value) for name, value in names.items() if not place or callable(value)}
        for place, names in places.items()
    }
