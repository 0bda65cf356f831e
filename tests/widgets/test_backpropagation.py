"""The widget's numbers are those of autograd, at every step and for every setting of its sliders."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.widgets import backpropagation
from course_utils.widgets.backpropagation import FIRST, SECOND, WEIGHTS

VALUES = st.integers(-8, 8).map(lambda quarter: quarter / 4)
MOVES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["x1", "x2", "y"]), VALUES),
        st.tuples(st.just("learning_rate"), st.integers(1, 20).map(lambda n: n / 20)),
        st.tuples(st.sampled_from(["step", "play"]), st.integers(-3, 40)),
    ),
    min_size=1,
    max_size=8,
)


def autograd(widget):
    """Every quantity by its name, computed by torch with matrices."""
    x = torch.tensor([1.0, widget.x1.value, widget.x2.value], dtype=torch.float64)
    first = torch.tensor(list(FIRST.values()), dtype=torch.float64).reshape(2, 3).requires_grad_()
    second = torch.tensor(list(SECOND.values()), dtype=torch.float64, requires_grad=True)

    def forward(first, second):
        a = first @ x
        a.retain_grad()
        z = torch.cat([torch.ones(1, dtype=torch.float64), torch.tanh(a)])
        y_hat = second @ z
        y_hat.retain_grad()
        return a, z, y_hat, (widget.y.value - y_hat) ** 2 / 2

    a, z, y_hat, loss = forward(first, second)
    loss.backward()
    found = {"a₁": a[0], "a₂": a[1], "z₁": z[1], "z₂": z[2], "ŷ": y_hat, "L": loss}
    found |= {"δ": y_hat.grad, "δ₁": a.grad[0], "δ₂": a.grad[1]}
    found |= {f"∂{name}": grad for name, grad in zip(FIRST, first.grad.ravel(), strict=True)}
    found |= {f"∂{name}": grad for name, grad in zip(SECOND, second.grad, strict=True)}
    eta = widget.learning_rate.value
    moved = [(w - eta * w.grad).detach().requires_grad_() for w in (first, second)]
    found |= {
        f"new {name}": w for name, w in zip(WEIGHTS, torch.cat([w.ravel() for w in moved]), strict=True)
    }
    a, z, y_hat, loss = forward(*moved)
    found |= {"new a₁": a[0], "new z₂": z[2], "new ŷ": y_hat, "new L": loss}
    return {name: value.item() for name, value in found.items()}


def assert_consistent(widget):
    numbers = widget.numbers()
    for name, value in autograd(widget).items():
        assert numbers[name] == pytest.approx(value, abs=1e-12), name
    steps = widget.steps()
    assert widget.play.value == widget.step.value
    assert 0 <= widget.step.value <= widget.step.max == len(steps) - 1
    now = steps[widget.step.value]
    assert f"Step {widget.step.value} of {len(steps) - 1}. {now.title}." in widget.words.value
    if now.made in numbers and not now.made.startswith("new"):
        said = float(now.formula.rsplit("= ", 1)[1].replace("−", "-"))
        assert said == pytest.approx(numbers[now.made], abs=5.01e-4)


@pytest.fixture(scope="module")
def shared():
    """One widget for all random walks, so that every walk starts from where another one ended."""
    return backpropagation()


@given(moves=MOVES)
@settings(max_examples=12, deadline=None, derandomize=True)
def test_sliders_moved_in_any_order_agree_with_autograd(shared, moves):
    for name, value in moves:
        before = shared.picture.value, shared._drawn
        getattr(shared, name).value = value
        assert_consistent(shared)
        if shared._drawn == before[1]:
            assert shared.picture.value == before[0]


def test_playing_to_the_end_makes_every_quantity_once_and_changes_the_picture_each_time():
    widget = backpropagation()
    pictures = set()
    for step in range(widget.play.max + 1):
        widget.play.value = step
        assert_consistent(widget)
        pictures.add(widget.picture.value)
    assert len(pictures) == widget.step.max + 1
    made = [step.made for step in widget.steps()]
    assert len(made) == len(set(made))
    assert made.index("L") < made.index("δ") < made.index("δ₁") < made.index("∂w₂₂") < made.index("new L")
    assert {f"∂{name}" for name in WEIGHTS} <= set(made)


def test_numbers_appear_in_the_picture_when_they_are_made_and_not_before():
    widget = backpropagation()
    steps = widget.steps()
    for number, step in enumerate(steps):
        widget.step.value = number
        links, values = widget._labels(steps)
        shown = " ".join([*links.values(), *values.values()])
        made = {s.made for s in steps[: number + 1]}
        if "new" in made:
            continue
        assert ("a₁ =" in shown) == ("a₁" in made)
        assert ("δ₂ =" in shown) == ("δ₂" in made)
        assert shown.count("∂ =") == sum(name.startswith("∂") for name in made)
        assert step.made == "" or len(step.marked) > 0


def test_the_slides_slips_would_give_other_numbers():
    numbers = backpropagation().numbers()
    for j in "₁₂":
        slope = (1 - numbers[f"z{j}"]) ** 2
        assert not np.isclose(slope * numbers[f"w{j}"] * numbers["δ"], numbers[f"δ{j}"])
    assert not np.isclose(numbers["δ₁"] * numbers["x₁"], numbers["∂w₂₁"])


def test_the_last_step_says_whether_the_loss_fell():
    widget = backpropagation()
    widget.step.value = widget.step.max
    assert "the loss falls" in widget.words.value
    widget.x1.value = widget.x2.value = 2.0
    widget.learning_rate.value = 1.0
    assert widget.numbers()["new L"] > widget.numbers()["L"]
    assert "the loss rises: the step was too long" in widget.words.value


def test_the_picture_has_the_words_as_its_alt_text():
    widget = backpropagation()
    words = re.search(r">(.*)<", widget.words.value).group(1)
    assert f"alt='{words}'" in widget.picture.value


def test_every_control_says_what_it_is():
    widget = backpropagation()
    for control in (widget.step, widget.x1, widget.x2, widget.y, widget.learning_rate):
        assert control.description
    assert widget.play.tooltip


def test_without_a_front_end_the_state_is_told_in_words():
    bundle = backpropagation()._repr_mimebundle_()
    assert bundle["text/plain"].startswith(
        "Backpropagation with x₁ = 0.500, x₂ = −1.000, y = −0.500, η = 0.10. Step 0 of 20. Inputs and weights"
    )
    assert "application/vnd.jupyter.widget-view+json" in bundle
