"""Shared by all tests: where things are, and what a machine may lack."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
from places import ROOT

from course_utils.grading import solution as solutions
from course_utils.grading.notebooks import recorded_seconds

INSTALL = {
    "chromium": "apt-get install chromium",
    "bwrap": "apt-get install bubblewrap",
}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where CI promised to install what tests need, a test that misses it fails."""
    report = yield
    if os.environ.get("CI") and report.skipped and "needs " in str(report.longrepr):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session")
def needs() -> Callable[[str], str]:
    """Find a program, or skip the test and say how to install it."""

    def find(program: str) -> str:
        path = shutil.which(program)
        if path is None:
            pytest.skip(f"needs {program}: {INSTALL[program]}")
        return path

    return find


@pytest.fixture(scope="session")
def ex02() -> solutions.Solution:
    return solutions.load(ROOT / "solutions" / "ex02_convolution")


TIMES = pytest.StashKey[dict[str, float]]()
CONFUSIONS = pytest.StashKey[dict[str, list[str]]]()


@pytest.fixture
def confusions(request) -> dict[str, list[str]]:
    """Collect which names the mistakes of each task were given, for the table at the end of the output."""
    return request.config.stash.setdefault(CONFUSIONS, {})


@pytest.fixture
def times(request) -> dict[str, float]:
    """Collect how many seconds the cells of each notebook ran, beside what its first cell says."""
    return request.config.stash.setdefault(TIMES, {})


def pytest_sessionfinish(session) -> None:
    """Hand what this process has collected to the one that writes the summary."""
    if output := getattr(session.config, "workeroutput", None):
        output["times"] = session.config.stash.get(TIMES, {})
        output["confusions"] = session.config.stash.get(CONFUSIONS, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    output = getattr(node, "workeroutput", {})
    node.config.stash.setdefault(TIMES, {}).update(output.get("times", {}))
    node.config.stash.setdefault(CONFUSIONS, {}).update(output.get("confusions", {}))


def pytest_terminal_summary(terminalreporter, config) -> None:
    if times := config.stash.get(TIMES, None):
        recorded = recorded_seconds(ROOT)
        terminalreporter.section("seconds that the cells of a notebook ran")
        for name, seconds in times.items():
            terminalreporter.write_line(f"{name}: {seconds:.1f}, on record {recorded.get(name, 0):.1f}")
    if found := config.stash.get(CONFUSIONS, None):
        terminalreporter.section("names that mistakes were given")
        for lines in found.values():
            for line in lines:
                terminalreporter.write_line(line)


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """Run code in a fresh interpreter, in the present folder, and return what it prints."""

    def run(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
