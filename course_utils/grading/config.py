"""nbgrader's settings for this course, for ``nbgrader_config.py`` and for the ``course`` command alike."""

from __future__ import annotations

from typing import Any


def configure(c: Any) -> None:
    """Set nbgrader's traits on the configuration object ``c``.

    Solutions are released to ``exercises/``; of a solution's folder, code and samples are not copied. The
    gradebook is nbgrader's default, ``gradebook.db`` in the course folder: set ``c.CourseDirectory.db_url``
    to any SQLAlchemy URL after this call for another one. Autograding judges in place of executing check
    cells; ``c.Judge.sandbox`` says where learners' code runs.
    """
    c.CourseDirectory.course_id = "convnet"
    c.CourseDirectory.source_directory = "solutions"
    c.CourseDirectory.release_directory = "exercises"
    c.CourseDirectory.ignore = [
        ".ipynb_checkpoints",
        "__pycache__",
        "*.py",
        "*.pyc",
        "samples",
        ".progress.json",
    ]
    c.Autograde.exporter_class = "course_utils.grading.preprocessors.SubmissionExporter"
    c.Autograde.sanitize_preprocessors = [
        "course_utils.grading.preprocessors.RestoreCells",
        "nbgrader.preprocessors.OverwriteKernelspec",
        "nbgrader.preprocessors.OverwriteCells",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    c.Autograde.autograde_preprocessors = [
        "course_utils.grading.preprocessors.Judge",
        "nbgrader.preprocessors.SaveAutoGrades",
        "nbgrader.preprocessors.AssignLatePenalties",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    c.HTMLExporter.sanitize_html = True
    c.HTMLExporter.preprocessors = ["course_utils.grading.pages.VisibleText"]
    c.HTMLExporter.filters = {
        "markdown2html": "course_utils.grading.pages.markdown",
        "clean_html": "course_utils.grading.pages.clean",
    }
