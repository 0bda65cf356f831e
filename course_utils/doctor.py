"""Looks at this machine and says what the course finds, and what to do about what is missing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course_utils.repository import repository

PACKAGES = ("numpy", "scipy", "matplotlib", "torch", "jupyterlab", "ipywidgets", "nbgrader")
EXTENSIONS = {
    "@jupyter-widgets/jupyterlab-manager": ("sliders in notebooks", "pip install ipywidgets"),
    "@jupyter/nbgrader": ("formgrader, for instructors", "pip install 'convnet-course[grade]'"),
}


@dataclass(frozen=True)
class Finding:
    """One line: ``state`` is ok, note (works, with less) or bad; ``advice`` is what to do unless it is ok."""

    state: str
    subject: str
    text: str
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Yield the findings one by one; some take a second."""
    yield Finding("ok", "Python", f"{platform.python_version()} at {sys.executable}")
    pins = _pins()
    for package in PACKAGES:
        yield _package(package, pins.get(package))
    yield _processor()
    yield _gpu()
    yield from _extensions()
    yield from _data()


def _pins() -> dict[str, str]:
    root = repository()
    path = root / "constraints.txt" if root else None
    if path is None or not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").split("\n")
    return dict(line.split("==", 1) for line in lines if "==" in line)


def _package(name: str, pin: str | None) -> Finding:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding("bad", name, "not installed", "run ./course again: it installs what is missing")
    if pin is not None and version.split("+")[0] != pin:
        return Finding("note", name, f"{version}, tested with {pin}", f"pip install '{name}=={pin}'")
    return Finding("ok", name, version)


def _processor() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    text = f"{cores} cores, {memory:.0f} GiB memory, {platform.machine()}"
    if memory < 3.5:
        return Finding("note", "CPU", text, "close other programs: some lectures use up to 3 GiB")
    return Finding("ok", "CPU", text)


def _gpu() -> Finding:
    try:
        import torch
    except ImportError:
        return Finding(
            "bad", "GPU", "cannot tell without torch", "run ./course again: it installs what is missing"
        )
    if torch.cuda.is_available():
        return Finding("ok", "GPU", torch.cuda.get_device_name())
    if torch.backends.mps.is_available():
        return Finding("ok", "GPU", "Apple GPU (MPS)")
    advice = "nothing to do: every notebook runs on the CPU"
    if torch.version.cuda is None and shutil.which("nvidia-smi"):
        advice = "there is an NVIDIA driver, but this torch is a CPU build: pip install a CUDA build of it"
    return Finding("note", "GPU", "none that torch can use", advice)


def _extensions() -> Iterator[Finding]:
    from jupyter_core.paths import jupyter_path

    for name, (purpose, advice) in EXTENSIONS.items():
        found = any((Path(path) / name / "package.json").is_file() for path in jupyter_path("labextensions"))
        subject = "JupyterLab"
        if found:
            yield Finding("ok", subject, f"extension {name} ({purpose})")
        else:
            yield Finding("bad", subject, f"no extension {name} ({purpose})", advice)


def _data() -> Iterator[Finding]:
    from course_utils import data

    for name, present, where, advice in data.status():
        if present:
            yield Finding("ok", "data", f"{name}: {where}")
        else:
            yield Finding("note", "data", f"{name}: not here", advice)
