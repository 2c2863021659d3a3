"""Estimates of the total correlation KL(q(z) || prod_d q(z_d)) of codes, in nats."""

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


def minibatch_total_correlation(posterior: tfd.Distribution, z: tf.Tensor) -> tf.Tensor:
    """Returns log q(z_i) - sum_d log q(z_id) of each example, by minibatch-weighted sampling.

    beta-TCVAE (Chen et al. 2018) eq. (3): with examples n_1 ... n_M of N in a batch,

        log q(z_i) ~ log(sum_j q(z_i|n_j) / (N * M))

    and the same for each z_id; the mean over i estimates the total correlation, eq. (2). Here N is
    1, so that the batch stands for the data: the N of the paper adds (D - 1) * log(N) nats for a
    code of D dimensions, and no gradient. disentanglement_lib, which leaves out M too, adds
    (1 - D) * log(M) to what is returned here. Each sample is among those that its density is
    estimated from, so that with narrow posteriors in many dimensions the estimate is far too high:
    it is a penalty more than a measurement.

    Args:
        posterior: q(z|n), batch shape [batch, code_dim], one factor per dimension.
        z: a sample of it, or some of its rows, float32 [count, code_dim].

    Returns:
        estimate: float32 [count].
    """
    # Entry [i, j, d] is log q(z_id|n_j).
    log_densities = posterior.log_prob(z[:, tf.newaxis])  # [count, batch, code_dim]
    log_count = tf.math.log(tf.cast(tf.shape(log_densities)[1], tf.float32))
    joint = tf.reduce_logsumexp(tf.reduce_sum(log_densities, axis=2), axis=1) - log_count
    marginals = tf.reduce_logsumexp(log_densities, axis=1) - log_count  # [count, code_dim]
    return joint - tf.reduce_sum(marginals, axis=1)


def density_ratio_total_correlation(joint_logits: tf.Tensor) -> tf.Tensor:
    """Returns log(D(z) / (1 - D(z))) of each example, FactorVAE (Kim and Mnih 2018) eq. (3).

    D(z) is the probability that z is from q(z) and not from the product of its marginals. For the
    best D the mean over q(z) is the total correlation.

    Args:
        joint_logits: the discriminator's logits of (q(z), product of marginals) at z ~ q(z),
            float32 [batch, 2].

    Returns:
        estimate: float32 [batch].
    """
    return joint_logits[:, 0] - joint_logits[:, 1]


def latent_discriminator_loss(joint_logits: tf.Tensor, permuted_logits: tf.Tensor) -> tf.Tensor:
    """Returns the cross-entropy of FactorVAE's discriminator, Kim and Mnih 2018, algorithm 2.

    -(log D(z) + log(1 - D(z'))) / 2, z ~ q(z) and z' from the product of its marginals.

    Args:
        joint_logits: of (q(z), product of marginals) at z, float32 [batch, 2].
        permuted_logits: the same at z', float32 [batch, 2].

    Returns:
        loss: float32 [batch], >= 0; log(2) where D can't tell.
    """
    joint = tf.nn.log_softmax(joint_logits)[:, 0]
    permuted = tf.nn.log_softmax(permuted_logits)[:, 1]
    return -0.5 * (joint + permuted)


def permute_dimensions(z: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Returns the codes with each dimension shuffled over the batch, by itself.

    Samples of q(z) become samples of the product of its marginals, nearly: Kim and Mnih 2018,
    algorithm 1.

    Args:
        z: codes, float32 [batch, code_dim].
        draws: independent uniform numbers; their order is the permutation, [batch, code_dim].

    Returns:
        permuted: float32 [batch, code_dim].
    """
    order = tf.argsort(draws, axis=0)  # [batch, code_dim]
    return tf.transpose(tf.gather(tf.transpose(z), tf.transpose(order), batch_dims=1))
