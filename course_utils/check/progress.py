"""Shows which tasks pass, from what the checks that ran here have left; nothing is sent anywhere.

Every check writes its verdict into ``.progress.json`` beside the notebook. The first cell of an exercise
shows them as a table, ``course progress`` those of all exercises in a folder.
"""

from __future__ import annotations

import html
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.check import expected
from course_utils.check.verdict import Verdict

FILE = ".progress.json"
MARKS = {"passed": "✓", "not attempted": "○", "not checked": "○"}  # everything else is under way
NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Row:
    """How a task stands: its last verdict in a word, its points, and when that was, in seconds since 1970."""

    task: str
    word: str
    score: float
    max_score: float
    when: float

    @property
    def mark(self) -> str:
        """A tick for what passes, a circle for what has not begun, a half-filled one for the rest."""
        return MARKS.get(self.word, "◐")


class Progress:
    """How an exercise's tasks stand; shows itself as a table in a notebook and as lines elsewhere."""

    def __init__(self, exercise: str, rows: Iterable[Row]) -> None:
        self.exercise = exercise
        self.rows = list(rows)

    @property
    def passed(self) -> int:
        """How many tasks pass."""
        return sum(row.word == "passed" for row in self.rows)

    @property
    def summary(self) -> str:
        """One sentence."""
        score, most = (
            sum(values) for values in zip(*((r.score, r.max_score) for r in self.rows), strict=True)
        )
        return f"{self.passed} of {len(self.rows)} tasks pass, {score:g} of {most:g} points"

    def __repr__(self) -> str:
        lines = [
            f"  {row.mark} {row.task}: {row.word}, {row.score:g} of {row.max_score:g} points{_ago(row.when)}"
            for row in self.rows
        ]
        return "\n".join([f"{self.exercise}: {self.summary}", *lines])

    def _repr_html_(self) -> str:
        cells = [
            f"<tr><td>{row.mark}</td><td><code>{html.escape(row.task)}</code></td><td>{html.escape(row.word)}"
            f"</td><td>{row.score:g} of {row.max_score:g}</td><td>{_ago(row.when).strip(', ')}</td></tr>"
            for row in self.rows
        ]
        head = "<tr><th></th><th>task</th><th>last check</th><th>points</th><th></th></tr>"
        note = "Run this cell again to see what has changed since."
        return f"<table>{head}{''.join(cells)}</table><p>{self.summary}. {note}</p>"


def read(folder: Path) -> Progress:
    """Return how the exercise in ``folder`` stands; raise ExpectedOutputsError where there is none.

    What cannot be read of the file that the checks leave counts as not checked.
    """
    kept = _kept(folder)
    points = expected.points(folder)
    return Progress(folder.resolve().name, [_row(task, sum(p.values()), kept) for task, p in points.items()])


def read_all(folder: Path) -> list[Progress]:
    """Return how every exercise stands: the one in ``folder``, and those below it or its ``exercises``."""
    places = [folder, *sorted(folder.glob("*")), *sorted(folder.glob("exercises/*"))]
    return [read(place) for place in places if (place / expected.JSON).is_file()]


def keep(folder: Path, verdict: Verdict) -> None:
    """Note a verdict; raise OSError where the folder cannot be written."""
    kept = _kept(folder)
    kept[verdict.task] = {"word": verdict.word, "score": verdict.score, "when": time.time()}
    draft = folder / f"{FILE}.{os.getpid()}"
    try:
        draft.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        draft.replace(folder / FILE)
    finally:
        draft.unlink(missing_ok=True)


def _kept(folder: Path) -> dict[str, Any]:
    try:
        kept = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _row(task: str, most: float, kept: dict[str, Any]) -> Row:
    try:
        about = kept[task]
        return Row(task, str(about["word"]), float(about["score"]), most, float(about["when"]))
    except (KeyError, TypeError, ValueError):
        return Row(task, NOT_CHECKED, 0.0, most, 0.0)


def _ago(when: float) -> str:
    """Say how long ago a moment was, as the end of a sentence; nothing for a moment that never was."""
    if not when:
        return ""
    seconds = max(0.0, time.time() - when)
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f", {number} {unit}{'s' if number > 1 else ''} ago"
    return ", just now"
