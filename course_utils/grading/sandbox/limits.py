"""What a learner's code may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from course_utils.errors import CourseError

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """Limits of one submission; seconds are wall-clock unless said otherwise, sizes are bytes.

    ``memory`` bounds the addresses that each process may take beyond those of the libraries that are loaded
    for it and, watched from outside, what all of them use.
    ``messages`` bounds what a kernel sends while it runs and ``values`` how many values are in it, ``output``
    what is kept of one cell's output. ``judge`` bounds what the judge takes for itself meanwhile.
    """

    cell_seconds: float = 60
    task_seconds: float = 60
    submission_seconds: float = 300
    cpu_seconds: int = 300
    memory: int = 4096 * MIB
    processes: int = 128
    open_files: int = 512
    file_size: int = 64 * MIB
    disk: int = 256 * MIB
    messages: int = 32 * MIB
    values: int = 2_000_000
    answer: int = 64 * MIB
    judge: int = 1024 * MIB
    output: int = 100_000

    @classmethod
    def usual_but(cls, others: Mapping[str, Any]) -> Limits:
        """Return the usual limits with some others; raise CourseError for a name or a value that is none."""
        usual = asdict(cls())
        for name, value in others.items():
            if name not in usual:
                raise CourseError(f"unknown limit {name!r}: there are {', '.join(usual)}")
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
                raise CourseError(f"the limit {name} is a number above 0, not {value!r}")
        return cls(**{**usual, **others})

    def resources(self) -> dict[str, int]:
        """Return the limits that the system holds each process to, by their names in ``resource``."""
        return {
            "RLIMIT_AS": self.memory,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_CPU": self.cpu_seconds,
            "RLIMIT_FSIZE": self.file_size,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_CORE": 0,
        }
