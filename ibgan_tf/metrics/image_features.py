"""Features of images: what a distance between real and generated images is measured in."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping

import numpy as np

FRECHET = "frechet_classifier_distance"
KERNEL = "kernel_classifier_distance"
SCORE = "classifier_score"


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureExtractor:
    """A network that images are compared by.

    Attributes:
        name: "inception", or "classifier:<dataset>".
        run: images float32 [n, h, w, c] in [-1, 1] -> {"features": float32 [n, features_dim]}, and
            "logits", float32 [n, num_classes], if the network has one set of classes.
        metric_names: FRECHET, KERNEL and SCORE -> what each is reported as: with Inception's
            features they have names of their own.
        batch_size: images that fit into memory at once; it doesn't change the features.
        record: what identifies the features, ready for JSON: hash, resizing and others.
    """

    name: str
    run: Callable[[np.ndarray], dict[str, np.ndarray]]
    metric_names: Mapping[str, str] = dataclasses.field(
        default_factory=lambda: {name: name for name in (FRECHET, KERNEL, SCORE)}
    )
    batch_size: int
    record: Mapping[str, object]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageFeatures:
    """Features of a sample of images.

    Attributes:
        features: float32 [n, features_dim].
        logits: float32 [n, num_classes], or None if the network has no one set of classes.
    """

    features: np.ndarray
    logits: np.ndarray | None


def extract(extractor: FeatureExtractor, batches: Iterable[np.ndarray]) -> ImageFeatures:
    """Returns the features of all images of some batches.

    Args:
        extractor: the network.
        batches: images float32 [n, h, w, c] in [-1, 1], made while they are asked for.

    Returns:
        features: in the order of the images.

    Raises:
        ValueError: there is no image, or images aren't of that shape or range.
    """
    outputs = [extractor.run(check_images(batch)) for batch in batches]
    if not outputs:
        raise ValueError("There must be images to take features of. Received: no batch.")
    joined = {key: np.concatenate([output[key] for output in outputs]) for key in outputs[0]}
    return ImageFeatures(features=joined["features"], logits=joined.get("logits"))


def check_images(images: np.ndarray) -> np.ndarray:
    """Returns images as an array.

    Args:
        images: [n, h, w, c] in [-1, 1].

    Returns:
        images: float32 [n, h, w, c].

    Raises:
        ValueError: they have another shape or range, or NaN.
    """
    array = np.asarray(images, np.float32)
    if array.ndim != 4 or array.size == 0:
        raise ValueError(f"images must be of shape [n, h, w, c]. Received: shape={array.shape}.")
    if not np.abs(array).max() <= 1.0 + 1e-5:
        raise ValueError(
            "images must lie in [-1, 1]. Received: images in "
            f"[{array.min():.4g}, {array.max():.4g}]. Divide pixels of 0..255 by 127.5, less 1."
        )
    return array
