"""Grades an assignment: sanitise, judge in worker processes, record in nbgrader's gradebook.

Only this process writes the gradebook. A submission's judgement is stored before it is recorded, and marked
as recorded afterwards, so that a run that is killed goes on where it was.
"""

from __future__ import annotations

import glob
import json
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from nbgrader.api import MissingEntry
from nbgrader.utils import parse_utc

from course_utils.check.transport import plain
from course_utils.errors import CourseError
from course_utils.grading import solution as solutions
from course_utils.grading import walls
from course_utils.grading.farm import WORKERS, Failure, judge_all
from course_utils.grading.folder import CourseFolder
from course_utils.grading.judge import Bundle
from course_utils.grading.judgements import Basis, Judged
from course_utils.grading.log import last_error, was_interrupted
from course_utils.grading.restore import read, restore
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.work import Work, merge

MANUAL = "needs manual grading"
LONGEST_DATE = 1000  # bytes of a timestamp.txt
LARGEST = 64 * 2**20  # bytes of a submitted notebook


@dataclass(frozen=True)
class Result:
    """What one learner got for one task.

    ``verdict`` is passed, partial, failed, error, not attempted, graded by hand or needs manual grading;
    ``diagnosis`` names the mistakes; ``message`` is one sentence; ``sandbox`` is where the code ran, "none"
    for nowhere safe, and empty for what no code was run for.
    """

    learner: str
    assignment: str
    task: str
    score: float
    max_score: float
    verdict: str
    diagnosis: list[str]
    message: str
    sandbox: str


class Told(NamedTuple):
    """What is told about a task besides its points."""

    verdict: str
    diagnosis: list[str]
    message: str
    sandbox: str = ""


class Grade(NamedTuple):
    """What the gradebook holds for a task."""

    score: float
    auto_score: float | None
    by_hand: bool
    waiting: bool


@dataclass(frozen=True)
class Report:
    """The results of a class, and one line for each submission that could not be graded."""

    results: list[Result]
    problems: list[str]


def grade(
    folder: CourseFolder,
    assignment: str,
    advance: Callable[[str], None] = lambda learner: None,
    sandbox: str = "bubblewrap",
    workers: int = WORKERS,
    limits: Limits | None = None,
) -> Report:
    """Grade every submission of ``assignment`` and record the scores in the gradebook.

    ``limits`` are those of the folder's ``nbgrader_config.py`` unless they are given.
    ``advance`` is called with each learner's name when that submission is done. A submission that cannot be
    graded costs the others nothing: its tasks get verdict "error", and the scores that the gradebook holds
    for the learner stay, 0 on a first submission. What is judged and recorded already is not done again. An
    interrupt passes through and leaves what is done.
    """
    walls.require_installed(sandbox)
    limits = limits or Limits.usual_but(folder.config.Judge.get("limits", {}))
    folder.config.Judge.sandbox = sandbox
    run = _Run(folder, assignment, sandbox)
    with run.work.store.lock(), ThreadPoolExecutor(1) as beside:
        proof = beside.submit(walls.require, sandbox)

        def open_bundles() -> Iterator[tuple[str, Bundle]]:
            """Sanitise one submission after the other; those that need no judge are done at once."""
            for learner in folder.learners(assignment):
                problem = run.begin(learner)
                if problem is None and run.bundles[learner].seeds:
                    proof.result()
                    yield learner, run.bundles.pop(learner)
                    continue
                if problem is None:
                    run.record(learner)
                else:
                    run.fail(learner, problem)
                advance(learner)
            proof.result()

        for learner, judgement in judge_all(open_bundles(), sandbox, limits, workers):
            if isinstance(judgement, Failure):
                run.fail(learner, judgement.reason)
            else:
                run.store(learner, merge(run.former(learner), run.bases[learner], judgement))
                run.record(learner)
            advance(learner)
        return run.report()


class _Run:
    """One run of grading: what each learner handed in, and what became of it."""

    def __init__(self, folder: CourseFolder, assignment: str, sandbox: str) -> None:
        self.folder, self.assignment = folder, assignment
        self.work = Work(folder, assignment, sandbox)
        self.solution = solutions.make(self.work.solution)
        self.released = folder.released(assignment)
        self.bases: dict[str, Basis] = {}
        self.bundles: dict[str, Bundle] = {}
        self.problems: dict[str, str] = {}

    def begin(self, learner: str) -> str | None:
        """Sanitise a submission; return what is wrong with it, or None when it can be judged."""
        path = self.folder.submission(self.assignment, learner)
        if glob.has_magic(learner):
            return "nbgrader reads no names with [, * or ?: rename the folder"
        if problem := unreadable(path):
            return problem
        try:
            notebook = restore(read(path.read_text(encoding="utf-8")), self.released)
            self.bases[learner], self.bundles[learner] = self.work.prepare(notebook, learner)
        except CourseError as error:
            return str(error)
        except Exception as error:
            return f"{path.name} is damaged ({type(error).__name__}): ask for it again"
        return None

    def former(self, learner: str) -> Judged | None:
        """Return what was judged before."""
        return self.work.store.read(self.assignment, learner)

    def store(self, learner: str, judged: Judged) -> None:
        """Store a judgement."""
        self.work.store.write(self.assignment, learner, judged)

    def fail(self, learner: str, problem: str) -> None:
        """Note why a submission is not graded, and enter it, so that the gradebook misses no learner."""
        self.problems[learner] = plain(" ".join(problem.split()))
        with self.folder.gradebook() as gradebook:
            gradebook.update_or_create_student(learner)
            gradebook.update_or_create_submission(self.assignment, learner)

    def record(self, learner: str) -> None:
        """Enter a judgement in the gradebook unless it is there, and then mark it as recorded."""
        judged = self.former(learner)
        assert judged is not None
        if judged.recorded and judged.basis == self.bases[learner] and self._is_in_gradebook(learner, judged):
            return
        outcome = self.folder.api.autograde(self.assignment, learner, force=True)
        if was_interrupted(outcome):
            raise KeyboardInterrupt
        if outcome["success"]:
            self.store(learner, replace(judged, basis=self.bases[learner], recorded=True))
        else:
            self.fail(learner, last_error(outcome))

    def report(self) -> Report:
        """Return the results of all learners in order."""
        learners = self.folder.learners(self.assignment)
        results = [result for learner in learners for result in self._results(learner)]
        problems = [
            f"{learner}: {self.problems[learner]}" for learner in learners if learner in self.problems
        ]
        return Report(results, problems)

    def _is_in_gradebook(self, learner: str, judged: Judged) -> bool:
        """Tell whether the gradebook holds what was judged, and the graded notebook is there."""
        grades = self._grades(learner)
        return self.folder.autograded(self.assignment, learner).is_file() and all(
            task in grades and grades[task].auto_score == told["score"] for task, told in judged.tasks.items()
        )

    def _results(self, learner: str) -> Iterator[Result]:
        grades = self._grades(learner)
        judged = self.former(learner)
        for task, points in self.solution.graded.items():
            held = grades.get(task, Grade(0.0, None, False, False))
            if learner in self.problems:
                told = Told("error", [], self.problems[learner])
            elif held.by_hand:
                told = Told("graded by hand", [], "")
            elif judged is not None and task in judged.tasks:
                about = judged.tasks[task]
                told = Told(about["verdict"], list(about["diagnosis"]), about["message"], about["sandbox"])
            elif held.waiting:
                told = Told(MANUAL, [], "an answer in words")
            else:
                told = Told("not attempted", [], "the answer is untouched")
            yield Result(learner, self.assignment, task, held.score, points, *told)

    def _grades(self, learner: str) -> dict[str, Grade]:
        with self.folder.gradebook() as gradebook:
            try:
                notebooks = gradebook.find_submission(self.assignment, learner).notebooks
            except MissingEntry:
                return {}
            return {
                grade.name: Grade(
                    float(grade.score or 0),
                    grade.auto_score,
                    grade.manual_score is not None,
                    bool(grade.needs_manual_grade),
                )
                for notebook in notebooks
                for grade in notebook.grades
            }


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


def unreadable(notebook: Path) -> str:
    """Say what is wrong with a submitted file; the empty text when nothing is."""
    if not notebook.is_file():
        others = ", ".join(sorted(path.name for path in notebook.parent.iterdir())) or "nothing"
        return f"no {notebook.name} among the submitted files: there is {others}"
    try:
        if notebook.stat().st_size > LARGEST:
            return f"{notebook.name} has more than {LARGEST // 2**20} MiB: ask for it without outputs"
        content: Any = json.loads(notebook.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return f"{notebook.name} is not JSON, so not a notebook: ask for it again"
    except OSError as error:
        return f"{notebook.name} cannot be read: {error.strerror}"
    if not _has_date(notebook.parent / "timestamp.txt"):
        return "timestamp.txt holds no date: mend or remove it"
    if not isinstance(content, dict) or not isinstance(content.get("cells", content.get("worksheets")), list):
        return f"{notebook.name} is JSON without cells, so not a notebook: ask for it again"
    return ""


def _has_date(path: Path) -> bool:
    """Tell whether a file holds a date that nbgrader reads; a file that is not there is as good."""
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > LONGEST_DATE:
            return False
        parse_utc(path.read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True
