import json
import platform
import shutil
import socket
import subprocess

import numpy
import pytest
import tensorflow as tf

import ibgan_tf
from ibgan_tf.runs import environment
from ibgan_tf.runs.environment import add_environment_segment, read_segments


def git(folder, *arguments):
    """Runs git in a folder, as somebody."""
    identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """A git checkout that holds a package."""
    if shutil.which("git") is None:
        pytest.skip("git isn't installed")
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "package")
    git(tmp_path, "commit", "--quiet", "--message=first")
    return tmp_path


def test_each_segment_is_an_entry_with_its_step_and_command(tmp_path):
    add_environment_segment(tmp_path, step=0, command=["train.py", "--beta=1"])
    add_environment_segment(tmp_path, step=500, command=["train.py", "--resume", "a b"])
    segments = read_segments(tmp_path)
    assert [segment["step"] for segment in segments] == [0, 500]
    assert segments[1]["command"] == "train.py --resume 'a b'"


def test_a_segment_tells_versions_processor_threads_and_devices(tmp_path):
    add_environment_segment(tmp_path, step=0, command=["train.py"])
    (segment,) = read_segments(tmp_path)
    assert segment["versions"]["python"] == platform.python_version()
    assert segment["versions"]["ibgan_tf"] == ibgan_tf.__version__
    assert segment["versions"]["tensorflow"] == tf.__version__
    assert segment["versions"]["numpy"] == numpy.__version__
    assert segment["versions"]["keras"] == tf.keras.__version__
    assert segment["cores"] >= 1
    assert segment["threads"] >= 1
    assert "CPU" in segment["devices"]
    assert segment["cpu"]
    assert segment["time"].endswith("+00:00")


def test_a_segment_does_not_tell_the_name_of_the_host(tmp_path):
    add_environment_segment(tmp_path, step=0, command=["train.py"])
    values = json.dumps(read_segments(tmp_path)[0])
    assert f'"{socket.gethostname()}"' not in values


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "environment.json").write_text("[{")
    with pytest.raises(ValueError, match="environment.json must be JSON"):
        add_environment_segment(tmp_path, step=0, command=["train.py"])


def test_the_commit_is_that_of_the_checkout(checkout):
    assert environment._commit(checkout / "package") == git(checkout, "rev-parse", "HEAD")


def test_the_commit_of_a_changed_checkout_says_so(checkout):
    (checkout / "package" / "__init__.py").write_text("changed = True")
    assert environment._commit(checkout / "package").endswith("-dirty")


def test_a_package_that_only_lies_in_a_checkout_has_no_commit(checkout):
    (checkout / "venv").mkdir()
    (checkout / "venv" / "__init__.py").touch()
    assert environment._commit(checkout / "venv") is None


def test_a_package_outside_of_any_checkout_has_no_commit(tmp_path):
    assert environment._commit(tmp_path) is None


def test_a_machine_without_git_has_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert environment._commit(checkout / "package") is None
