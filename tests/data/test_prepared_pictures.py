import os
import pathlib
import shutil

import numpy as np
import pytest

from ibgan_tf.data import image_files, picture_preparation
from ibgan_tf.data.picture_shards import PictureSettings
from ibgan_tf.data.prepared_pictures import PreparedPictures

SETTINGS = PictureSettings(image_size=28)
SPLITS = {"train": 9, "validation": 4, "test": 7}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, write_pictures):
    """A folder of twenty pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    write_pictures([folder / f"{i:02d}.png" for i in range(20)], (40, 30))
    return folder


@pytest.fixture
def folder(tmp_path, pictures, monkeypatch, prepare_all):
    """A prepared folder of them, in three shards."""
    monkeypatch.setattr(picture_preparation, "LEAST_IN_SHARD", 8)
    path = tmp_path / "set" / "prepared"
    prepare_all(path, pictures, splits=SPLITS)
    return path


def _images(pictures: pathlib.Path) -> np.ndarray:
    contents = [path.read_bytes() for path in sorted(pictures.iterdir())]
    return np.stack(
        [image_files.decode(one, crop=0, image_size=28, grey=False) for one in contents]
    )


@pytest.mark.parametrize(("split", "start"), [("train", 0), ("validation", 9), ("test", 13)])
def test_images_are_read_across_shards_in_any_order(folder, pictures, split, start):
    found = PreparedPictures(folder, SETTINGS, split=split)
    assert (found.size, found.image_shape, found.source) == (SPLITS[split], (28, 28, 3), "folder")
    indices = np.random.default_rng(0).integers(found.size, size=30)
    np.testing.assert_array_equal(found.images(indices), _images(pictures)[start + indices])
    assert found.images([]).shape == (0, 28, 28, 3)
    for index in (-1, found.size):
        with pytest.raises(ValueError, match=rf"0\.\.{found.size - 1}. Received: index={index}"):
            found.images([index])


def test_an_unknown_split_is_refused(folder):
    with pytest.raises(ValueError, match="split must be one of: .*Did you mean 'test'"):
        PreparedPictures(folder, SETTINGS, split="tset")


@pytest.mark.parametrize("fault", ["truncated", "changed", "gone", "manifest", "form", "shape"])
def test_a_damaged_prepared_folder_is_refused_in_one_line(folder, fault):
    shard, manifest = folder / "shard-0001.bin", folder / "manifest.json"
    settings = SETTINGS
    if fault == "truncated":
        os.truncate(shard, 100)
    elif fault == "changed":
        shard.write_bytes(bytes(shard.stat().st_size))
        os.utime(shard, ns=(1, 1))
    elif fault == "gone":
        shard.unlink()
    elif fault == "manifest":
        manifest.write_text(manifest.read_text()[:500])
    elif fault == "form":
        manifest.write_text(manifest.read_text().replace('"form": 1', '"form": 0'))
    else:
        settings = PictureSettings(image_size=32)
    with pytest.raises(ValueError, match="It is damaged: delete that folder") as caught:
        PreparedPictures(folder, settings, split="train")
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


def test_a_copied_folder_is_hashed_and_taken(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, copy_function=shutil.copy)  # with times of their own
    found = PreparedPictures(copy, SETTINGS, split="train")
    assert found.sha256 == PreparedPictures(folder, SETTINGS, split="train").sha256
