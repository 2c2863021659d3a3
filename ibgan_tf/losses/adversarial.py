"""Adversarial losses of generators and discriminators, one value per example.

From logits, in nats; those of the Wasserstein distance from a critic's outputs, without a unit.
"""

import tensorflow as tf


def non_saturating_generator_loss(generated_logits: tf.Tensor) -> tf.Tensor:
    """Returns -log D(G(z)) of each example, the generator's non-saturating loss.

    IB-GAN eq. (1) has the generator minimise log(1 - D(G(z))); this form has the same fixed points
    and gradients that don't vanish early (Goodfellow et al. 2014, section 3). The official code
    uses it.

    Args:
        generated_logits: the discriminator's logits on generated images, float32 [batch].

    Returns:
        loss: float32 [batch], >= 0.
    """
    return tf.nn.softplus(-generated_logits)


def discriminator_loss(
    real_logits: tf.Tensor, generated_logits: tf.Tensor, *, real_labels: tf.Tensor | float = 1.0
) -> tf.Tensor:
    """Returns -log D(x) - log(1 - D(G(z))) of each pair, IB-GAN eq. (1) negated.

    With labels y of the real images it is the cross-entropy
    -y * log D(x) - (1 - y) * log(1 - D(x)) - log(1 - D(G(z))).

    Args:
        real_logits: logits on real images, float32 [batch].
        generated_logits: logits on generated images, float32 [batch].
        real_labels: the target y of real images, 1 or, for one-sided label smoothing, float32
            [batch] around 1 (Salimans et al. 2016, section 3.4; the official code draws
            U(0.7, 1.2) for CelebA and 3D Chairs).

    Returns:
        loss: float32 [batch], >= 0 unless a label is above 1.
    """
    # The logistic cross-entropy is linear in its label, so it holds for labels above 1 too.
    real_loss = tf.nn.softplus(-real_logits) + (1.0 - real_labels) * real_logits
    return real_loss + tf.nn.softplus(generated_logits)


def wasserstein_generator_loss(generated_outputs: tf.Tensor) -> tf.Tensor:
    """Returns -D(G(z)) of each example, the generator's loss of a Wasserstein GAN.

    Arjovsky et al. 2017, algorithm 1.

    Args:
        generated_outputs: the critic's outputs on generated images, float32 [batch].

    Returns:
        loss: float32 [batch].
    """
    return -generated_outputs


def wasserstein_critic_loss(real_outputs: tf.Tensor, generated_outputs: tf.Tensor) -> tf.Tensor:
    """Returns D(G(z)) - D(x) of each pair, the critic's loss of a Wasserstein GAN.

    For the best critic of slope 1 its mean is the negative Wasserstein distance (Arjovsky et al.
    2017, eq. 2).

    Args:
        real_outputs: the critic's outputs on real images, float32 [batch].
        generated_outputs: on generated images, float32 [batch].

    Returns:
        loss: float32 [batch].
    """
    return generated_outputs - real_outputs
