import numpy as np
import pytest

from ibgan_tf.metrics.model_centrality import model_centrality, vote_accuracy

SAMPLE = np.random.default_rng(0).normal(size=[2_000, 3])
SHARED = np.repeat([0, 1], 50)


def groups(*, mixed: bool = False) -> np.ndarray:
    """Returns codes of groups that share code 0 or 1, [100, 20, 3]; the third is never shared."""
    codes = np.random.default_rng(1).normal(size=[100, 20, 3])
    for group, code in zip(codes, SHARED, strict=True):
        group[:, code] = group[0, code]
    rotation = np.array([[1, 1, 0], [1, -1, 0], [0, 0, 2**0.5]]) / 2**0.5
    return codes @ rotation if mixed else codes


def test_codes_in_another_order_and_sign_are_understood_entirely():
    codes, everything = groups()[..., [2, 1, 0]] * [1, -3, 2], [True] * 3
    sample = SAMPLE[:, [2, 1, 0]] * [1, -3, 2]
    assert vote_accuracy(codes, SHARED, sample, informative=everything) == 1.0


def test_codes_turned_by_45_degrees_tell_no_more_than_chance():
    # Either shared code leaves half of both columns' variance: the vote is a coin.
    found = vote_accuracy(groups(mixed=True), SHARED, SAMPLE, informative=[True, True, False])
    assert 0.5 <= found < 0.7


def test_dimensions_that_take_no_part_or_are_constant_win_no_vote():
    codes, sample = groups(), SAMPLE.copy()
    assert vote_accuracy(codes, SHARED, sample, informative=[False] * 3) == 0.0
    # Without the second, groups that share it are named by chance, all for one of the others.
    assert vote_accuracy(codes, SHARED, sample, informative=[True, False, False]) == 0.5
    codes[..., 2] = sample[:, 2] = 7.0
    assert vote_accuracy(codes, SHARED, sample, informative=[True] * 3) == 1.0


def test_the_medoid_is_nearest_to_all_others():
    # B[0, 1] = (1 + 0.8) / 2 = 0.9, B[0, 2] = (0.6 + 0.8) / 2 = 0.7, B[1, 2] = 0.3.
    accuracies = [[0.1, 1.0, 0.6], [0.8, 0.2, 0.5], [0.8, 0.1, 0.3]]
    found = model_centrality(accuracies)
    np.testing.assert_allclose(found["score"], [0.8, 0.6, 0.5])
    assert found["best_model"] == 0
    np.testing.assert_allclose(found["similarity"][1], [0.9, 0.0, 0.3])


@pytest.mark.parametrize(
    ("accuracies", "message"),
    [
        ([[1.0]], r"two models or more. Received: shape=\(1, 1\)"),
        ([[1.0, 0.5]], r"must be square.*Received: shape=\(1, 2\)"),
        ([[0.0, 1.5], [0.5, 0.0]], r"must lie in 0..1. Received: \[\[0.0, 1.5"),
        ([[0.0, np.nan], [0.5, 0.0]], r"must lie in 0..1"),
    ],
)
def test_bad_accuracies_are_refused(accuracies, message):
    with pytest.raises(ValueError, match=message):
        model_centrality(accuracies)
