"""Cores and GPUs of this machine, divided among jobs."""

import dataclasses
import os
import shutil
import subprocess
from collections.abc import Mapping

_VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """What the jobs of a sweep compute on.

    Attributes:
        jobs: how many run at a time.
        threads: CPU threads of each, or None for all cores.
        environments: what each of the places for a job adds to the environment.
    """

    jobs: int
    threads: int | None
    environments: tuple[Mapping[str, str], ...]

    def text(self) -> str:
        """Returns it in a line: "2 at a time, --threads=4, CUDA_VISIBLE_DEVICES=0 | 1"."""
        threads = "all cores" if self.threads is None else f"--threads={self.threads}"
        groups = " | ".join(own[_VISIBLE] for own in self.environments if own)
        gpus = f", {_VISIBLE}={groups}" if groups else ""
        return f"{self.jobs} at a time, {threads}{gpus}"


def divide(*, jobs: int, threads: int | None, gpus: int | None) -> Share:
    """Divides this machine's cores and GPUs among jobs.

    One job alone has everything, as without a sweep. Several have a part of the cores each; GPUs
    go to them in equal groups, or serve several of them where there are fewer.

    Args:
        jobs: how many run at a time.
        threads: of each; None for its part of the cores.
        gpus: how many to use, 0 for none; None for all that there are.

    Returns:
        share: of each job.

    Raises:
        ValueError: a number is too low, or there are fewer GPUs.
    """
    check_counts(jobs=jobs, threads=threads, gpus=gpus)
    if threads is None and jobs > 1:
        threads = max(1, len(os.sched_getaffinity(0)) // jobs)
    if jobs == 1 and gpus is None:
        return Share(jobs=jobs, threads=threads, environments=({},))
    there = visible_gpus()
    check_gpus(gpus, len(there))
    used = there if gpus is None else there[:gpus]
    if not used:
        nothing = {} if gpus is None else {_VISIBLE: "-1"}
        return Share(jobs=jobs, threads=threads, environments=(nothing,) * jobs)
    each = len(used) // jobs
    groups = [
        used[i * each : (i + 1) * each] if each else [used[i % len(used)]] for i in range(jobs)
    ]
    return Share(
        jobs=jobs,
        threads=threads,
        environments=tuple({_VISIBLE: ",".join(group)} for group in groups),
    )


def check_counts(*, jobs: int, threads: int | None, gpus: int | None) -> None:
    """Refuses fewer than one job or thread, or than no GPU.

    Raises:
        ValueError: a number is too low.
    """
    for name, value, least in (("jobs", jobs, 1), ("threads", threads, 1), ("gpus", gpus, 0)):
        if value is not None and value < least:
            raise ValueError(f"{name} must be >= {least}. Received: {name}={value}.")


def check_gpus(asked: int | None, there: int) -> None:
    """Refuses more GPUs than there are.

    Raises:
        ValueError: there are fewer.
    """
    if asked is not None and asked > there:
        raise ValueError(
            f"gpus must be at most the number that there are, {there}. Received: gpus={asked}."
        )


def visible_gpus() -> list[str]:
    """Returns the GPUs as CUDA_VISIBLE_DEVICES names them; TensorFlow isn't asked, which would
    take memory of each."""
    named = os.environ.get(_VISIBLE)
    if named is not None:
        names = [name.strip() for name in named.split(",")]
        return [name for name in names if name and not name.startswith("-")]
    if shutil.which("nvidia-smi") is None:
        return []
    answer = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    lines = [line for line in answer.stdout.splitlines() if line.startswith("GPU ")]
    return [str(number) for number in range(len(lines))]
