"""Text sources and the notebooks that people open.

A notebook is a pure function of its text source (jupytext's percent format): cells get their ids from their
content, and outputs, execution counts and personal metadata have no way in.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import jupytext
import nbformat

CELL_METADATA = ("nbgrader", "tags", "jupyter")  # the last one folds a cell's source away
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


def build(root: Path) -> list[Path]:
    """Write every notebook of ``root`` from its text source; return those that changed."""
    changed = []
    for source in sources(root):
        target = source.with_suffix(".ipynb")
        text = built(source)
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
            changed.append(target)
    return changed


def _identity(cell: Any, content: str) -> str:
    grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
    return grade_id or hashlib.sha256(content.encode()).hexdigest()[:12]
