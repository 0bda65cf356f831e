"""Where a learner's code runs when it is graded: behind walls, or openly without.

A sandbox gives a kernel specification for each kernel; jupyter_client does the rest through a kernel
provisioner.
"""

from __future__ import annotations

import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec

from course_utils.errors import CourseError
from course_utils.grading.sandbox import bubblewrap
from course_utils.grading.sandbox.hiding import stand_ins
from course_utils.grading.sandbox.limits import Limits

IMAGE = "convnet-course"
ENGINES = ("podman", "docker")
KINDS = ("bubblewrap", *ENGINES, "none")


class Sandbox(ABC):
    """A place for kernels, open while its context is; ``name`` is one of KINDS."""

    name: str
    provisioner: str

    def __init__(self, scratch: Path, limits: Limits) -> None:
        self.scratch, self.limits = scratch, limits

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return what the provisioner needs beside files, limits and hidden packages."""

    def kernel_spec(self, files: Mapping[str, bytes], hidden: Iterable[str]) -> KernelSpec:
        """Return the specification of a kernel with ``files`` in its folder and no ``hidden`` packages."""
        config = {"files": files, "limits": self.limits, "hidden": stand_ins(hidden), **self.settings()}
        return KernelSpec(
            argv=[],
            display_name="Python 3",
            language="python",
            metadata={"kernel_provisioner": {"provisioner_name": self.provisioner, "config": config}},
        )


class Bubblewrap(Sandbox):
    """Kernels forked from a template behind bubblewrap's wall, which imports ``preload`` once."""

    name = "bubblewrap"
    provisioner = "course-bubblewrap"

    def __init__(self, scratch: Path, limits: Limits, preload: Iterable[str] = ()) -> None:
        super().__init__(scratch, limits)
        self.template = bubblewrap.Template(scratch, preload)

    def __enter__(self) -> Bubblewrap:
        self.template.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.template.__exit__()

    def settings(self) -> dict[str, Any]:
        """Return the template."""
        return {"template": self.template}


class Container(Sandbox):
    """A container for each kernel, run by podman or docker."""

    provisioner = "course-container"

    def __init__(self, scratch: Path, limits: Limits, engine: str, image: str = IMAGE) -> None:
        super().__init__(scratch, limits)
        self.name, self.image = engine, image

    def settings(self) -> dict[str, Any]:
        """Return engine and image."""
        return {"scratch": self.scratch, "engine": self.name, "image": self.image}


class NoSandbox(Sandbox):
    """Kernels as plain processes of this user, who trusts every submission."""

    name = "none"
    provisioner = "course-plain"

    def settings(self) -> dict[str, Any]:
        """Return where kernels' folders lie."""
        return {"scratch": self.scratch}


def choose(name: str, scratch: Path, limits: Limits, preload: Iterable[str] = ()) -> Sandbox:
    """Return the sandbox of that name; raise CourseError where it cannot be. ``scratch`` holds its files."""
    require(name)
    if name == "bubblewrap":
        return Bubblewrap(scratch, limits, preload)
    if name in ENGINES:
        return Container(scratch, limits, name)
    return NoSandbox(scratch, limits)


def require(name: str) -> None:
    """Raise CourseError, with what to do, where there is no such sandbox or its programs are missing."""
    if name not in KINDS:
        raise CourseError(f"unknown sandbox {name!r}: there are {', '.join(KINDS)}")
    if name == "bubblewrap":
        bubblewrap.require()
    if name in ENGINES:
        _require_engine(name)


def _require_engine(engine: str) -> None:
    if not shutil.which(engine):
        raise CourseError(f"there is no {engine}: install it, or grade with --sandbox bubblewrap")
    for question, problem in (
        (["info"], f"{engine} does not answer: start its service, and see that you may use it"),
        (["image", "inspect", IMAGE], f"{engine} has no image {IMAGE}: build it as docs/grading.md says"),
    ):
        if subprocess.run([engine, *question], capture_output=True, check=False).returncode:
            raise CourseError(problem)
