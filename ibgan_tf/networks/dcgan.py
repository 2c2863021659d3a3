"""DCGAN networks of the official IB-GAN code, for images of 28, 32 and 64 pixels.

A 64-pixel image passes three stride-2 convolutions of `width`, 2 and 4 times `width` channels and
becomes an 8x8 map; 32 and 28 pixels pass the last two of them and become 8x8 and 7x7. `dtype` is a
Keras dtype policy, "float32" or "mixed_bfloat16"; images, logits and codes are float32 with both.

As in the official code, convolutions that a batch normalisation follows have no bias, but the
generator's fully connected layers and the reconstructor's 1x1 convolution have one all the same.
On a 1x1 map a 1x1 convolution is a fully connected layer, and is written as one.
"""

from collections.abc import Mapping

import tensorflow as tf

from ibgan_tf.networks import image_convolutions, image_shapes, layers

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
        width: channels of the widest-resolution hidden map (ngf); twice as many for 28 and 32
            pixels.
        dtype: Keras dtype policy.
        name: of the network.

    Returns:
        network: float32 [batch, code_dim] -> float32 [batch, height, width, channels] in [-1, 1].

    Raises:
        ValueError: the image size isn't 28, 32 or 64, or the channels aren't 1 or 3.
    """
    multipliers, base = _resolution(image_shape)
    settings = {"padding": "same", "use_bias": False, "dtype": dtype}
    stack = [tf.keras.Input([code_dim])]
    for units in (16 * width, base * base * 4 * width):
        stack += [tf.keras.layers.Dense(units, dtype=dtype), *_normalised_relu(dtype)]
    stack.append(tf.keras.layers.Reshape([base, base, 4 * width], dtype=dtype))
    for _ in range(2):
        convolution = tf.keras.layers.Conv2DTranspose(4 * width, 3, **settings)
        stack += [convolution, *_normalised_relu(dtype)]
    for multiplier in multipliers[-2::-1]:
        convolution = tf.keras.layers.Conv2DTranspose(multiplier * width, 4, strides=2, **settings)
        stack += [convolution, *_normalised_relu(dtype)]
    settings["use_bias"] = True
    stack += [
        image_convolutions.Conv2DTranspose(image_shape[-1], 4, strides=2, **settings),
        tf.keras.layers.Activation("tanh", dtype="float32"),
    ]
    return tf.keras.Sequential(stack, name=name)


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
        network: float32 [batch, height, width, channels] in [-1, 1] -> float32 [batch, 1], the
            logit of D(x).

    Raises:
        ValueError: the image size isn't 28, 32 or 64, or the channels aren't 1 or 3.
    """
    trunk = _separate_trunk(image_shape, width, dtype)
    return tf.keras.Sequential([*trunk, tf.keras.layers.Dense(1, dtype="float32")], name=name)


def reconstructor(
    image_shape: Shape,
    output_dim: int,
    *,
    width: int,
    dtype: str = "float32",
    name: str = "reconstructor",
) -> tf.keras.Model:
    """Returns the reconstructor of model.py: a trunk of its own and a hidden layer more.

    Args:
        image_shape: (height, width, channels).
        output_dim: width of z.
        width: channels of the first map (ndf).
        dtype: Keras dtype policy.
        name: of the network.

    Returns:
        network: float32 [batch, height, width, channels] in [-1, 1] -> float32
            [batch, output_dim], the mean of q(z|x).

    Raises:
        ValueError: the image size isn't 28, 32 or 64, or the channels aren't 1 or 3.
    """
    stack = [
        *_separate_trunk(image_shape, width, dtype),
        tf.keras.layers.Dense(16 * width, dtype=dtype),
        *_normalised_leaky_relu(dtype),
        tf.keras.layers.Dense(output_dim, dtype="float32"),
    ]
    return tf.keras.Sequential(stack, name=name)


def shared_front(
    image_shape: Shape,
    *,
    width: int,
    dtype: str = "float32",
    name: str = "front",
) -> tf.keras.Model:
    """Returns the strided convolutions, which discriminator and reconstructor share in model2.py.

    Args:
        image_shape: (height, width, channels).
        width: channels of the first map (ndf).
        dtype: Keras dtype policy.
        name: of the network.

    Returns:
        network: float32 [batch, height, width, channels] in [-1, 1] ->
            [batch, base, base, 4 * width] in the policy's compute type, base 7 or 8.

    Raises:
        ValueError: the image size isn't 28, 32 or 64, or the channels aren't 1 or 3.
    """
    return tf.keras.Sequential(_strided_convolutions(image_shape, width, dtype), name=name)


def head(
    feature_shape: Shape,
    output_dim: int,
    *,
    width: int,
    dtype: str = "float32",
    name: str = "head",
) -> tf.keras.Model:
    """Returns a head of model2.py, on the shared front's map.

    Two 3x3 convolutions, one that covers the whole map, and a linear output.

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
    stack = [tf.keras.Input(feature_shape)]
    for _ in range(2):
        convolution = tf.keras.layers.Conv2D(4 * width, 3, padding="same", **settings)
        stack += [convolution, *_normalised_leaky_relu(dtype)]
    stack += [
        layers.WholeImageConvolution(16 * width, **settings),
        *_normalised_leaky_relu(dtype),
        tf.keras.layers.Dense(output_dim, dtype="float32"),
    ]
    return tf.keras.Sequential(stack, name=name)


def readers(
    image_shape: Shape,
    outputs: Mapping[str, int],
    *,
    trunk: str,
    width: int,
    dtype: str = "float32",
) -> tuple[tf.keras.Model | None, dict[str, tf.keras.Model]]:
    """Returns the networks that read images, with separate trunks or a shared one.

    Args:
        image_shape: (height, width, channels).
        outputs: "discriminator" -> 1 and, where there is one, "reconstructor" -> its outputs.
        trunk: "separate", as in model.py, or "shared", as in model2.py.
        width: channels of the first map (ndf).
        dtype: Keras dtype policy.

    Returns:
        front: what they share; None for separate trunks.
        networks: by name, on the front's map or on images.

    Raises:
        ValueError: the image size isn't 28, 32 or 64, or the channels aren't 1 or 3.
    """
    settings = {"width": width, "dtype": dtype}
    if trunk == "shared":
        front = shared_front(image_shape, **settings)
        features = front.output_shape[1:]
        return front, {
            name: head(features, size, name=name, **settings) for name, size in outputs.items()
        }
    networks = {"discriminator": discriminator(image_shape, **settings)}
    if "reconstructor" in outputs:
        networks["reconstructor"] = reconstructor(image_shape, outputs["reconstructor"], **settings)
    return None, networks


def _separate_trunk(image_shape: Shape, width: int, dtype: str) -> list:
    """Returns the trunk of model.py: strided convolutions, a 3x3 one, one over the whole map."""
    settings = {"use_bias": False, "dtype": dtype}
    return [
        *_strided_convolutions(image_shape, width, dtype),
        tf.keras.layers.Conv2D(8 * width, 3, padding="same", **settings),
        *_normalised_leaky_relu(dtype),
        layers.WholeImageConvolution(16 * width, **settings),
        *_normalised_leaky_relu(dtype),
    ]


def _strided_convolutions(image_shape: Shape, width: int, dtype: str) -> list:
    """Returns the input and the strided convolutions, of which the first isn't normalised."""
    settings = {"strides": 2, "padding": "same", "dtype": dtype}
    multipliers, _ = _resolution(image_shape)
    first, *others = (multiplier * width for multiplier in multipliers)
    stack = [
        tf.keras.Input(image_shape),
        image_convolutions.Conv2D(first, 4, **settings),
        layers.leaky_relu(dtype),
    ]
    for filters in others:
        convolution = tf.keras.layers.Conv2D(filters, 4, use_bias=False, **settings)
        stack += [convolution, *_normalised_leaky_relu(dtype)]
    return stack


def _normalised_relu(dtype: str) -> list[tf.keras.layers.Layer]:
    return [layers.BatchNormalization(dtype=dtype), tf.keras.layers.ReLU(dtype=dtype)]


def _normalised_leaky_relu(dtype: str) -> list[tf.keras.layers.Layer]:
    return [layers.BatchNormalization(dtype=dtype), layers.leaky_relu(dtype)]


def _resolution(image_shape: Shape) -> tuple[tuple[int, ...], int]:
    """Returns the strided convolutions' channel multipliers and the side of the map after them."""
    side = image_shapes.check(image_shape, sides=_STRIDED_MULTIPLIERS)
    multipliers = _STRIDED_MULTIPLIERS[side]
    return multipliers, side // 2 ** len(multipliers)
