"""Measures how long a check and a graded submission take, beside nbgrader's own way of doing the same.

Run `python benchmarks/grading.py` on a quiet machine; it takes about fifteen minutes and writes a record.

- **check**: one call of `check(conv2d)` in a running interpreter, against `nbgrader validate`, which runs the
  whole notebook in a fresh kernel: the only check that nbgrader gives a learner.
- **grade**: `course grade`, sandbox on, against plain `nbgrader autograde` on the same class of 40, as whole
  processes, in turn; for the notebook as it is, and for one whose first cell imports torch and matplotlib.
- **where the time goes**: the parts of one submission's judgement, and of recording it.
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
from typing import Any

import nbformat
import numpy as np
from rich.console import Console

from course_utils.check import check
from course_utils.grading import kernel
from course_utils.grading.demo import make_class, samples
from course_utils.grading.folder import CourseFolder
from course_utils.grading.grade import grade
from course_utils.grading.judge import judge, preload
from course_utils.grading.restore import read, restore
from course_utils.grading.sandbox import choose
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.scratch import Scratch
from course_utils.grading.work import Work

ASSIGNMENT = "ex02_convolution"
LEARNERS = 40
ROUNDS = 3
CHECKS = 20
PLAIN = """c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.ignore = ["*.py", "samples"]
c.ExecutePreprocessor.timeout = 60
"""
IMPORTS = "import numpy as np\nimport torch\nimport matplotlib.pyplot as plt\n"
console = Console(stderr=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch, console.status("measuring") as status:
        folder = course(Path(scratch) / "numpy", "")
        status.update("check against nbgrader validate")
        checks = measure_check(folder)
        grades = {}
        for name, imports in (("numpy", ""), ("torch and matplotlib", IMPORTS)):
            folder = folder if name == "numpy" else course(Path(scratch) / "torch", imports)
            status.update(f"course grade against nbgrader autograde: {name}")
            grades[name] = {**measure_grade(folder), **measure_parts(folder)}
    record = {"date": datetime.now(UTC).date().isoformat(), **machine(), "check": checks, "grade": grades}
    path = Path(__file__).parent / "records" / "grading.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")
    console.print_json(data=record)
    console.print(f"written to {path}")


def course(root: Path, imports: str) -> CourseFolder:
    """Make a course folder with a class of 40 that plain nbgrader can grade: without the one that crashes.

    ``imports`` replaces the first import of the notebook; its tasks then do not forbid what it brings.
    """
    root.mkdir()
    (root / "nbgrader_config.py").write_text(PLAIN)
    folder = CourseFolder(root)
    if imports:
        solution = folder.solution(ASSIGNMENT)
        notebook = solution / f"{ASSIGNMENT}.ipynb"
        text = json.loads(notebook.read_text())
        first = next(cell for cell in text["cells"] if cell["cell_type"] == "code")
        first["source"] = imports + "from course_utils.check import check"
        notebook.write_text(json.dumps(text))
        tasks = solution / "tasks.py"
        tasks.write_text(tasks.read_text().replace("forbids=NUMPY_ONLY", "forbids=()"))
    learners = make_class(folder, ASSIGNMENT)
    shutil.rmtree(root / "submitted" / "crashing")
    learners.remove("crashing")
    for number in range(LEARNERS - len(learners)):
        shutil.copytree(
            root / "submitted" / learners[number % len(learners)], root / "submitted" / f"copy{number:02}"
        )
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
        shutil.rmtree(folder.root / "judged", ignore_errors=True)  # or nothing would be left to do
        ours.append(timed(lambda: run(sys.executable, "-m", "course_utils.cli", "grade", ASSIGNMENT)))
        plain.append(timed(lambda: run("nbgrader", "autograde", ASSIGNMENT, "--force")))
    ratios = [b / a for a, b in zip(ours, plain, strict=True)]
    again = timed(lambda: run(sys.executable, "-m", "course_utils.cli", "grade", ASSIGNMENT))
    return {
        "submissions": learners,
        "seconds, course grade": [round(t, 1) for t in ours],
        "seconds, nbgrader autograde": [round(t, 1) for t in plain],
        "seconds per submission, course grade": [round(t / learners, 3) for t in ours],
        "seconds per submission, nbgrader autograde": [round(t / learners, 3) for t in plain],
        "nbgrader autograde / course grade, median of rounds": round(statistics.median(ratios), 2),
        "seconds, course grade once more with nothing to judge": round(again, 1),
        "code cells of the notebook": sum(cell.cell_type == "code" for cell in released(folder).cells),
    }


def measure_parts(folder: CourseFolder) -> dict:
    """Time the parts of a right submission's judgement in this process, and of recording it; medians."""
    parts: dict[str, list[float]] = {}

    def clocked(name: str, function: Callable) -> Callable:
        def timed_function(*arguments: Any, **options: Any) -> Any:
            begun = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                current[name] = current.get(name, 0.0) + time.perf_counter() - begun

        return timed_function

    work = Work(folder, ASSIGNMENT, "bubblewrap")
    path = folder.submission(ASSIGNMENT, "right_loops")
    (folder.root / "judged" / "right_loops" / f"{ASSIGNMENT}.json").unlink()
    _, bundle = work.prepare(restore(read(path.read_text()), folder.released(ASSIGNMENT)), "right_loops")
    current: dict[str, float] = {}
    plain = {name: getattr(kernel.Kernel, name) for name in ("__enter__", "run_cell", "ask", "end")}
    names = {
        "__enter__": "kernel start",
        "run_cell": "cells",
        "ask": "tasks in the kernel",
        "end": "kernel end",
    }
    for name, function in plain.items():
        setattr(kernel.Kernel, name, clocked(names[name], function))
    with Scratch() as scratch:
        begun = time.perf_counter()
        with choose("bubblewrap", scratch, Limits(), preload(bundle.solution)) as sandbox:
            template = time.perf_counter() - begun
            for _ in range(CHECKS):
                current = {}
                begun = time.perf_counter()
                judge(bundle, sandbox)
                current["all"] = time.perf_counter() - begun
                current["cases, reference, comparison, the rest"] = current["all"] - sum(
                    seconds for name, seconds in current.items() if name != "all"
                )
                for name, seconds in current.items():
                    parts.setdefault(name, []).append(seconds)
    for name, function in plain.items():
        setattr(kernel.Kernel, name, function)
    grade(folder, ASSIGNMENT)
    record = timed(lambda: folder.api.autograde(ASSIGNMENT, "right_loops", force=True))
    return {
        "seconds to start a template, once a worker": round(template, 2),
        "seconds of a right submission": {
            **{name: round(statistics.median(times), 3) for name, times in parts.items()},
            "recording": round(record, 3),
        },
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
