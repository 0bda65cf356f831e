"""Tests a grader by mutation: counts which names the mistakes of a task are given on fresh cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from course_utils.check.expected import record
from course_utils.check.task import Case, Expected, Task
from course_utils.check.verdict import judge
from course_utils.grading.solution import Solution

FULL_MARKS = "full marks"
NO_NAME = "no name"


@dataclass
class Confusion:
    """How often each mistake of a task was given each name; a row is a mistake, a column a name."""

    task: str
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, expected: Expected) -> None:
        """Count what the mistakes in ``expected`` are called on its cases."""
        for mistake in expected.mistakes:
            verdict = judge(expected, mistake.outcomes)
            name = " and ".join(diagnosis.name for diagnosis in verdict.diagnoses) or NO_NAME
            full = verdict.score >= verdict.max_score
            self.counts.setdefault(mistake.name, Counter())[FULL_MARKS if full else name] += 1

    @property
    def tried(self) -> int:
        """How many times any mistake was tried."""
        return sum(sum(names.values()) for names in self.counts.values())

    @property
    def named(self) -> int:
        """How many of those times it was given its own name."""
        return sum(names[mistake] for mistake, names in self.counts.items())

    def others(self, mistake: str) -> Counter[str]:
        """Return how often a mistake was given which other name."""
        return Counter({name: count for name, count in self.counts[mistake].items() if name != mistake})

    def lines(self) -> Iterable[str]:
        """Yield the task with its share of own names, and a line for each mistake that got another."""
        yield f"{self.task}: {len(self.counts)} mistakes, own name {self.named} of {self.tried} times"
        for mistake, names in self.counts.items():
            tries = sum(names.values())
            for name, count in self.others(mistake).most_common():
                yield f"  {mistake!r} was called {name!r} {count} of {tries} times"


def confuse(solution: Solution, task: Task, sets: Iterable[Iterable[Case]]) -> Confusion:
    """Try every mistake of ``task`` on each of the ``sets`` of cases and count the names it gets."""
    confusion = Confusion(f"{solution.assignment}:{task.name}")
    for cases in sets:
        confusion.add(record(task, solution.reference, cases))
    return confusion
