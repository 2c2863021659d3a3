"""Codes as a VAE's encoder gives them to all images together, for samples."""

from typing import Any

import numpy as np

from ibgan_tf.data.base import ImageDataset, read_images
from ibgan_tf.data.pixels import from_pixels
from ibgan_tf.seeds import check_seed

NUM_IMAGES = 4096  # whose posteriors are drawn from
_BATCH = 256


def sample_aggregate(
    model: Any, dataset: ImageDataset, *, num_samples: int, seed: int = 0
) -> np.ndarray:
    """Returns draws from prod_d q(z_d), q(z_d) = E[q(z_d|x)] over the images.

    Each dimension is a draw from the posterior of an image of its own. Where dimensions that carry
    much are wider than the prior N(0, 1), samples of the prior leave out what such codes make:
    Gao et al. (2019), section 6.3, have richer samples from these.

    Args:
        model: a VAE, with one part of its latent and `infer`.
        dataset: of the images.
        num_samples: how many.
        seed: which images and draws, 0 <= seed < 2**31.

    Returns:
        codes: float32 [num_samples, z_dim].

    Raises:
        ValueError: the model has no posterior of all that it generates from.
    """
    check_seed(seed)
    if len(model.latent) != 1 or not hasattr(model, "infer"):
        raise ValueError(
            "Codes of images must be of a model that encodes all it generates from, such as a "
            f"VAE. Received: {type(model).__name__}, which generates from "
            f"{', '.join(part.name for part in model.latent)}."
        )
    generator = np.random.default_rng(seed)
    means, scales = _posteriors(model, dataset, generator.integers(dataset.size, size=NUM_IMAGES))
    z_dim = means.shape[1]
    image = generator.integers(NUM_IMAGES, size=[num_samples, z_dim])
    dimension = np.arange(z_dim)
    noise = generator.standard_normal([num_samples, z_dim])
    return (means[image, dimension] + scales[image, dimension] * noise).astype(np.float32)


def _posteriors(model, dataset, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns means and standard deviations of q(z|x), [n, z_dim] each."""
    found = []
    for first in range(0, len(indices), _BATCH):
        images = read_images(dataset, indices[first : first + _BATCH])
        posterior = model.infer(from_pixels(images))
        found.append((posterior.mean().numpy(), posterior.stddev().numpy()))
    means, scales = zip(*found, strict=True)
    return np.concatenate(means), np.concatenate(scales)
