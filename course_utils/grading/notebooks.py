"""Text sources and the notebooks that people open.

A notebook is a pure function of its text source (jupytext's percent format): cells get their ids from their
content, and outputs, execution counts and personal metadata have no way in. The line on time in the first
cell is computed, the minutes from the text and the seconds from the benchmarks' record.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import jupytext
import nbformat

CELL_METADATA = ("nbgrader", "tags", "jupyter")  # the last one folds a cell's source away
RECORD = Path("benchmarks") / "records" / "notebooks.json"
TIME = re.compile(r"^# \*\*Time:\*\* .*$", re.MULTILINE)
TASK_MINUTES = re.compile(r"^\| \d .*\| (\d+) \|$", re.MULTILINE)
WIDGET = re.compile(r"^question\($|^\w+\(\)\s*\Z", re.MULTILINE)
WORDS, LINES = 200, 25  # that are read in a minute; trying a question or a widget takes one more
STEP = 5  # minutes and seconds are rounded to it
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def sources(root: Path) -> list[Path]:
    """Return the text sources below ``root``: lectures, and the solution notebook of each assignment."""
    lectures = sorted((root / "lectures").glob("[0-9][0-9]_*.py"))
    solutions = [folder / f"{folder.name}.py" for folder in sorted((root / "solutions").glob("ex*_*"))]
    return lectures + [path for path in solutions if path.is_file()]


def built(source: Path) -> str:
    """Return the notebook, as JSON text, that belongs to a text source."""
    notebook = jupytext.read(source)
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        content = f"{cell.cell_type}\n{cell.source}"
        seen[content] += 1
        cell.metadata = {key: cell.metadata[key] for key in CELL_METADATA if key in cell.metadata}
        cell.id = _identity(cell, f"{content}\n{seen[content]}")
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return f"{nbformat.writes(notebook)}\n"


def timed(source: Path, seconds: dict[str, float]) -> str:
    """Return a text source with its line on time filled in.

    ``seconds`` tells for each notebook how long its cells run; one that is not in it keeps its line.
    """
    text = source.read_text(encoding="utf-8")
    if source.stem not in seconds:
        return text
    run = max(STEP, -(-round(seconds[source.stem]) // STEP) * STEP)
    cells = jupytext.reads(text, fmt="py:percent").cells
    tasks = sum(int(number) for number in TASK_MINUTES.findall(cells[0].source))
    minutes = STEP * round((_reading_minutes(cells) + tasks) / STEP)
    what = f"read and do; the tasks take {tasks} of them" if tasks else "read and try"
    line = f"# **Time:** about {minutes} minutes to {what}. All cells together run in about {run} seconds."
    return TIME.sub(line, text, count=1)


def recorded_seconds(root: Path) -> dict[str, float]:
    """Return how long the cells of each notebook ran when they were last measured."""
    path = root / RECORD
    seconds: dict[str, float] = (
        json.loads(path.read_text(encoding="utf-8"))["seconds"] if path.is_file() else {}
    )
    return seconds


def _reading_minutes(cells: list[Any]) -> float:
    """Return how long it takes to read a notebook's cells and to try what is in them."""
    words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    lines = sum(bool(line.strip()) for text in code for line in text.split("\n"))
    return words / WORDS + lines / LINES + sum(len(WIDGET.findall(text)) for text in code)


def build(root: Path) -> list[Path]:
    """Write every notebook of ``root`` from its text source; return those that changed.

    Before that, the line on time is filled in where a source's is no longer right.
    """
    changed = []
    seconds = recorded_seconds(root)
    for source in sources(root):
        with_time = timed(source, seconds)
        if with_time != source.read_text(encoding="utf-8"):
            source.write_text(with_time, encoding="utf-8")
            changed.append(source)
        target = source.with_suffix(".ipynb")
        text = built(source)
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
            changed.append(target)
    return changed


def _identity(cell: Any, content: str) -> str:
    grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
    return grade_id or hashlib.sha256(content.encode()).hexdigest()[:12]
