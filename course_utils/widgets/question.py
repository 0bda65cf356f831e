"""A multiple-choice question that marks itself and explains every choice."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from string import ascii_uppercase
from typing import Any

import ipywidgets

from course_utils.widgets.parts import Shown


@dataclass(frozen=True)
class Choice:
    """One answer: its words, whether it is right, and why (shown once it is chosen)."""

    answer: str
    is_right: bool
    explanation: str


class Question(Shown):
    """A question with lettered buttons; choosing one says right or not yet, and why.

    Any number of choices may be tried. The letter of a tried one gets a mark (✓ or ✗), so that colour is
    never the only sign. ``chosen`` is the last one tried, or ``None``.
    """

    def __init__(self, text: str, choices: Sequence[Choice]) -> None:
        self.text = text
        self.choices = tuple(choices)
        self.chosen: Choice | None = None
        self.buttons = [
            ipywidgets.Button(
                description=letter,
                tooltip=f"Choose answer {letter}: {choice.answer}",
                layout=ipywidgets.Layout(width="3.5em", flex="0 0 auto"),
            )
            for letter, choice in zip(ascii_uppercase, self.choices, strict=False)
        ]
        self.feedback = ipywidgets.HTMLMath()
        for button, choice in zip(self.buttons, self.choices, strict=True):
            button.on_click(partial(self._choose, choice))
        rows = [
            ipywidgets.HBox(
                [button, ipywidgets.HTMLMath(_html(choice.answer))],
                layout=ipywidgets.Layout(align_items="center"),
            )
            for button, choice in zip(self.buttons, self.choices, strict=True)
        ]
        head = ipywidgets.HTMLMath(f"<b>Question.</b> {_html(text)}")
        self.box = ipywidgets.VBox(
            [head, *rows, self.feedback],
            layout=ipywidgets.Layout(border="1px solid #b0b0b0", padding="0.4em 1em", max_width="62em"),
        )

    def choose(self, letter: str) -> None:
        """Choose an answer by its letter, as a click on its button does.

        Raises ``ValueError`` for a letter that no answer has.
        """
        for button, choice in zip(self.buttons, self.choices, strict=True):
            if button.description[0] == letter.upper():
                self._choose(choice, button)
                return
        raise ValueError(f"there is no answer {letter}")

    def _choose(self, choice: Choice, button: Any) -> None:
        self.chosen = choice
        letter = button.description[0]
        button.description = f"{letter} {'✓' if choice.is_right else '✗'}"
        button.button_style = "success" if choice.is_right else "warning"
        verdict = "Right" if choice.is_right else "Not yet"
        # role=status: a screen reader reads the explanation out when it appears
        self.feedback.value = (
            f"<div role='status'><b>{letter}: {verdict}.</b> {_html(choice.explanation)}</div>"
        )

    def __repr__(self) -> str:
        letters = zip(ascii_uppercase, self.choices, strict=False)
        return "\n".join(
            [f"Question. {self.text}", *(f"  {letter}) {choice.answer}" for letter, choice in letters)]
        )


def question(text: str, choices: Sequence[Choice | tuple[str, bool, str]]) -> Question:
    """Return a self-marking question with 2 to 26 choices: (answer, is it right, explanation), one right.

    Text between backticks is set as code, text between dollar signs as a formula.

    Raises ``ValueError`` for too few or too many choices, for none or several right ones, for the same
    answer twice and for a choice without an explanation.
    """
    made = [choice if isinstance(choice, Choice) else Choice(*choice) for choice in choices]
    if not 2 <= len(made) <= len(ascii_uppercase):
        raise ValueError(f"a question has 2 to {len(ascii_uppercase)} choices, not {len(made)}")
    if sum(choice.is_right for choice in made) != 1:
        raise ValueError("exactly one choice of a question is right")
    if len({choice.answer for choice in made}) < len(made):
        raise ValueError("two choices of a question are the same")
    for choice in made:
        if not choice.explanation.strip():
            raise ValueError(f"the choice {choice.answer!r} has no explanation")
    return Question(text, made)


def _html(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
