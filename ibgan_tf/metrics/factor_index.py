"""Finds images by their factors: in a complete grid by arithmetic, in any sample of one by sorting.

The published protocols draw factors independently and uniformly, with replacement, and look the
images up. In a complete grid (one row for each combination of factor values, in any order) a
uniformly drawn row is exactly that. In a sample the rows are drawn uniformly: a factor's value
then has its frequency among the rows, and rare values have few partners to be drawn.
"""

import functools
import math

import numpy as np


class FactorIndex:
    """Draws rows of a table of factors, with one factor held fixed or none.

    Attributes:
        classes: the factors renumbered 0, 1, ... in the order of their values, int64
            [n, num_factors].
        sizes: number of values of each factor.
        complete: whether each combination of factor values has exactly one row.
    """

    def __init__(self, factors: np.ndarray):
        """Builds the index.

        Args:
            factors: as `check_codes_and_factors` returns them, int64 [n, num_factors].
        """
        self.classes, self.sizes = factor_classes(factors)
        self._strides = np.array([math.prod(self.sizes[k + 1 :]) for k in range(self.num_factors)])
        self._row_of_cell = self._find_rows()
        self.complete = self._row_of_cell is not None

    @property
    def num_rows(self) -> int:
        """Number of rows, n."""
        return len(self.classes)

    @property
    def num_factors(self) -> int:
        """Number of factors."""
        return len(self.sizes)

    def draw(self, rng: np.random.Generator, shape: int | tuple[int, ...]) -> np.ndarray:
        """Returns uniformly drawn rows, with replacement: int64 of the given shape."""
        return rng.integers(self.num_rows, size=shape)

    def draw_sharing(
        self, rng: np.random.Generator, rows: np.ndarray, factor: np.ndarray
    ) -> np.ndarray:
        """Returns for each row another that has the same value of a factor, the rest free.

        Each is drawn uniformly among the rows that share the value, with replacement.

        Args:
            rng: source of randomness.
            rows: which rows to find partners for, int64 of any shape.
            factor: which factor they share, 0..num_factors - 1; broadcasts against `rows`.

        Returns:
            rows: int64 of the broadcast shape.
        """
        rows, factor = np.broadcast_arrays(rows, factor)
        if self.complete:
            return self._draw_in_grid(rng, rows, factor)
        return self._draw_in_sample(rng, rows, factor)

    def _find_rows(self) -> np.ndarray | None:
        """Returns the row of each cell of the grid, int64 [n], or None if it isn't complete."""
        if math.prod(self.sizes) != self.num_rows:
            return None
        cells = self.classes @ self._strides  # [n]
        row_of_cell = np.full(self.num_rows, -1)
        row_of_cell[cells] = np.arange(self.num_rows)
        return row_of_cell if (row_of_cell >= 0).all() else None

    def _draw_in_grid(
        self, rng: np.random.Generator, rows: np.ndarray, factor: np.ndarray
    ) -> np.ndarray:
        """Draws cells and moves each along the factor's axis to the wanted value."""
        stride, size = self._strides[factor], np.array(self.sizes)[factor]
        cells = rng.integers(self.num_rows, size=rows.shape)
        drawn_values = cells // stride % size
        cells += (self.classes[rows, factor] - drawn_values) * stride
        return self._row_of_cell[cells]

    def _draw_in_sample(
        self, rng: np.random.Generator, rows: np.ndarray, factor: np.ndarray
    ) -> np.ndarray:
        """Draws a place among the rows that have the wanted value, sorted by the factor."""
        order, start, count = self._sorted
        values = self.classes[rows, factor]
        offsets = np.floor(rng.random(rows.shape) * count[factor, values]).astype(np.int64)
        return order[factor, start[factor, values] + offsets]

    @functools.cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows sorted by each factor [num_factors, n], and each value's first place and number."""
        order = np.argsort(self.classes, axis=0, kind="stable").T
        count = np.zeros([self.num_factors, max(self.sizes)], np.int64)
        for k in range(self.num_factors):
            count[k, : self.sizes[k]] = np.bincount(self.classes[:, k], minlength=self.sizes[k])
        return order, np.cumsum(count, axis=1) - count, count


def factor_classes(factors: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Returns the factors renumbered 0, 1, ... in the order of the values that occur.

    Args:
        factors: whole numbers, int64 [n, num_factors].

    Returns:
        classes: int64 [n, num_factors].
        sizes: number of values of each factor that occur.
    """
    columns = [_renumber(factors[:, k]) for k in range(factors.shape[1])]
    classes = np.stack([column for column, _ in columns], axis=1)
    return classes, tuple(size for _, size in columns)


def _renumber(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Returns values as 0, 1, ... in their order, and how many there are."""
    lowest, highest = int(values.min()), int(values.max())
    if highest - lowest > 2 * len(values):  # far-flung values: a table of them would be too long
        present, classes = np.unique(values, return_inverse=True)
        return classes, len(present)
    present = np.bincount(values - lowest) > 0
    return (np.cumsum(present) - 1)[values - lowest], int(present.sum())
