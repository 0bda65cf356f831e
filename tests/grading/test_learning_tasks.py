"""Tasks that ask for predictions: right solutions get there with room to spare, wrong ones do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from places import ROOT, SOLUTIONS
from torch import nn
from torch.nn import functional

from course_utils.check.expected import is_learned, public_cases, record_reference
from course_utils.check.probe import PATIENCE, Said, run_all
from course_utils.check.verdict import judge
from course_utils.grading import demo
from course_utils.grading import solution as solutions

LOADED = {folder.name: solutions.load(folder) for folder in SOLUTIONS}
TASKS = {
    f"{name}:{task.name}": (loaded, task)
    for name, loaded in LOADED.items()
    for task in loaded.tasks
    if is_learned(task)
}


@pytest.fixture(autouse=True)
def on_one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def verdict_on(key: str, answer, cases=None):
    loaded, task = TASKS[key]
    expected = record_reference(task, loaded.reference, cases or public_cases(task))
    patience = 10 * PATIENCE  # this machine may be busy, and time is measured elsewhere
    outcomes = run_all(
        expected.probe, answer, expected.cases, expected.returns, Said(), patience=patience, budget=600
    )
    return judge(expected, outcomes)


@pytest.mark.parametrize("key", TASKS)
def test_labels_do_not_travel_and_the_data_that_has_them_is_hidden(key: str) -> None:
    task = TASKS[key][1]
    assert "course_utils.data" in task.forbids
    for case in public_cases(task):
        assert case.truth is not None, "a task that asks for predictions has no other cases"
        assert not any(array is case.truth for array in case.arrays)


@pytest.mark.parametrize(
    "seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("key", TASKS)
def test_the_reference_is_right_often_enough_with_room(key: str, seed) -> None:
    loaded, task = TASKS[key]
    for case in task.cases(np.random.default_rng(seed)):
        labels = getattr(loaded.reference, task.name)(*case.inputs.values())
        assert np.mean(labels == case.truth) >= min(case.accuracy + 0.03, 1)


def samples(kind: str) -> list[tuple[str, str]]:
    return [
        (key, path.stem)
        for key in TASKS
        for path in sorted((ROOT / "solutions" / key.split(":")[0] / "samples").glob(f"{kind}_*.py"))
        if key.split(":")[1] in demo.read_sample(path)
    ]


def answer_of(key: str, sample: str):
    """Return a sample's answer; the cells above it run first, as in a notebook."""
    name, task = key.split(":")
    space: dict = {"np": np}
    for cell in LOADED[name].notebook.cells:
        if "setup" in cell.metadata.get("tags", []):
            exec(cell.source, space)
    for title, source in demo.read_sample(ROOT / "solutions" / name / "samples" / f"{sample}.py").items():
        if title in {each.name for each in LOADED[name].tasks}:
            exec(source, space)
    return space[task]


@pytest.mark.slow
@pytest.mark.parametrize(("key", "sample"), samples("right"))
def test_right_solutions_in_other_styles_get_there(key: str, sample: str) -> None:
    assert verdict_on(key, answer_of(key, sample)).word == "passed"


@pytest.mark.parametrize(("key", "sample"), samples("wrong"))
def test_wrong_solutions_do_not_get_there_and_are_told_why(key: str, sample: str) -> None:
    verdict = verdict_on(key, answer_of(key, sample))
    assert verdict.score == 0
    assert verdict.diagnoses


def trained(images, labels, new_images, **changes):
    """Train a LeNet as the statement of ex06 says, with one thing changed, and predict."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    mean, spread = images.mean(), images.std()
    x, new = (torch.tensor((part - mean) / spread, dtype=torch.float32) for part in (images, new_images))
    if changes.get("forgets_to_scale"):
        new = torch.tensor(new_images, dtype=torch.float32)
    y = torch.tensor(labels) + changes.get("labels_from", 0)
    drop = changes.get("dropout", 0.0)
    net = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Dropout(drop), nn.Linear(400, 120), nn.ReLU(), nn.Dropout(drop), nn.Linear(120, 84), nn.ReLU()),
        *(nn.Dropout(drop), nn.Linear(84, 8), *([nn.Softmax(1)] if changes.get("softmax") else [])),
    )
    if changes.get("linear"):
        net = nn.Sequential(nn.Flatten(), nn.Linear(784, 8))
    rate = changes.get("rate", 0.02)
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9)
    for _ in range(changes.get("rounds", 15)):
        order = rng.permutation(len(x))
        other = rng.permutation(len(x)) if changes.get("apart") else order
        for first in range(0, len(x), 32):
            if not changes.get("keeps_gradients"):
                optimizer.zero_grad()
            batch, theirs = order[first : first + 32], other[first : first + 32]
            functional.cross_entropy(net(x[batch]), y[theirs]).backward()
            optimizer.step()
    net.train(changes.get("train_mode", False))
    with torch.no_grad():
        return net(new).argmax(1).numpy()


WRONG = {
    "no training": {"rounds": 0},
    "one round": {"rounds": 1},
    "images and labels apart": {"apart": True},
    "no zero_grad": {"keeps_gradients": True},
    "a learning rate a hundred times too large": {"rate": 2.0},
    "a learning rate a hundred times too small": {"rate": 0.0002},
    "labels one off": {"labels_from": 1},
    "softmax twice": {"softmax": True},
    "new images not scaled": {"forgets_to_scale": True},
    "heavy dropout in train mode": {"dropout": 0.6, "train_mode": True},
    "a linear classifier": {"linear": True},
}


@pytest.mark.slow
@pytest.mark.parametrize("change", WRONG)
def test_what_goes_wrong_in_training_keeps_ex06_from_getting_there(change: str) -> None:
    verdict = verdict_on("ex06_lenet:train_lenet", lambda *given: trained(*given, **WRONG[change]))
    assert (verdict.score, len(verdict.diagnoses)) == (0, 1), verdict.cases[0].differs


def test_the_same_training_without_a_mistake_gets_there() -> None:
    assert verdict_on("ex06_lenet:train_lenet", trained).word == "passed"


def test_fifty_images_are_not_learned_by_giving_their_labels_back() -> None:
    verdict = verdict_on("ex06_lenet:overfit", lambda images, labels, again: labels)
    assert (verdict.score, verdict.diagnoses[0].name) == (0, "no better than guessing")
