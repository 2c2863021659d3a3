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


class Pictures:
    """A data set whose images are what a test says."""

    name = "mine"
    image_shape = (4, 4, 1)
    size = 9

    def __init__(self, made):
        self._made = made

    def images(self, indices):
        return self._made(len(indices))


def test_images_are_read_as_they_are_and_as_numbers_in_minus_1_to_1():
    pixels = np.array([0, 51, 255], np.uint8)[:, None, None, None] * np.ones([1, 4, 4, 1], np.uint8)
    dataset = Pictures(lambda count: pixels[:count])
    np.testing.assert_array_equal(base.read_images(dataset, [4, 5, 6]), pixels)
    found = base.read_float_images(dataset, [4, 5, 6])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, 0, 0, 0], [-1.0, -0.6, 1.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("made", "error", "received"),
    [
        (lambda n: np.ones([n, 4, 4, 1], np.float32), TypeError, "float32"),
        (lambda n: np.ones([n, 4, 4, 1], np.int16), TypeError, "int16"),
        (lambda n: None, TypeError, "NoneType"),
        (lambda n: np.ones([n, 4, 4], np.uint8), ValueError, "(2, 4, 4)"),
        (lambda n: np.ones([n, 8, 8, 1], np.uint8), ValueError, "(2, 8, 8, 1)"),
        (lambda n: np.ones([n - 1, 4, 4, 1], np.uint8), ValueError, "(1, 4, 4, 1)"),
    ],
)
def test_images_that_break_what_their_set_promises_are_refused_by_name(made, error, received):
    message = f"'mine' must .* Received: {re.escape(received)}, for indices 3 to 5"
    with pytest.raises(error, match=message):
        base.read_images(Pictures(made), [3, 5])
