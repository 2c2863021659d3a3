import re

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ibgan_tf.metrics import beta_vae_score
from ibgan_tf.metrics.beta_vae import PROTOCOLS as SIZES
from ibgan_tf.metrics.beta_vae import draw_pairs, mean_differences
from ibgan_tf.metrics.factor_index import FactorIndex

PROTOCOLS = ("disentanglement_lib", "disentanglement_lib_2019", "infogan_cr")


def score(codes, factors, **settings):
    return beta_vae_score(codes, factors, settings="fast", **settings)["score"]


def literal_score(codes, sizes, *, seed, num_train, num_eval, num_pairs=64):
    """Follows disentanglement_lib's steps one point at a time, over a complete grid in order."""
    random = np.random.RandomState(seed)

    def sample_factors():
        return np.stack([random.randint(size, size=num_pairs) for size in sizes], axis=1)

    def represent(batch):
        return codes[np.ravel_multi_index(tuple(batch.T), sizes)]

    def points(count):
        labels, features = [], []
        for _ in range(count):
            k = random.randint(len(sizes))
            first, second = sample_factors(), sample_factors()
            second[:, k] = first[:, k]
            labels.append(k)
            features.append(np.mean(np.abs(represent(first) - represent(second)), axis=0))
        return np.array(features), np.array(labels)

    classifier = LogisticRegression(random_state=random).fit(*points(num_train))
    return classifier.score(*points(num_eval))


def test_the_score_is_that_of_the_literal_protocol(many_factors, entangled):
    codes = 0.1 * entangled
    expected = literal_score(codes, (8, 9, 10, 11), seed=0, num_train=800, num_eval=500)
    result = beta_vae_score(codes, many_factors, settings="fast")
    assert 0.3 < expected < 0.95
    assert abs(result["score"] - expected) < 4 * np.sqrt(2 * 0.25 / 500)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_pairs_of_a_point_share_its_factor_and_nothing_else(factors, protocol):
    rng = np.random.default_rng(0)
    sizes = SIZES[protocol]["full"]
    shared, first, second = draw_pairs(rng, FactorIndex(factors), 40, sizes)
    assert first.shape == second.shape == (40, sizes.num_pairs)
    for k, one, other in zip(shared, factors[first], factors[second], strict=True):
        same = (one == other).all(axis=0)
        np.testing.assert_array_equal(same, np.arange(4) == k)
        values = [len(np.unique(one[:, column])) for column in range(4)]
        assert values[k] == 1 if protocol == "infogan_cr" else values[k] > 1
        assert all(value > 1 for column, value in enumerate(values) if column != k)
    if protocol == "infogan_cr":
        np.testing.assert_array_equal(shared, np.tile(np.arange(4), 10))


def test_a_point_is_the_mean_absolute_difference_of_its_pairs():
    codes = np.array([[0.0, 1.0], [2.0, 1.0], [5.0, -3.0]])
    first, second = np.array([[0, 1], [2, 2]]), np.array([[1, 2], [2, 0]])
    np.testing.assert_array_equal(mean_differences(codes, first, second), [[2.5, 2], [2.5, 2]])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_factors_themselves_score_one(many_factors, standardized, protocol):
    result = beta_vae_score(standardized, many_factors, protocol=protocol, settings="fast")
    assert result["score"] == result["train_accuracy"] == 1
    assert result["factor_accuracy"] == [1, 1, 1, 1]
    assert result["converged"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_constant_codes_score_chance(factors, protocol):
    # All points are equal, so that all are taken for the factor that was most frequent in
    # training: a quarter of them, within four standard deviations of 500 drawn labels.
    value = score(np.full([360, 3], 0.1), factors, protocol=protocol)
    assert abs(value - 1 / 4) < 4 * np.sqrt(0.25 * 0.75 / 500)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_shuffled_factors_score_about_chance(many_factors, standardized, protocol):
    shuffled = np.random.default_rng(0).permutation(many_factors)
    assert abs(score(standardized, shuffled, protocol=protocol) - 1 / 4) < 0.12


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_duplicated_code_is_not_punished(many_factors, standardized, protocol):
    twice = np.concatenate([standardized, standardized], axis=1)
    assert score(twice, many_factors, protocol=protocol) == 1


def test_a_rotated_code_is_punished(many_factors, standardized):
    hadamard = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
    assert score(standardized @ hadamard, many_factors) < 0.6


def test_two_binary_factors_by_hand():
    # Pairs that share the first factor agree in the only dimension; of 64 pairs that share the
    # second, half are expected to differ: the classes are at 0 and about 1/2.
    factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert score(factors[:, :1], factors) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_order_and_sign_of_dimensions_do_not_matter(many_factors, entangled, protocol):
    changed = -entangled[:, [3, 0, 4, 1, 2]]
    expected = score(entangled, many_factors, protocol=protocol)
    assert score(changed, many_factors, protocol=protocol) == pytest.approx(expected, abs=0.01)


def test_the_infogan_cr_protocol_fixes_one_value_for_all_the_pairs_of_a_point():
    # The code is 0 where the first factor is 0, and -1 or 1 at random where it is 1. Pairs that
    # share the first factor's value differ by 0 or by 1 on average, others by 3/4. Points of pairs
    # with values of their own are at 1/2 and at 3/4: a line parts them. Points of pairs with one
    # value are at 0 or at 1 and at 3/4: half of the first factor's are on the wrong side.
    factors = np.stack(np.unravel_index(np.arange(800), (2, 20, 20)), axis=1)
    sign = np.random.default_rng(0).choice([-1.0, 1.0], size=800)
    codes = (factors[:, 0] * sign)[:, np.newaxis]
    library = beta_vae_score(codes, factors)
    infogan_cr = beta_vae_score(codes, factors, protocol="infogan_cr")
    assert library["factor_accuracy"][0] > 0.8
    assert infogan_cr["factor_accuracy"][0] == pytest.approx(0.5, abs=0.15)
    assert infogan_cr["eval_accuracy"] is None


def test_a_seed_repeats_its_score_and_another_comes_close(many_factors, entangled):
    codes = 0.1 * entangled
    first = beta_vae_score(codes, many_factors, seed=3, settings="fast")
    assert beta_vae_score(codes, many_factors, seed=3, settings="fast") == first
    other = beta_vae_score(codes, many_factors, seed=4, settings="fast")
    assert other["train_accuracy"] != first["train_accuracy"]
    assert abs(other["score"] - first["score"]) < 4 * np.sqrt(2 * 0.25 / 500)


def test_a_sample_of_a_grid_scores_like_the_grid(many_factors, entangled):
    expected = beta_vae_score(0.1 * entangled, many_factors)["score"]
    rows = np.random.default_rng(0).choice(len(many_factors), size=4000, replace=False)
    sampled = beta_vae_score(0.1 * entangled[rows], many_factors[rows])["score"]
    assert abs(sampled - expected) < 0.06


def test_a_single_factor_is_refused(factors):
    with pytest.raises(ValueError, match=re.escape("at least 2 columns for this metric.")):
        beta_vae_score(factors, factors[:, :1])


def test_a_protocol_of_another_metric_is_refused(factors):
    message = (
        "disentanglement_lib, disentanglement_lib_2019, infogan_cr. Received: protocol='ibgan'"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        beta_vae_score(factors, factors, protocol="ibgan")
