"""Grades an assignment with nbgrader's own autograde and says what every learner got for every task, and why.

The score of a task is what the gradebook holds; verdict, diagnosis and message are read from the report that
the check cell left in the autograded notebook. That cell ran inside the learner's kernel, so this form of
grading trusts the submission.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from course_utils.check.report import VERDICT_MIME
from course_utils.errors import CourseError
from course_utils.grading import solution as solutions
from course_utils.grading.folder import CourseFolder
from course_utils.grading.log import last_error, was_interrupted

MANUAL = "needs manual grading"


@dataclass(frozen=True)
class Result:
    """What one learner got for one task.

    ``verdict`` is passed, partial, failed, error, not attempted, graded by hand or needs manual grading;
    ``diagnosis`` names the mistakes; ``message`` is one sentence.
    """

    learner: str
    assignment: str
    task: str
    score: float
    max_score: float
    verdict: str
    diagnosis: list[str]
    message: str


class Told(NamedTuple):
    """What is told about a task besides its points."""

    verdict: str
    diagnosis: list[str]
    message: str


@dataclass(frozen=True)
class Report:
    """The results of a class, and one line for each submission that could not be graded."""

    results: list[Result]
    problems: list[str]


def grade(
    folder: CourseFolder, assignment: str, advance: Callable[[str], None] = lambda learner: None
) -> Report:
    """Grade every submission of ``assignment`` and record the scores in the gradebook.

    ``advance`` is called with each learner's name before that submission is graded. A submission that cannot
    be graded costs the others nothing: its tasks get verdict "error", and the scores that the gradebook holds
    for the learner stay, 0 on a first submission. An interrupt passes through and leaves what is done.
    """
    solution = solutions.load(folder.solution(assignment))
    results: list[Result] = []
    problems: list[str] = []
    for learner in folder.learners(assignment):
        advance(learner)
        problem = _unreadable(folder.submission(assignment, learner))
        if problem:
            _enter(folder, assignment, learner)
        else:
            outcome = folder.api.autograde(assignment, learner, force=True)
            if was_interrupted(outcome):
                raise KeyboardInterrupt
            problem = "" if outcome["success"] else last_error(outcome)
        if problem:
            problems.append(f"{learner}: {problem}")
        results += _results(folder, solution, learner, problem)
    return Report(results, problems)


def writable(path: Path) -> Path:
    """Return ``path``; raise CourseError when no file can be written there."""
    if (
        not path.parent.is_dir()
        or path.is_dir()
        or not os.access(path if path.exists() else path.parent, os.W_OK)
    ):
        raise CourseError(f"cannot write {path}: no such folder, or no permission")
    return path


def write_json(results: list[Result], path: Path) -> None:
    """Write one JSON object for each learner and task, as a list."""
    text = json.dumps([asdict(result) for result in results], indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _unreadable(notebook: Path) -> str:
    """Say what is wrong with a submitted file; the empty text when nothing is."""
    if not notebook.is_file():
        others = ", ".join(sorted(path.name for path in notebook.parent.iterdir())) or "nothing"
        return f"no {notebook.name} among the submitted files: there is {others}"
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return f"{notebook.name} is not JSON, so not a notebook: ask for it again"
    if not isinstance(content, dict) or not isinstance(content.get("cells", content.get("worksheets")), list):
        return f"{notebook.name} is JSON without cells, so not a notebook: ask for it again"
    return ""


def _enter(folder: CourseFolder, assignment: str, learner: str) -> None:
    """Enter an unreadable submission in the gradebook, so that the learner is not missing from it."""
    with folder.gradebook() as gradebook:
        gradebook.update_or_create_student(learner)
        gradebook.update_or_create_submission(assignment, learner)


def _results(
    folder: CourseFolder, solution: solutions.Solution, learner: str, problem: str
) -> Iterator[Result]:
    scores = _scores(folder, solution, learner)
    cells = {} if problem else _graded_cells(folder, solution, learner)
    names = {task.name for task in solution.tasks}
    for task, points in solution.graded.items():
        score, by_hand, waiting = scores.get(task, (0.0, False, False))
        if problem:
            told = Told("error", [], problem)
        elif by_hand:
            told = Told("graded by hand", [], "")
        elif task in names:
            told = _reported(cells.get(task))
        elif waiting:
            told = Told(MANUAL, [], "an answer in words")
        else:
            told = Told("not attempted", [], "the answer is untouched")
        yield Result(learner, solution.assignment, task, score, points, *told)


def _scores(
    folder: CourseFolder, solution: solutions.Solution, learner: str
) -> dict[str, tuple[float, bool, bool]]:
    """Return score, graded by hand, and waiting for it, for every graded cell in the gradebook."""
    from nbgrader.api import MissingEntry

    with folder.gradebook() as gradebook:
        try:
            notebooks = gradebook.find_submission(solution.assignment, learner).notebooks
        except MissingEntry:
            return {}
        return {
            grade.name: (
                float(grade.score or 0),
                grade.manual_score is not None,
                bool(grade.needs_manual_grade),
            )
            for notebook in notebooks
            for grade in notebook.grades
        }


def _graded_cells(folder: CourseFolder, solution: solutions.Solution, learner: str) -> dict[str, Any]:
    path = folder.root / "autograded" / learner / solution.assignment / f"{solution.assignment}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    about = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells}
    return {task: about[task] for task in solution.graded if task in about}


def _reported(cell: Any) -> Told:
    """Return what a check cell's outputs tell."""
    outputs = cell.outputs if cell is not None else []
    for output in outputs:
        told = output.get("data", {}).get(VERDICT_MIME)
        if told:
            return Told(told["verdict"], list(told["diagnosis"]), told["message"])
    for output in outputs:
        if output.output_type == "error":
            return Told("error", [], f"{output.ename}: {output.evalue}".split("\n")[0])
    printed = "".join(output.get("text", "") for output in outputs).strip()
    return Told("error", [], printed.split("\n")[0] or "the check cell left no report")
