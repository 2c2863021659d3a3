"""The convolutional autoencoder of Locatello et al. 2019, for images of 28, 32 and 64 pixels.

Locatello et al., "Challenging common assumptions in the unsupervised learning of disentangled
representations" (ICML 2019), give them for 64 pixels, after Higgins et al. 2017 (Table 1, row 3, as
disentanglement_lib's code says). Smaller images pass the first convolutions and the last
transposed ones alone: 32 pixels become a 4x4 map after three of the four, 28 a 7x7 map after two.
"""

import math
from collections.abc import Sequence

import tensorflow as tf

from ibgan_tf.networks import image_convolutions, image_shapes

Shape = tuple[int, int, int]

_CONVOLUTIONS = ((32, 4), (32, 4), (64, 2), (64, 2))  # filters and kernel size, each with stride 2
_TRANSPOSED_FILTERS = (64, 32, 32)  # and the image's channels, all 4x4 with stride 2
_NUM_STRIDED = {28: 2, 32: 3, 64: 4}


def encoder(
    image_shape: Shape,
    code_dim: int,
    *,
    categorical_sizes: Sequence[int] = (),
    dtype: str = "float32",
    name: str = "encoder",
) -> tf.keras.Model:
    """Returns the network from an image to the mean and log variance of a factorised Gaussian.

    Args:
        image_shape: (height, width, channels).
        code_dim: width of the code z.
        categorical_sizes: number of categories of each categorical code.
        dtype: Keras dtype policy of the hidden layers; the output is float32.
        name: of the network.

    Returns:
        network: float32 [batch, height, width, channels] -> float32
            [batch, 2 * code_dim + sum(categorical_sizes)]: means, log variances, and the logits of
            each categorical code.

    Raises:
        ValueError: the image size isn't 28, 32 or 64, or the channels aren't 1 or 3.
    """
    inputs = tf.keras.Input(image_shape)
    features = inputs
    for filters, kernel_size in _CONVOLUTIONS[: _num_strided(image_shape)]:
        features = tf.keras.layers.Conv2D(
            filters, kernel_size, strides=2, padding="same", activation="relu", dtype=dtype
        )(features)
    features = tf.keras.layers.Flatten(dtype=dtype)(features)
    features = tf.keras.layers.Dense(256, activation="relu", dtype=dtype)(features)
    # A layer each, not one as wide as all: Glorot's range depends on it.
    heads = {"mean": code_dim, "log_variance": code_dim}
    heads |= {f"logits_{number}": size for number, size in enumerate(categorical_sizes, start=1)}
    outputs = [
        tf.keras.layers.Dense(size, dtype="float32", name=head)(features)
        for head, size in heads.items()
    ]
    outputs = tf.keras.layers.Concatenate(dtype="float32")(outputs)
    return tf.keras.Model(inputs, outputs, name=name)


def decoder(
    code_dim: int, image_shape: Shape, *, dtype: str = "float32", name: str = "decoder"
) -> tf.keras.Model:
    """Returns the network from a code to the logits of an image's pixels.

    Args:
        code_dim: width of the code z.
        image_shape: (height, width, channels).
        dtype: Keras dtype policy of the hidden layers; the output is float32.
        name: of the network.

    Returns:
        network: float32 [batch, code_dim] -> float32 [batch, height, width, channels], logits.

    Raises:
        ValueError: the image size isn't 28, 32 or 64, or the channels aren't 1 or 3.
    """
    num_strided = _num_strided(image_shape)
    side = image_shape[0] // 2**num_strided
    first_map = (side, side, 64)
    stack = [tf.keras.Input([code_dim])]
    for units in (256, math.prod(first_map)):
        stack.append(tf.keras.layers.Dense(units, activation="relu", dtype=dtype))
    stack.append(tf.keras.layers.Reshape(first_map, dtype=dtype))
    settings = {"kernel_size": 4, "strides": 2, "padding": "same", "dtype": dtype}
    for filters in _TRANSPOSED_FILTERS[len(_TRANSPOSED_FILTERS) + 1 - num_strided :]:
        stack.append(tf.keras.layers.Conv2DTranspose(filters, activation="relu", **settings))
    stack += [
        image_convolutions.Conv2DTranspose(image_shape[-1], **settings),
        tf.keras.layers.Activation("linear", dtype="float32"),
    ]
    return tf.keras.Sequential(stack, name=name)


def _num_strided(image_shape: Shape) -> int:
    """Returns the number of strided convolutions for an image."""
    return _NUM_STRIDED[image_shapes.check(image_shape, sides=_NUM_STRIDED)]
