import json

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.runs.log import append_row, drop_rows_after, read_last_row, read_rows


def test_rows_are_read_as_they_were_appended(tmp_path):
    rows = [{"step": 100, "loss": 0.5}, {"step": 200, "loss": 0.25, "note": "é\n"}]
    for row in rows:
        append_row(tmp_path, row)
    assert read_rows(tmp_path) == rows


def test_a_run_without_log_has_no_rows(tmp_path):
    assert read_rows(tmp_path) == []
    drop_rows_after(tmp_path, 100)
    assert read_rows(tmp_path) == []


def test_numbers_of_numpy_and_tensors_become_plain_numbers(tmp_path):
    append_row(tmp_path, {"step": np.int64(1), "a": np.float32(0.5), "b": tf.constant([1, 2])})
    assert read_rows(tmp_path) == [{"step": 1, "a": 0.5, "b": [1, 2]}]


@pytest.mark.parametrize("value", [float("nan"), np.float32("inf")])
def test_a_number_that_is_not_finite_is_refused_by_name_and_step(tmp_path, value):
    with pytest.raises(ValueError, match="loss must be finite. Received: loss=.* at step 7"):
        append_row(tmp_path, {"step": 7, "loss": value})
    assert read_rows(tmp_path) == []


@pytest.mark.parametrize("torn", [b'{"step": 3', b'{"note": "\xc3', b"\0\0\0", b"{"])
def test_a_line_cut_off_at_the_end_is_left_out(tmp_path, torn):
    append_row(tmp_path, {"step": 1})
    with open(tmp_path / "log.jsonl", "ab") as file:
        file.write(torn)
    assert read_rows(tmp_path) == [{"step": 1}]


def test_a_damaged_line_before_the_last_is_an_error_with_its_number(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 1}\n{"ste\n{"step": 3}\n')
    with pytest.raises(ValueError, match="Received: line 2"):
        read_rows(tmp_path)


def test_rows_past_a_step_are_dropped_and_appending_goes_on(tmp_path):
    for step in (100, 200, 300):
        append_row(tmp_path, {"step": step})
    with open(tmp_path / "log.jsonl", "ab") as file:
        file.write(b'{"step": 400, "lo')
    drop_rows_after(tmp_path, 200)
    append_row(tmp_path, {"step": 250})
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [100, 200, 250]


def test_the_log_stays_whole_on_a_full_disk(tmp_path, full_disk):
    append_row(tmp_path, {"step": 1})
    whole = (tmp_path / "log.jsonl").read_bytes()
    with full_disk(len(whole) + 5), pytest.raises(OSError):
        append_row(tmp_path, {"step": 2, "note": "x" * 100})
    assert (tmp_path / "log.jsonl").read_bytes() == whole


def test_the_last_row_is_read_from_the_end_of_a_long_log(tmp_path):
    assert read_last_row(tmp_path) == {}
    with open(tmp_path / "log.jsonl", "w") as file:
        file.writelines(f'{{"step": {n}, "text": "{"x" * 100}"}}\n' for n in range(2_000))
        file.write('{"step": 2000, "te')  # being written
    assert read_last_row(tmp_path)["step"] == 1_999
