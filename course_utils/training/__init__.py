"""Trains the networks of the course, and keeps records of what training gave.

>>> recipe = Recipe(epochs=10, augment=lambda images, generator: random_flip(images, generator))
>>> history = fit(net, as_tensors(train), as_tensors(test), recipe, seed=0)  # doctest: +SKIP
"""

from course_utils.training.augment import random_crop, random_flip
from course_utils.training.loop import Epoch, Recipe, accuracy, as_tensors, fit
from course_utils.training.records import Record, experiment, mode

__all__ = [
    "Epoch",
    "Recipe",
    "Record",
    "accuracy",
    "as_tensors",
    "experiment",
    "fit",
    "mode",
    "random_crop",
    "random_flip",
]
