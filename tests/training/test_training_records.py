from __future__ import annotations

import json

import numpy as np
import pytest

from course_utils.errors import CourseError
from course_utils.training import experiment, mode
from course_utils.training.records import SHIPPED, Record


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def grows(variant: str, seed: int) -> dict:
    """Stand in for a training: an accuracy for each epoch, and a number."""
    return {"accuracy": np.array([0.1, 0.2]) * (seed + 1), "width": {"thin": 1, "wide": 4}[variant]}


def made(monkeypatch, **options) -> Record:
    settings = {"epochs": 2}
    return experiment("trial", grows, ["thin", "wide"], **{"settings": settings, "seeds": [0, 2]} | options)


def test_a_run_is_recorded_and_replayed_the_same(monkeypatch) -> None:
    monkeypatch.setenv("COURSE_RUN", "run")
    first = made(monkeypatch)
    monkeypatch.delenv("COURSE_RUN")
    again = made(monkeypatch)
    assert (again.runs, again.settings, again.seeds) == (first.runs, first.settings, first.seeds)
    assert (first.replayed, again.replayed) == (False, True)
    assert "4 trainings, replayed from its record" in repr(again)
    assert again.values("thin", "accuracy").tolist() == [[0.1, 0.2], [0.3, 0.6]]
    assert again.mean("wide", "width") == 4


def test_the_interval_is_student_s(monkeypatch) -> None:
    monkeypatch.setenv("COURSE_RUN", "run")
    record = experiment("three", grows, ["thin"], settings={}, seeds=[0, 1, 2])
    values = record.values("thin", "accuracy")[:, 0]
    assert record.interval("thin", "accuracy")[0] == pytest.approx(4.302653 * values.std(ddof=1) / 3**0.5)


def test_a_difference_is_taken_seed_by_seed(monkeypatch) -> None:
    def run(variant: str, seed: int) -> dict:
        return {"accuracy": [10.0 * seed + {"thin": 0, "wide": seed**2}[variant]]}

    monkeypatch.setenv("COURSE_RUN", "run")
    record = experiment("pairs", run, ["thin", "wide"], settings={}, seeds=[0, 1, 2])
    middle, half = record.difference("wide", "thin", "accuracy")
    assert middle == pytest.approx([5 / 3])
    assert half == pytest.approx([4.302653 * np.std([0, 1, 4], ddof=1) / 3**0.5], rel=1e-6)
    assert half < record.interval("thin", "accuracy")  # what the seeds share is gone


def test_a_smoke_run_leaves_no_record(monkeypatch, folder) -> None:
    monkeypatch.setenv("COURSE_RUN", "smoke")
    assert made(monkeypatch).runs["wide"][0]["width"] == 4
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settings": {"epochs": 3}}, r"was made with settings \{'epochs': 2\}, not \{'epochs': 3\}"),
        ({"seeds": [0, 1]}, r"was made with seeds \[0, 2\], not \[0, 1\]"),
    ],
)
def test_a_record_of_another_experiment_is_not_replayed(monkeypatch, options, message) -> None:
    monkeypatch.setenv("COURSE_RUN", "run")
    made(monkeypatch)
    monkeypatch.setenv("COURSE_RUN", "replay")
    with pytest.raises(CourseError, match=message + ".*COURSE_RUN=run"):
        made(monkeypatch, **options)


def test_what_has_no_record_says_how_to_make_one(monkeypatch) -> None:
    with pytest.raises(CourseError, match="there is no record of 'trial': set COURSE_RUN=run"):
        made(monkeypatch)


def test_another_word_is_refused(monkeypatch) -> None:
    monkeypatch.setenv("COURSE_RUN", "rerun")
    with pytest.raises(CourseError, match="COURSE_RUN is 'rerun': it may be replay, run, smoke"):
        mode()


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.json")), ids=lambda path: path.stem)
def test_a_shipped_record_is_whole(path) -> None:
    """Three seeds or more for every variant, each seed with the same measurements."""
    record = Record(**json.loads(path.read_text(encoding="utf-8")))
    assert record.name == path.stem
    assert len(record.seeds) >= 3
    assert all(len({tuple(result) for result in results}) == 1 for results in record.runs.values())
    assert all(len(results) == len(record.seeds) for results in record.runs.values())
