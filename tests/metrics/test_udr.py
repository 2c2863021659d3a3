"""UDR: runs that agree but for order and sign score high, others low."""

import numpy as np
import pytest

from ibgan_tf.metrics.udr import relative_strength, udr

RNG = np.random.default_rng(0)
CODES = RNG.normal(size=[500, 3])
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
    rotation, _ = np.linalg.qr(RNG.normal(size=[3, 3]))
    result = udr([CODES, -CODES, CODES @ rotation], [KL] * 3, protocol="lasso")
    assert result["score"][2] < min(result["pairwise"][0][1], result["pairwise"][1][0])
    assert result["best_run"] in (0, 1)


def test_dimensions_without_information_do_not_count():
    noise = RNG.normal(size=[500, 1])
    wide = np.hstack([CODES, noise])
    result = udr([wide, CODES], [[1.0, 1.0, 1.0, 0.001], KL], protocol="spearman")
    assert result["informative_dims"] == [[True, True, True, False], [True] * 3]
    plain = udr([CODES, CODES], [KL, KL], protocol="spearman")
    assert result["score"] == pytest.approx(plain["score"])


def test_a_single_run_is_refused():
    with pytest.raises(ValueError, match="Received"):
        udr([CODES], [KL])
