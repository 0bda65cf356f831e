"""nbgrader's settings for this course, for ``nbgrader_config.py`` and for the ``course`` command alike."""

from __future__ import annotations

from typing import Any


def configure(c: Any) -> None:
    """Set nbgrader's traits on the configuration object ``c``.

    Solutions are released to ``exercises/``; of a solution's folder, code and samples are not copied. The
    gradebook is nbgrader's default, ``gradebook.db`` in the course folder: set ``c.CourseDirectory.db_url``
    to any SQLAlchemy URL after this call for another one.
    """
    c.CourseDirectory.course_id = "convnet"
    c.CourseDirectory.source_directory = "solutions"
    c.CourseDirectory.release_directory = "exercises"
    c.CourseDirectory.ignore = [".ipynb_checkpoints", "__pycache__", "*.py", "*.pyc", "samples"]
    c.ExecutePreprocessor.timeout = 60
    c.ExecutePreprocessor.shutdown_kernel = "immediate"
    c.ExecutePreprocessor.extra_arguments = ["--IPKernelApp.log_level=ERROR"]  # else it warns about plain TCP
    c.OverwriteCells.add_missing_cells = True
