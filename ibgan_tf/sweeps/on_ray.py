"""Jobs on a cluster, by Ray's scheduler: https://docs.ray.io

Ray places them on machines with enough free cores and GPUs, sets CUDA_VISIBLE_DEVICES, begins a job
anew elsewhere when its machine dies, which then resumes the run, and ends them with this program.
The machines share the sweep's folder, and have the package at the same path.
"""

import os
import pathlib
import signal
import socket
from typing import Any

from ibgan_tf.sweeps.job import Job, Outcome, run_job
from ibgan_tf.sweeps.journal import FAILED, STOPPED
from ibgan_tf.sweeps.resources import check_counts, check_gpus

_CONNECT_TIMEOUT = 10.0  # seconds
_TOKEN = pathlib.Path("~/.ray/auth_token")
_RETRIES = 2  # when a machine dies; a job that fails is not begun anew


class RayEngine:
    """Runs jobs on a Ray cluster.

    Args:
        jobs: how many run at a time, at most.
        threads: cores of each; what the machines have must not change what a run computes.
        gpus: how many to use, 0 for none; None for all that there are.
        address: of the cluster, host:port; None for RAY_ADDRESS, or for a new cluster of this
            machine alone.

    Raises:
        ValueError: Ray isn't installed, a number is missing or too low, or no machine has what a
            job needs.
        OSError: there is no cluster at the address.
    """

    def __init__(
        self, *, jobs: int, threads: int | None, gpus: int | None, address: str | None = None
    ):
        check(jobs=jobs, threads=threads, gpus=gpus)
        self._ray = _import_ray()
        handler = signal.getsignal(signal.SIGTERM)
        address = address or os.environ.get("RAY_ADDRESS")
        if address is None:
            self._ray.init("local", log_to_driver=False, include_dashboard=False)
        else:
            _check_reachable(address)
            self._ray.init(address, log_to_driver=False)
        signal.signal(signal.SIGTERM, handler)  # Ray's would end the sweep without a word
        self.places = jobs
        machines = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        _check_cores(machines, threads)
        self._function = self._ray.remote(run_job).options(
            num_cpus=threads,
            num_gpus=_gpus(machines, jobs=jobs, gpus=gpus),
            max_retries=_RETRIES,
        )
        self._running: dict[Any, Job] = {}

    def start(self, job: Job) -> None:
        """Hands a job to the scheduler."""
        self._running[self._function.remote(job)] = job

    def wait(self, seconds: float) -> list[tuple[Job, Outcome]]:
        """Returns the jobs that have ended, after waiting for one of them, but not longer."""
        if not self._running:
            return []
        ended, _ = self._ray.wait(list(self._running), num_returns=1, timeout=seconds)
        return [(self._running.pop(reference), self._outcome(reference)) for reference in ended]

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Tells all jobs to end, which save a checkpoint first; `wait` says when they have."""
        for reference in self._running:
            self._ray.cancel(reference, force=number == signal.SIGKILL)

    def close(self) -> None:
        """Leaves the cluster, and ends the one that was begun here."""
        self._ray.shutdown()

    def _outcome(self, reference: Any) -> Outcome:
        """Returns how a job ended, also if its machine died too often."""
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.TaskCancelledError:
            return Outcome(status=STOPPED, reason="the sweep was stopped", seconds=0.0)
        except self._ray.exceptions.RayError as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            return Outcome(status=FAILED, reason=" ".join(lines[-1].split()), seconds=0.0)


def check(*, jobs: int, threads: int | None, gpus: int | None) -> None:
    """Checks what can be checked without a cluster.

    Args:
        jobs, threads, gpus: as of `RayEngine`.

    Raises:
        ValueError: Ray isn't installed, or a number is missing or too low.
    """
    check_counts(jobs=jobs, threads=threads, gpus=gpus)
    if threads is None:
        raise ValueError(
            "threads must be given with engine=ray: the cores of each job. Received: no "
            "--threads. Add --threads=..."
        )
    _import_ray()


def _import_ray() -> Any:
    """Returns the module ray, without the traffic that it makes by itself."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if _TOKEN.expanduser().exists():  # then `ray start` asks for it, and ray.init doesn't give it
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ValueError(
            "engine=ray needs Ray. Received: engine='ray' where it isn't installed. Install it "
            "with: pip install '.[sweep]'"
        ) from error
    return ray


def _check_reachable(address: str) -> None:
    """Refuses a cluster that doesn't answer: Ray itself waits for it for many minutes.

    Raises:
        ConnectionError: nobody listens at the address.
    """
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdecimal()):
        return  # Ray's other ways to name a cluster
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT).close()
    except OSError as error:
        raise ConnectionError(
            f"ray_address must be that of a running cluster, host:port. Received: "
            f"ray_address={address}, where nobody answers ({error}). Begin one with: "
            "ray start --head"
        ) from error


def _check_cores(machines: list[dict[str, float]], threads: int) -> None:
    """Refuses more threads than a machine has cores: the job would wait forever."""
    most = max((int(machine.get("CPU", 0)) for machine in machines), default=0)
    if threads > most:
        raise ValueError(
            f"threads must be at most the cores of the largest machine, {most}. "
            f"Received: threads={threads}."
        )


def _gpus(machines: list[dict[str, float]], *, jobs: int, gpus: int | None) -> float:
    """Returns the GPUs of a job: its part of all, or of one; one machine has them."""
    counts = [int(machine.get("GPU", 0)) for machine in machines]
    check_gpus(gpus, sum(counts))
    each = (sum(counts) if gpus is None else gpus) / jobs
    if each < 1:
        return 1 / -(-1 // each) if each else 0
    return min(int(each), max(counts))
