"""Initial weights, drawn from a seed, layer by layer."""

from collections.abc import Sequence

import tensorflow as tf

SCHEMES = ("normal", "orthogonal", "glorot_uniform")


def initialize(networks: Sequence[tf.keras.Model], *, scheme: str, seed: int) -> None:
    """Draws every kernel of the networks anew; biases stay 0 and normalisation scales 1.

    Kernels are drawn here and not by the layers' initializers: a Keras initializer with a seed
    draws the same numbers each time, so that kernels of equal shape, such as the discriminator's
    and the reconstructor's, would start equal.

    Args:
        networks: built networks.
        scheme: of SCHEMES: "normal", N(0, 0.02**2) (DCGAN; the official code for dSprites),
            "orthogonal" with gain 1 (the official code for CelebA and 3D Chairs), or
            "glorot_uniform" (TensorFlow's default, so Locatello et al.'s).
        seed: of the draws, 0 <= seed < 2**31; each kernel has its own stream.
    """
    kernels = [
        layer.kernel for network in networks for layer in network.layers if hasattr(layer, "kernel")
    ]
    for index, kernel in enumerate(kernels):
        kernel_seed = (seed * 1009 + index) % 2**31
        if scheme == "normal":
            initializer = tf.keras.initializers.RandomNormal(stddev=0.02, seed=kernel_seed)
        elif scheme == "orthogonal":
            initializer = tf.keras.initializers.Orthogonal(seed=kernel_seed)
        else:
            initializer = tf.keras.initializers.GlorotUniform(seed=kernel_seed)
        kernel.assign(initializer(kernel.shape))
