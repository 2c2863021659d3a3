import numpy as np
import pytest

from ibgan_tf.data import base


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


class Bars:
    """A horizontal and a vertical bar of some brightness, 16 x 16 pixels, of which all is known."""

    name = "bars"
    source = "rendered"
    sha256 = "0" * 64
    settings_class = None
    image_shape = (16, 16, 1)
    factor_names = ("row", "column", "brightness")
    factor_sizes = (4, 4, 8)
    size = 128

    def images(self, indices):
        row, column, brightness = self.factors(indices).T
        place = np.arange(16) // 4
        bars = (place == row[:, None])[:, :, None] | (place == column[:, None])[:, None]
        return (bars * (128 + 16 * brightness)[:, None, None]).astype(np.uint8)[..., None]

    def factors(self, indices):
        return base.factors_from_index(indices, self.factor_sizes)

    def index(self, factors):
        return base.index_from_factors(factors, self.factor_sizes, factor_names=self.factor_names)


class UnlabelledBars:
    """The same images, of which nothing is known."""

    name = "unlabelled_bars"
    source = "rendered"
    sha256 = "1" * 64
    image_shape = Bars.image_shape
    size = Bars.size

    def images(self, indices):
        return Bars().images(indices)


class LabelledBars(UnlabelledBars):
    """The same images, of which the vertical bar's place is known."""

    name = "labelled_bars"
    num_classes = 4

    def labels(self, indices):
        return Bars().factors(indices)[:, 1]


@pytest.fixture(scope="session")
def bars():
    """A set of 128 images with three factors."""
    return Bars()


@pytest.fixture(scope="session")
def labelled_bars():
    """A set of 128 images with labels."""
    return LabelledBars()


@pytest.fixture(scope="session")
def unlabelled_bars():
    """A set of 128 images alone."""
    return UnlabelledBars()
