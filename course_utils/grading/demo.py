"""Makes a class of sample submissions, from the texts that lie in a solution's ``samples`` folder.

A sample is one learner's work in jupytext's percent format: each cell is titled with the task it answers, and
replaces that task's solution cell in the released notebook. What a sample leaves out stays a stub.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jupytext
import nbformat

from course_utils.errors import CourseError
from course_utils.grading.folder import CourseFolder
from course_utils.grading.release import release


def samples(solution: Path) -> dict[str, dict[str, str]]:
    """Return for each sample learner the source of each task that the sample answers."""
    return {path.stem: read_sample(path) for path in sorted((solution / "samples").glob("*.py"))}


def read_sample(path: Path) -> dict[str, str]:
    """Return a sample's cells by task."""
    cells = jupytext.read(path, fmt="py:percent").cells
    return {cell.metadata["title"]: cell.source for cell in cells if cell.metadata.get("title")}


def fill(notebook: Any, answers: dict[str, str]) -> None:
    """Put answers into the solution cells of a released notebook, by task."""
    for cell in notebook.cells:
        about = cell.metadata.get("nbgrader", {})
        task = about.get("grade_id", "").removeprefix("solution_")
        if about.get("solution") and task in answers:
            cell.source = answers[task]


def make_class(folder: CourseFolder, assignment: str) -> list[str]:
    """Release the assignment and write every sample as a submission to it; return the learners' names.

    Raises CourseError when the folder holds submissions already: the samples would lie among them.
    """
    if (folder.root / "submitted").exists():
        raise CourseError(f"{folder.root} holds a class already: give the demo a folder of its own")
    released = release(folder, assignment) / f"{assignment}.ipynb"
    learners = samples(folder.solution(assignment))
    for learner, answers in learners.items():
        notebook = nbformat.read(released, as_version=4)
        fill(notebook, answers)
        target = folder.submission(assignment, learner)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)
    return list(learners)
