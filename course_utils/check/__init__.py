"""What runs beside the learner's code: task, case, probe, compare, diagnose, report.

In an exercise notebook, ``check(conv2d)`` runs the task's public cases, shows which groups pass, what
differs and which mistake was made, and returns the score. It needs the expected outputs that lie beside the
notebook, and no solution. A judge that does not trust the notebook uses the same parts: it records fresh
expected outputs (``expected.record``), has the probe called elsewhere (``probe.run_all``) and compares what
comes back (``verdict.judge``).
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from course_utils.check.advice import forbidden
from course_utils.check.expected import JSON, ExpectedOutputsError, load, names
from course_utils.check.probe import Said, run_all
from course_utils.check.progress import Progress, keep, read
from course_utils.check.report import Report
from course_utils.check.task import NUMPY_ONLY, Case, Task
from course_utils.check.verdict import judge

__all__ = ["NUMPY_ONLY", "Case", "Task", "check", "progress"]

HOME = Path.cwd()
"""Where the notebook began, in case it changes its working directory later."""


def check(answer: Any, task: str | None = None) -> float:
    """Check a learner's answer to a task, show the report and return the score in points.

    ``answer`` is the function or class itself. The task is the one named as the variable in the call,
    ``check(conv2d)``, else the one named as the function; ``task`` names it outright.
    What ``answer`` raises or prints ends in the report, and what it changes of its surroundings (folder,
    streams, warnings, logging) is put back.
    """
    folder = _folder()
    try:
        known = names(folder)
        name = task or _named(answer, known, sys._getframe(1))
        if name not in known:
            print(f"There is no task {name!r} here. The tasks are: {', '.join(known)}.")
            return 0.0
        expected = load(folder, name)
    except ExpectedOutputsError as error:
        print(error)
        return 0.0
    said = Said()

    def advance(number: int, seconds: float) -> None:
        if seconds > 2:
            print(f"case {number} of {len(expected.cases)} after {seconds:.0f} s", end="\r", flush=True)

    outcomes = run_all(expected.probe, answer, expected.cases, expected.returns, said, advance)
    verdict = judge(expected, outcomes)
    notes = _advice(answer, expected.forbids)
    try:
        keep(folder, verdict)
    except OSError as error:
        notes.append(f"Your progress is not kept: {folder} cannot be written ({error.strerror}).")
    _show(Report(verdict, said.getvalue(), notes))
    return verdict.score


def progress() -> None:
    """Show which tasks of the exercise beside this notebook pass, as their checks last found them."""
    try:
        _show(read(_folder()))
    except ExpectedOutputsError as error:
        print(error)


def _folder() -> Path:
    """Return the exercise's folder: where the notebook is, or where it began."""
    return next((place for place in (Path.cwd(), HOME) if (place / JSON).is_file()), HOME)


def _named(answer: Any, known: list[str], frame: FrameType) -> str:
    """Return the name that the caller wrote, or the function's own.

    After ``convolve2d = cross_correlate2d`` both variables hold a function of one name, so the source of the
    call decides where it can be had.
    """
    try:
        import executing

        call: Any = executing.Source.executing(frame).node
        written = getattr(call.args[0], "id", None)
    except Exception:
        written = None
    if written in known:
        return str(written)
    bound = [name for name in known if frame.f_globals.get(name) is answer]
    return bound[0] if len(bound) == 1 else str(getattr(answer, "__name__", type(answer).__name__))


def _advice(answer: Any, forbids: tuple[str, ...]) -> list[str]:
    """Say what the text of ``answer`` uses and will not have when it is judged."""
    try:
        source = textwrap.dedent(inspect.getsource(answer))
    except (OSError, TypeError):
        return []
    bound = getattr(answer, "__globals__", {})
    modules = {name: part.__name__ for name, part in bound.items() if isinstance(part, ModuleType)}
    return [
        f"You use {name}, which is not there when this exercise is graded: write it without."
        for name in forbidden(source, forbids, modules)
    ]


def _show(report: Report | Progress) -> None:
    """Display in a notebook, print elsewhere."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        ipython.display.display(report)
    else:
        print(report)
