"""Widgets for notebooks: drawings with sliders, and questions that mark themselves.

A widget is made by a function, is shown when it is the last thing in a cell, and says in plain text what it
holds where nothing can show widgets. All controls are reached with Tab and worked with the keyboard.
"""

from course_utils.widgets.question import Choice, Question, question
from course_utils.widgets.sliding_kernel import SlidingKernel, sliding_kernel

__all__ = ["Choice", "Question", "SlidingKernel", "question", "sliding_kernel"]
