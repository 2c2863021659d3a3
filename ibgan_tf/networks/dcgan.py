"""DCGAN networks of the official IB-GAN code, for images of 28, 32 and 64 pixels.

A 64-pixel image passes three stride-2 convolutions of `width`, 2 and 4 times `width` channels and becomes an 8x8 map;
32 and 28 pixels pass the last two of them and become 8x8 and 7x7. `dtype` is a Keras dtype policy ("float32" or
"mixed_bfloat16"); outputs are float32. Kernels that precede a batch normalisation have no bias, as in the official
code (its two fully connected layers of the generator have one all the same).
"""

import tensorflow as tf

from ibgan_tf.networks import layers

Shape = tuple[int, int, int]
_STRIDED_MULTIPLIERS = {28: (2, 4), 32: (2, 4), 64: (1, 2, 4)}


def generator(
    code_dim: int,
    image_shape: Shape,
    *,
    width: int,
    dtype: str = "float32",
    name: str = "generator",
) -> tf.keras.Model:
    """Returns the generator from a code r to an image.

    Args:
        code_dim: width of the code.
        image_shape: (height, width, channels).
        width: channels of the widest-resolution hidden map (ngf).
        dtype: Keras dtype policy.
        name: of the network.

    Returns:
        network: float32 [batch, code_dim] -> float32 [batch, height, width, channels] in (-1, 1).

    Raises:
        ValueError: the image size isn't 28, 32 or 64.
    """
    multipliers, base = _resolution(image_shape)
    network = tf.keras.Sequential([tf.keras.Input([code_dim])], name=name)
    for units in (16 * width, base * base * 4 * width):
        network.add(tf.keras.layers.Dense(units, dtype=dtype))
        _normalise(network, tf.keras.layers.ReLU(dtype=dtype), dtype)
    network.add(tf.keras.layers.Reshape([base, base, 4 * width], dtype=dtype))
    for _ in range(2):
        network.add(
            tf.keras.layers.Conv2DTranspose(
                4 * width, 3, padding="same", use_bias=False, dtype=dtype
            )
        )
        _normalise(network, tf.keras.layers.ReLU(dtype=dtype), dtype)
    for multiplier in multipliers[-2::-1]:
        network.add(
            tf.keras.layers.Conv2DTranspose(
                multiplier * width, 4, strides=2, padding="same", use_bias=False, dtype=dtype
            )
        )
        _normalise(network, tf.keras.layers.ReLU(dtype=dtype), dtype)
    network.add(
        tf.keras.layers.Conv2DTranspose(image_shape[-1], 4, strides=2, padding="same", dtype=dtype)
    )
    network.add(tf.keras.layers.Activation("tanh", dtype="float32"))
    return network


def discriminator(
    image_shape: Shape,
    *,
    width: int,
    dtype: str = "float32",
    name: str = "discriminator",
) -> tf.keras.Model:
    """Returns the discriminator of model.py: a trunk of its own and one logit.

    Args:
        image_shape: (height, width, channels).
        width: channels of the first map (ndf).
        dtype: Keras dtype policy.
        name: of the network.

    Returns:
        network: float32 [batch, height, width, channels] in [-1, 1] -> float32 [batch, 1], the logit of D(x).

    Raises:
        ValueError: the image size isn't 28, 32 or 64.
    """
    network = _separate_trunk(image_shape, width, dtype, name)
    network.add(tf.keras.layers.Dense(1, dtype="float32"))
    return network


def reconstructor(
    image_shape: Shape,
    output_dim: int,
    *,
    width: int,
    dtype: str = "float32",
    name: str = "reconstructor",
) -> tf.keras.Model:
    """Returns the reconstructor of model.py: a trunk of its own, one more hidden layer and the mean of q(z|x).

    Args:
        image_shape: (height, width, channels).
        output_dim: width of z.
        width: channels of the first map (ndf).
        dtype: Keras dtype policy.
        name: of the network.

    Returns:
        network: float32 [batch, height, width, channels] in [-1, 1] -> float32 [batch, output_dim].

    Raises:
        ValueError: the image size isn't 28, 32 or 64.
    """
    network = _separate_trunk(image_shape, width, dtype, name)
    network.add(tf.keras.layers.Dense(16 * width, dtype=dtype))
    _normalise(network, layers.leaky_relu(dtype), dtype)
    network.add(tf.keras.layers.Dense(output_dim, dtype="float32"))
    return network


def shared_front(
    image_shape: Shape,
    *,
    width: int,
    dtype: str = "float32",
    name: str = "front",
) -> tf.keras.Model:
    """Returns the front of model2.py, which discriminator and reconstructor share: the strided convolutions.

    Args:
        image_shape: (height, width, channels).
        width: channels of the first map (ndf).
        dtype: Keras dtype policy.
        name: of the network.

    Returns:
        network: float32 [batch, height, width, channels] in [-1, 1] -> [batch, base, base, 4 * width].

    Raises:
        ValueError: the image size isn't 28, 32 or 64.
    """
    multipliers, _ = _resolution(image_shape)
    network = tf.keras.Sequential([tf.keras.Input(image_shape)], name=name)
    for index, multiplier in enumerate(multipliers):
        network.add(
            tf.keras.layers.Conv2D(
                multiplier * width,
                4,
                strides=2,
                padding="same",
                use_bias=index == 0,
                dtype=dtype,
            )
        )
        if index:
            network.add(layers.BatchNormalization(dtype=dtype))
        network.add(layers.leaky_relu(dtype))
    return network


def head(
    feature_shape: Shape,
    output_dim: int,
    *,
    width: int,
    dtype: str = "float32",
    name: str = "head",
) -> tf.keras.Model:
    """Returns a head of model2.py on the shared front: two 3x3 convolutions, a whole-map one, a linear output.

    Args:
        feature_shape: (height, width, channels) of the front's output.
        output_dim: 1 for the discriminator's logit, the width of z for the reconstructor.
        width: channels of the front's first map (ndf).
        dtype: Keras dtype policy.
        name: of the network.

    Returns:
        network: [batch, *feature_shape] -> float32 [batch, output_dim].
    """
    settings = {"use_bias": False, "dtype": dtype}
    network = tf.keras.Sequential([tf.keras.Input(feature_shape)], name=name)
    for _ in range(2):
        network.add(tf.keras.layers.Conv2D(4 * width, 3, padding="same", **settings))
        _normalise(network, layers.leaky_relu(dtype), dtype)
    network.add(layers.WholeImageConvolution(16 * width, **settings))
    _normalise(network, layers.leaky_relu(dtype), dtype)
    network.add(tf.keras.layers.Dense(output_dim, dtype="float32"))
    return network


def _separate_trunk(image_shape, width, dtype, name) -> tf.keras.Sequential:
    """Returns the trunk of model.py: the strided convolutions, a 3x3 one and one that covers the whole map."""
    network = shared_front(image_shape, width=width, dtype=dtype, name=name)
    settings = {"use_bias": False, "dtype": dtype}
    network.add(tf.keras.layers.Conv2D(8 * width, 3, padding="same", **settings))
    _normalise(network, layers.leaky_relu(dtype), dtype)
    network.add(layers.WholeImageConvolution(16 * width, **settings))
    _normalise(network, layers.leaky_relu(dtype), dtype)
    return network


def _normalise(network: tf.keras.Sequential, activation: tf.keras.layers.Layer, dtype: str) -> None:
    network.add(layers.BatchNormalization(dtype=dtype))
    network.add(activation)


def _resolution(image_shape: Shape) -> tuple[tuple[int, ...], int]:
    """Returns the channel multipliers of the strided convolutions and the size of the map behind them."""
    height, width, _ = image_shape
    if height != width or height not in _STRIDED_MULTIPLIERS:
        sizes = ", ".join(map(str, _STRIDED_MULTIPLIERS))
        raise ValueError(
            f"image_shape must be square with a side of one of {sizes} pixels. Received: image_shape={image_shape}"
        )
    multipliers = _STRIDED_MULTIPLIERS[height]
    return multipliers, height // 2 ** len(multipliers)
