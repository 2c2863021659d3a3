"""The average distance of two samples of one Gaussian, worked out by hand."""

import numpy as np
import pytest

from ibgan_tf.metrics import frechet_bias


@pytest.mark.parametrize(
    ("variances", "num_real", "num_generated", "expected"),
    [
        # Means: 2 (1/4 + 1/4). Covariances: 2 * 2 * 2 / (2 * 4), times 1/3 + 1/3.
        ([2.0], 4, 4, 1.0 + 2 / 3),
        # Means: 4 (1/10 + 1/5). Covariances: 2 / 4 and 18 / 12 of the two variances, 3 / 8 of
        # either order of the pair, times 1/9 + 1/4.
        ([1.0, 3.0], 10, 5, 1.2 + (0.5 + 1.5 + 0.75) * (1 / 9 + 1 / 4)),
    ],
)
def test_the_distance_is_that_of_means_and_of_covariances(
    variances, num_real, num_generated, expected
):
    counts = {"num_real": num_real, "num_generated": num_generated}
    found = frechet_bias.expected_distance(np.array(variances), **counts)
    assert found == pytest.approx(expected, rel=1e-12)


def test_a_feature_that_never_varies_adds_nothing():
    counts = {"num_real": 10, "num_generated": 5}
    without = frechet_bias.expected_distance(np.array([1.0, 3.0]), **counts)
    assert frechet_bias.expected_distance(np.array([0.0, 1.0, 3.0]), **counts) == without
    assert frechet_bias.expected_distance(np.zeros(3), **counts) == 0.0
