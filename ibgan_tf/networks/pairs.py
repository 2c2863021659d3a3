"""Networks that judge an image and a code together: MINE's statistics T(x, c), ALI's D(x, c)."""

import tensorflow as tf

from ibgan_tf.networks import dcgan, layers


def pair_network(
    image_shape: tuple[int, int, int],
    code_dim: int,
    *,
    width: int,
    num_features: int = 64,
    hidden_width: int = 256,
    dtype: str = "float32",
    name: str = "pair",
) -> tuple[tf.keras.Model, tf.keras.Model]:
    """Returns the network in two parts, so that an image is read once for all codes it is with.

    The first part is the reconstructor's network, the second has two hidden layers.

    Args:
        image_shape: (height, width, channels).
        code_dim: width of the code.
        width: channels of the first map (ndf).
        num_features: that are read off an image.
        hidden_width: of the layers that see features and code.
        dtype: Keras dtype policy; outputs are float32.
        name: of both, with an ending.

    Returns:
        features: float32 [batch, height, width, channels] in [-1, 1] -> float32
            [batch, num_features].
        pairs: float32 [batch, num_features + code_dim] -> float32 [batch, 1].

    Raises:
        ValueError: the image size isn't 28, 32 or 64, or the channels aren't 1 or 3.
    """
    features = dcgan.reconstructor(
        image_shape, num_features, width=width, dtype=dtype, name=f"{name}_features"
    )
    stack = [tf.keras.Input([num_features + code_dim])]
    for _ in range(2):
        stack += [tf.keras.layers.Dense(hidden_width, dtype=dtype), layers.leaky_relu(dtype)]
    stack.append(tf.keras.layers.Dense(1, dtype="float32"))
    return features, tf.keras.Sequential(stack, name=f"{name}_pairs")
