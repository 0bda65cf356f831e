"""Progress is what the checks that ran here have left, and never a reason for a check to fail."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from places import ROOT

from course_utils.check import check, progress
from course_utils.check.expected import ExpectedOutputsError
from course_utils.check.progress import FILE, read, read_all

EXERCISE = ROOT / "exercises" / "ex02_convolution"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    place = tmp_path / "exercises" / "ex02_convolution"
    place.mkdir(parents=True)
    for name in ("expected.json", "expected.npz"):
        shutil.copy(EXERCISE / name, place)
    monkeypatch.chdir(place)
    return place


def zero_pad(x, padding):
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


def output_size(n, kernel_size, stride=1, padding=0):
    raise NotImplementedError


def rows(folder) -> dict[str, tuple[str, float]]:
    return {row.task: (row.word, row.score) for row in read(folder).rows}


def test_nothing_is_checked_at_first(folder) -> None:
    assert set(rows(folder).values()) == {("not checked", 0.0)}
    assert read(folder).summary == "0 of 6 tasks pass, 0 of 21.5 points"


def test_a_check_leaves_its_verdict_and_a_later_one_replaces_it(folder) -> None:
    check(zero_pad)
    check(output_size)
    assert rows(folder)["zero_pad"] == ("passed", 2.0)
    assert rows(folder)["output_size"] == ("not attempted", 0.0)
    check(lambda x, padding: x, task="zero_pad")
    assert rows(folder)["zero_pad"] == ("partial", 0.5)


def test_the_table_tells_tasks_marks_and_points_in_words(folder, capsys) -> None:
    check(zero_pad)
    capsys.readouterr()
    progress()
    printed = capsys.readouterr().out
    assert "ex02_convolution: 1 of 6 tasks pass, 2 of 21.5 points" in printed
    assert "✓ zero_pad: passed, 2 of 2 points, just now" in printed
    assert "○ conv2d: not checked" in printed
    page = read(folder)._repr_html_()
    assert page.count("<tr>") == 7
    assert "1 of 6 tasks pass" in page


@pytest.mark.parametrize(
    "text", ["", "not json", "[]", '{"zero_pad": 3}', '{"zero_pad": {"word": "passed", "score": "x"}}']
)
def test_a_damaged_file_counts_as_not_checked_and_the_next_check_mends_it(folder, text) -> None:
    (folder / FILE).write_text(text)
    assert rows(folder)["zero_pad"] == ("not checked", 0.0)
    check(zero_pad)
    assert rows(folder)["zero_pad"] == ("passed", 2.0)
    assert json.loads((folder / FILE).read_text())["zero_pad"]["word"] == "passed"


def test_a_folder_that_cannot_be_written_costs_no_check(folder, capsys) -> None:
    (folder / FILE).mkdir()  # nothing can be put in its place
    assert check(zero_pad) == 2.0
    assert "Your progress is not kept" in capsys.readouterr().out
    assert [path.name for path in folder.iterdir() if path.name.startswith(FILE)] == [FILE]


def test_exercises_are_found_in_a_learner_s_folder_and_in_their_own(folder) -> None:
    found = [
        found.exercise for place in (folder, folder.parent, folder.parent.parent) for found in read_all(place)
    ]
    assert found == ["ex02_convolution"] * 3


def test_a_folder_without_an_exercise_says_so(tmp_path) -> None:
    assert read_all(tmp_path / "exercises" / "ex02_convolution" / "nothing") == []
    with pytest.raises(ExpectedOutputsError, match=r"expected.json is missing"):
        read(tmp_path)
