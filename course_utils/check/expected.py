"""The expected outputs of an assignment: recorded at release, read beside the learner's notebook.

Two files travel with the notebook: ``expected.json`` says which cases there are and what each mistake means,
``expected.npz`` holds the arrays. Neither holds code, and neither is ever unpickled.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.check.compare import array_difference, same
from course_utils.check.probe import Said, run_all
from course_utils.check.task import Answer, Case, Expected, ExpectedMistake, Mistake, Outcome, Task

JSON = "expected.json"
NPZ = "expected.npz"
MANY = 5  # results of one call: of more than these, those that a mistake gets right are not written again


class ExpectedOutputsError(Exception):
    """The expected outputs are missing or cannot be read; the message says what to do."""


def record(task: Task, reference: SimpleNamespace, cases: Iterable[Case]) -> Expected:
    """Run the reference and every mistake of ``task`` on ``cases`` and keep what they return.

    ``reference`` holds the solution's functions by name; mistakes get it as their first argument.
    """
    return record_mistakes(task, reference, record_reference(task, reference, cases))


def record_reference(task: Task, reference: SimpleNamespace, cases: Iterable[Case]) -> Expected:
    """Run the reference alone: enough to tell right from wrong."""
    cases = tuple(cases)
    return Expected(
        name=task.name,
        points=dict(task.points),
        returns=task.returns,
        probe=task.probe,
        cases=cases,
        outcomes=_outcomes(task, getattr(reference, task.name), cases),
        mistakes=(),
        forbids=task.forbids,
        shares=task.shares,
    )


def record_mistakes(task: Task, reference: SimpleNamespace, expected: Expected) -> Expected:
    """Run every mistake on the cases of ``expected`` and add what they return: needed to name one.

    Races are left out, as if the mistake were right there: they are large and no diagnosis rests on them.
    """
    short = tuple(case for case in expected.cases if not case.multiply_adds)

    def outcomes(mistake: Mistake) -> tuple[Outcome, ...]:
        found = iter(_outcomes(task, functools.partial(mistake.answer, reference), short))
        pairs = zip(expected.cases, expected.outcomes, strict=True)
        return tuple(right if case.multiply_adds else next(found) for case, right in pairs)

    mistakes = tuple(
        ExpectedMistake(mistake.name, mistake.why, mistake.section, outcomes(mistake))
        for mistake in task.mistakes
    )
    return dataclasses.replace(expected, mistakes=mistakes)


def public_cases(task: Task) -> tuple[Case, ...]:
    """Return the cases that ship with the exercise: always the same for a task's name."""
    return tuple(task.cases(np.random.default_rng(list(task.name.encode()))))


def is_learned(task: Task) -> bool:
    """Tell whether a task asks for predictions: nothing but the share of right ones is certain there."""
    return any(case.truth is not None for case in public_cases(task))


def save(folder: Path, tasks: Iterable[Expected]) -> None:
    """Write the expected outputs of an assignment's tasks into ``folder``, byte for byte the same anywhere.

    The arrays are not compressed: compressors differ from machine to machine.
    """
    arrays: dict[str, NDArray[Any]] = {}
    text = {expected.name: _describe(expected, arrays) for expected in tasks}
    (folder / JSON).write_text(json.dumps(text, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    np.savez(folder / NPZ, allow_pickle=False, **arrays)


def names(folder: Path) -> list[str]:
    """Return the names of the tasks whose expected outputs lie in ``folder``."""
    return list(_read_json(folder))


def points(folder: Path) -> dict[str, dict[str, float]]:
    """Return for each task in ``folder`` what its groups of cases are worth."""
    return {name: dict(about["points"]) for name, about in _read_json(folder).items()}


def load(folder: Path, name: str) -> Expected:
    """Read the expected outputs of one task from ``folder``."""
    text = _read_json(folder)[name]
    try:
        with np.load(folder / NPZ, allow_pickle=False) as arrays:
            return _restore(name, text, arrays)
    except FileNotFoundError:
        raise ExpectedOutputsError(_advice(NPZ, folder, "is missing")) from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        raise ExpectedOutputsError(_advice(NPZ, folder, "cannot be read")) from None


def _outcomes(task: Task, answer: Answer, cases: tuple[Case, ...]) -> tuple[Outcome, ...]:
    """Run an answer on all cases but those of learning, where what is right is known."""
    short = [case for case in cases if case.truth is None]
    found = iter(run_all(task.probe, answer, short, task.returns, Said()))
    return tuple(
        next(found) if case.truth is None else Outcome({task.returns[0]: case.truth}) for case in cases
    )


def _read_json(folder: Path) -> dict[str, Any]:
    try:
        text: dict[str, Any] = json.loads((folder / JSON).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ExpectedOutputsError(_advice(JSON, folder, "is missing")) from None
    except (OSError, ValueError):
        raise ExpectedOutputsError(_advice(JSON, folder, "cannot be read")) from None
    return text


def _advice(name: str, folder: Path, state: str) -> str:
    return (
        f"{name} {state} in {folder}: open the notebook from its own exercise folder, "
        "or run `course lab` again, which restores the file"
    )


def _describe(expected: Expected, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Return the part for the JSON file and add the arrays to ``arrays``."""
    cases = []
    for i, case in enumerate(expected.cases):
        place = f"{expected.name}/{i}"
        inputs: dict[str, Any] = {}
        for name, value in case.inputs.items():
            if isinstance(value, list):
                names = [f"{place}/{name}/{number}" for number in range(len(value))]
                arrays.update(zip(names, map(np.ascontiguousarray, value), strict=True))
                inputs[name] = {"arrays": names}
            elif isinstance(value, np.ndarray):
                arrays[f"{place}/{name}"] = np.ascontiguousarray(value)
                inputs[name] = {"array": f"{place}/{name}"}
            else:
                inputs[name] = value
        mistakes = {
            mistake.name: _describe_outcome(
                mistake.outcomes[i], f"{place}/{mistake.name}", arrays, expected.outcomes[i]
            )
            for mistake in expected.mistakes
            if not same(mistake.outcomes[i], expected.outcomes[i], 0.0)
        }
        cases.append(
            {
                "group": case.group,
                "strided": case.strided,
                **({"multiply_adds": case.multiply_adds} if case.multiply_adds else {}),
                **({"seconds": case.seconds} if case.seconds else {}),
                **({} if case.truth is None else {"accuracy": case.accuracy}),
                "inputs": inputs,
                "expected": _describe_outcome(expected.outcomes[i], f"{place}/expected", arrays),
                "mistakes": mistakes,
            }
        )
    return {
        "probe": expected.probe,
        "returns": expected.returns,
        "points": expected.points,
        "forbids": expected.forbids,
        **({"shares": expected.shares} if expected.shares else {}),
        "mistakes": {m.name: {"why": m.why, "section": m.section} for m in expected.mistakes},
        "cases": cases,
    }


def _describe_outcome(
    outcome: Outcome, place: str, arrays: dict[str, NDArray[Any]], right: Outcome | None = None
) -> dict[str, Any]:
    """Return the part for the JSON file and add the arrays; ``right`` is an outcome that is there already."""
    if outcome.errors:
        return {"errors": outcome.errors}
    known = right.arrays if right and len(right.arrays) > MANY else {}
    places = {}
    for name, array in outcome.arrays.items():
        if name in known and array.dtype == known[name].dtype and _are_equal(array, known[name]):
            places[name] = f"{place.rpartition('/')[0]}/expected/{name}"
        else:
            places[name] = f"{place}/{name}"
            arrays[places[name]] = array
    return {"arrays": places}


def _are_equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Tell whether two arrays agree but for their last digits, far below any tolerance."""
    return not array_difference(other, one, 1e-13)


def _restore(name: str, text: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Expected:
    def outcome(described: Mapping[str, Any]) -> Outcome:
        return Outcome(
            {key: arrays[place] for key, place in described.get("arrays", {}).items()},
            tuple(described.get("errors", ())),
        )

    def given(value: Any) -> Any:
        if not isinstance(value, dict):
            return tuple(map(given, value)) if isinstance(value, list) else value
        return arrays[value["array"]] if "array" in value else [arrays[place] for place in value["arrays"]]

    def restored(case: Mapping[str, Any]) -> Case:
        labels = next(iter(outcome(case["expected"]).arrays.values())) if "accuracy" in case else None
        return Case(
            case["group"],
            {key: given(value) for key, value in case["inputs"].items()},
            case["strided"],
            case.get("multiply_adds", 0),
            case.get("seconds", 0.0),
            labels,
            case.get("accuracy", 0.0),
        )

    cases = tuple(restored(case) for case in text["cases"])
    expected = Expected(
        name=name,
        points=text["points"],
        returns=tuple(text["returns"]),
        probe=text["probe"],
        cases=cases,
        outcomes=tuple(outcome(case["expected"]) for case in text["cases"]),
        mistakes=(),
        forbids=tuple(text.get("forbids", ())),
        shares=text.get("shares", {}),
    )
    mistakes = tuple(
        ExpectedMistake(
            mistake,
            about["why"],
            about["section"],
            tuple(
                outcome(case["mistakes"][mistake]) if mistake in case["mistakes"] else right
                for case, right in zip(text["cases"], expected.outcomes, strict=True)
            ),
        )
        for mistake, about in text["mistakes"].items()
    )
    return dataclasses.replace(expected, mistakes=mistakes)
