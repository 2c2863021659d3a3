"""Scores that need no factors: how dependent are the codes on each other?

Locatello et al. 2019, "Challenging common assumptions in the unsupervised learning of disentangled
representations", as disentanglement_lib's unsupervised_metrics has them.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf.metrics import checks, histogram, protocols

PROTOCOLS = {"disentanglement_lib": {"full": 10_000, "fast": 2_000}}


def unsupervised_scores(
    codes: ArrayLike,
    factors: ArrayLike | None = None,
    *,
    seed: int = 0,
    protocol: str = "disentanglement_lib",
    settings: str = "full",
) -> dict[str, Any]:
    """Returns scores of the dependence between codes: 0 for independent ones, the lower the better.

    With C the covariance of the codes over 10,000 images and V its diagonal, as if the codes were
    Gaussian, as disentanglement_lib computes it:
        gaussian_total_correlation = (sum_i log V[i] - log det C) / 2, in nats: the KL divergence
            from the product of the marginals;
        gaussian_wasserstein_correlation = 2 trace(C) - 2 trace(sqrt(V**0.5 C V**0.5)): the squared
            2-Wasserstein distance to it, in the codes' unit squared; `_norm`: divided by trace(C);
        mutual_info_score: mutual information of two codes in 20 bins, the mean over all pairs,
            in nats. Independent codes have about 0.018: the bias of counting 10,000 in 400 cells.

    Constant codes take no part in the total correlation; the library's is NaN. If a code is a
    linear function of others, it is infinite; an eigenvalue of the correlation matrix below
    code_dim * 2.2e-16 then counts as that number, which makes 17 nats or so, and `rank` tells.

    Args:
        codes: finite numbers, [n, code_dim].
        factors: not used, there so that it is called like any metric; checked where given.
        seed: fixes the images that are drawn.
        protocol: a name in `PROTOCOLS`.
        settings: "full" for the published number of images, or "fast".

    Returns:
        "score", the Gaussian total correlation; "gaussian_total_correlation";
        "gaussian_wasserstein_correlation"; "gaussian_wasserstein_correlation_norm";
        "mutual_info_score"; "rank", that of the covariance; "num_active_dims", how many codes
        vary; "protocol"; "settings"; "seed".

    Raises:
        ValueError: codes, factors, seed, protocol or settings can't be used.
    """
    points = protocols.choose(PROTOCOLS, protocol, settings)
    rng = protocols.generator(seed)
    if factors is None:
        codes = checks.check_codes(codes)
    else:
        codes, _ = checks.check_codes_and_factors(codes, factors)
    codes = codes[protocols.draw_points(rng, len(codes), points)]
    active = codes[:, np.ptp(codes, axis=0) > 0]
    covariance = np.atleast_2d(np.cov(active, rowvar=False)) if active.size else np.zeros([0, 0])

    total_correlation, rank = gaussian_total_correlation(covariance)
    wasserstein = gaussian_wasserstein_correlation(covariance)
    details = {
        "gaussian_total_correlation": total_correlation,
        "gaussian_wasserstein_correlation": wasserstein,
        "gaussian_wasserstein_correlation_norm": (
            wasserstein / np.trace(covariance) if active.size else 0.0
        ),
        "mutual_info_score": mean_pairwise_information(codes),
        "rank": rank,
        "num_active_dims": active.shape[1],
    }
    return protocols.result(
        total_correlation, details, protocol=protocol, settings=settings, seed=seed
    )


def gaussian_total_correlation(covariance: np.ndarray) -> tuple[float, int]:
    """Returns the total correlation of a Gaussian: -log(det R) / 2, with R the correlation matrix.

    Args:
        covariance: positive on its diagonal, float64 [d, d]; d may be 0.

    Returns:
        total_correlation: nats, >= 0.
        rank: how many eigenvalues of R are more than rounding.
    """
    if len(covariance) == 0:
        return 0.0, 0
    scale = np.sqrt(np.diag(covariance))
    eigenvalues = np.linalg.eigvalsh(covariance / np.outer(scale, scale))
    floor = len(covariance) * np.finfo(np.float64).eps
    total_correlation = -0.5 * np.sum(np.log(np.maximum(eigenvalues, floor)))
    return max(0.0, float(total_correlation)), int(np.sum(eigenvalues > floor))


def gaussian_wasserstein_correlation(covariance: np.ndarray) -> float:
    """Returns the squared 2-Wasserstein distance of a Gaussian to the product of its marginals.

    Args:
        covariance: float64 [d, d]; d may be 0.

    Returns:
        distance: >= 0, in the unit of the covariance.
    """
    scale = np.sqrt(np.diag(covariance))
    # sqrt(V**0.5 C V**0.5) has the trace of the library's sqrt(V C), and is symmetric.
    eigenvalues = np.linalg.eigvalsh(covariance * np.outer(scale, scale))
    trace_of_root = np.sum(np.sqrt(np.maximum(eigenvalues, 0.0)))
    return max(0.0, float(2 * np.trace(covariance) - 2 * trace_of_root))


def mean_pairwise_information(codes: np.ndarray) -> float:
    """Returns the mutual information of two codes, averaged over all pairs, in nats.

    Args:
        codes: float64 [n, code_dim].

    Returns:
        information: >= 0; 0 if there is one code only.
    """
    code_dim = codes.shape[1]
    if code_dim == 1:
        return 0.0
    bins = histogram.discretize(codes)
    information = histogram.mutual_information(bins, bins)
    return float((information.sum() - np.trace(information)) / (code_dim * (code_dim - 1)))
