from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Circle, FancyBboxPatch

from course_utils import figures


@pytest.fixture
def axes():
    _, (axes,) = figures.panels(1, 1, width=9, height=3)
    return axes


def words(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_a_residual_block_has_a_way_past_its_layers_to_a_sum(axes) -> None:
    figures.residual_block(axes, ["3×3, C", "BN"], title="A block", shortcut="as it is")
    assert words(axes) == ["x", "3×3, C", "BN", "+", "as it is", "ReLU", "y"]
    assert sum(isinstance(patch, Circle) for patch in axes.patches) == 1
    (line,) = axes.lines
    start, _, end = line.get_xdata()
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    lefts = [box.get_x() for box in boxes]
    assert start < lefts[0]
    assert lefts[1] < end < lefts[2]
    assert axes.get_title() == "A block"


def test_a_plain_block_has_neither_way_nor_sum(axes) -> None:
    figures.residual_block(axes, ["3×3, C", "BN"], title="Plain", shortcut=None, behind=[])
    assert words(axes) == ["x", "3×3, C", "BN", "y"]
    assert not axes.lines


def test_each_dense_layer_reads_all_before_it(axes) -> None:
    figures.dense_channels(axes, first=8, growth=3, layers=4, title="Dense")
    said = [text for text in words(axes) if text.startswith(("reads", "leaves"))]
    assert said == ["reads 8", "reads 11", "reads 14", "reads 17", "leaves with 20"]
    rows = {}
    for bar in axes.patches:
        rows.setdefault(round(bar.get_y() + bar.get_height() / 2), []).append(bar.get_width())
    assert rows == {0: [8, 3], 1: [8, 3, 3], 2: [8, 3, 3, 3], 3: [8, 3, 3, 3, 3], 4: [8, 3, 3, 3, 3]}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [*(f"layer {n}" for n in "1234"), "next"]


def test_reuse_writes_the_numbers_and_leaves_out_what_does_not_exist(axes) -> None:
    matrix = np.array([[1.0, 0.5], [np.nan, 1.5]])
    figures.reuse(axes, matrix, title="Reuse", sources=["in", "1"], readers=["1", "out"], unit="weight")
    assert words(axes) == ["1.00", "0.50", "1.50"]
    shown = axes.images[0]
    assert shown.get_clim() == (0.5, 1.5)
    assert shown.colorbar.ax.get_ylabel() == "weight"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("reader", "source")


def test_reuse_takes_limits_that_several_drawings_share(axes) -> None:
    names = {"sources": ["in"], "readers": ["1", "2"]}
    figures.reuse(axes, [[1.0, 2.0]], title="Reuse", unit="weight", limits=(0, 4), **names)
    assert axes.images[0].get_clim() == (0, 4)


def test_reuse_refuses_names_that_do_not_fit(axes) -> None:
    with pytest.raises(ValueError, match=r"1 sources and 2 readers, but weights \(2, 2\)"):
        figures.reuse(axes, np.ones((2, 2)), title="No", sources=["in"], readers=["1", "2"], unit="weight")
