"""Stateless seeds: every random draw is a pure function of (seed, step, draw).

A run that is killed and resumed repeats exactly the numbers it would have drawn, whatever was lost
with the process: there is no generator state to save (Keras's SeedGenerator is saved by neither
`save_weights` nor `tf.train.Checkpoint`).
"""

import enum
import numbers

import tensorflow as tf


class Draw(enum.IntEnum):
    """The independent draws of one training step.

    The numbers are part of what a seed means: a new draw takes a new one, and none is used again.
    """

    DATA_ORDER = 0
    NOISE = 1
    CODE = 2
    INSTANCE_NOISE_REAL = 3
    INSTANCE_NOISE_GENERATED = 4
    REAL_LABELS = 5
    EVALUATION = 6
    PERMUTATION = 7
    CATEGORY = 8
    IMAGE_NOISE = 9
    INFERRED_CODE = 10
    INFERRED_CATEGORY = 11
    RECONSTRUCTED_CODE = 12
    RECONSTRUCTED_CATEGORY = 13


def stateless_seed(seed: int, step: tf.Tensor | int, draw: int) -> tf.Tensor:
    """Returns the seed of one draw in one step, for the `tf.random.stateless_*` functions.

    Args:
        seed: the run's seed, 0 <= seed < 2**31.
        step: the training step (or any other counter, such as the epoch), scalar integer.
        draw: which draw of the step, a `Draw`.

    Returns:
        int32 [2].
    """
    return tf.random.fold_in(tf.constant([seed, draw], tf.int32), tf.cast(step, tf.int32))


def check_seed(seed: int) -> None:
    """Refuses a seed that `stateless_seed` doesn't take.

    Args:
        seed: the seed.

    Raises:
        TypeError: it isn't a whole number.
        ValueError: it isn't in 0 <= seed < 2**31.
    """
    if not isinstance(seed, numbers.Integral) or isinstance(seed, bool):
        raise TypeError(f"seed must be a whole number. Received: seed={seed!r}")
    if not 0 <= seed < 2**31:
        raise ValueError(f"seed must lie in 0..{2**31 - 1}. Received: seed={seed}")
