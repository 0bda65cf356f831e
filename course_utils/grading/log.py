"""Reads what nbgrader says when something goes wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

STRUCTURE = ("KeyError", "TypeError", "ValidationError")
EXCEPTION = re.compile(r"^(?:[\w.]+\.)?(\w+(?:Error|Exception|Timeout|Exit|Interrupt)): *(.*)$")


def last_error(result: Mapping[str, Any]) -> str:
    """Return the last exception or error in the result of a call to nbgrader's interface, in one line."""
    text = f"{result.get('error') or ''}\n{result.get('log') or ''}".strip()
    lines = text.split("\n")
    for line in reversed(lines):
        if found := EXCEPTION.match(line.strip()):
            if found[1] in STRUCTURE:
                return f"its cells are not those of the assignment ({found[1]}: {found[2]}): ask for it again"
            return f"{found[1]}: {found[2]}".strip(": ")
    errors = [line for line in lines if "ERROR" in line]
    return (errors or lines)[-1].split("] ", 1)[-1].strip()


def was_interrupted(result: Mapping[str, Any]) -> bool:
    """Tell whether the call ended by Ctrl-C, which nbgrader takes for a failure of the submission."""
    text = f"{result.get('error') or ''}\n{result.get('log') or ''}"
    return bool(
        re.search(r"^\s*(KeyboardInterrupt|asyncio\.exceptions\.CancelledError)\b", text, re.MULTILINE)
    )
