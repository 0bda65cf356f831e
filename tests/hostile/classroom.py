"""A class in which hostile and honest submissions sit side by side."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from textwrap import dedent
from typing import Any

import nbformat

from course_utils.grading.demo import read_sample
from course_utils.grading.folder import CourseFolder
from hostile.submissions import WRONG, Hostile, label

ASSIGNMENT = "ex02_convolution"


def hand_in(folder: CourseFolder, learner: str, hostile: Hostile, port: int = 1) -> Path:
    """Write a hostile submission into the course folder; ``port`` is where somebody listens."""
    notebook = filled(folder, {**WRONG, **hostile.answers})
    if hostile.first:
        first = next(cell for cell in notebook["cells"] if label(cell) == "solution_output_size")
        first["source"] = f"PORT = {port}\n{dedent(hostile.first)}\n{first['source']}"
    hostile.change(notebook)
    path = folder.submission(ASSIGNMENT, learner)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    for name, text in hostile.files.items():
        if text.startswith("-> "):
            (path.parent / name).symlink_to(text.removeprefix("-> "))
        else:
            (path.parent / name).write_text(text)
    return path


def hand_in_sample(folder: CourseFolder, learner: str, sample: str) -> Path:
    """Write one of the assignment's sample submissions into the course folder."""
    answers = read_sample(folder.root / "solutions" / ASSIGNMENT / "samples" / f"{sample}.py")
    path = folder.submission(ASSIGNMENT, learner)
    path.parent.mkdir(parents=True)
    nbformat.write(filled(folder, answers), path)
    return path


def filled(folder: CourseFolder, answers: dict[str, str]) -> Any:
    """Return the released notebook with answers to tasks in it."""
    notebook = deepcopy(folder.released(ASSIGNMENT))
    for cell in notebook["cells"]:
        task = label(cell).removeprefix("solution_")
        if label(cell).startswith("solution_") and task in answers:
            cell["source"] = answers[task]
    return notebook
