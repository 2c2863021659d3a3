"""The beta-VAE score: can a linear classifier tell which factor two sets of images share?

Higgins et al. 2017, section 3, as disentanglement_lib and InfoGAN-CR compute it.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf.metrics import checks, logistic, protocols
from ibgan_tf.metrics.factor_index import FactorIndex

CHUNK_NUMBERS = 2**18  # codes that are gathered at a time: they fit the processor's cache


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairProtocol:
    """What a protocol fixes.

    Attributes:
        train_points: groups of pairs that the classifier is trained on.
        eval_points: fresh groups that give the score; 0 where the training groups do.
        num_pairs: pairs of each group.
        one_value: whether all the pairs of a group share one value, instead of each its own.
        balanced: whether the factors take turns, instead of being drawn.
        one_vs_rest: whether the classifier is that of scikit-learn before 0.22, see `logistic`.
    """

    train_points: int
    eval_points: int = 0
    num_pairs: int
    one_value: bool = False
    balanced: bool = False
    one_vs_rest: bool = False


_DISENTANGLEMENT_LIB = PairProtocol(train_points=10_000, eval_points=5_000, num_pairs=64)
_INFOGAN_CR = PairProtocol(
    train_points=500, num_pairs=50, one_value=True, balanced=True, one_vs_rest=True
)

_FAST = {"train_points": 1_000, "eval_points": 500}

PROTOCOLS = {
    "disentanglement_lib": {
        "full": _DISENTANGLEMENT_LIB,
        "fast": dataclasses.replace(_DISENTANGLEMENT_LIB, **_FAST),
    },
    "disentanglement_lib_2019": {
        "full": dataclasses.replace(_DISENTANGLEMENT_LIB, one_vs_rest=True),
        "fast": dataclasses.replace(_DISENTANGLEMENT_LIB, one_vs_rest=True, **_FAST),
    },
    "infogan_cr": {"full": _INFOGAN_CR, "fast": dataclasses.replace(_INFOGAN_CR, train_points=200)},
}


def beta_vae_score(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    seed: int = 0,
    protocol: str = "disentanglement_lib",
    settings: str = "full",
) -> dict[str, Any]:
    """Returns the beta-VAE score: the accuracy of a linear classifier of the shared factor, 0..1.

    A point is the mean absolute difference of the codes over pairs of images that share the value
    of one factor; its label is the factor. Codes without any information score about
    1 / num_factors. A linear classifier reads several dimensions at once, so that the score hardly
    punishes a factor that is spread over many, and depends on the codes' scale: the penalty of
    scikit-learn's default is strong on small codes.

    Protocols:
        disentanglement_lib: 10,000 points for training, 5,000 for the score, of 64 pairs; each
            pair shares a value of its own. What the library gives with today's scikit-learn.
        disentanglement_lib_2019: the same with the classifier that scikit-learn had before 0.22,
            as in Locatello et al. 2019; see `logistic`. Here the difference is small.
        infogan_cr: the training accuracy on 500 points of 50 pairs that all share one value, each
            factor equally often, and the former classifier (the code is Python 2): not comparable
            with the others.

    Args:
        codes: finite numbers, [n, code_dim].
        factors: whole numbers, at least two factors, [n, num_factors]: a complete grid, in any
            order, or a sample of one.
        seed: fixes every draw.
        protocol: a name in `PROTOCOLS`.
        settings: "full" for the published number of points, or "fast".

    Returns:
        "score"; "train_accuracy"; "eval_accuracy" (None if the protocol has no fresh points);
        "factor_accuracy" [num_factors], the part of each factor's points that are classified
        right, by the points that give the score; "converged", whether the classifier's optimizer
        did; "protocol"; "settings"; "seed".

    Raises:
        ValueError: codes, factors, seed, protocol or settings can't be used.
    """
    sizes = protocols.choose(PROTOCOLS, protocol, settings)
    rng = protocols.generator(seed)
    codes, factors = checks.check_codes_and_factors(codes, factors, min_factors=2)
    index = FactorIndex(factors)

    labels, first, second = draw_pairs(rng, index, sizes.train_points, sizes)
    points = mean_differences(codes, first, second)
    classifier, converged = logistic.fit_logistic_regression(
        points, labels, one_vs_rest=sizes.one_vs_rest
    )
    right = classifier.predict(points) == labels
    details = {"train_accuracy": right.mean(), "eval_accuracy": None}
    if sizes.eval_points:
        labels, first, second = draw_pairs(rng, index, sizes.eval_points, sizes)
        right = classifier.predict(mean_differences(codes, first, second)) == labels
        details["eval_accuracy"] = right.mean()
    details["factor_accuracy"] = np.bincount(
        labels, weights=right, minlength=index.num_factors
    ) / np.maximum(1, np.bincount(labels, minlength=index.num_factors))
    details["converged"] = converged
    return protocols.result(right.mean(), details, protocol=protocol, settings=settings, seed=seed)


def draw_pairs(
    rng: np.random.Generator, index: FactorIndex, num_points: int, sizes: PairProtocol
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns pairs of images that share a factor.

    Args:
        rng: source of randomness.
        index: of the images.
        num_points: number of groups of pairs.
        sizes: the protocol.

    Returns:
        factor: which factor the pairs of a group share, int64 [num_points].
        first: rows of one image of each pair, int64 [num_points, num_pairs].
        second: rows of the other, int64 [num_points, num_pairs].
    """
    if sizes.balanced:
        factor = np.arange(num_points) % index.num_factors
    else:
        factor = rng.integers(index.num_factors, size=num_points)
    shape = (num_points, sizes.num_pairs)
    if sizes.one_value:
        with_value = np.broadcast_to(index.draw(rng, (num_points, 1)), shape)
        first = index.draw_sharing(rng, with_value, factor[:, np.newaxis])
    else:
        first = index.draw(rng, shape)
    return factor, first, index.draw_sharing(rng, first, factor[:, np.newaxis])


def mean_differences(codes: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the mean absolute difference between the codes of pairs of images.

    Args:
        codes: float64 [n, code_dim].
        first: one image of each pair, int64 [num_points, num_pairs].
        second: the other, int64 [num_points, num_pairs].

    Returns:
        points: float64 [num_points, code_dim], >= 0.
    """
    points = np.empty([len(first), codes.shape[1]])
    step = max(1, CHUNK_NUMBERS // (first.shape[1] * codes.shape[1]))
    for start in range(0, len(first), step):
        chunk = slice(start, start + step)
        difference = np.abs(codes[first[chunk]] - codes[second[chunk]])
        points[chunk] = np.einsum("vpd->vd", difference) / first.shape[1]
    return points
