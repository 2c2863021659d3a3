"""How well a categorical code, learned without labels, agrees with the labels of a data set."""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ibgan_tf.data import DATASETS
from ibgan_tf.data.base import read_images
from ibgan_tf.data.pixels import from_pixels
from ibgan_tf.data.progress import progress_bar
from ibgan_tf.evaluation import batch_norm, codes, scores
from ibgan_tf.metrics import unsupervised_accuracy
from ibgan_tf.runs.load import Run

_BATCH = 64


def score_labels(
    run: Run,
    *,
    settings: str = "full",
    seed: int = 0,
    protocols: Sequence[str] = ("all",),
    statistics: str = "training",
) -> Iterator[dict[str, Any]]:
    """Yields the unsupervised accuracy of a run's categorical code, by each way of matching.

    The images are those of the set's test split, which the model hasn't seen, where it has one.

    Args:
        run: of a model that classifies, on a set with `labels(indices)` -> int64 [n].
        settings: recorded; all images are taken.
        seed: recorded; nothing is drawn.
        protocols: of `unsupervised_accuracy.PROTOCOLS`; both if none of them is named.
        statistics: of BatchNorm, one of `batch_norm.STATISTICS`.

    Yields:
        result: as of `scores.score_codes`.
    """
    began = time.monotonic()
    split, dataset = _held_out(run)
    weights_sha256 = codes.weights_hash(run.model.networks())
    with batch_norm.statistics_of(run.model, statistics, run.dataset):
        assigned = assign(run.model, dataset)
    labels = dataset.labels(np.arange(dataset.size))
    seconds = time.monotonic() - began
    provenance = {
        "model": run.config.model,
        "dataset": run.config.dataset,
        "step": run.step,
        "representation": "categories",
        "batch_norm_statistics": statistics,
        "weights_sha256": weights_sha256,
        "data_source": {"source": dataset.source, "sha256": dataset.sha256},
        "split": split,
    }
    known = list(unsupervised_accuracy.PROTOCOLS)
    for protocol in [name for name in dict.fromkeys(protocols) if name in known] or known:
        found = unsupervised_accuracy.unsupervised_accuracy(
            assigned, labels, seed=seed, protocol=protocol, settings=settings
        )
        yield scores.as_result(
            "unsupervised_accuracy", found, provenance, seconds=seconds, dataset=dataset
        )


def assign(model: Any, dataset: Any) -> np.ndarray:
    """Returns the most probable category of each image of a data set, int64 [size].

    Args:
        model: with `classify`.
        dataset: gives images, uint8 in 0..255.
    """

    @tf.function(reduce_retracing=True)
    def categories(images: tf.Tensor) -> tf.Tensor:
        return tf.argmax(model.classify(from_pixels(images)), axis=-1)

    starts = range(0, dataset.size, _BATCH)
    parts = []
    for start in progress_bar(starts, total=len(starts), title="classifying"):
        chosen = np.arange(start, min(start + _BATCH, dataset.size))
        parts.append(categories(tf.constant(read_images(dataset, chosen))).numpy())
    return np.concatenate(parts)


def _held_out(run: Run) -> tuple[str, Any]:
    """Returns the name of the split to count on, and it; a set tells its splits by `splits`."""
    kind = DATASETS[run.config.dataset]
    if "test" not in getattr(kind, "splits", ()):
        return "train", run.dataset
    settings = run.config.dataset_settings
    values = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings)}
    return "test", kind(run.data_dir, split="test", **values)
