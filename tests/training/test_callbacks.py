import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.plotting import grids
from ibgan_tf.runs import run_directory
from ibgan_tf.training import callbacks


@pytest.fixture
def clock(monkeypatch):
    """A clock whose time the test sets, in seconds."""
    clock = types.SimpleNamespace(now=1000.0)
    monkeypatch.setattr(callbacks, "time", types.SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


def go_through(callback, clock, moments, *, first_step=0, report_every=100):
    """Calls a callback as the loop does, and returns the logs of each report."""
    callback.on_train_begin({"step": first_step})
    reports = []
    for seconds, step in moments:
        clock.now += seconds
        if step % report_every == 0:
            reports.append({"steps_per_second": 2.0, "information_lower_bound": 1.0})
            callback.on_epoch_end(step, reports[-1])
        callback.on_train_batch_end(step)
    return reports


def test_the_log_has_the_speed_without_the_building_of_the_graph(tmp_path, clock):
    moments = [(60, 10), (5, 60), (4, 100), (10, 200)]
    reports = go_through(callbacks.Log(tmp_path, batch_size=64), clock, moments)
    assert [report["steps_per_second"] for report in reports] == [90 / 9, 100 / 10]
    assert [report["images_per_second"] for report in reports] == [640.0, 640.0]
    rows = run_directory.read_rows(tmp_path)
    assert [row["step"] for row in rows] == [100, 200]
    assert rows[0]["steps_per_second"] == 10.0


def test_the_speed_of_a_single_call_is_all_there_is(tmp_path, clock):
    (report,) = go_through(callbacks.Log(tmp_path, batch_size=1), clock, [(50, 100)])
    assert report["steps_per_second"] == 2.0


def test_progress_shows_step_speed_time_left_and_main_scalars(clock, capsys):
    moments = [(60, 1010), (9, 1100), (11, 1200)]
    go_through(callbacks.Progress(3000), clock, moments, first_step=1000)
    begin, first, second = capsys.readouterr().err.splitlines()
    assert begin == "step 1,000 of 3,000; the first call builds the graph"
    assert first == "step 1,100/3,000 (37%)  2.00 steps/s  ETA 0:03:10  I^L 1.00"
    seconds_left = (3000 - 1200) * (9 + 11) / 190  # without the first call
    assert f"ETA 0:03:{seconds_left - 180:02.0f}" in second


def test_the_time_left_forgets_a_pause(clock, capsys):
    moments = [(1, 100), (3_600, 200), *((50, step) for step in range(300, 5_300, 100))]
    go_through(callbacks.Progress(6_200), clock, moments)
    *_, before, last = capsys.readouterr().err.splitlines()
    hour_and_49_reports = (3_600 + 49 * 50) / 5_000  # seconds a step
    left = round(1_100 * hour_and_49_reports)
    assert f"ETA 0:{left // 60}:{left % 60:02}" in before
    assert "step 5,200" in last and "ETA 0:08:20" in last  # 1,000 steps at two a second


def test_progress_counts_the_dimensions_that_are_used(capsys):
    progress = callbacks.Progress(100)
    progress.on_train_begin({"step": 0})
    progress.on_epoch_end(50, {"steps_per_second": 1.0, "kl/r00": 0.4, "kl/r01": 0.6})
    assert capsys.readouterr().err.endswith("  1 of 2 dimensions above 0.5 nats\n")


def test_a_terminal_that_is_gone_does_not_end_the_training(monkeypatch):
    def fail(text):
        raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", types.SimpleNamespace(write=fail, flush=lambda: None))
    callbacks.tell("step 1")


def finite_weights(toy_record, **intervals):
    """Returns the callback on a model whose only weight isn't finite."""
    weight = tf.keras.Variable(np.array([0.0, np.inf], np.float32), name="kernel")
    callback = callbacks.FiniteWeights(toy_record(**intervals).options)
    callback.set_model(types.SimpleNamespace(weights=[weight]))
    return callback


@pytest.mark.parametrize("name", ["picture_every", "snapshot_every", "checkpoint_every"])
def test_weights_are_checked_wherever_something_is_shown_or_saved(toy_record, name):
    intervals = {"picture_every": 0, "snapshot_every": 0, "checkpoint_every": 1000} | {name: 6}
    callback = finite_weights(toy_record, **intervals)
    callback.on_train_batch_end(5)
    with pytest.raises(FloatingPointError, match="Received: kernel at step 6. The last checkpoint"):
        callback.on_train_batch_end(6)


def test_checkpoints_come_after_everything_that_a_resumed_run_finds(tmp_path, toy_record):
    found = callbacks.run_callbacks(tmp_path, toy_record(), interval=None, checkpoints=None)
    names = [type(callback).__name__ for callback in found]
    before = names[: names.index("SaveCheckpoints")]
    assert before == [
        "Evaluations",
        "Log",
        "TensorBoardWriter",
        "Progress",
        "FiniteWeights",
        "Pictures",
        "Snapshots",
    ]
    assert names[-1] == "Ending"


def test_every_picture_of_a_step_is_in_tensorboard(tmp_path, toy_record, monkeypatch):
    def draw(*names):
        paths = [tmp_path / f"step-10-{name}.png" for name in names]
        for path in paths:
            grids.save_png(path, np.zeros([4, 4], np.uint8))
        return paths

    drawn = types.SimpleNamespace(
        draw_samples=lambda *arguments: draw("samples")[0],
        draw_traversals=lambda *arguments, **settings: draw("1", "s1"),
    )
    monkeypatch.setattr(callbacks, "pictures", drawn)
    monkeypatch.setattr(callbacks, "traversal_centers", lambda *arguments, **settings: None)
    tags = []
    board = types.SimpleNamespace(image=lambda tag, pixels, *, step: tags.append((tag, step)))
    callback = callbacks.Pictures(tmp_path, toy_record(), board, every=5)
    callback.set_model(None)
    for step in (9, 10):
        callback.on_train_batch_end(step)
    assert tags == [("samples", 10), ("traversals", 10), ("traversals_s1", 10)]


@pytest.mark.parametrize("step", [11, 12])
def test_done_is_written_after_the_last_step_only(tmp_path, toy_record, step):
    run_directory.append_row(tmp_path, {"step": 9, "loss": 0.5})
    callbacks.write_ending(tmp_path, toy_record(steps=12), step=step, segment=None)
    assert (tmp_path / "summary.json").exists()
    assert (tmp_path / "DONE").exists() == (step == 12)
