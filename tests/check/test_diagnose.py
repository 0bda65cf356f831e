from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from places import ROOT

from course_utils.check.diagnose import diagnose
from course_utils.check.expected import load, public_cases, record, save
from course_utils.check.probe import Said, run_all
from course_utils.check.report import as_html, as_text
from course_utils.check.task import Case, Expected, Outcome, Task
from course_utils.check.verdict import judge
from course_utils.grading import solution as solutions


@pytest.fixture(scope="module")
def conv2d(ex02):
    task = next(task for task in ex02.tasks if task.name == "conv2d")
    return record(task, ex02.reference, public_cases(task))


@pytest.fixture(scope="module")
def plain(conv2d):
    """The same cases without the task's own mistakes, so that only generic transforms are left."""
    return dataclasses.replace(conv2d, mistakes=())


def outcomes(expected, answer):
    return run_all(expected.probe, answer, expected.cases, expected.returns, Said())


def names(expected, answer) -> list[str]:
    return [diagnosis.name for diagnosis in diagnose(expected, outcomes(expected, answer))]


def nan_at_one_place(y):
    y = y.copy()
    y.flat[0] = np.nan
    return y


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (np.zeros_like, "zeros"),
        (nan_at_one_place, "NaN"),
        (lambda y: -y, "negated"),
        (np.trunc, "integer arithmetic"),
        (lambda y: np.floor(y).astype(int), "integer arithmetic"),
        (lambda y: y / 9, "scaled"),
        (lambda y: y.transpose(0, 2, 3, 1), "transposed axes"),
        (lambda y: y + 0j, "wrong type"),
        (lambda y: y.ravel(), "wrong shape"),
    ],
)
def test_a_generic_transform_of_the_right_result_is_named(plain, ex02, change, name) -> None:
    assert names(plain, lambda *arguments: change(ex02.reference.conv2d(*arguments))) == [name]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda y: y[:, :, ::-1], "flipped"),
        (lambda y: np.roll(y, 1, axis=3), "shifted by one"),
    ],
)
def test_a_mirrored_or_shifted_result_is_named_where_it_is_large_enough_to_tell(
    plain, ex02, change, name
) -> None:
    large = [i for i, outcome in enumerate(plain.outcomes) if min(outcome.arrays["result"].shape[2:]) >= 3]
    some = dataclasses.replace(
        plain, cases=tuple(plain.cases[i] for i in large), outcomes=tuple(plain.outcomes[i] for i in large)
    )
    assert names(some, lambda *arguments: change(ex02.reference.conv2d(*arguments))) == [name]


def test_a_changed_input_is_named(plain, ex02) -> None:
    def changes(x, w, b, *more):
        y = ex02.reference.conv2d(x, w, b, *more)
        x[...] = 0
        return y

    assert names(plain, changes) == ["mutates its input"]


def test_two_mistakes_at_once_are_both_named_with_the_groups_that_show_them(conv2d, ex02) -> None:
    found = diagnose(conv2d, outcomes(conv2d, lambda x, w, b, *more: ex02.reference.conv2d(x, w, b)))
    assert {diagnosis.name for diagnosis in found} == {"ignores the stride", "ignores the padding"}
    assert all(diagnosis.groups for diagnosis in found)


def test_what_nothing_explains_is_not_explained(conv2d, ex02) -> None:
    noise = np.random.default_rng(0)

    def noisy(*arguments):
        y = ex02.reference.conv2d(*arguments)
        return y + noise.normal(size=y.shape)

    assert names(conv2d, noisy) == []
    assert "expected" in judge(conv2d, outcomes(conv2d, noisy)).message


def test_a_mistake_that_only_raises_is_named_beside_the_learner_too(tmp_path) -> None:
    def cases(rng):
        for n in (1, 2, 3):
            yield Case("any", {"x": rng.normal(size=(n, 2))})

    task = Task("double", {"any": 1}, cases)

    @task.mistake("It takes the batch for one image.", "03_convolution_layer#Volumes")
    def takes_one_row(right, x):
        return 2 * x.reshape(1, 2)

    class Reference:
        @staticmethod
        def double(x):
            return 2 * x

    save(tmp_path, [record(task, Reference, task.cases(np.random.default_rng(0)))])
    assert names(load(tmp_path, "double"), lambda x: x.reshape(1, 2) * 2) == ["takes one row"]


def test_a_right_answer_has_no_diagnosis(conv2d, ex02) -> None:
    assert names(conv2d, ex02.reference.conv2d) == []


def test_a_report_shows_groups_mistake_section_and_an_example(conv2d, ex02) -> None:
    flipped = judge(
        conv2d, outcomes(conv2d, lambda x, w, *m: ex02.reference.conv2d(x, w[:, :, ::-1, ::-1], *m))
    )
    text = as_text(flipped, "debugging <b>")
    assert "conv2d: 0 of 8 points" in text
    assert "FAILED  stride 2 and 3 (1)" in text
    assert "Mistake: flips the kernel." in text
    assert "lecture 03, section “Convolution or cross-correlation”" in text
    assert "debugging <b>" in text
    page = as_html(flipped, "debugging <b>")
    assert 'href="../../lectures/03_convolution_layer.ipynb#Convolution-or-cross-correlation"' in page
    assert page.count("<svg role") == 3
    assert "debugging &lt;b&gt;" in page


def test_a_report_on_a_passed_task_says_so_and_shows_no_example(conv2d, ex02) -> None:
    verdict = judge(conv2d, outcomes(conv2d, ex02.reference.conv2d))
    assert "passed: every case is right" in as_text(verdict, "")
    assert "<svg" not in as_html(verdict, "")


def test_a_report_on_odd_values_can_be_drawn(conv2d, ex02) -> None:
    for change in (
        nan_at_one_place,
        lambda y: y * np.inf,
        lambda y: y * 1j,
        lambda y: y.astype(np.float16) + 1,
    ):
        with np.errstate(all="ignore"):
            verdict = judge(conv2d, outcomes(conv2d, lambda *a, c=change: c(ex02.reference.conv2d(*a))))
        assert as_html(verdict, "").count("<svg role") == 3


def test_a_verdict_is_told_as_plain_data(conv2d) -> None:
    def stub(*arguments):
        raise NotImplementedError

    assert judge(conv2d, outcomes(conv2d, stub)).as_dict() == {
        "task": "conv2d",
        "score": 0.0,
        "max_score": 8.0,
        "verdict": "not attempted",
        "diagnosis": [],
        "message": "the stub is untouched",
    }


@pytest.fixture(scope="module")
def sizes(ex02):
    task = next(task for task in ex02.tasks if task.name == "output_size")
    return record(task, ex02.reference, public_cases(task))


@pytest.mark.parametrize(
    "answer",
    [
        lambda n, k, s=1, p=0: n,
        lambda n, k, s=1, p=0: (n + 2 * p - k) // s + 2,
        lambda n, k, s=1, p=0: n + 1 + 2 * p - k,
    ],
)
def test_one_number_alone_does_not_make_a_likeness(sizes, answer) -> None:
    assert "scaled" not in names(sizes, answer)
    assert "rounds up" not in names(sizes, answer)


def test_an_empty_result_is_not_called_zeros(conv2d) -> None:
    assert "zeros" not in names(conv2d, lambda x, w, *more: np.zeros((1, 0, 2, 2)))


def test_zeros_are_called_zeros_and_nothing_else(conv2d, ex02) -> None:
    assert names(conv2d, lambda *a: np.zeros_like(ex02.reference.conv2d(*a))) == ["zeros"]


@pytest.fixture(scope="module")
def backward():
    """The gradients of a convolution, three results of one call, and the task's reference."""
    solution = solutions.load(ROOT / "solutions" / "ex04_conv_backprop")
    task = next(task for task in solution.tasks if task.name == "conv2d_backward")
    return record(task, solution.reference, public_cases(task)), solution.reference.conv2d_backward


def test_right_results_in_another_order_are_named_with_both_orders(backward) -> None:
    expected, right = backward

    def mixed(*arguments):
        dx, dw, db = right(*arguments)
        return db, dw, dx

    (found,) = diagnose(expected, outcomes(expected, mixed))
    assert found.name == "results in another order"
    assert found.why == "You return db, dw, dx: the task asks for dx, dw, db, in this order."


def test_many_results_in_another_order_are_found_without_trying_all_orders() -> None:
    """Thirteen results have six thousand million orders."""
    names = tuple(f"r{i}" for i in range(13))
    values = [np.arange(i // 3 + 1) + i for i in range(13)]  # three each have one shape
    case = Case("any", {"x": values[0]})
    expected = Expected("many", {"any": 1}, names, "function", (case,), (_named(names, values),), ())
    (found,) = diagnose(expected, [_named(names, values[::-1])])
    assert found.why.startswith("You return r12, r11, r10, ")
    other = diagnose(expected, [_named(names, [*values[:-1], values[-1] + 1])])
    assert [diagnosis.name for diagnosis in other] != ["results in another order"]


def _named(names, values):
    return Outcome(dict(zip(names, values, strict=True)))


def test_what_is_wrong_with_one_of_several_results_is_said_of_that_one_and_drawn(backward) -> None:
    expected, right = backward

    def without_bias(*arguments):
        dx, dw, db = right(*arguments)
        return dx, dw, 0 * db

    plain = dataclasses.replace(expected, mistakes=())
    verdict = judge(plain, outcomes(plain, without_bias))
    assert [diagnosis.name for diagnosis in verdict.diagnoses] == ["zeros (in db)"]
    many = next(case for case in verdict.cases if case.expected.arrays["db"].size > 1)
    page = as_html(dataclasses.replace(verdict, cases=(many,)), "")
    assert 'aria-label="expected: ' in page  # a row of db; a plane of dx or dw would say which


def test_integers_that_refuse_fractions_are_named(plain, ex02) -> None:
    """Where only integers come in, adding to an array like them stops with NumPy's own error."""
    whole = [i for i, case in enumerate(plain.cases) if case.inputs["x"].dtype.kind == "i"]
    some = dataclasses.replace(
        plain, cases=tuple(plain.cases[i] for i in whole), outcomes=tuple(plain.outcomes[i] for i in whole)
    )

    def adds(x, w, b, *more):
        total = np.zeros_like(ex02.reference.conv2d(x, w, b, *more), dtype=x.dtype)
        total += ex02.reference.conv2d(x, w, b, *more)
        return total

    assert names(some, adds) == ["integer arithmetic"]


def test_a_likeness_is_not_called_a_mistake(conv2d, ex02) -> None:
    verdict = judge(conv2d, outcomes(conv2d, lambda x, w, b, *more: ex02.reference.conv2d(x, w, b)))
    assert "Looks like: ignores the stride (in: " in as_text(verdict, "")
    assert "Mistake" not in as_text(verdict, "")
