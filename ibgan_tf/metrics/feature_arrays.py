"""What image metrics accept: arrays of features or logits, one row for each image."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

_LARGEST = 1e50  # the sixth power, which the kernel distance takes, is still finite


def check_rows(values: ArrayLike, *, name: str, min_columns: int = 1) -> np.ndarray:
    """Returns features or logits of images as an array.

    Args:
        values: finite numbers, [n, width].
        name: of the argument, for messages.
        min_columns: the smallest width.

    Returns:
        rows: float64 [n, width], n >= 2.

    Raises:
        TypeError: they aren't numbers.
        ValueError: another shape, fewer than two rows, or a number isn't finite or is huge.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be numbers. Received: dtype={array.dtype}.")
    if array.ndim != 2 or len(array) < 2 or array.shape[1] < min_columns:
        raise ValueError(
            f"{name} must be of shape [n, width], n >= 2, width >= {min_columns}. "
            f"Received: shape={array.shape}."
        )
    array = array.astype(np.float64)
    usable = (np.abs(array) < _LARGEST).all(axis=1)  # NaN is not
    if not usable.all():
        raise ValueError(
            f"{name} must be finite, and below {_LARGEST} in size. Received: {(~usable).sum()} of "
            f"{len(array)} rows with other numbers, the first is row {usable.argmin()}. Check the "
            "images that they are of."
        )
    return array


def check_pair(real: ArrayLike, generated: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Returns features of real and of generated images as arrays.

    Args:
        real: finite numbers, [num_real, features_dim].
        generated: finite numbers, [num_generated, features_dim].

    Returns:
        real, generated: float64, of the same shapes.

    Raises:
        TypeError: they aren't numbers.
        ValueError: what `check_rows` refuses, or their widths differ.
    """
    real = check_rows(real, name="real_features")
    generated = check_rows(generated, name="generated_features")
    if real.shape[1] != generated.shape[1]:
        raise ValueError(
            "real_features and generated_features must have the same width. Received: "
            f"real_features={real.shape}, generated_features={generated.shape}. Take both from "
            "the same network."
        )
    return real, generated


def check_enough(counts: Sequence[int], *, features_dim: int) -> None:
    """Checks that a covariance can be estimated from samples.

    Args:
        counts: number of real and of generated samples.
        features_dim: width of the features.

    Raises:
        ValueError: there are fewer samples than dimensions.
    """
    if min(counts) < features_dim:
        raise ValueError(
            f"A Frechet distance of features of width {features_dim} must have at least "
            f"{features_dim} samples of each kind, better 10,000. Received: "
            f"num_real={counts[0]}, num_generated={counts[1]}. Take more samples, or the kernel "
            "distance, which has no such limit."
        )


def constant_warnings(real: np.ndarray, generated: np.ndarray) -> list[str]:
    """Returns a warning for each array of features whose rows are all equal."""
    pairs = {"real": real, "generated": generated}
    return [
        f"all {len(rows)} {kind} images have the same features"
        for kind, rows in pairs.items()
        if not np.ptp(rows, axis=0).any()
    ]
