"""Multilayer perceptrons: the encoder e(r|z) of IB-GAN, the latent discriminator of FactorVAE.

Stacked CorEx has nothing else.
"""

from collections.abc import Sequence

import tensorflow as tf

from ibgan_tf.networks import layers


def gaussian_encoder(
    input_dim: int,
    code_dim: int,
    *,
    hidden: Sequence[int] = (32, 32),
    batch_norm: bool = False,
    dtype: str = "float32",
    name: str = "encoder",
) -> tf.keras.Model:
    """Returns a network from a vector to the mean and log variance of a factorised Gaussian.

    The official code has two hidden layers of 32 for dSprites (model.py) and of 64, 64 and 32 with
    batch normalisation for CelebA and 3D Chairs (model2.py).

    Args:
        input_dim: width of the input z.
        code_dim: width of the code r.
        hidden: widths of the hidden layers.
        batch_norm: whether each hidden layer is normalised before its ReLU.
        dtype: Keras dtype policy of the hidden layers; the output is float32.
        name: of the network.

    Returns:
        network: float32 [batch, input_dim] -> float32 [batch, 2 * code_dim], means first.
    """
    return perceptron(
        input_dim, 2 * code_dim, hidden=hidden, batch_norm=batch_norm, dtype=dtype, name=name
    )


def perceptron(
    input_dim: int,
    output_dim: int,
    *,
    hidden: Sequence[int],
    batch_norm: bool = False,
    dtype: str = "float32",
    name: str = "perceptron",
) -> tf.keras.Model:
    """Returns a network of fully connected layers with ReLU, the last one without.

    Args:
        input_dim: width of the input.
        output_dim: width of the output.
        hidden: widths of the hidden layers.
        batch_norm: whether each hidden layer is normalised before its ReLU.
        dtype: Keras dtype policy of the hidden layers; the output is float32.
        name: of the network.

    Returns:
        network: float32 [batch, input_dim] -> float32 [batch, output_dim].
    """
    stack = [tf.keras.Input([input_dim])]
    for width in hidden:
        stack.append(tf.keras.layers.Dense(width, dtype=dtype))
        if batch_norm:
            stack.append(layers.BatchNormalization(dtype=dtype))
        stack.append(tf.keras.layers.ReLU(dtype=dtype))
    stack.append(tf.keras.layers.Dense(output_dim, dtype="float32"))
    return tf.keras.Sequential(stack, name=name)


def latent_discriminator(
    code_dim: int,
    *,
    num_layers: int = 6,
    width: int = 1000,
    dtype: str = "float32",
    name: str = "discriminator",
) -> tf.keras.Model:
    """Returns FactorVAE's discriminator of codes: q(z) or the product of its marginals?

    Args:
        code_dim: width of the code z.
        num_layers: hidden layers, each with a leaky ReLU of slope 0.2.
        width: of the hidden layers.
        dtype: Keras dtype policy of the hidden layers; the output is float32.
        name: of the network.

    Returns:
        network: float32 [batch, code_dim] -> float32 [batch, 2], the logits of q(z) and of the
            product of its marginals.
    """
    stack = [tf.keras.Input([code_dim])]
    for _ in range(num_layers):
        stack += [tf.keras.layers.Dense(width, dtype=dtype), layers.leaky_relu(dtype)]
    stack.append(tf.keras.layers.Dense(2, dtype="float32"))
    return tf.keras.Sequential(stack, name=name)
