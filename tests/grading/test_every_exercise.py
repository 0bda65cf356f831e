"""Each exercise goes through the judge, in the sandbox: right ones get full marks, wrong ones their name."""

from __future__ import annotations

import nbformat
import pytest
from places import ROOT, SOLUTIONS

from course_utils.grading import demo
from course_utils.grading import solution as solutions
from course_utils.grading.judge import Bundle, judge
from course_utils.grading.sandbox import choose
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.scratch import Scratch

SEED = 7
SAMPLES = [
    (folder.name, path.stem)
    for folder in SOLUTIONS
    for path in [
        *sorted((folder / "samples").glob("right_*.py"))[:2],
        *sorted((folder / "samples").glob("wrong_*.py"))[:1],
    ]
]


@pytest.fixture(scope="module")
def sandbox(needs):
    needs("bwrap")
    with Scratch() as scratch, choose("bubblewrap", scratch, Limits()) as opened:
        yield opened


def handed_in(assignment: str, sample: str) -> str:
    """Return the released notebook with a sample's answers in it, as text."""
    released = ROOT / "exercises" / assignment / f"{assignment}.ipynb"
    notebook = nbformat.read(released, as_version=4)
    answers = demo.read_sample(ROOT / "solutions" / assignment / "samples" / f"{sample}.py")
    demo.fill(notebook, answers)
    return nbformat.writes(notebook)


@pytest.mark.parametrize(("assignment", "sample"), SAMPLES)
def test_a_sample_gets_what_it_earns_from_the_judge(sandbox, assignment: str, sample: str) -> None:
    source = solutions.read(ROOT / "solutions" / assignment)
    tasks = [task.name for task in solutions.make(source).tasks]
    bundle = Bundle(handed_in(assignment, sample), {}, source, dict.fromkeys(tasks, SEED))
    judged = judge(bundle, sandbox).tasks
    assert list(judged) == tasks
    if sample.startswith("right_"):
        assert {
            name: about["message"] for name, about in judged.items() if about["verdict"] != "passed"
        } == {}
    else:
        assert any(about["verdict"] != "passed" and about["diagnosis"] for about in judged.values())


def test_the_judge_times_a_race_with_its_own_clock(sandbox) -> None:
    """A kernel whose clock lies gains nothing, and the report tells the measured ratio."""
    name = "ex05_fast_convolution"
    source = solutions.read(ROOT / "solutions" / name)
    liar = nbformat.v4.new_code_cell("import time\ntime.perf_counter = time.monotonic = lambda: 0.0")
    notebook = nbformat.reads(handed_in(name, "slow_loops"), as_version=4)
    notebook.cells.insert(1, liar)
    bundle = Bundle(nbformat.writes(notebook), {}, source, {"conv2d_fast": SEED})
    about = judge(bundle, sandbox).tasks["conv2d_fast"]
    assert about["diagnosis"] == ["too slow"]
    assert about["verdict"] == "partial"
    assert "times as fast as a plain loop: at least 8 times is asked for" in about["report"]["text/plain"]
