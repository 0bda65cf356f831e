"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, https://arxiv.org/abs/1708.07747): an embedded subset, and all.

The whole set is four gzipped IDX files. They are taken from the first place that has all four: the folder
that the environment variable COURSE_DATA names, Debian's package, this user's cache. Else they are
downloaded into the cache. Whatever the place, the decompressed content is verified: Debian compressed the
files again, so that its .gz differ from upstream's and their content does not.
"""

import gzip
import hashlib
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import platformdirs

from course_utils.data.dataset import EMBEDDED, DataCorruptError, DataNotFoundError, Dataset

CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
LICENCE = "MIT, copyright 2017 Zalando SE"
PROJECT = "https://github.com/zalandoresearch/fashion-mnist"
URL = f"{PROJECT}/raw/master/data/fashion/"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
SUBSET = EMBEDDED / "fashion_mnist.npz"
ADVICE = "the first use downloads it (31 MB); Debian has it too: apt-get install dataset-fashion-mnist"


class Idx(NamedTuple):
    """One published file."""

    name: str
    md5: str  # of the .gz, as the project's README states it
    sha256: str  # of the decompressed content


FILES = {  # split: images, labels
    "train": (
        Idx(
            "train-images-idx3-ubyte.gz",
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        Idx(
            "train-labels-idx1-ubyte.gz",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
    ),
    "test": (
        Idx(
            "t10k-images-idx3-ubyte.gz",
            "bef4ecab320f06d8554ea6380940ec79",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        Idx(
            "t10k-labels-idx1-ubyte.gz",
            "bb300cfdad3c16e7a12a480ee83cd310",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
}


def read_subset(split: str) -> Dataset:
    """Read the embedded part: images (6000 or 1000, 1, 28, 28), 600 or 100 a class, in shuffled order."""
    with np.load(SUBSET, allow_pickle=False) as arrays:
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
    provenance = f"drawn at random, stratified by class, from the {split} set of {PROJECT}"
    return _dataset("fashion_mnist", split, images, labels, provenance)


def read_full(split: str) -> Dataset:
    """Read the whole set: images (60000 or 10000, 1, 28, 28). Raises DataNotFoundError, DataCorruptError."""
    folder = find() or _download()
    images, labels = (_read_idx(folder / file.name, file.sha256) for file in FILES[split])
    return _dataset("fashion_mnist_full", split, images, labels, f"{folder}, published at {PROJECT}")


def _dataset(
    name: str, split: str, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], provenance: str
) -> Dataset:
    return Dataset(name, split, images[:, None], labels.astype(np.int64), CLASS_NAMES, LICENCE, provenance)


def cache() -> Path:
    """Name the folder that downloads go to."""
    return platformdirs.user_cache_path("convnet-course") / "fashion-mnist"


def folders() -> list[Path]:
    """Where the four files may lie, in the order in which they are looked for."""
    chosen = os.environ.get("COURSE_DATA")
    return [*([Path(chosen)] if chosen else []), DEBIAN, cache()]


def find() -> Path | None:
    """Find the first folder that holds all four files, if any does. Their content is not looked at."""
    names = [file.name for files in FILES.values() for file in files]
    return next((f for f in folders() if all(os.access(f / name, os.R_OK) for name in names)), None)


def _download() -> Path:
    from course_utils.data.download import fetch  # here, because it brings pooch, requests and rich

    try:
        fetch(URL, {file.name: file.md5 for files in FILES.values() for file in files}, cache())
    except OSError as error:
        raise DataNotFoundError(
            f"Fashion-MNIST is not on this machine, and the download did not succeed: {error}.\n"
            f"Looked for its four .gz files in {', '.join(map(str, folders()))}.\n"
            "Do one of these:\n"
            "  - install Debian's package: apt-get install dataset-fashion-mnist\n"
            f"  - put the four files of {PROJECT}/tree/master/data/fashion\n"
            "    into a folder and set the environment variable COURSE_DATA to it\n"
            '  - use the embedded part, which is always there: load("fashion_mnist")'
        ) from None
    return cache()


def _read_idx(path: Path, sha256: str) -> npt.NDArray[np.uint8]:
    """Read a gzipped IDX file: two zero bytes, type, number of dimensions, dimensions, values."""
    try:
        content = gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error):
        content = b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataCorruptError(
            f"{path} is damaged: its content is not what Fashion-MNIST published.\n"
            "Delete it and load again, which downloads it; Debian's copy comes back with\n"
            "apt-get install --reinstall dataset-fashion-mnist"
        )
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", count=dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
