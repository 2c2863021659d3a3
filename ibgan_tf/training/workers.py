"""What the processes of one training tell each other; a process alone agrees with itself."""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context  # the barrier has no public name

from ibgan_tf.training import cluster as clusters

_PARTING_MILLISECONDS = 60_000


def workers_of(strategy: tf.distribute.Strategy) -> "Workers":
    """Returns the processes that share a strategy.

    Args:
        strategy: from `configure_devices`.
    """
    cluster = None
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        cluster = clusters.read_cluster(os.environ.get("TF_CONFIG"))
    return Workers(strategy, cluster)


class Workers:
    """The processes that share a strategy.

    All of them call the same methods in the same order: each waits for the others.

    Args:
        strategy: of the training.
        cluster: the processes; None for one alone.

    Attributes:
        is_chief: whether this process writes the run directory.
        name: such as "worker 1 (host:port)"; "" if it is alone.
    """

    def __init__(self, strategy: tf.distribute.Strategy, cluster: clusters.Cluster | None):
        self._strategy, self._cluster = strategy, cluster
        self.is_chief = cluster is None or cluster.index == 0
        self.name = "" if cluster is None else cluster.describe(cluster.index)

    def from_chief(self, number: int) -> int:
        """Returns the chief's number on every worker.

        Args:
            number: whole; those of other workers than the chief don't matter.
        """
        return int(self._rows([number])[0, 0])

    def largest(self, number: int) -> int:
        """Returns the largest of the workers' numbers on every worker.

        Args:
            number: this worker's.
        """
        return int(self._rows([number]).max())

    def wait(self) -> None:
        """Waits until every worker is here."""
        self._rows([0])

    def part(self) -> None:
        """Waits at the end until every worker has got all that it needs of the others.

        `wait` alone won't do: who has its result may end while others still fetch theirs from it.
        """
        self.wait()
        if self._cluster is not None:
            with contextlib.suppress(tf.errors.OpError):  # who hosts the barrier may have ended
                context.context().wait_at_barrier("ibgan_tf/trained", _PARTING_MILLISECONDS)

    def check_equal(self, settings: Mapping[str, Any]) -> None:
        """Checks that every worker has the same settings.

        Args:
            settings: name -> value, ready for JSON.

        Raises:
            ValueError: they differ; on every worker.
        """
        names = sorted(settings)
        if (self._rows([_hash(names)]) != _hash(names)).any():
            differing = ["model", "dataset"]  # they have settings of other names
        else:
            rows = self._rows([_hash(settings[name]) for name in names])
            different = (rows != rows[0]).any(axis=0)
            differing = [name for name, differs in zip(names, different, strict=True) if differs]
        if differing:
            raise ValueError(
                "Every worker must have the same settings, and begin with the same command. "
                f"Received: workers that differ in {' or '.join(differing)}."
            )

    @contextlib.contextmanager
    def losses_told(self) -> Iterator[None]:
        """Has TensorFlow's errors for a worker that is gone say which, in one line.

        Raises:
            ConnectionError: another worker has ended, or stopped answering.
        """
        try:
            yield
        except tf.errors.OpError as error:
            lost = self._lost(str(error))
            if not lost:
                raise
            raise ConnectionError(
                "Every worker must stay until the end. Received: no answer any more from "
                f"{', '.join(lost)}; its own messages say why. Start every worker again with "
                "--resume: the run goes on from its last checkpoint."
            ) from error

    def _rows(self, row: Sequence[int]) -> np.ndarray:
        """Returns the numbers of every worker, int64 [workers, len(row)]."""
        if self._cluster is None:
            return np.array([row], np.int64)
        num_workers = len(self._cluster.names)
        num_local = self._strategy.num_replicas_in_sync // num_workers

        def value(context):
            rows = np.zeros([num_workers, len(row)], np.int64)
            if context.replica_id_in_sync_group % num_local == 0:  # one replica speaks for all
                rows[self._cluster.index] = row
            return tf.constant(rows)

        values = self._strategy.experimental_distribute_values_from_function(value)
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None).numpy()

    def _lost(self, text: str) -> list[str]:
        """Returns the workers that don't answer, or else those that TensorFlow's text names."""
        if self._cluster is None:
            return []
        indices = clusters.unreachable(self._cluster)
        if not indices:  # a process that hangs has its port open
            tasks = set(re.findall(r"/job:(\w+)/(?:replica:0/)?task:(\d+)", text))
            names = {job if job == "chief" else f"{job} {task}" for job, task in tasks}
            indices = [i for i in self._cluster.others() if self._cluster.names[i] in names]
        return [self._cluster.describe(index) for index in indices]


def _hash(value: Any) -> int:
    """Returns an int64 that differs for different values."""
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    return int.from_bytes(digest[:7], "big")
