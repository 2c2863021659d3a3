"""The FactorVAE score: can a majority vote tell the fixed factor by the code that varies least?

Kim and Mnih 2018, section 4. What they leave open differs between code bases, and the numbers of
different protocols are not comparable; `PROTOCOLS` names three.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf.metrics import checks, protocols
from ibgan_tf.metrics.factor_index import FactorIndex

CHUNK_NUMBERS = 2**18  # codes that are gathered at a time: they fit the processor's cache


@dataclasses.dataclass(frozen=True, kw_only=True)
class VoteProtocol:
    """What a protocol fixes.

    Attributes:
        train_votes: votes that the majority classifier is made from.
        eval_votes: fresh votes that give the score; 0 where the training votes do.
        batch_size: images of each vote.
        variance_points: random images that give the global variance; 0 for the training votes' own
            images.
        variance_fraction: the same as a share of all the images, drawn without replacement.
        min_std: dimensions with a smaller standard deviation never win a vote.
        balanced: whether the factors take turns, instead of being drawn.
    """

    train_votes: int
    eval_votes: int = 0
    batch_size: int
    variance_points: int = 0
    variance_fraction: float = 0.0
    min_std: float = 0.0
    balanced: bool = False


# The literature's threshold 0.05 is on the standard deviation in disentanglement_lib (its paper
# says variance) and on the variance in IB-GAN's evaluator.
_DISENTANGLEMENT_LIB = VoteProtocol(
    train_votes=10_000, eval_votes=5_000, batch_size=64, variance_points=10_000, min_std=0.05
)
_IBGAN = VoteProtocol(train_votes=800, batch_size=200, min_std=0.05**0.5)
_INFOGAN_CR = VoteProtocol(train_votes=500, batch_size=100, variance_fraction=0.1, balanced=True)

PROTOCOLS = {
    "disentanglement_lib": {
        "full": _DISENTANGLEMENT_LIB,
        "fast": dataclasses.replace(_DISENTANGLEMENT_LIB, train_votes=1_000, eval_votes=500),
    },
    "ibgan": {"full": _IBGAN, "fast": dataclasses.replace(_IBGAN, train_votes=200)},
    "infogan_cr": {"full": _INFOGAN_CR, "fast": dataclasses.replace(_INFOGAN_CR, train_votes=200)},
}


def factor_vae_score(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    seed: int = 0,
    protocol: str = "disentanglement_lib",
    settings: str = "full",
) -> dict[str, Any]:
    """Returns the FactorVAE score: the accuracy of the majority vote, 0..1.

    A vote fixes one factor over a batch of images and names the code dimension whose variance,
    divided by its global variance, is smallest. A classifier then says for each dimension which
    factor it was most often named for. Codes without any information score about 1 / num_factors.

    Protocols:
        disentanglement_lib: the score is the accuracy on fresh votes. Dimensions whose standard
            deviation is below 0.05 are left out, and the score is 0 if all are. Locatello et al.
            2019 and most tables since. `num_active_dims` is the true number; the library always
            returns the number of dimensions.
        ibgan: the training votes' accuracy, a multiple of 1 / 800: optimistic by a little.
            Dimensions whose variance is below 0.05 are left out. The global variance is that of
            the vote images. The votes' factors are drawn uniformly, which the official code, given
            prepared folders, leaves open. It prints the best checkpoint's score beside each; of
            which the published 0.80 is, nobody says.
        infogan_cr: the training votes' accuracy; each factor has the same number of votes; nothing
            is left out, but a constant dimension never wins a vote (dividing 0 by 0, the original
            names it always). `revised_score` counts only the num_factors best dimensions. The
            global variance is of a tenth of all images; of a sample, of as many as that is of
            dSprites, 73,728, or of all its rows.

    Args:
        codes: finite numbers, [n, code_dim].
        factors: whole numbers, at least two factors, [n, num_factors]: a complete grid, in any
            order, or a sample of one.
        seed: fixes every draw.
        protocol: a name in `PROTOCOLS`.
        settings: "full" for the published number of votes, or "fast".

    Returns:
        "score"; "train_accuracy"; "eval_accuracy" (None if the protocol has no fresh votes);
        "revised_score"; "factor_accuracy" [num_factors], the part of each factor's votes that are
        classified right, by the votes that give the score; "train_votes" [num_factors, code_dim],
        counts; "active_dims" [code_dim], bools; "num_active_dims"; "protocol"; "settings"; "seed".

    Raises:
        ValueError: codes, factors, seed, protocol or settings can't be used.
    """
    sizes = protocols.choose(PROTOCOLS, protocol, settings)
    rng = protocols.generator(seed)
    codes, factors = checks.check_codes_and_factors(codes, factors, min_factors=2)
    index = FactorIndex(factors)

    train_factor, train_rows = _draw_votes(rng, index, sizes.train_votes, sizes)
    global_variance = _global_variance(rng, codes, factors, train_rows, sizes)
    active = np.sqrt(global_variance) >= sizes.min_std  # [code_dim]
    details = {"active_dims": active, "num_active_dims": active.sum()}

    winners = least_varying(codes, train_rows, global_variance, active)
    train_votes = _count_votes(train_factor, winners, index.num_factors, active)
    eval_votes = None
    if sizes.eval_votes:
        eval_factor, eval_rows = _draw_votes(rng, index, sizes.eval_votes, sizes)
        winners = least_varying(codes, eval_rows, global_variance, active)
        eval_votes = _count_votes(eval_factor, winners, index.num_factors, active)
    details = majority_accuracies(train_votes, eval_votes) | details | {"train_votes": train_votes}
    score = details["train_accuracy" if eval_votes is None else "eval_accuracy"]
    return protocols.result(score, details, protocol=protocol, settings=settings, seed=seed)


def _draw_votes(
    rng: np.random.Generator, index: FactorIndex, num_votes: int, sizes: VoteProtocol
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the fixed factor, int64 [num_votes], and the rows [num_votes, batch] of each vote."""
    if sizes.balanced:
        factor = np.arange(num_votes) % index.num_factors
    else:
        factor = rng.integers(index.num_factors, size=num_votes)
    with_value = index.draw(rng, (num_votes, 1))  # the row that has the fixed value
    with_value = np.broadcast_to(with_value, (num_votes, sizes.batch_size))
    return factor, index.draw_sharing(rng, with_value, factor[:, np.newaxis])


def _global_variance(
    rng: np.random.Generator,
    codes: np.ndarray,
    factors: np.ndarray,
    vote_rows: np.ndarray,
    sizes: VoteProtocol,
) -> np.ndarray:
    """Returns the variance that each dimension is normalised by, float64 [code_dim]."""
    if sizes.variance_points:
        rows = protocols.draw_points(rng, len(codes), sizes.variance_points)
    elif sizes.variance_fraction:
        count = max(2, protocols.number_of_points(sizes.variance_fraction, factors))
        rows = rng.choice(len(codes), size=count, replace=False)
    else:
        rows = vote_rows.reshape(-1)
    sample = codes[rows]  # [points, code_dim]
    variance = np.var(sample, axis=0, ddof=1)
    return np.where(np.ptp(sample, axis=0) > 0, variance, 0.0)  # rounding leaves 1e-34 for 0


def least_varying(
    codes: np.ndarray, rows: np.ndarray, global_variance: np.ndarray, active: np.ndarray
) -> np.ndarray:
    """Returns the dimension of the smallest local over global variance in each vote.

    Args:
        codes: float64 [n, code_dim].
        rows: the images of each vote, int64 [num_votes, batch_size].
        global_variance: >= 0, float64 [code_dim].
        active: which dimensions take part, bool [code_dim].

    Returns:
        dimension: int64 [num_votes]; a dimension that takes no part or has no variance wins only
            if all are such, and then it is 0.
    """
    usable = active & (global_variance > 0)
    winners = np.zeros(len(rows), np.int64)
    if not usable.any():
        return winners
    dimensions = np.flatnonzero(usable)
    codes = codes[:, dimensions] / np.sqrt(global_variance[dimensions])
    step = max(1, CHUNK_NUMBERS // (rows.shape[1] * len(dimensions)))
    for start in range(0, len(rows), step):
        variance = _relative_variance(codes[rows[start : start + step]])  # [step, dimensions]
        winners[start : start + step] = dimensions[np.argmin(variance, axis=1)]
    return winners


def _relative_variance(batch: np.ndarray) -> np.ndarray:
    """Returns batch_size times the variance over axis 1 of [votes, batch_size, code_dim].

    Differences from the first image make that of equal codes exactly 0, and keep the others'
    from cancelling.
    """
    batch = batch - batch[:, :1]
    total = np.einsum("vbd->vd", batch)
    return np.einsum("vbd,vbd->vd", batch, batch) - total**2 / batch.shape[1]


def _count_votes(
    factor: np.ndarray, winners: np.ndarray, num_factors: int, active: np.ndarray
) -> np.ndarray:
    """Returns how often each dimension won under each factor, int64 [num_factors, code_dim]."""
    shape = (num_factors, len(active))
    if not active.any():
        return np.zeros(shape, np.int64)
    cells = np.bincount(factor * len(active) + winners, minlength=num_factors * len(active))
    return cells.reshape(shape)


def majority_accuracies(train_votes: np.ndarray, eval_votes: np.ndarray | None) -> dict[str, Any]:
    """Returns the accuracies of the classifier that says what most training votes said.

    Args:
        train_votes: how often each dimension won under each factor, int64 [num_factors, code_dim].
        eval_votes: the same of fresh votes, or None to score the training votes.

    Returns:
        "train_accuracy"; "eval_accuracy", None without fresh votes; "revised_score" and
        "factor_accuracy" [num_factors], of the votes that give the score. 0 where there are none.
    """
    classifier = np.argmax(train_votes, axis=0)  # [code_dim], the factor each dimension stands for
    dimensions = np.arange(train_votes.shape[1])
    scored = train_votes if eval_votes is None else eval_votes
    right = np.zeros_like(scored)
    right[classifier, dimensions] = scored[classifier, dimensions]
    best = np.sort(right.sum(axis=0))[::-1][: len(scored)]  # the num_factors best dimensions
    train_right = train_votes[classifier, dimensions].sum()
    return {
        "train_accuracy": train_right / max(1, train_votes.sum()),
        "eval_accuracy": None if eval_votes is None else right.sum() / max(1, eval_votes.sum()),
        "revised_score": best.sum() / max(1, scored.sum()),
        "factor_accuracy": right.sum(axis=1) / np.maximum(1, scored.sum(axis=1)),
    }
