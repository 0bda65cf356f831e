import numpy as np
import pytest

from course_utils.data import DataCorruptError, DataNotFoundError, fashion_mnist, load

IMAGES = "train-images-idx3-ubyte.gz"


def put(files, folder):
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def where(dataset):
    return dataset.provenance.partition(",")[0]


# Where the files are looked for


def test_course_data_comes_first_then_debian_then_the_cache(tiny, tmp_path, monkeypatch):
    put(tiny, tmp_path / "cache")
    assert where(fashion_mnist.read_full("train")) == str(tmp_path / "cache")
    put(tiny, tmp_path / "debian")
    assert where(fashion_mnist.read_full("train")) == str(tmp_path / "debian")
    monkeypatch.setenv("COURSE_DATA", str(put(tiny, tmp_path / "mine")))
    assert where(fashion_mnist.read_full("train")) == str(tmp_path / "mine")


def test_a_folder_with_three_of_the_four_files_is_passed_over(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(put(tiny, tmp_path / "mine")))
    (tmp_path / "mine" / IMAGES).unlink()
    put(tiny, tmp_path / "cache")
    assert where(fashion_mnist.read_full("test")) == str(tmp_path / "cache")


def test_labels_and_images_are_read_as_the_idx_files_hold_them(tiny, tmp_path):
    put(tiny, tmp_path / "cache")
    train = load("fashion_mnist_full")
    rng = np.random.default_rng(0)  # as the fixture draws them
    np.testing.assert_array_equal(train.images.ravel(), np.frombuffer(rng.bytes(200 * 784), np.uint8))
    np.testing.assert_array_equal(train.labels, rng.integers(10, size=200, dtype=np.uint8))
    assert (train.images.shape, train.labels.dtype) == ((200, 1, 28, 28), np.int64)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[:-100], id="cut short"),
        pytest.param(lambda content: b"<html>" + content, id="not gzip"),
        pytest.param(lambda content: content[:5000] + b"\0" * 16 + content[5016:], id="overwritten"),
        pytest.param(lambda content: content[:10] + b"\xff" * 16 + content[26:], id="not deflate"),
        pytest.param(lambda content: b"", id="empty"),
    ],
)
def test_a_damaged_file_is_named_with_its_remedy(tiny, tmp_path, damage):
    put(tiny | {IMAGES: damage(tiny[IMAGES])}, tmp_path / "cache")
    with pytest.raises(DataCorruptError, match="is damaged") as caught:
        load("fashion_mnist_full")
    assert str(tmp_path / "cache" / IMAGES) in str(caught.value)
    assert "Delete it and load again" in str(caught.value)


def test_a_file_of_another_dataset_is_not_taken_for_this_one(tiny, tmp_path):
    labels = "train-labels-idx1-ubyte.gz"
    put(tiny | {labels: tiny["t10k-labels-idx1-ubyte.gz"]}, tmp_path / "cache")
    with pytest.raises(DataCorruptError, match=labels):
        load("fashion_mnist_full")


# Downloads


def test_what_is_nowhere_is_downloaded_once(server, tiny, tmp_path):
    assert load("fashion_mnist_full").images.shape == (200, 1, 28, 28)
    assert load("fashion_mnist_full", "test").images.shape == (50, 1, 28, 28)
    assert server.requests == [(name, 0, len(content)) for name, content in tiny.items()]
    assert sorted(p.name for p in (tmp_path / "cache").iterdir()) == sorted(tiny)


def test_only_the_files_that_the_cache_lacks_are_downloaded(server, tiny, tmp_path):
    put(tiny, tmp_path / "cache")
    (tmp_path / "cache" / IMAGES).unlink()
    load("fashion_mnist_full")
    assert server.requests == [(IMAGES, 0, len(tiny[IMAGES]))]


def test_progress_is_shown_on_stderr(server, capsys):
    load("fashion_mnist_full")
    out, err = capsys.readouterr()
    assert out == ""
    assert IMAGES in err
    assert "kB" in err


def test_a_download_that_breaks_off_says_so_and_continues_where_it_stopped(server, tiny, tmp_path):
    server.cut[IMAGES] = 100_000
    with pytest.raises(DataNotFoundError, match="load again to continue where it stopped"):
        load("fashion_mnist_full")
    kept = (tmp_path / "cache" / f"{IMAGES}.part").stat().st_size
    assert 100_000 - 16_384 <= kept <= 100_000

    load("fashion_mnist_full")
    assert server.requests[:2] == [(IMAGES, 0, 100_000), (IMAGES, kept, len(tiny[IMAGES]) - kept)]
    assert sorted(p.name for p in (tmp_path / "cache").iterdir()) == sorted(tiny)


def test_a_server_that_cannot_continue_sends_the_file_again(server, tiny, tmp_path):
    server.ranges = False
    put({f"{IMAGES}.part": tiny[IMAGES][:50_000]}, tmp_path / "cache")
    assert load("fashion_mnist_full").images.shape == (200, 1, 28, 28)
    assert server.requests[0] == (IMAGES, 50_000, len(tiny[IMAGES]))


def test_a_part_that_is_whole_already_is_not_downloaded_again(server, tiny, tmp_path):
    put({f"{IMAGES}.part": tiny[IMAGES]}, tmp_path / "cache")
    assert load("fashion_mnist_full").images.shape == (200, 1, 28, 28)
    assert server.requests[0] == (IMAGES, len(tiny[IMAGES]), 0)


def test_a_wrong_checksum_is_refused_thrown_away_and_not_continued(server, tiny, tmp_path):
    server.files[IMAGES] = b"<html>please log in</html>"
    with pytest.raises(DataCorruptError, match=f"{IMAGES} as downloaded from .* not the file that was pub"):
        load("fashion_mnist_full")
    assert list((tmp_path / "cache").iterdir()) == []

    server.files[IMAGES] = tiny[IMAGES]
    assert load("fashion_mnist_full").images.shape == (200, 1, 28, 28)


def test_a_part_with_wrong_content_does_not_survive_either(server, tiny, tmp_path):
    put({f"{IMAGES}.part": b"x" * 1000}, tmp_path / "cache")
    with pytest.raises(DataCorruptError, match=IMAGES):
        load("fashion_mnist_full")
    assert load("fashion_mnist_full").images.shape == (200, 1, 28, 28)


# What is said when it cannot be had


def test_offline_the_error_says_what_is_missing_where_it_was_looked_for_and_what_to_do(
    tiny, tmp_path, monkeypatch
):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "mine"))
    with pytest.raises(DataNotFoundError) as caught:
        load("fashion_mnist_full")
    message = str(caught.value)
    assert message.startswith("Fashion-MNIST is not on this machine")
    assert "no connection to 127.0.0.1:" in message
    for place in ("mine", "debian", "cache"):
        assert str(tmp_path / place) in message
    for remedy in ("apt-get install dataset-fashion-mnist", "COURSE_DATA", 'load("fashion_mnist")'):
        assert remedy in message
    assert len(message.splitlines()) < 10
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.__suppress_context__


def test_a_file_that_the_server_lost_is_named(server):
    del server.files[IMAGES]
    with pytest.raises(DataNotFoundError, match=f"404 .*{IMAGES}"):
        load("fashion_mnist_full")


def test_a_cache_that_cannot_be_written_is_named(server, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(fashion_mnist, "cache", lambda: tmp_path / "file" / "cache")
    with pytest.raises(DataNotFoundError, match=str(tmp_path / "file")):
        load("fashion_mnist_full")
