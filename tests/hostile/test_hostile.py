"""Hostile submissions among honest ones: each gets what it earned, harms nobody and leaves nothing."""

from __future__ import annotations

import json
import os
import socket
from collections import Counter
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

import nbformat
import psutil
import pytest
from places import ROOT

from course_utils.grading.folder import CourseFolder
from course_utils.grading.grade import grade
from course_utils.grading.release import release
from course_utils.grading.sandbox.limits import Limits
from hostile.classroom import ASSIGNMENT, hand_in, hand_in_sample
from hostile.submissions import SUBMISSIONS

HONEST = {"right_loops": 21.5, "wrong_no_stride": 4.5, "wrong_flipped_kernel": 5, "half_finished": 8}
LIMITS = Limits(cell_seconds=4, task_seconds=8, submission_seconds=60)
SECRET = "for-nobody-s-eyes"
EVERY_TIME = 3  # of each kind; the others take minutes more


def params(value) -> list:
    """Return a parameter for each submission; beyond the first few of a kind they are marked slow."""
    kinds: Counter[str] = Counter()
    found = []
    for hostile in SUBMISSIONS:
        kinds[hostile.category] += 1
        marks = [pytest.mark.slow] if kinds[hostile.category] > EVERY_TIME else []
        found.append(pytest.param(value(hostile), id=hostile.name, marks=marks))
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory, needs, request):
    """All that are asked for, graded once: the folder, the report, what was there before, and who called."""
    needs("bwrap")
    asked = {item.callspec.id for item in request.session.items if hasattr(item, "callspec")}
    chosen = [hostile for hostile in SUBMISSIONS if hostile.name in asked] or SUBMISSIONS[:EVERY_TIME]
    between = {share * len(chosen) // 4 for share in (1, 2, 3)}
    folder = CourseFolder(tmp_path_factory.mktemp("hostile"))
    release(folder, ASSIGNMENT)
    (folder.root / "canary.txt").write_text(SECRET)
    os.environ["COURSE_TEST_SECRET"] = SECRET
    with socket.create_server(("127.0.0.1", 0)) as server:
        for number, hostile in enumerate(chosen):
            hand_in(folder, hostile.name, hostile, server.getsockname()[1])
            if number in between:
                for sample in HONEST:
                    hand_in_sample(folder, f"{hostile.name}_then_{sample}", sample)
        files = {path: path.read_bytes() for path in _course_code()}
        report = grade(folder, ASSIGNMENT, limits=LIMITS)
        server.settimeout(0.1)
        try:
            caller = server.accept()
        except TimeoutError:
            caller = None
    del os.environ["COURSE_TEST_SECRET"]
    return folder, report, files, caller


@pytest.fixture(scope="module")
def results(world):
    return {(result.learner, result.task): result for result in world[1].results}


def _course_code() -> list[Path]:
    import numpy

    import course_utils

    return [Path(numpy.__file__), *sorted(Path(course_utils.__file__).parent.rglob("*.py"))]


@pytest.mark.parametrize("hostile", params(lambda hostile: hostile))
def test_a_hostile_submission_gets_what_it_earned(world, results, hostile) -> None:
    scores = {task: result.score for (learner, task), result in results.items() if learner == hostile.name}
    assert {task: score for task, score in scores.items() if score} == hostile.earns
    problems = [line for line in world[1].problems if line.startswith(f"{hostile.name}: ")]
    if hostile.refused:
        assert hostile.refused in problems[0]
    else:
        assert not problems
        assert hostile.told in results[hostile.name, "output_size"].message


def test_honest_submissions_between_them_get_exactly_their_scores(results) -> None:
    learners = {learner for learner, _ in results if "_then_" in learner}
    assert len(learners) >= len(HONEST)
    for learner in learners:
        total = sum(result.score for (who, _), result in results.items() if who == learner)
        assert total == HONEST[learner.partition("_then_")[2]]


def test_the_gradebook_holds_what_was_judged_and_nobody_has_a_score_by_hand(world) -> None:
    folder, report, *_ = world
    totals = {}
    for result in report.results:
        totals[result.learner] = totals.get(result.learner, 0) + result.score
    with folder.gradebook() as gradebook:
        for submission in gradebook.assignment_submissions(ASSIGNMENT):
            assert submission.score == pytest.approx(totals[submission.student.id])
            grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
            assert all(grade.manual_score is None for grade in grades)


@pytest.mark.parametrize("name", params(lambda hostile: hostile.name))
def test_what_it_printed_gives_nothing_away_and_is_not_large(world, name) -> None:
    path = world[0].autograded(ASSIGNMENT, name)
    if not path.exists():
        assert next(hostile for hostile in SUBMISSIONS if hostile.name == name).refused
        return
    text = path.read_text(encoding="utf-8")
    assert len(text) < 3_000_000
    outputs = json.dumps([cell.get("outputs") for cell in nbformat.reads(text, as_version=4).cells])
    assert "FOUND" not in outputs
    assert SECRET not in outputs
    assert "\\u202e" not in outputs
    assert "\\u001b[2J" not in outputs


def test_no_code_was_changed_and_nobody_was_called(world) -> None:
    _, _, files, caller = world
    assert {path: path.read_bytes() for path in files} == files
    assert caller is None
    assert not Path("/tmp/course-hostile-pickle").exists()


def test_nothing_stays(world) -> None:
    commands = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if "86399" in command]
    mine = [" ".join(process.cmdline()) for process in psutil.Process().children(recursive=True)]
    assert not [command for command in mine if "inside.py" in command]
    assert not [folder for folder in Path("/tmp").glob("course-kernels-*") if not is_held(folder)]


def is_held(folder: Path) -> bool:
    """Tell whether a grader that lives, another one than ours, uses a folder for kernels."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        flock(lock, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def test_there_are_hostile_submissions_of_every_kind() -> None:
    kinds = {hostile.category for hostile in SUBMISSIONS}
    assert kinds == {
        "metadata", "IPython", "kernel", "libraries", "messages", "frames", "objects", "files", "processes",
        "network", "signals", "resources", "outputs", "structure",
    }  # fmt: skip
    assert len(SUBMISSIONS) >= 40


def test_the_page_for_instructors_shows_all_of_them() -> None:
    record = json.loads((ROOT / "benchmarks" / "records" / "hostile.json").read_text(encoding="utf-8"))
    assert [(row["name"], row["does"]) for row in record["submissions"]] == [
        (hostile.name, hostile.does) for hostile in SUBMISSIONS
    ]
    page = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
    for row in record["submissions"]:
        assert f"| {row['does']} | {row['earned']:g} |" in page
        assert row["course grade"] in (f"{row['earned']:g}", "refused")
