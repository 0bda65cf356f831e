"""Shows a verdict: as text in a terminal, as HTML with heat maps in a notebook."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.check.compare import array_difference, worst
from course_utils.check.diagnose import Diagnosis
from course_utils.check.probe import LONGEST
from course_utils.check.task import Case
from course_utils.check.verdict import CaseVerdict, Verdict

VERDICT_MIME = "application/vnd.convnet-course.verdict+json"
"""The verdict as plain data, beside what the reader sees; reports on a class read it back."""

WORDS = {
    "passed": "passed: every case is right",
    "partial": "some groups pass",
    "failed": "no group passes yet",
    "error": "your code stops with an error",
    "not attempted": "not attempted yet: the stub still raises NotImplementedError",
}
LOW, MIDDLE, HIGH = (
    (94, 60, 153),
    (247, 247, 247),
    (230, 97, 1),
)  # purple to orange: safe for colour blindness
CELL = 34  # pixels
SHOWN = 8  # rows and columns of a heat map of which only a part is drawn
WHOLE = 10  # so many are drawn in full


class Report:
    """A verdict that shows itself; ``said`` is what the code printed, ``notes`` are sentences to add."""

    def __init__(self, verdict: Verdict, said: str = "", notes: Sequence[str] = ()) -> None:
        self.verdict = verdict
        self.said = said.strip()
        self.notes = notes

    def __repr__(self) -> str:
        return as_text(self.verdict, self.said, self.notes)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {
            "text/plain": as_text(self.verdict, self.said, self.notes),
            "text/html": as_html(self.verdict, self.said, self.notes),
            VERDICT_MIME: self.verdict.as_dict(),
        }


def as_text(verdict: Verdict, said: str, notes: Sequence[str] = ()) -> str:
    """Return the report as lines of text."""
    lines = [f"{verdict.task}: {_points(verdict)} ({_summary(verdict)})", *notes]
    if verdict.word == "not attempted":
        return "\n".join(lines)
    for group, passed in verdict.passed.items():
        mark = "passed" if passed else "PARTLY" if verdict.earned[group] else "FAILED"
        lines.append(f"  {mark}  {group} ({_earned(verdict, group)}){_note(verdict, group)}")
    for diagnosis in verdict.diagnoses:
        lines.append(f"{_name(diagnosis)}. {diagnosis.why}")
        if diagnosis.section:
            lines.append(f"  Read: {_place(diagnosis.section)[0]}")
    if failure := verdict.first_failure:
        lines += [f"For example {_call(verdict.task, failure.case)}", f"  {failure.differs}"]
    if said:
        lines += ["Your code printed:", *(f"  {line[:LONGEST]}" for line in said.split("\n")[:5])]
    return "\n".join(lines)


def as_html(verdict: Verdict, said: str, notes: Sequence[str] = ()) -> str:
    """Return the report as one HTML element that carries its own style."""
    colour = (
        "#1b7837" if verdict.word == "passed" else "#666" if verdict.word == "not attempted" else "#b35806"
    )
    parts = [
        f'<div style="border-left:4px solid {colour};padding:2px 12px;max-width:60em">',
        f"<p><b><code>{html.escape(verdict.task)}</code>: {_points(verdict)}</b>, {_summary(verdict)}</p>",
        *(f"<p>{html.escape(note)}</p>" for note in notes),
    ]
    if verdict.word != "not attempted":
        parts.append(_groups(verdict))
        parts += [_diagnosis(diagnosis) for diagnosis in verdict.diagnoses]
        if failure := verdict.first_failure:
            parts.append(_failure(verdict, failure))
        if said:
            parts.append(f"<p>Your code printed:</p><pre>{html.escape(said[:400])}</pre>")
    return "".join([*parts, "</div>"])


def heat_map(array: NDArray[Any], title: str, mark: tuple[int, int] | None = None) -> str:
    """Return a (rows, columns) array as an SVG of coloured, numbered cells; ``mark`` frames one of them.

    Of more than 10 rows or columns, 8 around the marked cell are drawn.
    """
    high, wide = [size if size <= WHOLE else SHOWN for size in array.shape]
    sizes = zip(mark or (0, 0), array.shape, (high, wide), strict=True)
    top, left = [max(0, min(at - shown // 2, size - shown)) for at, size, shown in sizes]
    with np.errstate(all="ignore"):
        part = array[top : top + high, left : left + wide].astype(np.float64)
    finite = np.abs(part[np.isfinite(part)])
    scale = finite.max(initial=0.0) or 1.0
    rows, columns = part.shape
    cells = []
    for (i, j), value in np.ndenumerate(part):
        fill = _colour(value / scale)
        frame = ' stroke="#000" stroke-width="2"' if mark == (i + top, j + left) else ""
        cells.append(
            f'<rect x="{j * CELL + 1}" y="{i * CELL + 1}" width="{CELL - 2}" height="{CELL - 2}" '
            f'fill="rgb{fill}"{frame}/>'
            f'<text x="{(j + 0.5) * CELL}" y="{(i + 0.5) * CELL + 3}" font-size="9" text-anchor="middle" '
            f'fill="{"#fff" if _is_dark(fill) else "#000"}">{value:.3g}</text>'
        )
    size = f"{rows} x {columns} of {array.shape[0]} x {array.shape[1]}" if part.size < array.size else ""
    caption = html.escape(f"{title} {size}".strip())
    spoken = "; ".join(", ".join(f"{value:.3g}" for value in row) for row in part)
    return (
        f'<figure style="display:inline-block;margin:0 12px 0 0"><figcaption>{caption}</figcaption>'
        f'<svg role="img" aria-label="{caption}: {spoken}" width="{columns * CELL}" height="{rows * CELL}" '
        f'font-family="sans-serif">{"".join(cells)}</svg></figure>'
    )


def _groups(verdict: Verdict) -> str:
    rows = [_row("th", "", "cases", "points")]
    for group, passed in verdict.passed.items():
        mark = (
            "&#10003; passed" if passed else "&#9680; partly" if verdict.earned[group] else "&#10007; failed"
        )
        words = html.escape(group + _note(verdict, group))
        rows.append(_row("td", mark, words, _earned(verdict, group)))
    return f"<table>{''.join(rows)}</table>"


def _note(verdict: Verdict, group: str) -> str:
    """Return what there is to say of a group, after a colon: how fast it was, or what of it is right."""
    if not verdict.passed[group]:
        return f": {' and '.join(verdict.right[group])} right" if verdict.earned[group] else ""
    notes = [case.note for case in verdict.cases if case.case.group == group and case.note]
    return f": {notes[-1]}" if notes else ""


def _earned(verdict: Verdict, group: str) -> str:
    """Return the points of a group; what it earned comes first where that is a part of them."""
    earned, points = verdict.earned[group], verdict.points[group]
    return f"{earned:.3g} of {points:g}" if 0 < earned < points else f"{points:g}"


def _row(tag: str, *texts: str) -> str:
    style = "padding:2px 10px;text-align:left"
    cells = "".join(f'<{tag} style="{style}">{text}</{tag}>' for text in texts)
    return f"<tr>{cells}</tr>"


def _diagnosis(diagnosis: Diagnosis) -> str:
    text = f"<b>{html.escape(_name(diagnosis))}</b>. "
    text += re.sub(r"`(.+?)`", r"<code>\1</code>", html.escape(diagnosis.why))
    if diagnosis.section:
        title, link = _place(diagnosis.section)
        text += f' Read <a href="{html.escape(link)}">{html.escape(title)}</a>.'
    return f"<p>{text}</p>"


def _failure(verdict: Verdict, failure: CaseVerdict) -> str:
    text = f"<p>For example <code>{html.escape(_call(verdict.task, failure.case))}</code>: "
    text += f"{html.escape(failure.differs)}</p>"
    drawn = {} if failure.case.truth is not None else failure.expected.arrays
    for name, want in drawn.items():
        got = failure.got.arrays.get(name)
        if got is None or got.shape != want.shape or want.size == 1 or want.dtype == np.uint8:
            continue  # nothing to draw, or a digest
        if array_difference(want, got, failure.case.tolerance):
            index = worst(want, got)
            text += _panels(want, got, index)
            break
    return text


def _panels(want: NDArray[Any], got: NDArray[Any], index: tuple[int, ...]) -> str:
    """Draw expected, got and difference for the plane that holds the worst value."""
    plane, mark = index[:-2], index[-2:]
    if want.ndim == 1:
        want, got, plane, mark = want[None], got[None], (), (0, index[0])
    shown = f" at {list(plane)}" if plane else ""
    real = got.real if got.dtype.kind == "c" else got
    with np.errstate(all="ignore"):
        gap = real[plane] - want[plane].astype(np.float64)
    maps = (("expected", want[plane]), ("got", real[plane]), ("difference", gap))
    return (
        "<div>"
        + "".join(heat_map(array, title + shown, (mark[0], mark[1])) for title, array in maps)
        + "</div>"
    )


def _colour(value: float) -> tuple[int, ...]:
    """Mix the colour of a value between -1 and 1, as red, green and blue; grey for NaN and infinities."""
    if not np.isfinite(value):
        return (190, 190, 190)
    end = HIGH if value > 0 else LOW
    return tuple(round(m + (e - m) * min(1.0, abs(value))) for m, e in zip(MIDDLE, end, strict=True))


def _is_dark(colour: tuple[int, ...]) -> bool:
    """Tell whether white is easier to read on this colour than black."""
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue < 110


def _call(task: str, case: Case) -> str:
    """Write a case as the call that it is, arrays by shape and type."""
    if "question" in case.inputs:
        return f"{task}()[{case.inputs['question']!r}]"
    return f"{task}({', '.join(_argument(name, value) for name, value in case.inputs.items())})"


def _argument(name: str, value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{name} {value.shape} {value.dtype}"
    if isinstance(value, list):
        return f"{name} [{', '.join(f'{part.shape} {part.dtype}' for part in value)}]"
    return f"{name}={value!r}"


def _points(verdict: Verdict) -> str:
    return f"{verdict.score:g} of {verdict.max_score:g} points"


def _summary(verdict: Verdict) -> str:
    if verdict.always("WrongTypeError"):
        return "your code returns something else than the task asks for"
    return WORDS[verdict.word]


def _name(diagnosis: Diagnosis) -> str:
    """Name a mistake; one that explains some groups and not others is a likeness."""
    if diagnosis.groups:
        return f"Looks like: {diagnosis.name} (in: {', '.join(diagnosis.groups)})"
    return f"Mistake: {diagnosis.name}"


def _place(section: str) -> tuple[str, str]:
    """Return how a lecture section reads and its address seen from an exercise's folder."""
    lecture, _, heading = section.partition("#")
    link = f"../../lectures/{lecture}.ipynb#{heading.replace(' ', '-')}"
    return f"lecture {lecture[:2]}, section “{heading}”", link
