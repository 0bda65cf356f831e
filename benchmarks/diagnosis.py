"""Tries every mistake of every task on a hundred sets of fresh cases and counts the names that they get.

Run `python benchmarks/diagnosis.py`; it takes about twenty minutes on two cores, and writes a record and the
page docs/mistakes.md, for instructors. The page also says what public courses would let through. With names
of exercises, `python benchmarks/diagnosis.py ex06_lenet`, only theirs are counted anew.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from course_utils.check.expected import is_learned, record
from course_utils.check.task import Case, ExpectedMistake, Outcome, Task
from course_utils.grading import solution as solutions
from course_utils.grading.mutation import FULL_MARKS, Confusion, confuse

ROOT = Path(__file__).parents[1]
FOLDERS = sorted(path.parent for path in ROOT.glob("solutions/*/tasks.py"))
SEEDS = range(1_000, 1_100)
BUILT = 10  # of these sets for tasks that build networks, which take longer
RECORD, PAGE = ROOT / "benchmarks" / "records" / "diagnosis.json", ROOT / "docs" / "mistakes.md"

INTRODUCTION = """\
# The mistakes that the checks know by name

When a learner's function returns on every case exactly what one of these mistakes returns, the report
names it and says what to do about it, in the words of the second column, with a link to the section of the
third. That holds beside the learner, on the exercise's own cases, and at the judge, on cases that are new
for every learner.

The last column counts: each mistake was tried on {seeds} sets of fresh cases, on {built} where the answer is
a network in PyTorch, and it was given its own name so many times; any other name follows. In all, {mistakes}
mistakes of {tasks} tasks in {exercises} exercises got their own name in {named:,} of {tried:,} tries, and
full marks in {full} ({date};
`benchmarks/diagnosis.py` makes this page).

"""
COMPARISON = """\
# What the checks of public courses let through

Each of these is a check that learners of a well-known course run or are graded by, as its published files
have it. What it looks at was tried on zeros and on our mistakes, at its settings and with numbers of ours:
the third column counts those that it would let pass. That is why every task here is called on many shapes,
why values are compared and not only shapes, and why each check is itself tested with wrong code.

| course | what its check looks at | lets pass | for example |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class PublicCheck:
    """A check of a public course: what it calls the function with, and when it is content."""

    course: str
    looks_at: str
    task: str
    inputs: Callable[[np.random.Generator], dict[str, Any]]
    content: Callable[[Outcome, Outcome], bool]


def close(right: Outcome, got: Outcome) -> bool:
    return got.arrays.keys() == right.arrays.keys() and all(
        array.shape == got.arrays[name].shape and np.allclose(array, got.arrays[name])
        for name, array in right.arrays.items()
    )


def not_everywhere_different(right: Outcome, got: Outcome) -> bool:
    return all(
        name in got.arrays and got.arrays[name].shape == array.shape and not (got.arrays[name] != array).all()
        for name, array in right.arrays.items()
    )


def right_shape(right: Outcome, got: Outcome) -> bool:
    return all(
        name in got.arrays and got.arrays[name].shape == array.shape for name, array in right.arrays.items()
    )


PUBLIC_CHECKS = (
    PublicCheck(
        "CS231n, assignment 2 (2026)",
        "the gradients of a convolution at one setting: 3 by 3 kernels, stride 1, padding 1",
        "conv2d_backward",
        lambda rng: {
            "dout": rng.normal(size=(4, 2, 5, 5)),
            "x": rng.normal(size=(4, 3, 5, 5)),
            "w": rng.normal(size=(2, 3, 3, 3)),
            "stride": 1,
            "padding": 1,
        },
        close,
    ),
    PublicCheck(
        "CS231n, assignment 2 (2026)",
        "the gradient of max pooling at one setting: windows of 2 by 2 that do not overlap",
        "max_pool2d_backward",
        lambda rng: {
            "dout": rng.normal(size=(3, 2, 4, 4)),
            "x": rng.normal(size=(3, 2, 8, 8)),
            "kernel_size": 2,
            "stride": 2,
        },
        close,
    ),
    PublicCheck(
        "Neuromatch deep learning, W2D2",
        "whether *every* value of a convolution differs from the right one: one that agrees is enough",
        "cross_correlate2d",
        lambda rng: {"image": np.kron(rng.integers(0, 2, (6, 6)), np.ones((2, 2))), "kernel": SOBEL},
        not_everywhere_different,
    ),
    PublicCheck(
        "TinyTorch, module 9, a test of 15 points",
        "the shape of a convolution's result and the number of parameters, no value",
        "conv2d",
        lambda rng: {
            "x": rng.normal(size=(2, 3, 32, 32)),
            "w": rng.normal(size=(16, 3, 3, 3)),
            "b": rng.normal(size=16),
            "stride": 1,
            "padding": 1,
        },
        right_shape,
    ),
)
SOBEL = np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])


def passes(check: PublicCheck) -> list[str]:
    """Return which mistakes a public check is content with; zeros of the right shape are the first tried."""
    loaded, task = next(
        (loaded, task)
        for loaded in map(solutions.load, FOLDERS)
        for task in loaded.tasks
        if task.name == check.task
    )
    case = Case("one", check.inputs(np.random.default_rng(0)))
    expected = record(task, loaded.reference, [case])
    right = expected.outcomes[0]
    zeros = Outcome({name: np.zeros_like(array) for name, array in right.arrays.items()})
    nothing = ExpectedMistake("returns zeros", "", "", (zeros,))
    return [m.name for m in (nothing, *expected.mistakes) if check.content(right, m.outcomes[0])]


@functools.cache
def loaded(folder: Path) -> solutions.Solution:
    return solutions.load(folder)


def count(folder: Path, name: str) -> Confusion:
    """Try the mistakes of one task on all sets of fresh cases."""
    task = next(task for task in loaded(folder).tasks if task.name == name)
    seeds = SEEDS[:BUILT] if task.probe == "module" else SEEDS
    return confuse(loaded(folder), task, (fresh(task, seed) for seed in seeds))


def fresh(task: Task, seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [*task.cases(rng), *task.hidden(rng)]


def row(confusion: Confusion, task: Task) -> str:
    """Return a task's part of the page."""
    lines = [
        f"### `{task.name}`",
        "",
        "| mistake | what the learner reads | cleared up in | own name |",
        "| --- | --- | --- | --- |",
    ]
    for mistake in task.mistakes:
        names = confusion.counts[mistake.name]
        tries = sum(names.values())
        others = "".join(f"; {n} times {name!r}" for name, n in confusion.others(mistake.name).most_common())
        lecture, _, heading = mistake.section.partition("#")
        link = f"[{lecture[:2]}, {heading}](../lectures/{lecture}.ipynb#{heading.replace(' ', '-')})"
        why = mistake.why.replace("|", "\\|")
        lines.append(f"| {mistake.name} | {why} | {link} | {names[mistake.name]} of {tries}{others} |")
    return "\n".join([*lines, ""])


def main() -> None:
    jobs = [(folder, task) for folder in FOLDERS for task in loaded(folder).tasks if not is_learned(task)]
    found = recorded(jobs, sys.argv[1:])
    with Progress() as progress, ProcessPoolExecutor(os.cpu_count()) as pool:
        anew = [(folder, task.name) for folder, task in jobs if (folder, task.name) not in found]
        bar = progress.add_task("tasks", total=len(anew))
        futures = {pool.submit(count, *job): job for job in anew}
        for future in as_completed(futures):
            found[futures[future]] = future.result()
            progress.advance(bar)
    compared = [(check, passes(check)) for check in PUBLIC_CHECKS]
    write(jobs, found, compared)


def recorded(jobs: list[tuple[Path, Task]], anew: list[str]) -> dict[tuple[Path, str], Confusion]:
    """Return what the record says of the exercises that are not to be counted anew; nothing without names."""
    if not anew:
        return {}
    names = json.loads(RECORD.read_text(encoding="utf-8"))["names"]
    found = {}
    for folder, task in jobs:
        key, known = f"{folder.name}:{task.name}", [mistake.name for mistake in task.mistakes]
        if folder.name not in anew and set(known) <= set(names.get(key, {})):
            found[folder, task.name] = Confusion(key, {name: Counter(names[key][name]) for name in known})
    return found


def write(
    jobs: list[tuple[Path, Task]],
    found: dict[tuple[Path, str], Confusion],
    compared: list[tuple[PublicCheck, list[str]]],
) -> None:
    counts = {
        f"{folder.name}:{task.name}": {m: dict(n) for m, n in found[folder, task.name].counts.items()}
        for folder, task in jobs
    }
    date = datetime.now(UTC).date().isoformat()
    public = [
        {"course": c.course, "looks at": c.looks_at, "task": c.task, "lets pass": names}
        for c, names in compared
    ]
    about = {
        "date": date,
        "seeds": len(SEEDS),
        "seeds of networks": BUILT,
        "names": counts,
        "checks of public courses": public,
    }
    RECORD.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    parts = [
        INTRODUCTION.format(
            seeds=len(SEEDS),
            built=BUILT,
            mistakes=sum(len(task.mistakes) for _, task in jobs),
            tasks=len(jobs),
            exercises=len(FOLDERS),
            named=sum(confusion.named for confusion in found.values()),
            tried=sum(confusion.tried for confusion in found.values()),
            full=sum(names[FULL_MARKS] for c in found.values() for names in c.counts.values()),
            date=date,
        )
    ]
    for folder, task in jobs:
        if task is loaded(folder).tasks[0]:
            parts.append(f"## {folder.name}\n")
        parts.append(row(found[folder, task.name], task))
    parts.append(COMPARISON)
    for check, names in compared:
        total = 1 + sum(len(task.mistakes) for _, task in jobs if task.name == check.task)
        examples = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
        share = f"{len(names)} of {total} for `{check.task}`"
        parts[-1] += f"| {check.course} | {check.looks_at} | {share} | {examples} |\n"
    PAGE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
