"""A temporary folder for everything that kernels need while grading goes on, and nothing of it afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

PREFIX = "course-kernels-"
LOCK = "lock"


class Scratch:
    """The folder exists in this context. What a process left that was killed is removed by the next one."""

    def __init__(self) -> None:
        # The path of a socket has at most 107 characters, so the system's own folder may be too deep.
        self.parent = Path("/tmp" if os.access("/tmp", os.W_OK) else tempfile.gettempdir())

    def __enter__(self) -> Path:
        for folder in self.parent.glob(f"{PREFIX}*"):
            self._sweep(folder)
        while not self._made():
            continue
        return self.folder

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.file.close()

    def _made(self) -> bool:
        """Make the folder and hold its lock; False where another process swept it up before it was held."""
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self.parent))
        try:
            self.folder.chmod(0o711)
            self.file = (self.folder / LOCK).open("w")
        except FileNotFoundError:
            return False
        flock(self.file, LOCK_EX)
        if (self.folder / LOCK).exists():
            return True
        self.file.close()
        return False

    def _sweep(self, folder: Path) -> None:
        """Remove a folder that no living process holds."""
        try:
            with (folder / LOCK).open("a") as file:
                flock(file, LOCK_EX | LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            return
