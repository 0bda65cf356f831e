"""Text sources and notebooks agree, and what learners get is what a release builds."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path

import jupytext
import nbformat
import pytest
from places import ROOT, SOLUTIONS

from course_utils.grading import notebooks
from course_utils.grading.folder import CourseFolder
from course_utils.grading.release import release

SOURCES = notebooks.sources(ROOT)
TRACKED = sorted(
    [*ROOT.glob("lectures/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb"), *ROOT.glob("exercises/*/*.ipynb")]
)


def name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("source", SOURCES, ids=name)
def test_a_notebook_is_what_its_text_source_builds(source) -> None:
    target = source.with_suffix(".ipynb")
    assert target.read_text(encoding="utf-8") == notebooks.built(source), (
        f"run ./course build: {target.name} is stale"
    )


@pytest.mark.parametrize("source", SOURCES, ids=name)
def test_the_line_on_time_says_what_was_counted_and_measured(source) -> None:
    seconds = notebooks.recorded_seconds(ROOT)
    assert source.stem in seconds, "run benchmarks/notebooks.py"
    text = source.read_text(encoding="utf-8")
    assert len(notebooks.TIME.findall(text)) == 1
    assert text == notebooks.timed(source, seconds), (
        f"run ./course build: the line on time of {source.name} is stale"
    )


@pytest.mark.parametrize("source", SOURCES, ids=name)
def test_a_notebook_turned_into_text_is_its_source_again(source) -> None:
    text = jupytext.read(source)
    notebook = jupytext.read(source.with_suffix(".ipynb"))
    assert [(c.cell_type, c.source) for c in text.cells] == [(c.cell_type, c.source) for c in notebook.cells]


def test_every_notebook_has_a_text_source_or_is_built_by_a_release() -> None:
    owned = {source.with_suffix(".ipynb") for source in SOURCES}
    released = {ROOT / "exercises" / folder.name / f"{folder.name}.ipynb" for folder in SOLUTIONS}
    assert set(TRACKED) == owned | released


@pytest.mark.parametrize("path", TRACKED, ids=lambda path: f"{path.parent.parent.name}/{path.name}")
def test_a_notebook_carries_no_outputs_no_counts_and_nobody_s_metadata(path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert set(cell.metadata) <= {"nbgrader", "tags", "jupyter", "deletable", "editable"}
        assert set(cell.metadata.get("jupyter", {})) <= {"source_hidden"}


@pytest.mark.parametrize("folder", SOLUTIONS, ids=name)
def test_the_exercise_is_what_a_release_builds(folder, tmp_path) -> None:
    shutil.copytree(folder, tmp_path / "solutions" / folder.name)
    shutil.copytree(ROOT / "lectures", tmp_path / "lectures")
    built = release(CourseFolder(tmp_path), folder.name)
    kept = ROOT / "exercises" / folder.name
    names = sorted(path.name for path in built.iterdir())
    assert names == sorted(path.name for path in kept.iterdir())
    same, different, _ = filecmp.cmpfiles(built, kept, names, shallow=False)
    assert not different, "run ./course release: these are stale"
    assert same
