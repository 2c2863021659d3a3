import re
import tracemalloc

import numpy as np
import pytest

from ibgan_tf.data import base

SIZES = (3, 2, 4)
NAMES = ("shape", "scale", "position")


def test_the_last_factor_is_the_fastest():
    expected = [[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0], [2, 1, 3]]
    np.testing.assert_array_equal(base.factors_from_index([0, 1, 4, 8, 23], SIZES), expected)


def test_factors_lead_back_to_the_index():
    indices = np.arange(24)
    factors = base.factors_from_index(indices, SIZES)
    back = base.index_from_factors(factors, SIZES, factor_names=NAMES)
    np.testing.assert_array_equal(back, indices)
    assert factors.dtype == back.dtype == np.int64


def test_no_indices_have_no_factors():
    assert base.factors_from_index([], SIZES).shape == (0, 3)


@pytest.mark.parametrize("index", [-1, 24])
def test_an_index_out_of_range_is_refused(index):
    message = f"indices must lie in 0..23. Received: index={index}."
    with pytest.raises(ValueError, match=re.escape(message)):
        base.factors_from_index([0, index], SIZES)


@pytest.mark.parametrize("indices", [[0.5], [[1]], 3, [True]])
def test_indices_that_are_no_list_of_whole_numbers_are_refused(indices):
    with pytest.raises(ValueError, match="indices must be whole numbers of shape"):
        base.check_indices(indices, 24)


@pytest.mark.parametrize("value", [-1, 2])
def test_a_factor_out_of_range_is_refused_by_name(value):
    message = f"scale must lie in 0..1. Received: scale={value}."
    with pytest.raises(ValueError, match=re.escape(message)):
        base.index_from_factors([[0, value, 0]], SIZES, factor_names=NAMES)


@pytest.mark.parametrize("factors", [[0, 0, 0], [[0, 0]], [[0.0, 0.0, 0.0]]])
def test_factors_of_another_shape_or_type_are_refused(factors):
    message = r"factors must be whole numbers of shape \[n, 3\] \(shape, scale, position\)"
    with pytest.raises(ValueError, match=message):
        base.index_from_factors(factors, SIZES, factor_names=NAMES)


def test_a_random_order_is_the_beginning_of_a_permutation():
    order = base.random_order(20, 12, seed=3)
    np.testing.assert_array_equal(order, np.random.default_rng(3).permutation(20)[:12])
    assert sorted(base.random_order(20, 50, seed=3)) == list(range(20))


def test_a_random_order_of_a_huge_set_takes_little_memory():
    tracemalloc.start()
    order = base.random_order(512 * 737_280, 50_000, seed=3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(np.unique(order)) == 50_000 and order.max() < 512 * 737_280
    assert peak < 50e6  # all indices would be 3 GB
    assert abs(np.corrcoef(order, np.arange(50_000))[0, 1]) < 5.0 / np.sqrt(50_000)  # no order
