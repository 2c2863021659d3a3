"""Runs a study: what is left of it, a number of jobs at a time, whatever has happened before."""

import os
import pathlib
import shlex
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ibgan_tf import atomic
from ibgan_tf.runs import lock
from ibgan_tf.runs.record import RECORD_FILE
from ibgan_tf.sweeps.commands import Scripts, evaluation_flags
from ibgan_tf.sweeps.job import DONE_FILE, Job, Outcome
from ibgan_tf.sweeps.journal import FAILED, FINISHED, Journal
from ibgan_tf.sweeps.plan import PlannedRun
from ibgan_tf.sweeps.screen import Screen
from ibgan_tf.sweeps.state import LOGS_FOLDER, Board, SweepState
from ibgan_tf.training.stop_requests import stop_requests

STUDY_FILE = "study.toml"
_TICK = 0.5  # seconds between two looks at a stop request


class Engine(Protocol):
    """What runs jobs."""

    places: int

    def start(self, job: Job) -> None:
        """Begins a job; no more than `places` are begun at a time."""

    def wait(self, seconds: float) -> list[tuple[Job, Outcome]]:
        """Returns the jobs that have ended, after waiting for one of them, but not longer."""

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Tells all jobs to end; SIGKILL: at once."""

    def close(self) -> None:
        """Ends what is running."""


def plan_jobs(
    runs: Sequence[PlannedRun],
    sweep_dir: str | os.PathLike[str],
    scripts: Scripts,
    last: Mapping[str, Mapping[str, object]],
    *,
    retry_failed: bool = False,
) -> list[Job]:
    """Returns what is left to do, and no job for a run that is finished or has failed.

    Args:
        runs: of the study, with the names of their folders.
        sweep_dir: the sweep's folder.
        scripts: how the scripts are called.
        last: name of a run -> its last row in the journal.
        retry_failed: whether runs that have failed are tried again.

    Returns:
        jobs: in the order of the runs.
    """
    folder = pathlib.Path(os.path.abspath(sweep_dir))
    jobs = []
    for run in runs:
        row = last.get(run.name, {})
        if row.get("event") == FAILED and not retry_failed:
            continue
        job = _job(run, folder, scripts, evaluated=row.get("evaluated", []))
        if row.get("event") != FINISHED or job.commands():
            jobs.append(job)
    return jobs


def _job(run: PlannedRun, folder: pathlib.Path, scripts: Scripts, *, evaluated: object) -> Job:
    """Returns the job of a run, without the evaluations that have been made."""
    run_dir = folder / run.name
    evaluations = scripts.evaluate(run.evaluation, run_dir)
    if (run_dir / DONE_FILE).exists():
        texts = map(" ".join, evaluation_flags(run.evaluation))
        pairs = zip(evaluations, texts, strict=True)
        evaluations = tuple(command for command, text in pairs if text not in evaluated)
    return Job(
        run=run.name,
        run_dir=str(run_dir),
        log_path=str(folder / LOGS_FOLDER / f"{run.name}.log"),
        train=scripts.train(run, run_dir),
        resume=scripts.resume(run, run_dir),
        evaluations=evaluations,
        evaluation_environment=scripts.evaluation_environment(),
    )


def commands_text(
    runs: Sequence[PlannedRun], jobs: Sequence[Job], last: Mapping[str, Mapping[str, object]]
) -> str:
    """Returns the exact commands of all that is left to do, for a shell.

    Args:
        runs: of the study.
        jobs: of `plan_jobs`.
        last: name of a run -> its last row in the journal.
    """
    by_run = {job.run: job for job in jobs}
    lines = []
    for run in runs:
        if run.name not in by_run:
            event = last.get(run.name, {}).get("event")
            why = "failed before; --retry_failed tries it again" if event == FAILED else event
            lines.append(f"# {run.name}: {why}")
            continue
        job = by_run[run.name]
        lines.append(f"# {run.name}")
        for command in job.commands():
            own = job.evaluation_environment if command in job.evaluations else {}
            lines.append(" ".join([*(f"{k}={v}" for k, v in own.items()), shlex.join(command)]))
    return "\n".join(lines)


def run_sweep(
    runs: Sequence[PlannedRun],
    sweep_dir: str | os.PathLike[str],
    scripts: Scripts,
    open_engine: Callable[[], Engine],
    *,
    study: str,
    retry_failed: bool = False,
    write_board: Board | None = None,
    screen: Screen | None = None,
) -> int:
    """Does what is left of a study.

    Args:
        runs: of the study, with the names of their folders.
        sweep_dir: the sweep's folder; made if it is missing.
        scripts: how the scripts are called.
        open_engine: returns what runs the jobs; called when the folder is locked.
        study: the text of the study, of which the folder keeps a copy.
        retry_failed: whether runs that have failed are tried again.
        write_board: writes what TensorBoard shows of all runs; None for nothing.
        screen: where progress is shown; the terminal if None.

    Returns:
        status: 0 if all runs are finished, 1 if one isn't, or 128 and the number of the signal
            that stopped the sweep.

    Raises:
        OSError: another process runs the sweep, or the disk is full.
        ValueError: the journal is damaged or of another version.
    """
    folder = pathlib.Path(os.path.abspath(sweep_dir))
    screen = screen or Screen()
    with lock.lock(folder, name="sweep_dir"), stop_requests() as stop_request:
        journal = Journal(folder)
        atomic.write_text(folder / STUDY_FILE, study)
        last = {run.name: journal.last(run.name) for run in runs}
        jobs = plan_jobs(runs, folder, scripts, last, retry_failed=retry_failed)
        sweep = SweepState(runs, jobs, folder, journal, screen, write_board)
        screen.say(_opening_text(runs, jobs, last))
        sweep.write_board()
        if jobs:
            _run_jobs(sweep, jobs, open_engine(), stop_request)
        return sweep.end(stop_request())


def _opening_text(
    runs: Sequence[PlannedRun], jobs: Sequence[Job], last: Mapping[str, Mapping[str, object]]
) -> str:
    """Returns how many runs there are, and what is done with them."""
    begun = sum((pathlib.Path(job.run_dir) / RECORD_FILE).exists() for job in jobs)
    counts = {
        "to begin": len(jobs) - begun,
        "to go on with": begun,
        "finished before": sum(row.get("event") == FINISHED for row in last.values()),
        "failed before": sum(row.get("event") == FAILED for row in last.values()),
    }
    parts = [f"{number} {what}" for what, number in counts.items() if number]
    return f"sweep: {len(runs)} {'run' if len(runs) == 1 else 'runs'}: {', '.join(parts)}"


def _run_jobs(
    sweep: SweepState,
    jobs: Sequence[Job],
    engine: Engine,
    stop_request: Callable[[], int | None],
) -> None:
    """Runs jobs until all have ended; after a stop request, those that have begun."""
    waiting, running = deque(jobs), {}
    stopping = False
    try:
        while running or (waiting and not stopping):
            if stop_request() is not None and not stopping:
                stopping = True
                engine.stop()
            while waiting and len(running) < engine.places and not stopping:
                job = waiting.popleft()
                sweep.started(job)
                engine.start(job)
                running[job.run] = job
            for job, outcome in engine.wait(_TICK) if running else ():
                del running[job.run]
                sweep.ended(job, outcome)
            sweep.show(list(running), jobs=engine.places)
    except BaseException:  # a second Ctrl-C, or a full disk: nothing is left running
        engine.stop(signal.SIGKILL)
        raise
    finally:
        engine.close()
