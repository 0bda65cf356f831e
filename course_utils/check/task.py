"""The words of checking: a task has cases in groups, and mistakes that explain wrong results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMPY_ONLY = ("torch", "scipy.signal", "scipy.ndimage")
"""What a task forbids whose answer is to be written with NumPy."""

Answer = Callable[..., Any]
"""What a learner hands in for a task: a function, or a class that can be called."""


class WrongTypeError(TypeError):
    """A call returned something that is not what the task asks for."""


@dataclass(frozen=True)
class Case:
    """One call of a task.

    ``inputs`` maps argument names to arrays, lists of arrays, numbers or text; they are passed by position,
    in this order, so that a learner may rename arguments. Points belong to the ``group``. With ``strided``
    the arrays are handed over as views into larger arrays, so that they are not contiguous. With
    ``multiply_adds`` the call is a race too: it must beat a plain loop of so many multiply-adds.

    ``truth`` makes a case of learning: labels that the call is to predict, of which the share ``accuracy``
    must be right. It never travels to a kernel that is not trusted. ``seconds`` is what a call may take
    beside the learner where that is longer than usual; a judge allows more, as for every call.
    """

    group: str
    inputs: Mapping[str, Any]
    strided: bool = False
    multiply_adds: int = 0
    seconds: float = 0.0
    truth: NDArray[Any] | None = None
    accuracy: float = 0.0

    @property
    def arrays(self) -> list[NDArray[Any]]:
        """All arrays among the inputs, also those in lists."""
        values = (value if isinstance(value, (list, tuple)) else [value] for value in self.inputs.values())
        return [part for parts in values for part in parts if isinstance(part, np.ndarray)]

    @property
    def tolerance(self) -> float:
        """Largest accepted error, relative to the largest expected value: 1e-6, with float32 inputs 1e-4."""
        return 1e-4 if any(array.dtype == np.float32 for array in self.arrays) else 1e-6


@dataclass(frozen=True)
class Outcome:
    """What one call gave: named arrays, or an error.

    ``errors`` holds the class names of the exception, from the most special to the most general; it is
    empty when the call returned. ``message`` is one line for the reader. ``speed`` tells of a race how many
    times as fast as a plain loop the call was.
    """

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    message: str = ""
    speed: float = 0.0


@dataclass(frozen=True)
class Mistake:
    """A named wrong solution that a learner plausibly writes.

    ``why`` is one sentence to the learner; ``section`` is where it is cleared up, as ``LECTURE#HEADING``.
    ``answer`` takes the reference's namespace first and then the task's arguments.
    """

    name: str
    why: str
    section: str
    answer: Answer


@dataclass(frozen=True)
class Task:
    """One thing that a learner implements, graded on its own.

    ``points`` maps each group of cases to what it is worth. ``cases`` makes the cases from a generator:
    a fixed seed gives the public ones that ship with the exercise, any other seed gives fresh ones.
    ``returns`` names what the call returns, in order; ``shares`` may say which share of a group's points each
    of them is worth, else they are worth the same. ``probe`` is a key of ``probe.PROBES``.
    ``oracle`` computes the same by other means, such as a library: a release is refused where the reference
    differs from it. ``hidden`` makes further cases of the same groups that only the instructor's side uses.
    ``forbids`` names packages that a solution does without: they are not there when it is judged.
    """

    name: str
    points: Mapping[str, float]
    cases: Callable[[np.random.Generator], Iterable[Case]]
    returns: tuple[str, ...] = ("result",)
    probe: str = "function"
    oracle: Answer | None = None
    hidden: Callable[[np.random.Generator], Iterable[Case]] = lambda rng: ()
    forbids: tuple[str, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def mistake(self, why: str, section: str) -> Callable[[Answer], Answer]:
        """Add the decorated function to the task's mistakes; its name, with spaces, is the mistake's name."""

        def add(answer: Answer) -> Answer:
            self.mistakes.append(Mistake(answer.__name__.replace("_", " "), why, section, answer))
            return answer

        return add


@dataclass(frozen=True)
class ExpectedMistake:
    """What a mistake returns on each of a task's cases, and how to explain it to the learner."""

    name: str
    why: str
    section: str
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class Expected:
    """A task's cases with what the reference and the mistakes return on them: the expected outputs."""

    name: str
    points: Mapping[str, float]
    returns: tuple[str, ...]
    probe: str
    cases: tuple[Case, ...]
    outcomes: tuple[Outcome, ...]
    mistakes: tuple[ExpectedMistake, ...]
    forbids: tuple[str, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
