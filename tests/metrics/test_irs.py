"""IRS: how little a code moves where its factor is fixed."""

import numpy as np
import pytest

from ibgan_tf.metrics import irs as irs_score
from ibgan_tf.metrics.irs import mean_deviations


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
