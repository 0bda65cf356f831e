"""Widgets for notebooks: drawings with sliders, and questions that mark themselves.

A widget is made by a function, is shown when it is the last thing in a cell, and says in plain text what it
holds where nothing can show widgets. All controls are reached with Tab and worked with the keyboard: arrow
keys move a slider and change a number, Space presses a button and opens a dropdown, and there the arrow keys
and Enter choose. (JupyterLab takes an arrow key on a closed dropdown, and goes to the next cell.)
"""

from course_utils.widgets.backpropagation import Backpropagation, backpropagation
from course_utils.widgets.backward_weight import BackwardWeight, backward_weight
from course_utils.widgets.kernel_editor import KernelEditor, kernel_editor
from course_utils.widgets.output_size import OutputSizePlayground, output_size_playground
from course_utils.widgets.pooling_shift import PoolingShift, pooling_shift
from course_utils.widgets.question import Choice, Question, question
from course_utils.widgets.sliding_kernel import SlidingKernel, sliding_kernel

__all__ = [
    "Backpropagation",
    "BackwardWeight",
    "Choice",
    "KernelEditor",
    "OutputSizePlayground",
    "PoolingShift",
    "Question",
    "SlidingKernel",
    "backpropagation",
    "backward_weight",
    "kernel_editor",
    "output_size_playground",
    "pooling_shift",
    "question",
    "sliding_kernel",
]
