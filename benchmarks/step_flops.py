"""Floating-point operations of one IB-GAN step: those of its matrix products and convolutions."""

import math

import tensorflow as tf

_PRODUCTS = (tf.keras.layers.Conv2D, tf.keras.layers.Conv2DTranspose, tf.keras.layers.Dense)


def forward_flops(network: tf.keras.Model) -> tuple[int, int]:
    """Returns the operations of one example's forward pass, and those of its first layer.

    A multiplication and an addition are two operations; normalisations and activations aren't
    counted, nor are the optimizer's.

    Args:
        network: built Sequential.
    """
    flops = []
    for layer in network.layers:
        if isinstance(layer, _PRODUCTS):
            transposed = isinstance(layer, tf.keras.layers.Conv2DTranspose)
            shape = layer.input.shape if transposed else layer.output.shape
            positions = math.prod(shape[1:-1])
            flops.append(2 * positions * math.prod(layer.kernel.shape))
    return sum(flops), flops[0] if flops else 0


def step_flops(model: tf.keras.Model, batch_size: int) -> int:
    """Returns the operations of one training step.

    A network's backward pass costs its forward pass for the weights' gradients and once more for
    the inputs'. Whoever reads images that nobody differentiates saves its first layer's.

    Args:
        model: an IB-GAN.
        batch_size: images of a step.
    """
    config = model.config
    encoder, generator = (forward_flops(net)[0] for net in (model.encoder, model.generator))
    reconstructor = forward_flops(model.reconstructor)[0]
    discriminator, first = forward_flops(model.discriminator)
    front = 0
    if model.front is not None:
        front, first = forward_flops(model.front)

    total = 3 * (encoder + generator)
    total += 3 * reconstructor  # of generated images
    total += 3 * (front + discriminator) - first  # discriminator's loss on real images
    total += reconstructor * config.reconstruct_real_images
    if config.update_order == "simultaneous":
        # One forward pass; backward for the discriminator's weights, and for the images.
        total += 3 * (front + discriminator) - first + (front + discriminator)
    else:
        # The discriminator's update, and the updated discriminator forward and back to the images.
        total += 3 * (front + discriminator) - first + 2 * (front + discriminator)
    return total * batch_size
