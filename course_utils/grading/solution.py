"""Loads an assignment's solution: the reference from its notebook, tasks and mistakes from ``tasks.py``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import nbformat
import numpy as np

from course_utils.check.expected import public_cases, record_reference
from course_utils.check.probe import Said, run_all
from course_utils.check.task import Task
from course_utils.check.verdict import judge
from course_utils.errors import CourseError

LOAD = 300.0  # seconds that an oracle may take: its first call may load torch
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


@dataclass(frozen=True)
class Solution:
    """An assignment as its instructor holds it.

    ``reference`` has the solution's functions as attributes; ``texts`` are the parts of the source notebook
    that a release takes out.
    """

    assignment: str
    notebook: Any
    reference: SimpleNamespace
    tasks: tuple[Task, ...]
    texts: tuple[str, ...]

    @property
    def graded(self) -> dict[str, float]:
        """Grade id and points of every graded cell, in the notebook's order."""
        cells = (cell.metadata.get("nbgrader", {}) for cell in self.notebook.cells)
        return {about["grade_id"]: about["points"] for about in cells if about.get("grade")}


@dataclass(frozen=True)
class Source:
    """The texts that a solution is made of, so that it can be made where its folder is not."""

    assignment: str
    notebook: str
    tasks: str


def read(folder: Path) -> Source:
    """Read the texts of the solution in ``folder``, which is named as the assignment."""
    texts = [(folder / name).read_text(encoding="utf-8") for name in (f"{folder.name}.ipynb", "tasks.py")]
    return Source(folder.name, *texts)


def load(folder: Path) -> Solution:
    """Load the solution in ``folder``, which is named as the assignment, and check that its parts agree."""
    return make(read(folder))


def make(source: Source) -> Solution:
    """Make a solution from its texts, and raise CourseError where its parts do not agree."""
    notebook = nbformat.reads(source.notebook, as_version=4)
    solution = Solution(
        assignment=source.assignment,
        notebook=notebook,
        reference=_reference(notebook),
        tasks=_tasks(source),
        texts=_texts(notebook),
    )
    tasks = {task.name: sum(task.points.values()) for task in solution.tasks}
    checked = {cell.metadata["nbgrader"]["grade_id"] for cell in notebook.cells if is_check(cell)}
    if strays := checked - set(tasks):
        raise CourseError(f"{source.assignment}: no task for the check cell of {', '.join(sorted(strays))}")
    for name, points in tasks.items():
        if solution.graded.get(name) != points:
            raise CourseError(
                f"{source.assignment}: the check cell of {name} is worth {solution.graded.get(name)}, "
                f"the groups of its task {points}: make them agree"
            )
    return solution


def is_check(cell: Any) -> bool:
    """Tell whether a cell holds the check of a task: it is graded, and nothing of it is the learner's."""
    about = cell.metadata.get("nbgrader", {})
    return cell.cell_type == "code" and bool(about.get("grade")) and not about.get("solution")


def verify(solution: Solution) -> None:
    """Compare the reference of every task with its oracle; raise CourseError where they differ."""
    for task in solution.tasks:
        if task.oracle is None:
            continue
        cases = [*public_cases(task), *task.hidden(np.random.default_rng(0))]
        verdict = judge(
            record_reference(task, solution.reference, cases),
            run_all(task.probe, task.oracle, cases, task.returns, Said(), patience=LOAD, budget=LOAD),
            faster=0,
        )
        if verdict.score < verdict.max_score:
            raise CourseError(f"{solution.assignment}: {task.name} and its oracle differ: {verdict.message}")


def _reference(notebook: Any) -> SimpleNamespace:
    """Run the set-up and solution cells, and nothing else, in a namespace of their own."""
    space: dict[str, Any] = {"__name__": "reference"}
    for cell in notebook.cells:
        solution = cell.metadata.get("nbgrader", {}).get("solution")
        if cell.cell_type == "code" and (solution or "setup" in cell.metadata.get("tags", [])):
            exec(compile(cell.source, "<reference>", "exec"), space)
    return SimpleNamespace(**space)


def _tasks(source: Source) -> tuple[Task, ...]:
    """Run the text of ``tasks.py`` as a module."""
    module = ModuleType(f"{source.assignment}_tasks")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    exec(compile(source.tasks, f"<{module.__name__}>", "exec"), vars(module))
    return tuple(module.TASKS)


def _texts(notebook: Any) -> tuple[str, ...]:
    texts = []
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            if cell.cell_type == "markdown":
                texts.append(cell.source)
            texts += [part.split(END)[0] for part in cell.source.split(BEGIN)[1:]]
    return tuple(texts)
