"""Disentanglement metrics: METRICS holds each by its name. NumPy and scikit-learn, no TensorFlow.

Each is `metric(codes, factors, *, seed=0, protocol="disentanglement_lib", settings="full")` and
returns a dict that is ready for JSON, with "score", the details, and what it was computed with.
codes is [n, code_dim], factors is [n, num_factors] in whole numbers: row i is image i, and the rows
are a complete grid of the factors or any sample of one.
"""

from collections.abc import Callable
from typing import Any

from ibgan_tf.metrics.beta_vae import beta_vae_score
from ibgan_tf.metrics.dci import dci
from ibgan_tf.metrics.explicitness import explicitness
from ibgan_tf.metrics.factor_vae import factor_vae_score
from ibgan_tf.metrics.irs import irs
from ibgan_tf.metrics.mig import mig
from ibgan_tf.metrics.modularity import modularity
from ibgan_tf.metrics.sap import sap
from ibgan_tf.metrics.unsupervised import unsupervised_scores

__all__ = [
    "METRICS",
    "beta_vae_score",
    "dci",
    "explicitness",
    "factor_vae_score",
    "irs",
    "mig",
    "modularity",
    "sap",
    "unsupervised_scores",
]

# Where a function has its file's name (mig, dci), the function is what the package offers by it.
METRICS: dict[str, Callable[..., dict[str, Any]]] = {
    "factor_vae": factor_vae_score,
    "beta_vae": beta_vae_score,
    "mig": mig,
    "modularity": modularity,
    "explicitness": explicitness,
    "dci": dci,
    "sap": sap,
    "irs": irs,
    "unsupervised": unsupervised_scores,
}
