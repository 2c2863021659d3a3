"""Settings that change while a model is trained."""

import tensorflow as tf


def linear(
    step: tf.Tensor, *, start: float, end: float, steps: int, hold_steps: int = 0
) -> tf.Tensor:
    """Returns a value that stays, changes linearly, and then stays.

    Args:
        step: number of updates done, a scalar of any integer type.
        start: the value up to `hold_steps`.
        end: the value from `hold_steps + steps` on.
        steps: over how many it changes, > 0.
        hold_steps: before it begins to change.

    Returns:
        value: float32 scalar.
    """
    progress = (tf.cast(step, tf.float32) - hold_steps) / steps
    return start + (end - start) * tf.clip_by_value(progress, 0.0, 1.0)
