"""What an installed package holds: the learners' part of the course, and no solution."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, metadata

import pytest
from packaging.specifiers import SpecifierSet
from places import LECTURES, ROOT, SOLUTIONS

from course_utils.grading import gate
from course_utils.grading import solution as solutions


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([*command, "--disable-pip-version-check", "-w", str(folder)], check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(folder / "content")
    return folder / "content"


def test_the_wheel_brings_lectures_exercises_and_data(wheel) -> None:
    for lecture in LECTURES:
        assert (wheel / "course_utils" / "content" / "lectures" / f"{lecture.stem}.ipynb").is_file()
    for folder in SOLUTIONS:
        exercise = wheel / "course_utils" / "content" / "exercises" / folder.name
        assert {path.name for path in exercise.iterdir()} == {
            f"{folder.name}.ipynb",
            "expected.json",
            "expected.npz",
        }
    assert (wheel / "course_utils" / "data" / "embedded" / "fashion_mnist.npz").is_file()


def test_the_wheel_holds_no_solution(wheel) -> None:
    loaded = [solutions.load(folder) for folder in SOLUTIONS]
    files = [path for path in (wheel / "course_utils" / "content").rglob("*") if path.suffix != ".py"]
    files += [path for path in (wheel / "course_utils").rglob("*") if path.suffix in gate.BYTECODE]
    assert list(gate.leaks([path for path in files if path.is_file()], loaded)) == []
    assert not [path for path in wheel.rglob("*") if path.name in ("tasks.py", "samples")]


def test_no_code_that_ships_holds_a_solution_s_text(wheel) -> None:
    loaded = [solutions.load(folder) for folder in SOLUTIONS]
    code = [path for path in wheel.rglob("*.py") if "grading" not in path.parts]
    assert len(code) > 20
    assert [line for line in gate.leaks(code, loaded) if "a solution's text" in line] == []


def test_the_pinned_packages_run_on_the_oldest_python_that_the_course_promises() -> None:
    pins = [
        line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().split("\n") if "==" in line
    ]
    assert len(pins) > 100
    for name in pins:
        try:
            wanted = metadata(name).get("Requires-Python")
        except PackageNotFoundError:  # a pin for another platform
            continue
        assert SpecifierSet(wanted or "").contains("3.11.0"), name
