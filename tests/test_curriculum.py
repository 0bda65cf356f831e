"""Lectures and exercises keep to the shape that the course promises."""

from __future__ import annotations

import ast
import dataclasses
import functools
import re

import jupytext
import pytest
from places import LECTURES, ROOT, SOLUTIONS

from course_utils.check.advice import imports
from course_utils.check.expected import public_cases, record_reference
from course_utils.check.probe import Said, run_all
from course_utils.check.task import Answer, Expected
from course_utils.check.verdict import TOO_SLOW, judge
from course_utils.grading import gate
from course_utils.grading import solution as solutions

SHIPPED = [*LECTURES, *(ROOT / "exercises" / folder.name / f"{folder.name}.ipynb" for folder in SOLUTIONS)]
ROW = re.compile(
    r"\| (?P<slide>.+?) \| \[\d\d, (?P<heading>.+?)\]\((?P<lecture>\w+)\.ipynb#.+\) \|"
)  # of the table of slides
SLIDES = (
    "Review: Feedforward Neural Network",
    "Review: Basic Components and Examples",
    "Review: Architecture Design",
    "Review: Backpropagation",
    "Backpropagation: example",
    "Historical Background",
    "What is Convolutional Neural Network?",
    "Convolutions: Motivation",
    "Motivation: Sparse Connectivity",
    "Motivation: Parameter Sharing",
    "Motivation: Equivariance",
    "Aside",
    "Convolution",
    "Output Size",
    "Zero Padding",
    "Learn Multiple Filters",
    "Generalize to Higher Dimensions",
    "Convolutional Layer Parameters",
    "Non-Linearity",
    "Pooling: Motivation",
    "Pooling: Invariance",
    "Pooling",
    "Fully Connected Layer",
    "Major Architectures",
    "LeNet-5",
    "AlexNet: ILSVRC 2012 winner",
    "Clarifai: ILSVRC 2013 winner",
    "VGGNet: ILSVRC 2014 2nd place",
    "Network in Network",
    "GoogLeNet: ILSVRC 2014 winner",
    "Inception v2, v3",
    "ResNet: ILSVRC 2015 winner",
    "DenseNet",
    "Going Deeper",
    "CNN for Image Classification on ImageNet",
    "ImageNet",
    "Example-AlexNet",
    "Technical details",
    "96 learned low-level filters",
    "Classification result",
    "Top hidden layer can be used as feature for retrieval",
)  # of all parts but "Know More about CNN", in their order
LINK = re.compile(r"\]\((\.\./[^)#]+)(?:#([^)]+))?\)")


def cells(path, kind: str) -> list[str]:
    return [cell.source for cell in jupytext.read(path).cells if cell.cell_type == kind]


@functools.cache
def headings(path) -> set[str]:
    text = "\n".join(cells(path, "markdown"))
    return {match.strip() for match in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("lecture", LECTURES, ids=lambda path: path.stem)
def test_a_lecture_has_the_promised_size(lecture) -> None:
    prose, code = cells(lecture, "markdown"), cells(lecture, "code")
    assert 50 <= len(prose) + len(code) <= 80
    assert 2_000 <= sum(len(text.split()) for text in prose) <= 4_000
    assert sum(len(source.split("\n")) for source in code) <= 600


@pytest.mark.parametrize("lecture", LECTURES, ids=lambda path: path.stem)
def test_a_lecture_has_errata_a_summary_and_enough_questions(lecture) -> None:
    assert {"Errata", "What you learned"} <= headings(lecture)
    calls = [
        node for node in ast.walk(ast.parse("\n".join(cells(lecture, "code")))) if isinstance(node, ast.Call)
    ]
    questions = [call for call in calls if getattr(call.func, "id", "") == "question"]
    assert len(questions) >= 5


@pytest.mark.parametrize(
    "path", [*LECTURES, *(folder / f"{folder.name}.py" for folder in SOLUTIONS)], ids=lambda path: path.stem
)
def test_every_link_leads_somewhere(path) -> None:
    for text in cells(path, "markdown"):
        for target, heading in LINK.findall(text):
            found = (path.parent / target).resolve()
            assert found.is_file(), target
            if heading:
                assert heading.replace("-", " ") in {h.replace("-", " ") for h in headings(found)}, heading


def slide_rows() -> list[tuple[str, str, str]]:
    """Return slide, lecture and heading of each row of the table of slides."""
    text = (ROOT / "lectures" / "slides.md").read_text(encoding="utf-8")
    rows = [
        line
        for line in text.split("\n")
        if line.startswith("| ") and not line.startswith(("| slide", "| ---"))
    ]
    found = [ROW.fullmatch(row) for row in rows]
    assert None not in found, rows[found.index(None)]
    return [(match["slide"], match["lecture"], match["heading"]) for match in found if match]


def has_title(slide: str, *titles: str) -> bool:
    """Tell whether a row is of a slide with one of these titles; what follows a colon is its topic."""
    return any(slide == title or slide.startswith(f"{title}:") for title in titles)


@pytest.mark.parametrize("title", SLIDES)
def test_every_slide_has_a_section(title) -> None:
    assert [slide for slide, _, _ in slide_rows() if has_title(slide, title)]


def test_the_table_of_slides_names_sections_that_exist() -> None:
    for slide, lecture, heading in slide_rows():
        assert has_title(slide, *SLIDES), slide
        assert heading in headings(ROOT / "lectures" / f"{lecture}.py"), heading


@pytest.mark.parametrize("lecture", LECTURES, ids=lambda path: path.stem)
def test_a_lecture_names_the_slides_that_the_table_gives_it(lecture) -> None:
    named = cells(lecture, "markdown")[0].split("**Slides:**")[1].split("**You need:**")[0]
    titles = [" ".join(title.split()) for title in re.findall(r"\*([^*]+)\*", named)]
    assert set(titles) <= set(SLIDES)
    given = [slide for slide, name, _ in slide_rows() if name == lecture.stem]
    assert [slide for slide in given if not has_title(slide, *titles)] == []


@pytest.mark.parametrize("folder", SOLUTIONS, ids=lambda path: path.name)
def test_every_mistake_leads_to_a_section_that_exists(folder) -> None:
    for task in solutions.load(folder).tasks:
        for mistake in task.mistakes:
            lecture, heading = mistake.section.split("#")
            assert heading in headings(ROOT / "lectures" / f"{lecture}.py"), mistake.section


def test_what_is_said_of_slow_code_leads_to_a_section_that_exists() -> None:
    lecture, heading = TOO_SLOW.section.split("#")
    assert heading in headings(ROOT / "lectures" / f"{lecture}.py")


@pytest.mark.parametrize("folder", SOLUTIONS, ids=lambda path: path.name)
def test_an_exercise_begins_with_objectives_and_ends_with_what_was_learned(folder) -> None:
    prose = cells(folder / f"{folder.name}.py", "markdown")
    assert "Objectives" in prose[0]
    assert "minutes" in prose[0]
    assert "difficulty" in prose[0]
    assert "What you learned" in prose[-1]


@pytest.mark.parametrize("folder", SOLUTIONS, ids=lambda path: path.name)
def test_every_task_has_help_in_three_steps_and_a_check_cell(folder) -> None:
    text = "\n".join(cells(folder / f"{folder.name}.py", "markdown"))
    tasks = solutions.load(folder).tasks
    assert text.count("Help 3: nearly all of it") == len(tasks)
    code = cells(folder / f"{folder.name}.py", "code")
    assert all(f"check({task.name})" in code for task in tasks)


@pytest.mark.parametrize("folder", SOLUTIONS, ids=lambda path: path.name)
def test_the_table_of_tasks_tells_the_points_that_the_cells_give(folder) -> None:
    table = cells(folder / f"{folder.name}.py", "markdown")[0]
    points = [float(row) for row in re.findall(r"^\| \d .*?\| ([\d.]+) \|", table, re.MULTILINE)]
    assert points == list(solutions.load(folder).graded.values())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_no_function_that_ships_passes_a_group_of_any_task(path) -> None:
    """Hand each function of a lecture or of an exercise's own cells in, under each task's name.

    What a task forbids is not there, as when it is judged. To pass a group a function must be right on the
    group's first case, so the others are tried only then.
    """
    tree = ast.parse("\n".join(cells(path, "code")))
    keep = (ast.Import, ast.ImportFrom, ast.FunctionDef)
    tree.body = [node for node in tree.body if isinstance(node, keep)]
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    for node in functions:
        node.args.defaults = [ast.Constant(None) for _ in node.args.defaults]  # other cells make theirs
    code = compile(ast.fix_missing_locations(tree), path.name, "exec")
    for expected, first in recorded():
        space: dict = {}
        exec(code, space)
        for name, module in imports(tree).items():
            if any(f"{module}.".startswith(f"{package}.") for package in expected.forbids):
                del space[name]
        for name in (node.name for node in functions):
            if score(first, space[name]):
                assert score(expected, space[name]) == 0, f"{name} passes cases of {expected.name}"


def score(expected: Expected, answer: Answer) -> float:
    outcomes = run_all(expected.probe, answer, expected.cases, expected.returns, Said(), patience=1)
    return judge(expected, outcomes).score


def first_of_each_group(expected: Expected) -> Expected:
    groups = [case.group for case in expected.cases]
    first = [groups.index(group) for group in dict.fromkeys(groups)]
    cases, outcomes = ([both[i] for i in first] for both in (expected.cases, expected.outcomes))
    return dataclasses.replace(expected, cases=tuple(cases), outcomes=tuple(outcomes))


@functools.cache
def recorded() -> list[tuple[Expected, Expected]]:
    """Return the tasks of all exercises with their public cases, and with the first of each group alone."""
    tasks = [
        record_reference(task, loaded.reference, public_cases(task))
        for loaded in map(solutions.load, SOLUTIONS)
        for task in loaded.tasks
    ]
    return [(expected, first_of_each_group(expected)) for expected in tasks]


def test_nothing_that_ships_holds_an_answer_of_any_exercise() -> None:
    files = [path for place in ("lectures", "exercises") for path in sorted((ROOT / place).rglob("*.*"))]
    files = [path for path in files if path.suffix in (".ipynb", ".json", ".npz")]
    assert list(gate.leaks(files, map(solutions.load, SOLUTIONS))) == []
