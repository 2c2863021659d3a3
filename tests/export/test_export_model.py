import os
import pathlib
import select
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def export(run_forked):
    def run(*arguments):
        return run_forked("export_model.py", *arguments, folder="export")

    return run


def test_a_run_is_exported_checked_and_published(export, small_run, tmp_path):
    done = export(f"--run_dir={small_run}", f"--output_dir={tmp_path}/small", "--step=7")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("9 signatures, run at batch 1, 2, 64 in a process without ")
    assert lines[-1] == f"{tmp_path}/small/1"
    assert sorted(path.name for path in (tmp_path / "small").iterdir()) == ["1", "serving"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "run_dir must be given. Received: no --run_dir."),
        (["--run_dir={run}"], "output_dir must be given. Received: no --output_dir."),
        (["--run_dir={tmp}", "--output_dir={tmp}/m"], "run_dir must hold a run, and with it con"),
        (["--run_dir={run}", "--output_dir={tmp}/file"], "file"),
        (["--run_dir={run}", "--output_dir={tmp}/m/../m"], "must not pass through '..'. Received"),
        (["--run_dir={run}", "--output_dir={tmp}/3"], "output_dir must end with the model's name"),
        (["--run_dir={run}", "--output_dir={tmp}/m", "--version=4"], "version must be new: versi"),
        (["--run_dir={run}", "--output_dir={tmp}/m", "--version=../5"], "version"),
        (["--run_dir={run}", "--output_dir={tmp}/m", "--step=x"], "step must be a whole number or"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_told_in_one_line_and_nothing_is_touched(
    export, small_run, tmp_path, arguments, message
):
    (tmp_path / "file").write_text("")
    (tmp_path / "m" / "4").mkdir(parents=True)
    done = export(*(argument.format(run=small_run, tmp=tmp_path) for argument in arguments))
    assert done.returncode == 1
    assert message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "m"]
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["4"]


def test_an_export_that_is_killed_leaves_no_version_and_the_served_one_in_place(
    small_run, tmp_path
):
    model_dir = tmp_path / "small"
    (model_dir / "1").mkdir(parents=True)
    command = [sys.executable, ROOT / "export" / "export_model.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
    with subprocess.Popen(
        [*command, f"--run_dir={small_run}", f"--output_dir={model_dir}"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        while not list(model_dir.glob(".tmp-*/variables/variables.index")):
            readable, _, _ = select.select([process.stderr], [], [], 0.01)
            assert process.poll() is None and (not readable or process.stderr.read1())
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    visible = [path.name for path in model_dir.iterdir() if not path.name.startswith(".")]
    assert visible == ["1"]
