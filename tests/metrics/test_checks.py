import re

import numpy as np
import pytest

from ibgan_tf.metrics.checks import check_codes, check_codes_and_factors

CODES = np.array([[0.0, 1.0], [0.5, 1.0], [1.0, 1.0]])
FACTORS = np.array([[0, 1], [1, 0], [2, 1]])


def changed(table, row, column, value):
    table = np.array(table, dtype=float)
    table[row, column] = value
    return table


def refusal(message):
    return pytest.raises(ValueError, match=re.escape(message))


def test_good_tables_become_float64_and_int64():
    codes, factors = check_codes_and_factors(CODES.astype(np.float32), FACTORS.astype(np.uint8))
    np.testing.assert_array_equal(codes, CODES)
    np.testing.assert_array_equal(factors, FACTORS)
    assert codes.dtype == np.float64
    assert factors.dtype == np.int64


def test_lists_and_whole_numbers_as_floats_will_do():
    codes, factors = check_codes_and_factors(CODES.tolist(), FACTORS.astype(float).tolist())
    np.testing.assert_array_equal(codes, CODES)
    np.testing.assert_array_equal(factors, FACTORS)


def test_constant_codes_are_allowed():
    codes, _ = check_codes_and_factors(np.zeros([3, 2]), FACTORS)
    np.testing.assert_array_equal(codes, np.zeros([3, 2]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_codes_that_are_not_finite_are_refused_with_their_place(value):
    with refusal(f"codes must be finite. Received: codes[2, 1]={value}."):
        check_codes(changed(CODES, 2, 1, value))


@pytest.mark.parametrize("codes", [CODES[0], CODES[None], np.zeros([3, 0]), [["a"]], 1j * CODES])
def test_codes_of_another_shape_or_type_are_refused(codes):
    with refusal("codes must be numbers of shape [n, code_dim]. Received: shape="):
        check_codes(codes)


def test_a_single_row_is_refused():
    with refusal("codes must have at least two rows. Received: shape=(1, 2)."):
        check_codes(CODES[:1])


def test_tables_of_different_lengths_are_refused():
    with refusal("one row for each image. Received: codes with 3 rows, factors with 2 rows."):
        check_codes_and_factors(CODES, FACTORS[:2])


@pytest.mark.parametrize("factors", [FACTORS[:, 0], np.zeros([3, 0], int), FACTORS > 0])
def test_factors_of_another_shape_or_type_are_refused(factors):
    with refusal("factors must be whole numbers of shape [n, num_factors]. Received: shape="):
        check_codes_and_factors(CODES, factors)


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf])
def test_factors_that_are_not_whole_are_refused_with_their_place(value):
    with refusal(f"the class of each factor. Received: factors[1, 0]={value}."):
        check_codes_and_factors(CODES, changed(FACTORS, 1, 0, value))


def test_a_factor_of_one_value_is_refused_by_its_column():
    with refusal("leave the constant ones out. Received: factors[:, 1] is 7 in every row."):
        check_codes_and_factors(CODES, [[0, 7], [1, 7], [2, 7]])


def test_too_few_factors_are_refused():
    with refusal("at least 2 columns for this metric. Received: shape=(3, 1)."):
        check_codes_and_factors(CODES, FACTORS[:, :1], min_factors=2)
