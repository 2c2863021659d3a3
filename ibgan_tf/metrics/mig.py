"""The mutual information gap: how much more one code dimension knows of a factor than the next.

Chen et al. 2018 (beta-TCVAE), section 4, as disentanglement_lib computes it.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf.metrics import checks, histogram, protocols
from ibgan_tf.metrics.factor_index import factor_classes

# Number of images, or the share of all of them.
PROTOCOLS: dict[str, dict[str, int | float]] = {
    "disentanglement_lib": {"full": 10_000, "fast": 2_000},
    "infogan_cr": {"full": 0.1, "fast": 0.02},
}


def mig(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    seed: int = 0,
    protocol: str = "disentanglement_lib",
    settings: str = "full",
) -> dict[str, Any]:
    """Returns the mutual information gap, 0..1.

    mean over factors k of (I_1 - I_2) / H(k), where I_1 and I_2 are the largest and the second
    largest mutual information of a code dimension with factor k. Codes without any information,
    and codes that hold everything twice, score 0.

    Protocols:
        disentanglement_lib: 10,000 images, 20 equally wide bins for each code dimension, the
            plug-in estimate. The estimate's bias is larger for factors of many values, and cancels
            in the gap only in part; an outlier widens all bins of its dimension, and a factor of
            more than 20 values can't reach 1. Other bins or numbers of images: not comparable.
        infogan_cr: the same on a tenth of all the images; of a sample, on as many as that is of
            dSprites, 73,728, or as it has rows, drawn with replacement.

    Args:
        codes: finite numbers, [n, code_dim].
        factors: whole numbers, [n, num_factors]: a complete grid or a sample of one.
        seed: fixes which images are drawn.
        protocol: a name in `PROTOCOLS`.
        settings: "full" for the published number of images, or "fast".

    Returns:
        "score"; "gaps" [num_factors], each factor's normalised gap; "best_dims" [num_factors], the
        dimension that knows most of it; "information" [code_dim, num_factors], nats; "entropy"
        [num_factors], nats; "protocol"; "settings"; "seed".

    Raises:
        ValueError: codes, factors, seed, protocol or settings can't be used.
    """
    points = protocols.choose(PROTOCOLS, protocol, settings)
    rng = protocols.generator(seed)
    codes, factors = checks.check_codes_and_factors(codes, factors)

    rows = protocols.draw_points(rng, len(codes), protocols.number_of_points(points, factors))
    classes, _ = factor_classes(factors[rows])
    information = histogram.mutual_information(histogram.discretize(codes[rows]), classes)
    entropy = histogram.entropy(classes)
    gaps = information_gaps(information, entropy)
    details = {
        "gaps": gaps,
        "best_dims": information.argmax(axis=0),
        "information": information,
        "entropy": entropy,
    }
    return protocols.result(gaps.mean(), details, protocol=protocol, settings=settings, seed=seed)


def information_gaps(information: np.ndarray, entropy: np.ndarray) -> np.ndarray:
    """Returns each factor's gap between the two best dimensions, over its entropy.

    Args:
        information: nats, float64 [code_dim, num_factors]; a missing second dimension has none.
        entropy: nats, float64 [num_factors].

    Returns:
        gaps: float64 [num_factors], 0..1; 0 for a factor that doesn't vary.
    """
    padded = np.vstack([information, np.zeros_like(entropy)])
    ordered = np.sort(padded, axis=0)[::-1]
    gaps = np.zeros_like(entropy)
    return np.divide(ordered[0] - ordered[1], entropy, out=gaps, where=entropy > 0)
