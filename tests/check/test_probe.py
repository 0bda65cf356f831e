from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from course_utils.check.probe import Said, run, run_all
from course_utils.check.task import Case

CASE = Case("any", {"x": np.arange(6.0).reshape(2, 3), "k": 2})


def outcome(answer, case: Case = CASE, returns=("result",), said=None, patience=5):
    return run("function", answer, case, returns, said or Said(), patience)


def test_arguments_are_passed_by_position_so_that_they_may_be_renamed() -> None:
    assert np.array_equal(
        outcome(lambda anything, factor: anything * factor).arrays["result"], CASE.inputs["x"] * 2
    )


def test_a_changed_input_is_reported_and_the_case_stays_as_it_was() -> None:
    def changes(x, k):
        x[0, 0] = 99
        return x.sum()

    assert set(outcome(changes).arrays) == {"result", "argument x"}
    assert CASE.inputs["x"][0, 0] == 0


def test_an_input_that_is_restored_to_rounding_is_not_changed() -> None:
    def borrows(x, k):
        x += 0.1
        total = x.sum()
        x -= 0.1
        return total

    assert set(outcome(borrows).arrays) == {"result"}


def test_a_returned_view_of_the_input_does_not_follow_it() -> None:
    result = outcome(lambda x, k: x.T[::-1])
    assert result.arrays["result"].base is None


def test_a_strided_case_hands_over_arrays_that_are_not_contiguous_with_the_same_values() -> None:
    seen = []
    case = Case("any", CASE.inputs, strided=True)
    outcome(lambda x, k: seen.append(x) or 1.0, case)
    assert not seen[0].flags.c_contiguous
    assert np.array_equal(seen[0], CASE.inputs["x"])


def recurse(x, k):
    return recurse(x, k)


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (lambda x, k: 1 / 0, "ZeroDivisionError", "division by zero"),
        (recurse, "RecursionError", "maximum recursion depth"),
        (lambda x, k: sys.exit("bye"), "SystemExit", "bye"),
        (lambda x, k: None, "WrongTypeError", "is a `return` missing?"),
        (lambda x, k: [1.0], "WrongTypeError", "an object of type list"),
        (lambda x, k: "1", "WrongTypeError", "an object of type str"),
        (lambda x, k: np.array([object()]), "WrongTypeError", "an array of object"),
        (lambda x, k: np.zeros((1, 1024, 1024, 16)), "WrongTypeError", "128 MiB"),
        (lambda x: x, "TypeError", "positional argument"),
        (lambda x, k: x[9], "IndexError", "out of bounds"),
    ],
)
def test_whatever_goes_wrong_becomes_an_outcome_with_one_readable_line(answer, error, text) -> None:
    result = outcome(answer)
    assert result.errors[0] == error
    assert text in result.message
    assert "\n" not in result.message


def test_an_interrupt_by_the_reader_passes_through() -> None:
    def interrupted(x, k):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcome(interrupted)


def test_several_results_are_named_in_order_and_counted() -> None:
    pair = outcome(lambda x, k: (x, np.float64(k)), returns=("first", "second"))
    assert list(pair.arrays) == ["first", "second"]
    message = outcome(lambda x, k: x, returns=("first", "second")).message
    assert message == "it returned an object of type ndarray, not 2 values: first, second"


def test_prints_and_warnings_are_kept_and_do_not_reach_the_streams(capfd) -> None:
    def loud(x, k):
        print("hello")
        print("careful", file=sys.stderr)
        warnings.warn("slow", stacklevel=1)
        return 1.0

    said = Said()
    assert not outcome(loud, said=said).errors
    assert said.getvalue() == "hello\ncareful\nUserWarning: slow\n"
    assert capfd.readouterr() == ("", "")


def test_a_flood_of_prints_is_cut() -> None:
    said = Said()
    outcome(lambda x, k: [print("x" * 1000) for _ in range(1000)] and 1.0, said=said)
    assert len(said.getvalue()) < 5_000


def test_an_endless_loop_is_stopped_once_and_the_other_cases_are_not_tried() -> None:
    calls = []

    def endless(x, k):
        calls.append(k)
        while True:
            pass

    outcomes = run_all("function", endless, [CASE] * 5, ("result",), Said(), patience=0.2)
    assert len(calls) == 1
    assert [o.errors[0] for o in outcomes] == ["OutOfTimeError"] * 5
    assert "endless loop" in outcomes[0].message


QUESTION = Case("q", {"question": "q", "salt": "s"})


def ask(answers):
    return run("answer", answers, QUESTION, ("answer",), Said())


def test_an_answer_is_a_digest_that_depends_on_number_question_and_salt() -> None:
    one = ask(lambda: {"q": 28})
    assert np.array_equal(one.arrays["answer"], ask(lambda: {"q": np.float64(28)}).arrays["answer"])
    assert not np.array_equal(one.arrays["answer"], ask(lambda: {"q": 27}).arrays["answer"])
    salted = run("answer", lambda: {"q": 28}, Case("q", {"question": "q", "salt": "t"}), ("answer",), Said())
    assert not np.array_equal(one.arrays["answer"], salted.arrays["answer"])


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        (lambda: 28, "return a dictionary"),
        (lambda: {}, "no answer to question 'q'"),
        (lambda: {"q": "28"}, "a whole number, not '28'"),
        (lambda: {"q": 28.5}, "a whole number, not 28.5"),
        (lambda: {"q": True}, "a whole number, not True"),
        (lambda: {"q": float("nan")}, "a whole number, not nan"),
        (lambda: {"q": ...}, "NotImplementedError"),
        (lambda: {"q": None}, "NotImplementedError"),
    ],
)
def test_what_is_not_a_whole_number_is_no_answer(answers, text) -> None:
    assert text in ask(answers).message


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def raises(error):
    def answer(x, k):
        raise error

    return answer


@pytest.mark.parametrize("error", [UnspeakableError(), ValueError("\ud800"), ValueError("x" * 10_000_000)])
def test_an_error_whose_text_cannot_be_shown_still_has_its_name(error) -> None:
    message = outcome(raises(error)).message
    assert message.startswith(type(error).__name__)
    assert len(message.encode()) < 1_000


def test_an_error_names_the_learner_s_own_line_and_not_a_library_s() -> None:
    def shapes(x, k):
        return np.concatenate([x, x[0]])

    assert "return np.concatenate([x, x[0]])" in outcome(shapes).message


def test_a_loop_that_swallows_exceptions_is_stopped_all_the_same() -> None:
    def stubborn(x, k):
        while True:
            try:
                while True:
                    pass
            except Exception:
                continue

    def swallows(x, k):
        try:
            while True:
                pass
        except BaseException:
            return 1.0

    assert outcome(stubborn, patience=0.2).errors[0] == "OutOfTimeError"
    assert outcome(swallows, patience=0.2).errors[0] == "OutOfTimeError"


def test_a_task_that_is_slow_in_all_is_stopped_after_its_budget() -> None:
    told = []

    def slow(x, k):
        time.sleep(0.2)
        return 1.0

    def advance(*step):
        told.append(step)

    outcomes = run_all("function", slow, [CASE] * 3, ("result",), Said(), advance, budget=0.1)
    assert len(told) == 1
    assert [o.errors[:1] for o in outcomes] == [(), ("OutOfTimeError",), ("OutOfTimeError",)]


def test_what_a_call_changes_around_it_is_put_back(tmp_path) -> None:
    from matplotlib import pyplot

    def changes(x, k):
        os.chdir(tmp_path)
        np.seterr(all="raise")
        logging.warning("careful")
        pyplot.figure()
        return 1.0

    before = (Path.cwd(), np.geterr(), logging.root.handlers[:], pyplot.get_fignums())
    assert not outcome(changes).errors
    assert (Path.cwd(), np.geterr(), logging.root.handlers[:], pyplot.get_fignums()) == before


def test_closing_the_stream_and_odd_texts_do_no_harm() -> None:
    def closes(x, k):
        print("a \ud800 b")
        sys.stdout.close()
        return 1.0

    said = Said()
    assert not outcome(closes, said=said).errors
    assert said.getvalue() == "a \\ud800 b\n"


def test_odd_results_are_refused_without_being_copied_or_awaited() -> None:
    async def later(x, k):
        return 1.0

    assert "coroutine" in outcome(later).message
    assert "MiB" in outcome(lambda x, k: np.broadcast_to(0.0, (40_000, 40_000, 8))).message
    assert outcome(lambda x, k: np.longdouble(2)).arrays["result"].dtype == np.float64


def test_a_change_that_is_taken_back_to_rounding_is_none_in_single_precision_either() -> None:
    case = Case("any", {"x": np.linspace(-2, 2, 50, dtype=np.float32)})

    def borrows(x):
        mean = x.mean() + np.float32(0.37)
        x -= mean
        total = x.sum()
        x += mean
        return total

    assert set(outcome(borrows, case).arrays) == {"result"}


def test_an_argument_that_got_another_shape_is_changed() -> None:
    def reshapes(x, k):
        x.shape = (1, *x.shape)
        return 1.0

    assert "argument x" in outcome(reshapes).arrays


def unwritten(x):
    raise NotImplementedError


def test_a_stub_that_the_answer_calls_is_named() -> None:
    result = outcome(lambda x, k: unwritten(x))
    assert result.errors[0] == "UnwrittenPartError"
    assert result.message == "unwritten is not written yet"
    assert (
        run("function", unwritten, Case("any", {"x": 1}), ("result",), Said()).errors[0]
        == "NotImplementedError"
    )


def test_a_formula_reaches_the_learner_as_a_function() -> None:
    case = Case("any", {"f": "np.sum(x ** 2)", "x": np.arange(3.0), "h": 0.5})
    result = run("formula", lambda f, x, h: f(x) + h, case, ("result",), Said())
    assert result.arrays["result"] == 5.5


def test_an_array_that_a_function_was_tried_on_must_be_as_it_was() -> None:
    def forgets_to_put_it_back(f, x):
        x[0] += 1
        return f(x)

    case = Case("any", {"f": "np.sum(x)", "x": np.zeros(3)})
    assert set(run("formula", forgets_to_put_it_back, case, ("r",), Said()).arrays) == {"r", "argument x"}


LISTS = Case("any", {"params": [np.ones((2, 3)), np.ones(4)], "rate": 0.5})


def test_a_list_of_arrays_goes_in_and_comes_out_numbered() -> None:
    result = run("list", lambda params, rate: [rate * p for p in params], LISTS, ("params",), Said())
    assert {name: array.shape for name, array in result.arrays.items()} == {
        "params[0]": (2, 3),
        "params[1]": (4,),
    }


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda params: params[1].__imul__(2), "argument params[1]"),
        (lambda params: params.__setitem__(0, params[0] * 2), "argument params[0]"),
        (lambda params: params.pop(), "argument params"),
    ],
)
def test_a_change_inside_a_list_is_reported(change, named) -> None:
    def changes(params, rate):
        change(params)
        return [rate]

    assert set(run("list", changes, LISTS, ("params",), Said()).arrays) == {"params[0]", named}
    assert all(array.max() == 1 for array in LISTS.inputs["params"])


@pytest.mark.parametrize(
    ("value", "message"),
    [(None, "a `return` missing"), (np.ones(3), "not a list of arrays"), ([0] * 101, "far more")],
)
def test_what_is_no_list_of_arrays_is_told(value, message) -> None:
    assert message in run("list", lambda params, rate: value, LISTS, ("params",), Said()).message


def test_a_strided_case_reaches_into_lists() -> None:
    seen = []
    case = Case("any", LISTS.inputs, strided=True)
    run("list", lambda params, rate: seen.extend(params) or params, case, ("params",), Said())
    assert not seen[0].flags.c_contiguous
