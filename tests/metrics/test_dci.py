"""DCI: from importances by hand, and of codes whose value is known."""

import importlib

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from ibgan_tf.metrics import dci as dci_score
from ibgan_tf.metrics.dci import _importance_details, disentanglement
from ibgan_tf.metrics.gradient_boosting import fit_boosted_trees


def test_the_score_follows_from_the_importances_by_hand():
    importances = np.array([[1.0, 1.0], [2.0, 0.0]])
    score, per_code, weights = disentanglement(importances)
    # Row 1 is spread evenly over both factors: 1 - log(2) / log(2) = 0; row 2 is on one: 1.
    np.testing.assert_allclose(per_code, [0.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(weights, [0.5, 0.5])
    assert score == pytest.approx(0.5)


def test_codes_that_are_the_factors_are_disentangled_and_complete(factors):
    result = dci_score(factors.astype(float), factors, settings="fast", num_jobs=1)
    assert result["score"] > 0.99
    assert result["completeness"] > 0.99
    assert result["informativeness_test"] > 0.99


def test_a_duplicated_code_costs_completeness_and_not_disentanglement(factors):
    codes = np.concatenate([factors, factors], axis=1).astype(float)
    result = dci_score(codes, factors, settings="fast", num_jobs=1)
    assert result["score"] > 0.99
    # Shared evenly it would be 1 - log(2) / log(8) = 0.67; ties are not broken quite evenly.
    assert 0.6 < result["completeness"] < 0.95


def test_constant_codes_score_zero(factors):
    result = dci_score(np.ones([len(factors), 3]), factors, settings="fast", num_jobs=1)
    assert result["score"] == result["completeness"] == 0.0


def test_codes_of_shuffled_factors_tell_nothing(many_factors):
    codes = np.random.default_rng(0).permutation(many_factors).astype(float)
    result = dci_score(codes, many_factors, settings="fast", num_jobs=1)
    assert result["score"] < 0.1
    assert result["informativeness_test"] < 0.25  # chance is 1/8 at best


def test_noise_of_a_sample_tells_no_factor_of_the_test_images():
    rng = np.random.default_rng(0)
    factors = rng.integers(2, size=[500, 2])
    result = dci_score(rng.normal(size=[500, 5]), factors, settings="fast", num_jobs=1)
    assert result["informativeness_test"] == pytest.approx(0.5, abs=0.08)


def test_order_and_sign_of_codes_do_not_matter(entangled, many_factors):
    first = dci_score(entangled, many_factors, settings="fast", num_jobs=1)["score"]
    changed = -entangled[:, ::-1]
    second = dci_score(changed, many_factors, settings="fast", num_jobs=1)["score"]
    assert first == pytest.approx(second, abs=0.05)


def test_processes_share_the_factors_and_change_nothing(factors):
    codes = factors + np.random.default_rng(0).normal(size=factors.shape)
    alone = dci_score(codes, factors, settings="fast", num_jobs=1)
    assert dci_score(codes, factors, settings="fast", num_jobs=2) == alone


def _classes(codes, num_classes, rng):
    classes = (codes[:, 0] + 0.3 * rng.normal(size=len(codes)) > 0).astype(np.int64)
    return classes + (num_classes == 3) * (codes[:, 1] > 0.5)


def _fits(num_classes):
    """Returns five fits of scikit-learn with different seeds, ours, and the training set."""
    rng = np.random.default_rng(0)
    codes = rng.normal(size=[300, 3]).astype(np.float32)
    classes = _classes(codes, num_classes, rng)
    theirs = [
        GradientBoostingClassifier(random_state=seed, n_estimators=20).fit(codes, classes)
        for seed in range(5)
    ]
    return theirs, fit_boosted_trees(codes, classes, codes[:50], rng=rng, num_stages=20), codes


def test_the_trees_are_those_of_scikit_learn_where_no_splits_tie():
    theirs, ours, codes = _fits(2)
    np.testing.assert_allclose(ours.importances, theirs[0].feature_importances_, atol=1e-6)
    np.testing.assert_array_equal(ours.train_predictions, theirs[0].predict(codes))
    np.testing.assert_array_equal(ours.test_predictions, theirs[0].predict(codes[:50]))


def test_where_splits_tie_the_trees_are_as_near_as_another_seed_of_scikit_learn():
    theirs, ours, codes = _fits(3)
    importances = np.stack([fit.feature_importances_ for fit in theirs])
    spread = np.ptp(importances, axis=0).max()
    assert 0 < spread < 0.01
    assert np.abs(ours.importances - importances.mean(axis=0)).max() <= spread
    assert np.mean(ours.train_predictions == theirs[0].predict(codes)) > 0.99


def test_completeness_is_weighed_by_factor_or_a_plain_mean():
    importances = np.array([[1.0, 3.0], [1.0, 0.0]])
    # Factor 0 is told by both codes alike: 0; factor 1, of three fifths of the weight, by one: 1.
    assert _importance_details(importances, weigh_factors=True)["completeness"] == 3 / 5
    assert _importance_details(importances, weigh_factors=False)["completeness"] == 1 / 2


def test_the_forests_of_the_published_number_find_the_factors_and_their_copies():
    sizes = (3, 4, 5, 4, 4)
    factors = np.indices(sizes).reshape(5, -1).T
    codes = np.concatenate([factors, np.ones([len(factors), 3])], axis=1).astype(float)
    result = dci_score(codes, factors, protocol="infogan_cr", num_jobs=1)
    # Each tree splits by the one code that tells its factor, and by no other.
    np.testing.assert_allclose(result["importances"], np.eye(8, 5), atol=1e-12)
    assert [result["score"], result["completeness"]] == pytest.approx([1.0, 1.0])
    # Two levels tell four values apart. That it isn't 1 is for the images in every tree's bag,
    # (1 - 1/e)**10 or 0.01 of them, which count as the mean: 1 - 0.01 on average.
    np.testing.assert_allclose(np.array(result["oob_r2"])[[0, 1, 3, 4]], 0.99, atol=0.08)
    assert result["informativeness_test"] is None


def test_each_forest_has_the_published_depth_and_trees(monkeypatch):
    asked = []

    def forest(codes, target, max_depth, num_trees, seed):
        asked.append((len(target), max_depth, num_trees))
        return np.ones(codes.shape[1]), 0.0

    monkeypatch.setattr(
        importlib.import_module("ibgan_tf.metrics.dci"), "_forest_of_one_factor", forest
    )
    factors = np.indices((2, 5, 2, 2, 5)).reshape(5, -1).T  # 200 images, a tenth of them drawn
    dci_score(factors.astype(float), factors, protocol="infogan_cr", num_jobs=1)
    assert asked == [(20, depth, 10) for depth in (4, 2, 4, 2, 2)]


def test_what_is_found_of_a_factor_stands_under_it():
    factors = np.indices((4, 3, 5)).reshape(3, -1).T  # trees are fitted in the order 2, 0, 1
    result = dci_score(factors[:, [0, 2]].astype(float), factors, settings="fast", num_jobs=1)
    importances = np.array(result["importances"])
    assert importances[:, [0, 2]].argmax(axis=0).tolist() == [0, 1]
    first, none, last = result["informativeness_test_per_factor"]
    assert min(first, last) > 0.99
    assert none < 0.5  # no code tells it: chance is 1/3


def test_the_forests_of_the_published_number_need_five_factors(factors):
    with pytest.raises(ValueError, match=r"five factors of dSprites only.*shape=\(\d+, 4\)"):
        dci_score(factors.astype(float), factors, protocol="infogan_cr")
