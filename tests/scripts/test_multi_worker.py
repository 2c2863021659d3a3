"""scripts/train.py on several workers: real processes on loopback, killed and stopped."""

import json
import shutil
import signal
import time

import numpy as np
import pytest

from ibgan_tf.ports import free_ports
from ibgan_tf.runs import run_directory
from ibgan_tf.runs.checkpoints import checkpoint_steps

TOY = (
    *("--model=toy", "--dataset=toy", "--batch_size=6", "--steps=60", "--steps_per_call=3"),
    *("--report_every=5", "--checkpoint_every=8", "--snapshot_every=30", "--picture_every=30"),
)


@pytest.fixture(scope="module")
def start_workers(start_training):
    """Gives a function that starts workers with the same flags, but for those of single ones."""

    def start(count, *flags, single=None, **environment):
        addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
        processes = []
        for index in range(count):
            task = {"type": "worker", "index": index}
            cluster = {"cluster": {"worker": addresses}, "task": task}
            processes.append(
                start_training(
                    *("--strategy=multi_worker", *flags, *(single or {}).get(index, ())),
                    environment={"TF_CONFIG": json.dumps(cluster)} | environment,
                )
            )
        return processes

    return start


def finish(process):
    """Returns the exit code and the lines that were printed, without the list of imports."""
    code = process.code()
    return code, [line for line in process.lines() if not line.startswith("imported:")]


def wait_for_step(process, run_dir, step):
    """Waits until a row of a step is in the log of a run."""
    while not process.ended_within(0.001):
        rows = run_directory.read_rows(run_dir) if (run_dir / "log.jsonl").exists() else []
        if rows and rows[-1]["step"] >= step:
            return
    raise AssertionError(process.lines())


@pytest.fixture(scope="module")
def whole_run(start_workers, tmp_path_factory):
    """A run of three workers that nothing disturbed; the others have run_dirs of their own."""
    folder = tmp_path_factory.mktemp("workers")
    others = {index: [f"--run_dir={folder / str(index)}"] for index in (1, 2)}
    processes = start_workers(3, *TOY, f"--run_dir={folder / 'run'}", single=others)
    for process in processes:
        code, lines = finish(process)
        assert code == 0, lines
    return folder / "run"


def test_the_first_worker_alone_writes(whole_run):
    assert [path.name for path in whole_run.parent.iterdir()] == ["run"]
    assert (whole_run / "DONE").exists()
    assert checkpoint_steps(whole_run / "checkpoints") == [48, 56, 60]
    assert len(list((whole_run / "samples").iterdir())) == 2
    assert len(list((whole_run / "events").iterdir())) == 1
    (segment,) = run_directory.read_segments(whole_run)
    assert segment["replicas"] == 3


def test_workers_train_as_one_device(start_training, whole_run, tmp_path):
    code, lines = finish(start_training(*TOY, f"--run_dir={tmp_path}", "--steps=20"))
    assert code == 0, lines
    expected, found = (
        [row["reconstruction_loss"] for row in run_directory.read_rows(run_dir)[1:5]]
        for run_dir in (tmp_path, whole_run)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_killed_worker_ends_all_and_all_together_go_on_bit_for_bit(
    start_workers, whole_run, tmp_path, run_contents
):
    run_dir = tmp_path / "run"
    processes = start_workers(3, *TOY, f"--run_dir={run_dir}")
    wait_for_step(processes[0], run_dir, 20)
    processes[1].send(signal.SIGKILL)
    killed_at = time.monotonic()
    for number in (0, 2):
        code, lines = finish(processes[number])
        assert time.monotonic() - killed_at < 60
        assert code == 1
        start = (
            "train.py: error: Every worker must stay until the end. Received: no answer any more"
        )
        assert lines[-1].startswith(start) and "worker 1 (127.0.0.1:" in lines[-1]
        assert "Start every worker again with --resume" in lines[-1]
        assert not any(line.startswith("Traceback") for line in lines)
    assert processes[1].code() == -signal.SIGKILL
    assert not (run_dir / "DONE").exists()

    for process in start_workers(3, "--resume", f"--run_dir={run_dir}"):
        code, lines = finish(process)
        assert code == 0, lines
    assert run_contents(run_dir) == run_contents(whole_run)


def test_a_signal_to_any_worker_stops_all_with_a_checkpoint(start_workers, tmp_path):
    run_dir = tmp_path / "run"
    processes = start_workers(2, *TOY, f"--run_dir={run_dir}")
    wait_for_step(processes[0], run_dir, 20)
    processes[1].send(signal.SIGTERM)
    for process in processes:
        code, lines = finish(process)
        assert code == 143, lines
    stopped_at = json.loads((run_dir / "summary.json").read_text())["step"]
    assert 20 <= stopped_at == checkpoint_steps(run_dir / "checkpoints")[-1] < 60


def test_a_worker_that_does_not_see_the_checkpoint_is_told_so(start_workers, whole_run, tmp_path):
    run_dir, other = tmp_path / "run", tmp_path / "other"
    shutil.copytree(whole_run, run_dir)
    other.mkdir()
    shutil.copy(whole_run / "config.json", other)
    single = {1: [f"--run_dir={other}"]}
    first, second = start_workers(
        2, "--resume", "--steps=70", f"--run_dir={run_dir}", single=single
    )
    code, lines = finish(second)
    assert code == 1
    assert "Every worker must see the checkpoint of step 60, which the first has" in lines[-1]
    assert "Put run_dir on a file system that all workers share." in lines[-1]
    code, lines = finish(first)
    assert code == 1 and "no answer any more from worker 1" in lines[-1]
    assert checkpoint_steps(run_dir / "checkpoints")[-1] == 60
    assert [path.name for path in other.iterdir()] == ["config.json"]


def test_workers_leave_a_finished_run_as_it_is(start_workers, whole_run, run_contents):
    before = run_contents(whole_run)
    first, second = start_workers(2, "--resume", f"--run_dir={whole_run}")
    code, lines = finish(first)
    assert code == 0, lines
    assert lines[-1] == f"{whole_run} has done its 60 steps; go on with --steps=..."
    code, lines = finish(second)
    assert code == 0, lines
    assert run_contents(whole_run) == before


def test_workers_with_other_settings_are_told_of_each_other(start_workers, tmp_path):
    other = {1: ["--seed=1", "--width=5"]}
    for process in start_workers(2, *TOY, f"--run_dir={tmp_path / 'run'}", single=other):
        code, lines = finish(process)
        assert code == 1
        assert lines[-1].endswith(
            "Every worker must have the same settings, and begin with the same command. "
            "Received: workers that differ in seed or width."
        )
    assert list(tmp_path.iterdir()) == []


def test_the_first_workers_mistake_ends_the_others_too(start_workers, whole_run, tmp_path):
    other = {1: [f"--run_dir={tmp_path / 'other'}"]}
    processes = start_workers(
        2, *TOY, f"--run_dir={whole_run}", "--connect_timeout=1", single=other
    )
    code, (line,) = finish(processes[0])
    assert code == 1 and "run_dir must not hold a run." in line
    code, (line,) = finish(processes[1])
    assert code == 1 and "within 1 s. Received: no answer from worker 0 (127.0.0.1:" in line
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_tf_config_is_told_in_one_line(start_training, tmp_path):
    flags = (*TOY, "--strategy=multi_worker", f"--run_dir={tmp_path / 'run'}")
    process = start_training(*flags, environment={"TF_CONFIG": "worker 0"})
    code, (line,) = finish(process)
    assert code == 1
    assert line.startswith("train.py: error: TF_CONFIG must be JSON, as in {")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ibgan_goes_on_bit_for_bit_after_its_first_worker_was_killed(
    start_workers, tmp_path, run_contents
):
    flags = (
        *("--dataset=dsprites", "--generator_width=2", "--discriminator_width=2", "--steps=30"),
        *("--batch_size=6", "--report_every=5", "--evaluate_every=10", "--checkpoint_every=5"),
        *("--picture_every=15", "--snapshot_every=15"),
    )
    whole, run_dir = tmp_path / "whole", tmp_path / "run"
    for process in start_workers(3, *flags, f"--run_dir={whole}"):
        code, lines = finish(process)
        assert code == 0, lines
        assert "remapper failed" not in process.text()
    processes = start_workers(3, *flags, f"--run_dir={run_dir}")
    wait_for_step(processes[0], run_dir, 15)
    processes[0].send(signal.SIGKILL)
    for process in processes[1:]:
        code, lines = finish(process)
        assert code == 1 and "no answer any more from worker 0" in lines[-1]
    for process in start_workers(3, "--resume", f"--run_dir={run_dir}"):
        code, lines = finish(process)
        assert code == 0, lines
    assert run_contents(run_dir) == run_contents(whole)
