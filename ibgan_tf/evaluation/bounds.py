"""Bounds of the information of images and codes, for models without IB-GAN's encoder of noise."""

from typing import Any

import numpy as np

from ibgan_tf.data.base import ImageDataset, read_images
from ibgan_tf.data.pixels import from_pixels
from ibgan_tf.metrics.information import ACTIVE
from ibgan_tf.models import latents

_BATCH = 250


def kind_of(model: Any) -> str | None:
    """Returns what a model's information is measured from.

    Args:
        model: of MODELS, or its class.

    Returns:
        kind: "noise" for one that encodes noise, as IB-GAN; "codes" for one that reads its codes
            off its images, as InfoGAN; "posterior" for one with q(z|x), as a VAE; else None.
    """
    if all(hasattr(model, name) for name in ("encode_noise", "generate_from_r", "encode")):
        return "noise"
    if hasattr(model, "code_information"):
        return "codes"
    if hasattr(model, "code_kl"):
        return "posterior"
    return None


def of_codes(model: Any, *, num_samples: int, seed: int) -> dict[str, Any]:
    """Returns the lower bound of the information of each code and the images it makes.

    Args:
        model: of the kind "codes".
        num_samples: of latents.
        seed: of the samples.

    Returns:
        result: "score", the sum over the codes, nats; "information_lower_bound_fitted", the same;
            "code_information", code -> nats: a continuous one with the variance that fits best, or
            with the learned one; "categories", the log of the number of each, which is its ceiling.
    """
    found = model.code_information(num_samples, seed)
    by_code = {}
    for name, values in found.items():
        numbers = np.asarray(values, np.float64).tolist()
        names = [f"{name}{d}" for d in range(len(numbers))] if name == "c" else [name]
        by_code |= dict(zip(names, numbers, strict=True))
    total = sum(by_code.values())
    sizes = {part.name: part.size for part in model.latent}
    return {
        "score": total,
        "information_lower_bound_fitted": total,
        "code_information": by_code,
        "categories": {name: float(np.log(sizes[name])) for name in found if name != "c"},
        "num_samples": num_samples,
    }


def of_posterior(
    model: Any, dataset: ImageDataset, *, num_samples: int, seed: int
) -> dict[str, Any]:
    """Returns the upper bound of the information of real images and their codes, the KL of a VAE.

    I(x; z) <= E[KL(q(z|x) || p(z))].

    Args:
        model: of the kind "posterior".
        dataset: of the images.
        num_samples: images, drawn at random.
        seed: which ones.

    Returns:
        result: "score", the bound, nats; "information_upper_bound", the same; "dimension_kl", a
            list; "active_dimensions", those above half a nat.
    """
    indices = np.random.default_rng(seed).integers(dataset.size, size=num_samples)
    sums = np.zeros(sum(part.size for part in model.latent))
    for first in range(0, num_samples, _BATCH):
        images = read_images(dataset, indices[first : first + _BATCH])
        kl = model.code_kl(from_pixels(images))
        sums += np.asarray(kl, np.float64).sum(axis=0)
    per_dimension = sums / num_samples
    return {
        "score": float(per_dimension.sum()),
        "information_upper_bound": float(per_dimension.sum()),
        "dimension_kl": per_dimension.tolist(),
        "active_dimensions": int((per_dimension > ACTIVE).sum()),
        "num_samples": num_samples,
    }


def of_each_code(
    model: Any, dataset: ImageDataset, *, num_samples: int, seed: int
) -> dict[str, np.ndarray]:
    """Returns what each code says of an image, by the measure that the model's kind has.

    Args:
        model: of a kind that `kind_of` knows.
        dataset: of the images, for the kind "posterior".
        num_samples: of noise, of latents or of real images.
        seed: of the samples.

    Returns:
        information: traversable part of the latent -> nats, float64 [size], or [1] of a category.
    """
    parts = [part for part in model.latent if part.traversable]
    kind = kind_of(model)
    if kind == "codes":
        found = model.code_information(num_samples, seed)
        return {name: np.asarray(values, np.float64) for name, values in found.items()}
    if kind == "noise":
        divergences = model.dimension_kl(num_samples, seed)
    else:
        divergences = of_posterior(model, dataset, num_samples=num_samples, seed=seed)[
            "dimension_kl"
        ]
    found = latents.by_part(np.asarray(divergences, np.float64), parts)
    return {
        part.name: found[part.name].sum(keepdims=True)
        if latents.is_categorical(part)
        else found[part.name]
        for part in parts
    }
