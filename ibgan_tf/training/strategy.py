"""Devices and the tf.distribute strategy of a run."""

import logging
import os
import sys
import threading
from collections.abc import Sequence

import tensorflow as tf

from ibgan_tf.runs.options import RunOptions
from ibgan_tf.training import cluster as clusters


def configure_devices(
    options: RunOptions, *, connect_timeout: float = 300.0
) -> tf.distribute.Strategy:
    """Sets threads and devices as asked, and returns the strategy over them.

    Call it once, before TensorFlow has computed anything. GPUs grow their memory as needed, so
    that a shared card isn't taken whole.

    Args:
        options: device, strategy, threads, threads_per_operation, deterministic, jit and batch_size
            are used.
        connect_timeout: seconds to wait for the other workers of strategy=multi_worker, which are
            in the environment variable TF_CONFIG.

    Returns:
        strategy: MirroredStrategy over the GPUs (over the logical CPUs where there is no GPU),
            MultiWorkerMirroredStrategy over the GPUs, or else the CPU, of all workers, or the
            default strategy for one device.

    Raises:
        ValueError: a GPU is asked for and absent, there is one device to mirror on, the batch
            can't be divided over the devices, TF_CONFIG doesn't say who the workers are, or
            connect_timeout isn't a time.
        ConnectionError: another worker can't be reached.
        OSError: this worker's port is taken.
    """
    if not 0.0 < connect_timeout < threading.TIMEOUT_MAX:
        raise ValueError(
            "connect_timeout must be > 0 seconds and finite. "
            f"Received: connect_timeout={connect_timeout}"
        )
    gpus = _configure(options)
    text = os.environ.get("TF_CONFIG")
    if options.strategy == "multi_worker":
        cluster = clusters.read_cluster(text)
        _check_sharing(options, len(cluster.names) * max(1, len(gpus)))
        strategy = _connected(cluster, seconds=connect_timeout)
        _quieten_remapper(gpus)
        return strategy
    if text:
        logging.getLogger(__name__).warning(
            "TF_CONFIG is set, but strategy=%s doesn't read it: this process trains alone. "
            "--strategy=multi_worker trains with all of its workers.",
            options.strategy,
        )
    names = _mirrored_devices(options)
    if not names:
        return tf.distribute.get_strategy()
    _check_sharing(options, len(names))
    _quieten_remapper(gpus)
    return tf.distribute.MirroredStrategy(names)


def _configure(options: RunOptions) -> Sequence[object]:
    """Sets threads and devices; returns the GPUs to use."""
    gpus = tf.config.list_physical_devices("GPU")
    if options.device == "gpu" and not gpus:
        raise ValueError(
            "device=gpu needs a GPU that TensorFlow sees. Received: device='gpu' on a machine with "
            "none. Use --device=cpu, or install with pip install '.[gpu]'"
        )
    if options.device == "cpu":
        tf.config.set_visible_devices([], "GPU")
        gpus = []
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if options.threads:
        tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    if options.threads or options.threads_per_operation:
        tf.config.threading.set_intra_op_parallelism_threads(
            options.threads_per_operation or options.threads
        )
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    return gpus


def _mirrored_devices(options: RunOptions) -> list[str]:
    """Returns the devices to mirror on; none where one device trains."""
    if options.strategy == "none":
        return []
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    if options.strategy == "auto":
        return gpus if len(gpus) > 1 else []
    # Logical CPUs are for tests: a machine has one unless a program asks for more.
    names = gpus or [device.name for device in tf.config.list_logical_devices("CPU")]
    if len(names) < 2:
        found = "1 GPU" if gpus else "no GPU and 1 CPU device"
        raise ValueError(
            "strategy=mirrored needs two GPUs or more. Received: strategy='mirrored' on a machine "
            f"with {found}. Use --strategy=auto, which takes what there is."
        )
    return names


def _check_sharing(options: RunOptions, replicas: int) -> None:
    """Checks that devices can share a step."""
    if options.jit:
        raise ValueError(
            "jit must be off where devices share a step: XLA doesn't compile the sum of their "
            f"gradients here. Received: jit=True with {replicas} replicas. Use --nojit, or "
            "--strategy=none."
        )
    if options.batch_size % replicas:
        raise ValueError(
            f"batch_size must be divisible by the number of replicas ({replicas}). "
            f"Received: batch_size={options.batch_size}. Use a multiple of {replicas}, or fewer "
            "devices."
        )


def _quieten_remapper(gpus: Sequence[object]) -> None:
    """Turns off an optimisation of graphs that fails on a step that several CPU devices share.

    TensorFlow 2.21 prints an error then, "remapper failed", and goes on without it.
    """
    if not gpus:
        tf.config.optimizer.set_experimental_options({"remapping": False})


def _connected(cluster: clusters.Cluster, *, seconds: float) -> tf.distribute.Strategy:
    """Returns the strategy over all workers, once each has been reached."""
    clusters.wait_for_workers(cluster, seconds=seconds)
    # All are there. TensorFlow waits without a limit for one that ends in this moment, in C++,
    # where no exception reaches it; nothing has been written yet that could be lost.
    watch = threading.Timer(seconds, _give_up, [cluster, seconds])
    watch.daemon = True
    watch.start()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    finally:
        watch.cancel()


def _give_up(cluster: clusters.Cluster, seconds: float) -> None:
    lost = [cluster.describe(index) for index in clusters.unreachable(cluster)]
    print(
        f"Every worker must connect within {seconds:g} s. Received: no answer from "
        f"{', '.join(lost) or 'some'} after all had been reached. Start every worker again.",
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)
