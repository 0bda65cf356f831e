"""Packages that a task does without: what stands in for them where a learner's code is judged."""

from __future__ import annotations

from collections.abc import Iterable

STAND_IN = """\
__path__ = []

def __getattr__(name):
    raise AttributeError("{package} is not here when this exercise is graded: write it without")
"""
FINDER = """\
import importlib.abc
import importlib.util
import sys

HIDDEN = {hidden!r}

class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name in HIDDEN else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(HIDDEN[module.__name__], vars(module))

sys.meta_path.insert(0, Finder())
"""


def stand_ins(packages: Iterable[str]) -> dict[str, str]:
    """Return for each package the text of a module that can be imported and says why it is of no use."""
    return {package: STAND_IN.format(package=package) for package in packages}


def finder(hidden: dict[str, str]) -> str:
    """Return a ``sitecustomize`` module that puts stand-ins in place where no wall can."""
    return FINDER.format(hidden=hidden)
