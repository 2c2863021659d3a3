import json
import pathlib
import signal
import subprocess
import sys

import pytest

from ibgan_tf.sweeps import job as jobs
from ibgan_tf.sweeps.job import Job, run_job

ROOT = pathlib.Path(__file__).parents[2]
HOLD = """
import sys
from ibgan_tf.runs.lock import lock
with lock(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def python(code, *arguments):
    """Returns a command that runs some Python."""
    return (sys.executable, "-c", code, *map(str, arguments))


@pytest.fixture
def make_job(tmp_path):
    """Gives a function that makes a job of given commands."""

    def make(*, train, evaluations=()):
        return Job(
            run="a",
            run_dir=str(tmp_path / "a"),
            log_path=str(tmp_path / "logs" / "a.log"),
            train=train,
            resume=python("raise SystemExit('resumed')"),
            evaluations=evaluations,
            evaluation_environment={"OMP_NUM_THREADS": "3"},
        )

    return make


def test_a_job_finishes_when_its_last_command_ends_well(make_job, tmp_path):
    score = python("import os; print(os.environ['OMP_NUM_THREADS'], os.environ['PLACE'])")
    outcome = run_job(
        make_job(train=python("print('trained')"), evaluations=(score,)), {"PLACE": "7"}
    )
    assert (outcome.status, outcome.reason) == ("finished", "")
    log = (tmp_path / "logs" / "a.log").read_text().splitlines()
    assert log[0].startswith("$ ") and log[1] == "trained" and log[-1] == "3 7"


def test_evaluation_does_not_begin_after_a_training_that_failed(make_job, tmp_path):
    train = python("print('first'); print('E0000 of TensorFlow'); raise SystemExit('the reason')")
    outcome = run_job(make_job(train=train, evaluations=(python("print('scored')"),)))
    assert (outcome.status, outcome.reason) == ("failed", "the reason")
    assert "\nscored" not in (tmp_path / "logs" / "a.log").read_text()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; print('one\\n\\n'); sys.exit(3)", "one"),
        ("import sys; sys.exit(3)", "exit code 3, without a word"),
        (
            "import os; print('step 5', flush=True); os.kill(os.getpid(), 9)",
            "killed by SIGKILL after: step 5",
        ),
        ("raise KeyError('x')", "KeyError: 'x'"),
        ("import sys; print('I0000 12:00 notes', file=sys.stderr); sys.exit('mine')", "mine"),
    ],
)
def test_the_reason_is_the_last_line_that_was_printed(make_job, code, reason):
    outcome = run_job(make_job(train=python(code)))
    assert (outcome.status, outcome.reason) == ("failed", reason)


def test_the_reason_is_not_that_of_an_earlier_attempt(make_job, tmp_path):
    run_job(make_job(train=python("raise SystemExit('the old reason')")))
    outcome = run_job(make_job(train=python("raise SystemExit(4)")))
    assert outcome.reason == "exit code 4, without a word"


@pytest.mark.parametrize("code", [143, 130, 129])
def test_a_run_that_somebody_else_stopped_has_not_failed(make_job, code):
    outcome = run_job(make_job(train=python(f"raise SystemExit({code})")))
    assert outcome.status == "stopped"


def test_an_exit_code_is_no_signal(make_job):
    assert run_job(make_job(train=python("raise SystemExit(15)"))).status == "failed"


def test_a_run_that_was_begun_is_resumed_and_one_that_is_trained_is_not(make_job, tmp_path):
    run_dir = tmp_path / "a"
    run_dir.mkdir()
    job = make_job(train=python("print()"), evaluations=(python("raise SystemExit('scored')"),))
    (run_dir / "DONE").touch()  # of nothing: there is no record
    assert job.commands() == [job.train, *job.evaluations]
    (run_dir / "config.json").touch()
    assert run_job(job).reason == "scored"
    (run_dir / "DONE").unlink()
    assert run_job(job).reason == "resumed"


def test_a_stop_ends_the_command_and_what_comes_after_it(make_job, tmp_path):
    train = python(
        "import pathlib, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        f"pathlib.Path({str(tmp_path / 'begun')!r}).touch()\n"
        "signal.pause()"
    )

    def stop():
        return signal.SIGTERM if (tmp_path / "begun").exists() else None

    outcome = run_job(make_job(train=train, evaluations=(python("print('scored')"),)), stop=stop)
    assert outcome.status == "stopped"
    outcome = run_job(make_job(train=python("print()")), stop=lambda: signal.SIGTERM)
    assert (outcome.status, outcome.reason) == ("stopped", "the sweep was stopped")


def test_what_a_killed_command_leaves_running_is_ended(make_job, tmp_path, wait_until):
    train = python(
        "import os, pathlib, signal, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(child.pid))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert run_job(make_job(train=train)).status == "failed"
    child = int((tmp_path / "child").read_text())
    wait_until(lambda: not is_running(child))


def is_running(pid):
    """Says whether a process is there, and not only its entry that nobody has read."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_the_trainer_of_a_killed_sweep_is_waited_for(make_job, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(python(HOLD, tmp_path / "a"), **pipes) as holder:
        assert holder.stdout.readline() == "locked\n"
        looks = []

        def stop():
            looks.append(None)
            if len(looks) == 3:  # it has been found locked twice
                holder.stdin.close()
            return None

        code = (
            "import sys\nfrom ibgan_tf.runs.lock import lock\nwith lock(sys.argv[1]): print('mine')"
        )
        outcome = run_job(make_job(train=python(code, tmp_path / "a")), stop=stop)
        assert (outcome.status, outcome.reason) == ("finished", "")


def test_a_run_that_another_process_writes_on_and_on_is_left_for_later(
    make_job, tmp_path, monkeypatch
):
    monkeypatch.setattr(jobs, "_PATIENCE", 0.0)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(python(HOLD, tmp_path / "a"), **pipes) as holder:
        assert holder.stdout.readline() == "locked\n"
        outcome = run_job(make_job(train=python("raise SystemExit('began')")))
        assert (outcome.status, outcome.reason) == (
            "stopped",
            "another process is still writing it",
        )
        holder.stdin.close()


@pytest.mark.parametrize("in_thread", [False, True])
def test_a_command_gets_a_sigterm_when_the_process_that_began_it_is_killed(tmp_path, in_thread):
    child = (
        "import os, signal, sys\n"
        "def end(*_):\n    os.write(1, b'SIGTERM')\n    os._exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "os.write(1, b'began ')\n"
        "signal.pause()"
    )
    leash = ROOT / "ibgan_tf" / "sweeps" / "leash.py"
    parent = (
        "import json, os, subprocess, sys, threading\n"
        "command = [sys.executable, '-I', sys.argv[1], str(os.getpid())]\n"
        "command += json.loads(sys.argv[2])\n"
        "begin = lambda: subprocess.call(command)\n"
        "if sys.argv[3] == 'True':\n"
        "    thread = threading.Thread(target=begin)\n    thread.start()\n    thread.join()\n"
        "else:\n    begin()"
    )
    command = python(parent, leash, json.dumps(python(child)), in_thread)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.read(6) == b"began "
        process.kill()
        assert process.stdout.read() == b"SIGTERM"  # the pipe ends with the child


def test_a_command_does_not_begin_when_its_parent_has_died_already(tmp_path):
    leash = ROOT / "ibgan_tf" / "sweeps" / "leash.py"
    command = [sys.executable, "-I", str(leash), "1", *python("print('begun')")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")
