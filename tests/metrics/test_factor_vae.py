import re

import numpy as np
import pytest

from ibgan_tf.metrics import factor_vae_score
from ibgan_tf.metrics.factor_vae import least_varying, majority_accuracies

PROTOCOLS = ("disentanglement_lib", "ibgan", "infogan_cr")


def score(codes, factors, **settings):
    return factor_vae_score(codes, factors, settings="fast", **settings)["score"]


def literal_score(codes, sizes, *, seed, num_train, num_eval, batch_size=64, num_variance=10_000):
    """Follows disentanglement_lib's steps one vote at a time, over a complete grid in order."""
    random = np.random.RandomState(seed)

    def sample_factors(count):
        return np.stack([random.randint(size, size=count) for size in sizes], axis=1)

    def represent(batch):
        return codes[np.ravel_multi_index(tuple(batch.T), sizes)]

    def votes(count):
        table = [[0] * codes.shape[1] for _ in sizes]
        for _ in range(count):
            k = random.randint(len(sizes))
            batch = sample_factors(batch_size)
            batch[:, k] = batch[0, k]
            local = np.var(represent(batch), axis=0, ddof=1)
            table[k][np.argmin(local[active] / variance[active])] += 1
        return table

    variance = np.var(represent(sample_factors(num_variance)), axis=0, ddof=1)
    active = np.sqrt(variance) >= 0.05
    if not active.any():
        return 0.0
    train, right = votes(num_train), 0
    majority = [max(range(len(sizes)), key=lambda k: train[k][d]) for d in range(codes.shape[1])]
    test = votes(num_eval)
    for d, k in enumerate(majority):
        right += test[k][d]
    return right / num_eval


def test_the_score_is_that_of_the_literal_protocol(many_factors, entangled):
    codes = entangled * [1.0, 0.02, 1.0, 5.0, 0.02]  # two dimensions below the threshold
    expected = literal_score(codes, (8, 9, 10, 11), seed=0, num_train=1000, num_eval=1000)
    result = factor_vae_score(codes, many_factors)
    assert result["num_active_dims"] == 3
    assert 0.4 < expected < 0.9
    # Four standard deviations of the mean of 1000 votes, and of the majority's own noise.
    assert abs(result["score"] - expected) < 4 * np.sqrt(0.25 / 1000)


def test_the_winner_of_a_vote_is_the_smallest_of_the_normalised_variances(entangled):
    rng = np.random.default_rng(0)
    rows = rng.integers(len(entangled), size=(200, 9))
    codes = 1e4 + 3 * entangled
    variance = np.var(codes, axis=0, ddof=1)
    active = np.array([True, False, True, True, True])
    expected = []
    for batch in rows:
        ratio = np.var(codes[batch], axis=0, ddof=1) / variance
        expected.append(min((d for d in range(5) if active[d]), key=lambda d: ratio[d]))
    np.testing.assert_array_equal(least_varying(codes, rows, variance, active), expected)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_factors_themselves_score_one(factors, protocol):
    result = factor_vae_score(factors, factors, protocol=protocol, settings="fast")
    assert result["score"] == result["train_accuracy"] == result["revised_score"] == 1
    assert result["factor_accuracy"] == [1, 1, 1, 1]
    assert result["num_active_dims"] == 4


@pytest.mark.parametrize(
    ("protocol", "expected"), [("disentanglement_lib", 0), ("ibgan", 0), ("infogan_cr", 1 / 4)]
)
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_constant_codes_score_nothing_or_chance(factors, protocol, expected, value):
    assert score(np.full([360, 3], value), factors, protocol=protocol) == expected


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_constant_dimension_changes_nothing(factors, protocol):
    codes = np.concatenate([np.full([360, 1], 0.1), factors], axis=1)
    result = factor_vae_score(codes, factors, protocol=protocol, settings="fast")
    assert result["score"] == 1
    assert not np.any(np.array(result["train_votes"])[:, 0])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_shuffled_factors_score_about_chance(many_factors, standardized, protocol):
    shuffled = np.random.default_rng(0).permutation(many_factors)
    assert abs(score(standardized, shuffled, protocol=protocol) - 1 / 4) < 0.12


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_duplicated_code_is_not_punished(factors, protocol):
    assert score(np.concatenate([factors, factors], axis=1), factors, protocol=protocol) == 1


def test_fresh_votes_are_judged_by_what_the_training_votes_said():
    # Dimension 0 stands for factor 0, dimensions 1 and 2 for factor 1.
    train = np.array([[6, 1, 0], [2, 5, 2]])
    fresh = np.array([[3, 4, 0], [1, 1, 1]])
    result = majority_accuracies(train, fresh)
    assert result["train_accuracy"] == (6 + 5 + 2) / 16
    assert result["eval_accuracy"] == (3 + 1 + 1) / 10
    assert result["revised_score"] == (3 + 1) / 10
    np.testing.assert_array_equal(result["factor_accuracy"], [3 / 7, 2 / 3])


def test_one_code_for_two_factors_by_hand():
    # Both dimensions are the first factor: each vote falls on dimension 0, half of the votes on
    # either factor, and the majority is right in half.
    factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    result = factor_vae_score(factors[:, [0, 0]], factors, protocol="infogan_cr")
    assert result["score"] == 0.5
    assert result["train_votes"] == [[250, 0], [250, 0]]
    assert result["factor_accuracy"] == [1, 0]


def test_the_revised_score_counts_only_as_many_dimensions_as_factors(many_factors, standardized):
    # Each factor's first copy is the better one on half of the grid, the second on the other.
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(len(standardized), 12))
    codes = np.tile(standardized, 3) + 0.2 * noise
    result = factor_vae_score(codes, many_factors, protocol="infogan_cr")
    votes = np.array(result["train_votes"])
    assert result["score"] == votes.max(axis=0).sum() / 500
    assert result["revised_score"] == np.sort(votes.max(axis=0))[-4:].sum() / 500
    assert result["revised_score"] < result["score"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_order_and_sign_of_dimensions_do_not_matter(many_factors, entangled, protocol):
    changed = -entangled[:, [3, 0, 4, 1, 2]]
    expected = score(entangled, many_factors, protocol=protocol)
    assert score(changed, many_factors, protocol=protocol) == pytest.approx(expected, abs=1e-3)


def test_scale_does_not_matter_beyond_the_threshold(many_factors, entangled):
    scaled = entangled * [1, 10, 100, 0.5, 1e6]
    expected = score(entangled, many_factors)
    assert score(scaled, many_factors) == pytest.approx(expected, abs=1e-3)


def test_the_threshold_is_on_the_deviation_or_on_the_variance(factors):
    small = 0.1 * factors  # standard deviations 0.08 to 0.17, variances 0.007 to 0.03
    assert score(small, factors, protocol="disentanglement_lib") == 1
    assert score(small, factors, protocol="ibgan") == 0
    assert score(0.01 * small, factors, protocol="disentanglement_lib") == 0
    assert score(0.01 * small, factors, protocol="infogan_cr") == 1


def test_the_published_numbers_of_votes_are_the_full_settings(many_factors, entangled):
    for protocol, train, evaluation in [
        ("disentanglement_lib", 10_000, 5_000),
        ("ibgan", 800, 0),
        ("infogan_cr", 500, 0),
    ]:
        result = factor_vae_score(entangled, many_factors, protocol=protocol)
        assert np.sum(result["train_votes"]) == train
        assert (result["eval_accuracy"] is None) == (evaluation == 0)
        scored = evaluation or train
        assert result["score"] * scored == pytest.approx(round(result["score"] * scored))


def test_the_infogan_cr_protocol_gives_each_factor_as_many_votes(many_factors, entangled):
    result = factor_vae_score(entangled, many_factors, protocol="infogan_cr")
    np.testing.assert_array_equal(np.sum(result["train_votes"], axis=1), [125] * 4)


def test_a_seed_repeats_its_score_and_another_comes_close(many_factors, entangled):
    first = factor_vae_score(entangled, many_factors, seed=3)
    assert factor_vae_score(entangled, many_factors, seed=3) == first
    other = factor_vae_score(entangled, many_factors, seed=4)
    assert other["train_votes"] != first["train_votes"]
    assert abs(other["score"] - first["score"]) < 4 * np.sqrt(2 * 0.25 / 5000)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_sample_of_a_grid_scores_like_the_grid(many_factors, entangled, protocol):
    expected = factor_vae_score(entangled, many_factors, protocol=protocol)["score"]
    rows = np.random.default_rng(0).choice(len(many_factors), size=4000, replace=False)
    sampled = factor_vae_score(entangled[rows], many_factors[rows], protocol=protocol)["score"]
    assert abs(sampled - expected) < 0.06


def test_a_grid_in_another_order_scores_the_same_but_for_chance(many_factors, entangled):
    order = np.random.default_rng(0).permutation(len(many_factors))
    expected = factor_vae_score(entangled, many_factors)["score"]
    reordered = factor_vae_score(entangled[order], many_factors[order])["score"]
    assert abs(reordered - expected) < 4 * np.sqrt(2 * 0.25 / 5000)


def test_a_single_factor_is_refused(factors):
    with pytest.raises(ValueError, match=re.escape("at least 2 columns for this metric.")):
        factor_vae_score(factors, factors[:, :1])


def test_an_unknown_protocol_is_refused_with_the_nearest(factors):
    message = "Received: protocol='infogancr'. Did you mean 'infogan_cr'?"
    with pytest.raises(ValueError, match=re.escape(message)):
        factor_vae_score(factors, factors, protocol="infogancr")
