"""Discretises codes and counts their information about the factors, in nats; NumPy alone."""

import numpy as np

NUM_BINS = 20  # disentanglement_lib's histogram_discretizer, in every published table


def discretize(codes: np.ndarray, num_bins: int = NUM_BINS) -> np.ndarray:
    """Returns the bin of each code among equally wide ones between its column's extremes.

    The same bins as disentanglement_lib's histogram discretiser: np.digitize by the left edges of
    np.histogram. A constant column, or one that varies by less than floats can divide, is one bin.

    Args:
        codes: finite numbers, float64 [n, code_dim].
        num_bins: number of bins of each column.

    Returns:
        bins: int64 [n, code_dim], 0..num_bins - 1.
    """
    bins = np.zeros(codes.shape, np.int64)
    for d in range(codes.shape[1]):
        column = codes[:, d]
        lowest, highest = column.min(), column.max()
        if highest - lowest > num_bins * np.spacing(max(abs(lowest), abs(highest))):
            bins[:, d] = np.digitize(column, np.histogram_bin_edges(column, num_bins)[:-1]) - 1
    return bins


def mutual_information(bins: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Returns the mutual information of each pair of columns, in nats.

    It is that of the counts (the plug-in estimate), as sklearn.metrics.mutual_info_score computes
    it: independent columns of n rows with a and b values have about (a - 1) * (b - 1) / (2 * n)
    nats, not 0.

    Args:
        bins: whole numbers >= 0, int64 [n, a].
        classes: whole numbers >= 0, int64 [n, b].

    Returns:
        information: float64 [a, b], >= 0.
    """
    information = np.empty([bins.shape[1], classes.shape[1]])
    for i in range(bins.shape[1]):
        for j in range(classes.shape[1]):
            information[i, j] = _mutual_information(bins[:, i], classes[:, j])
    return information


def entropy(classes: np.ndarray) -> np.ndarray:
    """Returns the entropy of each column, in nats.

    Args:
        classes: whole numbers >= 0, int64 [n, b].

    Returns:
        entropy: float64 [b], >= 0.
    """
    return np.array([_entropy(np.bincount(column)) for column in classes.T])


def _entropy(counts: np.ndarray) -> float:
    """Returns the entropy of a distribution that is given by counts, in nats."""
    probability = counts[counts > 0] / counts.sum()
    return max(0.0, float(-np.sum(probability * np.log(probability))))


def _mutual_information(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the mutual information of two columns of whole numbers >= 0, in nats."""
    num_second = int(second.max()) + 1
    num_cells = (int(first.max()) + 1) * num_second
    counts = np.bincount(first * num_second + second, minlength=num_cells)
    counts = counts.reshape(-1, num_second)
    i, j = np.nonzero(counts)
    joint = counts[i, j] / len(first)
    first_marginal = counts.sum(axis=1)[i] / len(first)
    second_marginal = counts.sum(axis=0)[j] / len(first)
    log_ratio = np.log(joint) - np.log(first_marginal) - np.log(second_marginal)
    information = float(np.sum(joint * log_ratio))
    # Rounding leaves some 1e-16 where there is none: a dead code must be seen to be dead.
    return information if information > np.finfo(np.float64).eps else 0.0
