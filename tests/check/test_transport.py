"""What a judge reads from a kernel that it does not trust."""

from __future__ import annotations

import base64
import io
import json
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from course_utils.check.remote import expression
from course_utils.check.task import Case, Outcome
from course_utils.check.transport import (
    Answer,
    ForgedError,
    Request,
    from_npy,
    plain,
    read_answer,
    read_request,
    to_npy,
    write_answer,
    write_request,
)

CASES = (
    Case("g", {"x": np.arange(6.0).reshape(2, 3), "k": 3}),
    Case("h", {"x": np.ones(2), "shape": (1, 2)}),
)
REQUEST = Request("double", "function", ("result",), CASES, 5.0, 20.0, 100_000)


def answer_text(**changes) -> str:
    outcome = {"arrays": {"result": to_npy(np.ones(2))}, "errors": [], "message": ""}
    about = {"outcomes": [{**outcome, **changes}, outcome], "said": "", "disturbed": False}
    return json.dumps(about)


def npy(header: bytes, content: bytes = b"", version: bytes = b"\x01\x00") -> str:
    return base64.b64encode(
        b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + content
    ).decode()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8, np.bool_, np.complex128])
def test_arrays_come_back_as_they_were(dtype) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)
    for view in (array, array.T, array[::2], array[..., None], array[:0], array[1, 2]):
        back = from_npy(to_npy(np.asarray(view)))
        assert back.dtype == view.dtype
        assert np.array_equal(back, view)


@given(arrays(st.sampled_from([np.float64, np.int32]), array_shapes(min_dims=0, max_dims=4)))
def test_any_array_comes_back_as_it_was(array) -> None:
    assert np.array_equal(from_npy(to_npy(array)), array, equal_nan=array.dtype.kind == "f")


def test_a_request_comes_back_with_tuples_and_arrays() -> None:
    back = read_request(write_request(REQUEST))
    assert (back.task, back.returns, back.cases[1].inputs["shape"]) == ("double", ("result",), (1, 2))
    assert np.array_equal(back.cases[0].inputs["x"], CASES[0].inputs["x"])
    assert "double" in expression(write_request(REQUEST))


def test_an_answer_comes_back() -> None:
    outcomes = (Outcome({"result": np.ones(3)}), Outcome(errors=("ValueError", "Exception"), message="no"))
    back = read_answer(write_answer(Answer(outcomes, "hello", True)), REQUEST)
    assert (back.said, back.disturbed, back.outcomes[1]) == ("hello", True, outcomes[1])
    assert np.array_equal(back.outcomes[0].arrays["result"], np.ones(3))


class Runs:
    def __reduce__(self):
        return pytest.fail, ("unpickled",)


def pickled() -> str:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([Runs()], dtype=object), allow_pickle=True)
    return base64.b64encode(stream.getvalue()).decode()


HEADER = b"{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (pickled(), "an array of 'O'"),
        (base64.b64encode(pickle.dumps(Runs())).decode(), "not an array"),
        (npy(HEADER % (b"<f8", b"(1000000000000,)")), "not what it declares"),
        (npy(HEADER % (b"<f8", b"(2,)"), bytes(8)), "not what it declares"),
        (npy(HEADER % (b"<f8", b"(2,)"), bytes(24)), "not what it declares"),
        (npy(HEADER % (b"<f8", b"(-1,)"), bytes(8)), "an array of"),
        (npy(HEADER % (b"|V8", b"(1,)"), bytes(8)), "an array of 'V'"),
        (npy(HEADER % (b"<M8[s]", b"(1,)"), bytes(8)), "an array of 'M'"),
        (npy(HEADER % (b"<U2", b"(1,)"), bytes(8)), "an array of 'U'"),
        (
            npy(b"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }\n", bytes(8)),
            "an array of",
        ),
        (npy(b"(" * 1500), "not an array"),
        (npy(b" " * 3000), "not an array"),
        (npy(HEADER % (b"<f8", b"(1,)"), bytes(8), b"\x02\x00"), "another version"),
        ("no base64 at all!", "not an array"),
        ("", "not an array"),
    ],
)
def test_what_is_no_plain_array_of_numbers_is_refused(text, reason) -> None:
    with pytest.raises(ForgedError, match=reason):
        from_npy(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "not an answer"),
        ("null", "not an answer"),
        ("{}", "not an answer"),
        ('{"outcomes": [], "said": "", "disturbed": false}', "0 outcomes for 2 cases"),
        ('{"outcomes": [], "said": "", "disturbed": NaN}', "the number NaN"),
        ("1" * 10_000, "not an answer"),
        (" " * 300_000, "an answer of 300,000 characters"),
        (answer_text(arrays={"../x": to_npy(np.ones(1))}), "a result named"),
        (answer_text(arrays={}), "no result named 'result'"),
        (answer_text(arrays=[1]), "not an outcome"),
        (answer_text(errors=["not a name"]), "not an outcome"),
        (answer_text(errors=["E"] * 100), "not an outcome"),
        (answer_text(message=3), "not an outcome"),
        (answer_text(arrays={"result": 8}), "not an array"),
    ],
)
def test_what_is_no_answer_is_refused(text, reason) -> None:
    with pytest.raises(ForgedError, match=reason):
        read_answer(text, REQUEST)


@given(st.text(), st.binary())
def test_nothing_but_an_answer_gets_through(text, raw) -> None:
    for forged in (text, base64.b64encode(raw).decode()):
        with pytest.raises(ForgedError):
            read_answer(forged, REQUEST)
    with pytest.raises(ForgedError):
        from_npy(base64.b64encode(raw).decode())


def test_an_input_that_was_changed_may_be_named() -> None:
    arrays_ = {"result": to_npy(np.ones(2)), "argument x": to_npy(np.ones(2))}
    assert "argument x" in read_answer(answer_text(arrays=arrays_), REQUEST).outcomes[0].arrays


def test_messages_are_plain_and_short() -> None:
    outcome = {"arrays": {}, "errors": ["ValueError"], "message": "a\x1b[2J\u202eb\ud800" + "x" * 10_000}
    about = json.dumps({"outcomes": [outcome] * 2, "said": "\x07" * 5000, "disturbed": False})
    answer = read_answer(about, REQUEST)
    assert answer.outcomes[0].message.startswith("a�[2J�b�x")
    assert len(answer.outcomes[0].message) == 1000
    assert set(answer.said) == {"�"}


def test_plain_text_keeps_what_people_write() -> None:
    text = "Größe 3×3 → 5 % \u4f60\u597d\n\tπ 🙂"
    assert plain(text) == text


def listed(*names: str) -> str:
    arrays = {name: to_npy(np.ones(2)) for name in names}
    return json.dumps(
        {
            "outcomes": [{"arrays": arrays, "errors": [], "message": ""}],
            "said": "",
            "disturbed": False,
        }
    )


LIST_REQUEST = Request(
    "step", "list", ("params",), (Case("g", {"params": [np.ones(2)]}),), 5.0, 20.0, 100_000
)


def test_a_list_comes_back_under_numbers() -> None:
    given = read_request(write_request(LIST_REQUEST)).cases[0].inputs["params"]
    assert [array.shape for array in given] == [(2,)]
    read = read_answer(listed("params[0]", "params[1]", "argument params[0]"), LIST_REQUEST)
    assert len(read.outcomes[0].arrays) == 3


@pytest.mark.parametrize("name", ["params[x]", "other[0]", "params[0][1]", "argument other[0]"])
def test_a_list_comes_back_under_no_other_names(name) -> None:
    with pytest.raises(ForgedError, match="a result named"):
        read_answer(listed(name), LIST_REQUEST)


@pytest.mark.parametrize(
    ("uses", "disturbed"),
    [("np.random.default_rng(0).normal(size=2)", False), ("setattr(np, 'sum', len) or np.ones(2)", True)],
)
def test_a_part_of_numpy_that_is_loaded_when_it_is_used_is_no_disturbance(
    run_python, uses: str, disturbed: bool
) -> None:
    code = f"""
import sys
from types import SimpleNamespace
import numpy as np
from course_utils.check.remote import run
from course_utils.check.task import Case
from course_utils.check.transport import Request, read_answer, write_request

shell = SimpleNamespace(user_ns={{"answer": lambda: {uses}}})
sys.modules["IPython"] = SimpleNamespace(get_ipython=lambda: shell)
request = Request("answer", "function", ("result",), (Case("any", {{}}),), 5.0, 20.0, 100_000)
answer = read_answer(run(write_request(request)).text, request)
print(answer.outcomes[0].errors, answer.disturbed)
"""
    assert run_python(code).strip() == f"() {disturbed}"
