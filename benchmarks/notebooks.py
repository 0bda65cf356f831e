"""Runs every lecture and every solution from top to bottom and records how long their cells take.

Run `python benchmarks/notebooks.py`; it takes a few minutes. The first cell of a notebook says what the
record says, rounded up to five seconds; a test holds them together.
"""

from __future__ import annotations

import json
import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from rich.progress import Progress

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "benchmarks" / "records" / "notebooks.json"
NOTEBOOKS = sorted([*ROOT.glob("lectures/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb")])


def seconds(path: Path) -> float:
    """Return how long the cells of a notebook take, without the kernel's start."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}})
    with client.setup_kernel():
        begin = time.perf_counter()
        for number, cell in enumerate(notebook.cells):
            client.execute_cell(cell, number)
        return time.perf_counter() - begin


def main() -> None:
    """Run them one after the other and write the record."""
    found = {}
    with Progress() as progress:
        for path in progress.track(NOTEBOOKS, description="notebooks"):
            found[path.stem] = round(seconds(path), 1)
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": platform.processor() or platform.machine(),
        "processors": os.cpu_count(),
        "versions": {name: version(name) for name in ("numpy", "torch", "matplotlib", "ipykernel")},
        "seconds": found,
    }
    RECORD.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
