"""Questions mark themselves, explain each choice, and keep the answer to themselves until asked."""

import pytest

from course_utils.widgets import Choice, question

CHOICES = [
    ("four", True, "Because `2 + 2` is <4.5."),
    Choice("five", False, "One too many: $2 + 3$."),
]


@pytest.fixture
def asked():
    return question("What is `2 + 2`?", CHOICES)


def test_nothing_is_marked_before_a_choice(asked):
    assert asked.chosen is None
    assert asked.feedback.value == ""
    assert [button.description for button in asked.buttons] == ["A", "B"]


def test_clicking_the_right_answer_says_so_and_why(asked):
    asked.buttons[0].click()
    assert asked.chosen.is_right
    assert "Right" in asked.feedback.value
    assert "<code>2 + 2</code> is &lt;4.5" in asked.feedback.value
    assert asked.buttons[0].description == "A ✓"


def test_clicking_a_wrong_answer_says_not_yet_and_why(asked):
    asked.buttons[1].click()
    assert not asked.chosen.is_right
    assert "Not yet" in asked.feedback.value
    assert "One too many" in asked.feedback.value
    assert "Because" not in asked.feedback.value
    assert asked.buttons[1].description == "B ✗"


def test_one_may_try_again(asked):
    for letter in "baab":
        asked.choose(letter)
    assert [button.description for button in asked.buttons] == ["A ✓", "B ✗"]
    assert asked.chosen.answer == "five"


def test_the_explanation_is_announced_to_screen_readers(asked):
    asked.choose("A")
    assert "role='status'" in asked.feedback.value


def test_every_button_says_which_answer_it_chooses(asked):
    assert [button.tooltip for button in asked.buttons] == ["Choose answer A: four", "Choose answer B: five"]


def test_without_a_front_end_the_question_is_readable_and_the_answer_hidden(asked):
    bundle = asked._repr_mimebundle_()
    assert bundle["text/plain"] == repr(asked) == "Question. What is `2 + 2`?\n  A) four\n  B) five"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_the_page_is_not_sent_what_is_right_before_a_choice(asked):
    waiting, sent = [asked.box], []
    while waiting:
        widget = waiting.pop()
        sent.append(str(widget.get_state()))
        waiting += getattr(widget, "children", ())
    assert any("five" in state for state in sent)
    assert not any("Because" in state or "too many" in state for state in sent)


def test_a_letter_that_no_answer_has_is_refused(asked):
    with pytest.raises(ValueError, match="no answer C"):
        asked.choose("C")


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (CHOICES[:1], "2 to 26 choices"),
        ([("a", True, "x"), ("b", True, "y")], "exactly one"),
        ([("a", False, "x"), ("b", False, "y")], "exactly one"),
        ([("a", True, "x"), ("a", False, "y")], "the same"),
        ([("a", True, "x"), ("b", False, " ")], "no explanation"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        question("Which?", choices)
