"""From outcomes to points: the verdict of a task, made the same way beside the learner and by a judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from course_utils.check import race
from course_utils.check.compare import array_difference, case_difference, difference
from course_utils.check.diagnose import Diagnosis, diagnose
from course_utils.check.task import Case, Expected, Outcome

UNTOUCHED = "NotImplementedError"
TOO_SLOW = Diagnosis(
    "too slow",
    "The values are right, and a Python loop takes most of the time: say it with fewer, larger operations.",
    "03_convolution_layer#From loops to a matrix product",
)


@dataclass(frozen=True)
class CaseVerdict:
    """One case: ``differs`` is one line that says how, or empty when the case passed."""

    case: Case
    expected: Outcome
    got: Outcome
    differs: str

    @property
    def note(self) -> str:
        """What is worth saying of a race that was won; empty for every other case."""
        if self.differs or not self.got.speed:
            return ""
        loop = f"a plain loop of {self.case.multiply_adds:,} multiply-adds"
        return f"{race.times(self.got.speed)} as fast as {loop}"


@dataclass(frozen=True)
class Verdict:
    """What a task earned and why.

    ``passed`` tells for each group whether all of its cases passed, ``right`` which of the results are right
    in all of its cases, and ``earned`` the points that these are worth.
    """

    task: str
    points: dict[str, float]
    passed: dict[str, bool]
    right: dict[str, tuple[str, ...]]
    earned: dict[str, float]
    cases: tuple[CaseVerdict, ...]
    diagnoses: tuple[Diagnosis, ...]

    @property
    def score(self) -> float:
        """Points that the groups earned, between 0 and ``max_score``."""
        return round(float(sum(self.earned.values())), 6)

    @property
    def max_score(self) -> float:
        """Points of all groups."""
        return round(float(sum(self.points.values())), 6)

    @property
    def word(self) -> str:
        """The verdict in one word: passed, partial, failed, error or not attempted."""
        if all(self.passed.values()):
            return "passed"
        if self.always(UNTOUCHED):
            return "not attempted"
        if all(case.got.errors for case in self.cases):
            return "error"
        return "partial" if self.score else "failed"

    def always(self, error: str) -> bool:
        """Tell whether every call ended in this very class of error."""
        return all(case.got.errors[:1] == (error,) for case in self.cases)

    @property
    def first_failure(self) -> CaseVerdict | None:
        """The failing case to show: the first one that returned something, else the first one."""
        failures = [case for case in self.cases if case.differs]
        return next((case for case in failures if case.got.arrays), next(iter(failures), None))

    @property
    def message(self) -> str:
        """One sentence for tables and lists."""
        if self.word == "passed":
            return "all cases pass"
        if self.word == "not attempted":
            return "the stub is untouched"
        if self.diagnoses:
            return " ".join(diagnosis.why for diagnosis in self.diagnoses)
        failure = self.first_failure
        return f"{failure.case.group}: {failure.differs}" if failure else ""

    def as_dict(self) -> dict[str, Any]:
        """Return what a grade report holds of this verdict, as plain data."""
        return {
            "task": self.task,
            "score": self.score,
            "max_score": self.max_score,
            "verdict": self.word,
            "diagnosis": [diagnosis.name for diagnosis in self.diagnoses],
            "message": self.message,
        }


def judge(expected: Expected, outcomes: Sequence[Outcome], faster: float = race.FASTER) -> Verdict:
    """Compare ``outcomes``, one for each case of ``expected``, and give points by group.

    Where a call returns several results, those that are right in all cases of a group earn their share of its
    points. A race must be ``faster`` times as fast as a plain loop.
    """
    hide = expected.probe == "answer"
    cases = []
    for case, want, got in zip(expected.cases, expected.outcomes, outcomes, strict=True):
        differs = case_difference(case, want, got)
        if hide and differs and got.arrays:
            differs = "this is not the number"
        if case.multiply_adds and not differs and got.speed < faster:
            differs = race.too_slow(got.speed, faster)
        cases.append(CaseVerdict(case, want, got, differs))
    passed = {
        group: all(not case.differs for case in cases if case.case.group == group)
        for group in expected.points
    }
    right = {
        group: _right_results(expected, [case for case in cases if case.case.group == group])
        for group in expected.points
    }
    shares = {name: expected.shares.get(name, 1.0) for name in expected.returns}
    earned = {
        group: points
        if passed[group]
        else points * sum(shares[r] for r in right[group]) / sum(shares.values())
        for group, points in expected.points.items()
    }
    diagnoses = diagnose(expected, outcomes)
    if not diagnoses and not all(passed.values()) and _only_slow(cases):
        diagnoses = (TOO_SLOW,)
    return Verdict(expected.name, dict(expected.points), passed, right, earned, tuple(cases), diagnoses)


def _right_results(expected: Expected, cases: Sequence[CaseVerdict]) -> tuple[str, ...]:
    """Return which results are right in every one of ``cases``; none where one ends in an error."""

    def is_right(case: CaseVerdict, name: str) -> bool:
        if not case.differs:
            return True
        want, got = case.expected.arrays, case.got.arrays
        if case.case.multiply_adds or case.case.truth is not None:
            return False  # too slow, or too little learned
        if name not in want or want.keys() != got.keys():
            return False  # an error, or an argument that was changed
        return not array_difference(want[name], got[name], case.case.tolerance)

    return tuple(name for name in expected.returns if all(is_right(case, name) for case in cases))


def _only_slow(cases: Sequence[CaseVerdict]) -> bool:
    return all(
        case.case.multiply_adds and not difference(case.expected, case.got, case.case.tolerance)
        for case in cases
        if case.differs
    )
