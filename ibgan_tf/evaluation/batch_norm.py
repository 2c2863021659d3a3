"""Which BatchNorm statistics the encoding uses: the training's, or real images' alone."""

import contextlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from ibgan_tf import registry
from ibgan_tf.data.base import ImageDataset, read_images
from ibgan_tf.data.pixels import from_pixels

STATISTICS = ("training", "real_images")


@contextlib.contextmanager
def statistics_of(
    model: tf.keras.Model,
    statistics: str,
    dataset: ImageDataset,
    *,
    num_batches: int = 100,
    seed: int = 0,
) -> Iterator[None]:
    """Has the encoding networks use other moving statistics within the block.

    In training a GAN's reconstructor sees generated images, real ones too where its settings say
    so, and instance noise on both; what it encodes afterwards are real images without noise. With
    "real_images" the mean over `num_batches` batches of 64 of these takes the place of the moving
    average.

    Args:
        model: for "real_images" with `encoding_networks` and `update_encoding_statistics(images)`;
            as it was after the block.
        statistics: one of `STATISTICS`.
        dataset: of the images.
        num_batches: to average over.
        seed: which images.

    Raises:
        ValueError: other statistics, or "real_images", and the model's encoding has none to
            estimate.
    """
    registry.lookup(dict.fromkeys(STATISTICS), statistics, kind="statistics")
    if statistics == "training":
        yield
        return
    networks = model.encoding_networks() if hasattr(model, "encoding_networks") else []
    layers = [layer for network in networks for layer in _batch_norms(network)]
    if not layers:
        raise ValueError(
            "statistics must be 'training' for a model that encodes without BatchNorm. "
            f"Received: statistics={statistics!r}, model={type(model).__name__}."
        )
    momenta = [layer.momentum for layer in layers]
    # Spectral norm has some too: its power iteration goes on with every image.
    weights = [weight for network in networks for weight in network.non_trainable_weights]
    values = [weight.numpy() for weight in weights]
    try:
        _estimate(model, layers, dataset, num_batches=num_batches, seed=seed)
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for weight, value in zip(weights, values, strict=True):
            weight.assign(value)


def _estimate(model, layers, dataset: ImageDataset, *, num_batches: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for batch in range(num_batches):
        for layer in layers:
            layer.momentum = batch / (batch + 1)  # a running mean of all batches
        images = read_images(dataset, rng.integers(dataset.size, size=64))
        model.update_encoding_statistics(from_pixels(images))


def _batch_norms(
    network: tf.keras.Model,
) -> Iterator[tf.keras.layers.BatchNormalization]:
    """Yields the BatchNorm layers of a network and of the networks in it."""
    for layer in network.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            yield layer
        elif isinstance(layer, tf.keras.Model):
            yield from _batch_norms(layer)
