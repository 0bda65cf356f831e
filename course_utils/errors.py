"""Failures that a user can act on."""


class CourseError(Exception):
    """An expected failure: its text is one line that says what is wrong and what to do."""
