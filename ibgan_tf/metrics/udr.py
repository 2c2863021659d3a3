"""UDR, the unsupervised disentanglement ranking: do runs agree on their codes but for the order?

Duan et al. 2020, "Unsupervised model selection for variational disentangled representation
learning". It ranks runs without factors, on the idea that runs that disentangle are alike and those
that don't are each entangled in their own way.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf.metrics import checks, columns, protocols

MIN_KL = 0.01  # nats; a dimension with less is uninformative
LASSO_ALPHA = 0.1

PROTOCOLS = {
    "lasso": {"full": 1_000, "fast": 200},
    "spearman": {"full": 1_000, "fast": 200},
}


def udr(
    codes: Sequence[ArrayLike],
    kl: Sequence[ArrayLike],
    *,
    seed: int = 0,
    protocol: str = "lasso",
    settings: str = "full",
) -> dict[str, Any]:
    """Returns a score for each of several runs: the median of how well the others agree with it.

    With R[a, b] >= 0 the strength of the relation of code a of run i to code b of run j, among the
    dimensions whose mean KL is above 0.01 nats, two runs agree as far as
        UDR[i, j] = (mean_b max_a R[a, b]**2 / sum_a R[a, b]
                     + mean_a max_b R[a, b]**2 / sum_b R[a, b]) / 2
    and the score of run j is the median of UDR[i, j] over i != j. A code that relates to nothing
    adds 0 to its mean, and runs without an informative dimension agree with nobody. As
    disentanglement_lib's udr_sklearn; the means of rows and columns weigh the same there even where
    the runs' numbers of informative dimensions differ.

    Protocols:
        lasso: R is |coefficient| of Lasso(alpha=0.1), which predicts run j's standardised codes
            from run i's, so R[i, j] and R[j, i] differ. The penalty costs each coefficient about
            0.1: runs that agree entirely, with independent codes, have 0.9, not 1.
        spearman: R is |Spearman's rank correlation|; runs that agree entirely have 1.

    Codes of runs of different widths can be compared, which the library can't.

    Args:
        codes: each run's codes of the same images, in the same order: at least two tables of
            [n, code_dim] finite numbers.
        kl: each run's mean KL from the prior of each dimension, nats, [code_dim].
        seed: fixes which 1,000 of the images are taken, where there are more.
        protocol: a name in `PROTOCOLS`.
        settings: "full" for the published number of images, or "fast".

    Returns:
        "score", a list with a number for each run, 0..1; "best_run", the index of the highest;
        "pairwise" [num_runs, num_runs], UDR[i, j], 0 on the diagonal; "informative_dims", bools,
        [code_dim] for each run; "num_points"; "protocol"; "settings"; "seed".

    Raises:
        ValueError: codes, kl, seed, protocol or settings can't be used.
    """
    points = protocols.choose(PROTOCOLS, protocol, settings)
    rng = protocols.generator(seed)
    tables, informative = _check_runs(codes, kl)
    num_rows = len(tables[0])
    rows = rng.choice(num_rows, size=min(points, num_rows), replace=False)
    relation = _lasso_relation if protocol == "lasso" else _rank_correlation
    kept = [table[rows][:, mask] for table, mask in zip(tables, informative, strict=True)]
    pairwise = _pairwise_scores([columns.standardize(table)[0] for table in kept], relation)
    others = ~np.eye(len(kept), dtype=bool)
    scores = np.array([np.median(pairwise[others[:, j], j]) for j in range(len(kept))])
    return {
        "score": scores.tolist(),
        "best_run": int(scores.argmax()),
        "pairwise": pairwise.tolist(),
        "informative_dims": [mask.tolist() for mask in informative],
        "num_points": len(rows),
        "protocol": protocol,
        "settings": settings,
        "seed": int(seed),
    }


def relative_strength(relation: np.ndarray) -> float:
    """Returns how nearly each code of one run relates to a single code of another, and strongly.

    Args:
        relation: >= 0, float64 [a, b].

    Returns:
        strength: UDR[i, j] as `udr` defines it; 0 if either run has no codes.
    """
    if relation.size == 0:
        return 0.0
    strengths = []
    for axis in (0, 1):
        total = relation.sum(axis=axis)
        highest = relation.max(axis=axis)
        strengths.append(np.mean(highest**2 / np.where(total > 0, total, 1.0)))
    return float(np.mean(strengths))


def _check_runs(
    codes: Sequence[ArrayLike], kl: Sequence[ArrayLike]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Returns each run's codes, float64 [n, code_dim], and which are informative, [code_dim]."""
    if len(codes) < 2 or len(codes) != len(kl):
        raise ValueError(
            "UDR must have the codes and the kl of at least two runs. "
            f"Received: {len(codes)} tables of codes, {len(kl)} of kl."
        )
    tables = [checks.check_codes(table) for table in codes]
    if len({len(table) for table in tables}) > 1:
        raise ValueError(
            "the runs' codes must be of the same images, row for row. "
            f"Received: tables with {', '.join(str(len(table)) for table in tables)} rows."
        )
    informative = []
    for run, (table, values) in enumerate(zip(tables, kl, strict=True)):
        values = np.asarray(values, np.float64)
        if values.shape != table.shape[1:] or not np.isfinite(values).all():
            raise ValueError(
                f"kl must be finite, one number for each of a run's {table.shape[1]} codes. "
                f"Received: kl[{run}]={values.tolist()}."
            )
        informative.append(values > MIN_KL)
    return tables, informative


def _pairwise_scores(
    tables: Sequence[np.ndarray], relation: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Returns UDR[i, j], 0 on the diagonal, float64 [num_runs, num_runs]."""
    scores = np.zeros([len(tables), len(tables)])
    for i, source in enumerate(tables):
        for j, target in enumerate(tables):
            if i != j and source.size and target.size:
                scores[i, j] = relative_strength(relation(source, target))
    return scores


def _lasso_relation(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Returns |coefficient| of each source code for each target code, float64 [a, b]."""
    from sklearn.linear_model import Lasso

    relation = np.zeros([source.shape[1], target.shape[1]])
    varies = target.any(axis=0)  # nothing is to be learnt of constant codes
    if varies.any():
        coefficients = Lasso(alpha=LASSO_ALPHA).fit(source, target[:, varies]).coef_
        relation[:, varies] = np.abs(np.atleast_2d(coefficients)).T
    return relation


def _rank_correlation(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Returns |Spearman's correlation| of each two codes, 0 for constant ones, float64 [a, b]."""
    from scipy.stats import rankdata

    (source,), (target,) = (columns.standardize(rankdata(own, axis=0)) for own in (source, target))
    return np.abs(source.T @ target) / len(source)
