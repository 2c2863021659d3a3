import hashlib
import json
import multiprocessing
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from ibgan_tf.data import cache

CHUNKS = [np.arange(100, dtype=np.uint8), np.arange(100, 200, dtype=np.uint8)]
SIZE = 200
SHA256 = hashlib.sha256(bytes(range(200))).hexdigest()


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    """A cache folder that holds CHUNKS."""
    with cache.locked(tmp_path):
        cache.write_cache(tmp_path / "set", CHUNKS, source="rendered", size=SIZE)
    return tmp_path / "set"


def _leftovers(parent: pathlib.Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir() if path.name != ".lock")


def test_the_default_folder_is_in_the_cache_directory_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache.data_folder(None) == tmp_path / "cache" / "ibgan_tf"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.data_folder(None) == tmp_path / "home" / ".cache" / "ibgan_tf"
    assert cache.data_folder(None).is_dir()


@pytest.mark.parametrize("inside", ["", "deeper/still"])
def test_a_data_dir_that_is_a_file_is_refused(tmp_path, inside):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=r"data_dir must be a folder. Received: data_dir="):
        cache.data_folder(tmp_path / "file" / inside)


def test_a_data_dir_that_cannot_be_made_is_refused():
    with pytest.raises(OSError, match=r"data_dir must be a folder that can be made.*--data_dir"):
        cache.data_folder("/proc/ibgan_tf")


def test_a_home_directory_of_nobody_is_refused():
    with pytest.raises(ValueError, match="^data_dir must be a folder") as caught:
        cache.path_of("~nosuchuser/x")
    assert str(caught.value) == (
        "data_dir must be a folder that can be found. Received: data_dir='~nosuchuser/x', of a "
        "user without a home directory. Name a folder with --data_dir."
    )


def test_without_a_home_directory_a_folder_must_be_named(monkeypatch, tmp_path):
    def no_home(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pathlib.Path, "expanduser", no_home)
    with pytest.raises(ValueError, match=r"Received: no data_dir, of a user .* with --data_dir."):
        cache.data_folder(None)


def test_a_folder_that_must_exist_is_refused_in_one_line_and_not_made(tmp_path):
    for missing in (tmp_path / "dtaa", tmp_path / "dtaa" / "celeba"):
        with pytest.raises(FileNotFoundError) as caught:
            cache.data_folder(missing, must_exist=True)
        assert str(caught.value) == (
            f"data_dir must be a folder with data. Received: data_dir={str(missing)!r}, which "
            "isn't there. Name the folder that has them with --data_dir."
        )
    assert os.listdir(tmp_path) == []
    assert cache.data_folder(tmp_path, must_exist=True) == tmp_path


def test_the_default_folder_is_made_even_where_one_that_is_named_must_exist(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.data_folder(None, must_exist=True).is_dir()


def test_a_written_cache_passes_its_check(folder):
    assert (folder / cache.CONTENT).read_bytes() == bytes(range(200))
    manifest = cache.check_cache(folder, size=SIZE, sha256=SHA256)
    assert (manifest["source"], manifest["sha256"], manifest["size"]) == ("rendered", SHA256, 200)
    assert _leftovers(folder.parent) == ["set"]
    assert folder.stat().st_mode & 0o777 == 0o755  # others may read it


def test_content_with_another_hash_than_the_known_one_is_not_kept(tmp_path):
    message = rf"must have the SHA-256 {'0' * 64}. Received: sha256={SHA256}. This machine computes"
    with pytest.raises(ValueError, match=message):
        cache.write_cache(tmp_path / "set", CHUNKS, source="rendered", size=SIZE, sha256="0" * 64)
    assert _leftovers(tmp_path) == []


def test_content_of_another_size_is_not_kept(tmp_path):
    with pytest.raises(ValueError, match=r"must have 201 bytes. Received: size=200"):
        cache.write_cache(tmp_path / "set", CHUNKS, source="official", size=201)
    assert _leftovers(tmp_path) == []


def test_an_error_while_the_content_is_made_leaves_nothing(tmp_path):
    def chunks():
        yield CHUNKS[0]
        raise ValueError("the archive is damaged")

    with pytest.raises(ValueError, match="the archive is damaged"):
        cache.write_cache(tmp_path / "set", chunks(), source="official", size=SIZE)
    assert _leftovers(tmp_path) == []


def test_a_writer_that_is_killed_leaves_nothing_that_is_taken_for_whole(tmp_path):
    code = f"""
import pathlib, sys
from ibgan_tf.data import cache
def chunks():
    yield b"half"
    print("half-way", flush=True)
    sys.stdin.read()
folder = pathlib.Path({str(tmp_path)!r})
with cache.locked(folder):
    cache.write_cache(folder / "set", chunks(), source="rendered", size=8)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout.readline() == b"half-way\n"
        process.send_signal(signal.SIGKILL)
    (half_made,) = _leftovers(tmp_path)
    assert half_made.startswith(".set.tmp-")
    with cache.locked(tmp_path):  # the next writer neither waits nor keeps the half-made folder
        assert _leftovers(tmp_path) == []


def test_what_any_killed_writer_has_left_is_removed_and_other_files_stay(tmp_path):
    left_file, left_folder = tmp_path / ".tmp-0a1b2c3d", tmp_path / ".set.tmp-abc"
    left_file.write_text("half")  # of `atomic`, as a download's
    left_folder.mkdir()
    (tmp_path / ".mine.tmp-1").write_text("a file of the user's")
    with cache.locked(tmp_path):
        assert _leftovers(tmp_path) == [".mine.tmp-1"]


def test_a_folder_to_write_in_that_cannot_be_made_is_refused():
    with (
        pytest.raises(OSError, match=r"a folder that can be made. .*ibgan_tf/mnist.*--data_dir"),
        cache.locked(pathlib.Path("/proc/ibgan_tf/mnist")),
    ):
        pass


def _write_if_absent(parent: pathlib.Path, barrier, written) -> None:
    barrier.wait()
    with cache.locked(parent):
        if not (parent / "set").exists():
            cache.write_cache(parent / "set", CHUNKS, source="rendered", size=SIZE)
            written.put(os.getpid())


def test_of_two_processes_at_once_one_writes_and_the_other_finds_it_done(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, written = context.Barrier(2), context.Queue()
    arguments = (tmp_path, barrier, written)
    processes = [context.Process(target=_write_if_absent, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert written.get() in [process.pid for process in processes]
    assert written.empty()
    cache.check_cache(tmp_path / "set", size=SIZE, sha256=SHA256)
    assert _leftovers(tmp_path) == ["set"]


def test_a_disk_without_room_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=199))
    with pytest.raises(OSError, match=r"must have 200 bytes free. Received: free=199..*--data_dir"):
        cache.write_cache(tmp_path / "set", CHUNKS, source="rendered", size=SIZE)
    assert _leftovers(tmp_path) == []


def test_a_disk_that_fills_up_is_one_clear_error_and_leaves_nothing(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, limits[1]))
    try:
        with pytest.raises(OSError, match=r"The data cache must fit on its disk.*--data_dir"):
            cache.write_cache(tmp_path / "set", CHUNKS, source="rendered", size=SIZE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert _leftovers(tmp_path) == []


def _overwrite(path: pathlib.Path, content: bytes) -> None:
    """Writes a file in place, with a time of its own."""
    path.write_bytes(content)
    os.utime(path, ns=(0, 0))


def test_a_changed_content_is_found(folder):
    _overwrite(folder / cache.CONTENT, bytes(199) + b"!")
    with pytest.raises(ValueError, match=f"must have sha256={SHA256}.*damaged: delete that folder"):
        cache.check_cache(folder, size=SIZE)


def test_a_truncated_content_is_found(folder):
    os.truncate(folder / cache.CONTENT, 100)
    with pytest.raises(ValueError, match=r"must have size=200. Received: size=100"):
        cache.check_cache(folder, size=SIZE)


def test_a_copied_cache_is_hashed_once_and_then_taken(folder, monkeypatch):
    _overwrite(folder / cache.CONTENT, bytes(range(200)))
    cache.check_cache(folder, size=SIZE)
    monkeypatch.setattr(cache, "sha256_of", None)  # would fail if it were called again
    assert cache.check_cache(folder, size=SIZE)["sha256"] == SHA256


def test_a_cache_of_another_hash_than_the_known_one_is_refused(folder):
    with pytest.raises(ValueError, match=f"sha256={'0' * 64}. Received: size=200, sha256={SHA256}"):
        cache.check_cache(folder, size=SIZE, sha256="0" * 64)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"source": 3})])
def test_a_damaged_manifest_is_found(folder, text):
    (folder / cache.MANIFEST).write_text(text)
    with pytest.raises(ValueError, match="It is damaged: delete that folder"):
        cache.check_cache(folder, size=SIZE)


@pytest.mark.parametrize("name", [cache.CONTENT, cache.MANIFEST])
def test_a_missing_file_is_found(folder, name):
    (folder / name).unlink()
    with pytest.raises(ValueError, match="It is damaged: delete that folder"):
        cache.check_cache(folder, size=SIZE)


def test_prepared_data_go_into_the_users_cache_where_the_data_folder_cannot_be_written(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = tmp_path / "data"
    data.mkdir()
    own = data / "celeba" / "crop1"
    assert cache.folder_of(data, "celeba", "crop1") == own
    monkeypatch.setattr(os, "access", lambda path, mode: path != data)
    elsewhere = cache.folder_of(data, "celeba", "crop1")
    assert elsewhere.is_relative_to(tmp_path / "cache" / "ibgan_tf" / "celeba")
    assert cache.folder_of(data, "celeba", "crop2") == elsewhere.with_name("crop2")
    other = tmp_path / "other"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert cache.folder_of(other, "celeba", "crop1").parent != elsewhere.parent
    own.mkdir(parents=True)  # prepared by somebody else
    assert cache.folder_of(data, "celeba", "crop1") == own
