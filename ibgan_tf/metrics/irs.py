"""IRS, the interventional robustness score: how far can changing the other factors move a code?

Suter, Miladinovic, Schoelkopf and Bauer 2019, "Robustly disentangled causal mechanisms: validating
deep representations for interventional robustness".
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf.metrics import checks, histogram, protocols
from ibgan_tf.metrics.factor_index import factor_classes


@dataclasses.dataclass(frozen=True, kw_only=True)
class IRSSizes:
    """What a protocol and its settings fix.

    Attributes:
        num_points: images drawn.
        quantile: which quantile of the deviations stands for the largest.
        discretized: whether factors are put into 20 bins.
    """

    num_points: int
    quantile: float
    discretized: bool


_DISENTANGLEMENT_LIB = IRSSizes(num_points=10_000, quantile=0.99, discretized=True)
_PAPER = IRSSizes(num_points=10_000, quantile=1.0, discretized=False)

PROTOCOLS = {
    "disentanglement_lib": {
        "full": _DISENTANGLEMENT_LIB,
        "fast": dataclasses.replace(_DISENTANGLEMENT_LIB, num_points=2_000),
    },
    "paper": {"full": _PAPER, "fast": dataclasses.replace(_PAPER, num_points=2_000)},
}


def irs(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    seed: int = 0,
    protocol: str = "disentanglement_lib",
    settings: str = "full",
) -> dict[str, Any]:
    """Returns the interventional robustness score, 0..1.

    Code i deviates, where factor j has the value g, by |z_i - E[z_i | g]|; D[i, j] is the largest
    such deviation, averaged over the values g, and M[i] the largest |z_i - E[z_i]| of all. The
    score of a code is 1 - D[i, j] / M[i] for its best factor, and the whole score the mean over
    the codes, weighted by M. A code that depends on one factor alone has 1, whatever else holds
    the same factor: duplicated codes cost nothing. Constant codes take no part, and if all are
    constant the score is 0.

    The score is high for noise, too: M is a maximum and the quantile of disentanglement_lib is
    not, so codes with long tails that know nothing score well above 0.

    Protocols:
        disentanglement_lib: 10,000 images, the 0.99 quantile for the largest deviation (not for M),
            factors in 20 equally wide bins. A factor of more than 20 values shares bins, so that
            even the code that is that factor scores a little below 1. `num_active_dims` is the
            number of codes that vary; the library returns the sum of their values.
        paper: the largest deviation itself, each factor value by itself. Over a sample of images,
            10,000, where the paper takes all of them: the maxima are a little lower.

    Args:
        codes: finite numbers, [n, code_dim].
        factors: whole numbers, [n, num_factors]: a complete grid, in any order, or a sample of one.
        seed: fixes the images that are drawn.
        protocol: a name in `PROTOCOLS`.
        settings: "full" for the published number of images, or "fast".

    Returns:
        "score"; "score_per_code" [code_dim], 0 for constant codes; "score_matrix"
        [code_dim, num_factors]; "parents" [code_dim], the best factor of each code, -1 for
        constant codes; "max_deviations" [code_dim], M; "num_active_dims"; "protocol"; "settings";
        "seed".

    Raises:
        ValueError: codes, factors, seed, protocol or settings can't be used.
    """
    sizes = protocols.choose(PROTOCOLS, protocol, settings)
    rng = protocols.generator(seed)
    codes, factors = checks.check_codes_and_factors(codes, factors)
    rows = protocols.draw_points(rng, len(codes), sizes.num_points)
    codes, factors = codes[rows], factors[rows]
    groups = histogram.discretize(factors.astype(np.float64)) if sizes.discretized else factors

    active = np.ptp(codes, axis=0) > 0
    max_deviations = np.where(active, np.abs(codes - codes.mean(axis=0)).max(axis=0), 0.0)
    deviations = mean_deviations(codes, groups, sizes.quantile)  # [code_dim, num_factors]
    matrix = 1.0 - deviations / np.where(active, max_deviations, 1.0)[:, np.newaxis]
    matrix[~active] = 0.0
    per_code = matrix.max(axis=1)
    details = {
        "score_per_code": per_code,
        "score_matrix": matrix,
        "parents": np.where(active, matrix.argmax(axis=1), -1),
        "max_deviations": max_deviations,
        "num_active_dims": active.sum(),
    }
    score = np.sum(per_code * max_deviations) / max_deviations.sum() if active.any() else 0.0
    return protocols.result(score, details, protocol=protocol, settings=settings, seed=seed)


def mean_deviations(codes: np.ndarray, groups: np.ndarray, quantile: float) -> np.ndarray:
    """Returns how far codes deviate from their mean where a factor is fixed.

    Args:
        codes: float64 [n, code_dim].
        groups: the factors' values, int64 [n, num_factors].
        quantile: which quantile of the deviations is taken, 0..1; 1 for their maximum.

    Returns:
        deviations: the quantile, averaged over the factor's values, float64
            [code_dim, num_factors].
    """
    groups, sizes = factor_classes(groups)
    deviations = np.zeros([codes.shape[1], len(sizes)])
    for j, size in enumerate(sizes):
        for value in range(size):
            group = codes[groups[:, j] == value]
            deviations[:, j] += np.quantile(np.abs(group - group.mean(axis=0)), quantile, axis=0)
        deviations[:, j] /= size
    return deviations
