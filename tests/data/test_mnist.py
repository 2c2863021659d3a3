import errno
import gzip
import hashlib
import os
import re
import struct

import numpy as np
import pytest

from ibgan_tf import data
from ibgan_tf.data import base, cache, files, mnist
from ibgan_tf.data.mnist import MNIST, FashionMNIST

COUNTS = {"train": 30, "test": 20}


@pytest.fixture(autouse=True)
def _small(request, monkeypatch):
    """Shrinks the published parts to 30 and 20 images."""
    if "real" not in request.node.name:
        monkeypatch.setattr(mnist, "COUNTS", COUNTS)


def _arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Arrays as in Keras's archive."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for part, count in COUNTS.items():
        arrays[f"x_{part}"] = rng.integers(0, 256, [count, 28, 28], np.uint8)
        arrays[f"y_{part}"] = rng.integers(0, 10, [count], np.uint8)
    return arrays


def _write_idx(folder, arrays, *, gzipped: bool = False) -> None:
    folder.mkdir(parents=True)
    for part, prefix in (("train", "train"), ("test", "t10k")):
        for key, name in (("x", "images-idx3-ubyte"), ("y", "labels-idx1-ubyte")):
            array = arrays[f"{key}_{part}"]
            header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            content = header + array.tobytes()
            path = folder / f"{prefix}-{name}{'.gz' if gzipped else ''}"
            path.write_bytes(gzip.compress(content) if gzipped else content)


@pytest.fixture
def folder(tmp_path):
    """A data folder with MNIST's archive."""
    np.savez(tmp_path / "mnist.npz", **_arrays())
    return tmp_path


def test_images_and_labels_are_those_of_the_archive_in_its_order(folder):
    dataset = MNIST(folder)
    assert data.DATASETS["mnist"] is MNIST
    assert isinstance(dataset, base.LabelledDataset)
    assert (dataset.size, dataset.image_shape, dataset.source) == (30, (28, 28, 1), "keras")
    np.testing.assert_array_equal(dataset.images([4, 0])[..., 0], _arrays()["x_train"][[4, 0]])
    np.testing.assert_array_equal(dataset.labels([4, 0]), _arrays()["y_train"][[4, 0]])
    assert dataset.labels([4]).dtype == np.int64


def test_the_same_images_have_the_same_hash_whatever_file_they_are_from(tmp_path, folder):
    arrays = _arrays()
    expected = hashlib.sha256(arrays["x_train"].tobytes() + arrays["y_train"].tobytes())
    assert MNIST(folder).sha256 == expected.hexdigest()
    for place, gzipped in (("mnist", True), ("MNIST/raw", False)):
        _write_idx(tmp_path / place.replace("/", "_") / place, arrays, gzipped=gzipped)
        dataset = MNIST(tmp_path / place.replace("/", "_"))
        assert (dataset.source, dataset.sha256) == ("idx", expected.hexdigest())


def test_32_pixels_are_28_with_a_black_border_of_2(folder):
    images = MNIST(folder, image_size=32).images(np.arange(30))
    assert images.shape == (30, 32, 32, 1)
    np.testing.assert_array_equal(images[:, 2:30, 2:30, 0], _arrays()["x_train"])
    images[:, 2:30, 2:30] = 0
    assert not images.any()


def test_the_test_split_is_the_published_one(folder):
    dataset = MNIST(folder, split="test")
    np.testing.assert_array_equal(dataset.images(np.arange(20))[..., 0], _arrays()["x_test"])
    np.testing.assert_array_equal(dataset.labels(np.arange(20)), _arrays()["y_test"])


def test_the_validation_split_is_the_last_training_images_which_are_not_trained_on(folder):
    train = MNIST(folder, validation_images=5)
    validation = MNIST(folder, split="validation", validation_images=5)
    assert (train.size, validation.size) == (25, 5)
    np.testing.assert_array_equal(validation.images(range(5))[..., 0], _arrays()["x_train"][25:])
    np.testing.assert_array_equal(validation.labels(range(5)), _arrays()["y_train"][25:])
    np.testing.assert_array_equal(train.images([24])[..., 0], _arrays()["x_train"][[24]])
    assert len({train.sha256, validation.sha256, MNIST(folder).sha256}) == 3


def test_a_validation_split_without_images_is_refused(folder):
    with pytest.raises(ValueError, match="must be left some images.*validation_images=0"):
        MNIST(folder, split="validation")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_size": 64}, "image_size must be one of: 28, 32. Received: image_size=64."),
        ({"validation_images": 30}, r"must lie in 0..29. Received: validation_images=30."),
        ({"validation_images": -1}, r"must lie in 0..29. Received: validation_images=-1."),
        ({"crop": 3}, "setting='crop'"),
    ],
)
def test_other_settings_are_refused(folder, settings, message):
    with pytest.raises(ValueError, match=message):
        MNIST(folder, **settings)


def test_fashion_mnist_is_never_read_from_the_files_of_mnist(folder):
    _write_idx(folder / "mnist", _arrays())
    with pytest.raises(FileNotFoundError, match=r"must have fashion_mnist.npz, or .*download.py"):
        FashionMNIST(folder)
    _write_idx(folder / "FashionMNIST" / "raw", _arrays(1))
    images = FashionMNIST(folder).images([0])
    np.testing.assert_array_equal(images[..., 0], _arrays(1)["x_train"][:1])
    assert len(FashionMNIST.class_names) == FashionMNIST.num_classes == 10


def test_no_files_are_one_line_that_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="with neither. Name the folder that") as caught:
        MNIST(tmp_path)
    assert "\n" not in str(caught.value)
    assert f"scripts/download.py --dataset=mnist --data_dir={tmp_path}" in str(caught.value)


@pytest.mark.parametrize("place", ["mnist", "MNIST/raw"])
def test_idx_files_in_the_folder_itself_are_told_by_the_folder_that_holds_it(tmp_path, place):
    _write_idx(tmp_path / place, _arrays(), gzipped=True)
    with pytest.raises(FileNotFoundError) as caught:
        MNIST(tmp_path / place)
    assert str(caught.value) == (
        "The data folder must have mnist.npz, or the four IDX files in mnist/. Received: "
        f"data_dir={str(tmp_path / place)!r}, with IDX files in itself. Name the folder that holds "
        f"{place}/: --data_dir={tmp_path}"
    )
    assert MNIST(tmp_path).size == 30


def test_idx_files_in_a_folder_of_another_name_are_to_be_moved(tmp_path):
    _write_idx(tmp_path / "mnist", _arrays())  # of which nobody says that they are fashion
    own = tmp_path / "mnist" / "fashion_mnist"
    with pytest.raises(FileNotFoundError) as caught:
        FashionMNIST(tmp_path / "mnist")
    assert str(caught.value).endswith(
        f"with IDX files in itself. Move them into {own}, or name the folder that holds "
        "fashion_mnist/ with --data_dir."
    )


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST])
def test_a_mistyped_folder_is_refused_and_not_made(tmp_path, kind):
    with pytest.raises(FileNotFoundError, match="which isn't there"):
        kind(tmp_path / "dtaa")
    assert os.listdir(tmp_path) == []


def test_a_half_downloaded_archive_is_refused_by_name(folder):
    path = folder / "mnist.npz"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ValueError, match=r"mnist.npz' must be whole"):
        MNIST(folder)


def test_missing_idx_files_are_named(tmp_path):
    _write_idx(tmp_path / "mnist", _arrays())
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte").unlink()
    assert MNIST(tmp_path).size == 30
    with pytest.raises(FileNotFoundError, match="Received: no t10k-labels-idx1-ubyte"):
        MNIST(tmp_path, split="test")


def test_a_label_that_is_no_class_is_refused(tmp_path):
    arrays = _arrays()
    arrays["y_train"][7] = 10
    np.savez(tmp_path / "mnist.npz", **arrays)
    with pytest.raises(ValueError, match=re.escape("0..9. Received: 10 for image 7.")):
        MNIST(tmp_path)


def _fetched(arrays):
    """A stand-in for TFDS: its batches of the arrays."""

    def batches(name, folder, *, url, split):
        for rows in np.array_split(np.arange(COUNTS[split]), 3):
            yield {
                "image": arrays[f"x_{split}"][rows][..., None],
                "label": arrays[f"y_{split}"][rows].astype(np.int64),
            }

    return batches


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_download_keeps_what_tfds_gives(tmp_path, monkeypatch, name):
    monkeypatch.setattr(files, "tfds_batches", _fetched(_arrays()))
    assert data.DOWNLOADS[name](tmp_path) == tmp_path
    dataset = data.DATASETS[name](tmp_path)
    assert dataset.source == "tensorflow_datasets"
    np.testing.assert_array_equal(dataset.images(range(30))[..., 0], _arrays()["x_train"])
    np.testing.assert_array_equal(dataset.labels(range(30)), _arrays()["y_train"])
    monkeypatch.setattr(files, "tfds_batches", None)  # would fail if it were called again
    data.DOWNLOADS[name](tmp_path)


def test_a_disk_that_fills_up_while_a_download_is_kept_is_one_line(
    tmp_path, monkeypatch, full_disk
):
    monkeypatch.setattr(files, "tfds_batches", _fetched(_arrays()))
    with full_disk(1000), pytest.raises(OSError, match="its disk, which is full. Received: .*npz'"):
        mnist.download(tmp_path)
    assert [path.name for path in (tmp_path / "mnist").iterdir()] == [".lock"]


def test_files_that_are_there_are_enough_where_nothing_can_be_written(folder, monkeypatch):
    def read_only(parent):
        raise PermissionError(errno.EACCES, "Permission denied", str(parent))

    monkeypatch.setattr(cache, "locked", read_only)
    assert mnist.download(folder) == folder
    assert not (folder / "mnist").exists()


@pytest.mark.parametrize("fault", ["damaged", "incomplete", "no class"])
def test_download_refuses_what_is_there_if_it_is_not_whole(tmp_path, monkeypatch, fault):
    monkeypatch.setattr(files, "tfds_batches", None)  # would fail if it were called
    arrays = _arrays()
    if fault == "no class":
        arrays["y_test"][7] = 10
    _write_idx(tmp_path / "mnist", arrays)
    labels = tmp_path / "mnist" / "t10k-labels-idx1-ubyte"
    if fault == "damaged":
        os.truncate(labels, 20)
    elif fault == "incomplete":
        labels.unlink()
    reason = {
        "damaged": "t10k-labels-idx1-ubyte' must be whole",
        "incomplete": "Received: no t10k-labels-idx1-ubyte",
        "no class": "Received: 10 for image 7",
    }[fault]
    with pytest.raises(ValueError) as caught:
        mnist.download(tmp_path)
    first, second = str(caught.value).splitlines()
    assert reason in first
    assert second == "What is there is found first: complete it, or move it away."


def test_a_download_that_ends_early_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    def batches(name, folder, *, url, split):
        yield {"image": np.zeros([10, 28, 28, 1], np.uint8), "label": np.zeros([10], np.int64)}

    monkeypatch.setattr(files, "tfds_batches", batches)
    with pytest.raises(ValueError, match=r"uint8 \[30, 28, 28, 1\]. Received: uint8 \[10, 28"):
        mnist.download(tmp_path)
    assert [path.name for path in (tmp_path / "mnist").iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("kind", "checksum"), [(MNIST, "6bbc9ace898e44ae57da46a324031adb"), (FashionMNIST, None)]
)
def test_the_real_files_hold_the_published_images(kind, checksum):
    folder = os.environ.get("IBGAN_TEST_DATA")
    if folder is None:
        pytest.skip("IBGAN_TEST_DATA names no folder of real data")
    for split, count in (("train", 60_000), ("test", 10_000)):
        dataset = kind(folder, split=split)
        assert (dataset.size, dataset.source) == (count, "keras")
        classes = np.bincount(dataset.labels(np.arange(count)))
        assert len(classes) == 10 and classes.min() > 0.08 * count
        if split == "train" and checksum:  # of the published file, unpacked
            header = struct.pack(">BBBB3I", 0, 0, 8, 3, count, 28, 28)
            digest = hashlib.md5(header)
            digest.update(dataset.images(np.arange(count)))
            assert digest.hexdigest() == checksum
