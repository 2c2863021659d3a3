import json

import pytest

from ibgan_tf.sweeps.journal import Journal, read_last


def rows_of(folder):
    """Returns the rows of the journal."""
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def test_the_last_row_of_each_run_is_kept_over_processes(tmp_path):
    journal = Journal(tmp_path)
    journal.add("started", "a")
    journal.add("started", "b")
    journal.add("failed", "a", reason="no space")
    for last in (read_last(tmp_path), {run: Journal(tmp_path).last(run) for run in "ab"}):
        assert (last["a"]["event"], last["a"]["reason"]) == ("failed", "no space")
        assert last["b"]["event"] == "started"
    assert [row["event"] for row in rows_of(tmp_path)] == ["begun", "started", "started", "failed"]
    assert journal.last("c") == {}


def test_reading_writes_nothing(tmp_path):
    assert read_last(tmp_path / "none") == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("torn", ['{"event": "star', "\0\0"])
def test_a_line_cut_off_by_a_kill_is_dropped_before_the_next_is_written(tmp_path, torn):
    Journal(tmp_path).add("started", "a")
    with open(tmp_path / "journal.jsonl", "a") as file:
        file.write(torn)
    assert read_last(tmp_path)["a"]["event"] == "started"
    Journal(tmp_path).add("finished", "a")
    assert [row["event"] for row in rows_of(tmp_path)] == ["begun", "started", "finished"]


def test_a_journal_killed_in_its_first_line_begins_anew(tmp_path):
    (tmp_path / "journal.jsonl").write_text('{"event": "be')
    Journal(tmp_path).add("started", "a")
    assert [row["event"] for row in rows_of(tmp_path)] == ["begun", "started"]


def test_a_journal_of_another_version_is_refused_and_left_as_it_is(tmp_path):
    text = '{"event": "begun", "version": 2, "ibgan_tf": "9.0"}\n'
    (tmp_path / "journal.jsonl").write_text(text)
    message = "must have version 1. Received: version=2, of ibgan_tf 9.0. Go on with the version"
    for read in (read_last, Journal):
        with pytest.raises(ValueError, match=message):
            read(tmp_path)
    assert (tmp_path / "journal.jsonl").read_text() == text


def test_a_damaged_line_is_told_with_its_number(tmp_path):
    Journal(tmp_path).add("started", "a")
    text = (tmp_path / "journal.jsonl").read_text()
    (tmp_path / "journal.jsonl").write_text("{\n" + text)
    with pytest.raises(ValueError, match="Received: line 1"):
        read_last(tmp_path)


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(FileExistsError, match="holds 'thesis.tex' and no journal.jsonl"):
        Journal(tmp_path)
    with pytest.raises(NotADirectoryError, match="sweep_dir must be a folder"):
        read_last(tmp_path / "thesis.tex")


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path, full_disk):
    journal = Journal(tmp_path)
    journal.add("started", "a")
    whole = (tmp_path / "journal.jsonl").read_bytes()
    with full_disk(len(whole) + 5), pytest.raises(OSError):
        journal.add("failed", "a", reason="x" * 100)
    assert (tmp_path / "journal.jsonl").read_bytes() == whole
    assert journal.last("a")["event"] == "started"
