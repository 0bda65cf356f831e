"""The `course` command: its help, its verbs, and one line for each expected failure."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from places import ROOT, SOLUTIONS
from typer.testing import CliRunner, Result

from course_utils import cli
from course_utils.errors import CourseError

NAME = "ex02_convolution"
BAD_DATABASE = "c = get_config()\nc.CourseDirectory.db_url = 'sqlite:////nowhere/gradebook.db'\n"
VERBS = ("lab", "progress", "doctor", "release", "grade", "feedback", "export", "demo", "build", "test")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, list(arguments), prog_name="course")


def process(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "course_utils.cli", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Path, Result]:
    """The course folder of the demo, and what was shown."""
    folder = tmp_path_factory.mktemp("demo") / "class"
    return folder, run("demo", str(folder))


@pytest.fixture
def course(demo, tmp_path) -> Path:
    """A copy of the demo's course folder: a class that is graded."""
    return Path(shutil.copytree(demo[0], tmp_path / "class"))


def test_help_says_what_each_verb_is_for() -> None:
    shown = run("--help")
    assert shown.exit_code == 0
    for verb in VERBS:
        assert re.search(rf"│ {verb} +[A-Z]", shown.output), verb


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help(verb) -> None:
    assert run(verb, "--help").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["release", "ex99"], "unknown assignment 'ex99': the course has ex01_backprop, ex02"),
        (["grade", "ex99"], "unknown assignment 'ex99': the course has ex01_backprop, ex02"),
        (["progress"], "no exercise in .: name the folder that `course lab` made"),
        (["progress", "nowhere"], "no exercise in nowhere: name the folder that `course lab` made"),
        (["grade", NAME], "nothing submitted: put notebooks at"),
        (["feedback", NAME], f"nothing graded: run `course grade {NAME}` first"),
        (["export", NAME], f"no grades: run `course grade {NAME}` first"),
        (["grade", NAME, "--course", "nowhere"], "nowhere is not a folder: make it first"),
    ],
)
def test_an_expected_failure_is_one_line_and_status_1(tmp_path, arguments, message) -> None:
    done = process(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stderr.count("\n") == 1


def test_a_port_in_use_is_one_line(tmp_path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = process("lab", str(tmp_path / "mine"), "--port", port, "--no-browser")
    assert done.returncode == 1
    assert done.stderr == f"course: port {port} is in use: choose another with --port, or leave it out\n"


def test_a_folder_that_is_a_file_is_one_line(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    done = process("lab", str(tmp_path / "file"), "--no-start")
    assert done.returncode == 1
    assert done.stderr.startswith("course: cannot write ")
    assert done.stderr.count("\n") == 1


def test_a_report_that_cannot_be_written_is_said_before_anything_is_graded(tmp_path) -> None:
    (tmp_path / "submitted" / "somebody" / NAME).mkdir(parents=True)
    done = process(
        "grade", NAME, "--course", str(tmp_path), "--json", str(tmp_path / "no" / "such" / "g.json")
    )
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert not (tmp_path / "gradebook.db").exists()


@pytest.mark.parametrize("verb", ["release", "grade", "feedback", "export"])
def test_a_verb_that_fails_leaves_nothing_behind(tmp_path, verb) -> None:
    assert process(verb, "ex99", "--course", str(tmp_path)).returncode == 1
    if verb != "release":
        assert process(verb, NAME, "--course", str(tmp_path)).returncode == 1
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "gradebook.db"])


def test_settings_and_databases_that_cannot_be_used_are_one_line(tmp_path) -> None:
    settings = tmp_path / "nbgrader_config.py"
    for text, message in (
        ("c = get_config(", "cannot be read"),
        (BAD_DATABASE, "unable to open database file"),
    ):
        settings.write_text(text)
        done = process("release", NAME, "--course", str(tmp_path))
        assert done.returncode == 1, done.stderr
        assert message in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_failure_that_nobody_expected_is_one_line_with_the_details_in_a_file(
    tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(cli, "app", lambda **_: 1 / 0)
    monkeypatch.setattr(cli.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    printed = capsys.readouterr().err.replace("\n", "")
    assert "course: ZeroDivisionError: division by zero (details in " in printed
    assert "Traceback" in next(tmp_path.glob("course-*.txt")).read_text()


def test_grading_stops_at_an_interrupt_and_goes_on_the_next_time(course) -> None:
    shutil.rmtree(course / "autograded")
    command = [sys.executable, "-m", "course_utils.cli", "grade", NAME, "--course", str(course)]
    grading = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while grading.poll() is None and len(list((course / "autograded").glob("*"))) < 3:
        time.sleep(0.1)
    grading.send_signal(signal.SIGINT)
    _, errors = grading.communicate(timeout=60)
    assert grading.returncode == 130
    assert "stopped: what is graded is kept" in errors
    assert len(list((course / "autograded").glob("*"))) < 12
    shown = run("grade", NAME, "--course", str(course), "--json", str(course / "again.json"))
    assert shown.exit_code == 0
    assert json.loads((course / "again.json").read_text()) == json.loads((course / "grades.json").read_text())


def test_the_demo_does_not_touch_a_folder_with_a_class_in_it(tmp_path) -> None:
    work = tmp_path / "submitted" / "empty" / NAME / f"{NAME}.ipynb"
    work.parent.mkdir(parents=True)
    work.write_text("somebody's work")
    shown = run("demo", str(tmp_path))
    assert isinstance(shown.exception, CourseError)
    assert "holds a class already" in str(shown.exception)
    assert work.read_text() == "somebody's work"
    assert not (tmp_path / "exercises").exists()


PLAIN = """c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.ignore = ["*.py", "samples"]
"""


@pytest.mark.parametrize("settings", ["the course's", "plain"])
def test_nbgrader_s_own_command_gives_the_same_scores(course, settings) -> None:
    """With the course's settings it judges; with none of them it executes the check cells, as a fallback."""
    shutil.rmtree(course / "judged")
    for learner in (course / "submitted").iterdir():
        if learner.name not in ("right_loops", "wrong_no_stride", "half_finished"):
            shutil.rmtree(learner)
    if settings == "plain":
        (course / "nbgrader_config.py").write_text(PLAIN)
    before = scores(course)
    tools = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    command = ["nbgrader", "autograde", NAME, "--force"]
    subprocess.run(command, cwd=course, env=environment, check=True, capture_output=True)
    assert scores(course) == before
    assert (course / "judged" / "right_loops").is_dir() == (settings == "the course's")


def scores(folder: Path) -> dict[str, float]:
    run("export", NAME, "--course", str(folder))
    with (folder / "grades" / f"{NAME}.csv").open() as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


def test_a_notebook_that_is_not_json_is_named_and_the_json_report_is_still_written(tmp_path) -> None:
    submitted = tmp_path / "submitted" / "somebody" / NAME / f"{NAME}.ipynb"
    submitted.parent.mkdir(parents=True)
    submitted.write_text("PK not a notebook")
    done = process("grade", NAME, "--course", str(tmp_path), "--json", str(tmp_path / "out.json"))
    assert done.returncode == 1
    assert f"not graded: somebody: {NAME}.ipynb is not JSON, so not a notebook" in done.stderr
    assert "1 of 1 submissions could not be graded" in done.stderr
    assert "Traceback" not in done.stderr
    assert {row["verdict"] for row in json.loads((tmp_path / "out.json").read_text())} == {"error"}
    assert "not graded, so 0 there: somebody\n" in run("export", NAME, "--course", str(tmp_path)).output


def test_export_says_who_waits_for_a_grade_by_hand(course) -> None:
    shown = run("export", NAME, "--course", str(course)).output
    assert "waiting for a grade by hand: right_loops, right_shifts, right_windows\n" in shown


def test_lab_without_starting_makes_the_folder_and_says_what_it_did(tmp_path) -> None:
    shown = run("lab", str(tmp_path / "mine"), "--no-start")
    assert shown.exit_code == 0
    assert "is ready" in shown.output
    notebook = tmp_path / "mine" / "exercises" / NAME / f"{NAME}.ipynb"
    notebook.write_text("my work")
    assert (tmp_path / "mine" / "lectures" / "03_convolution_layer.ipynb").is_file()
    assert "new files: 0" in run("lab", str(tmp_path / "mine"), "--no-start").output


def test_progress_shows_every_exercise_of_a_learner_s_folder(tmp_path) -> None:
    run("lab", str(tmp_path / "mine"), "--no-start")
    shown = run("progress", str(tmp_path / "mine"))
    assert shown.exit_code == 0
    assert shown.output.count("tasks pass") == len(SOLUTIONS)
    assert re.search(r"○ +│ zero_pad +│ not checked +│ 0 of 2", shown.output)


def test_doctor_gives_a_line_for_each_thing_and_advice_for_what_is_missing() -> None:
    shown = run("doctor")
    assert shown.exit_code == 0
    for subject in ("Python", "numpy", "torch", "CPU", "GPU", "JupyterLab", "sandbox", "data"):
        assert re.search(rf"(ok|note|bad) +{subject}", shown.output), subject
    lines = shown.output.split("\n")
    for line, after in pairwise(lines):
        if line.startswith(("note", "bad")):
            assert "->" in after


def test_doctor_tries_the_sandbox_and_not_only_its_presence(needs) -> None:
    needs("bwrap")
    assert re.search(r"ok +sandbox +bubblewrap holds: \d+ ways out of it were tried", run("doctor").output)


def test_doctor_fails_when_something_must_be_put_right(monkeypatch) -> None:
    from course_utils import doctor

    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package"))
    shown = run("doctor")
    assert isinstance(shown.exception, CourseError)
    assert re.search(r"bad +no-such-package +not installed", shown.output)


def test_build_has_nothing_left_to_do() -> None:
    assert "notebooks changed: 0" in run("build").output


def test_demo_grades_a_class_and_names_the_pages(demo) -> None:
    folder, shown = demo
    assert shown.exit_code == 0, shown.output
    rows = json.loads((folder / "grades.json").read_text())
    assert len({row["learner"] for row in rows}) >= 12
    page = Path(re.search(r"for example (\S+\.html)", shown.output)[1])
    assert page.is_file()
    for learner in ("right_loops", "wrong_zeros", "crashing"):
        assert learner in shown.output


def test_release_feedback_and_export_say_where_their_results_are(tmp_path) -> None:
    assert "released" in run("release", NAME, "--course", str(tmp_path)).output
    submitted = tmp_path / "submitted" / "somebody" / NAME / f"{NAME}.ipynb"
    submitted.parent.mkdir(parents=True)
    submitted.write_bytes((tmp_path / "exercises" / NAME / f"{NAME}.ipynb").read_bytes())
    assert "somebody" in run("grade", NAME, "--course", str(tmp_path)).output
    assert "feedback pages: 1, in" in run("feedback", NAME, "--course", str(tmp_path)).output
    exported = run("export", NAME, "--course", str(tmp_path)).output
    assert "grades in" in exported
    assert "not graded" not in exported
    assert "waiting" not in exported
    assert (tmp_path / "grades" / f"{NAME}.csv").read_text().count("somebody") == 1
