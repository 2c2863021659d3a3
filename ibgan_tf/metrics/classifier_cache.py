"""Classifiers on disk: shipped with the package, or trained at their first use and kept.

They lie in `classifiers/<dataset>-<identity>/` of this folder or of the data folder,
`network.weights.h5` and `record.json`. Other data or settings have another identity, so they never
meet in a folder. Trained on another processor a classifier has other weights, and its distances
don't compare: so those of the rendered sprites are shipped.
"""

import hashlib
import json
import os
import pathlib
import time

import numpy as np
import tensorflow as tf

from ibgan_tf import atomic, config
from ibgan_tf.data import base, cache
from ibgan_tf.metrics import classifier, image_features

FOLDER = "classifiers"
WEIGHTS = "network.weights.h5"
RECORD = "record.json"
_SHIPPED = pathlib.Path(__file__).with_name(FOLDER)
_FORM = 1  # of the network and its training: counts up when either changes


def load_classifier(
    dataset: base.ImageDataset,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    settings: classifier.ClassifierSettings | None = None,
) -> image_features.FeatureExtractor:
    """Returns the classifier of a data set; trains it if it is neither shipped nor kept yet.

    Args:
        dataset: the images for training, with factors or labels.
        data_dir: folder of the data; None stands for `ibgan_tf` in the user's cache directory.
        settings: how it is trained; None stands for the defaults.

    Returns:
        extractor: features float32 [n, features_dim] >= 0; logits only if the set has labels.

    Raises:
        ValueError: the set has neither factors nor labels, or the kept classifier is damaged.
        OSError: the data folder can't be written.
    """
    settings = settings or classifier.ClassifierSettings()
    targets = classifier.targets_of(dataset)
    identity = _identity(dataset, settings)
    folder = _SHIPPED / _folder_name(identity)
    if not folder.exists():
        folder = cache.data_folder(data_dir) / FOLDER / folder.name
    if not folder.exists():
        with cache.locked(folder.parent):  # a second process waits, and finds it trained
            if not folder.exists():
                _train(folder, dataset, settings, identity=identity)
    network = classifier.build_classifier(tuple(dataset.image_shape), targets.sizes, settings)
    record = _read(folder, network, identity=identity)
    return _extractor(network, record, gives_logits=targets.names == ("label",))


def sha256_of_weights(network: tf.keras.Model) -> str:
    """Returns the SHA-256 of a network's weights, with their shapes, in their order."""
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(str(weight.shape).encode())
        digest.update(np.ascontiguousarray(weight, dtype="<f4"))
    return digest.hexdigest()


def _identity(
    dataset: base.ImageDataset, settings: classifier.ClassifierSettings
) -> dict[str, object]:
    """Returns what makes two classifiers the same one, ready for JSON."""
    data_settings = getattr(dataset, "settings", None)
    return {
        "form": _FORM,
        "dataset": dataset.name,
        "data_source": dataset.source,
        "data_sha256": dataset.sha256,
        "data_settings": {} if data_settings is None else config.to_json(data_settings),
        "data_size": dataset.size,
        "image_shape": list(dataset.image_shape),
        "settings": config.to_json(settings),
    }


def _folder_name(identity: dict[str, object]) -> str:
    """Returns the name of a classifier's folder."""
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return f"{identity['dataset']}-{digest[:12]}"


def _train(
    folder: pathlib.Path,
    dataset: base.ImageDataset,
    settings: classifier.ClassifierSettings,
    *,
    identity: dict[str, object],
) -> None:
    """Trains a classifier and writes its folder, whole or not at all."""
    start = time.monotonic()
    network, accuracy = classifier.train_classifier(dataset, settings)
    record = identity | {
        "accuracy": accuracy,
        "weights_sha256": sha256_of_weights(network),
        "seconds": round(time.monotonic() - start, 1),
        "versions": {"tensorflow": tf.__version__, "keras": tf.keras.__version__},
    }
    try:
        with atomic.replacing_folder(folder) as temporary:
            network.save_weights(temporary / WEIGHTS)
            atomic.write_json(temporary / RECORD, record)
    except OSError as error:
        raise OSError(
            f"A classifier must be kept in {str(folder)!r}. Received: {error}. Free some space, or "
            "name a folder on another disk with --data_dir."
        ) from error


def _read(
    folder: pathlib.Path, network: tf.keras.Model, *, identity: dict[str, object]
) -> dict[str, object]:
    """Gives a network its kept weights and returns the record of them."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        network.load_weights(folder / WEIGHTS)
        fits = identity.items() <= record.items()
        found = sha256_of_weights(network) if fits else "a record of other settings"
        expected = record["weights_sha256"]
    except (OSError, KeyError, RuntimeError, ValueError, AttributeError) as error:
        found, expected = " ".join(str(error).split())[:200], "of the record"
    if found != expected:
        raise ValueError(
            f"The classifier in {str(folder)!r} must have weights with the SHA-256 {expected}. "
            f"Received: {found}. It is damaged: delete that folder, and it will be trained again."
        )
    return record


def _extractor(
    network: tf.keras.Model, record: dict[str, object], *, gives_logits: bool
) -> image_features.FeatureExtractor:
    """Returns a classifier as an extractor of features."""
    shape = tuple(record["image_shape"])

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        if images.shape[1:] != shape:
            raise ValueError(
                f"images must be of shape [n, {', '.join(map(str, shape))}], as those that the "
                f"{record['dataset']} classifier was trained on. Received: shape={images.shape}."
            )
        features, logits = network(images, training=False)
        arrays = {"features": features.numpy()}
        return arrays | ({"logits": logits.numpy()} if gives_logits else {})

    return image_features.FeatureExtractor(
        name=f"classifier:{record['dataset']}",
        run=run,
        batch_size=500,
        record=record | {"sha256": record["weights_sha256"], "resizing": "none"},
    )
