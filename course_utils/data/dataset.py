"""What every loader returns, and what it raises."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

EMBEDDED = Path(__file__).parent / "embedded"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """One split of a dataset of images with one label each."""

    name: str
    split: str
    images: npt.NDArray[np.uint8]  # (N, C, H, W)
    labels: npt.NDArray[np.int64]  # (N,), indices into class_names
    class_names: tuple[str, ...]
    licence: str
    provenance: str

    def __repr__(self) -> str:
        n, *shape = self.images.shape
        return (
            f"Dataset({self.name!r}, {self.split!r}: {n} {self.images.dtype} images of {tuple(shape)}, "
            f"{len(self.class_names)} classes)"
        )


class DataNotFoundError(FileNotFoundError):
    """A dataset is neither on this machine nor can it be downloaded; the message says what to do."""


class DataCorruptError(ValueError):
    """A file's content is not what its publisher published; the message names the file and the remedy."""
