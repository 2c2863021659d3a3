"""The state of a sweep: in its journal, on the screen and in TensorBoard."""

import datetime
import pathlib
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ibgan_tf import mistakes
from ibgan_tf.sweeps.commands import evaluation_flags
from ibgan_tf.sweeps.job import Job, Outcome
from ibgan_tf.sweeps.journal import FAILED, FINISHED, STARTED, STOPPED, Journal
from ibgan_tf.sweeps.plan import PlannedRun
from ibgan_tf.sweeps.progress import RunProgress, progress_text, read_progress, seconds_left
from ibgan_tf.sweeps.screen import Screen

LOGS_FOLDER = "logs"

Board = Callable[[pathlib.Path, Sequence[PlannedRun], Mapping[str, bool]], None]


class SweepState:
    """The state of a sweep, in its journal and on the screen.

    Args:
        runs: of the study.
        jobs: what is left to do; nothing more is done for a run without one.
        folder: the sweep's.
        journal: of the sweep.
        screen: where progress is shown.
        write_board: writes what TensorBoard shows, or None.
    """

    def __init__(
        self,
        runs: Sequence[PlannedRun],
        jobs: Sequence[Job],
        folder: pathlib.Path,
        journal: Journal,
        screen: Screen,
        write_board: Board | None,
    ):
        self._runs = {run.name: run for run in runs}
        self._left = {job.run: job for job in jobs}
        self._folder, self._journal, self._screen = folder, journal, screen
        self._write_board = write_board
        self._evaluation_seconds: list[float] = []

    def started(self, job: Job) -> None:
        """Notes that a job is begun; what was evaluated before stays known."""
        commands = [shlex.join(command) for command in job.commands()]
        self._add(STARTED, job.run, commands=commands)
        self._screen.say(f"started   {job.run}")

    def ended(self, job: Job, outcome: Outcome) -> None:
        """Notes how a job ended."""
        run = self._runs[job.run]
        if outcome.status == FINISHED:
            evaluated = [" ".join(flags) for flags in evaluation_flags(run.evaluation)]
            known = self._journal.last(job.run).get("evaluated", [])
            evaluated = list(dict.fromkeys([*known, *evaluated]))
            self._journal.add(FINISHED, job.run, seconds=outcome.seconds, evaluated=evaluated)
        else:
            self._add(outcome.status, job.run, seconds=outcome.seconds, reason=outcome.reason)
        del self._left[job.run]
        if outcome.status == FINISHED and job.evaluations:
            self._evaluation_seconds.append(outcome.evaluation_seconds / len(job.evaluations))
        took = datetime.timedelta(seconds=round(outcome.seconds))
        why = f": {outcome.reason}" if outcome.reason else f" in {took}"
        self._screen.say(f"{outcome.status:<9} {job.run}{why}")
        self.write_board()

    def _add(self, event: str, run: str, **values: object) -> None:
        """Appends a row that keeps which evaluations of the run have been made."""
        known = self._journal.last(run).get("evaluated")
        kept = {} if known is None else {"evaluated": known}
        self._journal.add(event, run, **values, **kept)

    def write_board(self) -> None:
        """Writes what TensorBoard shows; a sweep can do without it."""
        if self._write_board is None:
            return
        events = {name: self._event(name) for name in self._runs}
        statuses = {n: e == FINISHED for n, e in events.items() if e in (FINISHED, FAILED)}
        try:
            self._write_board(self._folder, list(self._runs.values()), statuses)
        except (OSError, ValueError) as error:  # a full disk, a damaged log
            self._write_board = None
            text = mistakes.one_line(error)
            self._screen.say(f"warning: HParams for TensorBoard can't be written: {text}")

    def show(self, running: Sequence[str], *, jobs: int) -> None:
        """Shows the state of all runs, where it is time to."""
        if self._screen.is_due():
            found = {name: self._progress(run) for name, run in self._runs.items()}
            seconds = list(self._evaluation_seconds)
            mean = sum(seconds) / len(seconds) if seconds else None
            events = self._ends()
            text = progress_text(
                list(found.values()),
                finished=events[FINISHED],
                failed=events[FAILED],
                running=[f"{name} {_step_text(found[name])}" for name in running],
                seconds=seconds_left(list(found.values()), jobs=jobs, evaluation_seconds=mean),
            )
            self._screen.show(text)

    def _event(self, run: str) -> object:
        return self._journal.last(run).get("event")

    def _ends(self) -> Counter[object]:
        """Counts how the runs have ended of which nothing is left to do.

        A run that is left may be finished, but for an evaluation, or have failed before.
        """
        return Counter(self._event(name) for name in self._runs if name not in self._left)

    def _progress(self, run: PlannedRun) -> RunProgress:
        """Returns how far a run is."""
        job = self._left.get(run.name)
        step, speed = read_progress(self._folder / run.name)
        return RunProgress(
            model=str(run.settings["model"]),
            steps=int(run.settings["steps"]),
            step=step,
            steps_per_second=speed,
            evaluations=len(job.evaluations) if job else 0,
            ended=job is None,
        )

    def end(self, stopped_by: int | None) -> int:
        """Tells what came of all runs; returns the exit code."""
        events = self._ends()
        others = len(self._runs) - events[FINISHED] - events[FAILED]
        parts = [f"{events[FINISHED]} of {len(self._runs)} runs are finished"]
        parts += [f"{events[FAILED]} failed"] * bool(events[FAILED])
        parts += [f"{others} to go on with by the same command"] * bool(others)
        self._screen.say(f"sweep: {', '.join(parts)}")
        for name in self._runs:
            row = self._journal.last(name)
            if row.get("event") in (FAILED, STOPPED):
                log = self._folder / LOGS_FOLDER / f"{name}.log"
                self._screen.say(f"{row['event']}: {name}: {row['reason']} ({log})")
        if stopped_by is not None:
            return 128 + stopped_by
        return 0 if events[FINISHED] == len(self._runs) else 1


def _step_text(progress: RunProgress) -> str:
    """Returns what a run is at, in a few words."""
    if progress.step >= progress.steps:
        return "evaluating" if progress.evaluations else "ending"
    return f"{progress.step:,}/{progress.steps:,}"
