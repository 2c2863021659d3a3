"""Tables of codes: of a run, encoded once and kept in its folder, or of anybody's file."""

import dataclasses
import hashlib
import json
import os
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ibgan_tf import atomic, registry
from ibgan_tf.data.base import ImageDataset
from ibgan_tf.evaluation import batch_norm
from ibgan_tf.metrics.representation import encode_images
from ibgan_tf.runs.load import Run

SAMPLE_SIZE = 100_000  # images encoded of a set that is larger than dSprites
_LARGEST_WHOLE = 1_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodeTable:
    """Codes of images and where they are from.

    Attributes:
        codes: float32 [n, code_dim].
        indices: which images of the data set, int64 [n].
        provenance: JSON-ready; every result carries it.
    """

    codes: np.ndarray
    indices: np.ndarray
    provenance: Mapping[str, Any]


def run_codes(
    run: Run,
    *,
    representation: str | None = None,
    statistics: str = "training",
    num_images: int | None = None,
) -> CodeTable:
    """Returns the codes of a run's data set; encoded once, then read from the run directory.

    Args:
        run: a loaded run of a model that encodes; unchanged afterwards.
        representation: one of the model's `representations`; its first if None.
        statistics: "training" for the moving statistics of BatchNorm as trained, "real_images"
            to estimate them anew.
        num_images: how many images are taken, at random; all of a set of up to a million images
            with factors if None, and `SAMPLE_SIZE` of any other set.

    Returns:
        table: of the images.

    Raises:
        ValueError: the model can't encode, or a name is unknown.
    """
    representation = choose_representation(run.model, representation, name=run.config.model)
    indices = choose_images(run.dataset, num_images)
    provenance = provenance_of(
        run.model,
        run.dataset,
        indices,
        name=run.config.model,
        step=run.step,
        representation=representation,
        statistics=statistics,
    )
    stem = f"codes-{representation}-{statistics}"
    if "num_images" in provenance:
        stem += f"-{len(indices)}_images"
    path = metrics_folder(run.run_dir, run.step) / f"{stem}.npy"
    known = _read(path, provenance)
    if known is not None:
        return CodeTable(codes=known[0], indices=indices, provenance=known[1])

    with batch_norm.statistics_of(run.model, statistics, run.dataset):
        table = encode_table(run.model, run.dataset, indices, provenance=provenance)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.replacing_file(path) as temporary, open(temporary, "wb") as file:
        np.save(file, table.codes)
    atomic.write_json(path.with_suffix(".json"), table.provenance)
    return table


def choose_representation(model: Any, representation: str | None, *, name: str) -> str:
    """Returns the name of the codes to take of a model.

    Args:
        model: the model, or its class.
        representation: one of its `representations`; its first if None.
        name: the model's name, for the message.

    Raises:
        ValueError: the model can't encode, or has no such codes.
    """
    names = getattr(model, "representations", None)
    if not names:
        raise ValueError(f"The model must be able to encode images. Received: model={name!r}.")
    representation = representation or names[0]
    registry.lookup(dict.fromkeys(names), representation, kind="representation")
    return representation


def choose_images(dataset: ImageDataset, num_images: int | None = None) -> np.ndarray:
    """Returns the indices of the images to encode, ascending: all, or always the same sample.

    Args:
        dataset: the data set.
        num_images: how many; None as for `run_codes`.
    """
    if num_images is None:
        whole = hasattr(dataset, "factors") and dataset.size <= _LARGEST_WHOLE
        num_images = dataset.size if whole else SAMPLE_SIZE
    if num_images >= dataset.size:
        return np.arange(dataset.size)
    return np.sort(np.random.default_rng(0).choice(dataset.size, num_images, replace=False))


def provenance_of(
    model: Any,
    dataset: ImageDataset,
    indices: np.ndarray,
    *,
    name: str,
    step: int,
    representation: str,
    statistics: str,
) -> dict[str, Any]:
    """Returns what tells one table of codes from another, ready for JSON.

    Args:
        model: that encodes.
        dataset: of the images.
        indices: which images.
        name: the model's name in MODELS.
        step: the training steps that it has had.
        representation: which codes.
        statistics: of BatchNorm.
    """
    provenance = {
        "model": name,
        "dataset": dataset.name,
        "step": step,
        "representation": representation,
        "batch_norm_statistics": statistics,
        "weights_sha256": weights_hash(model.networks()),
        "data_source": {"source": dataset.source, "sha256": dataset.sha256},
    }
    sampled = len(indices) < dataset.size
    return (
        provenance
        | getattr(model, "encoding_provenance", {})  # of a reconstructor from afterwards
        | ({"num_images": len(indices)} if sampled else {})
    )


def encode_table(
    model: Any, dataset: ImageDataset, indices: np.ndarray, *, provenance: Mapping[str, Any]
) -> CodeTable:
    """Returns the codes of some images, with the speed and their hash in the provenance.

    Args:
        model: has `represent(images, kind, seed=...)`.
        dataset: of the images.
        indices: which images.
        provenance: of `provenance_of`; names the representation.
    """
    kind = provenance["representation"]
    began = time.monotonic()
    codes = encode_images(
        lambda images, seed: model.represent(images, kind, seed=seed), dataset, indices
    )
    speed = len(indices) / (time.monotonic() - began)
    found = {"images_per_second": round(speed, 1), "codes_sha256": array_hash(codes)}
    return CodeTable(codes=codes, indices=indices, provenance={**provenance, **found})


def file_codes(
    path: str | os.PathLike[str],
    dataset: ImageDataset,
    *,
    indices_path: str | os.PathLike[str] | None = None,
) -> CodeTable:
    """Returns the codes in a NumPy file that anybody's model made.

    Args:
        path: an .npy file, [n, code_dim]; row i is of image i in the data set's order.
        dataset: of the images.
        indices_path: an .npy file of whole numbers [n]: row i is of image indices[i].

    Returns:
        table: the codes.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file isn't such an array, or the lengths differ.
    """
    codes = _load_array(path)
    if indices_path is not None:
        indices = _load_array(indices_path)
        if indices.ndim != 1 or indices.dtype.kind not in "iu":
            raise ValueError(
                f"indices must be whole numbers of shape [n]. Received: shape={indices.shape}, "
                f"dtype={indices.dtype} in {indices_path}"
            )
    else:
        indices = None  # all, but a set may be too large to count them
    num_images = dataset.size if indices is None else len(indices)
    if codes.ndim != 2 or len(codes) != num_images:
        raise ValueError(
            f"codes must have the shape [{num_images}, code_dim], a row for each image. "
            f"Received: shape={codes.shape} in {path}. Give --indices for a sample"
        )
    provenance = {
        "codes_file": os.fspath(path),
        "codes_sha256": array_hash(codes),
        "dataset": dataset.name,
        "data_source": {"source": dataset.source, "sha256": dataset.sha256},
    }
    if indices is None:
        indices = np.arange(num_images)
    else:
        provenance["indices_sha256"] = array_hash(indices)
        if len(np.unique(indices)) < dataset.size or num_images > dataset.size:
            provenance["num_images"] = num_images
    return CodeTable(codes=codes, indices=indices, provenance=provenance)


def metrics_folder(run_dir: str | os.PathLike[str], step: int) -> pathlib.Path:
    """Returns where a run keeps the metrics of a step."""
    return pathlib.Path(run_dir) / "metrics" / f"step-{step}"


def weights_hash(networks: Mapping[str, tf.keras.Model]) -> str:
    """Returns the SHA-256 of all weights of some networks, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(networks):
        for weight in networks[name].weights:
            digest.update(np.ascontiguousarray(weight.numpy()).tobytes())
    return digest.hexdigest()


def array_hash(array: np.ndarray) -> str:
    """Returns the SHA-256 of an array's numbers."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _read(path: pathlib.Path, expected: Mapping[str, Any]) -> tuple | None:
    """Returns the table and its provenance, if they are of these weights and data."""
    try:
        provenance = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        codes = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):  # missing or damaged: it is made anew
        return None
    if any(provenance.get(name) != value for name, value in expected.items()):
        return None
    if provenance.get("codes_sha256") != array_hash(codes):
        return None
    return codes, provenance


def _load_array(path: str | os.PathLike[str]) -> np.ndarray:
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} must exist. Received: no such file")
    try:
        array = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("an archive of arrays (.npz)")
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(
            f"{path} must be a NumPy file (.npy) of numbers. Received: {str(error).splitlines()[0]}"
        ) from error
    return array
