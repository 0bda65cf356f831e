"""The fast layers of ex05 are graded on values and on speed, and the two are told apart.

A race is a ratio against a plain loop that runs right before it. The right styles win by three times what is
asked for and more, and the slow sample loses by a hundred, so that a busy machine does not decide.
"""

from __future__ import annotations

import numpy as np
import pytest
from places import ROOT

from course_utils.check import race
from course_utils.check.expected import public_cases, record
from course_utils.check.probe import Said, run_all
from course_utils.check.report import as_text
from course_utils.check.task import Answer, Expected
from course_utils.check.verdict import Verdict, judge
from course_utils.grading import demo
from course_utils.grading import solution as solutions

FOLDER = ROOT / "solutions" / "ex05_fast_convolution"
SAMPLES = demo.samples(FOLDER)
STYLES = [name for name in SAMPLES if name.startswith("right_")]
RACED = ("conv2d_fast", "conv2d_fast_backward")


@pytest.fixture(scope="module")
def recorded() -> dict[str, Expected]:
    """Every task with its expected outputs on the public cases."""
    solution = solutions.load(FOLDER)
    return {task.name: record(task, solution.reference, public_cases(task)) for task in solution.tasks}


def answers(sample: str) -> dict[str, Answer]:
    space: dict = {"np": np}
    for task, source in SAMPLES[sample].items():
        if not task.endswith("question"):
            exec(source, space)
    return space


def verdict_on(expected: Expected, answer: Answer) -> Verdict:
    outcomes = run_all(
        expected.probe, answer, expected.cases, expected.returns, Said(), patience=60, budget=120
    )
    return judge(expected, outcomes)


@pytest.mark.parametrize("task", RACED)
def test_there_is_one_race_in_a_group_of_its_own_and_it_comes_last(task: str, recorded) -> None:
    races = [case.group for case in recorded[task].cases if case.multiply_adds]
    assert races == ["speed"]
    assert [case.group for case in recorded[task].cases].index("speed") == len(recorded[task].cases) - 1


@pytest.mark.parametrize("task", RACED)
def test_seven_loops_get_every_point_but_those_for_speed_and_are_told_how_fast_they_are(
    task: str, recorded
) -> None:
    verdict = verdict_on(recorded[task], answers("slow_loops")[task])
    assert [group for group, passed in verdict.passed.items() if not passed] == ["speed"]
    assert verdict.score == verdict.max_score - verdict.points["speed"]
    assert [diagnosis.name for diagnosis in verdict.diagnoses] == ["too slow"]
    assert verdict.first_failure is not None
    assert "the values are right, and it is 0." in verdict.first_failure.differs
    assert f"at least {race.FASTER:g} times is asked for" in as_text(verdict, "")


@pytest.mark.parametrize("task", ["im2col", "col2im"])
def test_loops_over_positions_are_right_where_speed_does_not_count(task: str, recorded) -> None:
    verdict = verdict_on(recorded[task], answers("slow_loops")[task])
    assert verdict.score == verdict.max_score


@pytest.mark.parametrize("task", RACED)
@pytest.mark.parametrize("style", STYLES)
def test_every_right_style_gets_the_points_for_speed(style: str, task: str, recorded) -> None:
    verdict = verdict_on(recorded[task], answers(style)[task])
    assert verdict.passed["speed"], verdict.first_failure
    assert "times as fast as a plain loop" in as_text(verdict, "")


@pytest.mark.parametrize("task", RACED)
def test_being_fast_and_wrong_earns_nothing_for_speed(task: str, recorded) -> None:
    right = answers("right_shifts")[task]

    def shifted(*arguments):
        result = right(*arguments)
        return tuple(part + 1 for part in result) if isinstance(result, tuple) else result + 1

    assert verdict_on(recorded[task], shifted).score == 0
