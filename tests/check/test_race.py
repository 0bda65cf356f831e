"""A race: the values of a call must be right, and it must beat a plain loop by a factor.

The calls here differ from the loop by orders of magnitude, so that no verdict hangs on a busy machine.
"""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

from course_utils.check import race
from course_utils.check.expected import load, record, save
from course_utils.check.probe import Said, run_all
from course_utils.check.report import as_html, as_text
from course_utils.check.task import Case, Task
from course_utils.check.verdict import judge

SIZE, REPEATED = 1_000, 5_000_000  # so many multiply-adds would take a loop a quarter of a second


def cases(rng):
    yield Case("values", {"a": rng.normal(size=5), "b": rng.normal(size=5)})
    large = {"a": rng.normal(size=SIZE), "b": rng.normal(size=SIZE)}
    yield Case("speed", large, multiply_adds=REPEATED)


DOT = Task("dot", {"values": 2, "speed": 1}, cases)


@DOT.mistake("You subtract.", "03_convolution_layer#Stride")
def has_the_wrong_sign(right, a, b):
    assert a.size < SIZE, "a mistake has no race to run"
    return -right.dot(a, b)


class Reference:
    dot = staticmethod(np.dot)


def slow(a, b):
    time.sleep(a.size / SIZE)
    return (a * b).sum()


@pytest.fixture
def expected():
    return record(DOT, Reference, DOT.cases(np.random.default_rng(1)))


def verdict(expected, answer):
    return judge(expected, run_all(expected.probe, answer, expected.cases, expected.returns, Said()))


def test_a_fast_call_wins_and_the_report_says_by_how_much(expected) -> None:
    found = verdict(expected, lambda a, b: (a * b).sum())
    assert (found.score, found.word) == (3, "passed")
    assert "times as fast as a plain loop of 5,000,000 multiply-adds" in as_text(found, "")
    assert "times as fast as a plain loop" in as_html(found, "")


def test_a_slow_call_loses_the_race_and_nothing_else_and_is_told_so_with_the_measured_ratio(expected) -> None:
    found = verdict(expected, slow)
    assert (found.score, found.word) == (2, "partial")
    assert [diagnosis.name for diagnosis in found.diagnoses] == ["too slow"]
    assert re.search(r"the values are right, and it is [\d.]+ times as fast", found.first_failure.differs)
    assert "at least 10 times is asked for" in as_text(found, "")


def test_a_fast_call_with_wrong_values_loses_the_race_too(expected) -> None:
    found = verdict(expected, lambda a, b: (a * b).sum() if a.size == 5 else 0.0)
    assert found.passed == {"values": True, "speed": False}
    assert found.diagnoses == ()


def test_a_mistake_is_named_by_the_other_cases(expected) -> None:
    found = verdict(expected, lambda a, b: -(a * b).sum())
    assert [diagnosis.name for diagnosis in found.diagnoses] == ["has the wrong sign"]


def test_a_race_is_read_back_as_it_was_recorded(expected, tmp_path) -> None:
    save(tmp_path, [expected])
    loaded = load(tmp_path, "dot")
    assert [case.multiply_adds for case in loaded.cases] == [0, REPEATED]
    assert verdict(loaded, lambda a, b: (a * b).sum()).score == 3


def test_the_loop_is_scaled_to_the_multiply_adds() -> None:
    small, large = race.loop_seconds(10_000), race.loop_seconds(10_000_000)
    assert small > 0
    assert large > 100 * small  # 1,000 times, but for what a busy machine does between the two


def test_a_race_stops_trying_when_it_is_won() -> None:
    times = iter([0.1, 0.02, 0.03])
    result, speed = race.race(lambda: ("done", next(times)), 10**9, enough=1.0)
    assert (result, next(times)) == ("done", 0.02)
    assert speed > 1.0


def test_the_fastest_of_three_tries_counts() -> None:
    times = iter([0.3, 0.1, 0.2])
    _, speed = race.race(lambda: ("done", next(times)), 10**6, enough=1e9)
    assert list(times) == []
    assert speed == pytest.approx(race.loop_seconds(10**6) / 0.1, rel=3)
