"""ModelCentrality: which of several models do the others agree with most, without factors?

Lin et al. 2020, "InfoGAN-CR and ModelCentrality: self-supervised model training and selection for
disentangling GANs". Each model in turn stands for the truth: it generates images in groups that
share the value of one of its codes, and the others, by the FactorVAE score's vote, say which one
it was. Models that disentangle have the same codes, and understand each other; the medoid, the
model nearest to all, is the one to take.

The paper's models have equally many codes, all of which it asks for. Here models of any widths are
compared, and codes that sleep in all of them would only lower every score: each model is asked for
as many codes as the one with the most that carry information, and one that has fewer generates
groups that share nothing in their place, which nobody can tell, as a sleeping code's. Chance is
the same for every model, and a collapsed one scores low, as in the paper. A sleeping dimension has
no vote, which it has in the paper. Where every code of every model is awake, nothing differs.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf.metrics import factor_vae


@dataclasses.dataclass(frozen=True, kw_only=True)
class GroupSizes:
    """How many images a model generates.

    Attributes:
        votes_per_code: groups that share the value of each code.
        group_size: images of a group.
        sample_size: images that share nothing, for the variance of each code.
    """

    votes_per_code: int
    group_size: int
    sample_size: int


# "full" as in the paper's gan_task_mc_generate_metric_data.py, whose sample is a tenth of dSprites.
PROTOCOLS = {
    "ibgan_tf": {
        "full": GroupSizes(votes_per_code=100, group_size=100, sample_size=73_728),
        "fast": GroupSizes(votes_per_code=40, group_size=32, sample_size=5_000),
    }
}


def vote_accuracy(
    group_codes: ArrayLike, shared: ArrayLike, sample_codes: ArrayLike, *, informative: ArrayLike
) -> float:
    """Returns how well a model's codes tell which code of another the images of a group share.

    A group votes for the dimension that varies least, relative to its variance over the sample;
    each dimension then stands for the code that it was most often named for. The part of the votes
    that this gets right, as the FactorVAE score's protocol infogan_cr.

    Args:
        group_codes: one model's codes of the other's images, [votes, group_size, code_dim].
        shared: the other's code that each group shares, whole numbers from 0 on, [votes]; groups
            of a number beyond its codes share nothing.
        sample_codes: codes of images that share nothing, [n, code_dim].
        informative: which dimensions take part, bools, [code_dim].

    Returns:
        accuracy: 0..1; 0 if no dimension takes part and varies.
    """
    groups, sample = np.asarray(group_codes, np.float64), np.asarray(sample_codes, np.float64)
    shared, informative = np.asarray(shared), np.asarray(informative, bool)
    num_votes, group_size, code_dim = groups.shape
    variance = np.where(np.ptp(sample, axis=0) > 0, np.var(sample, axis=0, ddof=1), 0.0)
    if not (informative & (variance > 0)).any():
        return 0.0
    winners = factor_vae.least_varying(
        groups.reshape(-1, code_dim),
        np.arange(num_votes * group_size).reshape(num_votes, group_size),
        variance,
        informative,
    )
    votes = np.zeros([shared.max() + 1, code_dim], np.int64)
    np.add.at(votes, (shared, winners), 1)
    return float(factor_vae.majority_accuracies(votes, None)["train_accuracy"])


def model_centrality(accuracies: ArrayLike) -> dict[str, Any]:
    """Returns how near each of several models is to all the others.

    With A[i, j] the accuracy of model i on the images of model j, two models are as alike as
        B[i, j] = (A[i, j] + A[j, i]) / 2
    and the score of model i is the mean of B[i, j] over j != i.

    Args:
        accuracies: A, of `vote_accuracy`, 0..1, [num_models, num_models]; the diagonal is not used.

    Returns:
        "score", a list with a number for each model, 0..1; "best_model", the index of the highest,
        the medoid; "similarity" [num_models, num_models], B, 0 on the diagonal.

    Raises:
        ValueError: there are fewer than two models, or a number isn't in 0..1.
    """
    accuracies = np.array(accuracies, np.float64)
    if accuracies.ndim != 2 or len(accuracies) < 2 or len(set(accuracies.shape)) > 1:
        raise ValueError(
            f"accuracies must be square, of two models or more. Received: shape={accuracies.shape}."
        )
    np.fill_diagonal(accuracies, 0.0)
    if not ((accuracies >= 0) & (accuracies <= 1)).all():
        raise ValueError(f"accuracies must lie in 0..1. Received: {accuracies.tolist()}.")
    similarity = (accuracies + accuracies.T) / 2
    scores = similarity.sum(axis=1) / (len(similarity) - 1)
    return {
        "score": scores.tolist(),
        "best_model": int(scores.argmax()),
        "similarity": similarity.tolist(),
    }
