import contextlib
import errno
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from ibgan_tf.data import (
    cache,
    decoding,
    picture_preparation,
    picture_shards,
    picture_sources,
    progress,
)
from ibgan_tf.data.picture_preparation import Listing, prepare
from ibgan_tf.data.picture_shards import PictureSettings
from ibgan_tf.data.picture_sources import list_folder
from ibgan_tf.data.prepared_pictures import PreparedPictures

SETTINGS = PictureSettings(image_size=28)
NUM_PICTURES = 250
IN_SHARD = 40


@pytest.fixture(scope="module")
def written(tmp_path_factory, write_pictures):
    """A folder of 250 pictures."""
    folder = tmp_path_factory.mktemp("written")
    write_pictures([folder / f"{i:03d}.png" for i in range(NUM_PICTURES)], (40, 30))
    return folder


@pytest.fixture
def pictures(written, tmp_path):
    """A copy of the pictures that a test may change."""
    return pathlib.Path(shutil.copytree(written, tmp_path / "pictures"))


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    """Makes seven shards of 250 pictures."""
    monkeypatch.setattr(picture_preparation, "LEAST_IN_SHARD", IN_SHARD)


@pytest.fixture
def folder(tmp_path):
    """Where the prepared pictures go."""
    return tmp_path / "set" / "prepared"


def _listing(pictures: pathlib.Path, splits: dict[str, int] | None = None) -> Listing:
    source = list_folder(pictures)
    return Listing(source=source, splits=splits or {"train": len(source.pictures)})


def _prepare(folder: pathlib.Path, pictures: pathlib.Path, *, num_processes: int = 1, **settings):
    listing = _listing(pictures, **settings)
    prepare(folder, listing, SETTINGS, num_processes=num_processes)


def _by_hand(pictures: pathlib.Path, *, without: tuple[int, ...] = ()) -> np.ndarray:
    """Returns the images as Pillow gives them, [n, 28, 28, 3]."""
    images = []
    for i in (i for i in range(NUM_PICTURES) if i not in without):
        with Image.open(pictures / f"{i:03d}.png") as picture:
            square = picture.crop((5, 0, 35, 30))
        images.append(np.asarray(square.resize((28, 28), Image.Resampling.LANCZOS)))
    return np.stack(images)


def _spoil(pictures: pathlib.Path, *numbers: int) -> None:
    """Cuts pictures in half."""
    for number in numbers:
        path = pictures / f"{number:03d}.png"
        path.write_bytes(path.read_bytes()[:50])


def _unfinished(folder: pathlib.Path) -> pathlib.Path:
    return folder.parent / ".crop0-28-rgb.unfinished"


class Stopped(BaseException):
    """A kill that a test can catch."""


@pytest.fixture
def stop_after(monkeypatch):
    """Gives a function that lets so many shards be written, and then nothing more."""

    def limit(number):
        written = []

        def write(*arguments):
            if len(written) == number:
                raise Stopped
            written.append(arguments[1])
            return original(*arguments)

        monkeypatch.setattr(picture_shards, "write_shard", write)
        return written

    original = picture_shards.write_shard
    return limit


@pytest.mark.parametrize("num_processes", [1, 2])
def test_the_images_are_those_of_pillow_whatever_the_number_of_processes(
    pictures, folder, num_processes
):
    _prepare(folder, pictures, num_processes=num_processes)
    found = PreparedPictures(folder, SETTINGS, split="train")
    expected = _by_hand(pictures)
    assert (found.size, found.image_shape, found.source) == (250, (28, 28, 3), "folder")
    np.testing.assert_array_equal(found.images(np.arange(250)), expected)
    np.testing.assert_array_equal(found.images([249, 40, 39, 40]), expected[[249, 40, 39, 40]])
    assert sorted(path.name for path in folder.iterdir()) == [
        "manifest.json",
        *(f"shard-{number:04d}.bin" for number in range(7)),
    ]
    assert folder.stat().st_mode & 0o777 == 0o755


def test_as_many_processes_decode_as_there_are_cores_but_no_more_than_shards(
    pictures, tmp_path, monkeypatch
):
    asked = []

    def write_shards(calls, *, num_processes):
        asked.append(num_processes)
        return original(calls, num_processes=1)

    original = decoding.write_shards
    monkeypatch.setattr(decoding, "write_shards", write_shards)
    for cores in (2, 64):
        monkeypatch.setattr("joblib.cpu_count", lambda cores=cores: cores)
        prepare(tmp_path / "set" / str(cores), _listing(pictures), SETTINGS)
    assert asked == [2, 7]


def test_a_progress_bar_counts_the_shards_that_are_left(pictures, folder, stop_after, monkeypatch):
    asked = []

    def progress_bar(chunks, *, total, title):
        asked.append((total, title))
        return original(chunks, total=total, title=title)

    original = progress.progress_bar
    monkeypatch.setattr(progress, "progress_bar", progress_bar)
    stop_after(3)
    with pytest.raises(Stopped):
        _prepare(folder, pictures)
    stop_after(99)
    _prepare(folder, pictures)
    title = f"Preparing 250 pictures into {folder}"
    assert asked == [(7, title), (4, title)]


def test_a_disk_that_cannot_be_read_for_a_while_costs_no_picture(pictures, folder, monkeypatch):
    read = picture_sources._read_file

    def fail(path, picture):
        if path.endswith("/100.png"):
            raise OSError(errno.EIO, "Input/output error")
        return read(path, picture)

    monkeypatch.setattr(picture_sources, "_read_file", fail)
    with pytest.raises(OSError, match="must lie where they can be read. Received: .*/100.png'"):
        _prepare(folder, pictures)
    assert len(list(_unfinished(folder).glob("*.bin"))) == 2
    monkeypatch.setattr(picture_sources, "_read_file", read)
    _prepare(folder, pictures)
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(found.images(np.arange(250)), _by_hand(pictures))


def test_the_splits_are_ranges_of_the_listing(pictures, folder):
    _spoil(pictures, 99, 200)
    _prepare(folder, pictures, splits={"train": 100, "validation": 90, "test": 60})
    expected = _by_hand(pictures, without=(99, 200))
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


def test_the_manifest_says_where_it_is_from_and_how_it_was_made(pictures, folder):
    _prepare(folder, pictures)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["path"] == str(pictures)
    assert manifest["count"] == sum(shard["count"] for shard in manifest["shards"]) == 250
    assert [manifest[name] for name in ("crop", "image_size", "color", "resampling")] == [
        *(0, 28, "rgb", "lanczos")
    ]
    assert manifest["listing_sha256"] == list_folder(pictures).listing_sha256()
    for number, shard in enumerate(manifest["shards"]):
        assert shard["sha256"] == cache.sha256_of(folder / picture_shards.file_name(number))


def test_unreadable_pictures_are_left_out_named_and_counted(pictures, folder, capsys):
    _spoil(pictures, 41, 3)
    _prepare(folder, pictures)
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(found.images(np.arange(248)), _by_hand(pictures, without=(3, 41)))
    line = capsys.readouterr().err.splitlines()[-1]  # after a bar, if it took more than a second
    assert line.startswith("2 of 250 pictures can't be read and are left out: '003.png' (")
    assert "'041.png' (" in line and str(folder / "manifest.json") in line
    manifest = json.loads((folder / "manifest.json").read_text())
    named = [name for shard in manifest["shards"] for _, name, _ in shard["unreadable"]]
    assert named == ["003.png", "041.png"]


def test_a_shard_without_a_readable_picture_is_no_obstacle(pictures, folder, monkeypatch):
    monkeypatch.setattr(picture_preparation, "LEAST_IN_SHARD", 2)
    _spoil(pictures, 10, 11)
    _prepare(folder, pictures)
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(
        found.images(np.arange(248)), _by_hand(pictures, without=(10, 11))
    )


@pytest.mark.parametrize("num_processes", [1, 2])
def test_more_than_one_in_a_hundred_stops_and_names_the_first_few(pictures, folder, num_processes):
    _spoil(pictures, 7, 8, 9, 10)
    with pytest.raises(ValueError, match=r"At most 1% of the pictures") as caught:
        _prepare(folder, pictures, num_processes=num_processes)
    message = str(caught.value)
    assert f"Received: 4 of 250 so far in {str(pictures)!r}: '007.png' (" in message
    assert "'009.png' (" in message and "'010.png'" not in message and ", ...." in message
    assert "\n" not in message
    assert not folder.exists()


def test_mended_pictures_are_read_again_and_the_rest_is_kept(pictures, written, folder, stop_after):
    _spoil(pictures, 47, 48, 49)
    with pytest.raises(ValueError, match="3 of 250 so far"):
        _prepare(folder, pictures)
    for number in (47, 48, 49):
        shutil.copy(written / f"{number:03d}.png", pictures)
    calls = stop_after(99)
    _prepare(folder, pictures)
    assert calls == [1, 2, 3, 4, 5, 6]  # the shard of the three, and those that came after it
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(found.images(np.arange(250)), _by_hand(pictures))


def test_a_stopped_preparation_goes_on_with_its_finished_shards(pictures, folder, stop_after):
    _prepare(folder, pictures)
    manifest = (folder / "manifest.json").read_text()
    shutil.rmtree(folder)
    stop_after(3)
    with pytest.raises(Stopped):
        _prepare(folder, pictures)
    assert not folder.exists()
    calls = stop_after(99)
    _prepare(folder, pictures)
    assert calls == [3, 4, 5, 6]
    assert _without_times(json.loads((folder / "manifest.json").read_text())) == _without_times(
        json.loads(manifest)
    )


def _without_times(manifest: dict) -> dict:
    for shard in manifest["shards"]:
        del shard["modified_ns"]
    return manifest


@pytest.mark.parametrize(
    "fault", ["half a line", "no text", "changed", "truncated", "gone", "another picture"]
)
def test_a_finished_shard_that_is_not_as_it_was_written_is_made_again(
    pictures, folder, stop_after, fault
):
    stop_after(3)
    with pytest.raises(Stopped):
        _prepare(folder, pictures)
    unfinished = _unfinished(folder)
    shard, lines = unfinished / "shard-0002.bin", unfinished / "shards.jsonl"
    if fault == "half a line":
        lines.write_text(lines.read_text()[:-30])
    elif fault == "no text":
        lines.write_bytes(lines.read_bytes()[:-30] + b"\xff\xfe\x00")
    elif fault == "changed":
        shard.write_bytes(bytes(shard.stat().st_size))
        os.utime(shard, ns=(1, 1))
    elif fault == "truncated":
        os.truncate(shard, 100)
    elif fault == "gone":
        shard.unlink()
    else:
        shutil.copy(pictures / "001.png", pictures / "081.png")
    calls = stop_after(1)
    with pytest.raises(Stopped):  # a second time, with what the first has left
        _prepare(folder, pictures)
    assert calls == [2]
    calls = stop_after(99)
    _prepare(folder, pictures)
    assert calls == [3, 4, 5, 6]
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(found.images(np.arange(250)), _by_hand(pictures))


def test_after_kill_9_another_process_goes_on(pictures, folder):
    code = f"""
import pathlib, sys, time
from ibgan_tf.data import picture_preparation, picture_shards
from ibgan_tf.data.picture_sources import list_folder
picture_preparation.LEAST_IN_SHARD = {IN_SHARD}
write = picture_shards.write_shard
def slowly(*arguments):
    shard = write(*arguments)
    print(shard.number, flush=True)
    time.sleep(0.2)
    return shard
if sys.argv[1] == "slowly":
    picture_shards.write_shard = slowly
source = list_folder(pathlib.Path({str(pictures)!r}))
picture_preparation.prepare(
    pathlib.Path({str(folder)!r}),
    picture_preparation.Listing(source=source, splits={{"train": {NUM_PICTURES}}}),
    picture_shards.PictureSettings(image_size=28),
    num_processes=1,
)
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen([*command, "slowly"], stdout=subprocess.PIPE) as process:
        for number in (b"0\n", b"1\n", b"2\n"):
            assert process.stdout.readline() == number
        process.send_signal(signal.SIGKILL)
    finished = {path.name: path.stat().st_mtime_ns for path in _unfinished(folder).glob("*.bin")}
    assert not folder.exists()
    time.sleep(0.01)
    subprocess.run([*command, "fast"], check=True)
    for number in (0, 1):  # of the third, the line may not have been written
        name = picture_shards.file_name(number)
        assert (folder / name).stat().st_mtime_ns == finished[name]
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(found.images(np.arange(250)), _by_hand(pictures))
    assert not _unfinished(folder).exists()


def test_a_process_that_outlives_its_killed_parent_spoils_nothing(pictures, folder, monkeypatch):
    """Its half-written file is removed, and what it finishes afterwards is the same or lost."""
    left = _unfinished(folder)
    left.mkdir(parents=True)
    (left / "shard-0001.bin.999.tmp").write_bytes(b"half")
    write = picture_shards.write_shard

    def twice(*arguments):
        shard = write(*arguments)
        write(*arguments)  # by the other process, which has the same files and settings
        return shard

    monkeypatch.setattr(picture_shards, "write_shard", twice)
    _prepare(folder, pictures)
    assert not list(folder.glob("*.tmp"))
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(found.images(np.arange(250)), _by_hand(pictures))
    with pytest.raises(FileNotFoundError):  # once the folder has its name
        part = picture_preparation._parts(list_folder(pictures))[0]
        write(str(left), 0, part, SETTINGS)
    assert PreparedPictures(folder, SETTINGS, split="train").size == 250


def test_shards_of_pictures_that_are_gone_are_not_kept(pictures, folder, stop_after):
    stop_after(6)
    with pytest.raises(Stopped):
        _prepare(folder, pictures)
    for number in range(100, 250):
        (pictures / f"{number:03d}.png").unlink()
    calls = stop_after(99)
    _prepare(folder, pictures)
    assert calls == [2]  # of twenty pictures, which were forty
    assert len(list(folder.glob("*.bin"))) == 3
    found = PreparedPictures(folder, SETTINGS, split="train")
    assert found.size == 100


def test_a_disk_without_room_is_refused_before_anything_is_decoded(
    pictures, folder, monkeypatch, stop_after
):
    usage = shutil.disk_usage(pictures)
    needed = 250 * 28 * 28 * 3
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed - 1))
    calls = stop_after(99)
    with pytest.raises(
        OSError, match=f"must have {needed} bytes free. Received: free={needed - 1}"
    ):
        _prepare(folder, pictures)
    assert calls == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed))
    _prepare(folder, pictures)


@pytest.mark.parametrize("in_shard", [40, 70])
def test_a_disk_that_fills_up_is_one_line_and_what_was_prepared_stays_usable(
    pictures, tmp_path, folder, full_disk, monkeypatch, in_shard
):
    other = tmp_path / "set" / "other"
    _prepare(other, pictures)
    monkeypatch.setattr(picture_preparation, "LEAST_IN_SHARD", in_shard)
    with (
        full_disk(28 * 28 * 3 * 39),  # less than a shard
        pytest.raises(OSError, match=r"must fit on its disk, which is full. Received: .*prepared"),
    ):
        _prepare(folder, pictures)
    assert not folder.exists() and not list(_unfinished(folder).glob("*.bin"))
    assert PreparedPictures(other, SETTINGS, split="train").size == 250
    _prepare(folder, pictures)
    assert PreparedPictures(folder, SETTINGS, split="train").size == 250


def test_what_is_prepared_is_taken_where_nothing_can_be_written(pictures, folder, monkeypatch):
    _prepare(folder, pictures)

    def read_only(parent):
        raise PermissionError(errno.EACCES, "Permission denied", str(parent / ".lock"))

    monkeypatch.setattr(cache, "locked", read_only)
    _prepare(folder, pictures)


def test_what_another_process_has_prepared_meanwhile_is_taken(
    pictures, folder, stop_after, monkeypatch
):
    _prepare(folder, pictures)
    shutil.move(folder, folder.with_name("done"))

    @contextlib.contextmanager
    def locked(parent):
        shutil.move(folder.with_name("done"), folder)  # while this one waited
        yield

    monkeypatch.setattr(cache, "locked", locked)
    calls = stop_after(0)
    _prepare(folder, pictures)
    assert calls == [] and folder.exists()


def test_given_contents_are_taken_from_where_the_finished_shards_end(pictures, folder, stop_after):
    source = list_folder(pictures)

    def listing():
        stream = ((pictures / picture.name).read_bytes() for picture in source.pictures)
        return Listing(source=source, splits={"train": 250}, contents=stream)

    stop_after(2)
    with pytest.raises(Stopped):
        prepare(folder, listing(), SETTINGS, num_processes=1)
    calls = stop_after(99)
    prepare(folder, listing(), SETTINGS, num_processes=1)
    assert calls == [2, 3, 4, 5, 6]
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(found.images(np.arange(250)), _by_hand(pictures))


def test_there_are_never_too_many_shards_to_open(pictures, monkeypatch):
    monkeypatch.setattr(picture_preparation, "LEAST_IN_SHARD", 1)
    monkeypatch.setattr(picture_preparation, "MOST_SHARDS", 100)
    parts = picture_preparation._parts(list_folder(pictures))
    assert [len(part.pictures) for part in parts] == [3] * 83 + [1]
