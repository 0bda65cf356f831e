"""A figure reaches the notebook once, as a PNG, with its alt text."""

import base64
import io

import numpy as np
import PIL.Image
import pytest

from course_utils import figures
from course_utils.figures import display as display_module


@pytest.fixture
def shown(monkeypatch):
    """The (bundle, metadata) of everything that would have been displayed."""
    outputs = []

    def display(bundle, *, raw, metadata):
        assert raw
        outputs.append((bundle, metadata))

    monkeypatch.setattr(display_module, "display", display)
    return outputs


def test_a_figure_is_shown_as_a_png_with_its_alt_text(shown):
    figure, _ = figures.panels(width=4, height=2)
    assert figures.show(figure, alt="A square.\n   And a <circle>.") is None
    ((bundle, metadata),) = shown
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert metadata["image/png"] == {"alt": "A square. And a <circle>.", "width": 4 * 96}
    assert 'alt="A square. And a &lt;circle&gt;."' in bundle["text/html"]
    assert bundle["image/png"] in bundle["text/html"]


def test_where_no_image_can_be_shown_the_alt_text_is(shown):
    figure, _ = figures.panels()
    figures.show(figure, alt="A square.")
    assert shown[0][0]["text/plain"] == "A square."


@pytest.mark.parametrize("alt", ["", "  \n "])
def test_a_figure_without_words_is_refused(shown, alt):
    figure, _ = figures.panels()
    with pytest.raises(ValueError, match="alt text"):
        figures.show(figure, alt=alt)
    assert shown == []


def test_a_shown_figure_is_cleared(shown):
    figure, _ = figures.panels()
    figures.show(figure, alt="Nothing.")
    assert figure.axes == []


def test_a_figure_made_by_pyplot_is_closed_and_so_not_shown_twice(shown):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    figure = pyplot.figure()
    figures.show(figure, alt="Nothing.")
    assert pyplot.get_fignums() == []


def test_the_png_has_the_size_that_was_asked_for_and_a_white_ground():
    figure, (axes,) = figures.panels(width=3, height=2)
    axes.axis("off")
    picture = PIL.Image.open(io.BytesIO(figures.png(figure, pixels_per_inch=50)))
    assert picture.size == (150, 100)
    assert np.asarray(picture.convert("L")).min() == 255
    assert figure.dpi != 50
