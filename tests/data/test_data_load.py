import subprocess
import sys
from dataclasses import FrozenInstanceError
from importlib.util import find_spec

import numpy as np
import pytest

from course_utils import data
from course_utils.data import available, embed, fashion_mnist, load, photographs, status

needs_debian = pytest.mark.skipif(
    not all((fashion_mnist.DEBIAN / f.name).exists() for fs in fashion_mnist.FILES.values() for f in fs),
    reason="needs Debian's dataset-fashion-mnist: apt-get install dataset-fashion-mnist",
)
EMBEDDED = [
    ("fashion_mnist", "train", (6000, 1, 28, 28), 10),
    ("fashion_mnist", "test", (1000, 1, 28, 28), 10),
    ("photographs", "all", (7, 3, 256, 384), 7),
    ("photo_patches", "train", (3780, 3, 32, 32), 7),
    ("photo_patches", "test", (1260, 3, 32, 32), 7),
]


@pytest.mark.parametrize(("name", "split", "shape", "classes"), EMBEDDED)
def test_an_embedded_split_has_its_shape_and_as_many_images_of_each_class(name, split, shape, classes):
    dataset = load(name, split)
    assert (dataset.name, dataset.split) == (name, split)
    assert (dataset.images.shape, dataset.images.dtype) == (shape, np.uint8)
    assert (dataset.labels.shape, dataset.labels.dtype) == (shape[:1], np.int64)
    assert np.bincount(dataset.labels).tolist() == [shape[0] // classes] * classes
    assert len(set(dataset.class_names)) == classes
    assert dataset.licence
    assert dataset.provenance


def test_the_table_of_this_test_names_everything_that_needs_no_download():
    embedded = {name: splits for name, splits in available().items() if name != "fashion_mnist_full"}
    assert [(name, split) for name, splits in embedded.items() for split in splits] == [
        (name, split) for name, split, *_ in EMBEDDED
    ]


def test_without_a_split_the_first_is_loaded():
    assert load("fashion_mnist").split == "train"
    assert load("photographs").split == "all"


@pytest.mark.parametrize("name", ["fashion_mnist", "photo_patches"])
def test_classes_come_in_shuffled_order(name):
    labels = load(name).labels
    assert 0.8 < np.mean(labels[1:] != labels[:-1]) < 0.95  # by chance 0.90 and 0.86; sorted, 0.00


def test_what_a_caller_does_to_the_arrays_stays_with_the_caller():
    mine = load("fashion_mnist", "test")
    before = mine.images.copy(), mine.labels.copy()
    mine.images[:] = 0
    mine.labels[:] = 0
    again = load("fashion_mnist", "test")
    np.testing.assert_array_equal(again.images, before[0])
    np.testing.assert_array_equal(again.labels, before[1])


def test_a_dataset_is_frozen_and_prints_in_one_line():
    dataset = load("photographs")
    with pytest.raises(FrozenInstanceError):
        dataset.images = None
    assert repr(dataset) == "Dataset('photographs', 'all': 7 uint8 images of (3, 256, 384), 7 classes)"


def test_an_unknown_name_is_told_the_names():
    with pytest.raises(ValueError, match="no dataset 'mnist'; there are fashion_mnist, fashion_mnist_full, "):
        load("mnist")


def test_an_unknown_split_is_told_the_splits():
    with pytest.raises(ValueError, match="photo_patches has no split 'validation'; it has train, test"):
        load("photo_patches", "validation")


def test_importing_loads_neither_the_heavy_libraries_nor_those_for_downloads():
    heavy = "torch matplotlib skimage sklearn PIL pooch requests rich"
    code = f"import sys, course_utils.data; print(*set('{heavy}'.split()) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# Fashion-MNIST


@needs_debian
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_subset_is_part_of_the_full_set_with_the_same_labels(split):
    full, subset = fashion_mnist.read_full(split), load("fashion_mnist", split)
    labels_of = {}
    for image, label in zip(full.images, full.labels, strict=True):
        labels_of.setdefault(image.tobytes(), set()).add(label)
    assert all(
        label in labels_of[image.tobytes()] for image, label in zip(subset.images, subset.labels, strict=True)
    )


@needs_debian
@pytest.mark.parametrize(("split", "n"), [("train", 60_000), ("test", 10_000)])
def test_the_full_set_of_debian_is_the_published_one(split, n, monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    full = fashion_mnist.read_full(split)
    assert full.images.shape == (n, 1, 28, 28)
    assert np.bincount(full.labels).tolist() == [n // 10] * 10
    assert full.provenance.startswith(str(fashion_mnist.DEBIAN))


def test_no_image_is_twice_in_the_subset_or_in_both_of_its_splits():
    images = [image.tobytes() for split in ("train", "test") for image in load("fashion_mnist", split).images]
    assert len(set(images)) == len(images)


def test_the_labels_of_the_subset_fit_its_images():
    # The nearest mean image of a class is right for 0.66 of the test images; with labels at random, for 0.10.
    train, test = load("fashion_mnist"), load("fashion_mnist", "test")
    means = np.stack([train.images[train.labels == c].mean(axis=0).ravel() for c in range(10)])
    distance = ((test.images.reshape(-1, 1, 784) - means) ** 2).sum(axis=2)
    assert np.mean(distance.argmin(axis=1) == test.labels) > 0.6


@needs_debian
def test_the_subset_is_made_again_from_its_source():
    with np.load(fashion_mnist.SUBSET, allow_pickle=False) as embedded:
        made = embed.fashion_mnist_subset()
        assert sorted(made) == sorted(embedded)
        for name, array in made.items():
            np.testing.assert_array_equal(array, embedded[name])


# Photographs and their patches


@pytest.mark.parametrize("entry", photographs.PHOTOGRAPHS, ids=lambda entry: entry.title)
def test_a_photograph_is_made_again_from_its_source(entry):
    module = entry.path.partition("/")[0]
    if find_spec(module) is None:
        pytest.skip(f"needs {entry.package}: pip install {entry.package}")
    embedded = load("photographs").images[photographs.CLASS_NAMES.index(entry.title)]
    made = np.moveaxis(np.asarray(embed.photograph(entry), dtype=float), 2, 0)
    assert np.abs(made - embedded).mean() < 1  # versions of the JPEG decoder may round differently


def test_what_the_script_writes_is_what_the_loaders_read(monkeypatch, tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    pictures = {p: rng.integers(256, size=(256, 384, 3), dtype=np.uint8) for p in photographs.PHOTOGRAPHS}
    arrays = {
        f"{split}_{kind}": rng.integers(10, size=shape, dtype=np.uint8)
        for split in ("train", "test")
        for kind, shape in (("images", (20, 28, 28)), ("labels", (20,)))
    }
    monkeypatch.setattr(photographs, "EMBEDDED", tmp_path)
    monkeypatch.setattr(fashion_mnist, "SUBSET", tmp_path / "fashion_mnist.npz")
    monkeypatch.setattr(embed, "photograph", lambda entry: Image.fromarray(pictures[entry]))
    monkeypatch.setattr(embed, "fashion_mnist_subset", lambda: arrays)
    embed.main()

    np.testing.assert_array_equal(
        photographs.read("all").images, [picture.transpose(2, 0, 1) for picture in pictures.values()]
    )
    subset = fashion_mnist.read_subset("test")
    np.testing.assert_array_equal(subset.images[:, 0], arrays["test_images"])
    np.testing.assert_array_equal(subset.labels, arrays["test_labels"])


def test_a_missing_source_is_named_with_its_remedy():
    entry = photographs.PHOTOGRAPHS[0]._replace(package="no-such-package")
    with pytest.raises(data.DataNotFoundError, match="pip install no-such-package"):
        embed.photograph(entry)


def test_every_photograph_says_whose_it_is_and_under_which_licence():
    provenance = load("photographs").provenance.splitlines()
    for entry, line in zip(photographs.PHOTOGRAPHS, provenance, strict=True):
        assert {entry.licence} <= {photographs.CC0, photographs.CC_BY, "public domain"}
        assert line.startswith(f"{entry.title}: {entry.author}, {entry.licence}, http")


def test_the_credits_travel_inside_the_png_files():
    from PIL import Image

    for entry in photographs.PHOTOGRAPHS:
        with Image.open(entry.file) as png:
            text = png.text
        assert (text["Title"], text["Author"], text["Copyright"]) == (
            entry.title,
            entry.author,
            entry.licence,
        )


def test_photographs_have_edges_and_texture():
    grey = load("photographs").images.mean(axis=1)
    assert (np.abs(np.diff(grey, axis=2)).mean(axis=(1, 2)) > 1).all()


def test_the_embedded_files_stay_small():
    assert fashion_mnist.SUBSET.stat().st_size < 4e6
    assert sum(file.stat().st_size for file in photographs.files()) < 2.5e6


def covered(split):
    """Which pixels of the photographs some patch of a split covers: bool (7, 256, 384)."""
    mask = np.zeros((7, photographs.HEIGHT, photographs.WIDTH), bool)
    for k, y, x in photographs.patch_places(split):
        mask[k, y : y + 32, x : x + 32] = True
    return mask


def test_train_and_test_patches_share_no_pixel():
    train, test = covered("train"), covered("test")
    assert not (train & test).any()
    assert 0.6 < train.mean() <= 0.75
    assert 0.2 < test.mean() <= 0.25


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_patch_lies_where_its_place_says_and_no_place_comes_twice(split):
    patches, images = load("photo_patches", split), load("photographs").images
    places = photographs.patch_places(split)
    windows = np.lib.stride_tricks.sliding_window_view(images, (32, 32), axis=(2, 3))
    k, y, x = places.T
    np.testing.assert_array_equal(patches.images, windows[k, :, y, x])
    np.testing.assert_array_equal(patches.labels, k)
    assert len(np.unique(places, axis=0)) == len(places)


def test_the_places_of_patches_are_the_same_everywhere():
    train, test = photographs.patch_places("train"), photographs.patch_places("test")
    assert train[:3].tolist() == [[5, 208, 208], [5, 73, 321], [4, 144, 329]]
    assert test[:3].tolist() == [[3, 201, 72], [1, 70, 338], [2, 80, 195]]
    assert (train.sum(), test.sum()) == (11340 + 398235 + 660997, 3780 + 166644 + 225707)


def test_patches_are_neither_trivial_nor_impossible_by_their_mean_colour():
    train, test = load("photo_patches"), load("photo_patches", "test")
    colour = {dataset: dataset.images.mean(axis=(2, 3)) for dataset in (train, test)}
    means = np.stack([colour[train][train.labels == c].mean(axis=0) for c in range(7)])
    distance = ((colour[test][:, None] - means) ** 2).sum(axis=2)
    assert 0.35 < np.mean(distance.argmin(axis=1) == test.labels) < 0.65


# Status


def test_status_names_every_dataset_and_the_embedded_ones_are_present():
    report = {line.name: line for line in status()}
    assert sorted(report) == sorted(available())
    assert all(report[name].present and not report[name].advice for name, *_ in EMBEDDED)


def test_status_says_how_to_get_what_is_missing(tiny, tmp_path):
    line = status()[-1]
    assert (line.name, line.present, line.where) == ("fashion_mnist_full", False, str(tmp_path / "cache"))
    assert "apt-get install dataset-fashion-mnist" in line.advice


def test_status_says_where_the_full_set_is(tiny, tmp_path, monkeypatch):
    for name, content in tiny.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert status()[-1] == ("fashion_mnist_full", True, str(tmp_path), "")


def test_status_notices_a_missing_embedded_file(monkeypatch, tmp_path):
    monkeypatch.setattr(fashion_mnist, "SUBSET", tmp_path / "gone.npz")
    line = status()[0]
    assert (line.name, line.present) == ("fashion_mnist", False)
    assert "install the course again" in line.advice
