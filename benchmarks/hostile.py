"""Runs every hostile submission against plain `nbgrader autograde` and against `course grade`.

Run `python benchmarks/hostile.py`; it takes about fifteen minutes, and writes a record and the page
docs/trust.md. Plain nbgrader runs each submission alone, in a copy of the course, behind an outer wall of
bubblewrap that protects this machine and nothing in the copy.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.progress import Progress

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from hostile.classroom import ASSIGNMENT, hand_in, hand_in_sample  # noqa: E402
from hostile.submissions import SUBMISSIONS, Hostile  # noqa: E402

from course_utils.grading.folder import CourseFolder  # noqa: E402
from course_utils.grading.grade import grade  # noqa: E402
from course_utils.grading.release import release  # noqa: E402
from course_utils.grading.sandbox.limits import Limits  # noqa: E402

PLAIN = """c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.ignore = ["*.py", "samples"]
c.ExecutePreprocessor.timeout = 10
"""
USER = 499_999
SECONDS = 180
NEIGHBOUR, HONEST = "wrong_no_stride", 4.5
LIMITS = Limits(cell_seconds=4, task_seconds=8, submission_seconds=60)
MOST = 21.5
INTRODUCTION = """\
# Why you can trust the grades

Each of the {number} submissions below hands in wrong answers and tries to get points for them, to read or
change what is not its own, or to do harm. Each was graded by `course grade` and, for comparison, by plain
`nbgrader autograde` ({version}) on the same release ({date}).

- Plain nbgrader gave {cheated} of them more points than they had earned, {full} of them the full {most:g}.
- `course grade` gave {ours} of them more than they had earned. The tests grade all of them again, among
  honest submissions, whenever the course changes.

How that works: a submission's cells run in a kernel behind walls (no network, no files but its own, limits
on time, memory, processes, disk and output). The check cells do not run. For each task a small program in
that kernel calls the learner's function on inputs that are new for every learner, and what it returns is
compared elsewhere, where the solution is. A kernel can only send arrays, and arrays only earn points if
they are right.

What it does not do: it cannot tell who wrote the code, nor whether a right function was written by hand.
Tasks say which packages they do without; those are hidden from the kernel, and their use is reported.
"""
END = """\
"No score" means that nbgrader left the submission ungraded, "refused" that `course grade` did, with a
message that says why. The submissions are in [tests/hostile](../tests/hostile/submissions.py), and
`.venv/bin/python benchmarks/hostile.py` makes this page again.
"""


def main() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="hostile-") as scratch:
        Path(scratch).chmod(0o755)
        base = Path(scratch) / "base"
        base.mkdir()
        (base / "nbgrader_config.py").write_text(PLAIN)
        course = CourseFolder(base)
        release(course, ASSIGNMENT)
        hand_in_sample(course, NEIGHBOUR, NEIGHBOUR)
        (base / "canary.txt").write_text("not for learners")
        autograde(base, NEIGHBOUR)
        with Progress() as progress:
            bar = progress.add_task("plain nbgrader", total=len(SUBMISSIONS))
            plain = {}
            for hostile in SUBMISSIONS:
                plain[hostile.name] = against_plain(base, Path(scratch) / "copy", hostile)
                progress.advance(bar)
        ours = against_course(Path(scratch) / "judged")
    rows = [
        {
            "name": hostile.name,
            "category": hostile.category,
            "does": hostile.does,
            "earned": sum(hostile.earns.values()),
            "nbgrader autograde": plain[hostile.name],
            "course grade": ours[hostile.name],
        }
        for hostile in SUBMISSIONS
    ]
    record = {
        "date": datetime.now(UTC).date().isoformat(),
        "nbgrader": version("nbgrader"),
        "most points": MOST,
        "submissions": rows,
    }
    path = ROOT / "benchmarks" / "records" / "hostile.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    (ROOT / "docs" / "trust.md").write_text(page(record))
    print(f"written to {path} and docs/trust.md")


def against_plain(base: Path, copy: Path, hostile: Hostile) -> str:
    """Grade one hostile submission with plain nbgrader in a copy of the course, and say what came of it."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(base, copy, symlinks=True)
    hand_in(CourseFolder(copy), hostile.name, hostile)
    finished = autograde(copy, hostile.name)
    found = []
    if not finished:
        found.append(f"no end after {SECONDS} s")
    scores = read_scores(copy)
    score = scores.get(hostile.name)
    found.append("no score" if score is None else f"{score:g}")
    if scores.get(NEIGHBOUR) != HONEST:
        found.append("changed another learner's score")
    path = copy / "autograded" / hostile.name / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    if path.exists():
        if "FOUND" in json.dumps([cell.get("outputs") for cell in json.loads(path.read_text())["cells"]]):
            found.append("got hold of what it looked for")
        if path.stat().st_size > 5_000_000:
            found.append(f"left a notebook of {path.stat().st_size / 1e6:.0f} MB")
        if (path.parent / "data.db").exists():
            found.append("got the gradebook into its feedback")
    return ", ".join(found)


def autograde(course: Path, learner: str) -> bool:
    """Run plain `nbgrader autograde` on one learner behind an outer wall; tell whether it came to an end."""
    root = os.getuid() == 0
    wall = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    wall += [
        "--unshare-pid",
        "--unshare-net",
        "--unshare-ipc",
        "--die-with-parent",
        "--bind",
        str(course),
        str(course),
    ]
    if root:
        home = str(Path.home())
        above = [parent for parent in Path(sys.base_prefix).parents if Path(home) in parent.parents]
        wall += ["--tmpfs", home, *(word for parent in reversed(above) for word in ("--dir", str(parent)))]
        wall += ["--ro-bind", sys.base_prefix, sys.base_prefix]
        subprocess.run(["chown", "-hR", f"{USER}:{USER}", str(course)], check=True)
    drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if root else []
    limits = ["prlimit", "--nproc=300", "--as=6000000000", "--fsize=2000000000", "--core=0"]
    tools = str(Path(sys.executable).parent)
    wall += ["--setenv", "HOME", "/tmp", "--setenv", "PATH", f"{tools}:/usr/bin:/bin", "--chdir", str(course)]
    command = [sys.executable, "-m", "nbgrader", "autograde", ASSIGNMENT, "--student", learner, "--force"]
    done = subprocess.run(
        [*wall, *drop, *limits, "timeout", "-k", "1", str(SECONDS), *command],
        capture_output=True,
        check=False,
    )
    return done.returncode not in (124, 137)


def read_scores(course: Path) -> dict[str, float]:
    """Return the scores in a copy's gradebook of those who have any."""
    with CourseFolder(course).gradebook() as gradebook:
        return {
            submission.student.id: submission.score
            for submission in gradebook.assignment_submissions(ASSIGNMENT)
            if all(
                grade.auto_score is not None or grade.name == "border_question"
                for notebook in submission.notebooks
                for grade in notebook.grades
            )
        }


def against_course(root: Path) -> dict[str, str]:
    """Grade all of them at once with `course grade`."""
    root.mkdir()
    course = CourseFolder(root)
    release(course, ASSIGNMENT)
    for hostile in SUBMISSIONS:
        hand_in(course, hostile.name, hostile)
    with Progress() as progress:
        bar = progress.add_task("course grade", total=len(SUBMISSIONS))
        report = grade(course, ASSIGNMENT, lambda _: progress.advance(bar), limits=LIMITS)
    refused = {line.split(": ")[0] for line in report.problems}
    totals: dict[str, float] = {}
    for result in report.results:
        totals[result.learner] = totals.get(result.learner, 0) + result.score
    return {name: "refused" if name in refused else f"{total:g}" for name, total in totals.items()}


def page(record: dict) -> str:
    """Return the page for instructors."""
    rows = record["submissions"]
    cheated = [row for row in rows if points(row["nbgrader autograde"]) > row["earned"]]
    full = [row for row in cheated if points(row["nbgrader autograde"]) >= record["most points"]]
    kinds = list(dict.fromkeys(row["category"] for row in rows))
    lines = [
        INTRODUCTION.format(
            number=len(rows),
            date=record["date"],
            version=record["nbgrader"],
            cheated=len(cheated),
            full=len(full),
            most=record["most points"],
            ours=sum(points(row["course grade"]) > row["earned"] for row in rows),
        )
    ]
    for kind in kinds:
        lines += [
            f"## {kind[0].upper()}{kind[1:]}",
            "",
            "| what it does | earned | nbgrader autograde | course grade |",
        ]
        lines.append("| --- | --- | --- | --- |")
        for row in rows:
            if row["category"] == kind:
                plain = row["nbgrader autograde"]
                plain = f"**{plain}**" if points(plain) > row["earned"] else plain
                lines.append(f"| {row['does']} | {row['earned']:g} | {plain} | {row['course grade']} |")
        lines.append("")
    lines.append(END)
    return "\n".join(lines)


def points(text: str) -> float:
    """Return the score in a cell of the table, 0 where there is none."""
    numbers = [part for part in text.split(", ") if part.replace(".", "", 1).isdigit()]
    return float(numbers[0]) if numbers else 0.0


if __name__ == "__main__":
    main()
