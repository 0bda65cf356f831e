"""A learner's folder: made once, refreshed at will, and never at the cost of the learner's own work."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.repository import content

STATE = Path(".course") / "delivered.json"


@dataclass
class Delivery:
    """What a refresh did, as paths relative to the learner's folder."""

    new: list[Path] = field(default_factory=list)
    updated: list[Path] = field(default_factory=list)
    beside: list[tuple[Path, Path]] = field(default_factory=list)


def deliver(folder: Path) -> Delivery:
    """Bring the lectures and exercises into ``folder``.

    A file that the learner has not touched since it was delivered is replaced by its newer version. One that
    was changed is left alone; its newer version is written beside it, once, as ``NAME.new.ipynb``.
    Raises CourseError when the folder cannot be written, or is the course's own repository.
    """
    if folder.resolve() == content():
        raise CourseError("this is the course itself: name another folder for your work, or none")
    try:
        return _deliver(folder)
    except OSError as error:
        raise CourseError(f"cannot write {error.filename or folder}: {error.strerror}") from None


def _deliver(folder: Path) -> Delivery:
    delivery = Delivery()
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / STATE
    delivered = _read_state(state)
    for name, source in _shipped():
        fresh = source.read_bytes()
        digest = _digest(fresh)
        target = folder / name
        if not target.exists():
            delivery.new.append(name)
        elif _digest(target.read_bytes()) == digest:
            delivered[str(name)] = digest
            continue
        elif _digest(target.read_bytes()) == delivered.get(str(name)):
            delivery.updated.append(name)
        elif delivered.get(str(name)) == digest:
            continue
        else:
            beside = _beside(folder, name, delivered)
            delivery.beside.append((name, beside))
            delivered[str(beside)] = digest
            target = folder / beside
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, fresh)
        delivered[str(name)] = digest
        _write(state, json.dumps(delivered, indent=1).encode())
    _write(state, json.dumps(delivered, indent=1).encode())
    return delivery


def _shipped() -> Iterator[tuple[Path, Path]]:
    """Yield the name in the learner's folder and the source of every file that learners get."""
    root = content()
    for path in sorted((root / "lectures").glob("*.ipynb")):
        yield path.relative_to(root), path
    for path in sorted((root / "exercises").glob("ex*/*")):
        if path.is_file() and path.suffix in {".ipynb", ".json", ".npz"}:
            yield path.relative_to(root), path


def _beside(folder: Path, name: Path, delivered: dict[str, str]) -> Path:
    """Return a name beside ``name`` that is free, or holds an untouched earlier version."""
    for number in itertools.count(1):
        mark = ".new" if number == 1 else f".new-{number}"
        beside = name.with_name(f"{name.stem}{mark}{name.suffix}")
        there = folder / beside
        if not there.exists() or _digest(there.read_bytes()) == delivered.get(str(beside)):
            return beside
    raise AssertionError("there is always a next number")


def _read_state(state: Path) -> dict[str, str]:
    """Return what was delivered; nothing when that is lost, so that every file counts as changed."""
    try:
        delivered: dict[str, str] = json.loads(state.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return delivered


def _write(target: Path, text: bytes) -> None:
    """Write a file whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(text)
    part.replace(target)


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def open_lab(folder: Path, port: int | None, browser: bool) -> None:
    """Replace this process by JupyterLab in ``folder``, open at the first lecture.

    Without ``port`` JupyterLab takes the next free one; a ``port`` that is in use raises CourseError.
    """
    if port is not None and _in_use(port):
        raise CourseError(f"port {port} is in use: choose another with --port, or leave it out")
    first = min(folder.glob("lectures/*.ipynb"))
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder.resolve()}",
        f"--LabApp.default_url=/lab/tree/{first.relative_to(folder)}",
        "--log-level=WARN",
    ]
    if port is not None:
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    os.chdir(folder)  # a course's nbgrader_config.py in the present folder is not for learners
    os.execv(sys.executable, command)


def _in_use(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False
