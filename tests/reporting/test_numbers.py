import pytest

from ibgan_tf.reporting import numbers, scores


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"),
        (0.8, "0.800"),
        (-0.4567, "\N{MINUS SIGN}0.457"),
        (12.3456, "12.35"),
        (1234.56, "1,234.6"),
        (0.00012, "1.20e\N{MINUS SIGN}04"),
    ],
)
def test_numbers_have_the_decimals_that_readers_want(value, text):
    assert numbers.number(value) == text


def test_the_deviation_has_the_decimals_of_the_mean():
    spread = scores.spread([[10.0], [20.0]])
    assert numbers.spread_text(spread) == "15.00 \N{PLUS-MINUS SIGN} 7.07"
    assert numbers.spread_text(scores.spread([[0.5]])) == "0.500"
    assert numbers.spread_text(scores.spread([[0.5], [0.5]])) == "0.500 \N{PLUS-MINUS SIGN} 0.000"


def test_a_count_has_no_decimals():
    assert numbers.spread_text(scores.spread([[7]])) == "7"
    assert numbers.spread_text(scores.spread([[7.0]])) == "7.000"
    assert numbers.spread_text(scores.spread([[7, 7], [7]])) == "7 \N{PLUS-MINUS SIGN} 0"
    assert numbers.spread_text(scores.spread([[6], [8]])) == "7.000 \N{PLUS-MINUS SIGN} 1.414"


def test_the_spread_over_metric_seeds_says_how_many_there_are():
    pair = [0.4, 0.6]  # a deviation of 0.2 / sqrt(2)
    text = "\N{PLUS-MINUS SIGN} 0.141, 2 metric seeds"
    assert numbers.metric_spread_text(scores.spread([pair, pair])) == text
    some = numbers.metric_spread_text(scores.spread([pair, [0.5]]))
    assert some.endswith(", 1\N{EN DASH}2 metric seeds")
    assert numbers.metric_spread_text(scores.spread([[0.5]])) == ""
    assert numbers.metric_spread_text(scores.spread([[7, 7]])) == ""  # a count that they share


def test_words_are_counted():
    assert numbers.plural(1, "run") == "1 run" and numbers.plural(1000, "run") == "1,000 runs"
