"""Whatever happens while a class is graded, no grade is lost, doubled or wrong."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from hostile.classroom import ASSIGNMENT, hand_in_sample

from course_utils.errors import CourseError
from course_utils.grading import grade as grading
from course_utils.grading.farm import Failure
from course_utils.grading.folder import CourseFolder
from course_utils.grading.grade import grade
from course_utils.grading.judgements import Store
from course_utils.grading.release import release

SAMPLES = ("right_loops", "wrong_no_stride", "crashing", "wrong_zeros")


@pytest.fixture(scope="module")
def released(tmp_path_factory, needs) -> Path:
    """A course folder with a class in it that nobody has graded yet, with its secret."""
    needs("bwrap")
    folder = CourseFolder(tmp_path_factory.mktemp("released"))
    release(folder, ASSIGNMENT)
    for sample in SAMPLES:
        hand_in_sample(folder, sample, sample)
    Store(folder.root).seed(ASSIGNMENT, "anyone", "any")
    return folder.root


@pytest.fixture
def course(released, tmp_path) -> CourseFolder:
    return CourseFolder(Path(shutil.copytree(released, tmp_path / "course")))


@pytest.fixture(scope="module")
def done(released, tmp_path_factory) -> Path:
    """The same course folder after it was graded and nothing happened."""
    folder = CourseFolder(Path(shutil.copytree(released, tmp_path_factory.mktemp("quiet") / "course")))
    assert grade(folder, ASSIGNMENT).problems == []
    return folder.root


@pytest.fixture
def graded(done, tmp_path) -> CourseFolder:
    return CourseFolder(Path(shutil.copytree(done, tmp_path / "graded")))


@pytest.fixture(scope="module")
def undisturbed(done) -> dict:
    """What the gradebook holds after nothing happened."""
    return gradebook(CourseFolder(done))


def gradebook(folder: CourseFolder) -> dict:
    """Return everything that the gradebook holds on submissions, without its keys."""
    with folder.gradebook() as held:
        return {
            (submission.student.id, cell.name): (
                cell.auto_score, cell.manual_score, cell.extra_credit, cell.needs_manual_grade,
            )
            for submission in held.assignment_submissions(ASSIGNMENT)
            for notebook in submission.notebooks
            for cell in notebook.grades
        }  # fmt: skip


def course_grade(folder: CourseFolder) -> subprocess.Popen:
    command = [sys.executable, "-m", "course_utils.cli", "grade", ASSIGNMENT, "--course", str(folder.root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def marks(folder: CourseFolder) -> dict[str, float]:
    """Return when each submission that is done was judged."""
    paths = (folder.root / "judged").glob(f"*/{ASSIGNMENT}.json")
    return {
        path.parent.name: path.stat().st_mtime for path in paths if json.loads(path.read_text())["recorded"]
    }


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12))]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_grader_that_is_killed_goes_on_where_it_was(course, undisturbed, seed) -> None:
    moments = random.Random(seed)
    before: dict[str, float] = {}
    for _ in range(2):
        grader = course_grade(course)
        time.sleep(moments.uniform(2, 9))
        grader.kill()
        grader.communicate()
        after = marks(course)
        assert {learner: after[learner] for learner in before} == before, "done work was done again"
        before = after
    done = course_grade(course)
    _, errors = done.communicate(timeout=120)
    assert done.returncode == 0, errors
    assert gradebook(course) == undisturbed
    assert {learner: marks(course)[learner] for learner in before} == before
    time.sleep(0.5)
    assert not [process for process in psutil.process_iter(["cmdline"]) if is_of_grading(process, course)]


def is_of_grading(process: psutil.Process, course: CourseFolder) -> bool:
    return str(course.root) in " ".join(process.info["cmdline"] or [])


@pytest.mark.parametrize("seed", SEEDS)
def test_workers_templates_and_kernels_that_are_killed_cost_nobody_anything(
    course, undisturbed, seed
) -> None:
    moments = random.Random(seed)
    killed = []

    def kill_at_random() -> None:
        """Kill a worker, and a process below one: more in one place is taken for a submission's doing."""
        for below_worker in moments.sample([True, False], 2):
            while not over.wait(moments.uniform(0.5, 2.5)):
                with contextlib.suppress(psutil.Error):  # it may be gone by itself
                    children = psutil.Process().children()
                    workers = [child for child in children if "spawn_main" in str(child.cmdline())]
                    below = [process for worker in workers for process in worker.children(recursive=True)]
                    if victims := below if below_worker else workers:
                        victim = moments.choice(sorted(victims, key=lambda process: process.pid))
                        victim.send_signal(signal.SIGKILL)
                        killed.append(victim.pid)
                        break

    over = threading.Event()
    killer = threading.Thread(target=kill_at_random)
    proven = grading.walls.require
    grading.walls.require = lambda sandbox: None  # or the killer would find a hole in it
    killer.start()
    try:
        report = grade(course, ASSIGNMENT)
    finally:
        over.set()
        killer.join()
        grading.walls.require = proven
    assert killed
    assert report.problems == []
    assert gradebook(course) == undisturbed


def test_a_submission_that_kills_its_judge_again_and_again_is_named_and_costs_the_others_nothing(
    course, undisturbed, monkeypatch
) -> None:
    judge_all = grading.judge_all

    def one_fails(bundles, *arguments):
        for learner, judgement in judge_all(bundles, *arguments):
            yield learner, Failure("the judge died") if learner == "crashing" else judgement

    monkeypatch.setattr(grading, "judge_all", one_fails)
    report = grade(course, ASSIGNMENT)
    assert report.problems == ["crashing: the judge died"]
    held = gradebook(course)
    assert {key: value for key, value in undisturbed.items() if key[0] != "crashing"} == {
        key: value for key, value in held.items() if key[0] != "crashing"
    }
    monkeypatch.undo()
    assert grade(course, ASSIGNMENT).problems == []
    assert gradebook(course) == undisturbed


def test_what_is_done_is_not_judged_again_and_a_changed_task_alone_is(
    graded, undisturbed, monkeypatch
) -> None:
    judged: dict[str, set[str]] = {}
    judge_all = grading.judge_all

    def counted(bundles):
        for learner, bundle in bundles:
            judged[learner] = set(bundle.seeds)
            yield learner, bundle

    def counting(bundles, *arguments):
        return judge_all(counted(bundles), *arguments)

    monkeypatch.setattr(grading, "judge_all", counting)
    grade(graded, ASSIGNMENT)
    assert judged == {}
    tasks = graded.solution(ASSIGNMENT) / "tasks.py"
    tasks.write_text(
        tasks.read_text().replace("You pad after the rows and columns only", "You pad after rows and columns")
    )
    grade(graded, ASSIGNMENT)
    assert judged == {learner: {"zero_pad"} for learner in SAMPLES}
    assert gradebook(graded) == undisturbed
    judged.clear()
    path = graded.submission(ASSIGNMENT, "wrong_zeros")
    path.write_text(graded.submission(ASSIGNMENT, "right_loops").read_text())
    grade(graded, ASSIGNMENT)
    assert set(judged) == {"wrong_zeros"}
    assert gradebook(graded)["wrong_zeros", "conv2d"][0] == 8


def test_a_gradebook_that_was_lost_is_filled_again_without_judging(graded, undisturbed, monkeypatch) -> None:
    (graded.root / "gradebook.db").unlink()
    release(CourseFolder(graded.root), ASSIGNMENT)
    monkeypatch.setattr(grading, "judge_all", lambda bundles, *_: list(bundles))
    assert grade(CourseFolder(graded.root), ASSIGNMENT).problems == []
    assert gradebook(graded) == undisturbed


def test_a_second_grader_says_that_the_first_is_at_work(course) -> None:
    with Store(course.root).lock():
        grader = course_grade(course)
        _, errors = grader.communicate(timeout=60)
    assert grader.returncode == 1
    assert "`course grade` is at work here already, as process" in errors
    assert not list((course.root / "judged").glob("*/*.json"))


def test_a_full_disk_is_said_in_one_line_and_nothing_is_lost(course, undisturbed, needs, tmp_path) -> None:
    """The course lies on a disk of a few megabytes; later it is moved to a larger one."""
    small = tmp_path / "small"
    small.mkdir()
    size = sum(path.stat().st_size for path in course.root.rglob("*") if path.is_file())
    script = (
        f"cp -r {course.root}/. {small} && {sys.executable} -m course_utils.cli grade {ASSIGNMENT} "
        f"--course {small}; echo status $?; rm -rf {course.root}/*; cp -r {small}/. {course.root}"
    )
    command = [needs("bwrap"), "--dev-bind", "/", "/", "--cap-add", "ALL"]
    command += ["--size", str(size + 1_800_000), "--tmpfs", str(small), "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "status 1" in done.stdout
    assert "No space left on device" in done.stderr or "disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    again = CourseFolder(course.root)
    assert grade(again, ASSIGNMENT).problems == []
    assert gradebook(again) == undisturbed


def test_folders_where_nothing_can_be_written_are_said_in_one_line(course, undisturbed, needs) -> None:
    for place in ("", "judged", "autograded"):
        folder = course.root / place
        folder.mkdir(exist_ok=True)
        command = [needs("bwrap"), "--dev-bind", "/", "/", "--ro-bind", str(folder), str(folder)]
        command += [sys.executable, "-m", "course_utils.cli", "grade", ASSIGNMENT]
        command += ["--course", str(course.root)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 1
        assert str(folder) in done.stderr
        assert "Traceback" not in done.stderr
    assert grade(CourseFolder(course.root), ASSIGNMENT).problems == []
    assert gradebook(course) == undisturbed


def test_a_notebook_that_may_not_be_read_is_named(course, needs) -> None:
    """Root may read everything, so a user without that privilege asks."""
    notebook = course.submission(ASSIGNMENT, "right_loops")
    notebook.chmod(0)
    code = f"from course_utils.grading.grade import *; print(unreadable(Path({str(notebook)!r})))"
    command = [needs("bwrap"), "--dev-bind", "/", "/", "--cap-drop", "ALL", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"{ASSIGNMENT}.ipynb cannot be read: Permission denied\n"


def test_without_a_sandbox_every_result_says_so(course, undisturbed) -> None:
    report = grade(course, ASSIGNMENT, sandbox="none")
    assert gradebook(course) == undisturbed
    judged = [result for result in report.results if result.task != "border_question"]
    assert {result.sandbox for result in judged} == {"none"}
    text = course.autograded(ASSIGNMENT, "right_loops").read_text()
    assert "Judged without a sandbox." in text


def test_where_there_is_no_sandbox_grading_is_refused(course, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("course_utils.grading.sandbox.bubblewrap.shutil.which", lambda program: None)
    with pytest.raises(CourseError, match=r"there is no bwrap: install it, .*apt-get install bubblewrap"):
        grade(course, ASSIGNMENT)
    with pytest.raises(
        CourseError, match="unknown sandbox 'chroot': there are bubblewrap, podman, docker, none"
    ):
        grade(course, ASSIGNMENT, sandbox="chroot")


def test_strange_files_are_graded_or_named(released, tmp_path) -> None:
    folder = CourseFolder(Path(shutil.copytree(released, tmp_path / "course")))
    shutil.rmtree(folder.root / "submitted")
    texts = {}
    learners = ("large", "kernel", "format3", "two", "latin", "fifo", "link", "other", "clock", "pipe", "[a]")
    for learner in learners:
        texts[learner] = hand_in_sample(folder, learner, "right_loops")
    notebook = nbformat.read(texts["large"], as_version=4)
    text = {"output_type": "stream", "name": "stdout", "text": "x" * 50_000_000}
    next(cell for cell in notebook.cells if cell.cell_type == "code").outputs = [nbformat.from_dict(text)]
    nbformat.write(notebook, texts["large"])
    notebook = nbformat.read(texts["kernel"], as_version=4)
    notebook.metadata.kernelspec = {"name": "julia-1.9", "display_name": "Julia", "language": "julia"}
    nbformat.write(notebook, texts["kernel"])
    old = nbformat.convert(nbformat.read(texts["format3"], as_version=4), 3)
    texts["format3"].write_text(json.dumps(old))
    (texts["two"].parent / "Copy of it.ipynb").write_text(texts["two"].read_text())
    texts["latin"].write_bytes('{"cells": ["ä"]}'.encode("latin-1"))
    os.mkfifo(texts["fifo"].parent / "pipe")
    (texts["link"].parent / "data\nalice: 0").symlink_to(folder.root / "gradebook.db")
    texts["other"].rename(texts["other"].with_name("ex01_backprop.ipynb"))
    (texts["clock"].parent / "timestamp.txt").write_text("half past nine")
    os.mkfifo(texts["pipe"].parent / "timestamp.txt")
    (texts["two"].parent / "timestamp.txt").write_text("2026-11-25 10:00:00 UTC")
    report = grade(folder, ASSIGNMENT)
    totals = {}
    for result in report.results:
        totals[result.learner] = totals.get(result.learner, 0) + result.score
    for learner in ("large", "kernel", "format3", "two"):
        assert totals[learner] == 21.5, learner
    problems = dict(line.split(": ", 1) for line in report.problems)
    assert set(problems) == {"latin", "fifo", "link", "other", "clock", "pipe", "[a]"}
    assert problems["latin"] == f"{ASSIGNMENT}.ipynb is not JSON, so not a notebook: ask for it again"
    assert problems["fifo"] == "pipe is a link or no ordinary file: remove it"
    assert problems["link"] == "data alice: 0 is a link or no ordinary file: remove it"
    assert (
        problems["other"] == f"no {ASSIGNMENT}.ipynb among the submitted files: there is ex01_backprop.ipynb"
    )
    assert problems["clock"] == problems["pipe"] == "timestamp.txt holds no date: mend or remove it"
    assert problems["[a]"] == "nbgrader reads no names with [, * or ?: rename the folder"
