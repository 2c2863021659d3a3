"""How far a sweep is: steps of every run, and the time that is left."""

import dataclasses
import datetime
import os
import statistics
from collections.abc import Sequence

from ibgan_tf.runs import log


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunProgress:
    """How far a run is.

    Attributes:
        model: its name; runs of one model are taken to be equally fast.
        steps: of the whole run.
        step: that it has reached.
        steps_per_second: its last speed, or None.
        evaluations: how many are left, 0 for a run that has ended.
        ended: whether nothing more will be done for it: finished, failed or stopped.
    """

    model: str
    steps: int
    step: int = 0
    steps_per_second: float | None = None
    evaluations: int = 0
    ended: bool = False


def read_progress(run_dir: str | os.PathLike[str]) -> tuple[int, float | None]:
    """Returns the last step in a run's log and the speed there.

    Args:
        run_dir: the run directory, which may be missing.

    Returns:
        step: 0 without a log.
        steps_per_second: or None.
    """
    row = log.read_last_row(run_dir)
    speed = row.get("steps_per_second")
    return row.get("step", 0), speed if isinstance(speed, int | float) and speed > 0 else None


def seconds_left(
    runs: Sequence[RunProgress], *, jobs: int, evaluation_seconds: float | None = None
) -> float | None:
    """Returns the seconds until all runs have ended, as far as their speeds tell.

    Args:
        runs: all of the sweep.
        jobs: how many run at a time.
        evaluation_seconds: what one evaluation takes; None if none has been made.

    Returns:
        seconds: no less than the longest run has left; None while no speed is known.
    """
    known = [run for run in runs if run.steps_per_second]
    left = []
    for run in runs:
        if run.ended:
            continue
        speeds = [run.steps_per_second] if run.steps_per_second else []
        speeds = speeds or [k.steps_per_second for k in known if k.model == run.model]
        speeds = speeds or [k.steps_per_second for k in known]
        if run.step < run.steps and not speeds:
            return None
        training = (run.steps - run.step) / statistics.fmean(speeds) if speeds else 0.0
        left.append(max(0.0, training) + run.evaluations * (evaluation_seconds or 0.0))
    return max([sum(left) / jobs, *left], default=0.0)


def progress_text(
    runs: Sequence[RunProgress],
    *,
    finished: int,
    failed: int,
    running: Sequence[str],
    seconds: float | None,
) -> str:
    """Returns the state of all runs in one line.

    Args:
        runs: all of the sweep.
        finished, failed: numbers of runs.
        running: each of the runs that are being worked on, in a few words.
        seconds: that are left, or None.
    """
    steps = sum(run.steps for run in runs)
    done = sum(min(run.step, run.steps) for run in runs)
    parts = [f"{finished} of {len(runs)} runs done", f"{done / steps:.0%} of the steps"]
    parts += [f"{failed} failed"] * bool(failed)
    eta = "?" if seconds is None else str(datetime.timedelta(seconds=round(seconds)))
    return f"{', '.join(parts)}, ETA {eta}  {'; '.join(running)}".rstrip()
