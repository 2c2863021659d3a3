"""Devices and the tf.distribute strategy of a run."""

import tensorflow as tf

from ibgan_tf.runs.options import RunOptions


def configure_devices(options: RunOptions) -> tf.distribute.Strategy:
    """Sets threads and devices as asked, and returns the strategy over them.

    Call it once, before TensorFlow has computed anything. GPUs grow their memory as needed, so
    that a shared card isn't taken whole.

    Args:
        options: device, strategy, threads, threads_per_operation, deterministic and batch_size are
            used.

    Returns:
        strategy: MirroredStrategy over the GPUs (over the logical CPUs where there is no GPU), or
            the default strategy for one device.

    Raises:
        ValueError: a GPU is asked for and absent, there is one device to mirror on, or the batch
            can't be divided over the devices.
    """
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

    strategy = _strategy(options)
    replicas = strategy.num_replicas_in_sync
    if options.batch_size % replicas:
        raise ValueError(
            f"batch_size must be divisible by the number of replicas ({replicas}). "
            f"Received: batch_size={options.batch_size}"
        )
    return strategy


def _strategy(options: RunOptions) -> tf.distribute.Strategy:
    if options.strategy == "none":
        return tf.distribute.get_strategy()
    names = [device.name for device in tf.config.list_logical_devices("GPU")]
    if options.strategy == "mirrored":
        names = names or [device.name for device in tf.config.list_logical_devices("CPU")]
        if len(names) < 2:
            raise ValueError(
                "strategy=mirrored needs two devices or more. Received: strategy='mirrored' with "
                f"{len(names)} device. Use --strategy=auto"
            )
    if len(names) < 2:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy(names)
