"""Reconstruction losses of autoencoders: nats, one value per example."""

import tensorflow as tf


def bernoulli_negative_log_likelihood(logits: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Returns -log p(x|z) of each image with independent Bernoulli pixels, summed over them.

    -sum_i (x_i * log p_i + (1 - x_i) * log(1 - p_i)), p = sigmoid(logits): Kingma and Welling 2014,
    appendix C.1. For grey values it is no likelihood, but is least at p = x all the same.

    Args:
        logits: of each pixel and channel, float32 [batch, height, width, channels].
        images: the pixels, in [0, 1], float32 [batch, height, width, channels].

    Returns:
        loss: float32 [batch], >= 0.
    """
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
    return tf.reduce_sum(losses, axis=[1, 2, 3])
