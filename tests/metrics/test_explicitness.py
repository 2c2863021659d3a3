import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ibgan_tf.metrics import explicitness
from ibgan_tf.metrics.explicitness import mean_area_under_curve

PROTOCOLS = ("disentanglement_lib", "disentanglement_lib_2019", "infogan_cr")


def score(codes, factors, *, protocol="disentanglement_lib"):
    # A tenth of the small grid is few images, a fiftieth would be next to none.
    settings = "full" if protocol == "infogan_cr" else "fast"
    return explicitness(codes, factors, protocol=protocol, settings=settings)["score"]


@pytest.fixture
def noisy(factors):
    """Codes that hold the small grid's factors mixed, with noise."""
    rng = np.random.default_rng(5)
    mixing = np.eye(4, 5) + 0.3 * rng.normal(size=(4, 5))
    return factors @ mixing + 0.5 * rng.normal(size=(len(factors), 5))


def one_hot(factors):
    """Returns codes with a dimension for each value of each factor."""
    return np.concatenate([np.eye(column.max() + 1)[column] for column in factors.T], axis=1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_codes_with_a_dimension_for_each_value_score_one(many_factors, protocol):
    result = explicitness(one_hot(many_factors), many_factors, protocol=protocol, settings="fast")
    assert result["score"] == pytest.approx(1, abs=1e-12)
    assert result["factor_auc"] == pytest.approx([1] * 4, abs=1e-12)
    assert all(result["converged"])


def test_the_factors_themselves_score_one_if_they_are_binary():
    factors = np.stack(np.unravel_index(np.arange(8), (2, 2, 2)), axis=1)
    assert score(factors, factors) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_constant_codes_score_a_half(many_factors, protocol, value):
    codes = np.full([len(many_factors), 3], value)
    assert score(codes, many_factors, protocol=protocol) == 0.5


def test_a_constant_dimension_changes_nothing(factors):
    codes = np.concatenate([np.full([360, 1], 0.1), factors], axis=1)
    assert score(codes, factors) == pytest.approx(score(factors, factors), abs=1e-3)


def test_shuffled_factors_score_about_a_half(many_factors, standardized):
    shuffled = np.random.default_rng(0).permutation(many_factors)
    assert abs(score(standardized, shuffled) - 0.5) < 0.03


def test_a_duplicated_code_is_not_punished(factors, noisy):
    twice = np.concatenate([noisy, noisy], axis=1)
    expected = score(noisy, factors)
    assert score(twice, factors) == pytest.approx(expected, abs=0.005)


def test_codes_that_lack_a_factor_by_hand():
    # The first of two binary factors is read perfectly, the second not at all but for chance, and
    # ties count half.
    factors = np.stack(np.unravel_index(np.arange(4), (2, 2)), axis=1)
    result = explicitness(factors[:, :1], factors, settings="fast")
    assert result["factor_auc"][0] == 1
    assert result["factor_auc"][1] == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("digits", [1, 16])
def test_the_area_is_that_of_scikit_learn_with_and_without_ties(digits):
    rng = np.random.default_rng(0)
    probability = np.round(rng.random((300, 5)), digits)
    truth = np.eye(5, dtype=bool)[rng.integers(0, 5, 300)]
    expected = roc_auc_score(truth, probability)
    assert mean_area_under_curve(probability, truth) == pytest.approx(expected, abs=1e-12)


def test_values_that_no_image_has_are_left_out_of_the_area():
    probability = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.4, 0.6, 0.0]])
    truth = np.eye(3, dtype=bool)[[0, 1, 0]]
    assert mean_area_under_curve(probability, truth) == 1
    assert mean_area_under_curve(probability[:1], truth[:1]) == 0.5


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_order_and_sign_of_dimensions_do_not_matter(factors, noisy, protocol):
    changed = -noisy[:, [3, 0, 4, 1, 2]]
    expected = score(noisy, factors, protocol=protocol)
    assert score(changed, factors, protocol=protocol) == pytest.approx(expected, abs=1e-3)


def test_scale_matters_only_where_codes_are_not_standardised(factors, noisy):
    scaled = noisy * [0.001, 1, 1, 1, 1]
    expected = score(noisy, factors)
    assert score(scaled, factors) == pytest.approx(expected, abs=1e-6)
    in_sample = score(noisy, factors, protocol="infogan_cr")
    assert score(scaled, factors, protocol="infogan_cr") < in_sample - 0.001


def test_noise_of_a_sample_tells_no_factor_of_the_fresh_images():
    rng = np.random.default_rng(0)
    codes, factors = rng.normal(size=[1_000, 100]), rng.integers(2, size=[1_000, 2])
    result = explicitness(codes, factors, settings="fast")
    assert result["train_auc"] > 0.7
    assert result["test_auc"] == pytest.approx(0.5, abs=0.08)


def test_the_former_classifiers_read_factors_of_many_values_less_well():
    # One against the rest, each probability only rises or falls along a dimension: values in the
    # middle are told by what is left. The multinomial classifier orders them all.
    factors = np.stack(np.unravel_index(np.arange(22), (11, 2)), axis=1)
    codes = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    assert score(codes, factors) == pytest.approx(1, abs=1e-3)
    assert score(codes, factors, protocol="disentanglement_lib_2019") < 0.99


def test_only_the_library_scores_fresh_images(factors, noisy):
    library = explicitness(noisy, factors, settings="fast")
    infogan_cr = explicitness(noisy, factors, protocol="infogan_cr")
    assert library["score"] == library["test_auc"] < library["train_auc"]
    assert infogan_cr["test_auc"] is None
    assert infogan_cr["score"] == infogan_cr["train_auc"]


def test_a_seed_repeats_its_score_and_another_comes_close(factors, noisy):
    first = explicitness(noisy, factors, seed=3, settings="fast")
    assert explicitness(noisy, factors, seed=3, settings="fast") == first
    other = explicitness(noisy, factors, seed=4, settings="fast")
    assert 0 < abs(other["score"] - first["score"]) < 0.03


def test_a_sample_of_a_grid_scores_like_the_grid(factors, noisy):
    # A little lower: none of its fresh images is one that was learned from.
    rows = np.random.default_rng(0).choice(len(factors), size=300, replace=False)
    sampled = score(noisy[rows], factors[rows])
    assert sampled == pytest.approx(score(noisy, factors), abs=0.03)
