import numpy as np
import pytest

from ibgan_tf.metrics import mig
from ibgan_tf.metrics.mig import information_gaps

POINTS = {"disentanglement_lib": 10_000, "infogan_cr": 792}


def score(codes, factors, **settings):
    return mig(codes, factors, **settings)["score"]


def noise_information(sizes, points):
    """Returns the information that independent columns seem to have: (a-1)(b-1) / (2n) nats."""
    return (max(sizes) - 1) ** 2 / (2 * points)


@pytest.mark.parametrize("protocol", POINTS)
def test_the_factors_themselves_score_one_less_the_bias_of_the_estimate(many_factors, protocol):
    result = mig(many_factors, many_factors, protocol=protocol)
    bias = noise_information((8, 9, 10, 11), POINTS[protocol]) / np.log(8)
    assert 1 - 2 * bias < result["score"] < 1
    assert result["best_dims"] == [0, 1, 2, 3]


def test_a_factor_of_more_values_than_bins_cannot_reach_one():
    factors = np.stack(np.unravel_index(np.arange(80), (40, 2)), axis=1)
    gaps = mig(factors, factors)["gaps"]
    # Two neighbouring values share each of the 20 bins.
    assert gaps[0] == pytest.approx(np.log(20) / np.log(40), abs=0.005)
    assert gaps[1] == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("protocol", POINTS)
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_constant_codes_score_nothing(factors, protocol, value):
    assert score(np.full([360, 3], value), factors, protocol=protocol) == 0


def test_infogan_cr_draws_as_many_of_a_sample_as_of_dsprites():
    sizes = (10, 100, 80)
    factors = np.stack(np.unravel_index(np.arange(79_999), sizes), axis=1)  # one is missing
    codes = np.random.default_rng(0).random([len(factors), 1])
    few, many = (mig(codes, factors, protocol=protocol)["entropy"][1] for protocol in POINTS)
    # Of 100 values a number of images lack 99 / (2 n) of the entropy, log(100).
    assert np.log(100) - few == pytest.approx(99 / 20_000, rel=0.4)
    assert np.log(100) - many == pytest.approx(99 / 147_456, rel=0.4)


def test_a_single_constant_dimension_changes_nothing(factors):
    codes = np.concatenate([np.full([360, 1], 0.1), factors], axis=1)
    assert score(codes, factors) == pytest.approx(score(factors, factors), abs=1e-12)


def test_shuffled_factors_score_nothing(many_factors):
    shuffled = np.random.default_rng(0).permutation(many_factors)
    assert 0 <= score(many_factors, shuffled) < 0.02


@pytest.mark.parametrize("protocol", POINTS)
def test_a_duplicated_code_scores_nothing(factors, protocol):
    assert score(np.concatenate([factors, factors], axis=1), factors, protocol=protocol) == 0


def test_a_code_of_one_dimension_has_nothing_to_be_compared_with(factors):
    gaps = mig(factors[:, 2:3], factors)["gaps"]
    assert gaps[2] == 1
    np.testing.assert_allclose(gaps[:2], 0, atol=0.01)


def test_two_binary_factors_by_hand():
    # Dimension 0 is the first factor, dimension 1 tells both: the first factor has no gap, the
    # second all of log(2), but for the little that dimension 0 seems to know by chance.
    factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    codes = np.stack([factors[:, 0], factors[:, 0] + 2 * factors[:, 1]], axis=1)
    np.testing.assert_allclose(mig(codes, factors)["gaps"], [0, 1], atol=0.002)


def test_gaps_are_between_the_two_best_dimensions_over_the_entropy():
    information = np.array([[0.1, 0.5, 0.0], [0.4, 0.2, 0.0], [0.3, 0.1, 0.0]])
    gaps = information_gaps(information, np.array([0.5, 1.0, 0.0]))
    np.testing.assert_allclose(gaps, [0.2, 0.3, 0], rtol=1e-12)


@pytest.mark.parametrize("protocol", POINTS)
def test_order_and_sign_of_dimensions_hardly_matter(many_factors, entangled, protocol):
    # Turning a dimension round moves the codes that lie on the edges of its bins.
    expected = score(entangled, many_factors, protocol=protocol)
    changed = -entangled[:, [3, 0, 4, 1, 2]]
    assert score(changed, many_factors, protocol=protocol) == pytest.approx(expected, abs=1e-3)
    permuted = entangled[:, [3, 0, 4, 1, 2]]
    assert score(permuted, many_factors, protocol=protocol) == pytest.approx(expected, abs=1e-12)


def test_a_seed_repeats_its_score_and_another_comes_close(many_factors, entangled):
    first = mig(entangled, many_factors, seed=3)
    assert mig(entangled, many_factors, seed=3) == first
    other = mig(entangled, many_factors, seed=4)
    assert 0 < abs(other["score"] - first["score"]) < 0.02


def test_a_sample_of_a_grid_scores_like_the_grid(many_factors, entangled):
    rows = np.random.default_rng(0).choice(len(many_factors), size=4000, replace=False)
    sampled = score(entangled[rows], many_factors[rows])
    assert sampled == pytest.approx(score(entangled, many_factors), abs=0.02)


def test_fewer_points_have_more_bias(many_factors):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(len(many_factors), 3))
    full, fast = [
        np.mean(mig(noise, many_factors, settings=settings)["information"])
        for settings in ("full", "fast")
    ]
    # The 7920 codes know as much by chance, and the points drawn from them add their own part.
    expected = (1 / 7920 + 1 / 2_000) / (1 / 7920 + 1 / 10_000)
    assert fast / full == pytest.approx(expected, rel=0.2)
