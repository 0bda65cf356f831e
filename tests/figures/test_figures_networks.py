"""The drawing of a network shows every unit, every connection, and the words that belong to them."""

import numpy as np
import pytest

from course_utils import figures

LAYERS = (("x₁", "x₂"), ("z₁", "z₂"), ("ŷ",))
LINKS = {
    ("x₁", "z₁"): "w₁₁ = 1",
    ("x₁", "z₂"): "",
    ("x₂", "z₂"): "w₂₂ = 2",
    ("z₁", "ŷ"): "",
    ("z₂", "ŷ"): "v",
}


def draw(layers=LAYERS, links=LINKS, **options):
    figure, (axes,) = figures.panels(width=8, height=4)
    assert figures.network(axes, layers, links, title="t", **options) is axes
    assert axes.get_title() == "t"
    assert figures.png(figure).startswith(b"\x89PNG")
    return axes


def words(axes):
    return [text.get_text() for text in axes.texts]


def test_there_is_a_line_for_each_connection_and_its_words_stand_on_it():
    axes = draw()
    assert len(axes.lines) == len(LINKS)
    assert [word for word in words(axes) if word in LINKS.values()] == ["w₁₁ = 1", "w₂₂ = 2", "v"]
    for line, label in zip(axes.lines, LINKS.values(), strict=True):
        if not label:
            continue
        text = next(text for text in axes.texts if text.get_text() == label)
        (x0, x1), (y0, y1) = line.get_data()
        share = (text.get_position()[0] - x0) / (x1 - x0)
        assert 0.2 < share < 0.8
        assert text.get_position()[1] == pytest.approx(y0 + share * (y1 - y0))


def test_layers_stand_from_left_to_right_and_units_from_top_to_bottom():
    axes = draw()
    places = {text.get_text(): text.get_position() for text in axes.texts}
    assert places["x₁"][0] == places["x₂"][0] < places["z₁"][0] < places["ŷ"][0]
    assert places["x₁"][1] > places["x₂"][1]


def test_values_stand_below_their_unit():
    axes = draw(values={"z₂": "z₂ = 0.5\nδ₂ = 1", "ŷ": "3"})
    places = {text.get_text(): np.array(text.get_position()) for text in axes.texts}
    assert places["z₂ = 0.5\nδ₂ = 1"][0] == places["z₂"][0]
    assert places["z₂ = 0.5\nδ₂ = 1"][1] < places["z₂"][1]
    assert "3" in places


def test_marked_units_and_connections_are_heavy():
    axes = draw(marked=("z₁", ("x₂", "z₂")))
    assert [line.get_linewidth() > 2 for line in axes.lines] == [False, False, True, False, False]
    assert [patch.get_linewidth() > 2 for patch in axes.patches] == [False, False, True, False, False]


def test_labels_of_a_fully_connected_layer_do_not_meet():
    layers = (("a", "b", "c"), ("d", "e", "f"))
    links = {(i, j): f"weight {i}{j}" for i in layers[0] for j in layers[1]}
    axes = draw(layers, links)
    places = np.array([text.get_position() for text in axes.texts if text.get_text().startswith("weight")])
    apart = np.abs(places[:, np.newaxis] - places) + 10 * np.eye(len(places))[..., np.newaxis]
    assert ((apart[..., 0] > 0.5) | (apart[..., 1] > 0.3)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": ()}, "at least one unit"),
        ({"layers": (("a", "b"), ("a",))}, "two units have the name a"),
        ({"links": {("x₁", "q"): ""}}, "two units of the network"),
        ({"links": {("x₁", "ŷ"): ""}}, "next layer"),
        ({"links": {("z₁", "x₁"): ""}}, "next layer"),
        ({"values": {"q": "1"}}, "no unit q"),
        ({"marked": ["q"]}, "no unit or connection q"),
        ({"marked": [("x₂", "z₁")]}, "no unit or connection"),
    ],
)
def test_what_is_not_there_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        draw(**({"links": {}} | change))
