import os
import pathlib
import signal
import subprocess
import sys

import pytest

from ibgan_tf.runs.lock import check_folder, is_held, lock

ROOT = pathlib.Path(__file__).parents[2]
HOLD = """
import sys
from ibgan_tf.runs.lock import lock
with lock(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of tmp_path until its input ends."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_with_the_pid_of_the_first(tmp_path, holder):
    message = rf"another process \(pid {holder.pid}\) is writing"
    with pytest.raises(OSError, match=message), lock(tmp_path):
        pass


def test_whether_it_is_held_can_be_asked_and_holds_nothing(tmp_path, holder):
    assert is_held(tmp_path)
    holder.kill()
    holder.wait()
    assert not is_held(tmp_path) and not is_held(tmp_path / "none")
    with lock(tmp_path):
        pass


def test_the_messages_name_the_flag_that_the_folder_comes_from(tmp_path, holder):
    message = "sweep_dir must be written by one .* Received: sweep_dir=.*another --sweep_dir"
    with pytest.raises(OSError, match=message), lock(tmp_path, name="sweep_dir"):
        pass
    with pytest.raises(NotADirectoryError, match="sweep_dir must be a folder.* --sweep_dir"):
        check_folder(tmp_path / ".lock" / "a", name="sweep_dir")


def test_the_lock_is_free_when_its_process_has_been_killed(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with lock(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"


def test_the_lock_is_free_at_the_end_of_the_block(tmp_path):
    for _ in range(2):
        with lock(tmp_path):
            pass
    assert (tmp_path / ".lock").read_text() == ""


def test_locking_makes_the_folder(tmp_path):
    with lock(tmp_path / "runs" / "new"):
        assert (tmp_path / "runs" / "new" / ".lock").exists()


@pytest.mark.parametrize("below", ["", "run", "a/b"])
def test_a_file_in_place_of_the_folder_is_refused(tmp_path, below):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError, match="run_dir must be a folder, but .*file is a file"):
        check_folder(tmp_path / "file" / below)
    with pytest.raises(NotADirectoryError), lock(tmp_path / "file" / below):
        pass
    assert (tmp_path / "file").read_text() == "mine"
