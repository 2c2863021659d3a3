import os

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

from ibgan_tf.runs.events import drop_events_after


def write(folder, steps):
    """Writes a file of events as a training does, the loss of each step being the step."""
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for step in steps:
            tf.summary.scalar("loss", float(step), step=step)
    writer.close()


def read(folder):
    """Returns the (step, loss) that TensorBoard sees."""
    accumulator = event_accumulator.EventAccumulator(str(folder), {"tensors": 0})
    accumulator.Reload()
    if "loss" not in accumulator.Tags()["tensors"]:
        return []
    events = accumulator.Tensors("loss")
    return [(event.step, tf.make_ndarray(event.tensor_proto).item()) for event in events]


def the_file(folder):
    """Returns the only file of events."""
    (path,) = folder.glob("*tfevents*")
    return path


def test_events_past_a_step_are_dropped_and_those_up_to_it_kept(tmp_path):
    write(tmp_path, [100, 200, 300])
    drop_events_after(tmp_path, 200)
    assert read(tmp_path) == [(100, 100.0), (200, 200.0)]
    assert len(os.listdir(tmp_path)) == 1


def test_a_resumed_writer_goes_on_after_what_was_kept(tmp_path):
    write(tmp_path / "first", [100, 200, 300])
    drop_events_after(tmp_path / "first", 200)
    write(tmp_path / "first", [250, 350])
    # Sorted, for two files of one process and second may be read in either order: 9 before 10.
    assert sorted(step for step, _ in read(tmp_path / "first")) == [100, 200, 250, 350]


def test_a_file_of_which_nothing_is_kept_is_deleted(tmp_path):
    write(tmp_path, [300, 400])
    drop_events_after(tmp_path, 200)
    assert os.listdir(tmp_path) == []


def test_a_file_of_which_everything_is_kept_is_not_touched(tmp_path):
    write(tmp_path, [100, 200])
    before = the_file(tmp_path).stat()
    drop_events_after(tmp_path, 200)
    after = the_file(tmp_path).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("cut", [1, 20])
def test_a_record_cut_off_at_the_end_is_dropped(tmp_path, cut):
    write(tmp_path, [100, 200])
    path = the_file(tmp_path)
    os.truncate(path, path.stat().st_size - cut)
    drop_events_after(tmp_path, 1000)
    assert read(tmp_path) == [(100, 100.0)]
    whole = path.read_bytes()
    drop_events_after(tmp_path, 1000)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("size", [0, 5])
def test_a_file_cut_off_within_its_first_record_is_deleted(tmp_path, size):
    write(tmp_path, [100])
    os.truncate(the_file(tmp_path), size)
    drop_events_after(tmp_path, 1000)
    assert os.listdir(tmp_path) == []


def test_files_in_folders_below_are_cut_back_too(tmp_path):
    write(tmp_path / "metrics", [100, 300])
    drop_events_after(tmp_path, 200)
    assert read(tmp_path / "metrics") == [(100, 100.0)]


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    drop_events_after(tmp_path, 0)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_missing_folder_is_left_missing(tmp_path):
    drop_events_after(tmp_path / "missing", 0)
    assert os.listdir(tmp_path) == []


def test_on_a_full_disk_the_file_stays_as_it_was(tmp_path, full_disk):
    write(tmp_path, [*range(100, 200), 300])
    path = the_file(tmp_path)
    whole = path.read_bytes()
    with full_disk(1000), pytest.raises(OSError, match="The events up to step 200 must be written"):
        drop_events_after(tmp_path, 200)
    assert path.read_bytes() == whole
    assert os.listdir(tmp_path) == [path.name]


def test_what_a_killed_writer_left_is_removed(tmp_path):
    write(tmp_path, [100])
    (tmp_path / ".tmp-0123").write_bytes(b"half")
    drop_events_after(tmp_path, 200)
    assert os.listdir(tmp_path) == [the_file(tmp_path).name]
