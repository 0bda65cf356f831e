"""nbgrader reads this file: the settings live in the package, so that `course` and `nbgrader` agree."""

from course_utils.grading.config import configure

c = get_config()  # noqa: F821
configure(c)
