import os

import pytest

from ibgan_tf.runs import json_lines


def test_objects_are_read_as_they_were_appended(tmp_path):
    path = tmp_path / "a.jsonl"
    assert json_lines.read(path) == []
    for number in range(3):
        json_lines.append(path, {"number": number, "text": "é\n"})
    assert json_lines.read(path) == [{"number": n, "text": "é\n"} for n in range(3)]


def test_a_file_written_anew_has_no_line_that_was_cut_off(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n{"b":')
    json_lines.write(path, json_lines.read(path))
    assert path.read_text() == '{"a": 1}\n'


def test_a_number_that_is_not_finite_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "a.jsonl"
    json_lines.append(path, {"a": 1.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_lines.append(path, {"a": float("nan")})
    assert path.read_text() == '{"a": 1.5}\n'


def test_a_line_is_on_the_disk_when_it_is_appended(tmp_path, monkeypatch):
    sizes = []
    monkeypatch.setattr(os, "fsync", lambda file: sizes.append(os.fstat(file).st_size))
    json_lines.append(tmp_path / "a.jsonl", {"a": 1})
    assert sizes == [len('{"a": 1}\n')]
