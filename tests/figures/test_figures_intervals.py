"""Intervals show every run, the mean with its bar and number, and refuse what is not a list of runs."""

from __future__ import annotations

import numpy as np
import pytest

from course_utils import figures

RUNS = {"everything": ([90.0, 92.0, 91.0], 1.5), "without": ([80.0, 84.0], 6.0)}


@pytest.fixture
def axes():
    _, (axes,) = figures.panels(1, 1, width=6, height=3)
    return axes


def test_every_run_is_a_ring_and_every_mean_a_diamond_with_its_bar(axes) -> None:
    assert figures.intervals(axes, RUNS, title="t", xlabel="accuracy (%)") is axes
    rings = [line for line in axes.lines if line.get_marker() == "o"]
    assert [list(ring.get_xdata()) for ring in rings] == [[90, 92, 91], [80, 84]]
    diamonds = [line for line in axes.lines if line.get_marker() == "D"]
    assert [float(np.squeeze(line.get_xdata())) for line in diamonds] == [91, 82]
    bars = [collection.get_segments()[0][:, 0].tolist() for collection in axes.collections]
    assert bars == [[89.5, 92.5], [76, 88]]


def test_variants_are_named_from_the_top_and_the_means_stand_beside_them(axes) -> None:
    figures.intervals(axes, RUNS, title="t", xlabel="accuracy (%)")
    assert [word.get_text() for word in axes.get_yticklabels()] == list(RUNS)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert [text.get_text() for text in axes.texts] == ["91 ± 1.5", "82 ± 6"]
    assert (axes.get_title(), axes.get_xlabel()) == ("t", "accuracy (%)")


def test_dotted_lines_carry_the_first_interval_down(axes) -> None:
    figures.intervals(axes, RUNS, title="t", xlabel="accuracy (%)")
    dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert [line.get_xdata()[0] for line in dotted] == [89.5, 92.5]


def test_intervals_need_runs(axes) -> None:
    with pytest.raises(ValueError, match="no variants"):
        figures.intervals(axes, {}, title="t", xlabel="x")
    for values in ([], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="one value a run"):
            figures.intervals(axes, {"a": (values, 1.0)}, title="t", xlabel="x")
