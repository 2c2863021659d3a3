import os
import shutil

import numpy as np
import pytest
from PIL import Image

from ibgan_tf.data import DATASETS, base, cache, picture_preparation
from ibgan_tf.data.image_folder import ImageFolder


@pytest.fixture
def folder(tmp_path, write_pictures):
    """A folder of six pictures, in itself and in another."""
    names = ["2.jpg", "10.png", "a/1.png", "a/b/3.jpeg", "a/b/4.png", "z.bmp"]
    write_pictures([tmp_path / "pictures" / name for name in names], (50, 40))
    return tmp_path / "pictures"


def _decoded(path, box, size):
    with Image.open(path) as picture:
        return np.asarray(picture.crop(box).resize((size, size), Image.Resampling.LANCZOS))


def test_its_images_are_all_pictures_below_the_folder_by_name(folder):
    dataset = ImageFolder(folder)
    assert DATASETS["image_folder"] is ImageFolder
    assert isinstance(dataset, base.ImageDataset) and not isinstance(dataset, base.FactorDataset)
    assert not isinstance(dataset, base.LabelledDataset)
    assert (dataset.size, dataset.source, dataset.image_shape) == (6, "folder", (64, 64, 3))
    names = ["10.png", "2.jpg", "a/1.png", "a/b/3.jpeg", "a/b/4.png", "z.bmp"]
    for index, name in enumerate(names):
        expected = _decoded(folder / name, (5, 0, 45, 40), 64)
        np.testing.assert_array_equal(dataset.images([index])[0], expected)


def test_size_crop_and_colour_are_settings_and_each_is_prepared_beside_the_others(folder):
    first = ImageFolder(folder)
    grey = ImageFolder(folder, image_size=28, crop=20, color="grey")
    with Image.open(folder / "2.jpg") as picture:
        square = picture.convert("L").crop((15, 10, 35, 30))
    expected = np.asarray(square.resize((28, 28), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(grey.images([1])[0, ..., 0], expected)
    assert grey.image_shape == (28, 28, 1)
    names = {path.name.rpartition("-")[0] for path in (folder / "image_folder").glob("crop*")}
    assert names == {"crop0-64-rgb", "crop20-28-grey"}
    assert ImageFolder(folder).sha256 == first.sha256 != grey.sha256


def test_what_is_prepared_opens_where_the_folder_is_read_only(folder, monkeypatch):
    first = ImageFolder(folder).images(range(6))

    def read_only(parent):
        raise PermissionError("Permission denied")

    monkeypatch.setattr(cache, "locked", read_only)
    np.testing.assert_array_equal(ImageFolder(folder).images(range(6)), first)


@pytest.mark.parametrize("prepared_before", [True, False])
def test_without_the_pictures_what_is_prepared_opens_where_the_folder_is_read_only(
    folder, monkeypatch, tmp_path, prepared_before
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if prepared_before:  # in the folder, while it could be written
        ImageFolder(folder)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    expected = ImageFolder(folder).images(range(6))
    assert (folder / "image_folder").exists() == prepared_before
    shutil.move(folder / "a", tmp_path / "gone")
    for name in ("2.jpg", "10.png", "z.bmp"):
        (folder / name).unlink()
    np.testing.assert_array_equal(ImageFolder(folder).images(range(6)), expected)


def test_opened_again_nothing_is_decoded(folder, monkeypatch):
    first = ImageFolder(folder).images(range(6))
    monkeypatch.setattr(picture_preparation, "_write_shards", None)  # would fail if it were called
    np.testing.assert_array_equal(ImageFolder(folder).images(range(6)), first)


def test_another_picture_makes_another_set_and_the_first_comes_back_without_it(
    folder, write_pictures, monkeypatch
):
    first = ImageFolder(folder)
    write_pictures([folder / "new.png"], (50, 40), seed=1)
    second = ImageFolder(folder)
    assert (first.size, second.size) == (6, 7)
    (folder / "new.png").unlink()
    monkeypatch.setattr(picture_preparation, "_write_shards", None)
    assert ImageFolder(folder).sha256 == first.sha256


def test_without_the_pictures_the_one_prepared_set_is_taken(folder, write_pictures, tmp_path):
    first = ImageFolder(folder)
    shutil.move(folder / "image_folder", tmp_path / "other" / "image_folder")
    assert ImageFolder(tmp_path / "other").sha256 == first.sha256
    with pytest.raises(FileNotFoundError, match="must have pictures"):
        ImageFolder(tmp_path / "other", crop=3)  # of other settings, none is prepared
    write_pictures([tmp_path / "other" / "new.png"], (50, 40))
    ImageFolder(tmp_path / "other")
    (tmp_path / "other" / "new.png").unlink()
    with pytest.raises(ValueError, match="must have one prepared set.*Received: crop0-64-rgb-"):
        ImageFolder(tmp_path / "other")


def test_a_missing_or_empty_folder_is_one_line_that_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="must be the folder of the pictures. Received: no data"):
        ImageFolder()
    with pytest.raises(FileNotFoundError, match="which isn't there.") as caught:
        ImageFolder(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()
    (tmp_path / "text.txt").write_text("no picture")
    with pytest.raises(FileNotFoundError, match=r"\(.jpg, .*with none. Name another") as caught:
        ImageFolder(tmp_path)
    assert "\n" not in str(caught.value)


def test_pictures_smaller_than_the_crop_stop_it(folder):
    with pytest.raises(ValueError, match=r"6 of 6 so far in .*'10.png' \(50x40 pixels\), '2.jpg'"):
        ImageFolder(folder, crop=41)
