"""Datasets of the course: one function loads one, and nothing needs a download to begin.

>>> from course_utils.data import load
>>> load("fashion_mnist")
Dataset('fashion_mnist', 'train': 6000 uint8 images of (1, 28, 28), 10 classes)
"""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from course_utils.data import fashion_mnist, photographs
from course_utils.data.dataset import DataCorruptError, DataNotFoundError, Dataset

__all__ = ["DataCorruptError", "DataNotFoundError", "Dataset", "Status", "available", "load", "status"]


class _Source(NamedTuple):
    splits: tuple[str, ...]
    read: Callable[[str], Dataset]


_SOURCES = {
    "fashion_mnist": _Source(("train", "test"), fashion_mnist.read_subset),
    "fashion_mnist_full": _Source(("train", "test"), fashion_mnist.read_full),
    "photographs": _Source(("all",), photographs.read),
    "photo_patches": _Source(("train", "test"), photographs.read_patches),
}


class Status(NamedTuple):
    """What ``course doctor`` says of one dataset."""

    name: str
    present: bool
    where: str  # the file or folder that holds it, or would
    advice: str  # empty when the dataset is present


def available() -> dict[str, tuple[str, ...]]:
    """Every dataset's name and its splits, the default split first."""
    return {name: source.splits for name, source in _SOURCES.items()}


def load(name: str, split: str | None = None) -> Dataset:
    """Load one split of a dataset; ``None`` takes the first. The arrays are yours to change.

    Raises ValueError for an unknown name or split; for ``fashion_mnist_full`` also DataNotFoundError when it
    is neither present nor downloadable, and DataCorruptError when a file's content is not what was published.
    """
    if name not in _SOURCES:
        raise ValueError(f"there is no dataset {name!r}; there are {', '.join(_SOURCES)}")
    splits = _SOURCES[name].splits
    split = splits[0] if split is None else split
    if split not in splits:
        raise ValueError(f"{name} has no split {split!r}; it has {', '.join(splits)}")
    kept = _read(name, split)
    return replace(kept, images=kept.images.copy(), labels=kept.labels.copy())


@lru_cache
def _read(name: str, split: str) -> Dataset:
    return _SOURCES[name].read(split)


def status() -> list[Status]:
    """Which datasets are present, where, and how to get the others. Looks at names only; never raises."""
    report = []
    for name, files in {
        "fashion_mnist": [fashion_mnist.SUBSET],
        "photographs": photographs.files(),
        "photo_patches": photographs.files(),
    }.items():
        present = all(os.access(file, os.R_OK) for file in files)
        advice = "" if present else "install the course again: pip install --force-reinstall convnet-course"
        report.append(Status(name, present, str(files[0].parent), advice))

    folder = fashion_mnist.find()
    where, advice = (folder, "") if folder else (fashion_mnist.cache(), fashion_mnist.ADVICE)
    return [*report, Status("fashion_mnist_full", folder is not None, str(where), advice)]
