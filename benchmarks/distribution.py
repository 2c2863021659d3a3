"""What it costs to share one step among devices, or processes, against one device.

    python benchmarks/distribution.py --json=distribution.json

The global batch is the same for all, so that without overhead a step takes as long on two logical
devices, which share the cores, as on one; devices with cores of their own would halve it. Each
contender has a process, or several workers on loopback, and they take turns, round after round; a
contender's time is its median. IB-GAN normalises over the whole batch, on one device by a fused
operation; the VAE has no normalisation, and so shows what the gradients' sum alone costs. Needs a
quiet machine.
"""

import dataclasses
import json
import multiprocessing
import os
import pathlib
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from absl import flags

from ibgan_tf import atomic, command_line
from ibgan_tf.ports import free_ports
from ibgan_tf.runs import environment

FLAGS = flags.FLAGS
command_line.define_flag("json", str, "Where to write the numbers.")
command_line.define_flag("rounds", int, "Turns of each contender.", default=10)
command_line.define_flag("steps", int, "Steps in a turn.", default=5)
command_line.define_flag(
    "batch_size", int, "Images of a step, on all devices together.", default=64
)
command_line.define_flag("threads_per_operation", int, "Of each device; 0: all cores.", default=1)

MODELS = ("ibgan", "vae")
IMAGE_SHAPE = (64, 64, 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contender:
    """One way to take a step.

    Attributes:
        model: its name, with the settings of its class.
        devices: logical CPU devices of each process.
        workers: processes.
    """

    model: str
    devices: int = 1
    workers: int = 1

    @property
    def way(self) -> str:
        """How the step is shared, in words."""
        if self.workers > 1:
            return f"multi_worker, {self.workers} processes"
        return f"mirrored, {self.devices} devices" if self.devices > 1 else "one device"


def contenders() -> list[Contender]:
    """Returns every way of every model; the first of each model is one device alone."""
    ways = ({}, {"devices": 2}, {"devices": 4}, {"workers": 2})
    return [Contender(model=model, **way) for model in MODELS for way in ways]


class Processes:
    """The processes of a contender, which wait until they are told to take steps.

    Args:
        contender: what they do.
        batch_size: images of a step.
        threads_per_operation: of each device; 0: all cores.
    """

    def __init__(self, contender: Contender, *, batch_size: int, threads_per_operation: int):
        addresses = [f"127.0.0.1:{port}" for port in free_ports(contender.workers)]
        spawning = multiprocessing.get_context("spawn")
        self._pipes, self._processes = [], []
        for index in range(contender.workers):
            pipe, other_end = spawning.Pipe()
            task = {"type": "worker", "index": index}
            tf_config = json.dumps({"cluster": {"worker": addresses}, "task": task})
            arguments = (other_end, contender, batch_size, threads_per_operation, tf_config)
            process = spawning.Process(target=take_steps, args=arguments, daemon=True)
            process.start()
            other_end.close()  # so that the end of the process is noticed here
            self._pipes.append(pipe)
            self._processes.append(process)
        self.first_steps_seconds = self._slowest()

    def seconds(self, steps: int) -> float:
        """Returns how long some steps took.

        Args:
            steps: >= 1.
        """
        for pipe in self._pipes:
            pipe.send(steps)
        return self._slowest()

    def end(self) -> None:
        """Ends the processes."""
        for pipe in self._pipes:
            pipe.send(0)
        for process in self._processes:
            process.join()

    def _slowest(self) -> float:
        try:
            return max(pipe.recv() for pipe in self._pipes)
        except EOFError as error:
            raise OSError(
                "A contender's process must take each step. Received: it ended; its messages are "
                "above."
            ) from error


def take_steps(
    pipe: Any, contender: Contender, batch_size: int, threads_per_operation: int, tf_config: str
) -> None:
    """Takes as many steps as it is told, and tells their seconds; of a new process.

    Args:
        pipe: brings the number of steps, 0 for the end; takes the seconds, first those of the call
            that builds the graph.
        contender: what to do.
        batch_size: images of a step, over all replicas.
        threads_per_operation: of each device; 0: all cores.
        tf_config: of this worker, where there are several.
    """
    import tensorflow as tf

    from ibgan_tf.models import MODELS as MODEL_CLASSES
    from ibgan_tf.training.loop import compile_steps

    tf.config.threading.set_intra_op_parallelism_threads(threads_per_operation)
    strategy = _strategy(contender, tf_config)
    model_class = MODEL_CLASSES[contender.model]
    with strategy.scope():
        model = model_class(model_class.config_class(), IMAGE_SHAPE)
    # Speed doesn't depend on what the images show.
    share = [batch_size // strategy.num_replicas_in_sync, *IMAGE_SHAPE]
    images = np.random.default_rng(0).integers(2, size=share).astype(np.float32) * 2.0 - 1.0
    elements = strategy.distribute_datasets_from_function(
        lambda context: tf.data.Dataset.from_tensors({"images": images}).repeat()
    )
    iterator, run = iter(elements), compile_steps(model, strategy)
    steps = 3
    while steps:
        began = time.perf_counter()
        run(iterator, steps)
        pipe.send(time.perf_counter() - began)
        steps = pipe.recv()


def _strategy(contender: Contender, tf_config: str) -> Any:
    import tensorflow as tf

    if contender.workers > 1:
        os.environ["TF_CONFIG"] = tf_config
        return tf.distribute.MultiWorkerMirroredStrategy()
    if contender.devices == 1:
        return tf.distribute.get_strategy()
    (cpu,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * contender.devices
    tf.config.set_logical_device_configuration(cpu, parts)
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(contender.devices)])


def measure(
    ways: Sequence[Contender],
    *,
    rounds: int,
    steps: int,
    batch_size: int,
    threads_per_operation: int,
) -> list[dict[str, Any]]:
    """Returns a row for each contender.

    Args:
        ways: the contenders; the first of each model is one device.
        rounds: turns of each.
        steps: in a turn.
        batch_size: images of a step.
        threads_per_operation: of each device.
    """
    all_processes = [
        Processes(way, batch_size=batch_size, threads_per_operation=threads_per_operation)
        for way in ways
    ]
    times = [[] for _ in ways]
    for _ in range(rounds):
        for own, processes in zip(times, all_processes, strict=True):
            own.append(processes.seconds(steps) / steps)
    for processes in all_processes:
        processes.end()
    rows = [
        {
            **dataclasses.asdict(way),
            "way": way.way,
            "milliseconds": 1e3 * statistics.median(own),
            "fastest_milliseconds": 1e3 * min(own),
            "first_steps_seconds": processes.first_steps_seconds,
        }
        for way, own, processes in zip(ways, times, all_processes, strict=True)
    ]
    return compare(rows)


def compare(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Adds to each row how much longer its step takes than on one device.

    Args:
        rows: with "model", "devices", "workers" and "milliseconds".

    Returns:
        rows: with "over_one_device" too: 1.0 is as long.
    """
    alone = {
        row["model"]: row["milliseconds"] for row in rows if row["devices"] * row["workers"] == 1
    }
    return [dict(row, over_one_device=row["milliseconds"] / alone[row["model"]]) for row in rows]


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the numbers as Markdown."""
    lines = [
        "| model | shared by | ms/step | steps/s | x one device | first 3 steps, s |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['model']} | {row['way']} | {row['milliseconds']:.1f} "
        f"| {1e3 / row['milliseconds']:.2f} | {row['over_one_device']:.2f} "
        f"| {row['first_steps_seconds']:.1f} |"
        for row in rows
    ]
    return "\n".join(lines)


def main(argv: Sequence[str]) -> None:
    """Measures, prints the table and writes the numbers."""
    settings = {
        name: getattr(FLAGS, name)
        for name in ("rounds", "steps", "batch_size", "threads_per_operation")
    }
    most = max(way.devices * way.workers for way in contenders())
    if settings["batch_size"] % most:
        raise ValueError(
            f"batch_size must be divisible by {most}, the most devices that share it. "
            f"Received: batch_size={settings['batch_size']}."
        )
    rows = measure(contenders(), **settings)
    print(table(rows))
    if FLAGS.json:
        found = {
            **settings,
            "rows": rows,
            "environment": environment.describe(step=0, command=argv),
        }
        atomic.write_json(pathlib.Path(FLAGS.json), found)


if __name__ == "__main__":
    command_line.run_main(main)
