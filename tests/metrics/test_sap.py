"""SAP: gaps between the best and the second best code."""

import numpy as np
import pytest

from ibgan_tf.metrics import sap as sap_score
from ibgan_tf.metrics.sap import linear_accuracy, squared_correlation


def test_squared_correlations_by_hand():
    codes = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    factors = np.array([[0], [1], [2], [3]])
    np.testing.assert_allclose(squared_correlation(codes, factors), [[1.0], [0.0]], atol=1e-12)


def test_codes_that_are_the_factors_have_gaps_of_one_by_correlation(many_factors):
    result = sap_score(many_factors.astype(float), many_factors, protocol="continuous")
    # Independent columns correlate by chance alone, about 1 / n.
    assert result["score"] == pytest.approx(1.0, abs=0.01)


def test_a_duplicated_code_leaves_no_gap(many_factors):
    codes = np.concatenate([many_factors, many_factors], axis=1).astype(float)
    result = sap_score(codes, many_factors, protocol="continuous", settings="fast")
    assert result["score"] == pytest.approx(0.0, abs=1e-9)


def test_a_linear_classifier_tells_two_classes_by_their_code():
    classes = np.repeat([0, 1], 200)
    accuracy, converged = linear_accuracy(classes * 10.0, classes, classes * 10.0, classes)
    assert accuracy == 1.0
    assert converged


def test_a_constant_code_has_the_accuracy_of_the_commonest_class():
    classes = np.array([0, 0, 0, 1])
    assert linear_accuracy(np.ones(4), classes, np.ones(4), classes) == (0.75, True)


def test_constant_codes_score_zero(factors):
    assert sap_score(np.ones([len(factors), 3]), factors, settings="fast")["score"] == 0.0


def test_codes_of_shuffled_factors_score_near_zero(many_factors):
    codes = np.random.default_rng(0).permutation(many_factors).astype(float)
    assert sap_score(codes, many_factors, settings="fast")["score"] < 0.05


def test_order_and_sign_of_codes_do_not_matter(entangled, many_factors):
    first = sap_score(entangled, many_factors, settings="fast")["score"]
    second = sap_score(-entangled[:, ::-1], many_factors, settings="fast")["score"]
    assert first == pytest.approx(second, abs=0.01)


def test_a_categorical_factor_must_be_a_column(factors):
    with pytest.raises(ValueError, match=r"categorical_factors must be columns of factors, 0\.\.3"):
        sap_score(factors * 1.0, factors, protocol="infogan_cr", categorical_factors=[7])


@pytest.fixture
def two_and_four():
    """2,000 images of each combination of a factor of two values and one of four."""
    return np.tile(np.indices((2, 4)).reshape(2, -1).T, [2_000, 1])


def test_two_binary_factors_and_their_codes_by_hand():
    """A code tells its own factor always and the other half the time: gaps of 1 - 1/2."""
    factors = np.tile(np.indices((2, 2)).reshape(2, -1).T, [4_000, 1])
    result = sap_score(10.0 * factors, factors)
    np.testing.assert_allclose(result["score_matrix"], [[1, 0.5], [0.5, 1]], atol=0.03)
    assert result["score"] == pytest.approx(0.5, abs=0.03)


def test_infogan_cr_classifies_categories_and_correlates_the_rest_by_hand(two_and_four):
    """Gaps of 1 - 1/2 in accuracy and 1 - 0 in squared correlation: 3/4 on average."""
    result = sap_score(10.0 * two_and_four, two_and_four, protocol="infogan_cr")
    np.testing.assert_allclose(result["score_matrix"], [[1, 0], [0.5, 1]], atol=0.05)
    assert result["score"] == pytest.approx(0.75, abs=0.03)


def test_infogan_cr_takes_the_categories_that_it_is_told(two_and_four):
    """Without a category both gaps are of squared correlations: 1."""
    result = sap_score(
        10.0 * two_and_four, two_and_four, protocol="infogan_cr", categorical_factors=()
    )
    assert result["score"] == pytest.approx(1.0, abs=0.02)
