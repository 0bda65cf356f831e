"""Calls a learner's object on a case and returns named arrays: the only code that touches it.

A probe is small, generic and public: it holds no expected value, so that it can run inside a kernel that
is not trusted while the comparison happens outside.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Number, Real
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.check.task import Answer, Case, Outcome

LARGEST = 64 * 2**20  # bytes of one returned array
PATIENCE = 5.0  # seconds for one call
TIMED_OUT = TimeoutError.__name__
HASH_ROUNDS = 20_000  # makes guessing every number slow while one check stays below 0.1 s


class WrongTypeError(TypeError):
    """A call returned something that is not what the task asks for."""


class Said(io.StringIO):
    """Keeps the beginning of what a learner's code prints, however much it prints."""

    def write(self, text: str) -> int:
        """Keep ``text`` while less than 2,000 characters are held."""
        if self.tell() < 2_000:
            super().write(text[:2_000])
        return len(text)


def run_all(
    probe: str, answer: Answer, cases: Iterable[Case], returns: tuple[str, ...], said: io.StringIO
) -> list[Outcome]:
    """Run all cases; after one that ran out of time the others are not tried."""
    outcomes: list[Outcome] = []
    for case in cases:
        late = outcomes and TIMED_OUT in outcomes[-1].errors
        outcomes.append(outcomes[-1] if late else run(probe, answer, case, returns, said))
    return outcomes


def run(probe: str, answer: Answer, case: Case, returns: tuple[str, ...], said: io.StringIO) -> Outcome:
    """Run one case and return its outcome, whatever the learner's code does.

    What it prints, warns or logs to the standard streams goes to ``said``. Errors, endless recursion,
    ``sys.exit`` and calls longer than 5 s become an outcome with ``errors``; only an interrupt by the
    reader passes through.
    """
    try:
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            warnings.catch_warnings(),
            _patience(),
        ):
            warnings.simplefilter("always")
            warnings.showwarning = lambda message, category, *_: print(f"{category.__name__}: {message}")
            return Outcome(PROBES[probe](answer, case, returns))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return _failure(error)


def call_function(answer: Answer, case: Case, returns: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Call ``answer`` with the case's inputs by position; an input that it changes is returned too."""
    given = lay_out(case)
    arguments = lay_out(case)
    value = answer(*arguments.values())
    values = value if len(returns) > 1 else (value,)
    if not isinstance(values, (tuple, list)) or len(values) != len(returns):
        raise WrongTypeError(f"return {len(returns)} values: {', '.join(returns)}")
    arrays = {name: to_array(value) for name, value in zip(returns, values, strict=True)}
    for name, before in given.items():
        if isinstance(before, np.ndarray) and not np.allclose(arguments[name], before, rtol=1e-9, atol=1e-9):
            arrays[f"argument {name}"] = np.array(arguments[name])
    return arrays


def call_answer(answer: Answer, case: Case, returns: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Ask ``answer()`` for its dictionary and return the digest of one whole number in it.

    The digest stands in for the number so that the expected outputs do not spell the answers out.
    """
    answers = answer()
    question = case.inputs["question"]
    if not isinstance(answers, Mapping):
        raise WrongTypeError(f"return a dictionary, not {_kind(answers)}")
    if question not in answers:
        raise WrongTypeError(f"the dictionary has no answer to question {question!r}")
    value = answers[question]
    if value is None or value is ...:
        raise NotImplementedError
    if not _is_whole(value):
        raise WrongTypeError(f"the answer to {question!r} is a whole number, not {value!r}")
    salted = f"{case.inputs['salt']} {question} {int(value)}".encode()
    digest = hashlib.pbkdf2_hmac("sha256", salted, b"convnet-course", HASH_ROUNDS)
    return {returns[0]: np.frombuffer(digest, np.uint8)}


PROBES: dict[str, Callable[[Answer, Case, tuple[str, ...]], dict[str, NDArray[Any]]]] = {
    "function": call_function,
    "answer": call_answer,
}


def lay_out(case: Case) -> dict[str, Any]:
    """Return fresh copies of the case's inputs, in the memory layout that the case asks for."""
    return {
        name: (_every_second(value) if case.strided else value.copy())
        if isinstance(value, np.ndarray)
        else value
        for name, value in case.inputs.items()
    }


def to_array(value: Any) -> NDArray[Any]:
    """Turn a returned array or number into a plain array of its own; raise WrongTypeError for all else."""
    if value is None:
        raise WrongTypeError("it returned None: is a `return` missing?")
    if not isinstance(value, (np.ndarray, np.generic, Number)):
        raise WrongTypeError(f"it returned {_kind(value)}, not a NumPy array or a number")
    array = np.array(value, subok=False)
    if array.dtype.kind not in "biufc":
        raise WrongTypeError(f"it returned an array of {array.dtype}, not of numbers")
    if array.nbytes > LARGEST:
        raise WrongTypeError(f"it returned {array.nbytes / 2**20:.0f} MiB, far more than the task needs")
    return array


def _is_whole(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, Real) and float(value) % 1 == 0


def _every_second(array: NDArray[Any]) -> NDArray[Any]:
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), 99, array.dtype)
    view: NDArray[Any] = wide[..., ::2]
    view[...] = array
    return view


def _kind(value: Any) -> str:
    return f"an object of type {type(value).__name__}"


def _failure(error: BaseException) -> Outcome:
    names = tuple(kind.__name__ for kind in type(error).__mro__ if issubclass(kind, BaseException))
    text = str(error).strip().split("\n")[0][:200]
    if isinstance(error, WrongTypeError):
        return Outcome(errors=names, message=text)
    return Outcome(errors=names, message=f"{names[0]}: {text}" if text else names[0])


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    """Raise TimeoutError inside a call that takes longer than PATIENCE, where the platform can."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no result after {PATIENCE:.0f} s: is there an endless loop?")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
