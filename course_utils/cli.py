"""The ``course`` command: one thin function a verb."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from course_utils.errors import CourseError

if TYPE_CHECKING:
    from course_utils.doctor import Finding
    from course_utils.grading.folder import CourseFolder
    from course_utils.grading.grade import Report, Result

app = typer.Typer(
    help="The course on convolutional networks: open it, do it, grade it.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)

LEARN, TEACH, WRITE = "For learners", "For instructors", "For authors"
Assignment = Annotated[
    str, typer.Argument(help="The assignment, for example ex02_convolution.", show_default=False)
]
CourseOption = Annotated[
    Path, typer.Option("--course", help="The course folder, with submitted/LEARNER/ASSIGNMENT/ in it.")
]
HERE = Path()
MARKS = {"needs manual grading": "?", "error": "!"}


def main() -> None:
    """Run the command; a failure is one line on stderr, with exit status 1 if it was to be expected."""
    try:
        app(prog_name="course")
    except CourseError as error:
        err.print(f"[bold red]course:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    except Exception as error:
        with tempfile.NamedTemporaryFile("w", prefix="course-", suffix=".txt", delete=False) as report:
            report.write(traceback.format_exc())
        text = f"{type(error).__name__}: {error}".split("\n")[0]
        err.print(f"[bold red]course:[/] {escape(text)} (details in {report.name})", soft_wrap=True)
        sys.exit(2)


@app.command(rich_help_panel=LEARN)
def lab(
    folder: Annotated[Path, typer.Argument(help="Your folder; made when it is not there.")] = Path(
        "my-course"
    ),
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port for JupyterLab; without it, the next free one.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
    start: Annotated[bool, typer.Option(help="Start JupyterLab after the folder is ready.")] = True,
) -> None:
    """Open the course: bring lectures and exercises into your folder, then start JupyterLab there.

    Run it again at any time for newer versions. What you have changed is never overwritten: a newer version
    of a notebook that you changed is put beside it.
    """
    from course_utils import lab as learner

    delivery = learner.deliver(folder)
    for name in delivery.updated:
        out.print(f"updated  {name}", highlight=False)
    for name, beside in delivery.beside:
        out.print(
            f"{name} is yours and stays; its newer version is {beside}", highlight=False, soft_wrap=True
        )
    out.print(f"{folder} is ready, new files: {len(delivery.new)}", highlight=False, soft_wrap=True)
    if start:
        learner.open_lab(folder, port, browser)


@app.command(rich_help_panel=LEARN)
def progress(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders with exercises in them; my-course, or the present one, without any."),
    ] = None,
) -> None:
    """Show which tasks pass, as the check cells last found them on this machine."""
    from course_utils.check.expected import ExpectedOutputsError
    from course_utils.check.progress import read_all

    places = folders or [place for place in (Path("my-course"), HERE) if place.is_dir()][:1]
    try:
        found = [exercise for place in places for exercise in read_all(place)]
    except ExpectedOutputsError as error:
        raise CourseError(str(error)) from None
    if not found:
        where = ", ".join(str(place) for place in places)
        raise CourseError(f"no exercise in {where}: name the folder that `course lab` made")
    for exercise in found:
        table = Table("", "task", "last check", "points", title=f"{exercise.exercise}: {exercise.summary}")
        for row in exercise.rows:
            table.add_row(row.mark, row.task, row.word, f"{row.score:g} of {row.max_score:g}")
        out.print(table)


@app.command(rich_help_panel=LEARN)
def doctor() -> None:
    """Look at this machine: versions, processors, JupyterLab, sandbox, data, and what to do about them."""
    from course_utils.doctor import examine

    def findings() -> Iterator[Finding]:
        yield from examine()
        with suppress(ImportError), out.status("trying the sandbox"):
            from course_utils.grading.walls import finding

            yield finding()

    marks = {"ok": "[green]ok[/]  ", "note": "[yellow]note[/]", "bad": "[red]bad[/] "}
    bad = 0
    for finding in findings():
        bad += finding.state == "bad"
        line = f"{marks[finding.state]} {finding.subject:<11} {escape(finding.text)}"
        if finding.advice:
            line += f"\n     {'':<11} -> {escape(finding.advice)}"
        out.print(line, highlight=False, soft_wrap=True)
    if bad:
        raise CourseError(f"{bad} of these need to be put right, as the arrows say")


@app.command(rich_help_panel=TEACH)
def release(assignment: Assignment, course: CourseOption = HERE) -> None:
    """Make the learner's version of an assignment, and refuse when it gives an answer away."""
    with out.status(f"releasing {assignment}"):
        from course_utils.grading.folder import CourseFolder
        from course_utils.grading.release import release as make

        released = make(CourseFolder(course), assignment)
    out.print(f"released {released}", highlight=False, soft_wrap=True)


@app.command(rich_help_panel=TEACH)
def grade(
    assignment: Assignment,
    course: CourseOption = HERE,
    json: Annotated[Path | None, typer.Option(help="Write the results to this JSON file.")] = None,
    sandbox: Annotated[
        str,
        typer.Option(
            help="Where submissions run: bubblewrap, podman, docker, or none if you trust them all."
        ),
    ] = "bubblewrap",
    workers: Annotated[int | None, typer.Option(min=1, help="How many are judged at once.")] = None,
) -> None:
    """Grade everything submitted to an assignment, and show who got what and which mistakes were made."""
    with out.status("opening the gradebook"):
        from course_utils.grading.folder import CourseFolder
        from course_utils.grading.grade import writable

        folder = CourseFolder(course)
        folder.require(assignment)
        learners = folder.learners(assignment)
    options = {"sandbox": sandbox} | ({"workers": workers} if workers else {})
    report = _grade(folder, assignment, len(learners), writable(json) if json else None, **options)
    _table(report.results)
    if sandbox == "none":
        out.print(
            "judged without a sandbox: these results hold if you trust every submission", highlight=False
        )
    for problem in report.problems:
        err.print(f"not graded: {escape(problem)}", highlight=False, soft_wrap=True)
    if report.problems:
        raise CourseError(f"{len(report.problems)} of {len(learners)} submissions could not be graded")


@app.command(rich_help_panel=TEACH)
def feedback(assignment: Assignment, course: CourseOption = HERE) -> None:
    """Write a feedback page for every graded submission."""
    with out.status("opening the gradebook"):
        from course_utils.grading.folder import CourseFolder
        from course_utils.grading.gradebook import feedback as write
        from course_utils.grading.gradebook import graded

        folder = CourseFolder(course)
        learners = graded(folder, assignment)
    with _progress("feedback", len(learners)) as advance:
        pages, problems = write(folder, assignment, advance)
    out.print(f"feedback pages: {len(pages)}, in {folder.root / 'feedback'}", highlight=False, soft_wrap=True)
    for problem in problems:
        err.print(f"no page: {escape(problem)}", highlight=False, soft_wrap=True)
    if problems:
        raise CourseError(f"{len(problems)} of {len(learners)} feedback pages could not be made")


@app.command(rich_help_panel=TEACH)
def export(
    assignment: Assignment,
    course: CourseOption = HERE,
    to: Annotated[Path | None, typer.Option(help="The CSV file; grades/ASSIGNMENT.csv without it.")] = None,
) -> None:
    """Write an assignment's grades as a CSV table."""
    with out.status("opening the gradebook"):
        from course_utils.grading.folder import CourseFolder
        from course_utils.grading.gradebook import export as write
        from course_utils.grading.gradebook import unsettled

        folder = CourseFolder(course)
        path = write(folder, assignment, to or folder.root / "grades" / f"{assignment}.csv")
        ungraded, waiting = unsettled(folder, assignment)
    out.print(f"grades in {path}", highlight=False, soft_wrap=True)
    for learners, what in ((ungraded, "not graded, so 0 there"), (waiting, "waiting for a grade by hand")):
        if learners:
            err.print(f"{what}: {_names(learners)}", highlight=False, soft_wrap=True)


@app.command(rich_help_panel=TEACH)
def demo(
    folder: Annotated[Path | None, typer.Argument(help="Where; a new temporary folder without it.")] = None,
) -> None:
    """Try grading on a class of sample submissions, in a temporary course folder."""
    assignment = "ex02_convolution"
    with out.status(f"releasing {assignment} and handing in the samples"):
        from course_utils.grading.demo import make_class
        from course_utils.grading.folder import CourseFolder
        from course_utils.grading.gradebook import feedback as write

        root = folder or Path(tempfile.mkdtemp(prefix="course-demo-"))
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CourseError(f"cannot make {root}: {error.strerror}") from None
        course = CourseFolder(root)
        learners = make_class(course, assignment)
    sandbox = "bubblewrap"
    with out.status("trying the sandbox"):
        from course_utils.grading.walls import require

        try:
            require(sandbox)
        except CourseError:
            sandbox = "none"
            err.print(
                "graded without a sandbox, which these samples do not need; a class does: ./course doctor"
            )
    report = _grade(course, assignment, len(learners), root / "grades.json", sandbox=sandbox)
    with _progress("feedback", len(learners)) as advance:
        pages, unmade = write(course, assignment, advance)
    _table(report.results)
    for problem in report.problems:
        err.print(f"not graded: {escape(problem)}", highlight=False, soft_wrap=True)
    for problem in unmade:
        err.print(f"no page: {escape(problem)}", highlight=False, soft_wrap=True)
    out.print(f"results   {root / 'grades.json'}", highlight=False, soft_wrap=True)
    if not pages:
        raise CourseError("no feedback page could be made")
    out.print(f"feedback  {len(pages)} pages, for example {pages[0]}", highlight=False, soft_wrap=True)


@app.command(rich_help_panel=WRITE)
def build() -> None:
    """Write every notebook of the repository from its text source."""
    with out.status("building notebooks"):
        from course_utils.grading.notebooks import build as write

        changed = write(_repository())
    for path in changed:
        out.print(f"built {path}", highlight=False, soft_wrap=True)
    out.print(f"notebooks changed: {len(changed)}", highlight=False)


@app.command(
    rich_help_panel=WRITE, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def test(context: typer.Context) -> None:
    """Check style and types, then run the tests on all cores; further arguments go to pytest."""
    root = _repository()
    python = sys.executable
    steps = [
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "ruff", "format", "--check", "."],
        [python, "-m", "mypy"],
        [python, "-m", "pytest", "-n", "logical", "--dist", "loadfile", "--cov", *context.args],
    ]
    if shutil.which("ruff", path=str(Path(python).parent)) is None:
        raise CourseError("the test tools are not installed: run ./course test")
    # Each core has a process of its own: threads on top of them would wait for one another.
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    for step in steps:
        out.print(f"[bold]{' '.join(step[2:])}[/]", highlight=False, soft_wrap=True)
        status = subprocess.run(step, cwd=root, env=alone, check=False).returncode
        if status:
            sys.exit(status)


def _repository() -> Path:
    from course_utils.repository import repository

    root = repository()
    if root is None:
        raise CourseError("this needs the course's repository: clone it and run ./course there")
    return root


def _grade(folder: CourseFolder, assignment: str, total: int, json: Path | None, **options: Any) -> Report:
    """Grade with a progress bar, releasing first where the gradebook does not know the assignment."""
    from course_utils.grading.grade import grade as run
    from course_utils.grading.grade import write_json
    from course_utils.grading.release import release as make

    if not folder.is_released(assignment):
        with out.status(f"releasing {assignment} first: this gradebook does not know it"):
            make(folder, assignment)
    try:
        with _progress("grading", total) as advance:
            report = run(folder, assignment, advance, **options)
    except KeyboardInterrupt:
        err.print("stopped: what is graded is kept, and the same command goes on from there")
        raise typer.Exit(130) from None
    if json is not None:
        write_json(report.results, json)
    return report


@contextmanager
def _progress(label: str, total: int) -> Iterator[Callable[[str], None]]:
    """Show a bar; the function it gives is called with each learner's name when that one is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as progress:
        bar = progress.add_task(label, total=total)

        def advance(learner: str) -> None:
            progress.update(bar, advance=1, description=f"{label} {escape(learner)}")

        yield advance
        progress.update(bar, description=label, completed=total)


def _table(results: list[Result]) -> None:
    """Print who got how many points, and which mistakes were made by whom."""
    tasks = list(dict.fromkeys(result.task for result in results))
    points = Table("learner", *(str(number) for number, _ in enumerate(tasks, 1)), "sum", "of")
    for column in points.columns[1:]:
        column.justify = "right"
    for learner in dict.fromkeys(result.learner for result in results):
        row = [result for result in results if result.learner == learner]
        scores = [MARKS.get(result.verdict, f"{result.score:g}") for result in row]
        total, most = sum(result.score for result in row), sum(result.max_score for result in row)
        points.add_row(escape(learner), *scores, f"{total:g}", f"{most:g}")
    out.print(points)
    out.print("  ".join(f"{number} {task}" for number, task in enumerate(tasks, 1)), highlight=False)
    out.print("? waits for a grade by hand, ! stopped with an error", highlight=False)
    seen: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for name in result.diagnosis:
            seen.setdefault((result.task, name), []).append(result.learner)
    if seen:
        mistakes = Table("task", "mistake", "learners", "who")
        for (task, name), who in sorted(
            seen.items(), key=lambda item: (tasks.index(item[0][0]), -len(item[1]))
        ):
            mistakes.add_row(task, name, str(len(who)), _names(who))
        out.print(mistakes)


def _names(learners: list[str]) -> str:
    """Return the first learners' names, for a line of text."""
    return escape(", ".join(learners[:3]) + (f" and {len(learners) - 3} more" if learners[3:] else ""))


if __name__ == "__main__":
    main()
