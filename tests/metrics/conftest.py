import numpy as np
import pytest


def grid(sizes):
    """Returns the factors of a complete grid, int64 [n, num_factors], the last one fastest."""
    return np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=1)


@pytest.fixture
def factors():
    """A complete grid of four factors."""
    return grid((3, 4, 5, 6))


@pytest.fixture
def many_factors():
    """A complete grid with so many rows that shuffled factors hardly happen to fit codes."""
    return grid((8, 9, 10, 11))


@pytest.fixture
def standardized(many_factors):
    """The large grid's factors as codes of mean 0 and variance 1, float64 [n, 4]."""
    return (many_factors - many_factors.mean(axis=0)) / many_factors.std(axis=0)


@pytest.fixture
def entangled(standardized):
    """Codes that hold the large grid's factors mixed, with noise and a dimension to spare."""
    rng = np.random.default_rng(5)
    mixing = np.eye(4, 5) + 0.6 * rng.normal(size=(4, 5))
    return standardized @ mixing + 0.5 * rng.normal(size=(len(standardized), 5))
