"""``check`` as a learner calls it, beside the released expected outputs."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import pytest
from places import ROOT

from course_utils.check import check

EXERCISE = ROOT / "exercises" / "ex02_convolution"


@pytest.fixture(autouse=True)
def exercise_folder(tmp_path, monkeypatch):
    for name in ("expected.json", "expected.npz"):
        shutil.copy(EXERCISE / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def zero_pad(x, padding):
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


def test_the_score_is_returned_and_the_report_printed(capsys) -> None:
    assert check(zero_pad) == 2.0
    printed = capsys.readouterr()
    assert "zero_pad: 2 of 2 points (passed: every case is right)" in printed.out
    assert printed.err == ""


def test_the_variable_in_the_call_names_the_task_even_for_an_alias_a_lambda_or_an_object(capsys) -> None:
    convolve2d = zero_pad  # a function of another task's name
    assert check(convolve2d) == 0.0
    assert "convolve2d: 0 of 3 points" in capsys.readouterr().out
    output_size = lambda n, k, s=1, p=0: (n + 2 * p - k) // s + 1  # noqa: E731
    assert check(output_size) == 2.0
    assert "output_size: 2 of 3 points" in capsys.readouterr().out

    class Pad:
        def __call__(self, x, padding):
            return zero_pad(x, padding)

    assert check(Pad(), task="zero_pad") == 2.0


def test_an_unknown_name_lists_the_tasks_and_gives_nothing(capsys) -> None:
    assert check(lambda: 0) == 0.0
    printed = capsys.readouterr().out
    assert "no task '<lambda>' here" in printed
    assert "output_size, zero_pad, cross_correlate2d, convolve2d, conv2d, parameter_counts" in printed


def test_an_untouched_stub_is_not_attempted(capsys) -> None:
    def conv2d(x, w, b, stride=1, padding=0):
        raise NotImplementedError

    assert check(conv2d) == 0.0
    assert "not attempted" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["expected.json", "expected.npz"])
@pytest.mark.parametrize("state", ["missing", "broken"])
def test_missing_or_broken_expected_outputs_say_what_to_do(exercise_folder, capsys, name, state) -> None:
    path = exercise_folder / name
    path.unlink() if state == "missing" else path.write_bytes(b"{ not this")
    assert check(zero_pad) == 0.0
    printed = capsys.readouterr().out
    assert name in printed
    assert "course lab" in printed


def test_the_learner_s_code_cannot_spoil_the_expected_outputs(capsys) -> None:
    def spoils(x, padding):
        x *= 0
        return zero_pad(x, padding)

    assert check(spoils, task="zero_pad") == 0.0
    assert check(zero_pad) == 2.0


def test_check_leaves_no_names_behind_and_needs_neither_torch_nor_matplotlib(run_python) -> None:
    code = """
import sys
from course_utils.check import check
def zero_pad(x, padding): raise NotImplementedError
before = set(globals())
check(zero_pad)
assert set(globals()) - before == {"before"}, set(globals()) - before
assert not {"torch", "matplotlib", "IPython", "nbgrader", "course_utils.grading"} & set(sys.modules)
"""
    assert "not attempted" in run_python(code)


def test_expected_outputs_do_not_spell_the_answers_out(exercise_folder) -> None:
    text = (exercise_folder / "expected.json").read_text()
    for answer in ("4864", "16448", "4640", "30730"):
        assert answer not in text


def test_standard_streams_are_back_after_a_check() -> None:
    before = (sys.stdout, sys.stderr)
    check(zero_pad)
    assert (sys.stdout, sys.stderr) == before
