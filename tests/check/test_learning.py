"""Cases of learning: labels are predicted, a share of them must be right, and what went wrong has a name."""

from __future__ import annotations

import numpy as np
import pytest

from course_utils.check.expected import load, record, save
from course_utils.check.probe import Said, run_all
from course_utils.check.report import as_html, as_text
from course_utils.check.task import Case, Task
from course_utils.check.transport import Request, read_request, write_request
from course_utils.check.verdict import judge


def cases(rng):
    """Images of one pixel whose value is their class."""
    for group in ("first", "second"):
        labels, new = rng.integers(0, 5, (2, 400))
        inputs = {"images": labels * 10, "labels": labels, "new_images": new * 10}
        yield Case(group, inputs, seconds=30, truth=new, accuracy=0.9)


TASK = Task("train", {"first": 2, "second": 1}, cases, returns=("labels",))


class Reference:
    @staticmethod
    def train(images, labels, new_images):
        raise AssertionError("nobody trains the reference to know what is right")


@pytest.fixture
def expected():
    return record(TASK, Reference, TASK.cases(np.random.default_rng(1)))


def verdict(expected, answer):
    return judge(expected, run_all(expected.probe, answer, expected.cases, expected.returns, Said()))


def right_but(share: float):
    """Answer rightly for a share of the images, and at random for the others."""
    rng = np.random.default_rng(0)

    def answer(images, labels, new_images):
        guess = rng.integers(0, 5, len(new_images))
        return np.where(rng.random(len(new_images)) < share, new_images // 10, guess)

    return answer


def test_enough_right_labels_earn_all(expected) -> None:
    found = verdict(expected, right_but(0.97))
    assert (found.score, found.word, found.message) == (3, "passed", "all cases pass")


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (lambda images, labels, new: np.full(len(new), 3), "one class for every image"),
        (lambda images, labels, new: new // 10 + 1, "labels one off"),
        (lambda images, labels, new: new // 10 - 1, "labels one off"),
        (lambda images, labels, new: np.array([3, 0, 4, 2, 1])[new // 10], "classes under other names"),
        (right_but(0.0), "no better than guessing"),
        (right_but(0.6), "learns too little"),
    ],
)
def test_too_few_right_labels_earn_nothing_and_say_what_they_have_in_common(expected, answer, name) -> None:
    found = verdict(expected, answer)
    assert found.score == 0
    assert [diagnosis.name for diagnosis in found.diagnoses] == [name]


def test_the_report_tells_the_share_and_draws_nothing(expected) -> None:
    found = verdict(expected, right_but(0.6))
    assert "of 400 images are right: at least 90 % is asked for" in as_text(found, "")
    assert "<svg" not in as_html(found, "")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda images, labels, new: np.zeros((len(new), 5)), "expected shape (400,), got (400, 5)"),
        (lambda images, labels, new: new[:7] // 10, "expected shape (400,), got (7,)"),
    ],
)
def test_what_are_no_labels_is_told(expected, answer, message) -> None:
    assert message in as_text(verdict(expected, answer), "")


def test_the_public_case_is_read_back_with_truth_accuracy_and_time(expected, tmp_path) -> None:
    save(tmp_path, [expected])
    again = load(tmp_path, "train")
    assert [(case.accuracy, case.seconds) for case in again.cases] == [(0.9, 30.0)] * 2
    assert np.array_equal(again.cases[1].truth, expected.cases[1].truth)
    assert verdict(again, right_but(0.97)).score == 3


def test_truth_does_not_travel_to_a_kernel(expected) -> None:
    request = Request("train", "function", ("labels",), expected.cases, 10, 40, 10**6)
    cases = read_request(write_request(request)).cases
    assert [(case.truth, case.accuracy, case.seconds) for case in cases] == [(None, 0.0, 30.0)] * 2


def test_a_case_may_take_longer_than_others(monkeypatch) -> None:
    from course_utils.check import probe

    seen = []

    def run(kind, answer, case, returns, said, patience):
        seen.append(patience)
        return probe.Outcome()

    monkeypatch.setattr(probe, "run", run)
    many = [Case("a", {}), Case("a", {}, seconds=30)]
    run_all("function", len, many, ("labels",), Said())
    run_all("function", len, many, ("labels",), Said(), patience=2 * probe.PATIENCE)
    assert seen == [5, 30, 10, 60]
