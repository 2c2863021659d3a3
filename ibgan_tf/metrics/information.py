"""What a generator tells about its input: bounds and per-dimension mutual information, in nats."""

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf.metrics import histogram

ACTIVE = 0.5  # nats of KL above which a dimension counts as active


def information(
    *,
    lower_bound: ArrayLike,
    fitted_lower_bound: float,
    dimension_kl: ArrayLike,
    codes: ArrayLike,
    recovered_codes: ArrayLike,
) -> dict[str, object]:
    """Returns the bounds on the generative mutual information and what each dimension carries.

    I^L <= I(z; x) <= I(z; r) <= I^U (IB-GAN eq. 6, 9, 10). The information of one dimension is
    measured between r_d and its value recovered from the image it made, which is at most the
    information between r_d and the image (data processing); both are cut into 20 equally filled
    bins, so log(20) = 3.0 nats is the ceiling.

    Args:
        lower_bound: log q(z|x) - log p(z) of each sample, [n].
        fitted_lower_bound: I^L with the variance of q(z|x) that fits best.
        dimension_kl: KL(e(r_d|z) || m(r_d)) of each sample and dimension, [n, r_dim].
        codes: r ~ e(r|z), [n, r_dim].
        recovered_codes: the code of the image of each r, [n, r_dim].

    Returns:
        result: "score" (I^L), the bounds, their gap, and lists over dimensions.
    """
    lower, kl = np.asarray(lower_bound, np.float64), np.asarray(dimension_kl, np.float64)
    per_dimension = kl.mean(axis=0)
    upper = float(per_dimension.sum())
    count = len(lower)
    recovered = [
        histogram.mutual_information(
            _equal_bins(np.asarray(recovered_codes)[:, [d]]), _equal_bins(np.asarray(codes)[:, [d]])
        )[0, 0]
        for d in range(kl.shape[1])
    ]
    return {
        "score": float(lower.mean()),
        "information_lower_bound": float(lower.mean()),
        "information_lower_bound_standard_error": float(lower.std(ddof=1) / np.sqrt(count)),
        "information_lower_bound_fitted": float(fitted_lower_bound),
        "information_upper_bound": upper,
        "gap": upper - float(lower.mean()),
        "dimension_kl": per_dimension.tolist(),
        "dimension_information": [float(value) for value in recovered],
        "active_dimensions": int((per_dimension > ACTIVE).sum()),
        "num_samples": count,
    }


def _equal_bins(values: np.ndarray, bins: int = 20) -> np.ndarray:
    """Returns which of `bins` equally filled bins each value falls into, int64 [n, 1]."""
    ranks = np.argsort(np.argsort(values[:, 0], kind="stable"), kind="stable")
    if np.ptp(values) == 0:
        return np.zeros([len(values), 1], np.int64)
    return (ranks * bins // len(values))[:, np.newaxis]
