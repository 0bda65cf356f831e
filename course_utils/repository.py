"""Where the course's own files are: lectures and exercises for all, solutions in the repository."""

from __future__ import annotations

from pathlib import Path

from course_utils.errors import CourseError

PACKAGE = Path(__file__).parent


def repository() -> Path | None:
    """Return the root of the repository that this package runs from; None for an installed package."""
    root = PACKAGE.parent
    return root if (root / "solutions").is_dir() and (root / "pyproject.toml").is_file() else None


def content() -> Path:
    """Return the folder with ``lectures/`` and ``exercises/``."""
    root = repository() or PACKAGE / "content"
    if not (root / "lectures").is_dir():
        raise CourseError("this installation has no lectures: install the course again")
    return root
