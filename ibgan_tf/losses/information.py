"""Variational bounds on the mutual information of a generator's input and output, in nats."""

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


def information_lower_bound(
    reconstruction: tfd.Distribution, prior: tfd.Distribution, z: tf.Tensor
) -> tf.Tensor:
    """Returns log q(z|x) - log p(z) of each example: its mean is I^L(z, G(z)), IB-GAN eq. (6).

    With p(z) = N(0, I) and a unit-variance q(z|x) = N(z_hat, I) it is
    sum_i (z_i**2 - (z_i - z_hat_i)**2) / 2, which on average can't exceed z_dim / 2 nats: see
    `fitted_information_lower_bound`.

    Args:
        reconstruction: q(z|x), batch shape [batch, z_dim], one factor per dimension.
        prior: p(z), batch shape [] or [z_dim], one factor per dimension.
        z: the noise that generated x, float32 [batch, z_dim].

    Returns:
        bound: float32 [batch], may be negative for single examples.
    """
    return tf.reduce_sum(reconstruction.log_prob(z) - prior.log_prob(z), axis=-1)


def fitted_information_lower_bound(z: tf.Tensor, z_mean: tf.Tensor) -> tf.Tensor:
    """Returns I^L of a batch for q(z|x) = N(z_hat, diag(s**2)) with the best variances s**2.

    The variance that maximises IB-GAN eq. (6) is the mean squared residual of each dimension, and
    with E[z_i**2] = 1 the bound becomes -sum_i log(s_i**2) / 2: unlike the unit-variance bound it
    has no ceiling. Returned is -sum_i log(s_i**2 / E[z_i**2]) / 2 with E[z_i**2] from the same
    batch, which cancels the bias of a fit to few examples: where z_hat = 0 it is exactly 0.

    Args:
        z: standard normal noise, float32 [batch, z_dim].
        z_mean: its reconstruction from the images, float32 [batch, z_dim].

    Returns:
        bound: float32 scalar, nats.
    """
    residual_variance = tf.reduce_mean(tf.square(z - z_mean), axis=0)  # [z_dim]
    noise_variance = tf.reduce_mean(tf.square(z), axis=0)  # [z_dim]
    return 0.5 * tf.reduce_sum(tf.math.log(noise_variance / residual_variance))


def dimensionwise_fitted_information(
    values: tf.Tensor, means: tf.Tensor, prior: tfd.Distribution
) -> tf.Tensor:
    """Returns the lower bound of each dimension's information for a q(c|x) of the best variance.

    InfoGAN (Chen et al. 2016) eq. (5), E[log q(c_d|x)] + H(c_d), for q(c_d|x) = N(mean_d, s_d**2)
    with one s_d for all images, the root of the mean squared residual:

        H(c_d) - log(2 * pi * e * s_d**2) / 2

    As in `fitted_information_lower_bound`, whose sum over normal dimensions this is, the prior's
    variance is taken from the same batch: with mean_d = E[c_d] the bound is exactly 0 for a normal
    prior, and -0.18 nats for a uniform one, which no Gaussian fits.

    Args:
        values: the codes, float32 [batch, size].
        means: of q(c|x), float32 [batch, size].
        prior: p(c), batch shape [size], one factor per dimension.

    Returns:
        bound: float32 [size], nats.
    """
    residual_variance = tf.reduce_mean(tf.square(values - means), axis=0)
    prior_variance = tf.reduce_mean(tf.square(values - prior.mean()), axis=0)
    gaussian_entropy = tfd.Normal(prior.mean(), prior.stddev()).entropy()
    gain = 0.5 * tf.math.log(prior_variance / residual_variance)
    return prior.entropy() - gaussian_entropy + gain


def log_mean_exp(statistics: tf.Tensor) -> tf.Tensor:
    """Returns log(E[exp(T)]) of a batch, the second part of Donsker and Varadhan's bound.

    With T of pairs that belong together and of shuffled ones, E[T(x, c)] - log(E[exp(T(x, c'))])
    bounds the information of x and c from below (Belghazi et al. 2018, theorem 1).

    Args:
        statistics: T of shuffled pairs, float32 [batch].

    Returns:
        log_mean: float32 scalar, nats.
    """
    count = tf.cast(tf.size(statistics), tf.float32)
    return tf.reduce_logsumexp(statistics) - tf.math.log(count)


def dimensionwise_kl(posterior: tfd.Distribution, prior: tfd.Distribution) -> tf.Tensor:
    """Returns KL(e(r_d|z) || m(r_d)) of each example and dimension, in nats.

    Its sum over dimensions is each example's KL(e(r|z) || m(r)); the mean of that over z ~ p(z) is
    the upper bound I^U(z, R(z)) of the generative mutual information, IB-GAN eq. (10).

    Args:
        posterior: e(r|z), batch shape [batch, r_dim], one factor per dimension.
        prior: m(r), batch shape [] or [r_dim], one factor per dimension.

    Returns:
        divergence: float32 [batch, r_dim], >= 0.

    Raises:
        NotImplementedError: TensorFlow Probability has no registered KL for the pair.
        ValueError: a distribution isn't factorised over the dimensions.
    """
    for name, distribution in (("posterior", posterior), ("prior", prior)):
        if distribution.event_shape.rank:
            raise ValueError(
                f"{name} must have one factor per dimension (event shape []), such as "
                f"tfd.Normal(loc, scale). Received: event_shape={distribution.event_shape}"
            )
    return tfd.kl_divergence(posterior, prior)
