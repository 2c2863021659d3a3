"""One run from where it stands to its scores: trained or resumed, then evaluated."""

import contextlib
import dataclasses
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from ibgan_tf.runs import lock
from ibgan_tf.runs.record import RECORD_FILE
from ibgan_tf.sweeps import leash
from ibgan_tf.sweeps.journal import FAILED, FINISHED, STOPPED

DONE_FILE = "DONE"
_PATIENCE = 60.0  # seconds that the trainer of a killed sweep has for its last checkpoint
_TICK = 0.2  # seconds between two looks at a process
_LONGEST_REASON = 500  # characters
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_OF_TENSORFLOW = re.compile(r"[EWI]\d{4} |WARNING: All log messages before")
_NOT_BEGUN = "the sweep was stopped"
_STILL_WRITTEN = "another process is still writing it"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be done for one run; plain values, for it may be sent to another machine.

    Attributes:
        run: the run's name.
        run_dir: its folder.
        log_path: the file that takes what its processes print.
        train: the command that begins it.
        resume: the command that goes on with it.
        evaluations: the commands that score it when it is trained.
        evaluation_environment: what they add to the environment.
    """

    run: str
    run_dir: str
    log_path: str
    train: tuple[str, ...]
    resume: tuple[str, ...]
    evaluations: tuple[tuple[str, ...], ...]
    evaluation_environment: Mapping[str, str]

    def commands(self) -> list[tuple[str, ...]]:
        """Returns the commands that are left to do, as the run's folder stands now."""
        run_dir = pathlib.Path(self.run_dir)
        begun = (run_dir / RECORD_FILE).exists()
        trained = begun and (run_dir / DONE_FILE).exists()
        training = [] if trained else [self.resume if begun else self.train]
        return [*training, *self.evaluations]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended.

    Attributes:
        status: FINISHED, FAILED or STOPPED.
        reason: why it failed or stopped, in one line; "" if it finished.
        seconds: what it took.
        evaluation_seconds: what all evaluations took of that.
    """

    status: str
    reason: str
    seconds: float
    evaluation_seconds: float = 0.0


def run_job(
    job: Job,
    environment: Mapping[str, str] | None = None,
    stop: Callable[[], int | None] = lambda: None,
) -> Outcome:
    """Does what is left of a job, and returns how it ended.

    Args:
        job: of one run.
        environment: what is added to the environment of its processes.
        stop: returns the signal to send to its process, or None; asked all the time.

    Returns:
        outcome: of the first command that didn't end well, or of all.
    """
    began = time.monotonic()
    if not _last_writer_ended(job, stop):
        seconds = round(time.monotonic() - began, 1)
        return Outcome(status=STOPPED, reason=_STILL_WRITTEN, seconds=seconds)
    log_path = pathlib.Path(job.log_path)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    status, reason, evaluating = FINISHED, "", 0.0
    for command in job.commands():
        if stop() is not None:
            status, reason = STOPPED, _NOT_BEGUN
            break
        is_evaluation = command in job.evaluations
        own = job.evaluation_environment if is_evaluation else {}
        start = log_path.stat().st_size if log_path.exists() else 0
        start_time = time.monotonic()
        code = _call(command, log_path, {**(environment or {}), **own}, stop)
        evaluating += is_evaluation * (time.monotonic() - start_time)
        if code != 0:
            status = STOPPED if {-code, code - 128} & set(_STOPS) else FAILED
            reason = _reason(code, log_path, start)
            break
    return Outcome(
        status=status,
        reason=reason,
        seconds=round(time.monotonic() - began, 1),
        evaluation_seconds=round(evaluating, 1),
    )


def _last_writer_ended(job: Job, stop: Callable[[], int | None]) -> bool:
    """Waits for the trainer that a killed sweep left behind, but not forever; says if it ended."""
    limit = time.monotonic() + _PATIENCE
    while (held := lock.is_held(job.run_dir)) and time.monotonic() < limit and stop() is None:
        time.sleep(_TICK)
    return not held


def _call(
    command: tuple[str, ...],
    log_path: pathlib.Path,
    environment: Mapping[str, str],
    stop: Callable[[], int | None],
) -> int:
    """Runs a command, with its output appended to the log; returns its exit code.

    It has a process group of its own, so that Ctrl-C in the terminal reaches the sweep alone.
    """
    leashed = (sys.executable, "-I", leash.__file__, str(os.getpid()), *command)
    with open(log_path, "ab") as log:
        log.write(f"$ {shlex.join(command)}\n".encode())
        log.flush()
        process = subprocess.Popen(
            leashed,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    sent, code = None, None
    try:
        while True:
            asked = stop()
            if asked is not None and asked != sent:
                process.send_signal(asked)
                sent = asked
            try:
                code = process.wait(timeout=_TICK)
                return code
            except subprocess.TimeoutExpired:
                continue
    except BaseException:  # a cluster's way to cancel it
        process.terminate()
        process.wait()
        raise
    finally:
        if code != 0:  # a killed one leaves the workers of scikit-learn and joblib, in its group
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _reason(code: int, log_path: pathlib.Path, start: int) -> str:
    """Returns why a command ended: the last line that it printed, and the signal if one did it."""
    with open(log_path, "rb") as log:
        log.seek(start)
        lines = [line.strip() for line in log.read().decode(errors="replace").splitlines()]
    own = [line for line in lines[1:] if line and not _OF_TENSORFLOW.match(line)]
    last = own[-1][-_LONGEST_REASON:] if own else f"exit code {code}, without a word"
    return f"killed by {signal.Signals(-code).name} after: {last}" if code < 0 else last
