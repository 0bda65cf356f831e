"""Finds what a task forbids in a solution's text, without running it: advice to reader and instructor."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from itertools import islice

LONGEST = 100_000  # characters of a cell
DEEPEST = 20  # parts of a dotted name
MOST = 100  # names that are looked for


def forbidden(source: str, forbids: Iterable[str], modules: Mapping[str, str] | None = None) -> list[str]:
    """Return the full names in ``source`` that lie in a forbidden package, each once, in order.

    ``modules`` maps names that are bound elsewhere to the modules or parts of modules that they stand for.
    """
    tree = parse(source)
    known = {**(modules or {}), **imports(tree)}
    uses = (name for node in ast.walk(tree) for name in _names(node, known))
    lying = (name for name in uses if any(_lies_in(name, package) for package in forbids))
    found = dict.fromkeys(islice(lying, MOST))
    return [name for name in found if not any(_lies_in(other, name) for other in found if other != name)]


def imports(tree: ast.AST) -> dict[str, str]:
    """Return what the names that ``tree`` imports stand for."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                bound[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module:
            bound |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return bound


def parse(source: str) -> ast.Module:
    """Return the syntax tree of a cell without its magic lines; an empty one where that is no Python.

    A cell of more than LONGEST characters is not looked at either.
    """
    if len(source) > LONGEST:
        return ast.Module(body=[], type_ignores=[])
    lines = [line if line.lstrip()[:1] not in ("%", "!") else "" for line in source.split("\n")]
    try:
        return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])


def _names(node: ast.AST, known: Mapping[str, str]) -> list[str]:
    """Return the full names that one node of a syntax tree spells out."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        function = _dotted(node.func)
        if function.split(".")[-1] in ("__import__", "import_module"):
            return [str(node.args[0].value)]
    if isinstance(node, (ast.Attribute, ast.Name)) and (dotted := _dotted(node)):
        first, _, rest = dotted.partition(".")
        if first in known:
            return [f"{known[first]}.{rest}".rstrip(".")]
    return []


def _dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` for such an expression of at most DEEPEST parts, else the empty text."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < DEEPEST:
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _lies_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
