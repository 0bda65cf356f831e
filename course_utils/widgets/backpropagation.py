"""The network of the slides, step by step: forward, backward, and one step of gradient descent."""

from dataclasses import dataclass
from math import tanh
from typing import Any

import ipywidgets

from course_utils.figures import network, panels
from course_utils.widgets.parts import (
    CONTROL_WIDTH,
    DESCRIPTION_WIDTH,
    Drawn,
    play,
    side_by_side,
    slider,
)

MILLISECONDS_PER_STEP = 1500
LARGEST = 2.0  # of an input and of the target, to both sides

LAYERS = (("x₀", "x₁", "x₂"), ("z₀", "z₁", "z₂"), ("ŷ",), ("L",))
FIRST = {"w₀₁": 0.1, "w₁₁": 0.8, "w₂₁": -0.4, "w₀₂": -0.3, "w₁₂": 0.2, "w₂₂": 0.5}
SECOND = {"w₀": 0.2, "w₁": 0.5, "w₂": -0.6}
WEIGHTS = FIRST | SECOND
LINKS = (
    {name: (f"x{name[1]}", f"z{name[2]}") for name in FIRST}
    | {name: (f"z{name[1]}", "ŷ") for name in SECOND}
    | {"": ("ŷ", "L")}
)


@dataclass(frozen=True)
class Step:
    """One thing that happens: the quantity it makes, how, and which units and connections take part."""

    made: str
    title: str
    formula: str
    marked: tuple[Any, ...]


class Backpropagation(Drawn):
    """The widget that ``backpropagation`` returns.

    ``step``, ``x1``, ``x2``, ``y`` and ``learning_rate`` are its sliders and ``play`` the animation;
    ``picture`` and ``words`` are what it shows; ``box`` holds them all.

    The weights are those of lecture 1. Every number follows the sliders at once, at whatever step.
    """

    def __init__(self) -> None:
        super().__init__()
        self.step = slider("Step", 0, 0, 1)
        self.step.layout.width = "30em"
        self.play = play("go through all steps", interval=MILLISECONDS_PER_STEP)
        self.x1 = _decimals("Input x₁", 0.5, -LARGEST, LARGEST)
        self.x2 = _decimals("Input x₂", -1.0, -LARGEST, LARGEST)
        self.y = _decimals("Target y", -0.5, -LARGEST, LARGEST)
        self.learning_rate = _decimals("Learning rate η", 0.1, 0.05, 1.0, 0.05)
        self.step.max = self.play.max = len(self.steps()) - 1
        self.step.observe(self._step_changed, names="value")
        self.play.observe(self._play_stepped, names="value")
        for number in (self.x1, self.x2, self.y, self.learning_rate):
            number.observe(self._draw, names="value")
        self.box = ipywidgets.VBox(
            [
                side_by_side(self.step, self.play),
                side_by_side([self.x1, self.x2], [self.y, self.learning_rate]),
                self.picture,
                self.words,
            ]
        )
        self._draw(None)

    def numbers(self) -> dict[str, float]:
        """Return every quantity of the forward pass, the backward pass and the update, by its name."""
        n = {"x₀": 1.0, "x₁": self.x1.value, "x₂": self.x2.value, "z₀": 1.0, "y": self.y.value} | WEIGHTS
        n |= _forward(n)
        n["δ"] = n["ŷ"] - n["y"]
        for j in "₁₂":
            n[f"δ{j}"] = (1 - n[f"z{j}"] ** 2) * n[f"w{j}"] * n["δ"]
        for name in SECOND:
            n[f"∂{name}"] = n["δ"] * n[f"z{name[1]}"]
        for name in FIRST:
            n[f"∂{name}"] = n[f"δ{name[2]}"] * n[f"x{name[1]}"]
        eta = self.learning_rate.value
        moved = {name: n[name] - eta * n[f"∂{name}"] for name in WEIGHTS}
        n |= {f"new {name}": weight for name, weight in moved.items()}
        n |= {f"new {name}": value for name, value in _forward(n | moved).items()}
        return n

    def steps(self) -> list[Step]:
        """Return the steps, in order, with the present numbers in their formulas."""
        n = self.numbers()
        s = {name: _number(value) for name, value in n.items()}
        b = {name: f"({word})" if word.startswith("−") else word for name, word in s.items()}
        steps = [Step("", "Inputs and weights", "Nothing is computed yet", LAYERS[0])]
        for j in "₁₂":
            into = [f"w{i}{j}" for i in "₀₁₂"]
            terms = " + ".join(f"{b[name]}·{b[f'x{name[1]}']}" for name in into)
            links = tuple(LINKS[name] for name in into)
            steps.append(
                Step(f"a{j}", f"Forward: input a{j}", f"a{j} = {terms} = {s[f'a{j}']}", (*links, f"z{j}"))
            )
            steps.append(
                Step(
                    f"z{j}",
                    f"Forward: hidden output z{j}",
                    f"z{j} = tanh({s[f'a{j}']}) = {s[f'z{j}']}",
                    (f"z{j}",),
                )
            )
        terms = " + ".join(f"{b[name]}·{b[f'z{name[1]}']}" for name in SECOND)
        links = tuple(LINKS[name] for name in SECOND)
        steps += [
            Step("ŷ", "Forward: net output ŷ", f"ŷ = {terms} = {s['ŷ']}", (*links, "ŷ")),
            Step("L", "Loss", f"L = ½({s['y']} − {b['ŷ']})² = {s['L']}", (LINKS[""], "L")),
            Step("δ", "Backward: δ = ŷ − y", f"δ = {s['ŷ']} − {b['y']} = {s['δ']}", (LINKS[""], "ŷ")),
        ]
        for name in SECOND:
            z = f"z{name[1]}"
            formula = f"∂L/∂{name} = δ·{z} = {b['δ']}·{b[z]} = {s[f'∂{name}']}"
            steps.append(Step(f"∂{name}", f"Backward: gradient of {name}", formula, (LINKS[name], "ŷ", z)))
        for j in "₁₂":
            formula = f"δ{j} = (1 − z{j}²)·w{j}·δ = (1 − {b[f'z{j}']}²)·{b[f'w{j}']}·{b['δ']} = {s[f'δ{j}']}"
            steps.append(
                Step(f"δ{j}", f"Backward: δ{j} of a hidden unit", formula, (LINKS[f"w{j}"], "ŷ", f"z{j}"))
            )
        for name in FIRST:
            x, d = f"x{name[1]}", f"δ{name[2]}"
            formula = f"∂L/∂{name} = {d}·{x} = {b[d]}·{b[x]} = {s[f'∂{name}']}"
            steps.append(
                Step(f"∂{name}", f"Backward: gradient of {name}", formula, (LINKS[name], x, f"z{name[2]}"))
            )
        eta = f"{self.learning_rate.value:.2f}"
        name = "w₁"
        steps.append(
            Step(
                "new",
                "Update: every weight moves against its gradient",
                f"Every weight w becomes w − η·∂L/∂w. For example {name} = {s[name]} − {eta}·{b[f'∂{name}']} "
                f"= {s[f'new {name}']}",
                tuple(LINKS[name] for name in WEIGHTS),
            )
        )
        steps.append(
            Step(
                "new L",
                f"Forward once more: the loss {_change(n['L'], n['new L'])}",
                f"With the new weights ŷ = {s['new ŷ']}, and the loss goes from {s['L']} to {s['new L']}",
                ("ŷ", "L", LINKS[""]),
            )
        )
        return steps

    def _step_changed(self, change: object) -> None:
        self.play.value = self.step.value
        self._draw(None)

    def _play_stepped(self, change: object) -> None:
        self.step.value = self.play.value

    def _draw(self, change: object) -> None:
        numbers = (self.x1.value, self.x2.value, self.y.value, self.learning_rate.value)
        if not self._is_new(self.step.value, *numbers):
            return
        steps = self.steps()
        figure, (axes,) = panels(width=9.5, height=4.9)
        links, values = self._labels(steps)
        now = steps[self.step.value]
        network(axes, LAYERS, links, title=now.title, values=values, marked=now.marked)
        self._show(figure, self._describe(steps), size="110%")  # the words hold the formula

    def _labels(self, steps: list[Step]) -> tuple[dict[tuple[str, str], str], dict[str, str]]:
        """Return what stands on the connections and below the units after the present step."""
        n = self.numbers()
        made = {step.made for step in steps[: self.step.value + 1]}
        again = "new " if "new L" in made else ""
        if "new" in made and not again:  # with new weights, what the old ones made no longer holds
            made = {"new"}
        links = {LINKS[""]: ""}
        for name in WEIGHTS:
            if "new" in made:
                links[LINKS[name]] = f"{name} = {_number(n[f'new {name}'])}"
            else:
                links[LINKS[name]] = f"{name} = {_number(n[name])}"
                if f"∂{name}" in made:
                    links[LINKS[name]] += f"\n∂ = {_number(n[f'∂{name}'])}"
        values = {unit: _number(n[unit]) for unit in ("x₀", "x₁", "x₂", "z₀")}
        for j in "₁₂":
            lines = [f"{name} = {_number(n[again + name])}" for name in (f"a{j}", f"z{j}") if name in made]
            if f"δ{j}" in made and "new" not in made:
                lines.append(f"δ{j} = {_number(n[f'δ{j}'])}")
            values[f"z{j}"] = "\n".join(lines)
        output = [f"ŷ = {_number(n[f'{again}ŷ'])}"] if "ŷ" in made else []
        if "δ" in made and "new" not in made:
            output.append(f"δ = {_number(n['δ'])}")
        values["ŷ"] = "\n".join(output)
        loss = [f"y = {_number(n['y'])}"]
        if "L" in made:
            loss.append(f"L = {_number(n[f'{again}L'])}")
        values["L"] = "\n".join(loss)
        return links, {unit: words for unit, words in values.items() if words}

    def _describe(self, steps: list[Step]) -> str:
        now = steps[self.step.value]
        return f"Step {self.step.value} of {len(steps) - 1}. {now.title}. {now.formula}."

    def __repr__(self) -> str:
        return (
            f"Backpropagation with x₁ = {_number(self.x1.value)}, x₂ = {_number(self.x2.value)}, "
            f"y = {_number(self.y.value)}, η = {self.learning_rate.value:.2f}. {self._describe(self.steps())}"
        )


def backpropagation() -> Backpropagation:
    """Return the widget: the tanh network of the slides, with every number of a step of gradient descent.

    The step slider (or *Play*) goes through the forward pass, the loss, the backward pass weight by weight,
    the update and a second forward pass. Sliders set the two inputs, the target and the learning rate. The
    picture marks what takes part; the sentence below has the formula with its numbers, and is also the
    picture's alt text.

    Names: ``wᵢⱼ`` leads from input i to hidden unit j, ``wⱼ`` from hidden unit j to the output, and ∂ is
    the derivative of the loss with respect to the weight above it.

    Without a front end that shows widgets the cell prints that sentence. There, ``figures.network`` draws
    any network with its numbers.
    """
    return Backpropagation()


def _forward(n: dict[str, float]) -> dict[str, float]:
    """Compute a, z, ŷ and L from inputs, weights and target."""
    made = {f"a{j}": sum(n[f"w{i}{j}"] * n[f"x{i}"] for i in "₀₁₂") for j in "₁₂"}
    made |= {f"z{j}": tanh(made[f"a{j}"]) for j in "₁₂"}
    made["ŷ"] = n["w₀"] * n["z₀"] + n["w₁"] * made["z₁"] + n["w₂"] * made["z₂"]
    made["L"] = (n["y"] - made["ŷ"]) ** 2 / 2
    return made


def _decimals(description: str, value: float, low: float, high: float, step: float = 0.25) -> Any:
    return ipywidgets.FloatSlider(
        value=value,
        min=low,
        max=high,
        step=step,
        description=description,
        readout_format=".2f",
        style={"description_width": DESCRIPTION_WIDTH},
        layout=ipywidgets.Layout(width=CONTROL_WIDTH),
    )


def _number(value: float) -> str:
    """Three decimals, with a real minus sign, and no minus in front of a zero."""
    word = f"{value:.3f}"
    return "0.000" if word == "-0.000" else word.replace("-", "−")


def _change(before: float, after: float) -> str:
    if abs(after - before) < 5e-4:
        return "stays"
    return "falls" if after < before else "rises: the step was too long"
