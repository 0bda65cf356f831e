from __future__ import annotations

import io

import pytest
import torch
from rich.console import Console

from course_utils import figures, zoo

LAYERS = [
    ("input", "input", (3, 32, 32)),
    ("conv", "convolution", (16, 28, 28)),
    ("pool", "max pool", (16, 14, 14)),
    ("join", "concatenation", (32, 14, 14)),
    ("fc", "fully connected", (10,)),
]


@pytest.fixture
def axes():
    _, (axes,) = figures.panels(1, 1, width=6, height=3)
    return axes


def heights(axes) -> list[float]:
    """Heights of the fronts: each block is a top, a side and a front."""
    return [float(patch.get_xy()[:, 1].max() - patch.get_xy()[:, 1].min()) for patch in axes.patches[2::3]]


def test_blocks_are_as_high_as_their_maps_have_rows(axes) -> None:
    figures.volumes(axes, LAYERS, title="A small net")
    assert heights(axes)[:4] == [32, 28, 14, 14]
    texts = [text.get_text() for text in axes.texts]
    assert texts[1] == "conv\n16×28×28"
    assert texts[-1] == "fc\n10"


def test_a_block_is_as_long_as_the_root_of_its_channels(axes) -> None:
    figures.volumes(axes, LAYERS, title="A small net")
    lengths = [float(p.get_xy()[:, 0].max() - p.get_xy()[:, 0].min()) for p in axes.patches[2::3]]
    assert lengths[3] / lengths[1] == pytest.approx(2**0.5)


def test_the_legend_names_each_kind_once(axes) -> None:
    figures.volumes(axes, LAYERS, title="A small net")
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["input", "convolution", "pool", "other", "fully connected"]


def test_an_output_that_is_no_volume_is_refused(axes) -> None:
    with pytest.raises(ValueError, match=r"tokens puts out \(4, 5\)"):
        figures.volumes(axes, [("tokens", "other", (4, 5))], title="No picture")


def test_costs_are_shares_of_the_whole(axes) -> None:
    figures.costs(axes, ["a", "b"], {"parameters": [1, 3], "values": [8, 2]}, title="Costs")
    assert [bar.get_width() for bar in axes.patches] == [25, 75, 80, 20]
    assert axes.get_xlabel() == "share of the whole net, percent"


def test_costs_that_do_not_fit_are_refused(axes) -> None:
    with pytest.raises(ValueError, match="needs 2 numbers"):
        figures.costs(axes, ["a", "b"], {"parameters": [1]}, title="Costs")
    with pytest.raises(ValueError, match="5 amounts"):
        figures.costs(axes, ["a"], {str(i): [1] for i in range(5)}, title="Costs")


def test_bands_lie_around_their_curves(axes) -> None:
    figures.bands(axes, [1, 2], {"a": ([0.5, 0.6], [0.1, 0.2])}, title="Runs", xlabel="x", ylabel="y")
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices[:, 1]
    assert (corners.min(), corners.max()) == (pytest.approx(0.4), pytest.approx(0.8))


def test_a_net_is_shown_as_a_table_and_as_blocks(axes) -> None:
    with torch.device("meta"):
        counts = zoo.count(zoo.build("vgg_a"))
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(zoo.table(counts))
    text = console.export_text()
    assert "VGG on 3×224×224" in text
    assert "132,863,336" in text
    assert "64×224×224" in text
    zoo.draw(axes, counts, title="VGG-A")
    assert len(heights(axes)) == 1 + 8 + 5 + 3


def test_depth_joins_the_layers_of_a_module(axes) -> None:
    with torch.device("meta"):
        counts = zoo.count(zoo.build("vgg_a"))
    features, classifier = counts.by_module(1)
    assert (features.name, features.kind, features.output_shape) == ("features", "module", (512, 7, 7))
    assert classifier.kind == "fully connected"
    assert features.parameters + classifier.parameters == counts.parameters
    assert features.macs + classifier.macs == counts.macs
    zoo.draw(axes, counts, title="VGG-A in two blocks", depth=1)
    assert len(heights(axes)) == 3
