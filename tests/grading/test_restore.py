"""A submitted notebook gets its assignment's form back, whatever happened to it."""

from __future__ import annotations

import base64
import json
from copy import deepcopy

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.nbgraderformat import MetadataValidator
from places import ROOT

from course_utils.errors import CourseError
from course_utils.grading.restore import read, restore

RELEASED = nbformat.read(ROOT / "exercises" / "ex02_convolution" / "ex02_convolution.ipynb", as_version=4)
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
LABELS = [cell.metadata.nbgrader.grade_id for cell in RELEASED.cells if "nbgrader" in cell.metadata]


def label(cell) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def cell_of(notebook, name):
    return next(cell for cell in notebook.cells if label(cell) == name)


def restored(change):
    notebook = deepcopy(RELEASED)
    change(notebook)
    back = restore(read(json.dumps(notebook)), RELEASED)
    nbformat.validate(back)
    MetadataValidator().validate_nb(back)
    places = [next(n for n, cell in enumerate(back.cells) if label(cell) == name) for name in LABELS]
    assert sorted(label(cell) for cell in back.cells if label(cell)) == sorted(LABELS)
    for cell in RELEASED.cells:
        if label(cell) and cell.metadata.nbgrader.get("locked"):
            assert cell_of(back, label(cell)).source == cell.source
            assert cell_of(back, label(cell)).metadata.nbgrader == cell.metadata.nbgrader
            number = LABELS.index(label(cell))
            assert places[number] >= max(places[: number + 1])  # behind all that comes before it
    return back


def test_an_untouched_notebook_stays_as_it_is() -> None:
    back = restored(lambda notebook: None)
    assert [cell.source for cell in back.cells] == [cell.source for cell in RELEASED.cells]


def test_work_and_own_cells_stay_in_their_places() -> None:
    def work(notebook):
        cell_of(notebook, "solution_conv2d").source = "def conv2d(): return 1"
        notebook.cells.insert(5, new_code_cell("helper = 1"))
        notebook.cells.insert(6, new_markdown_cell("my notes"))

    back = restored(work)
    assert cell_of(back, "solution_conv2d").source == "def conv2d(): return 1"
    assert [back.cells[5].source, back.cells[6].source] == ["helper = 1", "my notes"]


def test_of_several_copies_of_an_answer_the_last_that_is_no_stub_counts() -> None:
    def copies(notebook):
        place = notebook.cells.index(cell_of(notebook, "solution_conv2d"))
        for number, source in enumerate(("first", "second", RELEASED.cells[place].source, "")):
            copy = deepcopy(notebook.cells[place])
            copy.source, copy.id = source, f"copy{number}"
            notebook.cells.insert(place + 1 + number, copy)

    back = restored(copies)
    assert cell_of(back, "solution_conv2d").source == "second"
    assert "first" in [cell.source for cell in back.cells]


@pytest.mark.parametrize("name", LABELS)
def test_a_missing_cell_is_put_behind_the_one_that_it_follows(name) -> None:
    back = restored(lambda notebook: notebook.cells.remove(cell_of(notebook, name)))
    assert cell_of(back, name).source == cell_of(RELEASED, name).source


def test_an_answer_in_words_keeps_its_pictures_and_nothing_else() -> None:
    def attach(notebook):
        cell = cell_of(notebook, "border_question")
        cell.source = "![a](attachment:a.png)"
        cell["attachments"] = {
            "a.png": {"image/png": PNG, "text/html": "<script>"},
            "b": 3,
            "c": {},
            "d": {"image/png": "<script>"},
        }
        cell.metadata["secret"] = 1

    cell = cell_of(restored(attach), "border_question")
    assert cell.attachments == {"a.png": {"image/png": PNG}}
    assert set(cell.metadata) == {"nbgrader"}


@pytest.mark.parametrize("kind", ["markdown", "raw", "nonsense", None])
def test_a_retyped_cell_gets_its_type_back(kind) -> None:
    def retype(notebook):
        for cell in notebook.cells:
            if label(cell):
                cell["cell_type"] = kind
                cell.pop("outputs", None)

    assert cell_of(restored(retype), "conv2d").cell_type == "code"


def test_a_notebook_of_format_3_is_read() -> None:
    old = nbformat.convert(new_notebook(cells=[new_code_cell("x = 1")]), 3)
    assert read(json.dumps(old)).cells[0].source == "x = 1"


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_to_cells_keeps_the_form_from_coming_back(data) -> None:
    def damage(notebook):
        for _ in range(data.draw(st.integers(1, 6))):
            cells = notebook["cells"]
            number = data.draw(st.integers(0, len(cells) - 1))
            what = data.draw(st.sampled_from(["delete", "copy", "move", "key", "label", "odd"]))
            if what == "delete" and len(cells) > 1:
                del cells[number]
            elif what == "copy":
                cells.insert(data.draw(st.integers(0, len(cells))), deepcopy(cells[number]))
            elif what == "move":
                cells.insert(data.draw(st.integers(0, len(cells) - 1)), cells.pop(number))
            elif what == "odd":
                cells.append(data.draw(ODD))
            elif isinstance(cells[number], dict):
                if what == "key":
                    key = data.draw(st.sampled_from(["source", "metadata", "cell_type", "id", "attachments"]))
                    cells[number][key] = data.draw(ODD)
                else:
                    cells[number]["metadata"] = {"nbgrader": data.draw(ODD)}

    restored(damage)


@pytest.mark.parametrize("text", ["[]", "3", '{"nbformat": 4}', '{"nbformat": 4, "cells": 3}', "{"])
def test_what_is_no_notebook_is_an_error(text) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        read(text)


def test_what_is_far_too_much_for_a_notebook_is_refused() -> None:
    with pytest.raises(CourseError, match="far too many parts"):
        read(json.dumps({"nbformat": 4, "cells": [{}] * 100_001}))
    with pytest.raises(CourseError, match="more than 1000 cells"):
        read(json.dumps({"nbformat": 4, "cells": [{}] * 1_001}))
    with pytest.raises(CourseError, match=r"more than 1000 cells, or 1,000,000 characters"):
        read(json.dumps({"nbformat": 4, "cells": [{"source": "x" * 1_000_001}]}))
