"""A class graded through nbgrader: release, submit, grade, feedback, export, on nbgrader's own gradebook."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import asdict

import nbformat
import pytest
from nbgrader.api import Gradebook
from places import ROOT

from course_utils.errors import CourseError
from course_utils.grading import grade as grading
from course_utils.grading.demo import make_class
from course_utils.grading.folder import CourseFolder
from course_utils.grading.grade import grade, write_json
from course_utils.grading.gradebook import export, feedback
from course_utils.grading.release import release
from course_utils.grading.sandbox.limits import Limits

NAME = "ex02_convolution"
RIGHT = ["right_loops", "right_windows", "right_columns", "right_fourier", "right_shifts"]
OWN_LIMITS = """c = get_config()
from course_utils.grading.config import configure
configure(c)
c.Judge.limits = {"cell_seconds": 1}
"""
NOISE = """

import sys, warnings, logging
import matplotlib.pyplot as plt

def noisy(function):
    def call(*arguments):
        print("on my way")
        print("on my way", file=sys.stderr)
        warnings.warn("careful", stacklevel=2)
        logging.warning("careful")
        np.float64(1) / 0
        plt.plot([1, 2])
        return function(*arguments)
    return call

TASK = noisy(TASK)
TASK
plt.plot([1, 2])
plt.show()
plt.figure()
warnings.warn("careful")
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory, needs):
    """A course folder that began empty, with the samples and the solution itself handed in, graded once."""
    needs("bwrap")
    folder = CourseFolder(tmp_path_factory.mktemp("class"))
    make_class(folder, NAME)
    for sample in RIGHT:
        make_noisy(folder, sample)
    solution = folder.submission(NAME, "the_solution")
    solution.parent.mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / NAME / f"{NAME}.ipynb", solution)
    broken = folder.submission(NAME, "not_a_notebook")
    broken.parent.mkdir(parents=True)
    broken.write_text("<html>Sign in to download</html>")
    folder.submission(NAME, "sent_nothing").parent.mkdir(parents=True)
    return folder


def make_noisy(folder: CourseFolder, sample: str) -> None:
    """Hand a sample in once more, with warnings, prints and plots in every cell and every call."""
    notebook = nbformat.read(folder.submission(NAME, sample), as_version=4)
    for cell in notebook.cells:
        task = cell.metadata.get("nbgrader", {}).get("grade_id", "").removeprefix("solution_")
        if cell.metadata.get("nbgrader", {}).get("solution") and cell.cell_type == "code":
            cell.source += NOISE.replace("TASK", task)
    path = folder.submission(NAME, sample.replace("right", "noisy"))
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def report(course):
    return grade(course, NAME)


@pytest.fixture(scope="module")
def results(report):
    return {(result.learner, result.task): result for result in report.results}


def test_every_learner_has_a_result_for_every_graded_cell(results, ex02) -> None:
    learners = {learner for learner, _ in results}
    assert len(learners) == 22
    assert set(results) == {(learner, task) for learner in learners for task in ex02.graded}


def test_the_solution_s_own_score_is_full(results, ex02) -> None:
    for task, points in ex02.graded.items():
        result = results["the_solution", task]
        if task == "border_question":
            assert result.verdict == "needs manual grading"
        else:
            assert (result.score, result.max_score, result.verdict) == (points, points, "passed")


@pytest.mark.parametrize("sample", RIGHT)
@pytest.mark.parametrize("manner", ["right", "noisy"])
def test_right_samples_get_full_marks_prints_warnings_and_plots_or_not(results, ex02, sample, manner) -> None:
    for task in ex02.tasks:
        result = results[sample.replace("right", manner), task.name]
        assert result.score == sum(task.points.values()), result.message


@pytest.mark.parametrize(
    ("learner", "task", "score", "verdict", "diagnosis"),
    [
        ("wrong_flipped_kernel", "conv2d", 0, "failed", ["flips the kernel"]),
        ("wrong_flipped_kernel", "convolve2d", 0, "failed", ["does not flip the kernel"]),
        ("wrong_no_stride", "conv2d", 3.5, "partial", ["ignores the stride"]),
        ("wrong_integers", "conv2d", 7.5, "partial", ["makes integer output"]),
        ("wrong_bias_and_padding", "conv2d", 0, "failed", ["forgets the bias"]),
        ("wrong_zeros", "conv2d", 0, "failed", ["zeros"]),
        ("empty", "conv2d", 0, "not attempted", []),
        ("half_finished", "cross_correlate2d", 3, "passed", []),
        ("half_finished", "convolve2d", 0, "error", []),
        ("endless_recursion", "zero_pad", 0, "failed", ["mutates its input"]),
        ("empty", "border_question", 0, "not attempted", []),
        ("crashing", "output_size", 3, "passed", []),
        ("crashing", "zero_pad", 0, "error", []),
    ],
)
def test_samples_get_what_they_deserve(results, learner, task, score, verdict, diagnosis) -> None:
    result = results[learner, task]
    assert (result.score, result.verdict, result.diagnosis) == (score, verdict, diagnosis)


@pytest.mark.parametrize(
    ("learner", "message"),
    [
        ("not_a_notebook", "is not JSON, so not a notebook"),
        ("sent_nothing", f"no {NAME}.ipynb among the submitted files"),
    ],
)
def test_what_cannot_be_graded_is_said_in_one_line_and_costs_the_others_nothing(
    report, results, learner, message
) -> None:
    problem = next(line for line in report.problems if line.startswith(f"{learner}: "))
    assert message in problem
    assert "\n" not in problem
    assert all(results[learner, task].verdict == "error" for task in ("output_size", "conv2d"))
    assert len(report.problems) == 2


def test_the_gradebook_holds_the_same_scores_as_the_report(course, results) -> None:
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        for submission in gradebook.assignment_submissions(NAME):
            total = sum(r.score for (learner, _), r in results.items() if learner == submission.student.id)
            assert submission.score == pytest.approx(total)


def test_the_json_file_has_the_promised_fields(report, tmp_path) -> None:
    write_json(report.results, tmp_path / "grades.json")
    rows = json.loads((tmp_path / "grades.json").read_text())
    assert rows == [asdict(result) for result in report.results]
    assert list(rows[0]) == [
        "learner", "assignment", "task", "score", "max_score", "verdict", "diagnosis", "message", "sandbox",
    ]  # fmt: skip


def test_the_feedback_page_shows_verdict_and_mistake(course, report) -> None:
    pages, problems = feedback(course, NAME)
    assert len(pages) == 20
    assert problems == []
    page = (course.root / "feedback" / "wrong_flipped_kernel" / NAME / f"{NAME}.html").read_text()
    assert "Mistake: flips the kernel" in page


def test_export_writes_a_row_for_each_learner(course, report, results) -> None:
    path = export(course, NAME, course.root / "grades" / "class.csv")
    with path.open() as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert float(rows["right_loops"]["score"]) == 21.5
    assert float(rows["empty"]["score"]) == 0


def test_a_grade_given_by_hand_survives_grading_again(course, report) -> None:
    lone = CourseFolder(course.root)
    with lone.gradebook() as gradebook:
        answer = gradebook.find_grade("border_question", NAME, NAME, "right_loops")
        answer.manual_score, answer.needs_manual_grade = 2.5, False
        gradebook.db.commit()
    for learner in (course.root / "submitted").iterdir():
        if learner.name != "right_loops":
            shutil.rmtree(learner)
    again = {result.task: result for result in grade(lone, NAME).results}
    assert (again["border_question"].score, again["border_question"].verdict) == (2.5, "graded by hand")
    assert again["conv2d"].score == 8


def test_a_submission_whose_check_cells_were_emptied_gains_nothing(course, report) -> None:
    path = course.submission(NAME, "emptied")
    path.parent.mkdir(parents=True)
    notebook = nbformat.read(course.root / "exercises" / NAME / f"{NAME}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = "pass"
    nbformat.write(notebook, path)
    emptied = [result for result in grade(course, NAME).results if result.learner == "emptied"]
    assert sum(result.score for result in emptied) == 0


def test_an_unknown_assignment_and_an_empty_class_are_expected_failures(tmp_path) -> None:
    folder = CourseFolder(tmp_path)
    with pytest.raises(CourseError, match="unknown assignment 'ex99': the course has ex01_backprop, ex02"):
        folder.solution("ex99")
    with pytest.raises(CourseError, match=r"nothing submitted: put notebooks at .*submitted/LEARNER/"):
        folder.learners(NAME)
    with pytest.raises(CourseError, match=f"nothing graded: run `course grade {NAME}` first"):
        feedback(folder, NAME)
    with pytest.raises(CourseError, match=f"no grades: run `course grade {NAME}` first"):
        export(folder, NAME, tmp_path / "grades.csv")


def test_the_gradebook_may_be_any_database_that_the_folder_configures(tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    (tmp_path / "nbgrader_config.py").write_text(f"c = get_config()\nc.CourseDirectory.db_url = {url!r}\n")
    release(CourseFolder(tmp_path), NAME)
    assert (tmp_path / "elsewhere.db").is_file()
    assert not (tmp_path / "gradebook.db").exists()


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        ({"cell_minutes": 1}, "unknown limit 'cell_minutes': there are cell_seconds, task_seconds"),
        ({"cell_seconds": "60"}, "the limit cell_seconds is a number above 0, not '60'"),
        ({"memory": -1}, "the limit memory is a number above 0, not -1"),
    ],
)
def test_limits_that_are_none_are_one_line(limits, problem) -> None:
    with pytest.raises(CourseError, match=problem):
        Limits.usual_but(limits)


def test_a_folder_may_have_its_own_limits(tmp_path, needs, monkeypatch) -> None:
    needs("bwrap")
    (tmp_path / "nbgrader_config.py").write_text(OWN_LIMITS)
    folder = CourseFolder(tmp_path)
    release(folder, NAME)
    folder.submission(NAME, "ann").parent.mkdir(parents=True)
    seen = []
    monkeypatch.setattr(grading, "judge_all", lambda bundles, *rest: seen.append(rest) or [])
    grade(folder, NAME)
    assert [(limits.cell_seconds, limits.task_seconds) for _, limits, _ in seen] == [
        (1, Limits().task_seconds)
    ]
