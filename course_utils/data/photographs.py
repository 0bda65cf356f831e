"""Colour photographs for filters, and patches of them as a classification task that needs no download."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from course_utils.data.dataset import EMBEDDED, Dataset

HEIGHT, WIDTH = 256, 384  # of every photograph, pixels
BLOCK = 64  # a photograph is a grid of blocks; each block serves one split only
PATCH = 32  # side of a patch; no patch leaves its block
TEST_BLOCKS = 6  # of the 24 of a photograph
PER_BLOCK = 30  # patches, at different places
SEED = 1998

CC0 = "CC0 1.0 (https://creativecommons.org/publicdomain/zero/1.0/)"
CC_BY = "CC BY 2.0 (https://creativecommons.org/licenses/by/2.0/)"


class Photograph(NamedTuple):
    """One photograph: whose it is, where it comes from, and what was cut out before resizing."""

    title: str
    author: str
    licence: str
    source: str
    package: str  # whose installed files hold it
    path: str  # inside that package
    box: tuple[int, int, int, int]  # left, top, right, bottom, pixels of the package's image

    @property
    def file(self) -> Path:
        """The embedded PNG."""
        return EMBEDDED / "photographs" / f"{self.title.replace(' ', '_')}.png"

    @property
    def credit(self) -> str:
        """Title, author, licence, source and changes in one line."""
        return f"{self.title}: {self.author}, {self.licence}, {self.source}, cropped and resized"


# Left out, because their licence is not clear: scikit-image's rocket (public domain in its documentation,
# CC BY-NC on Flickr: scikit-image issue 5095), immunohistochemistry and stereo_motorcycle.
PHOTOGRAPHS = (
    Photograph(
        "cat", "Stefan van der Walt", CC0, "https://scikit-image.org/docs/stable/api/skimage.data.html",
        "scikit-image", "skimage/data/chelsea.png", (0, 0, 450, 300),
    ),
    Photograph(
        "coffee cup", "Rachel Michetti", CC0, "https://scikit-image.org/docs/stable/api/skimage.data.html",
        "scikit-image", "skimage/data/coffee.png", (0, 0, 600, 400),
    ),
    Photograph(
        "astronaut", "NASA", "public domain", "https://flic.kr/p/r9qvLn",
        "scikit-image", "skimage/data/astronaut.png", (0, 0, 510, 340),
    ),
    Photograph(
        "galaxies", "NASA (Hubble)", "public domain", "http://hubblesite.org/newscenter/archive/releases/2012/37/image/a/",
        "scikit-image", "skimage/data/hubble_deep_field.jpg", (250, 280, 826, 664),
    ),
    Photograph(
        "retina", "Mikael Häggström", CC0,
        "https://commons.wikimedia.org/wiki/File:Fundus_photograph_of_normal_left_eye.jpg",
        "scikit-image", "skimage/data/retina.jpg", (130, 400, 1000, 980),
    ),
    Photograph(
        "pagoda", "danielbuechele", CC_BY,
        "https://www.flickr.com/photos/danielbuechele/6061409035/",
        "scikit-learn", "sklearn/datasets/images/china.jpg", (0, 0, 640, 427),
    ),
    Photograph(
        "dahlia", "vultilion (scikit-learn's README links to vultilion, and names danielbuechele)", CC_BY,
        "https://www.flickr.com/photos/vultilion/6056698931/",
        "scikit-learn", "sklearn/datasets/images/flower.jpg", (64, 40, 640, 424),
    ),
)  # fmt: skip

CLASS_NAMES = tuple(photograph.title for photograph in PHOTOGRAPHS)
LICENCE = "; ".join(dict.fromkeys(photograph.licence for photograph in PHOTOGRAPHS))
PROVENANCE = "\n".join(photograph.credit for photograph in PHOTOGRAPHS)


def files() -> list[Path]:
    """List the embedded files."""
    return [photograph.file for photograph in PHOTOGRAPHS]


def read(split: str) -> Dataset:
    """Read the photographs: (7, 3, 256, 384), each a class of its own."""
    from PIL import Image  # here, so that importing the package stays quick

    images = np.empty((len(PHOTOGRAPHS), 3, HEIGHT, WIDTH), np.uint8)
    for image, file in zip(images, files(), strict=True):
        with Image.open(file) as png:
            image[:] = np.moveaxis(np.asarray(png), 2, 0)
    return Dataset("photographs", split, images, np.arange(len(images)), CLASS_NAMES, LICENCE, PROVENANCE)


def read_patches(split: str) -> Dataset:
    """Cut patches (N, 3, 32, 32) out the photographs, labelled with the photograph, in shuffled order.

    A quarter of the blocks of each photograph serves the test split, so that no pixel is in both splits.
    Chance is right for 0.14 of the test patches, the nearest mean colour for 0.50, logistic regression on
    pixels for 0.61, a LeNet for 0.88 in colour and 0.67 in grey (measured once, 15 epochs).
    """
    images = read("all").images
    places = patch_places(split)
    patches = np.stack([images[k, :, y : y + PATCH, x : x + PATCH] for k, y, x in places])
    return Dataset("photo_patches", split, patches, places[:, 0], CLASS_NAMES, LICENCE, PROVENANCE)


def patch_places(split: str) -> npt.NDArray[np.int64]:
    """Photograph, top row and left column of each patch of a split: (N, 3)."""
    rng = np.random.default_rng(SEED)
    count, rows, columns = len(PHOTOGRAPHS), HEIGHT // BLOCK, WIDTH // BLOCK
    shifts = BLOCK - PATCH + 1  # places of a patch in its block, along one side
    blocks = rng.permuted(np.tile(np.arange(rows * columns), (count, 1)), axis=1)
    places = rng.permuted(np.tile(np.arange(shifts**2), (*blocks.shape, 1)), axis=2)[..., :PER_BLOCK]

    mine = slice(TEST_BLOCKS) if split == "test" else slice(TEST_BLOCKS, None)
    block, place = blocks[:, mine, None], places[:, mine]
    top = block // columns * BLOCK + place // shifts
    left = block % columns * BLOCK + place % shifts
    photograph = np.arange(count)[:, None, None]
    return rng.permutation(np.stack(np.broadcast_arrays(photograph, top, left), axis=-1).reshape(-1, 3))
