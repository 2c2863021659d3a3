import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ibgan_tf.metrics.logistic import fit_logistic_regression


def test_separable_points_are_told_apart():
    features = np.array([[-1.0], [-0.9], [0.9], [1.0]])
    classifier, converged = fit_logistic_regression(features, np.array([3, 3, 8, 8]))
    np.testing.assert_array_equal(classifier.predict(features), [3, 3, 8, 8])
    assert converged


def test_a_fit_that_runs_out_of_steps_says_so_without_a_warning():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 6)) * 10.0 ** np.arange(6)
    _, converged = fit_logistic_regression(features, rng.integers(0, 5, 300))
    assert not converged


def test_the_former_defaults_are_a_liblinear_classifier_for_each_class():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 90)
    features = rng.normal(size=(90, 2)) + labels[:, np.newaxis]
    classifier, converged = fit_logistic_regression(features, labels, one_vs_rest=True)
    single = [
        LogisticRegression(solver="liblinear")
        .fit(features, labels == value)
        .predict_proba(features)
        for value in range(3)
    ]
    expected = np.stack([probability[:, 1] for probability in single], axis=1)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_proba(features), expected, rtol=1e-9)
    assert converged


@pytest.mark.parametrize("one_vs_rest", [False, True])
def test_two_classes_have_two_probabilities(one_vs_rest):
    features, labels = np.array([[-1.0], [1.0]]), np.array([2, 5])
    classifier, _ = fit_logistic_regression(features, labels, one_vs_rest=one_vs_rest)
    assert classifier.predict_proba(features).shape == (2, 2)
    np.testing.assert_array_equal(classifier.classes_, [2, 5])
