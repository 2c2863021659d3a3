"""A preparation that is stopped, killed or short of a disk, and goes on with what it has done."""

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

from ibgan_tf.data import cache, picture_preparation, picture_shards, picture_sources, progress
from ibgan_tf.data.picture_preparation import Listing
from ibgan_tf.data.picture_shards import PictureSettings
from ibgan_tf.data.picture_sources import list_folder
from ibgan_tf.data.prepared_pictures import PreparedPictures

SETTINGS = PictureSettings(image_size=28)
pytestmark = pytest.mark.usefixtures("small_shards")


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


def test_a_stopped_preparation_goes_on_with_its_finished_shards(
    pictures, folder, stop_after, prepare_all
):
    prepare_all(folder, pictures)
    manifest = (folder / "manifest.json").read_text()
    shutil.rmtree(folder)
    stop_after(3)
    with pytest.raises(Stopped):
        prepare_all(folder, pictures)
    assert not folder.exists()
    calls = stop_after(99)
    prepare_all(folder, pictures)
    assert calls == [3, 4, 5, 6]
    assert _without_times(json.loads((folder / "manifest.json").read_text())) == _without_times(
        json.loads(manifest)
    )


def _without_times(manifest: dict) -> dict:
    for shard in manifest["shards"]:
        del shard["modified_ns"]
    return manifest


def test_a_progress_bar_counts_the_shards_that_are_left(
    pictures, folder, stop_after, monkeypatch, prepare_all
):
    asked = []

    def progress_bar(chunks, *, total, title):
        asked.append((total, title))
        return original(chunks, total=total, title=title)

    original = progress.progress_bar
    monkeypatch.setattr(progress, "progress_bar", progress_bar)
    stop_after(3)
    with pytest.raises(Stopped):
        prepare_all(folder, pictures)
    stop_after(99)
    prepare_all(folder, pictures)
    title = f"Preparing 250 pictures into {folder}"
    assert asked == [(7, title), (4, title)]


@pytest.mark.parametrize(
    "fault", ["half a line", "no text", "changed", "truncated", "gone", "another picture"]
)
def test_a_finished_shard_that_is_not_as_it_was_written_is_made_again(
    pictures, folder, stop_after, fault, prepare_all, by_hand
):
    stop_after(3)
    with pytest.raises(Stopped):
        prepare_all(folder, pictures)
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
        prepare_all(folder, pictures)
    assert calls == [2]
    calls = stop_after(99)
    prepare_all(folder, pictures)
    assert calls == [3, 4, 5, 6]
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(found.images(np.arange(250)), by_hand(pictures))


def test_mended_pictures_are_read_again_and_the_rest_is_kept(
    pictures, written_pictures, folder, stop_after, prepare_all, by_hand, spoil
):
    spoil(pictures, 47, 48, 49)
    with pytest.raises(ValueError, match="3 of 250 so far"):
        prepare_all(folder, pictures)
    for number in (47, 48, 49):
        shutil.copy(written_pictures / f"{number:03d}.png", pictures)
    calls = stop_after(99)
    prepare_all(folder, pictures)
    assert calls == [1, 2, 3, 4, 5, 6]  # the shard of the three, and those that came after it
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(found.images(np.arange(250)), by_hand(pictures))


def test_shards_of_pictures_that_are_gone_are_not_kept(pictures, folder, stop_after, prepare_all):
    stop_after(6)
    with pytest.raises(Stopped):
        prepare_all(folder, pictures)
    for number in range(100, 250):
        (pictures / f"{number:03d}.png").unlink()
    calls = stop_after(99)
    prepare_all(folder, pictures)
    assert calls == [2]  # of twenty pictures, which were forty
    assert len(list(folder.glob("*.bin"))) == 3
    found = PreparedPictures(folder, SETTINGS, split="train")
    assert found.size == 100


def test_given_contents_are_taken_from_where_the_finished_shards_end(
    pictures, folder, stop_after, by_hand
):
    source = list_folder(pictures)

    def listing():
        stream = ((pictures / picture.name).read_bytes() for picture in source.pictures)
        return Listing(source=source, splits={"train": 250}, contents=stream)

    stop_after(2)
    with pytest.raises(Stopped):
        picture_preparation.prepare(folder, listing(), SETTINGS, num_processes=1)
    calls = stop_after(99)
    picture_preparation.prepare(folder, listing(), SETTINGS, num_processes=1)
    assert calls == [2, 3, 4, 5, 6]
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(found.images(np.arange(250)), by_hand(pictures))


# Killed, and beside another process


def test_after_kill_9_another_process_goes_on(pictures, folder, by_hand, small_shards):
    code = f"""
import pathlib, sys, time
from ibgan_tf.data import picture_preparation, picture_shards
from ibgan_tf.data.picture_sources import list_folder
picture_preparation.LEAST_IN_SHARD = {small_shards}
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
    picture_preparation.Listing(source=source, splits={{"train": 250}}),
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
    np.testing.assert_array_equal(found.images(np.arange(250)), by_hand(pictures))
    assert not _unfinished(folder).exists()


def test_a_process_that_outlives_its_killed_parent_spoils_nothing(
    pictures, folder, monkeypatch, prepare_all, by_hand
):
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
    prepare_all(folder, pictures)
    assert not list(folder.glob("*.tmp"))
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(found.images(np.arange(250)), by_hand(pictures))
    with pytest.raises(FileNotFoundError):  # once the folder has its name
        part = picture_preparation._parts(list_folder(pictures))[0]
        write(str(left), 0, part, SETTINGS)
    assert PreparedPictures(folder, SETTINGS, split="train").size == 250


def test_what_another_process_has_prepared_meanwhile_is_taken(
    pictures, folder, stop_after, monkeypatch, prepare_all
):
    prepare_all(folder, pictures)
    shutil.move(folder, folder.with_name("done"))

    @contextlib.contextmanager
    def locked(parent):
        shutil.move(folder.with_name("done"), folder)  # while this one waited
        yield

    monkeypatch.setattr(cache, "locked", locked)
    calls = stop_after(0)
    prepare_all(folder, pictures)
    assert calls == [] and folder.exists()


# Disks


def test_a_disk_that_cannot_be_read_for_a_while_costs_no_picture(
    pictures, folder, monkeypatch, prepare_all, by_hand
):
    read = picture_sources._read_file

    def fail(path, picture):
        if path.endswith("/100.png"):
            raise OSError(errno.EIO, "Input/output error")
        return read(path, picture)

    monkeypatch.setattr(picture_sources, "_read_file", fail)
    with pytest.raises(OSError, match="must lie where they can be read. Received: .*/100.png'"):
        prepare_all(folder, pictures)
    assert len(list(_unfinished(folder).glob("*.bin"))) == 2
    monkeypatch.setattr(picture_sources, "_read_file", read)
    prepare_all(folder, pictures)
    found = PreparedPictures(folder, SETTINGS, split="train")
    np.testing.assert_array_equal(found.images(np.arange(250)), by_hand(pictures))


def test_a_disk_without_room_is_refused_before_anything_is_decoded(
    pictures, folder, monkeypatch, stop_after, prepare_all
):
    usage = shutil.disk_usage(pictures)
    needed = 250 * 28 * 28 * 3
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed - 1))
    calls = stop_after(99)
    with pytest.raises(
        OSError, match=f"must have {needed} bytes free. Received: free={needed - 1}"
    ):
        prepare_all(folder, pictures)
    assert calls == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed))
    prepare_all(folder, pictures)


@pytest.mark.parametrize("in_shard", [40, 70])
def test_a_disk_that_fills_up_is_one_line_and_what_was_prepared_stays_usable(
    pictures, tmp_path, folder, full_disk, monkeypatch, in_shard, prepare_all
):
    other = tmp_path / "set" / "other"
    prepare_all(other, pictures)
    monkeypatch.setattr(picture_preparation, "LEAST_IN_SHARD", in_shard)
    with (
        full_disk(28 * 28 * 3 * 39),  # less than a shard
        pytest.raises(OSError, match=r"must fit on its disk, which is full. Received: .*prepared"),
    ):
        prepare_all(folder, pictures)
    assert not folder.exists() and not list(_unfinished(folder).glob("*.bin"))
    assert PreparedPictures(other, SETTINGS, split="train").size == 250
    prepare_all(folder, pictures)
    assert PreparedPictures(folder, SETTINGS, split="train").size == 250
