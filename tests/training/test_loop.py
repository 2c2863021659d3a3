import json
import os
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.data.batches import batches
from ibgan_tf.runs import run_directory
from ibgan_tf.runs.checkpoints import checkpoint_steps
from ibgan_tf.training import callbacks, loop


@pytest.fixture
def plain_copy(plain_run, tmp_path):
    """A copy of the plain run, which a test may change."""
    return shutil.copytree(plain_run, tmp_path / "copy")


def files(folder):
    """Returns the contents and times of all files in a folder, by name."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths
    }


def saved_steps(run_dir):
    """Returns the steps that have a checkpoint."""
    return checkpoint_steps(run_dir / "checkpoints")


def logged_steps(run_dir):
    """Returns the steps of the log's rows."""
    return [row["step"] for row in run_directory.read_rows(run_dir)]


def remove_checkpoints(run_dir, *steps):
    """Removes the checkpoints of some steps, as if they hadn't been written yet."""
    for step in steps:
        for path in (run_dir / "checkpoints").glob(f"ckpt-{step}.*"):
            path.unlink()


def test_a_run_writes_its_directory(rich_run):
    assert set(os.listdir(rich_run)) == {
        *("config.json", "command.txt", "environment.json", "log.jsonl", "events", "checkpoints"),
        *("weights", "samples", "traversals", "summary.json", "DONE", ".lock"),
    }
    assert saved_steps(rich_run) == [4, 8, 12]
    assert sorted(os.listdir(rich_run / "weights")) == ["step-12", "step-6"]
    assert sorted(os.listdir(rich_run / "samples")) == ["step-12.png", "step-6.png"]


def test_the_first_row_names_the_data_and_the_others_come_at_the_interval(plain_run):
    first, *rows = run_directory.read_rows(plain_run)
    assert first == {"step": 0, "data_source": {"source": "computed", "sha256": "00ff"}}
    assert [row["step"] for row in rows] == [3, 6, 9, 12]
    scalars = {"reconstruction_loss", "kl/r00", "kl/r01", "steps_per_second", "images_per_second"}
    assert set(rows[0]) == scalars | {"step"}


def test_the_summary_tells_the_last_scalars_and_the_speed(plain_run):
    summary = json.loads((plain_run / "summary.json").read_text())
    assert summary["last_report"] == run_directory.read_rows(plain_run)[-1]
    assert (summary["step"], summary["steps"], summary["data_source"]["sha256"]) == (12, 12, "00ff")
    segment = summary["segment"]
    assert (segment["first_step"], segment["steps"]) == (0, 12)
    assert segment["seconds"] > 0.0 and segment["steps_per_second"] > 0.0


def test_a_row_has_the_mean_of_each_scalar_since_the_last(train, plain_run, tmp_path):
    train(tmp_path, report_every=1)
    _, *each = run_directory.read_rows(tmp_path)
    _, *means = run_directory.read_rows(plain_run)
    losses = np.array([row["reconstruction_loss"] for row in each]).reshape(4, 3)
    expected = [row["reconstruction_loss"] for row in means]
    np.testing.assert_allclose(losses.mean(axis=1), expected, rtol=1e-12)


def test_how_many_steps_share_a_call_changes_nothing(train, plain_run, tmp_path, run_contents):
    train(tmp_path, steps_per_call=1)
    assert run_contents(tmp_path) == run_contents(plain_run)


def test_pictures_and_snapshots_change_nothing(plain_run, rich_run, run_contents):
    plain, rich = run_contents(plain_run), run_contents(rich_run)
    for part in ("rows", "newest checkpoint"):
        assert rich[part] == plain[part]


def test_sigterm_saves_and_the_resumed_run_equals_an_uninterrupted_one(
    train, plain_run, tmp_path, run_contents, monkeypatch
):
    add = loop.ReportInterval.add

    def add_and_stop(interval, names, rows):
        add(interval, names, rows)
        if logged_steps(tmp_path)[-1] == 3:  # in the call that ends at step 4, between two reports
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(loop.ReportInterval, "add", add_and_stop)
        assert train(tmp_path, checkpoint_every=100, snapshot_every=4) == loop.TERMINATED == 143
    assert saved_steps(tmp_path) == [4]
    assert json.loads((tmp_path / "summary.json").read_text())["step"] == 4
    assert not (tmp_path / "DONE").exists()

    assert train(tmp_path, resume=True) == loop.FINISHED
    assert run_contents(tmp_path) | {"snapshots": {}} == run_contents(plain_run)
    assert (tmp_path / "DONE").exists()
    segments = run_directory.read_segments(tmp_path)
    assert [segment["step"] for segment in segments] == [0, 4]


def test_ctrl_c_saves_too(train, tmp_path, signal_at):
    with signal_at("step 3/12", signal.SIGINT):
        assert train(tmp_path, checkpoint_every=100) == loop.INTERRUPTED == 130
    assert saved_steps(tmp_path) == [3]


def test_a_stop_before_the_first_step_is_resumed_too(
    train, plain_run, tmp_path, run_contents, signal_at
):
    with signal_at("builds the graph", signal.SIGTERM):
        assert train(tmp_path) == loop.TERMINATED
    assert saved_steps(tmp_path) == [0]
    assert train(tmp_path, resume=True) == loop.FINISHED
    assert run_contents(tmp_path) == run_contents(plain_run)


def test_what_came_after_the_newest_intact_checkpoint_is_written_anew(
    train, rich_run, tmp_path, run_contents, caplog
):
    run_dir = shutil.copytree(rich_run, tmp_path / "copy")
    for path in (run_dir / "checkpoints").glob("ckpt-12.*"):
        os.truncate(path, path.stat().st_size // 2)
    with open(run_dir / "log.jsonl", "a") as log:
        log.write('{"step": 12, "reconst')  # as a kill leaves it
    train(run_dir, resume=True, picture_every=6, snapshot_every=6)
    assert "The checkpoint of step 12" in caplog.text
    assert run_contents(run_dir) == run_contents(rich_run)


def test_a_run_killed_before_its_first_checkpoint_begins_anew(
    train, rich_run, tmp_path, run_contents, capsys
):
    run_dir = shutil.copytree(rich_run, tmp_path / "copy")
    remove_checkpoints(run_dir, 4, 8, 12)
    for name in ("DONE", "summary.json"):
        (run_dir / name).unlink()
    run_directory.drop_rows_after(run_dir, 3)  # the next comes after the checkpoint of step 4
    train(run_dir, resume=True, picture_every=6, snapshot_every=6)
    assert f"{run_dir} has no checkpoint yet and begins anew\n" in capsys.readouterr().err
    assert run_contents(run_dir) == run_contents(rich_run)


def test_an_unfinished_run_whose_checkpoints_are_gone_is_not_begun_anew(
    train, plain_copy, run_contents
):
    shutil.rmtree(plain_copy / "checkpoints")
    (plain_copy / "DONE").unlink()
    before = run_contents(plain_copy)
    with pytest.raises(FileNotFoundError, match="a record without them"):
        train(plain_copy, resume=True)
    assert run_contents(plain_copy) == before


def test_a_finished_run_whose_checkpoints_are_gone_is_not_begun_anew(
    train, plain_copy, run_contents
):
    remove_checkpoints(plain_copy, 4, 8, 12)
    before = run_contents(plain_copy)
    with pytest.raises(FileNotFoundError, match="a record without them"):
        train(plain_copy, resume=True)
    assert run_contents(plain_copy) == before


def test_a_finished_run_is_left_as_it_is_in_one_line(train, plain_copy, run_contents, capsys):
    before, done = run_contents(plain_copy), (plain_copy / "DONE").stat().st_mtime_ns
    assert train(plain_copy, resume=True) == loop.FINISHED
    assert (
        capsys.readouterr().err == f"{plain_copy} has done its 12 steps; go on with --steps=...\n"
    )
    assert run_contents(plain_copy) == before
    assert (plain_copy / "DONE").stat().st_mtime_ns == done
    assert len(run_directory.read_segments(plain_copy)) == 1


def test_an_end_cut_off_by_a_kill_is_made_up_for(train, plain_copy):
    (plain_copy / "DONE").unlink()
    (plain_copy / "summary.json").unlink()
    assert train(plain_copy, resume=True) == loop.FINISHED
    assert (plain_copy / "DONE").exists()
    summary = json.loads((plain_copy / "summary.json").read_text())
    assert summary["last_report"]["step"] == 12 and summary["segment"] is None


def test_a_run_goes_on_with_more_steps(train, plain_run, tmp_path, run_contents):
    train(tmp_path, steps=6)
    assert train(tmp_path, resume=True, steps=12) == loop.FINISHED
    assert json.loads((tmp_path / "config.json").read_text())["options"]["steps"] == 12
    assert run_contents(tmp_path) == run_contents(plain_run)


def test_a_scalar_that_is_not_finite_ends_the_run_before_anything_is_saved(
    train, toy_config, tmp_path
):
    message = "Received: reconstruction_loss=nan at step 7. The last checkpoint is from before"
    with pytest.raises(FloatingPointError, match=message):
        train(tmp_path, model_config=toy_config(bad_scalar_at=7))
    assert (saved_steps(tmp_path), logged_steps(tmp_path)) == ([4], [0, 3, 6])
    assert not (tmp_path / "summary.json").exists()


def test_a_weight_that_is_not_finite_is_neither_shown_nor_saved(train, toy_config, tmp_path):
    every_6 = {"checkpoint_every": 6, "picture_every": 6, "snapshot_every": 6}
    message = "Every weight must be finite. Received: .*/bias at step 6"
    with pytest.raises(FloatingPointError, match=message):
        train(tmp_path, model_config=toy_config(bad_weight_at=6), **every_6)
    assert saved_steps(tmp_path) == []
    assert not (tmp_path / "weights").exists() and not (tmp_path / "samples").exists()


def test_a_bad_weight_is_not_saved_on_a_signal_either(train, toy_config, tmp_path, signal_at):
    with signal_at("step 3/12", signal.SIGTERM), pytest.raises(FloatingPointError, match="step 3"):
        train(tmp_path, model_config=toy_config(bad_weight_at=3))
    assert saved_steps(tmp_path) == []


def test_a_disk_that_fills_up_costs_nothing_but_the_steps_since_the_last_checkpoint(
    train, plain_run, tmp_path, run_contents, full_disk_at
):
    message = "The checkpoint of step 8 must be written to the disk. .*older checkpoints are intact"
    with full_disk_at("step 6/12", 20_000), pytest.raises(OSError, match=message):
        train(tmp_path)
    assert saved_steps(tmp_path) == [4]
    assert not list((tmp_path / "checkpoints").glob("*_temp"))
    train(tmp_path, resume=True)
    assert run_contents(tmp_path) == run_contents(plain_run)


def test_an_error_inside_the_loop_leaves_a_run_that_can_be_resumed(
    train, plain_run, tmp_path, run_contents, monkeypatch
):
    def fail(snapshots, batch, logs=None):
        if batch == 9:
            raise RuntimeError("of any kind")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="of any kind"):
        patch.setattr(callbacks.Snapshots, "on_train_batch_end", fail)
        train(tmp_path)
    assert (saved_steps(tmp_path), logged_steps(tmp_path)) == ([4, 8], [0, 3, 6, 9])
    train(tmp_path, resume=True)
    assert run_contents(tmp_path) == run_contents(plain_run)


def test_training_goes_on_where_tensorboard_cannot_write(
    train, plain_run, plain_copy, run_contents, caplog
):
    remove_checkpoints(plain_copy, 8, 12)
    shutil.rmtree(plain_copy / "events")
    (plain_copy / "events").write_text("a file where the folder should be")
    assert train(plain_copy, resume=True) == loop.FINISHED
    (warning,) = caplog.messages
    assert "training goes on without them; log.jsonl has the scalars" in warning
    assert run_contents(plain_copy) == run_contents(plain_run) | {"events": []}


def test_an_existing_run_is_refused_and_left_as_it_is(train, plain_copy):
    before = files(plain_copy)
    with pytest.raises(FileExistsError, match="Add --resume to go on with that run"):
        train(plain_copy)
    assert files(plain_copy) == before


def test_a_second_trainer_is_refused_and_changes_nothing(train, plain_copy):
    with run_directory.lock(plain_copy):
        before = files(plain_copy)
        with pytest.raises(OSError, match=rf"another process \(pid {os.getpid()}\) is writing"):
            train(plain_copy, resume=True, steps=20)
        assert files(plain_copy) == before


def test_a_folder_without_a_run_is_not_resumed(train, tmp_path):
    with pytest.raises(FileNotFoundError, match="run_dir must hold a run"):
        train(tmp_path / "missing", resume=True)
    assert os.listdir(tmp_path) == []


def test_a_model_that_cannot_be_built_leaves_no_run_directory(train, toy_config, tmp_path):
    with pytest.raises(ValueError, match="units"):
        train(tmp_path / "run", model_config=toy_config(width=-1))
    assert os.listdir(tmp_path) == []


def test_plain_keras_gives_the_same_weights(plain_run, toy_model, toy_images):
    trained, fitted = toy_model(), toy_model()
    checkpoint = tf.train.Checkpoint(model=trained)
    checkpoint.restore(str(plain_run / "checkpoints" / "ckpt-12")).expect_partial()
    elements = batches(toy_images, batch_size=4, seed=0)
    history = fitted.fit(elements, epochs=2, steps_per_epoch=6, shuffle=False, verbose=0)
    for ours, other in zip(trained.weights, fitted.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), other.numpy(), err_msg=ours.path)
    assert len(history.history["reconstruction_loss"]) == 2
