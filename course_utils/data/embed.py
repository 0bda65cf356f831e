"""Make the embedded files again from their sources: ``python -m course_utils.data.embed``.

Needs scikit-image and scikit-learn, whose packages hold the photographs, and the whole of Fashion-MNIST.
"""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from course_utils.data import fashion_mnist, photographs
from course_utils.data.dataset import DataNotFoundError

SEED = 2017
PER_CLASS = {"train": 600, "test": 100}


def fashion_mnist_subset() -> dict[str, npt.NDArray[np.uint8]]:
    """Draw images (N, 28, 28) and labels (N,) of both splits, the same number of each class, shuffled."""
    rng = np.random.default_rng(SEED)
    arrays = {}
    for split, count in PER_CLASS.items():
        full = fashion_mnist.read_full(split)
        of_class = [np.flatnonzero(full.labels == label) for label in range(len(full.class_names))]
        chosen = rng.permutation(np.concatenate([rng.choice(c, count, replace=False) for c in of_class]))
        arrays[f"{split}_images"] = full.images[chosen, 0]
        arrays[f"{split}_labels"] = full.labels[chosen].astype(np.uint8)
    return arrays


def photograph(entry: photographs.Photograph) -> Image.Image:
    """Crop an entry's source and resize it to the size that all photographs have."""
    try:
        source = Path(str(distribution(entry.package).locate_file(entry.path)))
    except PackageNotFoundError:
        raise DataNotFoundError(f"{entry.path} is in {entry.package}: pip install {entry.package}") from None
    with Image.open(source) as image:
        size = photographs.WIDTH, photographs.HEIGHT
        return image.convert("RGB").resize(size, Image.Resampling.LANCZOS, box=entry.box)


def main() -> None:
    """Write the embedded files over those that are there; the credits go into the PNG files too."""
    for entry in photographs.PHOTOGRAPHS:
        credit = PngImagePlugin.PngInfo()
        credit.add_itxt("Title", entry.title)
        credit.add_itxt("Author", entry.author)
        credit.add_itxt("Copyright", entry.licence)
        credit.add_itxt("Source", entry.source)
        credit.add_itxt("Comment", f"{entry.package}'s {entry.path}, cropped and resized")
        entry.file.parent.mkdir(parents=True, exist_ok=True)
        photograph(entry).save(entry.file, optimize=True, pnginfo=credit)
    arrays: dict[str, Any] = fashion_mnist_subset()  # Any: names of arrays could be names of options
    np.savez_compressed(fashion_mnist.SUBSET, **arrays)


if __name__ == "__main__":
    main()
