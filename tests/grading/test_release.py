"""The release gate: each way in which an answer could get out is tried and found, by file."""

from __future__ import annotations

import ast
import json
import py_compile
import shutil

import nbformat
import numpy as np
import pytest
from places import ROOT

from course_utils.check import expected as expected_outputs
from course_utils.errors import CourseError
from course_utils.grading import gate
from course_utils.grading.folder import CourseFolder
from course_utils.grading.release import inspect, release

NAME = "ex02_convolution"


@pytest.fixture
def released(tmp_path):
    folder = tmp_path / NAME
    shutil.copytree(ROOT / "exercises" / NAME, folder)
    return folder


@pytest.fixture
def leaks(released, ex02):
    def find() -> list[str]:
        files = sorted(path for path in released.rglob("*") if path.is_file())
        return [line.removeprefix(f"{released}/") for line in gate.leaks(files, [ex02])]

    return find


def edit(folder, change) -> None:
    path = folder / f"{NAME}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)


def put(folder, source: str) -> None:
    edit(folder, lambda notebook: notebook.cells.append(nbformat.v4.new_code_cell(source)))


def solution_text(ex02, grade_id: str) -> str:
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell.source for cell in ex02.notebook.cells}
    lines = cells[f"solution_{grade_id}"].split("\n")
    return "\n".join(line for line in lines if "### " not in line)


def test_the_release_itself_leaks_nothing(leaks) -> None:
    assert leaks() == []


@pytest.mark.parametrize(
    "task", ["output_size", "zero_pad", "cross_correlate2d", "convolve2d", "conv2d", "parameter_counts"]
)
def test_a_solution_s_text_is_found(released, leaks, ex02, task) -> None:
    put(released, solution_text(ex02, task))
    assert f"{NAME}.ipynb: a solution's text" in leaks()


class Rename(ast.NodeTransformer):
    """Give every variable and argument another name, and every message another wording."""

    def visit_Name(self, node):
        called = ("np", "zero_pad", "cross_correlate2d", "ValueError")
        return node if node.id in called else ast.Name(f"{node.id}_2", node.ctx)

    def visit_arg(self, node):
        return ast.arg(f"{node.arg}_2")

    def visit_JoinedStr(self, node):
        return ast.Constant("other words")


@pytest.mark.parametrize("task", ["output_size", "zero_pad", "cross_correlate2d", "convolve2d", "conv2d"])
def test_a_solution_under_other_names_is_found(released, leaks, ex02, task) -> None:
    put(released, ast.unparse(Rename().visit(ast.parse(solution_text(ex02, task)))))
    assert leaks() == [f"{NAME}.ipynb: cell 35 computes a solution under other names"]


def test_an_answer_in_words_is_found(released, leaks, ex02) -> None:
    answer = next(text for text in ex02.texts if "mirror the image" in text)
    edit(released, lambda notebook: notebook.cells.append(nbformat.v4.new_markdown_cell(answer)))
    assert leaks() == [f"{NAME}.ipynb: a solution's text"]


def test_a_solution_in_another_file_is_found(released, leaks, ex02) -> None:
    (released / "notes.txt").write_text(solution_text(ex02, "conv2d"))
    assert leaks() == ["notes.txt: a solution's text"]


@pytest.mark.parametrize(
    "mark", ["### BEGIN SOLUTION", "### BEGIN HIDDEN TESTS", "=== BEGIN MARK SCHEME ==="]
)
def test_marks_of_the_source_are_found(released, leaks, mark) -> None:
    put(released, mark)
    assert any("the mark" in line for line in leaks())


@pytest.mark.parametrize("name", ["helper.cpython-311.pyc", "helper.txt"])
def test_compiled_code_is_found_under_any_name(released, leaks, tmp_path, name) -> None:
    source = tmp_path / "helper.py"
    source.write_text("x = 1\n")
    py_compile.compile(str(source), cfile=str(released / name))
    assert leaks() == [f"{name}: compiled code"]


def test_outputs_counts_and_personal_metadata_are_found(released, leaks) -> None:
    def change(notebook) -> None:
        notebook.metadata["authors"] = [{"name": "A. Person"}]
        notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="hello")]
        notebook.cells[3].execution_count = 7
        notebook.cells[5].metadata["executionInfo"] = {"user": {"displayName": "A. Person"}}

    edit(released, change)
    assert leaks() == [
        f"{NAME}.ipynb: personal metadata: authors",
        f"{NAME}.ipynb: cell 2 holds outputs or an execution count",
        f"{NAME}.ipynb: cell 4 holds outputs or an execution count",
        f"{NAME}.ipynb: cell 6 holds personal metadata: executionInfo",
    ]


def test_a_hidden_case_is_found(released, leaks, ex02) -> None:
    task = next(task for task in ex02.tasks if task.name == "conv2d")
    cases = [*expected_outputs.public_cases(task), *task.hidden(np.random.default_rng(5))]
    expected_outputs.save(released, [expected_outputs.record(task, ex02.reference, cases)])
    assert leaks()[0] == "expected.json: case 33 of conv2d is a hidden case"


def test_what_is_not_a_notebook_is_found(released, leaks) -> None:
    (released / f"{NAME}.ipynb").write_text("not json")
    assert leaks() == [f"{NAME}.ipynb: not a notebook"]
    (released / f"{NAME}.ipynb").write_text("[]")
    assert leaks() == [f"{NAME}.ipynb: not a notebook"]


@pytest.fixture
def course(tmp_path):
    shutil.copytree(ROOT / "solutions" / NAME, tmp_path / "course" / "solutions" / NAME)
    return CourseFolder(tmp_path / "course")


def test_a_release_that_leaks_fails_by_name_and_leaves_the_former_release(course, ex02) -> None:
    good = release(course, NAME)
    before = {path.name: path.read_bytes() for path in good.iterdir()}
    source = course.solution(NAME) / f"{NAME}.ipynb"
    notebook = nbformat.read(source, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(solution_text(ex02, "conv2d")))
    nbformat.write(notebook, source)
    with pytest.raises(CourseError, match=rf"exercises/{NAME}/{NAME}.ipynb: a solution's text"):
        release(course, NAME)
    assert {path.name: path.read_bytes() for path in good.iterdir()} == before


@pytest.mark.parametrize("name", ["draft.ipynb", "loops.txt", "answers.md", "tasks.py.orig", "old/notes.txt"])
def test_a_stray_file_of_the_solution_s_folder_stops_the_release(course, name) -> None:
    stray = course.solution(NAME) / name
    stray.parent.mkdir(exist_ok=True)
    stray.write_text('{"cells": [], "metadata": {}}')
    with pytest.raises(CourseError, match=rf"exercises/{NAME}/{name}: not a part of the release"):
        release(course, NAME)


def test_a_solution_below_a_magic_line_is_found(released, leaks, ex02) -> None:
    put(released, "%%time\n" + ast.unparse(Rename().visit(ast.parse(solution_text(ex02, "conv2d")))))
    assert leaks() == [f"{NAME}.ipynb: cell 35 computes a solution under other names"]


def test_one_telling_line_of_a_solution_is_found(released, leaks) -> None:
    put(released, 'return np.einsum("ncijmk,fcmk->nfij", windows, w) + b[:, None, None]')
    assert leaks() == [f"{NAME}.ipynb: a solution's text"]


def test_ordinary_code_of_a_lecture_is_no_false_alarm(released, leaks) -> None:
    put(released, "def turn(picture):\n    return show(picture, part[::-1, ::-1])")
    put(released, "padded = np.pad(x, ((0, 0), (1, 1)))\ny = np.einsum('ncl,fcl->nf', windows, w)")
    (released / "looks_like_a_zip").write_bytes(b"PK not really")
    assert leaks() == []


def test_a_lecture_that_holds_an_answer_stops_the_release(course, ex02) -> None:
    lectures = course.root / "lectures"
    lectures.mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(solution_text(ex02, "conv2d"))])
    nbformat.write(notebook, lectures / "03_lecture.ipynb")
    with pytest.raises(CourseError, match=r"lectures/03_lecture.ipynb: a solution's text"):
        release(course, NAME)
    assert not (course.root / "exercises" / NAME).exists()


def test_points_of_task_and_check_cell_must_agree(course) -> None:
    path = course.solution(NAME) / f"{NAME}.ipynb"
    path.write_text(path.read_text().replace('"points": 8,', '"points": 9,'))
    with pytest.raises(CourseError, match="the check cell of conv2d is worth 9, the groups of its task 8"):
        release(course, NAME)


def test_the_released_expected_outputs_are_read_back_as_they_were_recorded(ex02, tmp_path) -> None:
    recorded = [
        expected_outputs.record(task, ex02.reference, expected_outputs.public_cases(task))
        for task in ex02.tasks
    ]
    expected_outputs.save(tmp_path, recorded)
    for expected in recorded:
        loaded = expected_outputs.load(tmp_path, expected.name)
        assert json.dumps(loaded.points) == json.dumps(expected.points)
        for one, other in zip(loaded.mistakes, expected.mistakes, strict=True):
            assert (one.name, one.why, one.section) == (other.name, other.why, other.section)
            assert [o.errors for o in one.outcomes] == [o.errors for o in other.outcomes]
            for mine, theirs in zip(one.outcomes, other.outcomes, strict=True):
                assert mine.arrays.keys() == theirs.arrays.keys()
                assert all(np.array_equal(mine.arrays[k], theirs.arrays[k]) for k in mine.arrays)


def test_inspect_accepts_the_release_of_the_repository(course, ex02) -> None:
    inspect(course, ex02, release(course, NAME))
