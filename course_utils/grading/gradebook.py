"""What leaves the gradebook: feedback pages and a table of grades."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nbgrader.plugins.export import CsvExportPlugin

from course_utils.errors import CourseError
from course_utils.grading.folder import CourseFolder
from course_utils.grading.log import last_error, was_interrupted


def graded(folder: CourseFolder, assignment: str) -> list[str]:
    """Return the learners whose submission is graded; raise CourseError when there is none."""
    folder.require(assignment)
    found = sorted(path.parent.name for path in (folder.root / "autograded").glob(f"*/{assignment}"))
    if not found:
        raise CourseError(f"nothing graded: run `course grade {assignment}` first")
    return found


def feedback(
    folder: CourseFolder, assignment: str, advance: Callable[[str], None] = lambda learner: None
) -> tuple[list[Path], list[str]]:
    """Write a feedback page for every graded submission; return the pages, and a line for each that failed.

    ``advance`` is called with each learner's name when that page is made.
    """
    pages, problems = [], []
    for learner in graded(folder, assignment):
        result = folder.api.generate_feedback(assignment, learner, force=True)
        if was_interrupted(result):
            raise KeyboardInterrupt
        if result["success"]:
            pages += sorted((folder.root / "feedback" / learner / assignment).glob("*.html"))
        else:
            problems.append(f"{learner}: {last_error(result)}")
        advance(learner)
    return pages, problems


def export(folder: CourseFolder, assignment: str, to: Path) -> Path:
    """Write the grades of ``assignment`` as a CSV table with nbgrader's exporter and return its path."""
    folder.require(assignment)
    if not folder.is_released(assignment):
        raise CourseError(f"no grades: run `course grade {assignment}` first")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with folder.gradebook() as gradebook:
            CsvExportPlugin(to=str(to), assignment=[assignment]).export(gradebook)
    except OSError as error:
        raise CourseError(f"cannot write {to}: {error.strerror}") from None
    return to


def unsettled(folder: CourseFolder, assignment: str) -> tuple[list[str], list[str]]:
    """Return the learners whose submission has no grade at all, and those who wait for a grade by hand."""
    ungraded, waiting = [], []
    with folder.gradebook() as gradebook:
        for submission in gradebook.assignment_submissions(assignment):
            grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
            if all(grade.auto_score is None and grade.manual_score is None for grade in grades):
                ungraded.append(submission.student.id)
            elif any(grade.needs_manual_grade for grade in grades):
                waiting.append(submission.student.id)
    return sorted(ungraded), sorted(waiting)
