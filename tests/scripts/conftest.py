"""Trainings as subprocesses."""

import json
import os
import pathlib
import re
import select
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


class TrainingProcess:
    """A process of scripts/train.py, made by train_server.py."""

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
            self._code = _ask(self._server, wait_for=self.pid)
            os.close(self._descriptor)
        return self._code

    def lines(self):
        """Returns what was printed so far, without TensorFlow's own notices."""
        lines = self._output.read_text(errors="replace").splitlines()
        return [
            line for line in lines if line and not re.match(r"[EWI]\d{4} |WARNING: All log", line)
        ]


def _ask(server, **request):
    """Returns the train server's answer, a number."""
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    return int(server.stdout.readline())


@pytest.fixture(scope="session")
def start_training(tmp_path_factory):
    """Gives a function that starts scripts/train.py as a process of its own.

    The toy model and data set of tests/training can be trained too. Keyword arguments: `cpus` is
    how many logical devices there are, `largest_file` how many bytes a file may grow to, `script`
    another script to start, `environment` has variables to add.
    """
    server_script = pathlib.Path(__file__).with_name("train_server.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
    outputs = tmp_path_factory.mktemp("output")
    with subprocess.Popen(
        [sys.executable, server_script],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:

        def start(*arguments, cpus=1, largest_file=None, script="train.py", environment=None):
            output = outputs / str(len(os.listdir(outputs)))
            output.touch()
            pid = _ask(
                server,
                arguments=[str(argument) for argument in arguments],
                output=str(output),
                cpus=cpus,
                largest_file=largest_file,
                script=script,
                environment=environment or {},
            )
            return TrainingProcess(server, pid, output)

        yield start
        server.stdin.close()
