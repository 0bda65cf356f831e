"""The references agree with libraries that know nothing of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from places import SOLUTIONS

from course_utils.check.expected import is_learned, public_cases, record_reference
from course_utils.check.probe import Said, run_all
from course_utils.check.verdict import judge
from course_utils.errors import CourseError
from course_utils.grading import solution as solutions

TASKS = [
    (loaded, task)
    for loaded in map(solutions.load, SOLUTIONS)
    for task in loaded.tasks
    if not is_learned(task)
]


@pytest.mark.parametrize(("loaded", "task"), TASKS, ids=[task.name for _, task in TASKS])
def test_the_reference_agrees_with_its_oracle_on_public_fresh_and_hidden_cases(loaded, task) -> None:
    assert task.oracle is not None
    for seed in range(5):
        rng = np.random.default_rng(seed)
        cases = [*public_cases(task), *task.cases(rng), *task.hidden(rng)]
        expected = record_reference(task, loaded.reference, cases)
        outcomes = run_all(
            task.probe,
            task.oracle,
            cases,
            task.returns,
            Said(),
            patience=solutions.LOAD,
            budget=solutions.LOAD,
        )
        assert judge(expected, outcomes, faster=0).message == "all cases pass"


def test_a_release_is_refused_where_reference_and_oracle_differ(ex02) -> None:
    wrong = dataclasses.replace(ex02.tasks[0], oracle=lambda n, *others: n)
    with pytest.raises(CourseError, match="output_size and its oracle differ"):
        solutions.verify(dataclasses.replace(ex02, tasks=(wrong,)))
