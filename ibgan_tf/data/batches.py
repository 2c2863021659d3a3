"""Training batches whose order is a pure function of (seed, step)."""

import functools

import tensorflow as tf

from ibgan_tf import seeds
from ibgan_tf.data import base
from ibgan_tf.data.pixels import from_pixels

# The public tf.random.experimental.index_shuffle stops after 4 rounds of its cipher: over the
# 737,280 indices of dSprites, one epoch's order then correlates with the next one's by 0.70, and an
# index with its successor by 0.18. After 16 rounds both are within the noise of a true shuffle.
_ROUNDS = 16


def batch_indices(step: tf.Tensor | int, *, batch_size: int, size: int, seed: int) -> tf.Tensor:
    """Returns which images the batch of a step consists of.

    Position p = step * batch_size + i falls into epoch p // size; each epoch visits every image
    once, in an order of its own. A batch may end one epoch and begin the next.

    Args:
        step: int64 [], >= 0.
        batch_size: images of a step, over all replicas.
        size: images of the data set.
        seed: of the order.

    Returns:
        indices: int64 [batch_size], 0..size - 1.
    """
    position = tf.cast(step, tf.int64) * batch_size + tf.range(batch_size, dtype=tf.int64)
    epoch, place = position // size, position % size
    seed_of_order = tf.constant([[seeds.Draw.DATA_ORDER, seed]], tf.int64)
    key = tf.concat([tf.tile(seed_of_order, [batch_size, 1]), epoch[:, None]], axis=1)
    return tf.raw_ops.RandomIndexShuffle(
        index=place, seed=key, max_index=tf.constant(size - 1, tf.int64), rounds=_ROUNDS
    )


def batches(
    dataset: base.ImageDataset,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    num_replicas: int = 1,
    own_replicas: range | None = None,
) -> tf.data.Dataset:
    """Returns the endless batches of a training run from a step on.

    Args:
        dataset: where the images are from; one with a `noise_dim` > 0 takes that many new random
            numbers of each image, `images(indices, noise)`, a function of (seed, step) too.
        batch_size: images of a step, over all replicas.
        seed: of the order and the noise.
        start_step: the first step, >= 0.
        num_replicas: devices that share a step's batch.
        own_replicas: the ones that these elements are for; by default all of them.

    Returns:
        elements: {"images": float32 [batch_size // num_replicas, height, width, channels], in
            [-1, 1]}. With n own replicas, element j is for step start_step + j // n and replica
            own_replicas[j % n].

    Raises:
        TypeError: the set's images aren't uint8.
        ValueError: they have another shape than it says, the batch can't be divided evenly, or a
            number is too small.
    """
    _check(batch_size=batch_size, num_replicas=num_replicas, start_step=start_step)
    share = batch_size // num_replicas
    own = range(num_replicas) if own_replicas is None else own_replicas
    noise_dim = getattr(dataset, "noise_dim", 0)
    read = functools.partial(base.read_images, dataset)
    base.read_images(dataset, [0])  # told here in one line; what breaks later is in a traceback

    @tf.autograph.experimental.do_not_convert  # as there is nothing to convert
    def element(number: tf.Tensor) -> dict[str, tf.Tensor]:
        step = number // len(own)
        indices = batch_indices(step, batch_size=batch_size, size=dataset.size, seed=seed)
        start = (own.start + number % len(own)) * share
        inputs = [indices[start : start + share]]
        if noise_dim:
            noise_seed = seeds.stateless_seed(seed, step, seeds.Draw.IMAGE_NOISE)
            noise = tf.random.stateless_uniform([batch_size, noise_dim], noise_seed)
            inputs.append(noise[start : start + share])
        images = tf.numpy_function(read, inputs, tf.uint8, stateful=False)
        images = tf.ensure_shape(images, [share, *dataset.image_shape])
        return {"images": from_pixels(images)}

    numbers = tf.data.Dataset.range(start_step * len(own), tf.int64.max)
    return numbers.map(element).prefetch(2 * len(own)).with_options(_options())


def _check(*, batch_size: int, num_replicas: int, start_step: int) -> None:
    if num_replicas < 1:
        raise ValueError(f"num_replicas must be >= 1. Received: num_replicas={num_replicas}.")
    if batch_size < 1 or batch_size % num_replicas:
        raise ValueError(
            f"batch_size must be a positive multiple of the number of replicas, {num_replicas}. "
            f"Received: batch_size={batch_size}."
        )
    if start_step < 0:
        raise ValueError(f"start_step must be >= 0. Received: start_step={start_step}.")


def _options() -> tf.data.Options:
    """Returns options that leave the cores to the training step."""
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return options
