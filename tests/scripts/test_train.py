"""scripts/train.py in real processes: mistakes, faults, and the main job itself.

Killed and stopped runs are compared bit for bit with runs that nothing disturbed.
"""

import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from ibgan_tf.data import dsprites
from ibgan_tf.runs import load, run_directory
from ibgan_tf.runs.checkpoints import checkpoint_steps

ROOT = pathlib.Path(__file__).parents[2]

# Wide, so that a checkpoint of 5 MB is being written for a while.
TOY = (
    *("--model=toy", "--dataset=toy", "--batch_size=4", "--steps=120", "--steps_per_call=3"),
    *("--report_every=5", "--checkpoint_every=8", "--snapshot_every=30", "--picture_every=60"),
    "--width=6000",
)
IBGAN = (
    *("--dataset=dsprites", "--generator_width=2", "--discriminator_width=2", "--batch_size=4"),
    *("--steps=20", "--report_every=4", "--checkpoint_every=5", "--picture_every=0"),
)


def finish(process):
    """Returns the exit code and the lines that were printed, without the list of imports."""
    code = process.code()
    return code, [line for line in process.lines() if not line.startswith("imported:")]


def logged_step(run_dir):
    """Returns the step of the log's last row, -1 if there is no row."""
    rows = run_directory.read_rows(run_dir)
    return rows[-1]["step"] if rows else -1


def is_saving(run_dir):
    """Says whether a checkpoint is being written, or was when the process was killed."""
    return bool(list((run_dir / "checkpoints").glob("*_temp")))


def kill_when(process, condition):
    """Kills a process with -9 as soon as a condition holds, looked at every millisecond."""
    while not process.ended_within(0.001):
        if condition():
            process.send(signal.SIGKILL)
            break
    assert process.code() == -signal.SIGKILL, process.lines()


def contents_of(folder):
    """Returns the contents of all files in a folder, by name."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def whole_run(start_training, tmp_path_factory):
    """A run of the toy model that nothing disturbed."""
    run_dir = tmp_path_factory.mktemp("whole") / "run"
    code, lines = finish(start_training(*TOY, f"--run_dir={run_dir}"))
    assert code == 0, lines
    return run_dir


def test_a_run_killed_at_random_moments_and_while_it_saves_ends_as_one_that_was_not(
    start_training, whole_run, tmp_path, run_contents
):
    run_dir = tmp_path / "run"
    process = start_training(*TOY, f"--run_dir={run_dir}")
    during_saves = 0
    # A save is short: the last kill, of a run of 120 steps, may wait for one the longest.
    for first, latest, in_save in (
        (5, 30, False),
        (25, 60, True),
        (50, 75, False),
        (65, 118, True),
    ):
        earliest = first + random.randrange(20)

        def is_due(earliest=earliest, latest=latest, in_save=in_save):
            step = logged_step(run_dir)
            return step >= latest or (step >= earliest and (is_saving(run_dir) or not in_save))

        kill_when(process, is_due)
        during_saves += is_saving(run_dir)
        process = start_training("--resume", f"--run_dir={run_dir}")
    code, lines = finish(process)
    assert code == 0, lines
    assert during_saves > 0 and not is_saving(run_dir)
    assert run_contents(run_dir) == run_contents(whole_run)
    assert len(run_directory.read_segments(run_dir)) == 5


def test_sigterm_saves_and_a_second_trainer_is_refused_meanwhile(
    start_training, whole_run, tmp_path, run_contents
):
    run_dir = tmp_path / "run"
    first = start_training(*TOY, f"--run_dir={run_dir}")
    while not first.ended_within(0.001) and logged_step(run_dir) < 30:
        pass
    first.send(signal.SIGSTOP)
    before = contents_of(run_dir)
    code, lines = finish(start_training("--resume", f"--run_dir={run_dir}"))
    assert code == 1
    assert f"another process (pid {first.pid}) is writing it" in lines[-1]
    assert contents_of(run_dir) == before

    first.send(signal.SIGTERM)
    first.send(signal.SIGCONT)
    code, lines = finish(first)
    assert code == 143 and "SIGTERM: stopping, with a checkpoint" in lines
    stopped_at = json.loads((run_dir / "summary.json").read_text())["step"]
    assert 30 <= stopped_at == checkpoint_steps(run_dir / "checkpoints")[-1] < 120
    assert not (run_dir / "DONE").exists()

    code, lines = finish(start_training("--resume", f"--run_dir={run_dir}"))
    assert code == 0, lines
    assert run_contents(run_dir) == run_contents(whole_run)


def test_ibgan_on_dsprites_killed_while_it_saves_ends_as_if_it_had_not_been(
    start_training, tmp_path, run_contents
):
    whole, run_dir = tmp_path / "whole", tmp_path / "run"
    process = start_training(*IBGAN, f"--run_dir={run_dir}")
    kill_when(process, lambda: logged_step(run_dir) >= (4 if is_saving(run_dir) else 16))
    for flags in ((*IBGAN, f"--run_dir={whole}"), ("--resume", f"--run_dir={run_dir}")):
        code, lines = finish(start_training(*flags))
        assert code == 0, lines
    assert run_contents(run_dir) == run_contents(whole)


def test_a_finished_run_says_so_and_goes_on_with_more_steps(start_training, whole_run):
    before = contents_of(whole_run)
    before.pop(next(path for path in before if path.name == "checkpoint"))  # holds a time
    code, lines = finish(start_training("--resume", f"--run_dir={whole_run}"))
    assert (code, lines[-1]) == (0, f"{whole_run} has done its 120 steps; go on with --steps=...")
    after = contents_of(whole_run)
    assert {path: after[path] for path in before} == before


def test_a_scalar_that_is_not_finite_ends_the_run_in_one_line(start_training, tmp_path):
    flags = (*TOY, f"--run_dir={tmp_path / 'run'}", "--bad_scalar_at=12")
    code, lines = finish(start_training(*flags))
    message = "train.py: error: Every scalar must be finite. Received: reconstruction_loss=nan at"
    assert code == 1 and lines[-1].startswith(f"{message} step 12.")
    assert checkpoint_steps(tmp_path / "run" / "checkpoints") == [8]
    assert not any(line.startswith("Traceback") for line in lines)


def test_a_disk_that_is_full_ends_the_run_in_one_line(start_training, tmp_path):
    flags = (*TOY, f"--run_dir={tmp_path / 'run'}")
    code, lines = finish(start_training(*flags, largest_file=100_000))
    assert code == 1
    assert lines[-1].startswith("train.py: error: The checkpoint of step 8 must be written to the")
    assert not any(line.startswith("Traceback") for line in lines)


def test_threads_and_determinism_can_be_chosen_and_are_recorded(start_training, tmp_path):
    flags = (*TOY, f"--run_dir={tmp_path}", "--steps=5", "--threads=1", "--deterministic")
    code, lines = finish(start_training(*flags))
    assert code == 0, lines
    (segment,) = run_directory.read_segments(tmp_path)
    assert segment["threads"] == 1
    options = json.loads((tmp_path / "config.json").read_text())["options"]
    assert (options["precision"], options["threads"]) == ("float32", 1)
    assert options["deterministic"]


@pytest.mark.slow
def test_xla_can_be_chosen(start_training, tmp_path):
    flags = (*TOY, f"--run_dir={tmp_path}", "--steps=5", "--jit")
    code, lines = finish(start_training(*flags))
    assert code == 0, lines
    assert [row["step"] for row in run_directory.read_rows(tmp_path)] == [0, 5]


def test_two_devices_train_as_one_and_resume_bit_for_bit(
    start_training, whole_run, tmp_path, run_contents
):
    whole, run_dir = tmp_path / "whole", tmp_path / "run"
    for flags in (
        (*TOY, "--strategy=mirrored", "--steps=20", f"--run_dir={whole}"),
        (*TOY, "--strategy=mirrored", "--steps=10", f"--run_dir={run_dir}"),
        ("--resume", "--steps=20", f"--run_dir={run_dir}"),
    ):
        code, lines = finish(start_training(*flags, cpus=2))
        assert code == 0, lines
    assert run_contents(run_dir) == run_contents(whole)
    assert [segment["replicas"] for segment in run_directory.read_segments(run_dir)] == [2, 2]
    expected, found = (
        [row["reconstruction_loss"] for row in run_directory.read_rows(one)[1:5]]
        for one in (whole_run, run_dir)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_help_comes_without_what_only_training_needs(start_training):
    process = start_training("--help")
    assert process.code() == 0
    assert process.lines()[-1] == "imported:"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--dataset=dsprites", "--stpes=5"], "Unknown flag --stpes. Did you mean --steps?"),
        (["--dataset=dsprite"], "Received: dataset='dsprite'. Did you mean 'dsprites'?"),
        (
            [],
            "dataset must be one of: celeba, chairs3d, color_dsprites, dsprites, fashion_mnist, "
            "image_folder, mnist, toy. Received: no dataset. Add --dataset=...",
        ),
        (["--dataset=toy", "--model=ibgna"], "Received: model='ibgna'. Did you mean 'ibgan'?"),
        (["--dataset=dsprites", "--preset=dsprites_fats"], "Did you mean 'dsprites_fast'?"),
        (["--dataset=dsprites", "--steps=0"], "steps must be >= 1. Received: steps=0."),
        (["--dataset=dsprites", "--beta=-1"], "beta must be >= 0. Received: beta=-1.0"),
        (["--dataset=dsprites", "--precision=float16"], "precision must be float32 or bfloat16"),
        (["--dataset=dsprites", "--device=gpu"], "device=gpu needs a GPU that TensorFlow sees."),
        (["--dataset=dsprites", "--strategy=mirrored"], "strategy=mirrored needs two GPUs"),
        (["--dataset=dsprites", f"--data_dir={__file__}"], "data_dir must be a folder."),
        ([*TOY, "--evaluate_every=100"], "model='toy', which can't encode images."),
        (["--dataset=celeba", "--image_size=48"], "image_size must be one of: 28, 32, 64."),
        (["--dataset=image_folder", "--preset=celeba"], "data_dir must be the folder of the pict"),
        (["--resume"], "run_dir must hold a run, and with it config.json."),
    ],
)
def test_a_mistake_is_told_in_one_line_before_a_run_directory_is_made(
    start_training, tmp_path, flags, message
):
    code, lines = finish(start_training(*flags, f"--run_dir={tmp_path / 'run'}"))
    assert (code, len(lines)) == (1, 1), lines
    (line,) = lines
    assert line.startswith("train.py: error: ") and message in line
    assert os.listdir(tmp_path) == []


def test_a_data_set_that_the_model_cannot_take_is_told_before_a_run_directory_is_made(
    start_training, tmp_path
):
    flags = ("--model=vae", "--dataset=toy", "--steps=1", "--batch_size=4")
    code, lines = finish(start_training(*flags, f"--run_dir={tmp_path / 'run'}"))
    assert code == 1
    assert [line.partition(":")[0] for line in lines] == ["data", "run", "train.py"]
    assert lines[-1] == (
        "train.py: error: image_shape must be square with a side of one of 28, 32, 64 pixels. "
        "Received: image_shape=(8, 8, 1)"
    )
    assert os.listdir(tmp_path) == []


def test_a_batch_that_two_devices_cannot_share_is_told_in_one_line(start_training, tmp_path):
    flags = ("--dataset=dsprites", "--batch_size=5", "--strategy=mirrored")
    code, (line,) = finish(start_training(*flags, f"--run_dir={tmp_path / 'run'}", cpus=2))
    assert code == 1
    assert "divisible by the number of replicas (2). Received: batch_size=5" in line
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--dataset=toy"], "run_dir must not hold a run. .* Add --resume to go on with that run"),
        (["--resume", "--seed=1"], "seed must stay as the run began. Recorded: seed=0. Received: "),
        (["--resume", "--width=5"], "width must stay as the run began. Recorded: width=6000."),
        (["--resume", "--shade=5"], "shade must stay as the run began. Recorded: shade=3."),
        (["--resume", "--dataset=dsprites"], "dataset must stay as the run began. Recorded: "),
        (["--resume", "--steps=119"], "steps may only be raised. Recorded: steps=120. Received: "),
    ],
)
def test_what_a_run_does_not_allow_is_told_in_one_line_and_leaves_it_as_it_is(
    start_training, whole_run, flags, message
):
    before = contents_of(whole_run)
    first = ["--model=toy", "--steps=120", "--batch_size=4"] if "--resume" not in flags else []
    code, lines = finish(start_training(*first, *flags, f"--run_dir={whole_run}"))
    assert code == 1
    assert [bool(re.search(message, line)) for line in lines] == [True]
    assert contents_of(whole_run) == before


def test_a_run_directory_inside_a_file_is_told_in_one_line(start_training, tmp_path):
    (tmp_path / "file").write_text("mine")
    for flags in (["--dataset=dsprites"], ["--resume"]):
        code, (line,) = finish(start_training(*flags, f"--run_dir={tmp_path / 'file' / 'run'}"))
        assert code == 1
        assert "run_dir must be a folder, but" in line and "file is a file" in line
    assert (tmp_path / "file").read_text() == "mine"


def test_ibgan_trains_on_all_of_dsprites(run_script, tmp_path):
    done = run_script("train.py", "--dataset=dsprites", "--steps=20", f"--run_dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "config.json").read_text())
    source = record["data_source"]
    assert source["source"] in dsprites.SOURCES and len(source["sha256"]) == 64
    data_line = f"data: dsprites, {source['source']}, 737,280 images, sha256 {source['sha256']}"
    assert data_line in done.stderr.splitlines()
    assert "step 20/20 (100%)" in done.stderr

    assert (record["preset"], record["options"]["batch_size"]) == ("dsprites", 64)
    first, last = run_directory.read_rows(tmp_path)
    assert first == {"step": 0, "data_source": source}
    assert last["step"] == 20 and last["images_per_second"] > 0.0
    scalars = {"information_lower_bound", "information_upper_bound", "generator_loss"}
    assert scalars | {f"kl/r{index:02d}" for index in range(10)} <= set(last)

    run = load.load_run(tmp_path)
    assert run.step == int(run.model.step.numpy()) == 20
    noise = run.model.noise_prior.sample(4, seed=[0, 0])
    images = run.model.generate(noise).numpy()
    assert images.shape == (4, 64, 64, 1) and np.isfinite(images).all()
    assert (tmp_path / "DONE").exists()


@pytest.mark.slow
def test_ibgan_learns_three_factors_of_dsprites_in_2500_steps(tmp_path):
    flags = ("--dataset=dsprites", "--preset=dsprites_fast", "--steps=2500", "--picture_every=0")
    command = [sys.executable, ROOT / "scripts" / "train.py", *flags, f"--run_dir={tmp_path}"]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    last = run_directory.read_rows(tmp_path)[-1]  # means over the last 100 steps
    assert last["step"] == 2500
    assert last["information_lower_bound"] >= 0.8  # nats
    divergences = [value for name, value in last.items() if name.startswith("kl/")]
    assert sum(value > 0.5 for value in divergences) >= 3
