import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import special, stats

from ibgan_tf.losses import total_correlation
from ibgan_tf.networks import initialization, mlp

tfd = tfp.distributions


def normals(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def posterior_and_sample(correlation, *, count, scale):
    """Returns q(z|n) of `count` examples and samples; q(z) is N(0, I) with a correlation of z0, z1.

    The means have the variance 1 - scale**2, and the covariance `correlation`.
    """
    variance = 1 - scale**2
    covariance = [[variance, correlation], [correlation, variance]]
    means = normals(count, 2) @ np.linalg.cholesky(covariance).T.astype(np.float32)
    posterior = tfd.Normal(tf.constant(means), scale)
    return posterior, means + scale * normals(count, 2, seed=1)


# Minibatch-weighted sampling


def test_the_minibatch_estimate_is_that_of_two_examples_by_hand():
    means, scales = np.array([[0.0, 1.0], [2.0, -1.0]]), np.array([[1.0, 0.5], [2.0, 1.5]])
    z = np.array([[0.5, 0.5], [1.0, -2.0]])
    expected = []
    for i in range(2):
        densities = stats.norm.pdf(z[i], means, scales)  # [j, d]
        joint = densities.prod(axis=1).mean()
        marginals = densities.mean(axis=0)
        expected.append(np.log(joint) - np.log(marginals).sum())
    posterior = tfd.Normal(means.astype(np.float32), scales.astype(np.float32))
    found = total_correlation.minibatch_total_correlation(posterior, z.astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_minibatch_estimate_is_disentanglement_libs_but_for_a_constant():
    count, dim = 7, 3
    means, scales = normals(count, dim), np.exp(normals(count, dim, seed=1))
    z = normals(count, dim, seed=2)
    densities = stats.norm.logpdf(z[:, None], means, scales)  # [i, j, d]
    theirs = special.logsumexp(densities.sum(axis=2), axis=1) - special.logsumexp(
        densities, axis=1
    ).sum(axis=1)
    found = total_correlation.minibatch_total_correlation(tfd.Normal(means, scales), z)
    np.testing.assert_allclose(found - theirs, (dim - 1) * np.log(count), rtol=1e-4)


def test_some_rows_have_the_estimates_that_they_have_among_all():
    posterior, z = tfd.Normal(normals(7, 3), np.exp(normals(7, 3, seed=1))), normals(7, 3, seed=2)
    whole = total_correlation.minibatch_total_correlation(posterior, z)
    part = total_correlation.minibatch_total_correlation(posterior, z[2:4])
    np.testing.assert_allclose(part, whole[2:4], rtol=1e-5)


def test_the_minibatch_estimate_is_near_zero_for_independent_codes():
    posterior, z = posterior_and_sample(0.0, count=1500, scale=0.5)
    estimate = np.mean(total_correlation.minibatch_total_correlation(posterior, z))
    assert abs(estimate) < 0.03


@pytest.mark.parametrize("correlation", [0.4, 0.7])
def test_the_minibatch_estimate_is_near_that_of_a_correlated_gaussian(correlation):
    posterior, z = posterior_and_sample(correlation, count=1500, scale=0.5)
    estimate = np.mean(total_correlation.minibatch_total_correlation(posterior, z))
    true = -0.5 * np.log(1 - correlation**2)
    assert estimate == pytest.approx(true, abs=0.05)


def test_the_total_correlation_of_one_dimension_is_zero():
    posterior = tfd.Normal(normals(9, 1), 0.3)
    found = total_correlation.minibatch_total_correlation(posterior, normals(9, 1, seed=1))
    np.testing.assert_allclose(found, np.zeros(9), atol=1e-5)


# The discriminator of codes


def test_the_density_ratio_of_the_best_discriminator_is_the_total_correlation():
    correlation = 0.7
    covariance = [[1, correlation], [correlation, 1]]
    z = np.random.default_rng(0).multivariate_normal([0, 0], covariance, size=20_000)
    joint = stats.multivariate_normal.logpdf(z, [0, 0], covariance)
    marginals = stats.norm.logpdf(z).sum(axis=1)
    logits = np.stack([joint, marginals], axis=1).astype(np.float32)
    estimate = np.mean(total_correlation.density_ratio_total_correlation(logits))
    assert estimate == pytest.approx(-0.5 * np.log(1 - correlation**2), abs=0.02)


@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_a_trained_discriminator_finds_the_total_correlation(correlation):
    discriminator = mlp.latent_discriminator(2, num_layers=2, width=64)
    initialization.initialize([discriminator], scheme="glorot_uniform", seed=0)
    optimizer = tf.keras.optimizers.Adam(2e-3)
    optimizer.build(discriminator.trainable_variables)
    mixing = np.linalg.cholesky([[1, correlation], [correlation, 1]]).T.astype(np.float32)

    def codes(count, seed):
        return tf.matmul(tf.random.stateless_normal([count, 2], [seed, 0]), mixing)

    @tf.function
    def step(number):
        z = codes(512, number)
        draws = tf.random.stateless_uniform([512, 2], [number, 1])
        permuted = total_correlation.permute_dimensions(z, draws)
        with tf.GradientTape() as tape:
            losses = total_correlation.latent_discriminator_loss(
                discriminator(z), discriminator(permuted)
            )
            loss = tf.reduce_mean(losses)
        optimizer.apply(tape.gradient(loss, discriminator.trainable_variables))

    for number in range(400):
        step(tf.constant(number))
    logits = discriminator(codes(20_000, 1_000))
    estimate = np.mean(total_correlation.density_ratio_total_correlation(logits))
    assert estimate == pytest.approx(-0.5 * np.log(1 - correlation**2), abs=0.05)


def test_the_discriminators_loss_is_the_mean_of_two_cross_entropies():
    joint = np.array([[0.0, 0.0], [np.log(3.0), 0.0]], np.float32)  # D(z): 1/2, 3/4
    permuted = np.array([[0.0, 0.0], [0.0, np.log(4.0)]], np.float32)  # 1 - D(z'): 1/2, 4/5
    loss = total_correlation.latent_discriminator_loss(joint, permuted)
    expected = [np.log(2), -0.5 * (np.log(3 / 4) + np.log(4 / 5))]
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_each_dimension_is_shuffled_by_itself_and_keeps_its_values():
    z = normals(50, 3)
    draws = np.random.default_rng(1).uniform(size=(50, 3)).astype(np.float32)
    permuted = total_correlation.permute_dimensions(z, draws).numpy()
    for dimension in range(3):
        order = np.argsort(draws[:, dimension])
        np.testing.assert_array_equal(permuted[:, dimension], z[order, dimension])
    assert (permuted[:, 0] != permuted[:, 1]).all()


def test_shuffled_dimensions_are_no_longer_correlated():
    z = normals(2000, 1) + 0.1 * normals(2000, 2, seed=1)
    draws = np.random.default_rng(2).uniform(size=z.shape).astype(np.float32)
    permuted = total_correlation.permute_dimensions(z, draws).numpy()
    assert np.corrcoef(z.T)[0, 1] > 0.98
    assert abs(np.corrcoef(permuted.T)[0, 1]) < 4 / np.sqrt(2000)
