"""Galleries show every picture once, frame what is marked, and refuse what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from course_utils import figures

RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (5, 3, 8, 6), dtype=np.uint8)


def draw(function, *arguments, **options):
    figure, (axes,) = figures.panels(width=7, height=4)
    assert function(axes, *arguments, title="t", **options) is axes
    assert axes.get_title() == "t"
    assert figures.png(figure).startswith(b"\x89PNG")
    return axes


def frames(axes):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def words_in(axes):
    return [text.get_text() for text in axes.texts]


def test_a_gallery_shows_every_picture_as_it_is() -> None:
    axes = draw(figures.gallery, COLOUR, columns=3)
    assert len(axes.images) == len(COLOUR)
    for shown, image in zip(axes.images, COLOUR, strict=True):
        np.testing.assert_allclose(np.asarray(shown.get_array()), np.moveaxis(image, 0, -1) / 255)
    tops = [round(shown.get_extent()[3], 6) for shown in axes.images]
    assert tops[0] == tops[1] == tops[2] < tops[3] == tops[4]


@pytest.mark.parametrize("shape", [(2, 4, 4), (2, 1, 4, 4)])
def test_pictures_with_one_channel_are_grey(shape) -> None:
    values = RNG.random(shape)
    axes = draw(figures.gallery, values)
    shown = np.asarray(axes.images[1].get_array())
    np.testing.assert_allclose(shown, np.repeat(values[1].reshape(4, 4, 1), 3, axis=2))


def test_numbers_beyond_the_range_are_clipped() -> None:
    axes = draw(figures.gallery, np.array([[[-1.0, 2.0]]]))
    assert np.asarray(axes.images[0].get_array())[0, :, 0].tolist() == [0, 1]


def test_pictures_do_not_overlap_each_other_or_the_labels() -> None:
    axes = draw(figures.gallery, COLOUR, labels=list("abcde"), columns=2)
    boxes = [shown.get_extent() for shown in axes.images]  # left, right, bottom, top
    assert boxes[0][1] < boxes[1][0]
    assert boxes[0][2] < axes.texts[2].get_position()[1] < boxes[2][3]
    assert words_in(axes) == list("abcde")


def test_marks_differ_in_colour_and_dashes() -> None:
    axes = draw(figures.gallery, COLOUR, marks=[True, False, None, None, True])
    solid, dashed, again = frames(axes)
    assert solid.get_linestyle() == again.get_linestyle() != dashed.get_linestyle()
    assert solid.get_edgecolor() == again.get_edgecolor() != dashed.get_edgecolor()
    assert not frames(draw(figures.gallery, COLOUR))


def test_a_gallery_refuses_what_does_not_fit() -> None:
    for images in (np.zeros((2, 2, 4, 4)), np.zeros((4, 4)), np.zeros((0, 3, 4, 4))):
        with pytest.raises(ValueError, match="pictures are"):
            draw(figures.gallery, images)
    with pytest.raises(ValueError, match="4 labels for 5"):
        draw(figures.gallery, COLOUR, labels=list("abcd"))
    with pytest.raises(ValueError, match="1 marks for 5"):
        draw(figures.gallery, COLOUR, marks=[True])


def test_windows_in_a_picture_are_framed_and_numbered() -> None:
    axes = draw(figures.framed_picture, COLOUR[0], [(0, 0, 4, 4), (4, 2, 4, 4)])
    assert words_in(axes) == ["1", "2"]
    ends = {(box.get_x(), box.get_y(), box.get_width(), box.get_height()) for box in frames(axes)}
    assert ends == {(-0.5, -0.5, 4, 4), (1.5, 3.5, 4, 4)}


@pytest.mark.parametrize("window", [(5, 0, 4, 4), (0, 3, 4, 4), (-1, 0, 4, 4)])
def test_a_window_outside_its_picture_is_refused(window) -> None:
    with pytest.raises(ValueError, match="leaves a picture of 8x6"):
        draw(figures.framed_picture, COLOUR[0], [window])


def test_guesses_are_sorted_and_the_truth_is_hatched() -> None:
    axes = draw(figures.guesses, list("abcdef"), [0.1, 0.3, 0.05, 0.35, 0.2, 0.0], truth=4, most=4)
    bars = frames(axes)
    assert [bar.get_width() for bar in bars] == [0.35, 0.3, 0.2, 0.1]
    assert [word.get_text() for word in axes.get_yticklabels()] == ["d", "b", "e", "a"]
    hatched = [bool(bar.get_hatch()) for bar in bars]
    assert hatched == [False, False, True, False]
    assert axes.get_yticklabels()[2].get_fontweight() == "bold"


def test_guesses_refuse_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="shape"):
        draw(figures.guesses, list("ab"), [0.5, 0.3, 0.2], truth=0)
    with pytest.raises(ValueError, match="no class 2"):
        draw(figures.guesses, list("ab"), [0.5, 0.5], truth=2)
