"""Releases an assignment: expected outputs, the learner's notebook, and a search for leaks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from course_utils.check import expected as expected_outputs
from course_utils.errors import CourseError
from course_utils.grading import gate
from course_utils.grading import solution as solutions
from course_utils.grading.folder import CourseFolder
from course_utils.grading.log import last_error


def release(folder: CourseFolder, assignment: str) -> Path:
    """Build ``exercises/ASSIGNMENT`` and enter its cells in the gradebook; return the released folder.

    Raises CourseError, naming the files, when something in the learner's folder gives an answer away; the
    former release then stands as it was.
    """
    place = folder.solution(assignment)
    solution = solutions.load(place)
    solutions.verify(solution)
    recorded = [
        expected_outputs.record(task, solution.reference, expected_outputs.public_cases(task))
        for task in solution.tasks
    ]
    expected_outputs.save(place, recorded)
    released = folder.root / "exercises" / assignment
    with _restored_on_failure(released):
        result = folder.api.generate_assignment(assignment)
        if not result["success"]:
            raise CourseError(f"nbgrader could not release {assignment}: {last_error(result)}")
        inspect(folder, solution, released)
    return released


def inspect(folder: CourseFolder, solution: solutions.Solution, released: Path) -> None:
    """Raise CourseError when a file of the release, or a lecture beside it, holds what it must not.

    A release is the notebook and its expected outputs: whatever else lies there got there by accident.
    """
    parts = {f"{solution.assignment}.ipynb", expected_outputs.JSON, expected_outputs.NPZ}
    lectures = sorted((folder.root / "lectures").glob("*.ipynb"))
    files = [path for path in sorted(released.rglob("*")) if path.is_file()]
    strays = [path for path in files if str(path.relative_to(released)) not in parts]
    found = [f"{path}: not a part of the release, remove it from the solution's folder" for path in strays]
    found += gate.leaks([*files, *lectures], [solution])
    if found:
        lines = [str(Path(line).relative_to(folder.root)) for line in found]
        raise CourseError("not released, because a learner would get: " + "; ".join(lines))


@contextmanager
def _restored_on_failure(released: Path) -> Iterator[None]:
    """Put the former release back, or nothing if there was none, when the body fails."""
    with tempfile.TemporaryDirectory() as kept:
        former = Path(kept) / released.name
        if released.is_dir():
            shutil.copytree(released, former)
        try:
            yield
        except BaseException:
            shutil.rmtree(released, ignore_errors=True)
            if former.is_dir():
                shutil.copytree(former, released)
            raise
