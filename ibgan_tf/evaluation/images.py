"""Distances between a run's images and its data set's, in the features of a network."""

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ibgan_tf import seeds
from ibgan_tf.data.base import ImageDataset
from ibgan_tf.evaluation import choosing, codes, scores
from ibgan_tf.metrics import (
    classifier_cache,
    feature_arrays,
    fid,
    image_features,
    image_quality,
    inception,
)
from ibgan_tf.runs.load import Run

NUM_SAMPLES = {"full": fid.ENOUGH_SAMPLES, "fast": 5_000}  # settings -> images of each kind
_SPLIT = "train"  # a run's data set is the one that it was trained on


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a run's images are compared with, the same at every step.

    Attributes:
        extractor: the network that takes the features.
        names: of the metrics to report.
        left_out: of those that were asked for as part of a group, name -> why it can't be computed.
        real: features of real images.
        num_samples: generated images, and real ones as far as the set has them.
        settings: what they are called in a result.
        seed: of the choice of both.
    """

    extractor: image_features.FeatureExtractor
    names: tuple[str, ...]
    left_out: Mapping[str, str]
    real: image_features.ImageFeatures
    num_samples: int
    settings: str
    seed: int


def compare_with(
    names: Sequence[str],
    dataset: ImageDataset,
    *,
    asked: Sequence[str] = (),
    settings: str = "full",
    num_samples: int | None = None,
    seed: int = 0,
    inception_path: str | os.PathLike[str] | None = None,
    inception_sha256: str | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> list[Comparison]:
    """Returns what the metrics compare images with; trains the set's classifier at its first use.

    Args:
        names: of metrics; those of choosing.CLASSIFIER and choosing.INCEPTION count.
        dataset: the real images.
        asked: names that are refused, and not left out, if there are too few images for them.
        settings: "full" or "fast", a number of images.
        num_samples: the number of images, if it is another.
        seed: of the choice of real images, and of the generated ones.
        inception_path: folder of Inception, or None for TensorFlow Hub's cache.
        inception_sha256: what its hash must be, or None for any.
        data_dir: where the classifier is kept; None for the user's cache.

    Returns:
        comparisons: one for each network that is needed.

    Raises:
        FileNotFoundError: Inception is missing.
        ValueError: it has another hash, num_samples is below 1, or there are fewer images than
            features for a Frechet distance that was asked for.
    """
    own = NUM_SAMPLES[settings]
    if num_samples is not None and num_samples < 1:
        raise ValueError(f"num_samples must be >= 1. Received: num_samples={num_samples}.")
    count = own if num_samples is None else num_samples
    called = settings if count == own else f"{count}_samples"
    loaders: list[tuple[tuple[str, ...], Callable[[], image_features.FeatureExtractor]]] = [
        (
            choosing.INCEPTION,  # first: a wrong hash is told before a classifier is trained
            lambda: inception.load_inception(inception_path, sha256=inception_sha256),
        ),
        (
            choosing.CLASSIFIER,
            lambda: classifier_cache.load_classifier(dataset, data_dir=data_dir),
        ),
    ]
    found = []
    for group, load in loaders:
        wanted = tuple(name for name in group if name in names)
        if wanted:
            extractor = load()
            real = image_quality.real_features(dataset, extractor, num_samples=count, seed=seed)
            left_out = _too_few(extractor, wanted, real, count, asked)
            found.append(
                Comparison(
                    extractor=extractor,
                    names=tuple(name for name in wanted if name not in left_out),
                    left_out=left_out,
                    real=real,
                    num_samples=count,
                    settings=called,
                    seed=seed,
                )
            )
    return found


def _too_few(
    extractor: image_features.FeatureExtractor,
    names: Sequence[str],
    real: image_features.ImageFeatures,
    num_generated: int,
    asked: Sequence[str],
) -> dict[str, str]:
    """Returns the Frechet distance with the reason, if there are too few images for it."""
    name = extractor.metric_names[image_features.FRECHET]
    if name not in names:
        return {}
    num_real, features_dim = real.features.shape
    try:
        feature_arrays.check_enough((num_real, num_generated), features_dim=features_dim)
    except ValueError as error:
        if name in asked:
            raise
        return {name: str(error)}
    return {}


def score_images(run: Run, comparison: Comparison) -> Iterator[dict[str, Any]]:
    """Yields the results of a comparison's metrics.

    Args:
        run: of a model that generates.
        comparison: of `compare_with`.

    Yields:
        result: as of `scores.score_codes`; "representation" names the features, with their hash.

    Raises:
        ValueError: images aren't as they must be.
    """
    extractor = comparison.extractor
    found = image_quality.evaluate_images(
        generate_fn(run.model),
        run.dataset,
        extractor,
        num_samples=comparison.num_samples,
        seed=comparison.seed,
        split=_SPLIT,
        real=comparison.real,
        names=comparison.names,
    )
    features = f"{extractor.name}-{extractor.record['sha256'][:8]}".replace(":", "-")
    provenance = {
        "model": run.config.model,
        "dataset": run.config.dataset,
        "step": run.step,
        "representation": features,
        "batch_norm_statistics": "training",
        "weights_sha256": codes.weights_hash(run.model.networks()),
        "data_source": {"source": run.dataset.source, "sha256": run.dataset.sha256},
    }
    for name in comparison.names:
        if name in found:
            yield _as_result(name, found[name], provenance, comparison)


def generate_fn(model: Any) -> image_quality.GenerateFn:
    """Returns a function of a number and a seed that draws images of a model.

    Args:
        model: with `sample_prior` and `sample_images`.
    """

    @tf.function(reduce_retracing=True)
    def sample_images(latent: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return model.sample_images(latent, seed=seed)

    def images(num_images: int, seed: int) -> np.ndarray:
        draw = seeds.stateless_seed(seed, 0, seeds.Draw.EVALUATION)
        latent = model.sample_prior(num_images, seed=draw)
        made = sample_images(latent, seeds.stateless_seed(seed, 0, seeds.Draw.CODE)).numpy()
        return np.clip(made, -1.0, 1.0)  # tanh in bfloat16 may round past 1

    return images


def _as_result(
    name: str, found: Mapping[str, Any], provenance: Mapping[str, Any], comparison: Comparison
) -> dict[str, Any]:
    head = {"protocol": scores.IMAGE_PROTOCOL, "settings": comparison.settings}
    outside = {"metric", "seconds", "dataset", "data_source", "data_sha256"}
    kept = {key: value for key, value in found.items() if key not in outside}
    return scores.as_result(name, kept | head, provenance, seconds=found["seconds"], dataset=None)
