"""Explicitness: can a linear classifier read each factor from the codes?

Ridgeway and Mozer 2018 (the F-statistic loss), section 3, as disentanglement_lib computes it.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf.metrics import checks, columns, logistic, protocols


@dataclasses.dataclass(frozen=True, kw_only=True)
class PointProtocol:
    """What a protocol fixes.

    Attributes:
        train_points: images that the classifiers are trained on, their number or the share of all
            of them.
        test_points: fresh images that give the explicitness; 0 where the training images do.
        standardize: whether the classifiers see codes of mean 0 and variance 1.
        one_vs_rest: whether they are those of scikit-learn before 0.22, see `logistic`.
    """

    train_points: int | float
    test_points: int = 0
    standardize: bool = False
    one_vs_rest: bool = False


_DISENTANGLEMENT_LIB = PointProtocol(train_points=10_000, test_points=5_000, standardize=True)
_INFOGAN_CR = PointProtocol(train_points=0.1, one_vs_rest=True)
_FAST = {"train_points": 2_000, "test_points": 1_000}

PROTOCOLS = {
    "disentanglement_lib": {
        "full": _DISENTANGLEMENT_LIB,
        "fast": dataclasses.replace(_DISENTANGLEMENT_LIB, **_FAST),
    },
    "disentanglement_lib_2019": {
        "full": dataclasses.replace(_DISENTANGLEMENT_LIB, one_vs_rest=True),
        "fast": dataclasses.replace(_DISENTANGLEMENT_LIB, one_vs_rest=True, **_FAST),
    },
    "infogan_cr": {
        "full": _INFOGAN_CR,
        "fast": dataclasses.replace(_INFOGAN_CR, train_points=0.02),
    },
}


def explicitness(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    seed: int = 0,
    protocol: str = "disentanglement_lib",
    settings: str = "full",
) -> dict[str, Any]:
    """Returns the explicitness of the codes: how well logistic regression reads each factor.

    mean over factors of the area under the ROC curve of each value against the rest: 0.5 for codes
    without any information, 1 for perfect ones. It doesn't ask which dimension knows what.

    Protocols:
        disentanglement_lib: trained on 10,000 images, scored on 5,000 fresh ones, on codes
            standardised by the training images; of a sample, the fresh ones are drawn from a third
            of the rows, and the others from the rest. What the library gives with today's
            scikit-learn.
        disentanglement_lib_2019: the same with the classifiers that scikit-learn had before 0.22,
            as in Locatello et al. 2019. Each of them only rises or falls along a dimension, so
            that factors of many values score lower: not comparable; see `logistic`.
        infogan_cr: trained and scored on a tenth of all the images (of a sample, as many as that
            is of dSprites, 73,728, or as it has rows, drawn with replacement), codes as they are,
            and the former classifiers (the code is Python 2).

    Args:
        codes: finite numbers, [n, code_dim].
        factors: whole numbers, [n, num_factors]: a complete grid or a sample of one.
        seed: fixes which images are drawn.
        protocol: a name in `PROTOCOLS`.
        settings: "full" for the published number of images, or "fast".

    Returns:
        "score"; "train_auc"; "test_auc" (None if the protocol has no fresh images); "factor_auc"
        [num_factors], by the images that give the score; "converged", whether each factor's
        classifier did; "protocol"; "settings"; "seed".

    Raises:
        ValueError: codes, factors, seed, protocol or settings can't be used.
    """
    sizes = protocols.choose(PROTOCOLS, protocol, settings)
    rng = protocols.generator(seed)
    codes, factors = checks.check_codes_and_factors(codes, factors)

    rows = protocols.draw_train_and_test(rng, factors, sizes.train_points, sizes.test_points)
    rows = rows if sizes.test_points else rows[:1]
    tables = [codes[drawn] for drawn in rows]
    if sizes.standardize:
        tables = columns.standardize(*tables)
    labels = [factors[drawn] for drawn in rows]
    by_factor = [
        _areas(tables, [table[:, k] for table in labels], one_vs_rest=sizes.one_vs_rest)
        for k in range(factors.shape[1])
    ]
    areas = np.array([areas for areas, _ in by_factor])  # [num_factors, one or two tables]
    details = {
        "train_auc": areas[:, 0].mean(),
        "test_auc": areas[:, 1].mean() if sizes.test_points else None,
        "factor_auc": areas[:, -1],
        "converged": [converged for _, converged in by_factor],
    }
    return protocols.result(
        areas[:, -1].mean(), details, protocol=protocol, settings=settings, seed=seed
    )


def _areas(
    tables: list[np.ndarray], labels: list[np.ndarray], *, one_vs_rest: bool
) -> tuple[list[float], bool]:
    """Returns how well a classifier that was trained on the first table reads a factor in each.

    Args:
        tables: codes, float64 [n, code_dim] each.
        labels: the factor, int64 [n] each.
        one_vs_rest: which classifier, see `logistic`.

    Returns:
        areas: the mean area under the ROC curve in each table; 0.5 for a factor that doesn't vary
            in the first.
        converged: whether the classifier did.
    """
    if np.ptp(labels[0]) == 0:
        return [0.5] * len(tables), True
    classifier, converged = logistic.fit_logistic_regression(
        tables[0], labels[0], one_vs_rest=one_vs_rest
    )
    areas = [
        mean_area_under_curve(
            classifier.predict_proba(table), truth[:, np.newaxis] == classifier.classes_
        )
        for table, truth in zip(tables, labels, strict=True)
    ]
    return areas, converged


def mean_area_under_curve(probability: np.ndarray, truth: np.ndarray) -> float:
    """Returns the area under the ROC curve of each column, averaged.

    It is the chance that a true example has a larger probability than a false one, ties counting
    half (Mann and Whitney), so that it follows from ranks: all columns at once.

    Args:
        probability: float64 [n, num_values].
        truth: bool [n, num_values].

    Returns:
        area: 0..1; columns without a true or without a false example are left out; 0.5 if all are.
    """
    from scipy.stats import rankdata

    num_true = truth.sum(axis=0)
    pairs = num_true * (len(truth) - num_true)
    ranks = rankdata(probability, axis=0)
    wins = np.sum(ranks * truth, axis=0) - num_true * (num_true + 1) / 2
    return float(np.mean(wins[pairs > 0] / pairs[pairs > 0])) if pairs.any() else 0.5
