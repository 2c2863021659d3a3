"""DCI: is each code important for one factor (disentanglement), each factor told by one code
(completeness), and how well are the factors told at all (informativeness)?

Eastwood and Williams 2018, "A framework for the quantitative evaluation of disentangled
representations", section 2. A regressor or classifier per factor gives a matrix of importances, and
the numbers depend on which, disentanglement_lib's or InfoGAN-CR's: those of different protocols are
not comparable.
"""

import dataclasses
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf.metrics import checks, columns, parallel, protocols
from ibgan_tf.metrics.gradient_boosting import NUM_STAGES, fit_boosted_trees

# The depths of the forests for shape, scale, orientation, x and y in InfoGAN-CR's code: "the
# parameters that IBGAN paper uses".
IBGAN_MAX_DEPTHS = (4, 2, 4, 2, 2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DCISizes:
    """What a protocol and its settings fix.

    Attributes:
        num_train: images that the classifiers or regressors learn from; a float is the share of
            all images.
        num_test: fresh images for the informativeness; 0 where the protocol has none.
        num_trees: stages of boosting (each a tree for each class), or trees of a forest.
    """

    num_train: int | float
    num_test: int = 0
    num_trees: int


NUM_FACTORS = {"infogan_cr": len(IBGAN_MAX_DEPTHS)}  # of protocols that are for so many alone
PROTOCOLS = {
    "disentanglement_lib": {
        "full": DCISizes(num_train=10_000, num_test=5_000, num_trees=NUM_STAGES),
        "fast": DCISizes(num_train=1_000, num_test=500, num_trees=10),
    },
    "infogan_cr": {
        # RandomForestRegressor's default number of trees was 10 when that code was written.
        "full": DCISizes(num_train=0.1, num_trees=10),
        "fast": DCISizes(num_train=0.02, num_trees=10),
    },
}


def dci(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    seed: int = 0,
    protocol: str = "disentanglement_lib",
    settings: str = "full",
    num_jobs: int | None = None,
) -> dict[str, Any]:
    """Returns disentanglement (the score), completeness and informativeness, each 0..1.

    With R[i, j] the importance of code i for factor j, P[i, j] = R[i, j] / sum_j R[i, j] and
    rho[i] = sum_j R[i, j] / sum_ij R[i, j], for K factors and D codes:
        disentanglement = sum_i rho[i] * (1 + sum_j P[i, j] * log(P[i, j]) / log(K))
    and completeness is the same over columns, with D for K. A code that is important for nothing
    has no weight; if none is important for anything, both are 0. Two equal codes leave the
    disentanglement as it is and cost completeness log(2) / log(D).

    Protocols:
        disentanglement_lib: gradient boosted trees as GradientBoostingClassifier() grows them (see
            gradient_boosting.py), 10,000 training images, informativeness by accuracy on these and
            on 5,000 others; of a sample, these are drawn from a third of the rows, and the training
            images from the rest. In Locatello et al. 2019 and most tables since.
        infogan_cr: RandomForestRegressor of 10 trees, depths 4, 2, 4, 2, 2, a tenth of all images,
            codes and factor values standardised: compare it with the published DCI of IB-GAN (0.67)
            and InfoGAN (0.41) only. Shape and orientation are taken for numbers, completeness is
            the plain mean over the factors, and there is no informativeness, only `oob_r2`, which
            takes the mean for the one image in a hundred that is in every tree's bag. For the five
            factors of dSprites in their order; any other number of factors is refused, because
            nothing says what their depths would be. A code that is important for nothing, for
            which the original divides 0 by 0, has no weight. Of a sample, a tenth is that of
            dSprites, 73,728, or all its rows, drawn with replacement: equal rows make `oob_r2` too
            high.

    The fast settings have fewer images and, for boosting, 10 stages; the numbers are lower.

    Args:
        codes: finite numbers, [n, code_dim].
        factors: whole numbers, at least two factors, [n, num_factors]: a complete grid, in any
            order, or a sample of one.
        seed: fixes the images that are drawn, and the choice between equally good splits.
        protocol: a name in `PROTOCOLS`.
        settings: "full" for the published sizes, or "fast".
        num_jobs: processes that share the factors, 1 for this one only, None for one on each core;
            the result is the same.

    Returns:
        "score"; "disentanglement"; "completeness"; "disentanglement_per_code" and "code_weights"
        [code_dim]; "completeness_per_factor" [num_factors]; "importances" [code_dim, num_factors];
        "informativeness_train" and "informativeness_test", None if there is none, and both again
        with "_per_factor" [num_factors] ("oob_r2" [num_factors] for infogan_cr); "protocol";
        "settings"; "seed".

    Raises:
        ValueError: codes, factors, seed, protocol, settings or num_jobs can't be used.
    """
    sizes = protocols.choose(PROTOCOLS, protocol, settings)
    rng = protocols.generator(seed)
    codes, factors = checks.check_codes_and_factors(codes, factors, min_factors=2)
    if protocol == "infogan_cr":
        details = _by_random_forests(codes, factors, sizes, rng, num_jobs)
    else:
        details = _by_boosted_trees(codes, factors, sizes, rng, num_jobs)
    return protocols.result(
        details["disentanglement"], details, protocol=protocol, settings=settings, seed=seed
    )


def disentanglement(importances: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Returns how far each row of importances is from being spread evenly, on average.

    Args:
        importances: >= 0, float64 [code_dim, num_factors]; transposed, the result is completeness.

    Returns:
        score: the average by weight; 0 if all importances are 0.
        per_row: 1 - H(row) / log(num_factors), 0..1; 0 for a row of zeros, float64 [code_dim].
        weights: the rows' shares of the sum; 0 if all importances are 0, float64 [code_dim].
    """
    row_sums = importances.sum(axis=1)
    shares = importances / np.where(row_sums > 0, row_sums, 1.0)[:, np.newaxis]
    entropy = -np.sum(shares * np.log(np.where(shares > 0, shares, 1.0)), axis=1)
    num_columns = importances.shape[1]
    evenness = entropy / np.log(num_columns) if num_columns > 1 else entropy
    per_row = np.where(row_sums > 0, np.clip(1.0 - evenness, 0.0, 1.0), 0.0)
    weights = row_sums / max(row_sums.sum(), np.finfo(np.float64).tiny)
    return float(np.sum(per_row * weights)), per_row, weights


def _importance_details(importances: np.ndarray, *, weigh_factors: bool) -> dict[str, Any]:
    """Returns everything that follows from the importances, [code_dim, num_factors]."""
    score, per_code, code_weights = disentanglement(importances)
    completeness, per_factor, _ = disentanglement(importances.T)
    return {
        "disentanglement": score,
        "completeness": completeness if weigh_factors else float(per_factor.mean()),
        "disentanglement_per_code": per_code,
        "code_weights": code_weights,
        "completeness_per_factor": per_factor,
        "importances": importances,
    }


def _by_boosted_trees(
    codes: np.ndarray,
    factors: np.ndarray,
    sizes: DCISizes,
    rng: np.random.Generator,
    num_jobs: int | None,
) -> dict[str, Any]:
    """Returns the details of disentanglement_lib's protocol."""
    train, test = protocols.draw_train_and_test(rng, factors, sizes.num_train, sizes.num_test)
    num_factors = factors.shape[1]
    num_values = [len(np.unique(factors[train, k])) for k in range(num_factors)]
    longest_first = np.argsort(num_values)[::-1]  # a tree for each value
    generators = rng.spawn(num_factors)
    calls = [
        (codes[train], factors[train, k], codes[test], factors[test, k], generators[k], sizes)
        for k in longest_first
    ]
    found = parallel.call_each(_boost_one_factor, calls, num_jobs=num_jobs)
    importances, train_accuracy, test_accuracy = (
        np.stack(column)[np.argsort(longest_first)] for column in zip(*found, strict=True)
    )
    return _importance_details(importances.T, weigh_factors=True) | {
        "informativeness_train": train_accuracy.mean(),
        "informativeness_test": test_accuracy.mean(),
        "informativeness_train_per_factor": train_accuracy,
        "informativeness_test_per_factor": test_accuracy,
    }


def _boost_one_factor(
    codes: np.ndarray,
    classes: np.ndarray,
    test_codes: np.ndarray,
    test_classes: np.ndarray,
    rng: np.random.Generator,
    sizes: DCISizes,
) -> tuple[np.ndarray, float, float]:
    """Returns the importances [code_dim] for a factor, and the accuracies in training and test."""
    if classes.min() == classes.max():  # the draw missed every other value: nothing to learn
        return np.zeros(codes.shape[1]), 1.0, float(np.mean(test_classes == classes[0]))
    fit = fit_boosted_trees(codes, classes, test_codes, rng=rng, num_stages=sizes.num_trees)
    return (
        fit.importances,
        float(np.mean(fit.train_predictions == classes)),
        float(np.mean(fit.test_predictions == test_classes)),
    )


def _by_random_forests(
    codes: np.ndarray,
    factors: np.ndarray,
    sizes: DCISizes,
    rng: np.random.Generator,
    num_jobs: int | None,
) -> dict[str, Any]:
    """Returns the details of InfoGAN-CR's protocol."""
    if factors.shape[1] != len(IBGAN_MAX_DEPTHS):
        raise ValueError(
            "protocol infogan_cr has depths for the five factors of dSprites only: use another "
            f"protocol. Received: factors of shape={factors.shape}."
        )
    rows, _ = protocols.draw_train_and_test(rng, factors, sizes.num_train, sizes.num_test)
    (sample,) = columns.standardize(codes[rows])
    (targets,) = columns.standardize(factors[rows].astype(np.float64))
    calls = [
        (sample, targets[:, k], IBGAN_MAX_DEPTHS[k], sizes.num_trees, int(rng.integers(2**31)))
        for k in range(len(IBGAN_MAX_DEPTHS))
    ]
    found = parallel.call_each(_forest_of_one_factor, calls, num_jobs=num_jobs)
    importances = np.stack([one for one, _ in found], axis=1)
    return _importance_details(importances, weigh_factors=False) | {
        "informativeness_train": None,
        "informativeness_test": None,
        "oob_r2": [r2 for _, r2 in found],
    }


def _forest_of_one_factor(
    codes: np.ndarray, target: np.ndarray, max_depth: int, num_trees: int, seed: int
) -> tuple[np.ndarray, float]:
    """Returns the importances [code_dim] for a factor, and the R^2 of out-of-bag predictions."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(
        n_estimators=num_trees, max_depth=max_depth, oob_score=True, random_state=seed
    )
    with warnings.catch_warnings():
        # With 10 trees one image in a hundred is in every bag: its prediction is 0, the mean.
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores", UserWarning)
        forest.fit(codes, target)
    return forest.feature_importances_, float(forest.oob_score_)
