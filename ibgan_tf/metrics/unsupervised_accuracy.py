"""Classification without labels: how often does a categorical code agree with the true classes?

A code's categories have no names, so they must be matched with the classes first, and the ways of
doing so give different numbers: papers that name none (such as InfoVAEGAN's table 1)
can be compared with either only with care.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf.metrics import protocols

PROTOCOLS = {"hungarian": {"full": None, "fast": None}, "majority": {"full": None, "fast": None}}


def unsupervised_accuracy(
    codes: ArrayLike,
    labels: ArrayLike,
    *,
    seed: int = 0,
    protocol: str = "hungarian",
    settings: str = "full",
) -> dict[str, Any]:
    """Returns the accuracy of a categorical code as a classifier, 0..1.

    The matching is made on the same images that are counted: give it held-out ones.

    Protocols:
        hungarian: each category is matched with one class at most and each class with one category
            at most, so that most images are right (the assignment problem, Kuhn 1955). A category
            too many is wrong throughout.
        majority: each category stands for its commonest class. It is never lower, and grows with
            the number of categories: with one for each image it is 1.

    Args:
        codes: each image's category, whole numbers [n] or [n, 1], or numbers of which the largest
            tells it (probabilities, logits, one-hot), [n, num_categories].
        labels: each image's true class, whole numbers [n] or [n, 1].
        seed: recorded; nothing is drawn.
        protocol: which of the two is the score; both are in the result.
        settings: recorded; "full" and "fast" are the same.

    Returns:
        "score"; "hungarian"; "majority"; "categories" [a] and "classes" [b], the values that occur;
        "confusion" [a, b], counts; "hungarian_match" and "majority_match" [a], the class of each
        category, None for one that is left over; "protocol"; "settings"; "seed".

    Raises:
        ValueError: codes, labels, seed, protocol or settings can't be used.
    """
    protocols.choose(PROTOCOLS, protocol, settings)
    protocols.generator(seed)
    codes, labels = _categories(codes), _whole_numbers(labels, "labels")
    if len(codes) != len(labels):
        raise ValueError(
            "codes and labels must have one row for each image. "
            f"Received: codes with {len(codes)} rows, labels with {len(labels)} rows."
        )
    categories, classes, confusion = _confusion(codes, labels)
    hungarian, match = hungarian_accuracy(confusion)
    majority = confusion.argmax(axis=1)
    details = {
        "hungarian": hungarian,
        "majority": float(confusion.max(axis=1).sum() / confusion.sum()),
        "categories": categories,
        "classes": classes,
        "confusion": confusion,
        "hungarian_match": [int(classes[j]) if j >= 0 else None for j in match],
        "majority_match": classes[majority],
    }
    return protocols.result(
        details[protocol], details, protocol=protocol, settings=settings, seed=seed
    )


def hungarian_accuracy(confusion: np.ndarray) -> tuple[float, np.ndarray]:
    """Returns the accuracy of the best one-to-one matching of categories with classes.

    Args:
        confusion: counts, int64 [num_categories, num_classes].

    Returns:
        accuracy: 0..1.
        match: the class of each category, -1 for one that is left over, int64 [num_categories].
    """
    from scipy.optimize import linear_sum_assignment

    matched, classes = linear_sum_assignment(confusion, maximize=True)
    match = np.full(len(confusion), -1)
    match[matched] = classes
    return float(confusion[matched, classes].sum() / confusion.sum()), match


def _confusion(codes: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the categories [a] and the classes [b] that occur, and the counts of each pair."""
    categories, code_index = np.unique(codes, return_inverse=True)
    classes, label_index = np.unique(labels, return_inverse=True)
    cells = np.bincount(
        code_index * len(classes) + label_index, minlength=len(categories) * len(classes)
    )
    return categories, classes, cells.reshape(len(categories), len(classes))


def _categories(codes: ArrayLike) -> np.ndarray:
    """Returns each image's category, int64 [n]."""
    array = np.asarray(codes)
    if array.ndim != 2 or array.shape[1] == 1:
        return _whole_numbers(array, "codes")
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all() or array.size == 0:
        raise ValueError(
            "codes must be finite numbers of shape [n, num_categories]. "
            f"Received: shape={array.shape}, dtype={array.dtype}."
        )
    return array.argmax(axis=1)


def _whole_numbers(values: ArrayLike, name: str) -> np.ndarray:
    """Returns whole numbers of shape [n] or [n, 1] as int64 [n]."""
    array = np.asarray(values)
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    is_whole = array.dtype.kind in "iu" or (
        array.dtype.kind == "f" and np.isfinite(array).all() and np.all(array == np.floor(array))
    )
    if array.ndim != 1 or len(array) == 0 or not is_whole:
        raise ValueError(
            f"{name} must be whole numbers of shape [n] or [n, 1]. "
            f"Received: shape={np.shape(values)}, dtype={array.dtype}."
        )
    return array.astype(np.int64)
