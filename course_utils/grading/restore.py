"""Puts a submitted notebook back into its assignment's form.

A learner may have deleted, copied, moved, retyped or relabelled cells, by accident or not. Afterwards every
cell of the assignment that nbgrader knows is there once, of its type, with its label, and in a place where
what it grades comes before it; cells that are locked have their text. Of everything else only source and
pictures stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from course_utils.errors import CourseError
from course_utils.grading.outputs import PICTURES, is_picture

ID = re.compile(r"[\w-]{1,64}$", re.ASCII)
MOST_PARTS = 100_000  # of a notebook's JSON text
MOST_CELLS = 1_000
LONGEST = 1_000_000  # characters of all cells
MAKE: dict[str, Callable[..., Any]] = {
    "code": new_code_cell,
    "markdown": new_markdown_cell,
    "raw": new_raw_cell,
}


def read(text: str) -> Any:
    """Return a notebook from its JSON text, and mend what is damaged; raise ValueError for what is none.

    Its cells have a type, a source and labels as they should be; outputs are dropped, and ids where they are
    no ids. Raises CourseError where there is far too much in it.
    """
    if text.count("{") > MOST_PARTS:
        raise CourseError("the notebook has far too many parts: ask for it without outputs")
    content = json.loads(text)
    if content.get("nbformat") != 4:
        return nbformat.reads(text, as_version=4)
    cells = [_mended(cell) for cell in content["cells"] if isinstance(cell, dict)]
    if len(cells) > MOST_CELLS or sum(len(cell["source"]) for cell in cells) > LONGEST:
        raise CourseError(f"the notebook has more than {MOST_CELLS} cells, or {LONGEST:,} characters in them")
    ids = [cell.get("id") for cell in cells]
    have_ids = all(isinstance(name, str) and ID.match(name) for name in ids) and len(set(ids)) == len(ids)
    if not have_ids:
        for cell in cells:
            cell.pop("id", None)
    metadata = content.get("metadata")
    about = {"nbformat": 4, "nbformat_minor": 5 if have_ids else 4, "cells": cells}
    return nbformat.from_dict({**about, "metadata": metadata if isinstance(metadata, dict) else {}})


def _mended(cell: dict[str, Any]) -> dict[str, Any]:
    kind, source, metadata = (cell.get(key) for key in ("cell_type", "source", "metadata"))
    kind = kind if isinstance(kind, str) and kind in MAKE else "raw"
    lines = source if isinstance(source, list) else [source]
    return {
        **{key: cell[key] for key in ("id", "attachments") if key in cell},
        **({"outputs": [], "execution_count": None} if kind == "code" else {}),
        "cell_type": kind,
        "source": "".join(line for line in lines if isinstance(line, str)),
        "metadata": metadata if isinstance(metadata, dict) else {},
    }


def restore(submitted: Any, released: Any) -> Any:
    """Return a notebook with the learner's work of ``submitted`` in the form of ``released``."""
    ours = {label: cell for cell in released.cells if (label := _label(cell))}
    cells = _labelled(submitted.cells, ours)
    _complete(cells, ours)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return new_notebook(cells=cells, metadata=released.metadata)


def _labelled(submitted: list[Any], ours: dict[str, Any]) -> list[Any]:
    """Return the submitted cells anew; where several claim to be one of ours, one of them is."""
    chosen: dict[str, int] = {}
    for number, cell in enumerate(submitted):
        label = _label(cell)
        if label in ours and (label not in chosen or _is_better(cell, ours[label])):
            chosen[label] = number
    cells = []
    for number, cell in enumerate(submitted):
        label = _label(cell)
        if label in ours and chosen[label] == number:
            cells.append(_copy(ours[label], ours[label].source if _is_locked(ours[label]) else cell.source))
        else:
            cells.append(MAKE[cell.cell_type](cell.source))
        if pictures := _pictures(cell):
            cells[-1]["attachments"] = pictures
    return cells


def _is_better(cell: Any, ours: Any) -> bool:
    """Tell whether a later copy of a learner's own cell holds work: the last one that is no stub counts."""
    return not _is_locked(ours) and cell.source not in ("", ours.source)


def _copy(ours: Any, source: str) -> Any:
    return MAKE[ours.cell_type](source, metadata={"nbgrader": dict(ours.metadata["nbgrader"])})


def _complete(cells: list[Any], ours: dict[str, Any]) -> None:
    """Put what is missing behind the cell that it follows, and locked cells that stand too early."""
    behind = -1
    for label, cell in ours.items():
        place = next((number for number, other in enumerate(cells) if _label(other) == label), None)
        if place is None:
            place = behind + 1
            cells.insert(place, _copy(cell, cell.source))
        elif place < behind and _is_locked(cell):
            cells.insert(behind, cells.pop(place))
            place = behind
        behind = max(behind, place)


def _label(cell: Any) -> str:
    """Return the ``grade_id`` of a cell, or the empty text."""
    about = cell.metadata.get("nbgrader")
    label = about.get("grade_id") if isinstance(about, dict) else None
    return label if isinstance(label, str) else ""


def _is_locked(cell: Any) -> bool:
    about = cell.metadata["nbgrader"]
    return bool(about.get("locked") or (about.get("grade") and not about.get("solution")))


def _pictures(cell: Any) -> dict[str, Any]:
    """Return the pictures attached to a text cell, where they have the form that they should."""
    attached = cell.get("attachments")
    if cell.get("cell_type") != "markdown" or not isinstance(attached, dict):
        return {}
    pictures = {
        name: {mime: data for mime, data in parts.items() if mime in PICTURES and is_picture(mime, data)}
        for name, parts in attached.items()
        if isinstance(parts, dict)
    }
    return {name: parts for name, parts in pictures.items() if parts}
