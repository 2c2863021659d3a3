import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from ibgan_tf.metrics.histogram import discretize, entropy, mutual_information


@pytest.fixture
def codes():
    rng = np.random.default_rng(0)
    return np.stack([rng.normal(size=500), rng.integers(0, 7, 500), rng.exponential(size=500)], 1)


def test_bins_are_those_of_the_left_edges_of_a_histogram(codes):
    for d in range(3):
        edges = np.histogram(codes[:, d], 20)[1]
        expected = np.digitize(codes[:, d], edges[:-1]) - 1
        np.testing.assert_array_equal(discretize(codes)[:, d], expected)


def test_each_code_is_discretized_between_its_own_extremes():
    codes = np.array([[0.0, -5.0], [1.0, 0.0], [0.5, 5.0], [0.24, -4.6]])
    np.testing.assert_array_equal(discretize(codes, 4), [[0, 0], [3, 2], [2, 3], [0, 0]])


@pytest.mark.parametrize("column", [[3.0, 3.0, 3.0], [1.0, 1.0 + 2**-52, 1.0], [0.0, 5e-324, 0]])
def test_codes_that_do_not_vary_or_too_little_for_floats_are_one_bin(column):
    np.testing.assert_array_equal(discretize(np.array(column)[:, None]), np.zeros([3, 1]))


def test_mutual_information_is_that_of_scikit_learn(codes, factors):
    bins = discretize(codes)
    drawn = factors[np.random.default_rng(1).integers(len(factors), size=500)]
    expected = [[mutual_info_score(drawn[:, k], bins[:, d]) for k in range(4)] for d in range(3)]
    np.testing.assert_allclose(mutual_information(bins, drawn), expected, rtol=0, atol=1e-12)


def test_mutual_information_of_two_binary_columns_by_hand():
    first, second = np.array([[0], [0], [1], [1]]), np.array([[0], [0], [0], [1]])
    expected = 0.5 * np.log(4 / 3) + 0.25 * np.log(2 / 3) + 0.25 * np.log(2)
    np.testing.assert_allclose(mutual_information(first, second), [[expected]], rtol=1e-14)


def test_a_constant_column_has_exactly_no_information(factors):
    constant = np.zeros([len(factors), 1], np.int64)
    np.testing.assert_array_equal(mutual_information(constant, factors), np.zeros([1, 4]))


def test_independent_columns_have_exactly_no_information(factors):
    information = mutual_information(factors, factors)
    np.testing.assert_array_equal(information[~np.eye(4, dtype=bool)], np.zeros(12))


def test_entropy_is_the_information_of_a_column_about_itself(factors):
    np.testing.assert_allclose(entropy(factors), np.log([3, 4, 5, 6]), rtol=1e-14)
    information = mutual_information(factors, factors)
    np.testing.assert_allclose(np.diag(information), entropy(factors), rtol=1e-14)
