"""What searches of IB-GAN on dSprites share: the sprites and the score. NumPy alone."""

from typing import Any

import numpy as np

from ibgan_tf.data import sprites
from ibgan_tf.metrics import factor_vae_score


def render() -> np.ndarray:
    """Returns the 737,280 sprites, bit-packed: uint8 [737280, 512], 377 MB."""
    return np.concatenate(list(sprites.render())).reshape(-1, sprites.PACKED_BYTES)


def factor_vae(code: np.ndarray, factors: np.ndarray, *, settings: str = "full") -> dict[str, Any]:
    """Returns the FactorVAE score by `disentanglement_lib`, and what it is made of."""
    found = factor_vae_score(code, factors, settings=settings)
    return {
        "factor_vae": round(float(found["score"]), 4),
        "num_active_dims": int(found["num_active_dims"]),
        "factor_accuracy": np.round(found["factor_accuracy"], 3).tolist(),
        "votes": np.asarray(found["train_votes"]).tolist(),
    }
