"""What several metrics do with the columns of a table."""

import numpy as np


def standardize(table: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Returns tables, scaled so that each column of the first has mean 0 and variance 1.

    A column that is constant in the first becomes 0 in all.

    Args:
        table: float64 [n, columns].
        *others: float64 [m, columns], scaled as the first.

    Returns:
        tables: the first and the others.
    """
    mean, deviation = table.mean(axis=0), table.std(axis=0)
    varies = np.ptp(table, axis=0) > 0  # rounding may leave a deviation above 0
    scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)
    return [(own - mean) * scale for own in (table, *others)]
