"""Maximum mean discrepancy, by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.losses.discrepancy import maximum_mean_discrepancy


def test_the_discrepancy_of_single_points_follows_from_their_distance():
    # Each with itself: 1. Distance 3 in two dimensions: exp(-9 / 4).
    found = maximum_mean_discrepancy(tf.constant([[0.0, 0.0]]), tf.constant([[3.0, 0.0]]))
    assert float(found) == pytest.approx(1 + 1 - 2 * math.exp(-9 / 4))


def test_the_discrepancy_is_the_mean_over_all_pairs():
    first, second = np.array([[0.0], [2.0]]), np.array([[1.0], [1.0], [3.0]])

    def mean(a, b):
        return np.mean([math.exp(-((x[0] - y[0]) ** 2)) for x in a for y in b])

    expected = mean(first, first) + mean(second, second) - 2 * mean(first, second)
    found = maximum_mean_discrepancy(
        tf.constant(first, tf.float32), tf.constant(second, tf.float32)
    )
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_equal_samples_have_no_discrepancy():
    sample = tf.constant(np.random.default_rng(0).normal(size=(20, 5)), tf.float32)
    assert float(maximum_mean_discrepancy(sample, sample[::-1])) == pytest.approx(0, abs=1e-6)
