"""Every lecture and every solution runs from top to bottom and says nothing on stderr."""

from __future__ import annotations

import time

import nbformat
import pytest
from nbclient import NotebookClient
from places import LECTURES, SOLUTIONS

from course_utils.check.report import VERDICT_MIME


def execute(path, folder, times):
    notebook = nbformat.read(path, as_version=4)
    arguments = ["--IPKernelApp.log_level=ERROR"]
    client = NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(folder)}}, extra_arguments=arguments
    )
    with client.setup_kernel():
        begin = time.perf_counter()
        for number, cell in enumerate(notebook.cells):
            client.execute_cell(cell, number)
        times[path.stem] = time.perf_counter() - begin
    return notebook


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


@pytest.mark.parametrize("source", LECTURES, ids=lambda path: path.stem)
def test_a_lecture_runs_without_a_word_on_stderr_and_every_figure_has_an_alt_text(source, times) -> None:
    notebook = execute(source.with_suffix(".ipynb"), source.parent, times)
    shown = outputs(notebook)
    assert not [o.text for o in shown if o.output_type == "stream" and o.name == "stderr"]
    pictures = [o.data for o in shown if "image/png" in o.get("data", {})]
    assert pictures
    assert all('alt="' in picture["text/html"] for picture in pictures)


@pytest.mark.parametrize("folder", SOLUTIONS, ids=lambda path: path.name)
def test_a_solution_runs_and_its_own_checks_give_full_marks(folder, times) -> None:
    notebook = execute(folder / f"{folder.name}.ipynb", folder, times)
    shown = outputs(notebook)
    assert not [o.text for o in shown if o.output_type == "stream" and o.name == "stderr"]
    verdicts = [o.data[VERDICT_MIME] for o in shown if VERDICT_MIME in o.get("data", {})]
    assert verdicts
    assert {verdict["verdict"] for verdict in verdicts} == {"passed"}
