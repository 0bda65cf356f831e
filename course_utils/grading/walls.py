"""Proves the sandbox on this machine by trying to break out of it."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.doctor import Finding
from course_utils.errors import CourseError
from course_utils.grading import sandbox as sandboxes
from course_utils.grading.kernel import Kernel, KernelLostError
from course_utils.grading.sandbox.calls import numbers
from course_utils.grading.sandbox.limits import MIB, Limits
from course_utils.grading.sandbox.scratch import Scratch
from course_utils.repository import PACKAGE

TIGHT = Limits(
    cell_seconds=20,
    submission_seconds=20,
    cpu_seconds=60,
    memory=2048 * MIB,
    processes=40,
    open_files=200,
    file_size=MIB,
    disk=8 * MIB,
    messages=MIB,
)
NAMESPACES = ("pid", "net", "ipc", "user", "uts", "mnt", "cgroup")
ENDLESS = "while True:\n    pass"
FLOOD = "while True:\n    print('x' * 1000)"
LEFT_BEHIND = "import subprocess\nsubprocess.Popen(['sleep', {name!r}], start_new_session=True)"
OTHERWISE = "To grade without a sandbox, if you trust all: --sandbox none"
ADVICE = "install bubblewrap and allow unprivileged user namespaces, or grade with --sandbox podman or docker"


@dataclass(frozen=True)
class Wall:
    """One thing that the sandbox keeps in or out; ``gap`` says what got through, or nothing where it held."""

    name: str
    gap: str


def require_installed(sandbox: str) -> None:
    """Raise CourseError, with what to do, where the programs of a sandbox are missing."""
    try:
        sandboxes.require(sandbox)
    except CourseError as error:
        raise CourseError(f"{error}. {OTHERWISE}") from None


def require(sandbox: str) -> None:
    """Raise CourseError, with what to do, unless every wall of the sandbox of that name holds here.

    "none" has no walls. For podman and docker the same attempts are made in a container.
    """
    if sandbox == "none":
        return
    try:
        gaps = [wall for wall in examine(sandbox) if wall.gap]
    except (CourseError, KernelLostError) as error:
        raise CourseError(f"{error}. {OTHERWISE}") from None
    if gaps:
        listed = "; ".join(f"{wall.name}: {wall.gap}" for wall in gaps)
        raise CourseError(
            f"the sandbox does not hold on this machine ({listed}): {ADVICE}, "
            "or, if you trust all submissions, with --sandbox none"
        )


def finding() -> Finding:
    """Return the doctor's line on the sandbox."""
    try:
        walls = list(examine("bubblewrap"))
    except CourseError as error:
        return Finding(
            "note", "sandbox", str(error), "only grading needs it; `course grade --help` has others"
        )
    if gaps := [f"{wall.name}: {wall.gap}" for wall in walls if wall.gap]:
        return Finding("note", "sandbox", f"does not hold: {'; '.join(gaps)}", "grade on another machine")
    return Finding("ok", "sandbox", f"bubblewrap holds: {len(walls)} ways out of it were tried")


def examine(sandbox: str) -> Iterator[Wall]:
    """Yield every wall of a sandbox after trying to break through; raise CourseError if it does not start."""
    attempts = (Path(__file__).parent / "sandbox" / "breakout.py").read_text(encoding="utf-8")
    with (
        Scratch() as scratch,
        _canaries(scratch, contained=sandbox in sandboxes.ENGINES) as known,
        sandboxes.choose(sandbox, scratch, TIGHT) as opened,
    ):
        first = f"KNOWN = {known!r}\n" + attempts.replace("from __future__ import annotations", "")
        stays = str(3600 + secrets.randbelow(10**6))
        sources = (first, LEFT_BEHIND.format(name=stays), ENDLESS, FLOOD)
        notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
        with Kernel(opened, notebook, {}, ()) as kernel:
            yield Wall("user", "runs as root" if 0 in kernel.users() else "")
            kernel.run_cell(0, TIGHT.submission_seconds)
            yield from _told(notebook.cells[0])
            kernel.run_cell(1, TIGHT.submission_seconds)
            kernel.run_cell(2, 1)
            errors = [output.get("ename") for output in notebook.cells[2].outputs]
            yield Wall("time of a cell", "" if "KeyboardInterrupt" in errors else "ran on")
            try:
                kernel.run_cell(3, TIGHT.submission_seconds)
            except KernelLostError:
                yield Wall("output", "")
            else:
                yield Wall("output", "printed without end")
            folder = kernel.folder
    commands = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    alive = any(command[-1:] == [stays] for command in commands)
    yield Wall(
        "nothing stays", "a process lives on" if alive else "a folder is left" if folder.exists() else ""
    )


@contextmanager
def _canaries(scratch: Path, contained: bool) -> Iterator[dict[str, Any]]:
    """Place what must not be found inside, and say where it is.

    A container engine has its own list of system calls, and leaves the folder with the sockets open.
    """
    variable = f"COURSE_CANARY_{secrets.token_hex(8)}"
    canary = scratch / "canary"
    canary.write_text("not for learners")
    canary.chmod(0o644)
    os.environ[variable] = "not for learners"
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield {
                "port": server.getsockname()[1],
                "files": [str(canary), str(PACKAGE / "grading" / "judge.py"), "/etc/passwd", str(scratch)],
                "variable": variable,
                "package": str(PACKAGE),
                "closed": [] if contained else ["/run/kernel"],
                "calls": {} if contained else numbers(),
                "namespaces": {name: str(Path("/proc/self/ns", name).readlink()) for name in NAMESPACES},
                "limits": TIGHT.resources(),
                "disk": TIGHT.disk,
            }
    finally:
        del os.environ[variable]


def _told(cell: Any) -> Iterator[Wall]:
    """Read what the attempts from inside came to."""
    told = "".join(output.get("text") or output.get("evalue", "") for output in cell.outputs)
    try:
        gaps = json.loads(told.strip().split("\n")[-1])
    except ValueError:
        raise CourseError(f"the sandbox cannot be examined: {told.strip()[-200:]}") from None
    for name, gap in gaps.items():
        yield Wall(name, gap)
