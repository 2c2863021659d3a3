import errno
import os
import pathlib
import select
import signal
import subprocess
import sys

import pytest

from ibgan_tf.data import decoding, picture_shards
from ibgan_tf.data.picture_shards import PictureSettings
from ibgan_tf.data.picture_sources import list_folder

SETTINGS = PictureSettings(image_size=28)


@pytest.fixture
def calls(tmp_path, write_pictures):
    """The calls of five shards of two pictures each."""
    write_pictures([tmp_path / "pictures" / f"{i}.png" for i in range(2)], (40, 30))
    (tmp_path / "shards").mkdir()
    source = list_folder(tmp_path / "pictures")
    return [(str(tmp_path / "shards"), number, source, SETTINGS) for number in range(5)]


@pytest.mark.parametrize("num_processes", [1, 2])
def test_each_shard_is_written_once_as_in_this_process(calls, num_processes):
    expected = picture_shards.write_shard(*calls[0])
    found = list(decoding.write_shards(iter(calls), num_processes=num_processes))
    assert sorted(shard.number for shard in found) == [0, 1, 2, 3, 4]
    assert {shard.sha256 for shard in found} == {expected.sha256}
    names = {path.name for path in pathlib.Path(calls[0][0]).iterdir()}
    assert names == {picture_shards.file_name(number) for number in range(5)}


def test_calls_are_taken_when_a_process_is_free(calls):
    taken = []

    def one_by_one():
        for call in calls:
            taken.append(call[1])
            yield call

    shards = decoding.write_shards(one_by_one(), num_processes=2)
    next(shards)
    assert taken == [0, 1, 2]
    shards.close()


def test_the_processes_print_nothing(calls, capfd):
    list(decoding.write_shards(iter(calls), num_processes=2))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("num_processes", [1, 2])
def test_an_error_that_nobody_expects_names_the_shard_and_the_picture(calls, num_processes):
    content = pathlib.Path(calls[0][2].path, "0.png").read_bytes()
    odd = (*calls[3], [content, KeyError("no such chunk")])
    with pytest.raises(OSError) as caught:
        list(decoding.write_shards(iter([calls[0], odd]), num_processes=num_processes))
    assert str(caught.value) == (
        "Shard 3 must be decoded to its end. Received: KeyError: 'no such chunk' at '1.png'. What "
        "is done is kept: take that picture away, then run the same command again."
    )


def test_a_process_answers_whatever_goes_wrong(calls, capfd):
    no_source = (*calls[3][:2], SETTINGS, SETTINGS)
    with pytest.raises(OSError, match="Shard 3 must be written. Received: AttributeError: .*pict"):
        list(decoding.write_shards(iter([calls[0], no_source]), num_processes=2))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("num_processes", [1, 2])
def test_an_error_of_the_system_keeps_its_number_and_its_file(calls, num_processes):
    missing = (calls[0][0] + "/missing", *calls[0][1:])
    with pytest.raises(FileNotFoundError) as caught:
        list(decoding.write_shards(iter([missing]), num_processes=num_processes))
    assert caught.value.filename.startswith(missing[0])


class Fatal:
    """What ends the process that reads it."""

    def __reduce__(self):
        return os._exit, (3,)


def test_a_process_that_dies_is_one_line(calls):
    shards = decoding.write_shards(iter([*calls[:2], (Fatal(),), calls[3]]), num_processes=2)
    with pytest.raises(OSError, match="must live. Received: exit code 3, perhaps") as caught:
        list(shards)
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_told_as_in_this_process(calls, full_disk):
    with full_disk(1000), pytest.raises(OSError) as caught:
        list(decoding.write_shards(iter(calls), num_processes=2))
    assert caught.value.errno == errno.EFBIG


def test_a_process_ends_when_the_one_that_asks_is_killed():
    code = """
import sys
from ibgan_tf.data import decoding
with decoding._process() as process:
    print(process.pid, flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
    try:
        ended, _, _ = select.select([child], [], [], 60)
    finally:
        os.close(child)
    assert ended
