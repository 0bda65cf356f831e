"""The graders, tested by mutation: every mistake loses points and is named, every right solution gets all."""

from __future__ import annotations

import json

import numpy as np
import pytest
from places import ROOT, SOLUTIONS

from course_utils.check.expected import is_learned, public_cases, record
from course_utils.check.probe import Said, run_all
from course_utils.check.task import Answer, Expected, Task
from course_utils.check.verdict import Verdict, judge
from course_utils.grading import demo
from course_utils.grading import solution as solutions
from course_utils.grading.mutation import FULL_MARKS, Confusion, confuse

LOADED = {folder.name: solutions.load(folder) for folder in SOLUTIONS}
TASKS = {
    f"{name}:{task.name}": (loaded, task)
    for name, loaded in LOADED.items()
    for task in loaded.tasks
    if not is_learned(task)  # tests/grading/test_learning_tasks.py has those
}
SEEDS = ("public", 1, 2, 3)
CACHE: dict[tuple[str, str | int], Expected] = {}


def expected_for(key: str, seed: str | int) -> Expected:
    if (key, seed) not in CACHE:
        loaded, task = TASKS[key]
        CACHE[key, seed] = record(task, loaded.reference, cases_for(task, seed))
    return CACHE[key, seed]


def cases_for(task: Task, seed: str | int) -> list:
    if seed == "public":
        return list(public_cases(task))
    rng = np.random.default_rng(seed)
    return [*task.cases(rng), *task.hidden(rng)]


def verdict_on(expected: Expected, answer: Answer) -> Verdict:
    return judge(expected, run_all(expected.probe, answer, expected.cases, expected.returns, Said()))


@pytest.mark.parametrize("key", TASKS)
def test_every_mistake_loses_points_and_is_diagnosed_by_its_name(key: str, confusions) -> None:
    task = TASKS[key][1]
    confusion = Confusion(key)
    for seed in SEEDS:
        confusion.add(expected_for(key, seed))
    confusions[key] = list(confusion.lines())
    assert list(confusion.counts) == [mistake.name for mistake in task.mistakes]
    assert confusion.named == confusion.tried, "\n".join(confusion.lines())


@pytest.mark.slow
@pytest.mark.parametrize("key", TASKS)
def test_a_mistake_is_diagnosed_by_its_name_at_least_95_times_in_100(key: str, confusions) -> None:
    loaded, task = TASKS[key]
    confusion = confuse(loaded, task, (cases_for(task, seed) for seed in range(100, 200)))
    confusions[key] = list(confusion.lines())
    for mistake in confusion.counts:
        assert confusion.counts[mistake][mistake] >= 95, "\n".join(confusion.lines())
        assert FULL_MARKS not in confusion.counts[mistake]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("key", TASKS)
def test_the_reference_gets_full_marks(key: str, seed: str | int) -> None:
    loaded, task = TASKS[key]
    verdict = verdict_on(expected_for(key, seed), getattr(loaded.reference, task.name))
    assert (verdict.score, verdict.word) == (verdict.max_score, "passed")


def right_answers() -> list[tuple[str, str]]:
    samples = [
        (name, path.stem) for name in LOADED for path in _samples(name) if path.stem.startswith("right_")
    ]
    return [(key, sample) for name, sample in samples for key in TASKS if key.startswith(f"{name}:")]


def _samples(name: str) -> list:
    return sorted((ROOT / "solutions" / name / "samples").glob("*.py"))


def sample_space(assignment: str, sample: str) -> dict:
    path = ROOT / "solutions" / assignment / "samples" / f"{sample}.py"
    space: dict = {"np": np}
    for cell in LOADED[assignment].notebook.cells:
        if "setup" in cell.metadata.get("tags", []):
            exec(cell.source, space)
    for task, source in demo.read_sample(path).items():
        if task in {task.name for task in LOADED[assignment].tasks}:
            exec(source, space)
    return space


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("key", "sample"), right_answers())
def test_a_right_solution_in_another_style_gets_full_marks(key: str, sample: str, seed: str | int) -> None:
    assignment, task = key.split(":")
    verdict = verdict_on(expected_for(key, seed), sample_space(assignment, sample)[task])
    assert verdict.score == verdict.max_score, verdict.message


@pytest.mark.parametrize("assignment", LOADED)
def test_there_are_at_least_five_styles_of_right_solutions(assignment: str) -> None:
    assert sum(path.stem.startswith("right_") for path in _samples(assignment)) >= 5


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("key", TASKS)
def test_zeros_of_the_right_shape_get_nothing(key: str, seed: str | int) -> None:
    loaded, task = TASKS[key]
    reference = getattr(loaded.reference, task.name)

    def zeros(*arguments):
        try:
            result = reference(*arguments)
        except ValueError:
            return 0
        if isinstance(result, dict):
            return dict.fromkeys(result, 0)
        if isinstance(result, (tuple, list)):
            return [np.zeros_like(part) for part in result]
        return 0 if isinstance(result, int) else np.zeros_like(result)

    assert verdict_on(expected_for(key, seed), zeros).score == 0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("key", TASKS)
@pytest.mark.parametrize("error", [ValueError, NotImplementedError, TypeError])
def test_code_that_only_raises_gets_nothing(key: str, seed: str | int, error: type[Exception]) -> None:
    def raises(*arguments):
        raise error

    assert verdict_on(expected_for(key, seed), raises).score == 0


@pytest.mark.parametrize("key", TASKS)
def test_a_task_has_enough_mistakes(key: str) -> None:
    many = {
        "conv2d",
        "conv2d_backward",
        "max_pool2d_backward",
        "im2col",
        "col2im",
        "mlp_backward",
        "cross_entropy",
        "lenet_backward",
    }
    assert len(TASKS[key][1].mistakes) >= (10 if key.split(":")[1] in many else 6)


def test_the_page_for_instructors_shows_every_mistake_and_how_often_it_was_named() -> None:
    record = json.loads((ROOT / "benchmarks" / "records" / "diagnosis.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "mistakes.md").read_text(encoding="utf-8")
    known = {key: [mistake.name for mistake in task.mistakes] for key, (_, task) in TASKS.items()}
    assert {key: list(names) for key, names in record["names"].items()} == known, (
        "run benchmarks/diagnosis.py"
    )
    for key, (_, task) in TASKS.items():
        for mistake in task.mistakes:
            names = record["names"][key][mistake.name]
            assert names.get(mistake.name, 0) >= 0.95 * sum(names.values()), mistake.name
            assert FULL_MARKS not in names
            assert f"| {mistake.name} | {mistake.why.replace('|', chr(92) + '|')} |" in page
    assert len({row["course"] for row in record["checks of public courses"]}) >= 3
