"""The bounds and the information of each dimension, of samples whose numbers are known."""

import numpy as np
import pytest

from ibgan_tf.metrics.information import information


@pytest.fixture
def result():
    """400 samples of three dimensions: recovered exactly, not at all, and constant."""
    code = np.repeat(np.arange(20.0), 20)
    other = np.tile(np.arange(20.0), 20)  # each with each value of the code: independent
    return information(
        lower_bound=np.tile([1.0, 3.0], 200),
        fitted_lower_bound=2.5,
        dimension_kl=np.tile([0.6, 0.5, 0.0], [400, 1]),
        codes=np.stack([code, code, np.ones(400)], axis=1),
        recovered_codes=np.stack([-code, other, other], axis=1),
    )


def test_the_bounds_are_means_and_sums(result):
    assert result["score"] == result["information_lower_bound"] == 2.0
    # Deviations of 1 from the mean: the sample's variance is 400/399, and of the mean 1/399.
    expected = np.sqrt(1 / 399)
    assert result["information_lower_bound_standard_error"] == pytest.approx(expected)
    assert result["information_lower_bound_fitted"] == 2.5
    assert result["information_upper_bound"] == pytest.approx(1.1)
    assert result["gap"] == pytest.approx(1.1 - 2.0)
    assert result["num_samples"] == 400


def test_a_dimension_is_active_above_half_a_nat(result):
    assert result["dimension_kl"] == pytest.approx([0.6, 0.5, 0.0])
    assert result["active_dimensions"] == 1


def test_what_is_recovered_carries_up_to_the_log_of_twenty_bins(result):
    assert result["dimension_information"] == pytest.approx([np.log(20), 0.0, 0.0], abs=1e-12)
