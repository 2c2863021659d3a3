"""The workers of a training on several machines: who they are, and whether they can be reached.

Each worker is a process with an address of its own, and all get the same list in the environment
variable TF_CONFIG, TensorFlow's own form:

    {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}

The first, or the one of the job "chief" where there is one, writes the run directory.
"""

import contextlib
import dataclasses
import json
import socket
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NoReturn

_EXAMPLE = '{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}'
_JOBS = ("chief", "worker")
_CONNECT_SECONDS = 2.0  # to wait for one answer
_PAUSE_SECONDS = 0.2  # between two rounds of questions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cluster:
    """The workers of a training, and which of them this process is.

    Attributes:
        names: such as "worker 0"; the chief's comes first.
        addresses: "host:port" of each.
        index: of this process among them.
    """

    names: tuple[str, ...]
    addresses: tuple[str, ...]
    index: int

    def others(self) -> list[int]:
        """Returns the indices of the other workers."""
        return [index for index in range(len(self.names)) if index != self.index]

    def describe(self, index: int) -> str:
        """Returns the name and address of a worker, for messages."""
        return f"{self.names[index]} ({self.addresses[index]})"


def read_cluster(text: str | None) -> Cluster:
    """Returns what TF_CONFIG says.

    Args:
        text: the value of the environment variable; None or "" if it isn't set.

    Raises:
        ValueError: it isn't set, or says no such thing.
    """
    if not text:
        _refuse("must be set for strategy=multi_worker", "no TF_CONFIG")
    try:
        values = json.loads(text)
    except ValueError as error:
        _refuse("must be JSON", f"{text!r} ({error})")
    jobs = values.get("cluster") if isinstance(values, dict) else None
    if not isinstance(jobs, dict) or not jobs:
        _refuse("must have a cluster", text)
    others = [job for job in jobs if job not in _JOBS]
    if others:
        _refuse(f"may have the jobs {' and '.join(_JOBS)} only", f"cluster with {others}")
    names, addresses = [], []
    for job in _JOBS:
        listed = jobs.get(job, [])
        if not isinstance(listed, list):
            _refuse("must have a list of addresses for each job", f"{job}={listed!r}")
        for number, address in enumerate(listed):
            _check_address(address)
            names.append(f"{job} {number}" if job != "chief" else job)
            addresses.append(address)
    if len(jobs.get("chief", [])) > 1:
        _refuse("may have one chief", f"chief={jobs['chief']}")
    if not addresses or len(set(addresses)) < len(addresses):
        _refuse("must give each worker an address of its own", f"cluster={jobs}")
    index = _index(values.get("task"), jobs)
    return Cluster(names=tuple(names), addresses=tuple(addresses), index=index)


def _index(task: Any, jobs: Mapping[str, list[str]]) -> int:
    """Returns the index of a task among all workers."""
    if not isinstance(task, dict) or task.get("type") not in jobs:
        _refuse(f"must have a task with a type of: {', '.join(jobs)}", f"task={task!r}")
    job, index = task["type"], task.get("index")
    if not str(index).isdecimal() or isinstance(index, bool) or int(index) >= len(jobs[job]):
        last = len(jobs[job]) - 1
        _refuse(f"must have a task with an index in 0..{last}, for {job}", f"index={index!r}")
    return int(index) + (len(jobs.get("chief", [])) if job == "worker" else 0)


def _check_address(address: Any) -> None:
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        _refuse("must give each worker's address as host:port", f"address={address!r}")


def _refuse(what: str, received: str) -> NoReturn:
    raise ValueError(f"TF_CONFIG {what}, as in {_EXAMPLE}. Received: {received}.")


def wait_for_workers(cluster: Cluster, *, seconds: float) -> None:
    """Waits until every other worker has begun to wait for this one.

    TensorFlow would wait for an hour, and say little. The process listens at its own address
    meanwhile, where TensorFlow's server takes over.

    Args:
        cluster: the workers.
        seconds: the longest to wait.

    Raises:
        ConnectionError: some can't be reached.
        OSError: this worker's port is taken.
    """
    end = time.monotonic() + seconds
    reasons = dict.fromkeys(cluster.others(), "")
    with _listening(cluster):
        while reasons:
            reasons = unreachable(cluster, reasons)
            if reasons and time.monotonic() > end:
                raise ConnectionError(
                    f"Every worker must be reached within {seconds:g} s. Received: no answer from "
                    f"{_listed(cluster, reasons)}. Start those workers, or see TF_CONFIG and the "
                    "firewall, or wait longer with --connect_timeout."
                )
            if reasons:
                time.sleep(_PAUSE_SECONDS)


def unreachable(cluster: Cluster, indices: Collection[int] | None = None) -> dict[int, str]:
    """Returns the workers that don't answer at their addresses.

    Args:
        cluster: the workers.
        indices: of those to ask; by default all others.

    Returns:
        reasons: index -> why, one line.
    """
    reasons = {}
    for index in cluster.others() if indices is None else indices:
        try:
            _connect(cluster.addresses[index])
        except OSError as error:
            reasons[index] = error.strerror or str(error)
    return reasons


def _listed(cluster: Cluster, reasons: Mapping[int, str]) -> str:
    return ", ".join(f"{cluster.describe(index)}: {why}" for index, why in reasons.items())


def _connect(address: str) -> None:
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()


@contextlib.contextmanager
def _listening(cluster: Cluster) -> Iterator[None]:
    """Answers whoever connects at this worker's port, on all of the machine's addresses."""
    port = int(cluster.addresses[cluster.index].rpartition(":")[2])
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past TIME_WAIT
        try:
            listener.bind(("", port))
        except OSError as error:
            raise OSError(
                f"The port of this worker must be free. Received: "
                f"{cluster.describe(cluster.index)}, {error.strerror}. End what listens there, or "
                "name another port in every worker's TF_CONFIG."
            ) from error
        listener.listen(2 * len(cluster.names))
        yield
