"""Jobs as processes on this machine, a number of them at a time."""

import concurrent.futures
import signal
from collections.abc import Mapping, Sequence

from ibgan_tf import mistakes
from ibgan_tf.sweeps.job import Job, Outcome, run_job
from ibgan_tf.sweeps.journal import FAILED


class LocalEngine:
    """Runs jobs on this machine.

    Args:
        environments: what each of the places for a job adds to the environment.
    """

    def __init__(self, environments: Sequence[Mapping[str, str]]):
        self.places = len(environments)
        self._environments = environments
        self._free = list(range(self.places))
        self._pool = concurrent.futures.ThreadPoolExecutor(self.places)
        self._running: dict[concurrent.futures.Future, tuple[Job, int]] = {}
        self._signal: int | None = None

    def start(self, job: Job) -> None:
        """Begins a job; there is a free place."""
        place = self._free.pop(0)
        future = self._pool.submit(
            run_job, job, self._environments[place], stop=lambda: self._signal
        )
        self._running[future] = (job, place)

    def wait(self, seconds: float) -> list[tuple[Job, Outcome]]:
        """Returns the jobs that have ended, after waiting for one of them, but not longer."""
        ended, _ = concurrent.futures.wait(
            self._running, seconds, return_when=concurrent.futures.FIRST_COMPLETED
        )
        found = []
        for future in ended:
            job, place = self._running.pop(future)
            self._free.append(place)
            found.append((job, _outcome(future)))
        return found

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Sends a signal to the processes of all jobs, which end; `wait` says when."""
        self._signal = number

    def close(self) -> None:
        """Ends what is running, and waits for it."""
        self._signal = self._signal or signal.SIGTERM
        self._pool.shutdown()


def _outcome(future: concurrent.futures.Future) -> Outcome:
    """Returns how a job ended; one that couldn't begin, for the disk is full, has failed."""
    try:
        return future.result()
    except OSError as error:
        return Outcome(status=FAILED, reason=mistakes.one_line(error), seconds=0.0)
