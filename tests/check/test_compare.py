from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from course_utils.check.compare import difference, same
from course_utils.check.task import Outcome

FINITE = st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-6)
ARRAYS = hnp.arrays(np.float64, hnp.array_shapes(max_dims=4, max_side=4), elements=FINITE)


def gave(value, **more) -> Outcome:
    return Outcome({"result": np.asarray(value), **more})


@given(ARRAYS)
def test_an_array_does_not_differ_from_itself(array) -> None:
    assert difference(gave(array), gave(array.copy()), 1e-6) == ""


@given(ARRAYS.filter(lambda array: np.any(array)), st.data())
def test_one_wrong_value_is_found_wherever_it_is(array, data) -> None:
    index = tuple(data.draw(st.integers(0, size - 1)) for size in array.shape)
    wrong = array.copy()
    wrong[index] += np.abs(array).max()
    text = difference(gave(array), gave(wrong), 1e-6)
    assert str(list(index)) in text
    assert "expected" in text


@given(ARRAYS)
def test_rounding_is_no_difference(array) -> None:
    assert difference(gave(array), gave(array * (1 + 1e-9)), 1e-6) == ""


def test_nan_equals_nothing_not_even_where_one_is_expected() -> None:
    assert difference(gave([1.0, np.nan]), gave([1.0, np.nan]), 1e-6)


def test_infinity_is_not_close_to_a_number() -> None:
    assert difference(gave([1.0, 2.0]), gave([1.0, np.inf]), 1e-6)


@pytest.mark.parametrize("got", [[1.0], [[1.0, 1.0]], 1.0], ids=["too short", "an axis more", "a number"])
def test_shapes_must_be_equal_so_that_nothing_is_broadcast(got) -> None:
    assert difference(gave([1.0, 1.0]), gave(got), 1e-6).startswith("expected shape (2,), got")


def test_a_whole_number_must_be_an_integer_and_not_a_boolean() -> None:
    assert "floats" in difference(gave(1), gave(1.0), 1e-6)
    assert "booleans" in difference(gave(1), gave(True), 1e-6)
    assert difference(gave(1), gave(np.int16(1)), 1e-6) == ""


def test_an_array_of_whole_numbers_may_be_floats_and_floats_may_not_be_integers() -> None:
    assert difference(gave([1, 2]), gave([1.0, 2.0]), 1e-6) == ""
    assert "integers" in difference(gave([1.0, 2.0]), gave([1, 2]), 1e-6)
    assert "complex" in difference(gave([1.0, 2.0]), gave([1 + 0j, 2]), 1e-6)


def test_an_expected_error_is_met_by_its_class_and_those_derived_from_it() -> None:
    wanted = Outcome(errors=("ValueError", "Exception"))
    assert difference(wanted, Outcome(errors=("AxisError", "ValueError", "Exception")), 0) == ""
    assert difference(wanted, Outcome(errors=("TypeError",), message="TypeError: no"), 0) == (
        "expected a ValueError, got TypeError: no"
    )
    assert difference(wanted, gave(3), 0) == "expected a ValueError, got 3"


def test_an_unexpected_error_a_missing_and_an_extra_array_are_differences() -> None:
    two = Outcome({"dx": np.ones(1), "dw": np.ones(1)})
    failed = Outcome(errors=("KeyError",), message="KeyError: 1")
    assert difference(gave(1.0), failed, 0) == "expected 1, got KeyError: 1"
    assert difference(gave([1.0]), failed, 0) == "KeyError: 1"
    assert difference(two, Outcome({"dx": np.ones(1)}), 0) == "dw is missing"
    extra = Outcome({"result": np.ones(1), "argument x": np.ones(1)})
    assert difference(gave(np.ones(1)), extra, 0) == "it changed its argument x"


def test_a_difference_in_one_of_several_results_names_it() -> None:
    two = Outcome({"dx": np.ones(1), "dw": np.ones(1)})
    other = Outcome({"dx": np.ones(1), "dw": np.zeros(1)})
    assert difference(two, other, 1e-6).startswith("dw: at [0] expected 1, got 0")


def test_an_error_without_a_message_is_a_difference_too() -> None:
    assert difference(gave([1.0]), Outcome(errors=("KeyError", "LookupError")), 0) == "KeyError"


def test_same_is_stricter_on_errors_than_on_their_texts() -> None:
    assert same(Outcome(errors=("ValueError",)), Outcome(errors=("ValueError",), message="other"), 0)
    assert not same(Outcome(errors=("ValueError",)), Outcome(errors=("TypeError",)), 0)
    assert not same(Outcome(errors=("ValueError",)), gave(1), 0)


def test_two_outcomes_with_nan_and_infinity_at_the_same_places_are_alike_and_never_right() -> None:
    odd = Outcome({"result": np.array([1.0, np.nan, np.inf, -np.inf])})
    assert same(odd, odd, 1e-6)
    assert difference(odd, odd, 1e-6)
    for other in (
        [np.nan, 1.0, np.inf, -np.inf],
        [1.0, np.nan, -np.inf, np.inf],
        [2.0, np.nan, np.inf, -np.inf],
    ):
        assert not same(odd, Outcome({"result": np.array(other)}), 1e-6)
