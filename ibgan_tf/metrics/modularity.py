"""Modularity: does each code dimension know only one factor?

Ridgeway and Mozer 2018 (the F-statistic loss), section 3, as disentanglement_lib computes it.
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


def modularity(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    seed: int = 0,
    protocol: str = "disentanglement_lib",
    settings: str = "full",
) -> dict[str, Any]:
    """Returns the modularity of the codes, 0..1.

    mean over dimensions of 1 - sum over the other factors of I**2 / (max I**2 * (num_factors - 1)),
    where I is the mutual information with a factor; 0 for a dimension that knows nothing at all.
    It doesn't ask how much is known: the plug-in estimate gives noise a little information, more
    on factors of many values, so that a noisy dimension of dSprites scores above 0, far from the
    0 of a constant one. Several dimensions that know the same factor aren't punished.

    Protocols:
        disentanglement_lib: 10,000 images, 20 equally wide bins for each dimension.
        infogan_cr: the same on a tenth of all the images (of a sample, as many as that is of
            dSprites, 73,728, or as it has rows, drawn with replacement): less bias, and so a noisy
            dimension scores otherwise. (A constant one is an undefined number there; here it is 0.)

    Args:
        codes: finite numbers, [n, code_dim].
        factors: whole numbers, at least two factors, [n, num_factors]: a complete grid or a sample
            of one.
        seed: fixes which images are drawn.
        protocol: a name in `PROTOCOLS`.
        settings: "full" for the published number of images, or "fast".

    Returns:
        "score"; "dim_modularity" [code_dim]; "information" [code_dim, num_factors], nats;
        "num_informative_dims", those that aren't 0 by definition; "protocol"; "settings"; "seed".

    Raises:
        ValueError: codes, factors, seed, protocol or settings can't be used.
    """
    points = protocols.choose(PROTOCOLS, protocol, settings)
    rng = protocols.generator(seed)
    codes, factors = checks.check_codes_and_factors(codes, factors, min_factors=2)

    rows = protocols.draw_points(rng, len(codes), protocols.number_of_points(points, factors))
    classes, _ = factor_classes(factors[rows])
    information = histogram.mutual_information(histogram.discretize(codes[rows]), classes)
    dim_modularity = modularity_of_dims(information)
    details = {
        "dim_modularity": dim_modularity,
        "information": information,
        "num_informative_dims": (information.max(axis=1) > 0).sum(),
    }
    return protocols.result(
        dim_modularity.mean(), details, protocol=protocol, settings=settings, seed=seed
    )


def modularity_of_dims(information: np.ndarray) -> np.ndarray:
    """Returns how much each dimension keeps to one factor.

    Args:
        information: nats, float64 [code_dim, num_factors], at least two factors.

    Returns:
        modularity: float64 [code_dim], 0..1; 0 for a dimension without information.
    """
    squared = information**2
    largest = squared.max(axis=1)  # [code_dim]
    others = squared.sum(axis=1) - largest
    worst = largest * (information.shape[1] - 1)  # all factors known equally well
    spread = np.divide(others, worst, out=np.ones_like(others), where=worst > 0)
    return 1 - spread
