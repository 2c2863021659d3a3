"""Checks what a user hands to a metric: the table of codes and the table of factors."""

import numpy as np
from numpy.typing import ArrayLike


def check_codes_and_factors(
    codes: ArrayLike, factors: ArrayLike, *, min_factors: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Returns codes and factors as arrays that every metric can take.

    A constant column of codes is allowed, and so are codes that are all constant: each metric
    gives them a defined value.

    Args:
        codes: finite numbers, row i is the code of image i, [n, code_dim].
        factors: whole numbers, row i holds the factor classes of image i, [n, num_factors].
        min_factors: how many factors the metric needs to mean anything.

    Returns:
        codes: float64 [n, code_dim].
        factors: int64 [n, num_factors].

    Raises:
        ValueError: a shape, a number or a factor doesn't fit; the message says which.
    """
    codes, factors = check_codes(codes), _check_whole_numbers(factors)
    if len(codes) != len(factors):
        raise ValueError(
            "codes and factors must have one row for each image. "
            f"Received: codes with {len(codes)} rows, factors with {len(factors)} rows."
        )
    if factors.shape[1] < min_factors:
        raise ValueError(
            f"factors must have at least {min_factors} columns for this metric. "
            f"Received: shape={factors.shape}."
        )
    for column in np.flatnonzero(factors.min(axis=0) == factors.max(axis=0)):
        raise ValueError(
            "each factor must have at least two values: leave the constant ones out. "
            f"Received: factors[:, {column}] is {factors[0, column]} in every row."
        )
    return codes, factors


def check_codes(codes: ArrayLike) -> np.ndarray:
    """Returns codes as an array.

    Args:
        codes: finite numbers, [n, code_dim], at least two rows.

    Returns:
        codes: float64 [n, code_dim].

    Raises:
        ValueError: they aren't finite numbers of that shape.
    """
    array = np.asarray(codes)
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "fiu":
        raise ValueError(
            "codes must be numbers of shape [n, code_dim]. "
            f"Received: shape={array.shape}, dtype={array.dtype}."
        )
    if len(array) < 2:
        raise ValueError(f"codes must have at least two rows. Received: shape={array.shape}.")
    finite = np.isfinite(array).all(axis=0)
    if not finite.all():
        column = int(np.argmin(finite))
        row = int(np.argmin(np.isfinite(array[:, column])))
        raise ValueError(
            f"codes must be finite. Received: codes[{row}, {column}]={array[row, column]}."
        )
    return array.astype(np.float64)


def _check_whole_numbers(factors: ArrayLike) -> np.ndarray:
    """Returns factors as int64 [n, num_factors], or raises ValueError."""
    array = np.asarray(factors)
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "fiu":
        raise ValueError(
            "factors must be whole numbers of shape [n, num_factors]. "
            f"Received: shape={array.shape}, dtype={array.dtype}."
        )
    if array.dtype.kind == "f":
        whole = np.isfinite(array) & (array == np.floor(array))
        if not whole.all():
            row, column = np.argwhere(~whole)[0]
            raise ValueError(
                "factors must be whole numbers, the class of each factor. "
                f"Received: factors[{row}, {column}]={array[row, column]}."
            )
    return array.astype(np.int64)
