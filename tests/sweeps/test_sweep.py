"""Whole sweeps: real processes of stand-ins for the scripts, real kills."""

import dataclasses
import json
import pathlib
import signal

import pytest

from ibgan_tf.runs import json_lines, lock
from ibgan_tf.sweeps import local
from ibgan_tf.sweeps.sweep import commands_text, plan_jobs

TWO = "seed = [1, 2]\n"
ONE_FAILS = '[[grid]]\nseed = 1\nfate = "fails"\n[[grid]]\nseed = 2\n'
EVALUATE = '[evaluate]\nmetrics = "factor_vae"\n'


def calls(sweep_dir, run):
    """Returns the flags of each call of train.py for a run."""
    return [row["flags"] for row in json_lines.read(sweep_dir / run / "calls.jsonl")]


def evaluations(sweep_dir, run):
    """Returns the flags of each call of evaluate.py for a run, but for the run directory."""
    rows = json_lines.read(sweep_dir / run / "evaluations.jsonl")
    return [row["flags"][:-1] for row in rows]


def test_every_run_is_trained_and_evaluated_once_whatever_the_number_of_sweeps(run_study):
    for _ in range(2):
        done = run_study(TWO + EVALUATE, jobs=2)
        assert done.code == 0
        assert done.lines[-1] == "sweep: 2 of 2 runs are finished"
    for run, seed in (("toy-shapes-seed_1", 1), ("toy-shapes-seed_2", 2)):
        (flags,) = calls(run_study.sweep_dir, run)
        expected = ["--model=toy", "--dataset=shapes", "--steps=3", "--batch_size=4", "--fate=well"]
        assert flags == [*expected, f"--seed={seed}", f"--run_dir={run_study.sweep_dir / run}"]
        assert evaluations(run_study.sweep_dir, run) == [["--metrics=factor_vae"]]
        assert done.last[run]["event"] == "finished"
    assert (run_study.sweep_dir / "study.toml").read_text() == TWO + EVALUATE


def test_a_failed_run_is_told_with_its_reason_and_stops_no_other(run_study):
    first = run_study(ONE_FAILS)
    again = run_study(ONE_FAILS)
    for done in (first, again):
        assert done.code == 1
        log = run_study.sweep_dir / "logs" / "toy-shapes-seed_1.log"
        assert done.lines[-2:] == [
            "sweep: 1 of 2 runs are finished, 1 failed",
            f"failed: toy-shapes-seed_1: the loss isn't finite ({log})",
        ]
        assert done.last["toy-shapes-seed_2"]["event"] == "finished"
    assert len(calls(run_study.sweep_dir, "toy-shapes-seed_1")) == 1
    assert again.lines[0] == "sweep: 2 runs: 1 finished before, 1 failed before"


def test_retry_failed_goes_on_with_the_runs_that_failed_and_with_no_other(run_study):
    run_study(ONE_FAILS)
    done = run_study(ONE_FAILS, retry_failed=True)
    assert done.code == 0  # it fails at its second step alone
    first, second = calls(run_study.sweep_dir, "toy-shapes-seed_1")
    assert "--fate=fails" in first and second[0] == "--resume" and len(second) == 3
    assert len(calls(run_study.sweep_dir, "toy-shapes-seed_2")) == 1


def test_a_failed_evaluation_is_tried_again_without_training(run_study):
    done = run_study('seed = 1\n[evaluate]\nmetrics = "fid"\n')
    assert done.code == 1 and "metric 'fid' can't be computed for this run." in done.lines[-1]
    done = run_study("seed = 1\n" + EVALUATE, retry_failed=True)
    assert done.code == 0
    assert len(calls(run_study.sweep_dir, "toy-shapes-seed_1")) == 1


def test_only_evaluations_that_were_not_made_yet_are_made_of_a_finished_run(run_study):
    run_study("seed = 1\n" + EVALUATE)
    assert run_study("seed = 1\n" + EVALUATE + "seed = [0, 1]\n").code == 0
    found = evaluations(run_study.sweep_dir, "toy-shapes-seed_1")
    assert found == [["--metrics=factor_vae"], ["--metrics=factor_vae", "--seed=1"]]
    assert len(calls(run_study.sweep_dir, "toy-shapes-seed_1")) == 1


def test_a_larger_grid_adds_runs_and_repeats_none_though_names_change(run_study):
    run_study("beta = 0.5\nseed = 1\n")
    done = run_study("beta = [0.5, 2]\nseed = [1, 2]\n")
    assert done.code == 0
    assert len(calls(run_study.sweep_dir, "toy-shapes-seed_1")) == 1
    names = {"toy-shapes-seed_1", "toy-shapes-beta_2-seed_1"}
    names |= {"toy-shapes-beta_0.5-seed_2", "toy-shapes-beta_2-seed_2"}
    assert {path.parent.name for path in run_study.sweep_dir.glob("*/DONE")} == names


def test_a_changed_setting_of_a_run_that_was_begun_is_refused_by_name_and_value(run_study):
    run_study("beta = 0.5\nseed = 1\n")
    message = "Run toy-shapes-seed_1 of .* Recorded: beta=0.5. Received: beta=0.75. Put them back"
    with pytest.raises(ValueError, match=message):
        run_study("beta = 0.75\nseed = 1\n")


def test_evaluations_keep_to_the_threads_of_a_job_and_so_does_training(run_study, scripts):
    run_study("seed = 1\n" + EVALUATE, scripts=dataclasses.replace(scripts, threads=3))
    assert "--threads=3" in calls(run_study.sweep_dir, "toy-shapes-seed_1")[0]
    run_dir = run_study.sweep_dir / "toy-shapes-seed_1"
    (row,) = json_lines.read(run_dir / "evaluations.jsonl")
    assert row["threads"] == "3"
    assert run_study("seed = 1\n" + EVALUATE).code == 0  # another number is no other run
    assert len(calls(run_study.sweep_dir, "toy-shapes-seed_1")) == 1


def test_each_job_has_the_environment_of_its_place(run_study, scripts, tmp_path, monkeypatch):
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "train.py").write_text(
        "import os, sys\nprint(os.environ['CUDA_VISIBLE_DEVICES'])\nsys.exit(1)\n"
    )
    done = run_study(
        TWO,
        scripts=dataclasses.replace(scripts, folder=folder),
        open_engine=lambda: local.LocalEngine([{"CUDA_VISIBLE_DEVICES": "0,1"}]),
    )
    assert [row["reason"] for row in done.last.values()] == ["0,1", "0,1"]


def test_a_killed_sweep_leaves_no_trainer_behind_and_goes_on_where_it_was(
    start_sweep, wait_until, tmp_path
):
    sweep_dir = tmp_path / "sweep"
    study = '[[grid]]\nseed = 1\n[[grid]]\nseed = 2\nfate = "waits"\n[[grid]]\nseed = 3\n'
    runs = [f"toy-shapes-seed_{seed}" for seed in (1, 2, 3)]
    first = start_sweep(study)
    wait_until(lambda: len(json_lines.read(sweep_dir / runs[1] / "log.jsonl")) == 2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    wait_until(lambda: not lock.is_held(sweep_dir / runs[1]))
    (sweep_dir / "go").touch()

    second = start_sweep(study)
    _, shown = second.communicate(timeout=60)
    assert second.returncode == 0, shown
    opening = "sweep: 3 runs: 1 to begin, 1 to go on with, 1 finished before"
    assert shown.splitlines()[0] == opening
    assert [len(calls(sweep_dir, run)) for run in runs] == [1, 2, 1]
    assert calls(sweep_dir, runs[1])[1] == [
        "--resume", "--threads=0", f"--run_dir={sweep_dir / runs[1]}",
    ]  # fmt: skip
    steps = [row["step"] for row in json_lines.read(sweep_dir / runs[1] / "log.jsonl")]
    assert steps == [1, 2, 3]
    log = (sweep_dir / "logs" / f"{runs[1]}.log").read_text()
    assert "SIGTERM: stopping, with a checkpoint" in log


def test_a_stopped_sweep_stops_its_runs_with_a_checkpoint_and_goes_on_later(
    start_sweep, wait_until, tmp_path
):
    sweep_dir, run = tmp_path / "sweep", "toy-shapes-seed_1"
    study = '[[grid]]\nseed = 1\nfate = "waits"\n[[grid]]\nseed = 2\n'
    first = start_sweep(study)
    wait_until(lambda: len(json_lines.read(sweep_dir / run / "log.jsonl")) == 2)
    first.send_signal(signal.SIGTERM)
    _, shown = first.communicate(timeout=60)
    assert first.returncode == 143
    assert "sweep: 0 of 2 runs are finished, 2 to go on with by the same command" in shown
    assert f"stopped   {run}: SIGTERM: stopping, with a checkpoint" in shown.splitlines()
    assert not (sweep_dir / "toy-shapes-seed_2").exists()
    (sweep_dir / "go").touch()
    second = start_sweep(study)
    second.communicate(timeout=60)
    assert second.returncode == 0


def test_a_second_ctrl_c_does_not_wait_for_a_checkpoint(start_sweep, wait_until, tmp_path):
    run_dir = tmp_path / "sweep" / "toy-shapes-seed_1"
    process = start_sweep('seed = 1\n[[grid]]\nfate = "deaf"\n')
    wait_until(lambda: len(json_lines.read(run_dir / "log.jsonl")) == 2)
    process.send_signal(signal.SIGINT)
    assert "SIGINT: stopping, with a checkpoint\n" in iter(process.stderr.readline, "")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT  # as Python ends without scripts/sweep.py around it
    assert not lock.is_held(run_dir)


def test_a_second_sweep_in_the_same_folder_is_refused(start_sweep, wait_until, run_study):
    study = 'seed = 1\n[[grid]]\nfate = "waits"\n'
    first = start_sweep(study)
    run_dir = run_study.sweep_dir / "toy-shapes-seed_1"
    wait_until(lambda: len(json_lines.read(run_dir / "log.jsonl")) == 2)
    message = rf"sweep_dir must be written by one process .* \(pid {first.pid}\) .* --sweep_dir\."
    with pytest.raises(OSError, match=message):
        run_study(study)


def test_a_full_disk_ends_a_sweep_and_leaves_nothing_running(run_study, monkeypatch, wait_until):
    first, second = (run_study.sweep_dir / f"toy-shapes-seed_{seed}" for seed in (1, 2))
    append = json_lines.append

    def is_full(path, values):
        if values.get("run") == second.name:
            wait_until(lambda: len(json_lines.read(first / "log.jsonl")) == 2)
            raise OSError(28, "No space left on device", str(path))
        append(path, values)

    monkeypatch.setattr(json_lines, "append", is_full)
    with pytest.raises(OSError, match="No space left"):
        run_study('[[grid]]\nseed = 1\nfate = "waits"\n[[grid]]\nseed = 2\n', jobs=2)
    assert not lock.is_held(first) and not (first / "DONE").exists()
    assert not second.exists()


def test_printed_commands_are_those_that_are_left_to_do(run_study, plan_study, scripts):
    text = "seed = [1, 2, 3]\n" + EVALUATE
    run_study("seed = 1\n" + EVALUATE)
    sweep_dir = run_study.sweep_dir
    half_done = sweep_dir / "toy-shapes-seed_2"
    half_done.mkdir()
    (half_done / "config.json").write_text("{}")
    runs = plan_study(text)
    last = {"toy-shapes-seed_1": {"event": "finished", "evaluated": ["--metrics=factor_vae"]}}
    jobs = plan_jobs(runs, sweep_dir, scripts, last)
    lines = commands_text(runs, jobs, last).splitlines()
    python = jobs[0].train[0]
    folder = pathlib.Path(jobs[0].train[1]).parent
    assert lines[:4] == [
        "# toy-shapes-seed_1: finished",
        "# toy-shapes-seed_2",
        f"{python} {folder}/train.py --resume --threads=0 --run_dir={half_done}",
        f"{python} {folder}/evaluate.py --metrics=factor_vae --run_dir={half_done}",
    ]
    assert lines[5].startswith(f"{python} {folder}/train.py --model=toy --dataset=shapes --steps=3")


def test_progress_over_all_runs_is_shown_while_they_run(run_study, monkeypatch):
    monkeypatch.setattr("ibgan_tf.sweeps.screen._FILE_INTERVAL", 0.0)
    done = run_study(TWO)
    states = [line for line in done.lines if "ETA" in line]
    assert states[-1].startswith("2 of 2 runs done, 100% of the steps, ETA 0:00:00")


def test_runs_that_are_tried_again_have_not_failed_yet(run_study, monkeypatch):
    monkeypatch.setattr("ibgan_tf.sweeps.screen._FILE_INTERVAL", 0.0)
    study = 'seed = [1, 2]\n[[grid]]\nfate = "fails"\n'
    run_study(study)
    done = run_study(study, retry_failed=True)
    states = [line for line in done.lines if "ETA" in line]
    assert any(line.startswith("1 of 2 runs done, 83% of the steps, ETA") for line in states)
    assert not any("failed" in line for line in states)


def test_the_board_is_written_first_and_after_each_run(run_study):
    written = []
    run_study(ONE_FAILS, write_board=lambda folder, runs, statuses: written.append(dict(statuses)))
    assert written == [
        {},
        {"toy-shapes-seed_1": False},
        {"toy-shapes-seed_1": False, "toy-shapes-seed_2": True},
    ]


def test_the_journal_tells_each_start_with_its_commands(run_study):
    run_study("seed = 1\n")
    rows = json_lines.read(run_study.sweep_dir / "journal.jsonl")
    assert [row["event"] for row in rows] == ["begun", "started", "finished"]
    assert rows[0]["version"] == 1 and "train.py --model=toy" in rows[1]["commands"][0]
    assert all("time" in row for row in rows) and json.dumps(rows)
