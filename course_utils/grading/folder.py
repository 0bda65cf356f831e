"""A course folder: solutions, releases, submissions and nbgrader's gradebook, laid out as nbgrader does."""

from __future__ import annotations

import glob
import logging
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbformat.warnings import MissingIDFieldWarning
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGraderAPI
from sqlalchemy.exc import SAWarning, SQLAlchemyError
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from course_utils.check.progress import FILE as PROGRESS
from course_utils.errors import CourseError
from course_utils.grading.config import configure
from course_utils.repository import repository

SETTINGS = "nbgrader_config.py"
MOST_FILES = 1000
LARGEST_FILES = 64 * 2**20  # bytes of all files beside a notebook


class CourseFolder:
    """The folder that the instructor's verbs work on.

    An assignment whose solution is not in the folder is brought from the course's repository, so that an
    empty folder is a course folder too.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        tools = str(Path(sys.executable).parent)  # nbgrader calls alembic by name to make a gradebook
        os.environ["PATH"] = os.pathsep.join([tools, os.environ.get("PATH", os.defpath)])
        _ignore_warnings()
        if glob.has_magic(str(self.root)):
            raise CourseError(f"nbgrader reads no folders with [, * or ? in their names: rename {self.root}")
        if not self.root.is_dir():
            raise CourseError(f"{root} is not a folder: make it first, or name another with --course")
        if not os.access(self.root, os.W_OK):
            raise CourseError(f"{self.root} cannot be written: choose another folder with --course")

    @cached_property
    def config(self) -> Any:
        """The course's settings, then those of the folder's own ``nbgrader_config.py``."""
        config = Config()
        configure(config)
        if (self.root / SETTINGS).is_file():
            try:
                config.merge(PyFileConfigLoader(SETTINGS, path=str(self.root)).load_config())
            except Exception as error:
                raise CourseError(f"{self.root / SETTINGS} cannot be read: {error!r}") from None
        config.CourseDirectory.root = str(self.root)
        return config

    @cached_property
    def api(self) -> Any:
        """The interface of nbgrader to this folder; its log goes nowhere but into results."""
        api = NbGraderAPI(config=self.config)
        api.log.setLevel(logging.INFO)
        return api

    @contextmanager
    def gradebook(self) -> Iterator[Any]:
        """Open nbgrader's gradebook; raise CourseError when the database cannot be used."""
        url = self.config.CourseDirectory.get("db_url", f"sqlite:///{self.root / 'gradebook.db'}")
        _ignore_warnings()
        try:
            with Gradebook(url, self.config.CourseDirectory.course_id) as gradebook:
                yield gradebook
        except (SQLAlchemyError, ImportError, subprocess.CalledProcessError) as error:
            reason = str(error).strip().split("\n")[0]
            raise CourseError(f"the gradebook {url} cannot be used: {reason}") from None

    def require(self, assignment: str) -> None:
        """Raise CourseError, naming the assignments there are, when there is no such one."""
        known = set(assignments(self.root))
        if home := repository():
            known |= set(assignments(home))
        if assignment not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise CourseError(f"unknown assignment {assignment!r}: the course has {listed}")

    def solution(self, assignment: str) -> Path:
        """Return the folder of an assignment's solution, brought from the repository if need be.

        With the first one comes an ``nbgrader_config.py``, so that nbgrader's own commands and formgrader see
        the folder as the ``course`` command does.
        """
        self.require(assignment)
        here, home = self.root / "solutions" / assignment, repository()
        if not (here / "tasks.py").is_file() and home is not None:
            shutil.copytree(
                home / "solutions" / assignment, here, ignore=shutil.ignore_patterns("__pycache__")
            )
            if not (self.root / SETTINGS).exists():
                shutil.copy(home / SETTINGS, self.root)
        return here

    def is_released(self, assignment: str) -> bool:
        """Tell whether the gradebook knows the assignment's cells and the release lies in the folder."""
        with self.gradebook() as gradebook:
            try:
                notebooks = gradebook.find_assignment(assignment).notebooks
            except MissingEntry:
                return False
            return bool(notebooks) and (self.root / "exercises" / assignment).is_dir()

    def learners(self, assignment: str) -> list[str]:
        """Return the learners who submitted an assignment; raise CourseError when nobody did."""
        found = sorted(path.parent.name for path in (self.root / "submitted").glob(f"*/{assignment}"))
        if not found:
            place = self.root / "submitted" / "LEARNER" / assignment / f"{assignment}.ipynb"
            raise CourseError(f"nothing submitted: put notebooks at {place}")
        return found

    def released(self, assignment: str) -> Any:
        """Return the released notebook of an assignment; raise CourseError when it is not there."""
        path = self.root / "exercises" / assignment / f"{assignment}.ipynb"
        try:
            return nbformat.read(path, as_version=4)
        except (OSError, ValueError):
            raise CourseError(f"{path} cannot be read: run `course release {assignment}`") from None

    def files(self, assignment: str, learner: str) -> dict[str, bytes]:
        """Return what lies beside a learner's notebook: the other submitted files, and the release's.

        Raises CourseError where a submission holds links or other things that are no files, or too much.
        """
        submitted = self.submission(assignment, learner).parent
        found: dict[str, bytes] = {}
        for folder in (submitted, self.root / "exercises" / assignment):
            for path in sorted(folder.rglob("*")):
                name = str(path.relative_to(folder))
                if path.name == PROGRESS or (path.is_dir() and not path.is_symlink()):
                    continue
                if path.is_symlink() or not path.is_file():
                    raise CourseError(f"{name} is a link or no ordinary file: remove it")
                if path.suffix != ".ipynb" and ".ipynb_checkpoints" not in path.parts:
                    if len(found) >= MOST_FILES or path.stat().st_size > LARGEST_FILES:
                        raise CourseError(f"too many or too large files beside {assignment}.ipynb: {name}")
                    found[name] = path.read_bytes()
        if sum(map(len, found.values())) > LARGEST_FILES:
            raise CourseError(f"more than {LARGEST_FILES // 2**20} MiB beside {assignment}.ipynb")
        return found

    def autograded(self, assignment: str, learner: str) -> Path:
        """Return where a learner's graded notebook lies."""
        return self.root / "autograded" / learner / assignment / f"{assignment}.ipynb"

    def submission(self, assignment: str, learner: str) -> Path:
        """Return where a learner's submitted notebook lies."""
        return self.root / "submitted" / learner / assignment / f"{assignment}.ipynb"


def _ignore_warnings() -> None:
    """Ignore warnings that nbgrader's own queries and learners' old notebooks set off."""
    warnings.filterwarnings("ignore", category=SAWarning)
    warnings.filterwarnings("ignore", category=MissingIDFieldWarning)


def assignments(root: Path) -> list[str]:
    """Return the assignments whose solutions lie below ``root``."""
    return sorted(path.parent.name for path in (root / "solutions").glob("*/tasks.py"))
