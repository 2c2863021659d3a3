"""Which BatchNorm statistics the encoding uses: the training's, or real images' alone."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ibgan_tf.data.base import ImageDataset

STATISTICS = ("training", "real_images")


def reestimate(
    model: tf.keras.Model, dataset: ImageDataset, *, num_batches: int = 100, seed: int = 0
) -> None:
    """Replaces the moving statistics of the encoding networks by those of real images.

    In training a GAN's reconstructor sees generated images, real ones too where its settings say
    so, and instance noise on both; what it encodes afterwards are real images without noise. The
    mean over `num_batches` batches of 64 takes the place of the moving average.

    Args:
        model: with `represent`; changed in place.
        dataset: of the images.
        num_batches: to average over.
        seed: which images.
    """
    layers = [
        layer
        for network in _encoding_networks(model)
        for layer in network.layers
        if isinstance(layer, tf.keras.layers.BatchNormalization)
    ]
    momenta = [layer.momentum for layer in layers]
    rng = np.random.default_rng(seed)
    for batch in range(num_batches):
        for layer in layers:
            layer.momentum = batch / (batch + 1)  # a running mean of all batches
        images = dataset.images(rng.integers(dataset.size, size=64))
        model.update_encoding_statistics(tf.constant(images, tf.float32) / 127.5 - 1.0)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _encoding_networks(model: tf.keras.Model) -> Sequence[tf.keras.Model]:
    networks = model.networks()
    return [networks[name] for name in ("front", "reconstructor") if name in networks]
