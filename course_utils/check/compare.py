"""Compares two outcomes: names, then shapes, then dtype kinds, then values. NaN is equal to nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.check.task import Case, Outcome

KINDS = {"b": "booleans", "i": "integers", "u": "integers", "f": "floats", "c": "complex numbers"}


def case_difference(case: Case, expected: Outcome, got: Outcome) -> str:
    """Say in one line how ``got`` falls short of what a case asks for; the empty string when it does not."""
    text = difference(expected, got, case.tolerance)
    if case.truth is None or got.errors or not text:
        return text
    (labels,) = got.arrays.values()
    if labels.shape != case.truth.shape or labels.dtype.kind not in "iu":
        return text
    right = float(np.mean(labels == case.truth))
    if right >= case.accuracy:
        return ""
    asked = f"at least {100 * case.accuracy:g} % is asked for"
    return f"{100 * right:.1f} % of {labels.size} images are right: {asked}"


def difference(expected: Outcome, got: Outcome, tolerance: float) -> str:
    """Say in one line how ``got`` differs from ``expected``; the empty string when it does not.

    ``tolerance`` is relative to the largest expected magnitude of each array. An expected error is met by an
    error of that class or of a class derived from it.
    """
    if expected.errors:
        if expected.errors[0] in got.errors:
            return ""
        return f"expected {_an(expected.errors[0])}, got {got.message if got.errors else _result(got)}"
    if got.errors:
        wanted, *more = expected.arrays.values()
        alone = wanted.ndim == 0 and not more
        said = got.message or got.errors[0]  # a recorded mistake has no message
        return f"expected {number(wanted[()])}, got {said}" if alone else said
    for name, want in expected.arrays.items():
        if name not in got.arrays:
            return f"{name} is missing"
        text = array_difference(want, got.arrays[name], tolerance)
        if text:
            return text if name == "result" else f"{name}: {text}"
    extra = next((name for name in got.arrays if name not in expected.arrays), "")
    if extra.startswith("argument "):
        return f"it changed its {extra}"
    return f"it returned {extra} too, which is one too many" if extra else ""


def array_difference(want: NDArray[Any], got: NDArray[Any], tolerance: float) -> str:
    """Say in one line how one array differs from the expected one; the empty string when it does not."""
    if got.shape != want.shape:
        return f"expected shape {want.shape}, got {got.shape}"
    if not _holds(want, got):
        return f"expected {KINDS[want.dtype.kind]} ({want.dtype}), got {KINDS[got.dtype.kind]} ({got.dtype})"
    wrong = ~close(want, got, tolerance)
    if not wrong.any():
        return ""
    index = worst(want, got)
    where = f"at {list(index)} " if index else ""
    return f"{where}expected {number(want[index])}, got {number(got[index])}; {share(wrong)}"


def same(one: Outcome, other: Outcome, tolerance: float) -> bool:
    """Tell whether two outcomes are alike within ``tolerance``: same names, shapes, kinds and values.

    Unlike in a comparison with what is right, NaN and infinities are alike here where both have them.
    """
    if one.errors or other.errors:
        return one.errors[:1] == other.errors[:1]
    return one.arrays.keys() == other.arrays.keys() and all(
        _alike(array, other.arrays[name], tolerance) for name, array in one.arrays.items()
    )


def _alike(one: NDArray[Any], other: NDArray[Any], tolerance: float) -> bool:
    if one.shape != other.shape:
        return False
    odd = [~np.isfinite(array) for array in (one, other)]
    if not odd[0].any() and not odd[1].any():
        return not array_difference(one, other, tolerance)
    if not np.array_equal(*odd):
        return False
    if not np.array_equal(one[odd[0]], other[odd[0]], equal_nan=True):
        return False
    first, second = (np.where(where, 0, array) for where, array in zip(odd, (one, other), strict=True))
    return not array_difference(first, second, tolerance)


def close(want: NDArray[Any], got: NDArray[Any], tolerance: float) -> NDArray[np.bool_]:
    """Tell per element whether ``got`` is within ``tolerance`` of ``want``; shapes must be equal."""
    scale = np.max(np.abs(want), initial=0.0)
    with np.errstate(all="ignore"):
        near: NDArray[np.bool_] = _gap(want, got) <= tolerance * scale
    return near


def worst(want: NDArray[Any], got: NDArray[Any]) -> tuple[int, ...]:
    """Return the index of the largest difference; a NaN counts as the largest."""
    with np.errstate(all="ignore"):
        gap = _gap(want, got)
    gap = np.where(np.isnan(gap), np.inf, gap)
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(gap)), want.shape))


def _gap(want: NDArray[Any], got: NDArray[Any]) -> NDArray[np.float64]:
    """Subtract as floats: unsigned integers would wrap around."""
    return np.asarray(np.abs(got - want.astype(np.result_type(want, np.float64))))


def number(value: Any) -> str:
    """Print a number as a reader would write it, with at most six digits."""
    return f"{value:.6g}"


def share(wrong: NDArray[np.bool_]) -> str:
    """Say how many elements differ."""
    return f"{int(wrong.sum())} of {wrong.size} values differ" if wrong.size > 1 else "the value differs"


def _holds(want: NDArray[Any], got: NDArray[Any]) -> bool:
    """Tell whether the kind of ``got`` may hold the expected values.

    A whole number (an expected integer without axes) must be an integer; integer arrays may come back as
    floats of the same value; floats must be floats.
    """
    if want.dtype.kind in "iu":
        return got.dtype.kind in ("iu" if want.ndim == 0 else "iuf")
    return got.dtype.kind == want.dtype.kind


def _result(outcome: Outcome) -> str:
    array = next(iter(outcome.arrays.values()))
    return number(array[()]) if array.ndim == 0 else f"an array of shape {array.shape}"


def _an(word: str) -> str:
    return f"{'an' if word[0] in 'AEIOU' else 'a'} {word}"
