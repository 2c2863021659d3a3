"""The parts of IB-GAN's step, each alone, for `step_worker.py`: where the milliseconds go.

A part alone overlaps with nothing, so that the parts' sum is more than the step wherever TensorFlow
runs two of them side by side.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ibgan_tf.seeds import Draw

REPEATS, WARM = 20, 3


def step_parts(model: Any, images: tf.Tensor) -> dict[str, Callable[[], object]]:
    """Returns the parts of an alternating step with separate trunks, as functions to be timed.

    Args:
        model: an IB-GAN of separate trunks.
        images: a batch.
    """
    batch_size = images.shape[0]
    z = tf.random.stateless_normal([batch_size, model.config.z_dim], [0, 0])
    r = tf.random.stateless_normal([batch_size, model.config.r_dim], [0, 1])

    def backward(networks: Sequence[tf.keras.Model], inputs: tf.Tensor, *, through: bool):
        """Returns the forward pass and the gradients of weights and, if `through`, of inputs."""

        def run():
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                watched = [v.value for network in networks for v in network.trainable_variables]
                tape.watch(watched + [inputs] * through)
                outputs = [network(inputs, training=True) for network in networks]
                loss = tf.add_n([tf.reduce_sum(output) for output in outputs])
            return tape.gradient(loss, watched + [inputs] * through)

        return run

    def judge():
        """The updated discriminator reads the generated batch: gradients of the images alone."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            loss = tf.reduce_sum(model.discriminator(images, training=True))
        return tape.gradient(loss, images)

    def draw():
        real, generated = Draw.INSTANCE_NOISE_REAL, Draw.INSTANCE_NOISE_GENERATED
        return [
            tf.clip_by_value(images + model.draw_normal(images.shape, one), -1.0, 1.0)
            for one in (real, generated)
        ]

    def update():
        for optimizer, variables in (
            (model.generator_optimizer, model.generator_variables),
            (model.discriminator_optimizer, model.discriminator_variables),
        ):
            optimizer.apply([tf.zeros(v.shape) for v in variables], variables)

    def read_twice():
        batches = (images, -images)  # of two equal ones, TensorFlow would compute one
        return [backward([model.discriminator], one, through=False)() for one in batches]

    return {
        "instance noise of both batches": draw,
        "encoder, forward and backward": backward([model.encoder], z, through=False),
        "generator, forward and backward": backward([model.generator], r, through=True),
        "discriminator's update: both batches, forward and backward": read_twice,
        "discriminator on generated images, back to the images": judge,
        "reconstructor on generated images, forward and backward": backward(
            [model.reconstructor], images, through=True
        ),
        "reconstructor on real images, forward": lambda: model.reconstructor(images, training=True),
        "both optimizers": update,
        "the whole step": lambda: model.train_step({"images": images}),
    }


def milliseconds(parts: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Returns the median time of each part; they take turns.

    Args:
        parts: functions that build their part of the graph.
    """
    compiled = {name: tf.function(part) for name, part in parts.items()}
    times = {name: [] for name in parts}
    for turn in range(WARM + REPEATS):
        for name, part in compiled.items():
            began = time.perf_counter()
            part()
            if turn >= WARM:
                times[name].append(time.perf_counter() - began)
    return {name: 1e3 * statistics.median(seconds) for name, seconds in times.items()}
