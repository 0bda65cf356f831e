"""Measures how long a check and a graded submission take, beside nbgrader's own way of doing the same.

Run `python benchmarks/grading.py` on a quiet machine; it takes about five minutes and writes a record.

- **check**: one call of `check(conv2d)` in a running interpreter, against `nbgrader validate`, which runs the
  whole notebook in a fresh kernel: the only check that nbgrader gives a learner.
- **grade**: `course grade` against plain `nbgrader autograde` on the same class, as whole processes, in turn.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import nbformat
import numpy as np
from rich.console import Console

from course_utils.check import check
from course_utils.grading.demo import make_class, samples
from course_utils.grading.folder import CourseFolder

ASSIGNMENT = "ex02_convolution"
ROUNDS = 3
CHECKS = 20
PLAIN = """c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.ignore = ["*.py", "samples"]
"""
console = Console(stderr=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch, console.status("measuring") as status:
        folder = course(Path(scratch))
        status.update("check against nbgrader validate")
        checks = measure_check(folder)
        status.update("course grade against nbgrader autograde")
        grades = measure_grade(folder)
    record = {"date": datetime.now(UTC).date().isoformat(), **machine(), "check": checks, "grade": grades}
    path = Path(__file__).parent / "records" / "grading.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")
    console.print_json(data=record)
    console.print(f"written to {path}")


def course(root: Path) -> CourseFolder:
    """Make a course folder with a class that plain nbgrader can grade: without the one that crashes."""
    (root / "nbgrader_config.py").write_text(PLAIN)
    folder = CourseFolder(root)
    make_class(folder, ASSIGNMENT)
    shutil.rmtree(root / "submitted" / "crashing")
    return folder


def measure_check(folder: CourseFolder) -> dict:
    """Time `check(conv2d)` for each sample of it, and `nbgrader validate` on one submission."""
    os.chdir(folder.root / "exercises" / ASSIGNMENT)
    times = {}
    for name, answers in samples(folder.solution(ASSIGNMENT)).items():
        if "conv2d" in answers and name != "endless_recursion":
            space = {"np": np}
            for task in ("output_size", "zero_pad", "cross_correlate2d", "conv2d"):
                with contextlib.suppress(SyntaxError):
                    exec(answers.get(task, ""), space)
            times[name] = repeated(lambda answer=space["conv2d"]: quiet_check(answer), CHECKS)
    notebook = folder.submission(ASSIGNMENT, "right_loops")
    validate = repeated(lambda: run("nbgrader", "validate", str(notebook)), ROUNDS)
    slowest = max(times.values())
    return {
        "seconds of check(conv2d), by sample": times,
        "seconds of nbgrader validate": validate,
        "slowest check / nbgrader validate": round(slowest / validate, 4),
    }


def measure_grade(folder: CourseFolder) -> dict:
    """Time whole processes in turn, so that a change of the machine's speed meets both."""
    learners = len(folder.learners(ASSIGNMENT))
    ours, plain = [], []
    os.chdir(folder.root)
    for _ in range(ROUNDS):
        ours.append(timed(lambda: run(sys.executable, "-m", "course_utils.cli", "grade", ASSIGNMENT)))
        plain.append(timed(lambda: run("nbgrader", "autograde", ASSIGNMENT, "--force")))
    ratios = [a / b for a, b in zip(ours, plain, strict=True)]
    return {
        "submissions": learners,
        "seconds per submission, course grade": [round(t / learners, 3) for t in ours],
        "seconds per submission, nbgrader autograde": [round(t / learners, 3) for t in plain],
        "course grade / nbgrader autograde, median of rounds": round(statistics.median(ratios), 3),
        "code cells of the notebook": sum(cell.cell_type == "code" for cell in released(folder).cells),
    }


def released(folder: CourseFolder) -> nbformat.NotebookNode:
    return nbformat.read(folder.root / "exercises" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", as_version=4)


def quiet_check(answer: Callable) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        check(answer, task="conv2d")


def repeated(action: Callable[[], None], times: int) -> float:
    """Return the median time of an action in seconds, after one run that is not counted."""
    action()
    return round(statistics.median(timed(action) for _ in range(times)), 4)


def timed(action: Callable[[], None]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def run(*command: str) -> None:
    tools = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(command, env=environment, check=True, capture_output=True)


def machine() -> dict:
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().split("\n")
        cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    packages = ("nbgrader", "numpy", "ipykernel", "nbclient")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in packages},
    }


if __name__ == "__main__":
    main()
