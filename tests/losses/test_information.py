import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import stats

from ibgan_tf.losses import information

tfd = tfp.distributions


@pytest.fixture
def noise():
    """z ~ N(0, I) and a guess at it, both float32 [6, 3]."""
    generator = np.random.default_rng(0)
    return generator.normal(size=(2, 6, 3)).astype(np.float32)


def lower_bound(z, z_hat):
    prior = tfd.Normal(tf.zeros([z.shape[-1]]), 1.0)
    return information.information_lower_bound(tfd.Normal(z_hat, 1.0), prior, z).numpy()


def test_the_lower_bound_is_the_sum_of_log_density_ratios(noise):
    z, z_hat = noise
    expected = (stats.norm.logpdf(z, z_hat, 1.0) - stats.norm.logpdf(z)).sum(axis=1)
    np.testing.assert_allclose(lower_bound(z, z_hat), expected, rtol=1e-4, atol=1e-5)


def test_the_lower_bound_of_unit_variance_is_half_a_difference_of_squares(noise):
    z, z_hat = noise
    expected = 0.5 * (z**2 - (z - z_hat) ** 2).sum(axis=1)
    np.testing.assert_allclose(lower_bound(z, z_hat), expected, rtol=1e-4, atol=1e-5)


def test_the_lower_bound_is_zero_where_nothing_is_reconstructed(noise):
    z, _ = noise
    np.testing.assert_array_equal(lower_bound(z, np.zeros_like(z)), np.zeros(6))


def test_perfect_reconstruction_reaches_the_ceiling_of_half_a_nat_per_dimension():
    z = np.random.default_rng(0).normal(size=(1000, 4)).astype(np.float32)
    mean_square = np.mean(z.astype(np.float64) ** 2, axis=0)
    np.testing.assert_allclose(lower_bound(z, z).mean(), mean_square.sum() / 2, rtol=1e-5)
    np.testing.assert_allclose(lower_bound(z, z).mean(), 4 / 2, rtol=0.05)


def test_the_lower_bound_takes_priors_other_than_the_standard_normal(noise):
    z, z_hat = noise
    bound = information.information_lower_bound(
        tfd.Normal(z_hat, 0.5), tfd.Uniform(tf.fill([3], -9.0), 9.0), z
    )
    expected = (stats.norm.logpdf(z, z_hat, 0.5) + np.log(18.0)).sum(axis=1)
    np.testing.assert_allclose(bound, expected, rtol=1e-4)


def test_the_fitted_bound_is_exactly_zero_where_nothing_is_reconstructed(noise):
    z, _ = noise
    assert information.fitted_information_lower_bound(z, tf.zeros_like(z)).numpy() == 0.0


def test_the_fitted_bound_is_the_best_over_variances_where_z_has_unit_variance(noise):
    z, z_hat = noise
    z = z / np.sqrt(np.mean(z**2, axis=0))  # E[z_i**2] = 1 in the batch
    variances = np.mean((z - z_hat) ** 2, axis=0)

    def bound(scale_of_variances):
        scales = np.sqrt(variances * scale_of_variances)
        ratios = stats.norm.logpdf(z, z_hat, scales) - stats.norm.logpdf(z)
        return ratios.sum(axis=1).mean()

    fitted = information.fitted_information_lower_bound(tf.constant(z), tf.constant(z_hat))
    np.testing.assert_allclose(fitted, bound(1.0), rtol=1e-4)
    assert bound(1.0) > max(bound(0.9), bound(1.1))


def test_the_fitted_bound_is_the_information_of_a_linear_gaussian_channel():
    # x = z + s * e passes log(1 + 1 / s**2) / 2 nats per dimension; E[z|x] = x / (1 + s**2).
    deviation = np.array([0.1, 0.5, 2.0])
    z, e = np.random.default_rng(0).normal(size=(2, 100_000, 3))
    z_hat = (z + deviation * e) / (1 + deviation**2)
    fitted = information.fitted_information_lower_bound(
        tf.constant(z, tf.float32), tf.constant(z_hat, tf.float32)
    )
    capacity = 0.5 * np.log(1 + 1 / deviation**2).sum()
    np.testing.assert_allclose(fitted, capacity, atol=0.02)  # five standard errors
    assert fitted > 3 / 2  # where the unit-variance bound ends


def test_the_kl_is_zero_at_the_prior():
    prior = tfd.Normal(tf.zeros([3]), 1.0)
    kl = information.dimensionwise_kl(tfd.Normal(tf.zeros([5, 3]), 1.0), prior)
    np.testing.assert_array_equal(kl, np.zeros([5, 3]))


def test_the_kl_of_gaussians_has_its_known_value_in_each_dimension():
    mean = np.array([[0.0, 1.0, -2.0], [0.5, 0.0, 3.0]], np.float32)
    scale = np.array([[1.0, 0.5, 2.0], [0.1, 3.0, 1.0]], np.float32)
    prior_mean, prior_scale = np.float32(1.0), np.float32(2.0)
    kl = information.dimensionwise_kl(
        tfd.Normal(mean, scale), tfd.Normal(tf.fill([3], prior_mean), prior_scale)
    )
    expected = (
        np.log(prior_scale / scale)
        + (scale**2 + (mean - prior_mean) ** 2) / (2 * prior_scale**2)
        - 0.5
    )
    np.testing.assert_allclose(kl, expected, rtol=1e-5)


def test_the_kl_to_the_standard_normal_is_the_formula_of_the_official_code():
    mean, log_variance = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    kl = information.dimensionwise_kl(
        tfd.Normal(mean, np.exp(log_variance / 2)), tfd.Normal(tf.zeros([3]), 1.0)
    )
    expected = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)
    np.testing.assert_allclose(kl, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("role", ["posterior", "prior"])
def test_a_distribution_that_does_not_factorise_is_refused(role):
    distributions = {
        "posterior": tfd.Normal(tf.zeros([5, 3]), 1.0),
        "prior": tfd.Normal(tf.zeros([3]), 1.0),
    } | {role: tfd.MultivariateNormalDiag(tf.zeros([3]))}
    with pytest.raises(ValueError) as refusal:
        information.dimensionwise_kl(**distributions)
    assert str(refusal.value) == (
        f"{role} must have one factor per dimension (event shape []), such as "
        "tfd.Normal(loc, scale). Received: event_shape=(3,)"
    )


def test_a_pair_without_a_registered_kl_is_refused():
    posterior = tfd.Normal(tf.zeros([5, 3]), 1.0)
    with pytest.raises(NotImplementedError, match=r"No KL\(distribution_a \|\| distribution_b\)"):
        information.dimensionwise_kl(posterior, tfd.Cauchy(tf.zeros([3]), 1.0))


def test_the_fitted_information_of_normal_codes_is_that_of_each_dimension(noise):
    z, z_hat = noise
    prior = tfd.Normal(tf.zeros([3]), 1.0)
    found = information.dimensionwise_fitted_information(z, z_hat, prior)
    expected = 0.5 * np.log((z**2).mean(axis=0) / ((z - z_hat) ** 2).mean(axis=0))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    total = information.fitted_information_lower_bound(z, z_hat)
    np.testing.assert_allclose(tf.reduce_sum(found), total, rtol=1e-5)


def test_the_fitted_information_of_a_uniform_code_is_its_entropy_less_the_residuals():
    generator = np.random.default_rng(0)
    codes = generator.uniform(-1, 1, size=(20_000, 2)).astype(np.float32)
    means = codes + np.array([0.1, 0.3], np.float32) * generator.normal(size=codes.shape)
    prior = tfd.Uniform(-tf.ones([2]), 1.0)
    found = information.dimensionwise_fitted_information(codes, means.astype(np.float32), prior)
    expected = np.log(2) - 0.5 * np.log(2 * np.pi * np.e * np.array([0.1, 0.3]) ** 2)
    np.testing.assert_allclose(found, expected, atol=0.02)
    nothing = information.dimensionwise_fitted_information(codes, 0 * codes, prior)
    expected = np.log(2) - 0.5 * np.log(2 * np.pi * np.e / 3)  # -0.18
    np.testing.assert_allclose(nothing, [expected] * 2, rtol=1e-4)


def test_the_log_of_the_mean_of_exponentials_is_exact_for_large_numbers_too():
    small = np.array([0.5, -1.0, 2.0], np.float32)
    expected = np.log(np.mean(np.exp(small)))
    found = information.log_mean_exp(tf.constant(small))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    found = information.log_mean_exp(tf.constant(small + 500.0))
    np.testing.assert_allclose(found, expected + 500.0, rtol=1e-6)
