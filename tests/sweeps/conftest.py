"""Studies of a toy model, and sweeps of them by stand-ins for the scripts."""

import io
import os
import pathlib
import runpy
import subprocess
import sys
import time
import types

import pytest

from ibgan_tf.sweeps import commands, folders, journal, local, plan, study, sweep
from ibgan_tf.sweeps.screen import Screen

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
TABLES = runpy.run_path(str(HERE / "toy.py"))["TABLES"]
COMMON = '[common]\nmodel = "toy"\ndataset = "shapes"\nsteps = 3\nbatch_size = 4\nfate = "well"\n'


@pytest.fixture
def tables():
    """The tables of models and data sets."""
    return TABLES


@pytest.fixture
def write_study(tmp_path):
    """Gives a function that writes a study: some common settings, and a text after them."""

    def write(text, *, common=COMMON):
        path = tmp_path / "study.toml"
        path.write_text(common + text)
        return path

    return write


@pytest.fixture
def plan_study(write_study):
    """Gives a function that returns the runs of a study."""

    def read(text, *, common=COMMON):
        return plan.plan_runs(study.read_study(write_study(text, common=common)), **TABLES)

    return read


@pytest.fixture
def scripts():
    """How the stand-ins are called."""
    return commands.Scripts(folder=HERE / "standins", threads=None, data_dir=None)


@pytest.fixture
def run_study(tmp_path, plan_study, scripts, monkeypatch):
    """Gives a function that sweeps a study in this process: its exit code and what was shown.

    `sweep_dir` is sweep/ of the test's folder.
    """
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    sweep_dir = tmp_path / "sweep"

    def run(text, *, jobs=1, open_engine=None, **options):
        runs, _ = folders.match_folders(plan_study(text), sweep_dir, **TABLES)
        shown = io.StringIO()
        code = sweep.run_sweep(
            runs,
            sweep_dir,
            options.pop("scripts", scripts),
            open_engine or (lambda: local.LocalEngine([{}] * jobs)),
            study=text,
            screen=Screen(shown),
            **options,
        )
        lines = shown.getvalue().splitlines()
        return types.SimpleNamespace(code=code, lines=lines, last=journal.read_last(sweep_dir))

    run.sweep_dir = sweep_dir
    return run


@pytest.fixture
def wait_until():
    """Gives a function that waits until a condition holds, looked at every few milliseconds."""

    def wait(condition, *, seconds=60):
        limit = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < limit
            time.sleep(0.005)

    return wait


@pytest.fixture
def start_sweep(tmp_path, write_study):
    """Gives a function that sweeps a study in a process of its own, which is killed at the end."""
    processes = []

    def start(text, *, jobs=1, address=(), common=COMMON):
        study_path = write_study(text, common=common)
        command = [sys.executable, HERE / "drive.py", study_path, tmp_path / "sweep"]
        process = subprocess.Popen(
            [*map(str, command), str(jobs), *address],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()
