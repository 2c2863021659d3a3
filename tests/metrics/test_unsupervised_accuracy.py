"""Accuracy of a categorical code, by hand."""

import pytest

from ibgan_tf.metrics.unsupervised_accuracy import unsupervised_accuracy

# Category 0: classes a a b; category 1: a a; category 2: b.
CATEGORIES, LABELS = [0, 0, 0, 1, 1, 2], [0, 0, 1, 0, 0, 1]


def test_each_category_and_class_are_matched_once_or_by_majority():
    result = unsupervised_accuracy(CATEGORIES, LABELS)
    # One to one: a with category 0 or 1 (2 right), b with 2 or 0 (1 right).
    assert result["hungarian"] == result["score"] == pytest.approx(3 / 6)
    assert result["majority"] == pytest.approx(5 / 6)
    assert result["confusion"] == [[2, 1], [2, 0], [0, 1]]


def test_the_protocol_says_which_is_the_score():
    result = unsupervised_accuracy(CATEGORIES, LABELS, protocol="majority")
    assert result["score"] == pytest.approx(5 / 6)


def test_probabilities_stand_for_the_largest():
    probabilities = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]
    assert unsupervised_accuracy(probabilities, [1, 0, 1])["score"] == 1.0


def test_lengths_must_agree():
    with pytest.raises(ValueError, match=r"codes with 2 rows, labels with 3 rows"):
        unsupervised_accuracy([0, 1], [0, 1, 1])
