"""A temporary folder for everything that kernels need while grading goes on, and nothing of it afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

PREFIX = "course-kernels-"


class Scratch:
    """The folder exists in this context. What a process left that was killed is removed by the next one.

    Whoever uses a folder holds a lock on the folder itself.
    """

    def __init__(self) -> None:
        # The path of a socket has at most 107 characters, so the system's own folder may be too deep.
        self.parent = Path("/tmp" if os.access("/tmp", os.W_OK) else tempfile.gettempdir())

    def __enter__(self) -> Path:
        for folder in self.parent.glob(f"{PREFIX}*"):
            _sweep(folder)
        while not self._made():
            continue
        return self.folder

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self.lock)

    def _made(self) -> bool:
        """Make the folder and lock it; False where another process swept it up before it was locked."""
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self.parent))
        try:
            self.lock = os.open(self.folder, os.O_RDONLY)
        except FileNotFoundError:
            return False
        flock(self.lock, LOCK_EX)
        if not self.folder.exists():
            os.close(self.lock)
            return False
        self.folder.chmod(0o711)
        return True


def _sweep(folder: Path) -> None:
    """Remove a folder that no living process holds."""
    try:
        lock = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        flock(lock, LOCK_EX | LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(lock)
