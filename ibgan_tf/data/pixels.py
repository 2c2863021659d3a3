"""Pixels as data sets give them, and as the models take them."""

import numpy as np
import tensorflow as tf


def from_pixels(pixels: np.ndarray | tf.Tensor) -> tf.Tensor:
    """Returns images as every model takes them.

    Args:
        pixels: of any shape, numbers in 0..255.

    Returns:
        images: float32 of the same shape, in [-1, 1].
    """
    return tf.cast(pixels, tf.float32) / 127.5 - 1.0
