"""IRS: how little a code moves where its factor is fixed."""

import numpy as np
import pytest

from ibgan_tf.metrics import irs as irs_score
from ibgan_tf.metrics.irs import PROTOCOLS, mean_deviations


def test_deviations_by_hand():
    codes = np.array([[0.0], [2.0], [10.0], [14.0]])
    groups = np.array([[0], [0], [1], [1]])
    # Group means 1 and 12: largest deviations 1 and 2, on average 1.5.
    np.testing.assert_allclose(mean_deviations(codes, groups, 1.0), [[1.5]])


def test_codes_that_are_the_factors_are_robust(factors):
    result = irs_score(factors.astype(float), factors)
    assert result["score"] == pytest.approx(1.0)
    assert result["parents"] == [0, 1, 2, 3]


def test_a_duplicated_code_is_not_punished(factors):
    codes = np.concatenate([factors, factors], axis=1).astype(float)
    assert irs_score(codes, factors)["score"] == pytest.approx(1.0)


def test_constant_codes_score_zero_and_have_no_parent(factors):
    result = irs_score(np.ones([len(factors), 2]), factors)
    assert result["score"] == 0.0
    assert result["parents"] == [-1, -1]


def test_shuffled_codes_are_hardly_robust(many_factors):
    codes = np.random.default_rng(0).permutation(many_factors).astype(float)
    assert irs_score(codes, many_factors)["score"] < 0.1


def test_order_and_sign_of_codes_do_not_matter(entangled, many_factors):
    first = irs_score(entangled, many_factors)["score"]
    assert irs_score(-entangled[:, ::-1], many_factors)["score"] == pytest.approx(first, abs=1e-9)


def test_the_quantile_stands_for_the_largest_deviation():
    codes = np.array([[0.0], [1.0], [2.0], [9.0]])
    # Of one group with the mean 3 the deviations are 3, 2, 1 and 6: their median is 2.5.
    assert mean_deviations(codes, np.zeros([4, 1], int), 0.5).item() == 2.5


@pytest.mark.parametrize("protocol", ["disentanglement_lib", "paper"])
def test_a_code_of_two_factors_by_hand(protocol):
    """f0 + 3 f1 is 0, 1, 3 or 4: at most 2 from its mean, 1/2 where f1 is fixed, 3/2 where f0."""
    factors = np.tile(np.indices((2, 2)).reshape(2, -1).T, [4_000, 1])
    result = irs_score(factors @ [[1.0], [3.0]], factors, protocol=protocol)
    np.testing.assert_allclose(result["score_matrix"], [[1 / 4, 3 / 4]], atol=0.03)
    assert result["parents"] == [1]
    assert result["score"] == pytest.approx(3 / 4, abs=0.03)


def test_one_image_far_out_counts_in_the_papers_maximum_and_not_in_the_quantile():
    factors = np.tile(np.array([[0], [1]]), [5_000, 1])
    codes = factors.astype(float)
    codes[0] = -10.0  # one of the 10,000, all of which are drawn, some of them twice
    rows = {protocol: irs_score(codes, factors, protocol=protocol) for protocol in PROTOCOLS}
    assert rows["disentanglement_lib"]["score"] > rows["paper"]["score"]


def test_a_factor_of_more_values_than_bins_is_a_little_below_one():
    factors = np.tile(np.arange(40), 250)[:, np.newaxis]
    found = {p: irs_score(factors.astype(float), factors, protocol=p)["score"] for p in PROTOCOLS}
    assert found["paper"] == pytest.approx(1.0)
    # Two neighbours share a bin: they are 1/2 from their mean, and 39/2 at most from that of all.
    assert found["disentanglement_lib"] == pytest.approx(1 - 1 / 39, abs=0.002)
