"""Where a latent traversal goes through: draws from the priors, their means, or codes of images."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from ibgan_tf import registry, seeds
from ibgan_tf.data.base import read_images
from ibgan_tf.data.pixels import from_pixels
from ibgan_tf.models import latents
from ibgan_tf.models.base import LatentPart

CENTERS = ("random", "mean", "data")


class Traversable(Protocol):
    """A model that generates from its latent, of which parts are meant to be factors.

    It may say what each dimension carries: `dimension_kl(num_samples, seed)`, nats, float32 [size],
    or `code_information(num_samples, seed)`, nats, part name -> float32 [size].
    """

    latent: Sequence[LatentPart]

    def generate(self, z: tf.Tensor) -> tf.Tensor:
        """Returns images in [-1, 1], float32 [n, h, w, c]; `latents.sources` says of what."""


def traversal_centers(
    model: Traversable, kind: str, *, num_centers: int, seed: int = 0, dataset: object = None
) -> np.ndarray:
    """Returns the codes around which to traverse.

    Args:
        model: gives its latent parts' priors; encodes, for "data".
        kind: "random" for draws from the priors, "mean" for their means and first categories (one
            center, whatever `num_centers` is), "data" for the codes of images drawn from the data
            set, with the means for parts that can't be read off an image.
        num_centers: how many, >= 1; with the same seed the first ones stay the same.
        seed: which ones, 0 <= seed < 2**31.
        dataset: gives `size` and `images(indices)`, uint8 in 0..255; for "data" only.

    Returns:
        centers: float32 [num_centers, the sizes' sum], of the parts that traversals take.

    Raises:
        ValueError: another kind, num_centers < 1, a model without a traversable part, or one that
            can't encode for "data".
    """
    check_centers(num_centers=num_centers, seed=seed)
    registry.lookup(dict.fromkeys(CENTERS), kind, kind="center")
    parts = latents.traversed_source(model).parts
    if kind == "data":
        return _codes_of_data(model, parts, dataset, num_centers=num_centers, seed=seed)
    if kind == "mean":
        return np.concatenate([_middle(part) for part in parts], axis=1)
    draws = [
        latents.sample_parts(
            parts, 1, seed=seeds.stateless_seed(seed, number, seeds.Draw.EVALUATION)
        )[0]
        for number in range(num_centers)
    ]
    return np.stack(draws).astype(np.float32)


def _codes_of_data(model, parts, dataset, *, num_centers: int, seed: int) -> np.ndarray:
    if not hasattr(model, "encode"):
        raise ValueError(
            f"center must be random or mean for a model that can't encode images. Received: "
            f"center='data', {type(model).__name__}"
        )
    indices = np.random.default_rng(seed).integers(dataset.size, size=num_centers)
    images = from_pixels(read_images(dataset, indices))
    codes = model.encode(images)
    names = [part.name for part in model.latent[-len(codes) :]]
    found = dict(zip(names, codes, strict=True))
    columns = [
        np.asarray(found.get(part.name, np.repeat(_middle(part), num_centers, 0)), np.float32)
        for part in parts
    ]
    columns = [
        np.eye(part.size, dtype=np.float32)[column.argmax(axis=1)]
        if latents.is_categorical(part)
        else column
        for part, column in zip(parts, columns, strict=True)
    ]
    return np.concatenate(columns, axis=1)


def _middle(part: LatentPart) -> np.ndarray:
    """Returns the mean of a part, or its first category, float32 [1, size]."""
    if latents.is_categorical(part):
        return np.eye(1, part.size, dtype=np.float32)
    return np.asarray(part.prior.mean(), np.float32)[np.newaxis]


def check_centers(*, num_centers: int, seed: int) -> None:
    """Refuses settings of centers.

    Args:
        num_centers: how many.
        seed: which ones.

    Raises:
        ValueError: one of them is out of its range.
    """
    if num_centers < 1:
        raise ValueError(f"num_centers must be >= 1. Received: num_centers={num_centers}")
    seeds.check_seed(seed)
