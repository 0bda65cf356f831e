"""The release gate: nothing that a learner gets may hold an answer, or say who made it."""

from __future__ import annotations

import ast
import importlib.util
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeGuard

from course_utils.check import expected as expected_outputs
from course_utils.check.transport import write_inputs
from course_utils.grading.solution import Solution

MARKS = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "BEGIN MARK SCHEME")
BYTECODE = (".pyc", ".pyo", ".so", ".pyd")
NOTEBOOK_METADATA = {"kernelspec", "language_info"}
CELL_METADATA = {"nbgrader", "tags", "jupyter", "editable", "deletable"}
SHINGLE = 3  # consecutive lines of a solution that count as its text,
TELLING = 20  # if they have at least so many characters;
LONG = 40  # a single line of so many is enough
SMALL = 12  # nodes of a syntax tree
LIBRARIES = {"np", "numpy", "scipy", "torch"}


def leaks(files: Iterable[Path], solutions: Iterable[Solution]) -> Iterator[str]:
    """Yield one line for each thing in ``files`` that must not reach a learner, beginning with the file."""
    solutions = list(solutions)
    texts = {shingle for s in solutions for text in s.texts for shingle in _shingles(text)}
    shapes = {shape for s in solutions for text in s.texts for shape in _statement_shapes(text)}
    for path in files:
        content = path.read_bytes()
        for what in _file_leaks(path, content, texts, shapes):
            yield f"{path}: {what}"
        if path.name == expected_outputs.JSON:
            for what in _hidden_cases(path.parent, solutions):
                yield f"{path}: {what}"


def _file_leaks(path: Path, content: bytes, texts: set[tuple[str, ...]], shapes: set[str]) -> Iterator[str]:
    if path.suffix in BYTECODE or content.startswith(importlib.util.MAGIC_NUMBER):
        yield "compiled code"
    if path.suffix == ".ipynb":
        try:
            notebook = json.loads(content)
        except ValueError:
            notebook = None
        if not isinstance(notebook, dict):
            yield "not a notebook"
            return
        yield from _notebook_leaks(notebook, shapes)
        parts = list(_strings(notebook))
    else:
        parts = [part.decode(errors="replace") for part in _members(content)]
    for mark in MARKS:
        if any(mark in part for part in parts):
            yield f"the mark {mark!r}"
    if any(texts.intersection(_windows(_lines(part))) for part in parts):
        yield "a solution's text"


def _notebook_leaks(notebook: dict[str, Any], shapes: set[str]) -> Iterator[str]:
    if extra := set(notebook.get("metadata", {})) - NOTEBOOK_METADATA:
        yield f"personal metadata: {', '.join(sorted(extra))}"
    for number, cell in enumerate(notebook.get("cells", []), 1):
        if cell.get("outputs") or cell.get("execution_count") is not None:
            yield f"cell {number} holds outputs or an execution count"
        if extra := set(cell.get("metadata", {})) - CELL_METADATA:
            yield f"cell {number} holds personal metadata: {', '.join(sorted(extra))}"
        if cell.get("cell_type") == "code" and shapes.intersection(_statement_shapes(_source(cell))):
            yield f"cell {number} computes a solution under other names"


def _hidden_cases(folder: Path, solutions: Iterable[Solution]) -> Iterator[str]:
    """Compare the shipped cases with the public ones; whatever else is there is a hidden case."""
    tasks = {task.name: task for s in solutions if s.assignment == folder.name for task in s.tasks}
    for name in expected_outputs.names(folder):
        public = {
            write_inputs(case)
            for case in (expected_outputs.public_cases(tasks[name]) if name in tasks else ())
        }
        for number, case in enumerate(expected_outputs.load(folder, name).cases, 1):
            if write_inputs(case) not in public:
                yield f"case {number} of {name} is a hidden case"


def _members(content: bytes) -> Iterator[bytes]:
    """Return a file's content, or that of the members of an archive."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        yield content
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            yield name.encode()
            yield archive.read(name)


def _strings(value: Any) -> Iterator[str]:
    """Yield every text in a notebook; a cell's source comes in one piece."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from ([_source(value)] if key == "source" else _strings(part))
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _lines(text: str) -> list[str]:
    """Return the lines that say something, without white space and comments."""
    lines = ("".join(line.split("#")[0].split()) for line in text.split("\n"))
    return [line for line in lines if line]


def _windows(lines: list[str]) -> Iterator[tuple[str, ...]]:
    for width in range(1, SHINGLE + 1):
        for start in range(len(lines) - width + 1):
            yield tuple(lines[start : start + width])


def _shingles(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the runs of lines that give a solution away: three in a row, or a single long one."""
    lines = _lines(text)
    yield from ((line,) for line in lines if len(line) >= LONG)
    width = min(SHINGLE, len(lines))
    for start in range(len(lines) - width + 1 if width else 0):
        shingle = tuple(lines[start : start + width])
        if len("".join(shingle)) >= TELLING:
            yield shingle


def _statement_shapes(source: str) -> Iterator[str]:
    """Yield the syntax of a function's body, or of a whole text, with its variables replaced by their order.

    A copy with other variable names and error messages has the same shape; what it calls keeps its name.
    Bodies of fewer than SMALL nodes are too common to tell.
    """
    try:
        tree = ast.parse(_parseable(source))
    except SyntaxError:
        return
    bodies = [
        node.body for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    for body in [*bodies, tree.body]:
        statements = [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
        if sum(1 for s in statements for _ in ast.walk(s)) < SMALL:
            continue
        shape = ast.parse("\n".join(ast.unparse(s) for s in _as_function(statements)))
        kept = {
            node.func.id for node in ast.walk(shape) if isinstance(node, ast.Call) and _is_name(node.func)
        }
        kept |= LIBRARIES
        for error in ast.walk(shape):
            if isinstance(error, ast.Raise) and isinstance(error.exc, ast.Call):
                error.exc.args = []
        order: dict[str, str] = {}
        for node in ast.walk(shape):
            if isinstance(node, ast.Name) and node.id not in kept:
                node.id = order.setdefault(node.id, f"v{len(order)}")
        yield ast.dump(shape)


def _is_name(node: ast.expr) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name)


def _as_function(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Wrap statements so that a ``return`` among them parses again."""
    tree = ast.parse("def f(): pass")
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = statements
    return [function]


def _parseable(source: str) -> str:
    """Drop IPython's magic lines, and wrap a solution's region, cut out of a function, into one."""
    lines = [line for line in source.split("\n") if line.strip() and line.lstrip()[0] not in "%!"]
    if lines and lines[0].startswith(" "):
        return "def f():\n" + "\n".join(lines)
    return "\n".join(lines)
