"""How a judge and the probe in a kernel talk: JSON text with arrays as npy, never pickled.

A judge reads what a learner's code may have forged, so reading trusts nothing: sizes, types, names and texts
are checked before an array is made, and whatever is not as it should be raises ForgedError.
"""

from __future__ import annotations

import base64
import io
import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from course_utils.check.task import Case, Outcome

LARGEST_HEADER = 2_000  # characters of an npy header
MOST_ERRORS = 32
LONGEST_MESSAGE = 1_000
LONGEST_SAID = 2_000
KINDS = "biufc"


class ForgedError(Exception):
    """What came back is nothing that the probe sends."""


@dataclass(frozen=True)
class Request:
    """What the probe is asked to do; ``patience`` and ``budget`` are seconds, ``most`` is bytes."""

    task: str
    probe: str
    returns: tuple[str, ...]
    cases: tuple[Case, ...]
    patience: float
    budget: float
    most: int


@dataclass(frozen=True)
class Answer:
    """What came back: an outcome for each case, what the code printed, and whether it left its mark.

    ``disturbed`` tells that names of the notebook or parts of libraries are no longer what they were before.
    """

    outcomes: tuple[Outcome, ...]
    said: str = ""
    disturbed: bool = False


def write_request(request: Request) -> str:
    """Return a request as text."""
    cases = [
        {
            "group": case.group,
            "strided": case.strided,
            "seconds": case.seconds,
            "inputs": _encode(dict(case.inputs)),
        }
        for case in request.cases
    ]
    return json.dumps({**vars(request), "cases": cases})


def write_inputs(case: Case) -> str:
    """Return a case's inputs as text: equal texts for equal inputs."""
    return json.dumps(_encode(dict(case.inputs)), sort_keys=True)


def read_request(text: str) -> Request:
    """Read a request, which comes from a judge."""
    about = json.loads(text)
    cases = tuple(
        Case(case["group"], _decode(case["inputs"]), case["strided"], seconds=case["seconds"])
        for case in about.pop("cases")
    )
    return Request(**{**about, "returns": tuple(about["returns"])}, cases=cases)


def write_answer(answer: Answer) -> str:
    """Return an answer as text."""
    outcomes = [
        {
            "arrays": {name: to_npy(array) for name, array in outcome.arrays.items()},
            "errors": outcome.errors,
            "message": outcome.message,
        }
        for outcome in answer.outcomes
    ]
    return json.dumps({"outcomes": outcomes, "said": answer.said, "disturbed": answer.disturbed})


def read_answer(text: str, request: Request) -> Answer:
    """Read an answer to ``request`` from a kernel that is not trusted; raise ForgedError where it is none."""
    if len(text) > 2 * request.most:
        raise ForgedError(f"an answer of {len(text):,} characters")
    try:
        about = json.loads(text, parse_constant=_refuse)
        outcomes = tuple(_outcome(part, request) for part in about["outcomes"])
        said, disturbed = about["said"], about["disturbed"]
    except ForgedError:
        raise
    except Exception as error:
        raise ForgedError(f"not an answer ({type(error).__name__})") from None
    if len(outcomes) != len(request.cases):
        raise ForgedError(f"{len(outcomes)} outcomes for {len(request.cases)} cases")
    if not isinstance(said, str) or not isinstance(disturbed, bool):
        raise ForgedError("not an answer")
    return Answer(outcomes, plain(said, LONGEST_SAID), disturbed)


def to_npy(array: NDArray[Any]) -> str:
    """Return an array in the npy format as base64 text."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=(1, 0), allow_pickle=False)
    return base64.b64encode(stream.getvalue()).decode()


def from_npy(text: str) -> NDArray[Any]:
    """Read an array of numbers; raise ForgedError unless header and content agree to the byte."""
    try:
        content = base64.b64decode(text, validate=True)
        stream = io.BytesIO(content)
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ForgedError("an npy file of another version")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=LARGEST_HEADER)
        size = math.prod(shape) * dtype.itemsize
        if dtype.kind not in KINDS or dtype.shape or any(n < 0 for n in shape):
            raise ForgedError(f"an array of {dtype.kind!r}")
        if size != len(content) - stream.tell():
            raise ForgedError("an array whose size is not what it declares")
        stream.seek(0)
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    except ForgedError:
        raise
    except Exception as error:
        raise ForgedError(f"not an array ({type(error).__name__})") from None
    return array


def plain(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Return at most ``longest`` characters of ``text``, without control or direction marks."""
    return "".join(char if _is_plain(char) else "\N{REPLACEMENT CHARACTER}" for char in text[:longest])


def _is_plain(char: str) -> bool:
    return char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _outcome(part: Mapping[str, Any], request: Request) -> Outcome:
    errors, message, arrays = part["errors"], part["message"], part["arrays"]
    if not isinstance(arrays, dict) or not isinstance(message, str) or not _are_names(errors):
        raise ForgedError("not an outcome")
    inputs = {f"argument {name}" for case in request.cases for name in case.inputs}
    numbered = {_without_number(name): name for name in arrays}
    if errors:
        return Outcome(errors=tuple(errors), message=plain(" ".join(message[:LONGEST_MESSAGE].split())))
    if strange := set(numbered) - set(request.returns) - inputs:
        raise ForgedError(f"a result named {plain(numbered[min(strange)], 40)!r}")
    if request.probe != "list" and (missing := set(request.returns) - set(arrays)):
        raise ForgedError(f"no result named {min(missing)!r}")
    return Outcome({name: from_npy(array) for name, array in arrays.items()})


def _without_number(name: str) -> str:
    """Return the name of a list for that of one of its arrays: ``params`` for ``params[2]``."""
    return re.sub(r"\[\d{1,3}\]$", "", name)


def _are_names(errors: Any) -> bool:
    return (
        isinstance(errors, list)
        and len(errors) <= MOST_ERRORS
        and all(isinstance(name, str) and name.isidentifier() and len(name) < 100 for name in errors)
    )


def _encode(value: Any) -> Any:
    """Turn an input into JSON: arrays, tuples and dictionaries are labelled."""
    if isinstance(value, np.ndarray):
        return {"npy": to_npy(value)}
    if isinstance(value, tuple):
        return {"tuple": [_encode(part) for part in value]}
    if isinstance(value, Mapping):
        return {"dict": {name: _encode(part) for name, part in value.items()}}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_encode(part) for part in value]
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(part) for part in value]
    if not isinstance(value, dict):
        return value
    ((label, content),) = value.items()
    if label == "npy":
        return from_npy(content)
    if label == "tuple":
        return tuple(_decode(part) for part in content)
    return {name: _decode(part) for name, part in content.items()}


def _refuse(constant: str) -> NoReturn:
    raise ForgedError(f"the number {constant}")
