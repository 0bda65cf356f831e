"""The course's steps in nbgrader's autograding: restore cells, and judge in place of executing.

``config`` puts them into nbgrader's lists, so that `nbgrader autograde` and formgrader judge as `course
grade` does. What `course grade` has judged already is taken from the course folder.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat.v4 import new_output
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Dict, Enum

from course_utils.errors import CourseError
from course_utils.grading import walls
from course_utils.grading.folder import CourseFolder
from course_utils.grading.judge import Bundle, Judgement, judge, preload
from course_utils.grading.restore import read, restore
from course_utils.grading.sandbox import KINDS, choose
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.scratch import Scratch
from course_utils.grading.solution import is_check
from course_utils.grading.work import Work, merge


class RestoreCells(NbGraderPreprocessor):  # type: ignore[misc]
    """Gives a submitted notebook its assignment's form: see ``restore``."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Return the restored notebook."""
        about = resources["nbgrader"]
        released = _course(self).released(about["assignment"])
        return restore(nb, released), resources


class Judge(NbGraderPreprocessor):  # type: ignore[misc]
    """Writes verdicts where nbgrader reads scores; judges first what is not judged yet."""

    sandbox = Enum(KINDS, default_value="bubblewrap", help="Where learners' code runs.").tag(config=True)
    limits = Dict(help="Limits other than the usual ones: see course_utils.grading.sandbox.limits.").tag(
        config=True
    )

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Return the notebook with the outputs of its cells and a score and a report in each check cell."""
        about = resources["nbgrader"]
        course = _course(self)
        work = Work(course, about["assignment"], self.sandbox)
        basis, bundle = work.prepare(nb, about["student"])
        judged = work.store.read(about["assignment"], about["student"])
        if bundle.seeds:
            with ThreadPoolExecutor(1) as thread:  # formgrader calls this where an event loop is running
                judged = merge(judged, basis, thread.submit(self._judge, bundle).result())
            work.store.write(about["assignment"], about["student"], judged)
        assert judged is not None
        for number, cell in enumerate(nb.cells):
            if is_check(cell):
                cell.outputs = _score(judged.tasks[cell.metadata["nbgrader"]["grade_id"]])
            elif cell.cell_type == "code":
                cell.outputs = nbformat.from_dict(judged.outputs.get(str(number), []))
        return nb, resources

    def _judge(self, bundle: Bundle) -> Judgement:
        walls.require(self.sandbox)
        limits = Limits.usual_but(self.limits)
        modules = preload(bundle.solution)
        with Scratch() as scratch, choose(self.sandbox, scratch, limits, modules) as sandbox:
            return judge(bundle, sandbox)


class SubmissionExporter(NotebookExporter):
    """Reads a submitted notebook whatever state it is in: see ``restore.read``."""

    def from_file(self, file_stream: Any, resources: Any = None, **kwargs: Any) -> Any:
        """Convert the notebook in an open file."""
        convert: Any = self.from_notebook_node
        return convert(read(file_stream.read()), resources=resources, **kwargs)


def _score(told: dict[str, Any]) -> list[Any]:
    """Return the outputs of a check cell: a number for nbgrader, then the report for people."""
    score, most = float(told["score"]), float(told["max_score"])
    if not (math.isfinite(score) and 0 <= score <= most):
        raise CourseError(f"{told['task']}: a score of {score} of {most} cannot be")
    number = new_output("execute_result", data={"text/plain": f"{score:g}"}, execution_count=None)
    return [number, new_output("display_data", data=told["report"])]


def _course(step: Any) -> CourseFolder:
    """Return the course folder of the converter that a preprocessor works for."""
    while step is not None and not hasattr(step, "coursedir"):
        step = step.parent
    return CourseFolder(Path(step.coursedir.root if step is not None else "."))
