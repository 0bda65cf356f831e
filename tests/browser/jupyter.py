"""A Jupyter server for a browser, and pictures of what the browser shows."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page

TOKEN = "browser-test"
MINUTE = 60_000  # milliseconds


@contextmanager
def serve(command: list[str], folder: Path, home: Path) -> Iterator[str]:
    """Run a command that starts a Jupyter server, with a port of its own; yields the server's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "JUPYTER_TOKEN": TOKEN, "HOME": str(home), "PYTHONWARNINGS": ""}
    command = [*command, "--port", str(port)]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                with urlopen(f"{address}/api?token={TOKEN}", timeout=2):
                    break
            except OSError:
                time.sleep(0.5)
        else:
            pytest.fail(f"Jupyter did not start:\n{(home / 'log').read_text()}")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def save(page: Page, name: str) -> None:
    """Keep a screenshot where COURSE_SCREENSHOTS asks for it."""
    if folder := os.environ.get("COURSE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")
