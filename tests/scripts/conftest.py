"""Trainings as subprocesses, and scripts' main functions."""

import os
import pathlib
import re
import runpy
import select
import signal

import pytest
from absl import flags

ROOT = pathlib.Path(__file__).parents[2]


class TrainingProcess:
    """A process of scripts/train.py, or of another script."""

    def __init__(self, server, pid, output):
        self.pid = pid
        self._server, self._output = server, output
        self._descriptor = os.pidfd_open(pid)
        self._code = None

    def ended_within(self, seconds):
        """Waits until the process ends, but not longer; says whether it has."""
        readable, _, _ = select.select([self._descriptor], [], [], seconds)
        return bool(readable)

    def send(self, number):
        """Sends a signal."""
        signal.pidfd_send_signal(self._descriptor, number)

    def code(self):
        """Returns the exit code, after waiting for the end; -9 for a process that was killed."""
        if self._code is None:
            self._code = self._server.wait_for(self.pid)
            os.close(self._descriptor)
        return self._code

    def text(self):
        """Returns all that was printed so far."""
        return self._output.read_text(errors="replace")

    def lines(self):
        """Returns what was printed so far, without TensorFlow's own notices."""
        return [
            line
            for line in self.text().splitlines()
            if line and not re.match(r"[EWI]\d{4} |WARNING: All log", line)
        ]


@pytest.fixture(scope="session")
def start_training(script_server):
    """Gives a function that starts scripts/train.py as a process of its own.

    The toy model and data set of tests/training can be trained too. Keyword arguments: `script` is
    another script to start, others are of `ScriptServer.start`.
    """

    def start(*arguments, script="train.py", **settings):
        pid, output, _ = script_server.start(
            f"scripts/{script}", *arguments, tell_imports=True, **settings
        )
        return TrainingProcess(script_server, pid, output)

    return start


@pytest.fixture
def run_main():
    """Gives a function that runs a script's main function here; its flags are forgotten later."""
    known = set(flags.FLAGS)

    def run(name, *arguments):
        names = runpy.run_path(str(ROOT / "scripts" / name))
        return names["main"](flags.FLAGS([name, *arguments]))

    yield run
    for name in set(flags.FLAGS) - known:
        delattr(flags.FLAGS, name)
