"""UDR: runs that agree but for order and sign score high, others low."""

import numpy as np
import pytest

from ibgan_tf.metrics.udr import relative_strength, udr

CODES = np.random.default_rng(0).normal(size=[500, 3])
KL = np.ones(3)


def test_the_strength_of_relations_by_hand():
    # Columns: 1 / 1 and 0.25 / 1; rows: 1 / 1.5 and 0.25 / 0.5.
    relation = np.array([[1.0, 0.5], [0.0, 0.5]])
    columns = (1.0 + 0.25 / 1.0) / 2
    rows = (1.0 / 1.5 + 0.25 / 0.5) / 2
    assert relative_strength(relation) == pytest.approx((columns + rows) / 2)


def test_runs_that_agree_but_for_order_and_sign_score_near_one():
    result = udr([CODES, -CODES[:, ::-1]], [KL, KL], protocol="spearman")
    assert min(result["score"]) > 0.85


def test_a_run_that_rotates_the_codes_scores_lower():
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=[3, 3]))
    result = udr([CODES, -CODES, CODES @ rotation], [KL] * 3, protocol="lasso")
    assert result["score"][2] < min(result["pairwise"][0][1], result["pairwise"][1][0])
    assert result["best_run"] in (0, 1)


def test_dimensions_without_information_do_not_count():
    noise = np.random.default_rng(2).normal(size=[500, 1])
    wide = np.hstack([CODES, noise])
    result = udr([wide, CODES], [[1.0, 1.0, 1.0, 0.001], KL], protocol="spearman")
    assert result["informative_dims"] == [[True, True, True, False], [True] * 3]
    plain = udr([CODES, CODES], [KL, KL], protocol="spearman")
    assert result["score"] == pytest.approx(plain["score"])


def test_a_single_run_is_refused():
    with pytest.raises(ValueError, match="at least two runs. Received: 1"):
        udr([CODES], [KL])


def test_scores_of_orthogonal_codes_by_hand():
    a, b = np.tile([1.0, 1.0, -1.0, -1.0], 25), np.tile([1.0, -1.0, 1.0, -1.0], 25)
    plain = np.stack([a, b], axis=1)
    turned = np.stack([0.6 * a + 0.8 * b, 0.8 * a - 0.6 * b], axis=1)
    found = udr([plain, plain, plain, turned], [np.ones(2)] * 4, protocol="lasso")
    # Lasso takes 0.1 of each correlation: 0.9 alone, or 0.7 beside 0.5. Two of the three others
    # agree with a plain run entirely, and the median is theirs.
    assert found["score"] == pytest.approx([0.9] * 3 + [0.7**2 / 1.2], abs=1e-3)


def test_a_dimension_is_informative_above_a_hundredth_of_a_nat():
    codes, kl = CODES[:, :2], [0.011, 0.009]
    assert udr([codes, codes], [kl, kl])["informative_dims"] == [[True, False]] * 2
