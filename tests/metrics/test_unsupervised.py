"""The scores that need no factors: dependence among the codes."""

import numpy as np
import pytest
import scipy.linalg

from ibgan_tf.metrics import unsupervised_scores
from ibgan_tf.metrics.unsupervised import (
    gaussian_total_correlation,
    gaussian_wasserstein_correlation,
    mean_pairwise_information,
)

COVARIANCE = np.array([[4.0, 1.2, 0.0], [1.2, 1.0, 0.3], [0.0, 0.3, 2.0]])


def test_total_correlation_has_its_closed_form():
    scale = np.sqrt(np.diag(COVARIANCE))
    expected = -0.5 * np.log(np.linalg.det(COVARIANCE / np.outer(scale, scale)))
    found, rank = gaussian_total_correlation(COVARIANCE)
    assert found == pytest.approx(expected, rel=1e-12)
    assert rank == 3


def test_independent_codes_have_no_total_correlation():
    assert gaussian_total_correlation(np.diag([1.0, 9.0]))[0] == pytest.approx(0.0, abs=1e-12)


def test_the_wasserstein_correlation_is_the_distance_to_the_marginals():
    product = np.diag(np.diag(COVARIANCE))
    root = scipy.linalg.sqrtm(product)
    cross = scipy.linalg.sqrtm(root @ COVARIANCE @ root)
    expected = np.trace(COVARIANCE + product - 2 * cross.real)
    assert gaussian_wasserstein_correlation(COVARIANCE) == pytest.approx(expected, rel=1e-9)


def test_a_code_tells_its_copy_all_it_holds():
    code = np.repeat(np.arange(4.0), 25)[:, np.newaxis]
    assert mean_pairwise_information(np.hstack([code, code])) == pytest.approx(np.log(4))


def test_drawn_gaussian_codes_have_the_total_correlation_they_were_drawn_with():
    codes = np.random.default_rng(0).multivariate_normal(np.zeros(3), COVARIANCE, size=20_000)
    factors = np.stack(np.unravel_index(np.arange(20_000), (100, 200)), axis=1)
    expected, _ = gaussian_total_correlation(COVARIANCE)
    assert unsupervised_scores(codes, factors)["score"] == pytest.approx(expected, abs=0.02)


def test_constant_codes_score_zero(factors):
    result = unsupervised_scores(np.ones([len(factors), 3]), factors)
    assert result["score"] == result["mutual_info_score"] == 0.0


def test_the_information_is_the_mean_over_all_pairs():
    a, b = np.repeat(np.arange(4.0), 4), np.tile(np.arange(4.0), 4)  # independent
    found = mean_pairwise_information(np.stack([a, a, b], axis=1))
    assert found == pytest.approx(np.log(4) / 3)


def test_the_norm_of_a_code_and_its_copy_by_hand():
    codes = np.repeat(np.arange(50.0)[:, np.newaxis], 2, axis=1)
    # (4 v - 2 sqrt(2) v) / (2 v), where v is the variance of either.
    found = unsupervised_scores(codes)["gaussian_wasserstein_correlation_norm"]
    assert found == pytest.approx(2 - np.sqrt(2), rel=1e-5)
