"""Names the dimensions of a code by the factors that they know most of: Figure 1's rows."""

import json
import pathlib

import numpy as np

from ibgan_tf.evaluation import afterwards
from ibgan_tf.metrics import histogram
from ibgan_tf.metrics.mig import PROTOCOLS
from ibgan_tf.models import latents
from ibgan_tf.runs.load import Run

PROTOCOL = "disentanglement_lib"
LEAST = 0.1  # of a factor's entropy
LEAST_KL = 0.05  # nats; the mean of a sleeping dimension follows the image, but doesn't turn it


def dimension_factors(run: Run) -> dict[str, list[str]]:
    """Returns the factor that each dimension of the code knows most of, and how much.

    The mutual information matrix is that of evaluate.py's MIG of the model's usual codes at this
    step, with BatchNorm's statistics of training, less what its estimate finds by chance; each
    factor's information is divided by its entropy: I(r_d; v_k) / H(v_k).

    Args:
        run: a trained run.

    Returns:
        texts: part of the latent -> a text for each dimension, "position_x 58 %", or "" where no
            factor has 10 %, and for a dimension that sleeps: below 0.05 nats of KL. {} where MIG
            was not measured at this step.

    Raises:
        ValueError: a file is damaged, or isn't of this model.
    """
    # A GAN's codes are read by a reconstructor that it gets afterwards.
    model = run.model if hasattr(run.model, "representations") else afterwards.ReconstructedGAN
    folder = run.run_dir / "metrics" / f"step-{run.step}"
    for path in sorted(folder.glob("mig*.json"), key=lambda path: (len(path.name), path.name)):
        found = _read(path, representation=model.representations[0])
        if found is not None:
            break
    else:
        return {}
    information, chance, entropy, names = found
    parts = [part for part in run.model.latent if part.traversable]
    expected = (sum(part.size for part in parts), len(names))
    if information.shape != expected or entropy.shape != expected[1:]:
        raise ValueError(
            f"{path} must hold the information of {expected[0]} dimensions and {expected[1]} "
            f"factors. Received: shape={list(information.shape)}."
        )
    share = (information - chance) / np.maximum(entropy, np.finfo(float).tiny)
    if hasattr(run.model, "dimension_kl"):
        share[np.asarray(run.model.dimension_kl()) < LEAST_KL] = 0.0
    texts = [
        f"{names[row.argmax()]} {row.max():.0%}".replace("%", " %") if row.max() >= LEAST else ""
        for row in share
    ]
    return latents.by_part(texts, parts)


def _read(
    path: pathlib.Path, *, representation: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]] | None:
    """Returns information [code_dim, num_factors], chance, entropy, names; None of other codes."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        details = result["details"]
        entropy = np.array(details["entropy"], np.float64)
        found = (
            np.array(details["information"], np.float64),
            _chance(entropy, PROTOCOLS[PROTOCOL][result["settings"].partition("-")[0]]),
            entropy,
            details["factor_names"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} must be what evaluate.py wrote. Received: {error!r}. Remove it, and measure "
            "again with --metrics=mig"
        ) from error
    own = [result.get(key) for key in ("protocol", "representation", "batch_norm_statistics")]
    return found if own == [PROTOCOL, representation, "training"] else None


def _chance(entropy: np.ndarray, num_images: int) -> np.ndarray:
    """Returns what the plug-in estimate adds to information, nats: much of a factor of many values.

    Of independent columns it is about (bins - 1) * (values - 1) / (2 * images).

    Args:
        entropy: of factors whose values are equally frequent, [num_factors].
        num_images: of the estimate.
    """
    num_values = np.exp(entropy)
    return (histogram.NUM_BINS - 1) * (num_values - 1) / (2 * num_images)
