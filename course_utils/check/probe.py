"""Calls a learner's object on a case and returns named arrays: the only code that touches it.

A probe is small, generic and public: it holds no expected value, so that it can run inside a kernel that
is not trusted while the comparison happens outside.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import io
import logging
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Number, Real
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.check import race
from course_utils.check.modules import call_module
from course_utils.check.task import Answer, Case, Outcome, WrongTypeError

LARGEST = 64 * 2**20  # bytes of one returned array
PATIENCE = 5.0  # seconds for one call,
BUDGET = 20.0  # and for all calls of a task
MOST_VALUES = 100  # arrays in a returned list
LONGEST = 200  # characters of one line of a report
HASH_ROUNDS = 20_000  # makes guessing every number slow while one check stays below 0.1 s


class OutOfTimeError(BaseException):
    """A call took too long. It is not an Exception, so that ``except Exception`` does not swallow it."""


class Said(io.StringIO):
    """Stands in for a stream and keeps the beginning of what a learner's code prints."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        """Keep ``text`` while less than 2,000 characters are held."""
        if self.tell() < 2_000:
            super().write(_printable(text[:2_000]))
        return len(text)

    def close(self) -> None:
        """Stay open: a learner's code may close the stream that it prints to."""


def run_all(
    probe: str,
    answer: Answer,
    cases: Sequence[Case],
    returns: tuple[str, ...],
    said: Said,
    advance: Callable[[int, float], None] = lambda number, seconds: None,
    patience: float = PATIENCE,
    budget: float = BUDGET,
) -> list[Outcome]:
    """Run all cases and return their outcomes; after one that ran out of time the others are not tried.

    ``advance`` is called before each case with its number, from 1, and the seconds since the first one began.
    ``patience`` is how many seconds one call may take, ``budget`` all of them; both grow where a case asks
    for more than ``PATIENCE``.
    """
    outcomes: list[Outcome] = []
    begun = time.monotonic()
    longer = [case.seconds * patience / PATIENCE for case in cases]
    budget += sum(longer)
    for number, (case, more) in enumerate(zip(cases, longer, strict=True), 1):
        seconds = time.monotonic() - begun
        if outcomes and OutOfTimeError.__name__ in outcomes[-1].errors:
            outcomes.append(outcomes[-1])
        elif seconds > budget:
            outcomes.append(_failure(OutOfTimeError(f"only {number - 1} cases in {budget:.0f} s"), answer))
        else:
            advance(number, seconds)
            outcomes.append(run(probe, answer, case, returns, said, max(patience, more)))
    return outcomes


def run(
    probe: str, answer: Answer, case: Case, returns: tuple[str, ...], said: Said, patience: float = PATIENCE
) -> Outcome:
    """Run one case and return its outcome, whatever the learner's code does.

    What it prints, warns or logs to the standard streams goes to ``said``. Errors, endless recursion,
    ``sys.exit`` and calls longer than ``patience`` become an outcome with ``errors``; only an interrupt by
    the reader passes through.
    """
    seconds = 0.0

    def timed(*arguments: Any) -> Any:
        nonlocal seconds
        begin = time.perf_counter()
        value = answer(*arguments)
        seconds = time.perf_counter() - begin
        return value

    def call() -> tuple[dict[str, NDArray[Any]], float]:
        with _patience(patience), _surroundings_kept(said):
            return PROBES[probe](timed, case, returns), seconds

    try:
        if not case.multiply_adds:
            return Outcome(call()[0])
        arrays, speed = race.race(call, case.multiply_adds, enough=3 * race.FASTER)
        return Outcome(arrays, speed=speed)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return _failure(error, answer)


def call_function(answer: Answer, case: Case, returns: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Call ``answer`` with the case's inputs by position; an input that it changes is returned too."""
    arguments = lay_out(case)
    value = answer(*arguments.values())
    values = value if len(returns) > 1 else (value,)
    if not isinstance(values, (tuple, list)) or len(values) != len(returns):
        count = f"{len(values)} values" if isinstance(values, (tuple, list)) else _kind(values)
        raise WrongTypeError(f"it returned {count}, not {len(returns)} values: {', '.join(returns)}")
    arrays = {name: to_array(value) for name, value in zip(returns, values, strict=True)}
    return arrays | _changed(case, arguments)


def call_with_formula(answer: Answer, case: Case, returns: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Call ``answer`` with a function for each input that is text: a formula such as ``np.sum(x ** 2)``."""
    functions = {name: _function(value) for name, value in case.inputs.items() if isinstance(value, str)}
    arguments = lay_out(case) | functions
    return {returns[0]: to_array(answer(*arguments.values()))} | _changed(case, arguments)


def call_for_list(answer: Answer, case: Case, returns: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Call ``answer``, which returns a list of any number of arrays, and number them: ``params[0]``, ..."""
    arguments = lay_out(case)
    values = answer(*arguments.values())
    if values is None:
        raise WrongTypeError("it returned None: is a `return` missing?")
    if not isinstance(values, (tuple, list)):
        raise WrongTypeError(f"it returned {_kind(values)}, not a list of arrays")
    if len(values) > MOST_VALUES:
        raise WrongTypeError(f"it returned a list of {len(values)} values, far more than the task needs")
    arrays = {f"{returns[0]}[{i}]": to_array(value) for i, value in enumerate(values)}
    return arrays | _changed(case, arguments)


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
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if value is None or value is ...:
        raise NotImplementedError("no answer yet")
    if not _is_whole(value):
        raise WrongTypeError(f"the answer to {question!r} is a whole number, not {value!r}")
    salted = f"{case.inputs['salt']} {question} {int(value)}".encode()
    digest = hashlib.pbkdf2_hmac("sha256", salted, b"convnet-course", HASH_ROUNDS)
    return {returns[0]: np.frombuffer(digest, np.uint8)}


PROBES: dict[str, Callable[[Answer, Case, tuple[str, ...]], dict[str, NDArray[Any]]]] = {
    "function": call_function,
    "answer": call_answer,
    "formula": call_with_formula,
    "list": call_for_list,
    "module": call_module,
}


def lay_out(case: Case) -> dict[str, Any]:
    """Return fresh copies of the case's inputs, in the memory layout that the case asks for."""

    def fresh(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(fresh(part) for part in value)
        if isinstance(value, np.ndarray):
            return _every_second(value) if case.strided else value.copy()
        return value

    return {name: fresh(value) for name, value in case.inputs.items()}


def to_array(value: Any) -> NDArray[Any]:
    """Turn a returned array or number into a plain array of its own; raise WrongTypeError for all else."""
    if value is None:
        raise WrongTypeError("it returned None: is a `return` missing?")
    if inspect.iscoroutine(value):
        value.close()
    if not isinstance(value, (np.ndarray, np.generic, Number)):
        raise WrongTypeError(f"it returned {_kind(value)}, not a NumPy array or a number")
    if isinstance(value, np.ndarray) and value.nbytes > LARGEST:
        raise WrongTypeError(f"it returned {value.nbytes / 2**20:.0f} MiB, far more than the task needs")
    array = np.array(value, subok=False)
    if array.dtype.kind not in "biufc":
        raise WrongTypeError(f"it returned an array of {array.dtype}, not of numbers")
    return array.astype(np.float64) if array.dtype == np.longdouble else array


def _function(formula: str) -> Callable[[Any], float]:
    """Return the function of ``x`` that a formula states."""
    code = compile(formula, "<formula>", "eval")
    return lambda x: float(eval(code, {"np": np, "x": x}))


def _changed(case: Case, arguments: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the arrays among ``arguments`` that are no longer what the case gave, as ``argument NAME``."""
    changed = {}
    for name, given in case.inputs.items():
        if isinstance(given, np.ndarray):
            pairs = {name: (given, arguments[name])}
        elif isinstance(given, (list, tuple)) and len(given) == len(arguments[name]):
            pairs = {f"{name}[{i}]": pair for i, pair in enumerate(zip(given, arguments[name], strict=True))}
        elif isinstance(given, (list, tuple)):
            changed[f"argument {name}"] = np.zeros(0)
            continue
        else:
            continue
        for place, (before, after) in pairs.items():
            if isinstance(before, np.ndarray) and not _unchanged(before, np.asarray(after)):
                changed[f"argument {place}"] = np.array(after)
    return changed


def _unchanged(before: NDArray[Any], after: NDArray[Any]) -> bool:
    """Tell whether an argument is as it was, but for the rounding of a change that was taken back."""
    if after.shape != before.shape or after.dtype != before.dtype:
        return False
    if before.dtype.kind != "f":
        return np.array_equal(before, after)
    rounding = 64 * float(np.finfo(before.dtype).eps) * float(np.max(np.abs(before), initial=0))
    return np.allclose(after, before, rtol=0, atol=rounding)


def _is_whole(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, Real) and float(value) % 1 == 0


def _every_second(array: NDArray[Any]) -> NDArray[Any]:
    """Return the same values as a view of every second cell of a larger array, along each axis."""
    wide = np.full([2 * size + 3 for size in array.shape], 99, array.dtype)
    view: NDArray[Any] = wide[tuple(slice(1, 2 * size, 2) for size in array.shape)]
    view[...] = array
    return view


def _kind(value: Any) -> str:
    return f"an object of type {type(value).__name__}"


def _failure(error: BaseException, answer: Answer) -> Outcome:
    names = tuple(kind.__name__ for kind in type(error).__mro__ if issubclass(kind, BaseException))
    try:
        text = _printable(str(error)).strip().split("\n")[0][:LONGEST]
    except Exception:
        text = ""
    if isinstance(error, (WrongTypeError, OutOfTimeError)):
        return Outcome(errors=names, message=text)
    if unwritten := _unwritten_part(error, answer):
        return Outcome(errors=("UnwrittenPartError", *names), message=f"{unwritten} is not written yet")
    where = _where(error)
    return Outcome(errors=names, message=f"{names[0]}: {text}{where}" if text else f"{names[0]}{where}")


def _where(error: BaseException) -> str:
    """Return the learner's own line that the error came from: not one of a library, nor of the course."""
    libraries = (sys.prefix, sys.base_prefix, str(Path(__file__).parent))
    for step in reversed(traceback.extract_tb(error.__traceback__)):
        if step.line and not step.filename.startswith(libraries):
            return f" (line {step.lineno}: {step.line[:LONGEST]})"
    return ""


def _unwritten_part(error: BaseException, answer: Answer) -> str:
    """Return the name of another stub that the answer calls, if that is what raised the error."""
    if not isinstance(error, NotImplementedError) or error.__traceback__ is None:
        return ""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    raised, start = frame.f_code, getattr(answer, "__init__", None) if isinstance(answer, type) else answer
    if raised is getattr(start, "__code__", raised) or raised.co_filename == __file__:
        return ""
    if raised.co_name == "_forward_unimplemented":  # what PyTorch calls where a module has no forward
        return "forward"
    return raised.co_qualname.rpartition("<locals>.")[2].removesuffix(".__init__")


def _printable(text: str) -> str:
    """Return text that any stream can write: lone surrogates are spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()


@contextlib.contextmanager
def _surroundings_kept(said: Said) -> Iterator[None]:
    """Send streams and warnings to ``said``; afterwards all is as before, and no figure is left open."""
    folder, handlers = Path.cwd(), logging.root.handlers[:]
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    figures = set(pyplot.get_fignums()) if pyplot else set()
    try:
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            warnings.catch_warnings(),
            np.errstate(),
        ):
            warnings.simplefilter("always")
            warnings.showwarning = lambda message, category, *_: print(f"{category.__name__}: {message}")
            yield
    finally:
        os.chdir(folder)
        logging.root.handlers[:] = handlers
        for number in set(pyplot.get_fignums()) - figures if pyplot else ():
            pyplot.close(number)


@contextlib.contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Raise OutOfTimeError in a call that takes longer than ``seconds``, where the platform can.

    It is raised after the call too, in case the call swallowed it.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    late = OutOfTimeError(f"no result after {seconds:g} s: is there an endless loop?")
    fired = []

    def stop(signum: int, frame: FrameType | None) -> None:
        fired.append(signum)
        raise late

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
        if fired:
            raise late
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
