import os
import pathlib
import signal
import subprocess
import sys

import pytest

from ibgan_tf import atomic

ROOT = pathlib.Path(__file__).parents[1]


def test_a_file_is_replaced_at_the_end_of_the_block(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic.replacing_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_file_stays_as_it_was_if_the_block_fails(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic.replacing_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_file_stays_as_it_was_on_a_full_disk(tmp_path, full_disk):
    path = tmp_path / "a.json"
    atomic.write_json(path, [1])
    with full_disk(10), pytest.raises(OSError):
        atomic.write_json(path, list(range(100)))
    assert path.read_text() == "[\n  1\n]\n"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_folder_is_replaced_at_the_end_of_the_block(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    with atomic.replacing_folder(path) as temporary:
        (temporary / "new").touch()
        assert os.listdir(path) == ["old"]
    assert os.listdir(path) == ["new"]
    assert os.listdir(tmp_path) == ["folder"]


def test_a_folder_stays_as_it_was_if_the_block_fails(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(RuntimeError), atomic.replacing_folder(path) as temporary:
        (temporary / "half").touch()
        raise RuntimeError
    assert os.listdir(path) == ["old"]
    assert os.listdir(tmp_path) == ["folder"]


def test_a_folder_stays_as_it_was_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    rename = pathlib.Path.rename

    def fail_at_first(self, target):
        if target == path and (self / "new").exists():
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(pathlib.Path, "rename", fail_at_first)
    with pytest.raises(OSError, match="no"), atomic.replacing_folder(path) as temporary:
        (temporary / "new").touch()
    assert os.listdir(path) == ["old"]
    assert os.listdir(tmp_path) == ["folder"]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "kept").touch()
    code = """
import os, pathlib, signal, sys
from ibgan_tf import atomic
folder = pathlib.Path(sys.argv[1])
with atomic.replacing_file(folder / "a") as file, atomic.replacing_folder(folder / "b"):
    file.touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 3
    atomic.remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == ["kept"]


def test_a_number_that_is_not_finite_is_not_written(tmp_path):
    with pytest.raises(ValueError):
        atomic.write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert os.listdir(tmp_path) == []


def test_removing_leftovers_of_a_missing_folder_does_nothing(tmp_path):
    atomic.remove_leftovers(tmp_path / "missing")


def test_a_file_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    seen, replace = [], os.replace

    def replacing(*paths):
        seen.append("replaced")
        replace(*paths)

    monkeypatch.setattr(atomic, "sync", lambda path: seen.append(path.name))
    monkeypatch.setattr(atomic.os, "replace", replacing)
    atomic.write_text(tmp_path / "a", "b")
    assert seen[0].startswith(".tmp-")
    assert seen[1:] == ["replaced", tmp_path.name]


def test_a_folder_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(atomic, "sync", lambda path: seen.append((path, path.exists())))
    with atomic.replacing_folder(tmp_path / "a") as temporary:
        (temporary / "b").touch()
    assert seen == [(temporary / "b", True), (temporary, True), (tmp_path, True)]
