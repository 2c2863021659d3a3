import numpy as np
import pytest

from ibgan_tf.metrics.factor_index import FactorIndex, factor_classes


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def shuffled(factors):
    return factors[np.random.default_rng(1).permutation(len(factors))]


def sampled(factors):
    return factors[np.random.default_rng(2).choice(len(factors), size=200, replace=False)]


def doubled(factors):
    return np.concatenate([factors[1:], factors[-1:]])  # as many rows as cells, one cell twice


def test_a_grid_is_complete_in_any_order_of_its_rows(factors):
    assert FactorIndex(factors).complete
    assert FactorIndex(shuffled(factors)).complete


def test_a_table_that_lacks_a_cell_is_not_complete(factors):
    assert not FactorIndex(sampled(factors)).complete
    assert not FactorIndex(doubled(factors)).complete


@pytest.mark.parametrize("table", [shuffled, sampled, doubled])
def test_partners_share_the_wanted_factor_of_each_row(factors, rng, table):
    factors = table(factors)
    index = FactorIndex(factors)
    rows = index.draw(rng, (50, 7))
    for k in range(4):
        partners = index.draw_sharing(rng, rows, np.array(k))
        assert partners.shape == (50, 7)
        np.testing.assert_array_equal(factors[partners, k], factors[rows, k])


@pytest.mark.parametrize("table", [shuffled, sampled, doubled])
def test_each_row_may_share_another_factor(factors, rng, table):
    factors = table(factors)
    index = FactorIndex(factors)
    rows, shared = index.draw(rng, (60, 1)), np.arange(60)[:, None] % 4
    partners = index.draw_sharing(rng, np.broadcast_to(rows, (60, 5)), shared)
    np.testing.assert_array_equal(factors[partners, shared], factors[rows, shared] + 0 * partners)


@pytest.mark.parametrize("table", [shuffled, sampled, doubled])
def test_partners_are_drawn_uniformly_among_the_rows_that_share(factors, rng, table):
    factors = table(factors)
    sharing = np.flatnonzero(factors[:, 1] == factors[3, 1])
    partners = FactorIndex(factors).draw_sharing(rng, np.full(40_000, 3), np.array(1))
    counts = np.bincount(partners, minlength=len(factors))
    assert counts.sum() == counts[sharing].sum()
    expected = 40_000 / len(sharing)
    assert np.abs(counts[sharing] - expected).max() < 5 * np.sqrt(expected)


def test_rows_are_drawn_uniformly(factors, rng):
    counts = np.bincount(FactorIndex(factors).draw(rng, 36_000), minlength=len(factors))
    assert np.abs(counts - 100).max() < 50


@pytest.mark.parametrize("scale", [1, 1000, -(10**12)])
def test_values_are_renumbered_in_their_order(scale):
    values = np.array([7, 3, 3, 9, 7])
    classes, sizes = factor_classes(scale * values[:, None])
    expected = np.array([1, 0, 0, 2, 1])
    np.testing.assert_array_equal(classes[:, 0], expected if scale > 0 else 2 - expected)
    assert sizes == (3,)
