"""Reads what nbgrader says when something goes wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

EXCEPTION = re.compile(r"^(?:[\w.]+\.)?(\w+(?:Error|Exception|Timeout|Exit|Interrupt)): *(.*)$")


def last_error(result: Mapping[str, Any]) -> str:
    """Return the last exception or error in the result of a call to nbgrader's interface, in one line."""
    lines = f"{result.get('error') or ''}\n{result.get('log') or ''}".strip().split("\n")
    if any("DeadKernelError" in line for line in lines):
        return "the kernel died while the notebook ran: a crash in compiled code, or no memory left"
    for line in reversed(lines):
        if found := EXCEPTION.match(line.strip()):
            return f"{found[1]}: {found[2]}".strip(": ")
    errors = [line for line in lines if "ERROR" in line]
    return (errors or lines)[-1].split("] ", 1)[-1].strip()
