"""Names the mistake behind wrong results.

First the task's own mistakes: one whose outcomes equal the learner's on every case. Then results that say
nothing (zeros, NaN), a few mistakes that each explain most failing cases of some group, and at last generic
transforms of the expected values.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.check.compare import array_difference, case_difference, close, same
from course_utils.check.task import Expected, ExpectedMistake, Outcome

Arrays = tuple[NDArray[Any], NDArray[Any]]
Transform = tuple[str, str, Callable[[NDArray[Any], NDArray[Any], float], bool]]


@dataclass(frozen=True)
class Diagnosis:
    """A named explanation; ``section`` is ``LECTURE#HEADING`` or empty; ``groups`` is where it was seen."""

    name: str
    why: str
    section: str = ""
    groups: tuple[str, ...] = ()


def diagnose(expected: Expected, outcomes: Sequence[Outcome]) -> tuple[Diagnosis, ...]:
    """Explain ``outcomes``, one for each case of ``expected``; the empty tuple when nothing explains them."""
    failing = _failing(expected, outcomes)
    if not failing:
        return ()
    if all(expected.cases[i].truth is not None for i in failing):
        return _learning(expected, outcomes, failing)
    for mistake in expected.mistakes:
        if all(_explains(expected, mistake, outcomes, i) for i in failing) and failing == _failing(
            expected, mistake.outcomes
        ):
            return (Diagnosis(mistake.name, mistake.why, mistake.section),)
    return (
        _in_another_order(expected, outcomes, failing)
        or _of_whole_numbers(outcomes, failing)
        or _generic(expected, outcomes, failing, UNUSABLE)
        or _by_group(expected, outcomes, failing)
        or _generic(expected, outcomes, failing, TRANSFORMS)
    )


def _failing(expected: Expected, outcomes: Sequence[Outcome]) -> list[int]:
    """Return the numbers of the cases with wrong values, without the races: they tell no more than others."""
    return [
        i
        for i, case in enumerate(expected.cases)
        if not case.multiply_adds and case_difference(case, expected.outcomes[i], outcomes[i])
    ]


def _explains(expected: Expected, mistake: ExpectedMistake, outcomes: Sequence[Outcome], i: int) -> bool:
    """Tell whether the mistake does on one case what the learner's code does."""
    return same(mistake.outcomes[i], outcomes[i], expected.cases[i].tolerance)


def _by_group(
    expected: Expected, outcomes: Sequence[Outcome], failing: Sequence[int]
) -> tuple[Diagnosis, ...]:
    """Choose mistakes, the one that explains most first, that each explain most failures of some group.

    Equal errors alone are no evidence: many a wrong line raises a ValueError.
    """
    found: list[Diagnosis] = []
    members: dict[str, list[int]] = {}
    for i in failing:
        members.setdefault(expected.cases[i].group, []).append(i)
    explained = {
        mistake.name: {i for i in failing if outcomes[i].arrays and _explains(expected, mistake, outcomes, i)}
        for mistake in expected.mistakes
    }
    while members:
        seen = {
            mistake: tuple(
                g
                for g, cases in members.items()
                if len(explained[mistake].intersection(cases)) > len(cases) / 2
            )
            for mistake in explained
        }
        best = max(
            expected.mistakes, key=lambda m: sum(len(members[group]) for group in seen[m.name]), default=None
        )
        if best is None or not seen[best.name]:
            break
        if _single_numbers(expected) and len(explained[best.name]) <= len(failing) / 2:
            break  # small whole numbers agree by chance
        found.append(Diagnosis(best.name, best.why, best.section, seen[best.name]))
        for group in seen[best.name]:
            del members[group]
    return tuple(found)


def _single_numbers(expected: Expected) -> bool:
    return all(array.ndim == 0 for outcome in expected.outcomes for array in outcome.arrays.values())


def _learning(
    expected: Expected, outcomes: Sequence[Outcome], failing: Sequence[int]
) -> tuple[Diagnosis, ...]:
    """Name what predictions that are too often wrong have in common."""
    found = []
    for i in failing:
        case = expected.cases[i]
        labels = next(iter(outcomes[i].arrays.values()), None)
        if labels is None or case.truth is None or labels.shape != case.truth.shape:
            return ()
        found.append((case, labels, case.truth))
    return next(
        (
            (Diagnosis(name, why),)
            for name, why, explains in PREDICTIONS
            if all(explains(labels, truth, case.accuracy) for case, labels, truth in found)
        ),
        (),
    )


def _in_another_order(
    expected: Expected, outcomes: Sequence[Outcome], failing: Sequence[int]
) -> tuple[Diagnosis, ...]:
    """Look for several results that are right and stand at each other's place."""
    asked = expected.returns
    returned = [i for i in failing if all(name in outcomes[i].arrays for name in asked)]

    def stands(name: str, place: str) -> bool:
        """Tell whether what was returned at ``place`` is always the right ``name``."""
        return all(
            not array_difference(
                expected.outcomes[i].arrays[name], outcomes[i].arrays[place], expected.cases[i].tolerance
            )
            for i in returned
            if name in expected.outcomes[i].arrays
        )

    if not returned:
        return ()
    names = [[name for name in asked if stands(name, place)] for place in asked]
    order = next(_one_of_each(names), asked)
    if order == asked:
        return ()
    why = f"You return {', '.join(order)}: the task asks for {', '.join(asked)}, in this order."
    return (Diagnosis("results in another order", why),)


def _one_of_each(choices: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Yield every way to take one name from each of ``choices``, all of them different."""
    if not choices:
        yield ()
        return
    for name in choices[0]:
        others = [[other for other in rest if other != name] for rest in choices[1:]]
        if all(others):
            yield from ((name, *more) for more in _one_of_each(others))


def _of_whole_numbers(outcomes: Sequence[Outcome], failing: Sequence[int]) -> tuple[Diagnosis, ...]:
    """Look for NumPy's refusal to add fractions to an array of integers."""
    if not all("UFuncTypeError" in outcomes[i].errors for i in failing):
        return ()
    why = (
        "An array of integers cannot hold fractions: make it with np.zeros(shape), which holds floats, since "
    )
    return (Diagnosis("integer arithmetic", why + "np.zeros_like(x) takes the type of x."),)


def _generic(
    expected: Expected, outcomes: Sequence[Outcome], failing: Sequence[int], transforms: Sequence[Transform]
) -> tuple[Diagnosis, ...]:
    """Name the first of the transforms that explains every failing case that returned something."""
    pairs: list[tuple[Arrays, float]] = []
    places: set[str] = set()
    for i in failing:
        want, got = expected.outcomes[i], outcomes[i]
        if any(name.startswith("argument ") for name in got.arrays):
            return (
                Diagnosis(
                    "mutates its input", "Your code changes an array that it was given: work on a copy."
                ),
            )
        if got.arrays and want.arrays:
            tolerance = expected.cases[i].tolerance
            name = next((n for n in want.arrays if _differs(want, got, n, tolerance)), "")
            if name in got.arrays:
                pairs.append(((want.arrays[name], got.arrays[name]), tolerance))
                places.add(name)
    if not pairs or expected.probe == "answer":
        return ()
    where = f" (in {places.pop()})" if len(expected.returns) > 1 and len(places) == 1 else ""
    large = [pair for pair in pairs if pair[0][0].size > 1]
    for name, why, explains in transforms:
        # One number alone is any other number scaled, and its own mirror image.
        told = pairs if explains in OF_ONE_NUMBER else large
        if told and all(explains(want, got, tolerance) for (want, got), tolerance in told):
            return (Diagnosis(name + where, why),)
    return ()


def _differs(want: Outcome, got: Outcome, name: str, tolerance: float) -> bool:
    return name not in got.arrays or bool(array_difference(want.arrays[name], got.arrays[name], tolerance))


def _zeros(want: NDArray[Any], got: NDArray[Any], tolerance: float) -> bool:
    return got.size > 0 and not np.any(got)


def _nan(want: NDArray[Any], got: NDArray[Any], tolerance: float) -> bool:
    return got.dtype.kind in "fc" and bool(np.isnan(got).any())


def _negated(want: NDArray[Any], got: NDArray[Any], tolerance: float) -> bool:
    return _equals(-want.astype(np.float64), got, tolerance)


def _reshaped(want: NDArray[Any], got: NDArray[Any], tolerance: float) -> bool:
    return got.shape != want.shape and got.size == want.size and _equals(want.ravel(), got.ravel(), tolerance)


def _transposed(want: NDArray[Any], got: NDArray[Any], tolerance: float) -> bool:
    axes = itertools.permutations(range(want.ndim))
    return any(
        _equals(want.transpose(order), got, tolerance) for order in axes if list(order) != sorted(order)
    )


def _flipped(want: NDArray[Any], got: NDArray[Any], tolerance: float) -> bool:
    return any(_equals(np.flip(want, axes), got, tolerance) for axes in _subsets(want.ndim))


def _shifted(want: NDArray[Any], got: NDArray[Any], tolerance: float) -> bool:
    """Look for a shift by one along one axis, whatever came in at the border."""
    if got.shape != want.shape:
        return False
    for axis in range(want.ndim):
        ahead, behind = [np.take(a, range(1, a.shape[axis]), axis) for a in (want, got)]
        first, second = [np.take(a, range(a.shape[axis] - 1), axis) for a in (want, got)]
        if ahead.size and (_equals(ahead, second, tolerance) or _equals(first, behind, tolerance)):
            return True
    return False


def _scaled(want: NDArray[Any], got: NDArray[Any], tolerance: float) -> bool:
    if got.shape != want.shape or not want.size or not np.any(got) or not np.all(np.isfinite(got)):
        return False
    top = np.unravel_index(int(np.argmax(np.abs(want))), want.shape)
    return bool(want[top]) and _equals(want * (got[top] / want[top]), got, tolerance)


def _truncated(want: NDArray[Any], got: NDArray[Any], tolerance: float) -> bool:
    return got.shape == want.shape and any(
        _equals(rounding(want), got, tolerance) for rounding in (np.trunc, np.floor, np.rint)
    )


def _kind(want: NDArray[Any], got: NDArray[Any], tolerance: float) -> bool:
    return got.dtype.kind != want.dtype.kind and _equals(want, got, tolerance)


def _equals(want: NDArray[Any], got: NDArray[Any], tolerance: float) -> bool:
    return want.shape == got.shape and bool(close(want, got, tolerance).all())


def _subsets(ndim: int) -> Iterator[tuple[int, ...]]:
    return itertools.chain.from_iterable(itertools.combinations(range(ndim), n) for n in range(1, ndim + 1))


def _one_class(labels: NDArray[Any], truth: NDArray[Any], accuracy: float) -> bool:
    return len(np.unique(labels)) == 1


def _one_off(labels: NDArray[Any], truth: NDArray[Any], accuracy: float) -> bool:
    return any(float(np.mean(labels + step == truth)) >= 0.9 * accuracy for step in (1, -1))


def _mixed_up(labels: NDArray[Any], truth: NDArray[Any], accuracy: float) -> bool:
    """Look for classes under other names: each predicted label stands for the class it meets most often."""
    likely = {label: np.bincount(truth[labels == label]).argmax() for label in np.unique(labels)}
    renamed = np.array([likely[label] for label in labels])
    return len(set(likely.values())) == len(likely) and float(np.mean(renamed == truth)) >= 0.9 * accuracy


def _guessing(labels: NDArray[Any], truth: NDArray[Any], accuracy: float) -> bool:
    """Compare with the share of right guesses, and three standard deviations above it."""
    chance = 1 / len(np.unique(truth))
    return bool(np.mean(labels == truth) < chance + 3 * np.sqrt(chance * (1 - chance) / truth.size))


def _too_little(labels: NDArray[Any], truth: NDArray[Any], accuracy: float) -> bool:
    return True


PREDICTIONS: tuple[Transform, ...] = (
    (
        "one class for every image",
        "Every image gets the same label: does the network learn at all, or does the largest logit get lost?",
        _one_class,
    ),
    ("labels one off", "The labels are right but for a shift by one: they count from 0.", _one_off),
    ("classes under other names", "You tell the classes apart and mix up their numbers.", _mixed_up),
    (
        "no better than guessing",
        "The labels are as often right as guesses are: do images and labels stay together when you shuffle, "
        "does the optimiser step, and do the new images get the same treatment as those for training?",
        _guessing,
    ),
    (
        "learns too little",
        "It learns, and not enough: more epochs, another learning rate, or is a part of the network missing?",
        _too_little,
    ),
)
UNUSABLE: tuple[Transform, ...] = (
    ("zeros", "Every value is zero: does your code fill the array that it returns?", _zeros),
    ("NaN", "There is a NaN in the result: look for 0/0, inf - inf, or an array made with np.empty.", _nan),
)
TRANSFORMS: tuple[Transform, ...] = (
    ("wrong type", "The values are right and their type is not: look at where you divide or convert.", _kind),
    ("negated", "Every value has the wrong sign.", _negated),
    (
        "integer arithmetic",
        "The values are cut to whole numbers: an integer array holds the result.",
        _truncated,
    ),
    ("scaled", "The result is the right one times a constant: look for a mean in place of a sum.", _scaled),
    ("transposed axes", "The axes of the result are in another order.", _transposed),
    ("flipped", "The result is mirrored along an axis.", _flipped),
    (
        "shifted by one",
        "The result is shifted by one along an axis: look at where the window starts.",
        _shifted,
    ),
    ("wrong shape", "The values are right and the shape is not.", _reshaped),
)
OF_ONE_NUMBER = (_zeros, _nan, _kind, _negated, _truncated)
