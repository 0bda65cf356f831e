"""What there is to do for a submission: what it is judged on, and which tasks are open."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import nbformat

from course_utils.grading import solution as solutions
from course_utils.grading.folder import CourseFolder
from course_utils.grading.judge import Bundle, Judgement
from course_utils.grading.judgements import (
    Basis,
    Judged,
    Store,
    environment_digest,
    submission_digest,
    task_digests,
)


class Work:
    """The judging of an assignment in a course folder."""

    def __init__(self, course: CourseFolder, assignment: str, sandbox: str) -> None:
        self.course, self.assignment, self.sandbox = course, assignment, sandbox
        self.store = Store(course.root)
        self.solution = solutions.read(course.solution(assignment))

    def prepare(self, notebook: Any, learner: str) -> tuple[Basis, Bundle]:
        """Return what a judgement of a restored notebook rests on, and a bundle with its open tasks."""
        files = self.course.files(self.assignment, learner)
        basis = Basis(
            submission_digest(notebook, files), environment_digest(), self.sandbox, _digests(self.solution)
        )
        judged = self.store.read(self.assignment, learner)
        tasks = list(basis.tasks) if judged is None else judged.open_tasks(basis)
        seeds = {task: self.store.seed(self.assignment, learner, task) for task in tasks}
        return basis, Bundle(nbformat.writes(notebook), files, self.solution, seeds)


def merge(former: Judged | None, basis: Basis, judgement: Judgement) -> Judged:
    """Return what is known after some tasks were judged; the others' verdicts hold as they did."""
    tasks = {**(former.tasks if former else {}), **judgement.tasks}
    kept = {task: tasks[task] for task in basis.tasks}
    return Judged(basis, judgement.outputs, kept)


@lru_cache(maxsize=4)
def _digests(source: solutions.Source) -> dict[str, str]:
    return task_digests(solutions.make(source))
