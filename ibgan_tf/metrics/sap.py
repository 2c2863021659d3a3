"""SAP, the separated attribute predictability: does one code tell a factor better than all others?

Kumar, Sattigeri and Balakrishnan 2018, "Variational inference of disentangled latent concepts from
unlabeled observations", section 3; as disentanglement_lib and InfoGAN-CR compute it.
"""

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf.metrics import checks, protocols

MIN_VARIANCE = 1e-12  # a code that varies less explains nothing


@dataclasses.dataclass(frozen=True, kw_only=True)
class SAPSizes:
    """What a protocol and its settings fix.

    Attributes:
        num_train: images that the classifiers learn from and that correlations are taken over; a
            float is the share of all images.
        num_test: fresh images that the classifiers are scored on; 0 for the training images.
    """

    num_train: int | float
    num_test: int = 0


PROTOCOLS = {
    "disentanglement_lib": {
        "full": SAPSizes(num_train=10_000, num_test=5_000),
        "fast": SAPSizes(num_train=1_000, num_test=500),
    },
    "continuous": {"full": SAPSizes(num_train=10_000), "fast": SAPSizes(num_train=1_000)},
    "infogan_cr": {"full": SAPSizes(num_train=0.1), "fast": SAPSizes(num_train=0.02)},
}


def sap(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    seed: int = 0,
    protocol: str = "disentanglement_lib",
    settings: str = "full",
    categorical_factors: Sequence[int] = (0,),
) -> dict[str, Any]:
    """Returns the SAP score, 0..1.

    With S[i, j] how well code i alone tells factor j, the score is the mean over the factors of
    the best code's S less the second best's. Two equal codes make it 0 for their factor. With a
    single code the second best is 0.

    A linear classifier on one number can only tell the lowest and the highest value of a factor
    and a range or two between: even codes that are the factors score far below 1 under
    disentanglement_lib, less the more values there are.

    Protocols:
        disentanglement_lib: S is the accuracy on 5,000 images of
            LinearSVC(C=0.01, class_weight="balanced"), fitted to 10,000 others; of a sample, the
            5,000 are drawn from a third of the rows, and the others from the rest. The library's
            LinearSVC solved the dual problem and could stop early; this one solves the primal
            problem, which has the same solution.
        continuous: S is the squared correlation over 10,000 images (the library's
            `continuous_factors=True`), and 0 for codes whose variance is at most 1e-12.
        infogan_cr: over a tenth of all images, S is the squared correlation for continuous factors
            and the accuracy of the same classifier for categorical ones, on the images it was
            fitted to. Of a sample, a tenth is that of dSprites, 73,728, or as many as it has
            rows, drawn with replacement.

    A constant code gets the accuracy of the commonest value, which is what the classifier makes of
    it, or the squared correlation 0.

    Args:
        codes: finite numbers, [n, code_dim].
        factors: whole numbers, [n, num_factors]: a complete grid, in any order, or a sample of one.
        seed: fixes the images that are drawn.
        protocol: a name in `PROTOCOLS`.
        settings: "full" for the published sizes, or "fast".
        categorical_factors: for infogan_cr, which columns of `factors` are categories; in dSprites
            the shape, column 0. The other protocols ignore it.

    Returns:
        "score"; "score_per_factor" [num_factors]; "score_matrix" [code_dim, num_factors];
        "num_unconverged", the number of classifiers that stopped before their tolerance;
        "protocol"; "settings"; "seed".

    Raises:
        ValueError: codes, factors, seed, protocol, settings or categorical_factors can't be used.
    """
    sizes = protocols.choose(PROTOCOLS, protocol, settings)
    rng = protocols.generator(seed)
    codes, factors = checks.check_codes_and_factors(codes, factors)
    train, test = protocols.draw_train_and_test(rng, factors, sizes.num_train, sizes.num_test)

    matrix = squared_correlation(codes[train], factors[train])
    num_unconverged = 0
    for j in _classified(protocol, factors.shape[1], categorical_factors):
        for i in range(codes.shape[1]):
            matrix[i, j], converged = linear_accuracy(
                codes[train, i], factors[train, j], codes[test, i], factors[test, j]
            )
            num_unconverged += not converged
    ordered = np.sort(np.vstack([matrix, np.zeros(matrix.shape[1])]), axis=0)
    gaps = ordered[-1] - ordered[-2]  # [num_factors]
    details = {
        "score_per_factor": gaps,
        "score_matrix": matrix,
        "num_unconverged": num_unconverged,
    }
    return protocols.result(gaps.mean(), details, protocol=protocol, settings=settings, seed=seed)


def _classified(
    protocol: str, num_factors: int, categorical_factors: Sequence[int]
) -> Sequence[int]:
    """Returns the factors that a classifier tells; correlations tell the others."""
    if protocol == "disentanglement_lib":
        return range(num_factors)
    if protocol == "continuous":
        return ()
    for factor in categorical_factors:
        if not 0 <= factor < num_factors:
            raise ValueError(
                f"categorical_factors must be columns of factors, 0..{num_factors - 1}. "
                f"Received: categorical_factors={tuple(categorical_factors)}."
            )
    return categorical_factors


def squared_correlation(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Returns the squared correlation of each code with each factor.

    Args:
        codes: float64 [n, code_dim].
        factors: int64 [n, num_factors].

    Returns:
        squared_correlation: 0..1; 0 for a code whose variance is at most `MIN_VARIANCE` and for a
            factor with one value, float64 [code_dim, num_factors].
    """
    centred_codes = codes - codes.mean(axis=0)
    centred_factors = factors - factors.mean(axis=0)
    covariance = centred_codes.T @ centred_factors / (len(codes) - 1)
    code_variance = codes.var(axis=0, ddof=1)
    product = np.outer(code_variance, factors.var(axis=0, ddof=1))
    explained = (code_variance > MIN_VARIANCE)[:, np.newaxis] & (product > 0)
    return np.where(explained, covariance**2 / np.where(explained, product, 1.0), 0.0)


def linear_accuracy(
    code: np.ndarray, classes: np.ndarray, test_code: np.ndarray, test_classes: np.ndarray
) -> tuple[float, bool]:
    """Returns how often a linear support vector machine tells a factor by one code.

    Args:
        code: float64 [n].
        classes: the factor's values, int64 [n].
        test_code: float64 [num_test].
        test_classes: int64 [num_test].

    Returns:
        accuracy: on the test images, 0..1.
        converged: whether the machine reached its tolerance.
    """
    labels, counts = np.unique(classes, return_counts=True)
    if len(labels) == 1 or np.ptp(code) == 0:
        return float(np.mean(test_classes == labels[counts.argmax()])), True
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    classifier = LinearSVC(C=0.01, class_weight="balanced", dual=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # counted instead
        classifier.fit(code[:, np.newaxis], classes)
    right = classifier.predict(test_code[:, np.newaxis]) == test_classes
    return float(np.mean(right)), bool(classifier.n_iter_ < classifier.max_iter)
