import re

import numpy as np
import pytest

from ibgan_tf.metrics import modularity
from ibgan_tf.metrics.modularity import modularity_of_dims

PROTOCOLS = ("disentanglement_lib", "infogan_cr")


def score(codes, factors, **settings):
    return modularity(codes, factors, **settings)["score"]


def test_the_factors_themselves_score_one_less_the_bias_of_the_estimate(many_factors):
    # Another factor seems to share at most (a-1)(b-1) / (2n) nats of the log(8) or more.
    bias = (10 * 10 / (2 * 10_000) / np.log(8)) ** 2
    assert 1 - 4 * bias < score(many_factors, many_factors) < 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_constant_codes_score_nothing(factors, protocol, value):
    result = modularity(np.full([360, 3], value), factors, protocol=protocol)
    assert result["score"] == 0
    assert result["num_informative_dims"] == 0


def test_a_constant_dimension_lowers_the_mean(factors):
    codes = np.concatenate([np.full([360, 1], 0.1), factors], axis=1)
    assert score(codes, factors) == pytest.approx(4 / 5 * score(factors, factors), abs=1e-12)


def test_shuffled_factors_score_below_the_factors_themselves(many_factors):
    # Chance information is about (a-1)(b-1) / (2n) of each, nearly the same for all four factors,
    # so that each dimension seems to know them all about equally: 1 - sum(others) / (3 * max).
    shuffled = np.random.default_rng(0).permutation(many_factors)
    sizes = np.array([8, 9, 10, 11]) - 1.0
    expected = 1 - np.sum(sizes[:3] ** 2) / (3 * sizes[3] ** 2)
    assert abs(score(many_factors, shuffled) - expected) < 0.2


def test_a_duplicated_code_is_not_punished(factors):
    twice = np.concatenate([factors, factors], axis=1)
    assert score(twice, factors) == pytest.approx(score(factors, factors), abs=1e-12)


def test_a_dimension_that_tells_two_binary_factors_equally_by_hand():
    # All of both factors, log(2) each: 1 - log(2)**2 / (log(2)**2 * 1) = 0.
    factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    codes = factors @ np.array([[1], [2]])
    assert score(codes, factors) == pytest.approx(0, abs=0.001)


def test_modularity_of_dimensions_by_hand():
    information = np.array([[2.0, 0, 0], [2, 1, 0], [1, 1, 1], [0, 0, 0]])
    np.testing.assert_allclose(modularity_of_dims(information), [1, 1 - 1 / 8, 0, 0], atol=1e-15)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_order_and_sign_of_dimensions_hardly_matter(many_factors, entangled, protocol):
    # Turning a dimension round moves the codes that lie on the edges of its bins.
    expected = score(entangled, many_factors, protocol=protocol)
    changed = -entangled[:, [3, 0, 4, 1, 2]]
    assert score(changed, many_factors, protocol=protocol) == pytest.approx(expected, abs=0.005)
    permuted = entangled[:, [3, 0, 4, 1, 2]]
    assert score(permuted, many_factors, protocol=protocol) == pytest.approx(expected, abs=1e-12)


def test_a_seed_repeats_its_score_and_another_comes_close(many_factors, entangled):
    first = modularity(entangled, many_factors, seed=3)
    assert modularity(entangled, many_factors, seed=3) == first
    other = modularity(entangled, many_factors, seed=4)
    assert 0 < abs(other["score"] - first["score"]) < 0.03


def test_a_sample_of_a_grid_scores_like_the_grid(many_factors, entangled):
    rows = np.random.default_rng(0).choice(len(many_factors), size=4000, replace=False)
    sampled = score(entangled[rows], many_factors[rows])
    assert sampled == pytest.approx(score(entangled, many_factors), abs=0.03)


def test_a_single_factor_is_refused(factors):
    with pytest.raises(ValueError, match=re.escape("at least 2 columns for this metric.")):
        modularity(factors, factors[:, :1])
