"""What a solution uses and may not: found in its text, without running it."""

from __future__ import annotations

import pytest

from course_utils.check import NUMPY_ONLY
from course_utils.check.advice import forbidden, imports, parse


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch", ["torch"]),
        ("import torch.nn.functional as F\nF.conv2d(x, w)", ["torch.nn.functional.conv2d"]),
        ("from torch import nn\nnn.Conv2d(1, 1, 3)", ["torch.nn.Conv2d"]),
        ("from scipy import signal\nsignal.correlate2d(a, b)", ["scipy.signal.correlate2d"]),
        ("import scipy.signal\nscipy.signal.convolve(a, b)", ["scipy.signal.convolve"]),
        ("__import__('torch').zeros(3)", ["torch"]),
        ("import importlib\nimportlib.import_module('scipy.ndimage')", ["scipy.ndimage"]),
        ("def f(x):\n    import torch as t\n    return t.tensor(x)", ["torch.tensor"]),
        ("%matplotlib inline\n!pip list\nimport torch", ["torch"]),
        ("import numpy as np\nnp.convolve(a, b)", []),
        ("import scipy.linalg\nscipy.linalg.norm(a)", []),
        ("torch = 3\ntorch + 1", []),
        ("import torchlight", []),
        ("def f(:", []),
        ("", []),
    ],
)
def test_forbidden_names_are_found(source, found) -> None:
    assert forbidden(source, NUMPY_ONLY) == found


def test_names_that_other_cells_import_are_known() -> None:
    above = imports(parse("import torch.nn.functional as F\nfrom scipy.signal import correlate2d"))
    assert forbidden("F.pad(x)\ncorrelate2d(a, b)", NUMPY_ONLY, above) == [
        "torch.nn.functional.pad",
        "scipy.signal.correlate2d",
    ]


def test_what_is_far_too_much_to_look_at_is_cut() -> None:
    assert len(forbidden("".join(f"import torch.m{n}\n" for n in range(5000)), ["torch"])) <= 100
    assert forbidden("import torch\n" + "a" + ".a" * 300, ["torch"]) == ["torch"]
    assert forbidden("import torch\n" + "x = 1\n" * 20_000, ["torch"]) == []
