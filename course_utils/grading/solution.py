"""Loads an assignment's solution: the reference from its notebook, tasks and mistakes from ``tasks.py``."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np

from course_utils.check.expected import public_cases, record
from course_utils.check.probe import Said, run_all
from course_utils.check.task import Task
from course_utils.check.verdict import judge
from course_utils.errors import CourseError

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


@dataclass(frozen=True)
class Solution:
    """An assignment as its instructor holds it.

    ``reference`` has the solution's functions as attributes; ``texts`` are the parts of the source notebook
    that a release takes out.
    """

    assignment: str
    folder: Path
    notebook: Any
    reference: SimpleNamespace
    tasks: tuple[Task, ...]
    texts: tuple[str, ...]

    @property
    def graded(self) -> dict[str, float]:
        """Grade id and points of every graded cell, in the notebook's order."""
        cells = (cell.metadata.get("nbgrader", {}) for cell in self.notebook.cells)
        return {about["grade_id"]: about["points"] for about in cells if about.get("grade")}


def load(folder: Path) -> Solution:
    """Load the solution in ``folder``, which is named as the assignment, and check that its parts agree."""
    notebook = nbformat.read(folder / f"{folder.name}.ipynb", as_version=4)
    solution = Solution(
        assignment=folder.name,
        folder=folder,
        notebook=notebook,
        reference=_reference(notebook),
        tasks=_tasks(folder / "tasks.py"),
        texts=_texts(notebook),
    )
    for task in solution.tasks:
        points = sum(task.points.values())
        if solution.graded.get(task.name) != points:
            raise CourseError(
                f"{folder.name}: the check cell of {task.name} is worth {solution.graded.get(task.name)}, "
                f"the groups of its task {points}: make them agree"
            )
    return solution


def verify(solution: Solution) -> None:
    """Compare the reference of every task with its oracle; raise CourseError where they differ."""
    for task in solution.tasks:
        if task.oracle is None:
            continue
        cases = [*public_cases(task), *task.hidden(np.random.default_rng(0))]
        verdict = judge(
            record(task, solution.reference, cases),
            run_all(task.probe, task.oracle, cases, task.returns, Said()),
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


def _tasks(path: Path) -> tuple[Task, ...]:
    """Import ``tasks.py`` without leaving bytecode beside it."""
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_tasks", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes
    return tuple(module.TASKS)


def _texts(notebook: Any) -> tuple[str, ...]:
    texts = []
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            if cell.cell_type == "markdown":
                texts.append(cell.source)
            texts += [part.split(END)[0] for part in cell.source.split(BEGIN)[1:]]
    return tuple(texts)
