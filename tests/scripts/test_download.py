import os
import pathlib
import re
import subprocess
import sys

SCRIPT = pathlib.Path(__file__).parents[2] / "scripts" / "download.py"


def _run(*flags: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"https_proxy": "http://127.0.0.1:9"}  # where nobody listens
    command = [sys.executable, str(SCRIPT), *flags]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_an_unknown_data_set_is_one_line_with_the_nearest_name(tmp_path):
    result = _run("--dataset=dsprite", f"--data_dir={tmp_path}")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert re.search(r"dataset must be one of: .*dsprites.* Received: dataset='dsprite'\.", line)
    assert line.endswith("Did you mean 'dsprites'?")


def test_without_a_network_the_last_line_says_so_and_nothing_is_left(tmp_path):
    result = _run("--dataset=dsprites", f"--data_dir={tmp_path}")
    assert result.returncode == 1
    assert "The network must reach https://github.com/" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "dsprites").exists()


def test_a_half_folder_has_the_steps_printed_that_its_message_promises(tmp_path):
    view = tmp_path / "rendered_chairs" / "1a2b" / "renders" / "image_000_p020_t000_r096.png"
    view.parent.mkdir(parents=True)
    view.touch()
    result = _run("--dataset=chairs3d", f"--data_dir={tmp_path}")
    assert result.returncode == 1
    first, *rest = result.stderr.splitlines()
    assert first.startswith("download.py: error: 3D Chairs must have 86,366 images")
    assert f"--dataset=chairs3d --data_dir={tmp_path} says how" in first
    assert [line[:5] for line in rest if line[2].isdigit()] == ["  1. ", "  2. ", "  3. "]
    assert "Traceback" not in result.stderr


def test_what_cannot_be_fetched_has_its_steps_printed(tmp_path):
    result = _run("--dataset=chairs3d", f"--data_dir={tmp_path}")
    assert result.returncode == 1
    first, *steps = result.stderr.splitlines()
    assert first == "download.py: error: 3D Chairs isn't in TensorFlow Datasets. By hand:"
    assert [line[:5] for line in steps if line[2].isdigit()] == ["  1. ", "  2. ", "  3. "]
    assert any("86,366 images" in line for line in steps)


def test_a_flag_that_there_is_not_is_one_line_with_the_nearest_name():
    result = _run("--datset=mnist")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line == "download.py: error: Unknown flag --datset. Did you mean --dataset?"
