import pytest

from ibgan_tf import atomic
from ibgan_tf.plotting import writing


def test_write_atomically_makes_the_folders_and_replaces_the_file(tmp_path):
    path = tmp_path / "a" / "b" / "picture.png"
    writing.write_atomically(path, b"old")
    writing.write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [file.name for file in path.parent.iterdir()] == ["picture.png"]


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        writing.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["picture.png"]


def test_a_file_where_a_folder_should_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        writing.write_atomically(tmp_path / "file" / "picture.png", b"new")
