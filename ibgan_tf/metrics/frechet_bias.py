"""How far apart the Frechet distance finds two samples of one distribution."""

import numpy as np


def expected_distance(variances: np.ndarray, *, num_real: int, num_generated: int) -> float:
    """Returns the average Frechet distance of two samples from one Gaussian, to first order in 1/n.

    In the basis of the eigenvectors of the covariance C, let D be the difference of the samples'
    covariances. The means differ by Tr(C) (1/n + 1/m) on average; to second order in D the rest is
    sum_ij D_ij^2 / (2 (v_i + v_j)), and D_ij^2 is on average
    v_i v_j (1 + [i = j]) (1/(n-1) + 1/(m-1)). Non-Gaussian features of the same covariance have
    other, mostly larger, averages: 5-20 % for rectified Gaussians.

    Args:
        variances: eigenvalues v of the covariance C, >= 0, [features_dim].
        num_real: number of samples n >= 2 of the one kind.
        num_generated: number of samples m >= 2 of the other.

    Returns:
        distance: >= 0, 0 only if all variances are.
    """
    present = variances[variances > 0.0]
    sums = present[:, None] + present
    products = np.outer(present, present) * (1.0 + np.eye(len(present)))
    of_means = present.sum() * (1.0 / num_real + 1.0 / num_generated)
    of_covariances = (products / (2.0 * sums)).sum()
    return float(of_means + of_covariances * (1.0 / (num_real - 1) + 1.0 / (num_generated - 1)))
