"""A learner's folder is made, refreshed, and never overwritten."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest
from places import ROOT

from course_utils import lab
from course_utils.errors import CourseError

EXERCISE = Path("exercises/ex02_convolution/ex02_convolution.ipynb")


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A copy of what ships, so that a newer version can be made."""
    root = tmp_path / "shipped"
    shutil.copytree(ROOT / "lectures", root / "lectures")
    shutil.copytree(ROOT / "exercises", root / "exercises")
    monkeypatch.setattr(lab, "content", lambda: root)
    return root


def renew(shipped: Path, text: str = "newer") -> bytes:
    path = shipped / EXERCISE
    notebook = json.loads(path.read_text())
    notebook["cells"][0]["source"] = [text]
    path.write_text(json.dumps(notebook))
    return path.read_bytes()


def test_a_new_folder_gets_lectures_and_exercises_and_nothing_else(shipped, tmp_path) -> None:
    folder = tmp_path / "mine"
    delivery = lab.deliver(folder)
    files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert EXERCISE in files
    assert files == set(delivery.new) | {lab.STATE}
    assert {path.parts[0] for path in files} == {"lectures", "exercises", ".course"}
    assert {path.suffix for path in files} == {".ipynb", ".json", ".npz"}


def test_no_file_of_the_source_pair_is_delivered(shipped, tmp_path) -> None:
    lab.deliver(tmp_path / "mine")
    sources = {
        path.read_bytes() for path in (ROOT / "solutions").rglob("*") if path.suffix in {".py", ".ipynb"}
    }
    for path in (tmp_path / "mine").rglob("*"):
        assert path.is_dir() or path.read_bytes() not in sources


def test_a_second_delivery_of_the_same_version_changes_nothing(shipped, tmp_path) -> None:
    lab.deliver(tmp_path / "mine")
    (tmp_path / "mine" / EXERCISE).write_text("my work")
    again = lab.deliver(tmp_path / "mine")
    assert (again.new, again.updated, again.beside) == ([], [], [])
    assert (tmp_path / "mine" / EXERCISE).read_text() == "my work"


def test_an_untouched_file_is_updated_in_place(shipped, tmp_path) -> None:
    lab.deliver(tmp_path / "mine")
    newer = renew(shipped)
    assert lab.deliver(tmp_path / "mine").updated == [EXERCISE]
    assert (tmp_path / "mine" / EXERCISE).read_bytes() == newer


def test_a_changed_file_stays_and_its_newer_version_arrives_beside_it_once(shipped, tmp_path) -> None:
    lab.deliver(tmp_path / "mine")
    mine = tmp_path / "mine" / EXERCISE
    mine.write_text("my work")
    newer = renew(shipped)
    beside = EXERCISE.with_name("ex02_convolution.new.ipynb")
    assert lab.deliver(tmp_path / "mine").beside == [(EXERCISE, beside)]
    assert lab.deliver(tmp_path / "mine").beside == []
    assert mine.read_text() == "my work"
    assert (tmp_path / "mine" / beside).read_bytes() == newer


def test_a_newer_version_replaces_an_untouched_one_beside_and_leaves_one_that_was_worked_on(
    shipped, tmp_path
) -> None:
    folder = tmp_path / "mine"
    lab.deliver(folder)
    (folder / EXERCISE).write_text("my work")
    renew(shipped, "second")
    lab.deliver(folder)
    beside = EXERCISE.with_name("ex02_convolution.new.ipynb")
    third = renew(shipped, "third")
    assert lab.deliver(folder).beside == [(EXERCISE, beside)]
    assert (folder / beside).read_bytes() == third
    (folder / beside).write_text("more work")
    fourth = renew(shipped, "fourth")
    second_beside = EXERCISE.with_name("ex02_convolution.new-2.ipynb")
    assert lab.deliver(folder).beside == [(EXERCISE, second_beside)]
    assert (folder / beside).read_text() == "more work"
    assert (folder / second_beside).read_bytes() == fourth


def test_a_deleted_file_comes_back(shipped, tmp_path) -> None:
    lab.deliver(tmp_path / "mine")
    (tmp_path / "mine" / EXERCISE).unlink()
    assert lab.deliver(tmp_path / "mine").new == [EXERCISE]


@pytest.mark.parametrize("state", ["{ broken", None])
def test_without_its_notes_a_delivery_takes_every_differing_file_for_the_learner_s(
    shipped, tmp_path, state
) -> None:
    folder = tmp_path / "mine"
    lab.deliver(folder)
    (folder / EXERCISE).write_text("my work")
    (folder / lab.STATE).unlink() if state is None else (folder / lab.STATE).write_text(state)
    assert len(lab.deliver(folder).beside) == 1
    assert (folder / EXERCISE).read_text() == "my work"


def test_a_folder_that_cannot_be_made_is_an_expected_failure(shipped, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match=r"cannot write .*file"):
        lab.deliver(tmp_path / "file" / "mine")


def test_a_port_in_use_is_an_expected_failure(tmp_path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CourseError, match=f"port {port} is in use"):
            lab.open_lab(tmp_path, port, browser=False)


def test_jupyterlab_is_started_in_the_folder_at_the_first_lecture(shipped, tmp_path, monkeypatch) -> None:
    started = []
    monkeypatch.setattr(os, "execv", lambda path, command: started.extend(command))
    monkeypatch.chdir(tmp_path)
    lab.deliver(tmp_path / "mine")
    lab.open_lab(tmp_path / "mine", None, browser=False)
    assert f"--ServerApp.root_dir={tmp_path / 'mine'}" in started
    assert "--no-browser" in started
    assert "--LabApp.default_url=/lab/tree/lectures/01_feedforward_review.ipynb" in started


def test_the_course_s_own_repository_is_nobody_s_folder() -> None:
    with pytest.raises(CourseError, match="this is the course itself"):
        lab.deliver(ROOT)
