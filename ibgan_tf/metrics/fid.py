"""Distances between real and generated images in the features of a network, computed by TF-GAN.

With Inception's features they are known as FID, KID and Inception score.
"""

import importlib.metadata
import logging

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from ibgan_tf import compat
from ibgan_tf.metrics import feature_arrays, frechet_bias

ENOUGH_SAMPLES = 10_000  # with fewer, a result warns of its bias
_TFGAN_THRESHOLD = 1e-10  # TF-GAN takes the square root of no singular value below it


def frechet_classifier_distance(
    real_features: ArrayLike, generated_features: ArrayLike
) -> dict[str, object]:
    """Returns the squared Frechet distance of the Gaussians that fit the features.

    |m - m_w|^2 + Tr(C + C_w - 2 (C C_w)^(1/2)), m and C mean and covariance of real, m_w and C_w of
    generated features; covariances are divided by n - 1. Heusel et al., 2017
    (https://arxiv.org/abs/1706.08500), eq. (6).

    The distance is >= 0, and what rounding leaves below 0 is reported as 0: see `unclamped`.

    Args:
        real_features: [num_real, features_dim], num_real >= features_dim.
        generated_features: [num_generated, features_dim], num_generated >= features_dim.

    Returns:
        result: `score`; `unclamped`, as TF-GAN computed it; `traces`, Tr(C + C_w); `expected_bias`,
            the score that samples of these sizes from one Gaussian with the real covariance have on
            average, to first order in 1/n; `num_real`, `num_generated`, `features_dim`;
            `implementation`; and `warnings`, which are logged too.

    Raises:
        TypeError, ValueError: what `feature_arrays.check_pair` refuses, or there are fewer samples
            than dimensions.
        FileNotFoundError: TF-GAN isn't installed.
    """
    real, generated = feature_arrays.check_pair(real_features, generated_features)
    counts = len(real), len(generated)
    feature_arrays.check_enough(counts, features_dim=real.shape[1])
    variances, generated_variances = map(_principal_variances, (real, generated))
    scale = _scale(max(variances[-1], generated_variances[-1]), real.shape[1])
    distance = compat.load_tfgan_eval().frechet_classifier_distance_from_activations(
        real / scale, generated / scale
    )
    unclamped = float(distance) * scale**2
    bias = frechet_bias.expected_distance(variances, num_real=counts[0], num_generated=counts[1])
    warnings = feature_arrays.constant_warnings(real, generated)
    if min(counts) < ENOUGH_SAMPLES:
        warnings.append(
            f"fewer than {ENOUGH_SAMPLES:,} samples: the score is too high, by about {bias:.4g} "
            "for a perfect generator; compare it only with scores of as many samples"
        )
    return {
        "score": max(unclamped, 0.0),
        "unclamped": unclamped,
        "traces": float(variances.sum() + generated_variances.sum()),
        "expected_bias": bias,
        **_record("frechet_classifier_distance", warnings, real, generated),
    }


def kernel_classifier_distance(
    real_features: ArrayLike,
    generated_features: ArrayLike,
    *,
    seed: int = 0,
    max_block_size: int = 1024,
) -> dict[str, object]:
    """Returns the squared maximum mean discrepancy of the features, kernel (x'y / width + 1)^3.

    Binkowski et al., 2018 (https://arxiv.org/abs/1801.01401), estimated over blocks. The estimate
    is unbiased at any number of samples, so it is negative about as often as positive where the
    features have one distribution; it is never clamped.

    Args:
        real_features: [num_real, features_dim].
        generated_features: [num_generated, features_dim].
        seed: of the order in which samples are put into blocks.
        max_block_size: most samples of a kind in a block, >= 2.

    Returns:
        result: `score`; `standard_error`, of the mean over blocks, None if there is one block;
            `num_blocks`, `max_block_size`, `seed`; `num_real`, `num_generated`, `features_dim`;
            `implementation`; and `warnings`, which are logged too.

    Raises:
        TypeError, ValueError: what `feature_arrays.check_pair` refuses, or a block would have
            fewer than two samples of a kind.
        FileNotFoundError: TF-GAN isn't installed.
    """
    real, generated = feature_arrays.check_pair(real_features, generated_features)
    num_blocks = _num_blocks(len(real), len(generated), max_block_size)
    rng = np.random.default_rng(seed)
    tfgan_eval = compat.load_tfgan_eval()
    with compat.without_deprecations():
        score, standard_error = tfgan_eval.kernel_classifier_distance_and_std_from_activations(
            tf.constant(rng.permutation(real)),
            tf.constant(rng.permutation(generated)),
            max_block_size=max_block_size,
        )
    warnings = feature_arrays.constant_warnings(real, generated)
    return {
        "score": float(score),
        "standard_error": float(standard_error) if num_blocks > 1 else None,
        "num_blocks": num_blocks,
        "max_block_size": max_block_size,
        "seed": seed,
        **_record("kernel_classifier_distance", warnings, real, generated),
    }


def classifier_score(logits: ArrayLike) -> dict[str, object]:
    """Returns how surely and how variedly a classifier sorts generated images.

    exp(E[KL(p(y|x) || p(y))]), between 1 and the number of classes. Salimans et al., 2016
    (https://arxiv.org/abs/1606.03498), section 4, over all images at once, in nats.

    Args:
        logits: of generated images, [num_generated, num_classes], num_classes >= 2.

    Returns:
        result: `score`, `num_generated`, `num_classes`, `implementation`, and `warnings`, which are
            logged too.

    Raises:
        TypeError, ValueError: what `feature_arrays.check_rows` refuses.
        FileNotFoundError: TF-GAN isn't installed.
    """
    rows = feature_arrays.check_rows(logits, name="logits", min_columns=2)
    # TF-GAN computes 0 * inf for a class whose probability underflows to 0 in every image.
    possible = tf.reduce_any(tf.nn.softmax(rows) > 0.0, axis=0).numpy()
    score = compat.load_tfgan_eval().classifier_score_from_logits(rows[:, possible])
    warnings = []
    if len(rows) < ENOUGH_SAMPLES:
        warnings.append(
            f"fewer than {ENOUGH_SAMPLES:,} samples: the score is too low, because few images "
            "show less variety; compare it only with scores of as many samples"
        )
    _log("classifier_score", warnings)
    return {
        "score": float(score),
        "num_generated": len(rows),
        "num_classes": rows.shape[1],
        "implementation": _implementation(),
        "warnings": warnings,
    }


def _principal_variances(features: np.ndarray) -> np.ndarray:
    """Returns the eigenvalues of the features' covariance, float64 [features_dim], ascending."""
    centred = features - features.mean(axis=0)
    covariance = centred.T @ centred / (len(features) - 1)
    return np.linalg.eigvalsh(covariance).clip(min=0.0)


def _scale(largest_variance: float, features_dim: int) -> float:
    """Returns what to divide features by, for TF-GAN's threshold to lie where rounding does.

    The threshold is absolute, and cuts singular values of a product of two covariances: features of
    a small scale would lose all of it, and those with a few large variances the small ones.
    """
    rounding = features_dim * np.finfo(np.float64).eps
    fitting_variance = np.sqrt(_TFGAN_THRESHOLD / rounding)
    return float(np.sqrt(largest_variance / fitting_variance)) or 1.0


def _num_blocks(num_real: int, num_generated: int, max_block_size: int) -> int:
    """Returns how many blocks TF-GAN makes, each with at least two samples of each kind."""
    if max_block_size < 2:
        raise ValueError(f"max_block_size must be >= 2. Received: max_block_size={max_block_size}.")
    num_blocks = -(-max(num_real, num_generated) // max_block_size)
    if min(num_real, num_generated) < 2 * num_blocks:
        raise ValueError(
            f"A kernel distance over {num_blocks} blocks must have at least {2 * num_blocks} "
            f"samples of each kind. Received: num_real={num_real}, num_generated={num_generated}. "
            "Take about as many of the one as of the other."
        )
    return num_blocks


def _record(
    metric: str, warnings: list[str], real: np.ndarray, generated: np.ndarray
) -> dict[str, object]:
    """Logs the warnings of a distance, and returns what every distance reports."""
    _log(metric, warnings)
    return {
        "num_real": len(real),
        "num_generated": len(generated),
        "features_dim": real.shape[1],
        "implementation": _implementation(),
        "warnings": warnings,
    }


def _log(metric: str, warnings: list[str]) -> None:
    for warning in warnings:
        logging.getLogger(__name__).warning("%s: %s", metric, warning)


def _implementation() -> str:
    return f"tensorflow_gan {importlib.metadata.version('tensorflow-gan')}"
