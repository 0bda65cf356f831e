"""Keeps judgements in a course folder: one file for each submission, complete or not there.

A file says what it was made from, as digests: the submission, each task, and the code that judged. Whoever
reads it can tell what still holds. It is written under another name first, so that a process that is killed
leaves no half of it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import platform
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from course_utils.check import expected as expected_outputs
from course_utils.check.task import Expected
from course_utils.errors import CourseError
from course_utils.grading.solution import Solution
from course_utils.repository import PACKAGE

FOLDER = "judged"
JUDGES = ("check", "grading/judge.py", "grading/kernel.py", "grading/outputs.py", "grading/restore.py")
LIBRARIES = ("numpy", "scipy", "torch", "ipykernel")
PROVING = 1  # seed of the cases that a task's digest is made from


@dataclass(frozen=True)
class Basis:
    """What a judgement was made from, as digests; ``tasks`` has one for each task."""

    submission: str
    environment: str
    sandbox: str
    tasks: Mapping[str, str]


@dataclass(frozen=True)
class Judged:
    """A stored judgement. ``recorded`` is its completion mark: the gradebook has it."""

    basis: Basis
    outputs: Mapping[str, Any] = field(default_factory=dict)
    tasks: Mapping[str, Any] = field(default_factory=dict)
    recorded: bool = False

    def open_tasks(self, basis: Basis) -> list[str]:
        """Return the tasks that are to be judged again on ``basis``."""
        same = replace(self.basis, tasks=basis.tasks) == basis
        return [
            task
            for task, digest in basis.tasks.items()
            if not same or self.basis.tasks.get(task) != digest or task not in self.tasks
        ]


class Store:
    """The judgements of a course folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER

    def read(self, assignment: str, learner: str) -> Judged | None:
        """Return the stored judgement of a submission, or None when there is none that can be read."""
        try:
            about = json.loads(self._path(assignment, learner).read_text(encoding="utf-8"))
            return Judged(**{**about, "basis": Basis(**about["basis"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, assignment: str, learner: str, judged: Judged) -> None:
        """Store a judgement, all of it or nothing; raise CourseError where the disk takes no more."""
        path = self._path(assignment, learner)
        part = path.with_suffix(f".{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("w", encoding="utf-8") as file:
                json.dump(asdict(judged), file, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise CourseError(f"cannot write {path}: {error.strerror}") from None

    def seed(self, assignment: str, learner: str, task: str) -> int:
        """Return the seed of a task's cases for one learner: always the same, and nobody's guess."""
        text = "\0".join((assignment, learner, task)).encode()
        return int.from_bytes(hmac.digest(self._secret(), text, "sha256")[:16], "big")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Let one process at a time grade; raise CourseError when another one does."""
        try:
            self.folder.mkdir(exist_ok=True)
            file = (self.folder / "lock").open("a+")
        except OSError as error:
            raise CourseError(f"cannot write in {self.folder}: {error.strerror}") from None
        with file:
            try:
                flock(file, LOCK_EX | LOCK_NB)
            except OSError:
                file.seek(0)
                who = file.read().strip() or "another one"
                raise CourseError(
                    f"`course grade` is at work here already, as process {who}: wait until it is done"
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def _path(self, assignment: str, learner: str) -> Path:
        return self.folder / learner / f"{assignment}.json"

    def _secret(self) -> bytes:
        """Return the course's secret, which is made when it is first asked for."""
        path = self.folder / "secret"
        self.folder.mkdir(exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_bytes()
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        return path.read_bytes()


def submission_digest(notebook: Any, files: Mapping[str, bytes]) -> str:
    """Return a digest of what of a sanitised submission decides a judgement."""
    cells = [
        (cell.cell_type, cell.source, cell.metadata.get("nbgrader", {}).get("grade_id"))
        for cell in notebook.cells
    ]
    contents = [(name, hashlib.sha256(content).hexdigest()) for name, content in sorted(files.items())]
    return _digest(json.dumps([cells, contents]).encode())


def task_digests(solution: Solution) -> dict[str, str]:
    """Return a digest of each task: of some of its cases, and of what reference and mistakes make of them."""
    digests = {}
    for task in solution.tasks:
        fresh = np.random.default_rng(PROVING)
        cases = [*expected_outputs.public_cases(task), *task.cases(fresh), *task.hidden(fresh)]
        digests[task.name] = _digest(*_parts(expected_outputs.record(task, solution.reference, cases)))
    return digests


@cache
def environment_digest() -> str:
    """Return a digest of the code that judges and of the libraries that it rests on."""
    places = [PACKAGE / place for place in JUDGES]
    files = [
        file for place in places for file in ([place] if place.is_file() else sorted(place.glob("*.py")))
    ]
    versions = [f"{name} {_version(name)}" for name in LIBRARIES]
    return _digest(
        *(file.read_bytes() for file in files), " ".join([platform.python_version(), *versions]).encode()
    )


def _parts(expected: Expected) -> Iterable[bytes]:
    yield repr(
        (expected.name, dict(expected.points), expected.returns, expected.probe, expected.forbids)
    ).encode()
    for case in expected.cases:
        yield repr((case.group, case.strided, case.tolerance)).encode()
        for name, value in case.inputs.items():
            yield name.encode() + (_bytes(value) if isinstance(value, np.ndarray) else repr(value).encode())
    told = [(mistake.name, mistake.why, mistake.section) for mistake in expected.mistakes]
    yield repr(told).encode()
    for outcomes in (expected.outcomes, *(mistake.outcomes for mistake in expected.mistakes)):
        for outcome in outcomes:
            yield repr(outcome.errors).encode()
            for name, array in outcome.arrays.items():
                yield name.encode() + _bytes(array)


def _bytes(array: Any) -> bytes:
    return repr((array.shape, array.dtype.str)).encode() + np.ascontiguousarray(array).tobytes()


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
