"""How far generated images are from real ones: a generator and a data set in, results out."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np

from ibgan_tf.data import base, progress
from ibgan_tf.metrics import fid, image_features

GenerateFn = Callable[[int, int], np.ndarray]  # n, seed -> images [n, h, w, c] in [-1, 1]


def evaluate_images(
    generate_fn: GenerateFn,
    dataset: base.ImageDataset,
    extractor: image_features.FeatureExtractor,
    *,
    num_samples: int = fid.ENOUGH_SAMPLES,
    seed: int = 0,
    split: str = "train",
    batch_size: int | None = None,
    real: image_features.ImageFeatures | None = None,
    names: Collection[str] | None = None,
) -> dict[str, dict[str, object]]:
    """Returns the distances between generated images and a data set's.

    Generated images are compared as they are, without rounding to 8 bits.

    Args:
        generate_fn: n, seed -> n images, float [n, h, w, c] in [-1, 1]; called once a batch, each
            time with another seed that follows from `seed`.
        dataset: the real images.
        extractor: what they are compared in: of `inception` or `classifier_cache`.
        num_samples: generated images, and real ones as far as the set has them.
        seed: of generated images, of the choice of real ones, and of the kernel distance's blocks.
        split: which split of the data set `dataset` is, for the record.
        batch_size: images made at once; None stands for the extractor's. Generated images depend on
            it, so it is recorded.
        real: `real_features` of the same data set, number and seed, if they are at hand: they are
            the same at every step of a run.
        names: the metrics to compute, as the extractor calls them; None for all.

    Returns:
        results: name -> result, as far as `names` has them: of the Frechet and the kernel distance
            and, for a set with labels, of the classifier score. The names are the extractor's:
            "fid", "kid" and "inception_score" are kept for Inception. Each result has "score" and
            what it was computed from, ready for JSON; `seconds` are those of all of them together.

    Raises:
        ValueError: images or features aren't as they must be, or samples are too few.
        FileNotFoundError: TF-GAN isn't installed.
    """
    start = time.monotonic()
    batch_size = extractor.batch_size if batch_size is None else batch_size
    if num_samples < 1 or batch_size < 1:
        raise ValueError(
            "num_samples and batch_size must be >= 1. "
            f"Received: num_samples={num_samples}, batch_size={batch_size}."
        )
    if real is None:
        real = real_features(dataset, extractor, num_samples=num_samples, seed=seed)
    batches = generated_batches(
        generate_fn, num_samples=num_samples, batch_size=batch_size, seed=seed
    )
    shown = progress.progress_bar(
        batches, total=-(-num_samples // batch_size), title=f"Generated images, {extractor.name}"
    )
    generated = image_features.extract(extractor, shown)
    wanted = [k for k, called in extractor.metric_names.items() if names is None or called in names]
    results = _scores(real, generated, wanted, has_labels=_has_labels(dataset), seed=seed)
    record = {
        "features": extractor.name,
        "features_sha256": extractor.record["sha256"],
        "features_record": dict(extractor.record),
        "resizing": extractor.record["resizing"],
        "dataset": dataset.name,
        "data_source": dataset.source,
        "data_sha256": dataset.sha256,
        "split": split,
        "seed": seed,
        "batch_size": batch_size,
        "seconds": round(time.monotonic() - start, 2),
    }
    return {
        extractor.metric_names[name]: {"metric": extractor.metric_names[name], **result, **record}
        for name, result in results.items()
    }


def real_features(
    dataset: base.ImageDataset,
    extractor: image_features.FeatureExtractor,
    *,
    num_samples: int = fid.ENOUGH_SAMPLES,
    seed: int = 0,
) -> image_features.ImageFeatures:
    """Returns the features of real images, chosen at random without repetition.

    Args:
        dataset: the real images.
        extractor: what takes their features.
        num_samples: how many; a smaller set is taken whole.
        seed: of the choice.

    Returns:
        features: in random order.
    """
    order = base.random_order(dataset.size, num_samples, seed=seed)
    starts = range(0, len(order), extractor.batch_size)
    parts = (order[start : start + extractor.batch_size] for start in starts)
    batches = (base.read_float_images(dataset, part) for part in parts)
    shown = progress.progress_bar(
        batches, total=len(starts), title=f"Real images, {extractor.name}"
    )
    return image_features.extract(extractor, shown)


def generated_batches(
    generate_fn: GenerateFn, *, num_samples: int, batch_size: int, seed: int
) -> Iterator[np.ndarray]:
    """Yields generated images in batches.

    Args:
        generate_fn: of `evaluate_images`.
        num_samples: images in all, >= 1.
        batch_size: images of a batch, >= 1; the last may be smaller.
        seed: of the seeds of the batches, >= 0.

    Yields:
        images: [n, h, w, c].

    Raises:
        ValueError: generate_fn returns another number of images.
    """
    for number, start in enumerate(range(0, num_samples, batch_size)):
        count = min(batch_size, num_samples - start)
        state = np.random.SeedSequence([seed, number]).generate_state(1, np.uint32)
        images = np.asarray(generate_fn(count, int(state[0]) >> 1))  # below 2**31
        if len(images) != count:
            raise ValueError(
                f"generate_fn must return as many images as it is asked for, {count}. "
                f"Received: shape={images.shape}."
            )
        yield images


def _scores(
    real: image_features.ImageFeatures,
    generated: image_features.ImageFeatures,
    wanted: Collection[str],
    *,
    has_labels: bool,
    seed: int,
) -> Mapping[str, dict[str, object]]:
    """Returns the result of each metric that is wanted, by its general name."""
    results = {}
    if image_features.FRECHET in wanted:
        results[image_features.FRECHET] = fid.frechet_classifier_distance(
            real.features, generated.features
        )
    if image_features.KERNEL in wanted:
        results[image_features.KERNEL] = fid.kernel_classifier_distance(
            real.features, generated.features, seed=seed
        )
    if image_features.SCORE in wanted and has_labels and generated.logits is not None:
        results[image_features.SCORE] = fid.classifier_score(generated.logits)
    return results


def _has_labels(dataset: base.ImageDataset) -> bool:
    """Says whether a set's images belong to one set of classes."""
    return hasattr(dataset, "labels")
