"""scripts/sweep.py in real processes: mistakes, the studies of the paper, and real trainings."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from ibgan_tf.reporting import report
from ibgan_tf.runs import run_directory

ROOT = pathlib.Path(__file__).parents[2]
STUDIES = ROOT / "results" / "studies"
TINY = """
[common]
dataset = "dsprites"
steps = 6
batch_size = 4
generator_width = 2
discriminator_width = 2
report_every = 2
checkpoint_every = 2
picture_every = 0
seed = [1, 2]
"""


def finish(process):
    """Returns the exit code and the lines that were printed, without the list of imports."""
    code = process.code()
    return code, [line for line in process.lines() if not line.startswith("imported:")]


@pytest.fixture
def sweep(start_training, tmp_path):
    """Gives a function that runs the script on a study, given as text: exit code and lines."""

    def run(text, *flags):
        (tmp_path / "study.toml").write_text(text)
        own = (f"--file={tmp_path / 'study.toml'}", f"--sweep_dir={tmp_path / 'sweep'}")
        return finish(start_training(*own, *flags, script="sweep.py"))

    return run


@pytest.mark.parametrize(
    ("change", "flags", "message"),
    [
        (
            "btea = 0.5",
            [],
            "[common], run ibgan-dsprites-seed_1 and 1 more: Unknown setting 'btea'",
        ),
        ("beta = -1", [], "beta must be >= 0. Received: beta=-1.0"),
        ('beta = "0.5"', [], "beta must be a number. Received: beta='0.5'."),
        ('model = "ibgna"', [], "Received: model='ibgna'. Did you mean 'ibgan'?"),
        ("beta = = 1", [], "study.toml must be TOML. Received: Invalid value (at line 12, column"),
        ('[evaluate]\nmetrics = "mgi"', [], "Received: metric='mgi'. Did you mean 'mig'?"),
        (
            '[evaluate]\nmetrics = "classifier_score"',
            [],
            "The data set must have labels. Received:",
        ),
        ("", ["--jobs=0"], "jobs must be >= 1. Received: jobs=0."),
        ("", ["--gpus=1"], "gpus must be at most the number that there are, 0. Received: gpus=1."),
        ("", ["--jbos=2"], "Unknown flag --jbos. Did you mean --jobs?"),
        ("", ["--engine=ray"], "threads must be given with engine=ray"),
        ("", ["--engine=rya"], "Received: engine='rya'. Did you mean 'ray'?"),
        (
            "",
            ["--file=/nowhere.toml"],
            "file must be a study, a TOML file. Received: file=/nowhere",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line_before_anything_is_written(
    sweep, tmp_path, change, flags, message
):
    code, lines = sweep(TINY + change, *flags)
    assert code == 1
    (line,) = lines
    assert line.startswith("sweep.py: error: ") and message in line
    assert os.listdir(tmp_path) == ["study.toml"]


def test_a_sweep_that_is_not_ours_to_go_on_with_is_told_in_one_line(sweep, tmp_path):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "journal.jsonl").write_text('{"event": "begun", "version": 2}\n')
    code, (line,) = sweep(TINY)
    assert code == 1 and "journal.jsonl must have version 1. Received: version=2" in line


@pytest.mark.parametrize(("name", "num_runs"), [("table1", 24), ("beta", 18)])
def test_a_study_of_the_paper_prints_its_commands_and_runs_nothing(
    start_training, tmp_path, name, num_runs
):
    flags = (f"--file={STUDIES / name}.toml", f"--sweep_dir={tmp_path / 'sweep'}", "--print")
    code, lines = finish(start_training(*flags, script="sweep.py"))
    assert code == 0
    commands = [line for line in lines if not line.startswith("#")]
    trainings = [line for line in commands if " --model=" in line]
    assert len(trainings) == num_runs
    assert all(str(ROOT / "scripts" / "train.py") in line for line in trainings)
    assert all("--steps=" in line and "--seed=" in line for line in trainings)
    assert os.listdir(tmp_path) == []


def test_two_seeds_are_trained_side_by_side_reported_as_one_group_and_not_again(sweep, tmp_path):
    code, lines = sweep(TINY, "--jobs=2")
    assert code == 0, lines
    assert lines[-1] == "sweep: 2 of 2 runs are finished"
    sweep_dir = tmp_path / "sweep"
    for seed in (1, 2):
        run_dir = sweep_dir / f"ibgan-dsprites-seed_{seed}"
        record = json.loads((run_dir / "config.json").read_text())
        assert record["options"]["seed"] == seed
        assert record["options"]["threads"] == max(1, len(os.sched_getaffinity(0)) // 2)
        assert run_directory.read_rows(run_dir)[-1]["step"] == 6
        assert (run_dir / "DONE").exists() and (run_dir / "hparams.tfevents").exists()
    assert (sweep_dir / "hparams.tfevents").exists()

    (markdown, _), problems = report.write_report([sweep_dir], tmp_path / "report")
    text = markdown.read_text(encoding="utf-8")
    assert problems == () and "# 2 runs of ibgan on dsprites" in text
    assert "| ibgan | 6 | 2 |" in text  # one row, of step 6 and both seeds

    code, lines = sweep(TINY, "--jobs=2")
    assert (code, lines[0]) == (0, "sweep: 2 runs: 2 finished before")


@pytest.mark.slow
def test_a_killed_sweep_of_real_trainings_goes_on_and_evaluates(tmp_path, run_contents):
    (tmp_path / "study.toml").write_text(
        TINY.replace("steps = 6", "steps = 60")
        + '[evaluate]\nmetrics = "information"\nsettings = "fast"\n'
    )
    flags = [f"--file={tmp_path / 'study.toml'}", f"--sweep_dir={tmp_path / 'sweep'}", "--jobs=2"]
    command = [sys.executable, ROOT / "scripts" / "sweep.py", *flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run_dir = tmp_path / "sweep" / "ibgan-dsprites-seed_1"
    process = subprocess.Popen(list(map(str, command)), env=environment)
    limit = time.monotonic() + 200
    while not (run_dir / "log.jsonl").exists() or len(run_directory.read_rows(run_dir)) < 4:
        assert time.monotonic() < limit
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    assert "2 to go on with" in done.stderr
    segments = run_directory.read_segments(run_dir)
    assert len(segments) == 2 and 0 < segments[1]["step"] < 60
    for seed in (1, 2):
        own = tmp_path / "sweep" / f"ibgan-dsprites-seed_{seed}"
        assert list((own / "metrics" / "step-60").glob("information*.json"))

    # A run that nothing disturbed, by the command that began this one, has the same bits.
    log = (tmp_path / "sweep" / "logs" / f"{run_dir.name}.log").read_text()
    began = log.splitlines()[0].removeprefix("$ ").replace(str(run_dir), str(tmp_path / "whole"))
    subprocess.run(began.split(), env=environment, check=True, capture_output=True)
    expected, found = run_contents(tmp_path / "whole"), run_contents(run_dir)
    assert found["rows"] == expected["rows"]
    assert found["newest checkpoint"] == expected["newest checkpoint"]


def test_printed_commands_have_the_users_folder_of_the_data(sweep):
    code, lines = sweep(TINY, "--print", "--data_dir=~/images")
    commands = [line for line in lines if "train.py" in line]
    assert code == 0 and len(commands) == 2
    assert all(f" --data_dir={os.path.expanduser('~/images')} " in line for line in commands)


def test_a_run_that_failed_is_tried_again_where_that_is_asked_for(sweep, tmp_path):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "journal.jsonl").write_text(
        '{"event": "begun", "version": 1}\n'
        '{"event": "failed", "run": "ibgan-dsprites-seed_1", "reason": "no"}\n'
    )
    for flags, number in (([], 1), (["--retry_failed"], 2)):
        _, lines = sweep(TINY, "--print", *flags)
        assert sum("train.py" in line for line in lines) == number
