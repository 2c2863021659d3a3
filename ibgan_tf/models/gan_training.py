"""What GAN and InfoGAN share, and of it what IB-GAN does too: instance noise and D's loss."""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from ibgan_tf import optimizers
from ibgan_tf.losses import adversarial
from ibgan_tf.models import base, replicas, schedules
from ibgan_tf.models.gan_settings import GANConfig
from ibgan_tf.models.ibgan_settings import IBGANConfig
from ibgan_tf.networks import dcgan, spectral
from ibgan_tf.seeds import Draw

_EPSILONS = {"rmsprop": 1e-16, "adam": 1e-8}  # PyTorch's 1e-8, which RMSprop has inside its root


def image_networks(
    config: GANConfig,
    image_shape: tuple[int, int, int],
    outputs: dict[str, int],
    *,
    dtype: str,
) -> tuple[tf.keras.Model | None, dict[str, tf.keras.Model]]:
    """Returns the networks that read images, IB-GAN's or, by the settings, with spectral norm.

    Args:
        config: the settings.
        image_shape: (height, width, channels).
        outputs: number of outputs of the networks to build, of "discriminator" and "reconstructor".
        dtype: Keras dtype policy.

    Returns:
        front: what they share, or None.
        networks: by name, on the front's map or on images.

    Raises:
        ValueError: the image size isn't 28, 32 or 64, or the channels aren't 1 or 3.
    """
    front, networks = dcgan.readers(
        image_shape, outputs, trunk=config.trunk, width=config.discriminator_width, dtype=dtype
    )
    if not config.spectral_norm:
        return front, networks
    normalized = {name: spectral.spectrally_normalized(n) for name, n in networks.items()}
    return front and spectral.spectrally_normalized(front), normalized


def chain(front: tf.keras.Model | None, network: tf.keras.Model) -> list[tf.keras.Model]:
    """Returns the networks that images pass: the shared front, if there is one, and another."""
    return [network] if front is None else [front, network]


def features(front: tf.keras.Model | None, images: tf.Tensor, *, training: bool) -> tf.Tensor:
    """Returns what the networks behind a front read: its map of images, or these without one."""
    return images if front is None else front(images, training=training)


def optimizer(
    config: GANConfig, learning_rate: float, variables: Sequence[tf.keras.Variable]
) -> tf.keras.optimizers.Optimizer:
    """Returns a built optimizer of the kind that the settings ask for."""
    if config.epsilon is None:
        config = dataclasses.replace(config, epsilon=_EPSILONS[config.optimizer])
    if config.optimizer == "adam":
        return optimizers.built_adam(config, learning_rate, variables)
    made = optimizers.FusedRMSprop(
        learning_rate, rho=config.rho, momentum=config.momentum, epsilon=config.epsilon
    )
    made.build(variables)
    return made


def instance_noise_scale(config: GANConfig | IBGANConfig, step: tf.Tensor) -> tf.Tensor:
    """Returns the standard deviation of the instance noise at a step."""
    return schedules.linear(
        step,
        start=config.instance_noise_start,
        end=config.instance_noise_end,
        steps=config.instance_noise_steps,
    )


def add_instance_noise(
    model: base.GenerativeModel, images: tf.Tensor, draw: Draw, *, number: int = 0
) -> tf.Tensor:
    """Returns images with the step's instance noise, clipped to [-1, 1].

    Args:
        model: whose step and draws they are.
        images: float32 [batch, height, width, channels] in [-1, 1].
        draw: which of the step's draws.
        number: which of several such draws in one step.
    """
    config = model.config
    if config.instance_noise_start == config.instance_noise_end == 0:
        return images
    noise = model.draw_normal(replicas.shape_of(images), draw, number=number)
    scale = instance_noise_scale(config, model.step.value)
    return tf.clip_by_value(images + scale * noise, -1.0, 1.0)


def discriminator_loss(
    model: base.GenerativeModel, real_logits: tf.Tensor, generated_logits: tf.Tensor
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Returns -log D(x) - log(1 - D(G(z))), IB-GAN eq. (1) negated, with smoothed real labels.

    Args:
        model: whose settings and draws they are.
        real_logits: float32 [replica_batch].
        generated_logits: float32 [replica_batch].

    Returns:
        loss: float32 [replica_batch], nats.
        scalars: means over this replica, for the log.
    """
    low, high = model.config.real_label_low, model.config.real_label_high
    real_labels = low
    if low != high:
        shape = replicas.shape_of(real_logits)
        real_labels += (high - low) * model.draw_uniform(shape, Draw.REAL_LABELS)
    loss = adversarial.discriminator_loss(real_logits, generated_logits, real_labels=real_labels)
    return loss, {
        "discriminator_loss": tf.reduce_mean(loss),
        "probability_real": tf.reduce_mean(tf.sigmoid(real_logits)),
    }
