"""What a preparation makes of pictures: images in shards, splits, a manifest, and what is told."""

import errno
import json

import numpy as np
import pytest

from ibgan_tf.data import cache, decoding, picture_preparation, picture_shards
from ibgan_tf.data.picture_shards import PictureSettings
from ibgan_tf.data.picture_sources import list_folder
from ibgan_tf.data.prepared_pictures import PreparedPictures

SETTINGS = PictureSettings(image_size=28)
pytestmark = pytest.mark.usefixtures("small_shards")


@pytest.mark.parametrize("num_processes", [1, 2])
def test_the_images_are_those_of_pillow_whatever_the_number_of_processes(
    pictures, folder, num_processes, prepare_all, by_hand
):
    prepare_all(folder, pictures, num_processes=num_processes)
    found = PreparedPictures(folder, SETTINGS, split="train")
    expected = by_hand(pictures)
    assert (found.size, found.image_shape, found.source) == (250, (28, 28, 3), "folder")
    np.testing.assert_array_equal(found.images(np.arange(250)), expected)
    np.testing.assert_array_equal(found.images([249, 40, 39, 40]), expected[[249, 40, 39, 40]])
    assert sorted(path.name for path in folder.iterdir()) == [
        "manifest.json",
        *(f"shard-{number:04d}.bin" for number in range(7)),
    ]
    (folder.parent / "plain").mkdir()
    assert folder.stat().st_mode == (folder.parent / "plain").stat().st_mode  # as any folder's


def test_as_many_processes_decode_as_there_are_cores_but_no_more_than_shards(
    pictures, tmp_path, monkeypatch, listing_of
):
    asked = []

    def write_shards(calls, *, num_processes):
        asked.append(num_processes)
        return original(calls, num_processes=1)

    original = decoding.write_shards
    monkeypatch.setattr(decoding, "write_shards", write_shards)
    for cores in (2, 64):
        monkeypatch.setattr("joblib.cpu_count", lambda cores=cores: cores)
        picture_preparation.prepare(tmp_path / "set" / str(cores), listing_of(pictures), SETTINGS)
    assert asked == [2, 7]


def test_the_splits_are_ranges_of_the_listing(pictures, folder, prepare_all, by_hand, spoil):
    spoil(pictures, 99, 200)
    prepare_all(folder, pictures, splits={"train": 100, "validation": 90, "test": 60})
    expected = by_hand(pictures, without=(99, 200))
    start = 0
    for split, size in (("train", 99), ("validation", 90), ("test", 59)):
        found = PreparedPictures(folder, SETTINGS, split=split)
        assert found.size == size
        np.testing.assert_array_equal(found.images(np.arange(size)), expected[start : start + size])
        with pytest.raises(ValueError, match=rf"0\.\.{size - 1}\. Received: index={size}"):
            found.images([size])
        start += size
    with pytest.raises(ValueError, match="split must be one of: test, train, validation"):
        PreparedPictures(folder, SETTINGS, split="tset")


def test_the_manifest_says_where_it_is_from_and_how_it_was_made(pictures, folder, prepare_all):
    prepare_all(folder, pictures)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["path"] == str(pictures)
    assert manifest["count"] == sum(shard["count"] for shard in manifest["shards"]) == 250
    assert [manifest[name] for name in ("crop", "image_size", "color", "resampling")] == [
        *(0, 28, "rgb", "lanczos")
    ]
    assert manifest["listing_sha256"] == list_folder(pictures).listing_sha256()
    for number, shard in enumerate(manifest["shards"]):
        assert shard["sha256"] == cache.sha256_of(folder / picture_shards.file_name(number))


def test_unreadable_pictures_are_left_out_named_and_counted(
    pictures, folder, capsys, prepare_all, by_hand, spoil
):
    spoil(pictures, 41, 3)
    prepare_all(folder, pictures)
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(found.images(np.arange(248)), by_hand(pictures, without=(3, 41)))
    line = capsys.readouterr().err.splitlines()[-1]  # after a bar, if it took more than a second
    assert line.startswith("2 of 250 pictures can't be read and are left out: '003.png' (")
    assert "'041.png' (" in line and str(folder / "manifest.json") in line
    manifest = json.loads((folder / "manifest.json").read_text())
    named = [name for shard in manifest["shards"] for _, name, _ in shard["unreadable"]]
    assert named == ["003.png", "041.png"]


def test_a_shard_without_a_readable_picture_is_no_obstacle(
    pictures, folder, monkeypatch, prepare_all, by_hand, spoil
):
    monkeypatch.setattr(picture_preparation, "LEAST_IN_SHARD", 2)
    spoil(pictures, 10, 11)
    prepare_all(folder, pictures)
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(found.images(np.arange(248)), by_hand(pictures, without=(10, 11)))


@pytest.mark.parametrize("num_processes", [1, 2])
def test_more_than_one_in_a_hundred_stops_and_names_the_first_few(
    pictures, folder, num_processes, prepare_all, spoil
):
    spoil(pictures, 7, 8, 9, 10)
    with pytest.raises(ValueError, match=r"At most 1% of the pictures") as caught:
        prepare_all(folder, pictures, num_processes=num_processes)
    message = str(caught.value)
    assert f"Received: 4 of 250 so far in {str(pictures)!r}: '007.png' (" in message
    assert "'009.png' (" in message and "'010.png'" not in message and ", ...." in message
    assert "\n" not in message
    assert not folder.exists()


def test_there_are_never_too_many_shards_to_open(pictures, monkeypatch):
    monkeypatch.setattr(picture_preparation, "LEAST_IN_SHARD", 1)
    monkeypatch.setattr(picture_preparation, "MOST_SHARDS", 100)
    parts = picture_preparation._parts(list_folder(pictures))
    assert [len(part.pictures) for part in parts] == [3] * 83 + [1]


def test_what_is_prepared_is_taken_where_nothing_can_be_written(
    pictures, folder, monkeypatch, prepare_all
):
    prepare_all(folder, pictures)

    def read_only(parent):
        raise PermissionError(errno.EACCES, "Permission denied", str(parent / ".lock"))

    monkeypatch.setattr(cache, "locked", read_only)
    prepare_all(folder, pictures)
