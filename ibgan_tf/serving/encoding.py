"""Encodes a data set by an export's `encode` signature, so that an export can be scored."""

import dataclasses
import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ibgan_tf import config, registry
from ibgan_tf.data import DATASETS, base
from ibgan_tf.data.progress import progress_bar
from ibgan_tf.serving import card, runtime
from ibgan_tf.serving.isolated import BATCHES

_SIGNATURE = "encode"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportCodes:
    """Codes of images by an export, and what they are of.

    Attributes:
        codes: float32 [n, code_dim].
        indices: which images of the data set, int64 [n].
        dataset: the data set of DATASETS that the export's model was trained on.
        provenance: JSON-ready.
    """

    codes: np.ndarray
    indices: np.ndarray
    dataset: Any
    provenance: dict[str, Any]


def encode_dataset(
    export_dir: str | os.PathLike[str],
    *,
    representation: str | None = None,
    choose_images: Callable[[Any], np.ndarray] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> ExportCodes:
    """Returns the codes of the data set that an export's model was trained on.

    Args:
        export_dir: the folder of one version.
        representation: an output of `encode`; if None, "r_mean" where there is one, else the
            first.
        choose_images: data set -> indices of the images to encode; all if None.
        data_dir: the folder of the data, or None for the user's cache.

    Returns:
        codes: and their data set.

    Raises:
        FileNotFoundError: `export_dir` holds no export.
        ValueError: it can't encode images, `representation` is unknown, or a code isn't finite.
    """
    described = card.read(export_dir)
    name = _choose(described, representation)
    dataset = _open_dataset(described, data_dir)
    indices = np.arange(dataset.size) if choose_images is None else choose_images(dataset)
    with runtime.SavedModelSession(export_dir, described["signatures"]) as session:
        codes = _encode(session, name, dataset, indices)
    copied = ("model", "dataset", "step", "version")
    values = described | {"model": described["method"]}
    provenance = {key: values[key] for key in copied} | {
        "export": os.fspath(export_dir),
        "representation": name,
        "variables_sha256": next(
            value for path, value in described["files"].items() if ".data-" in path
        ),
        "data_source": {"source": dataset.source, "sha256": dataset.sha256},
    }
    if len(indices) < dataset.size:
        provenance["num_images"] = len(indices)
    return ExportCodes(codes=codes, indices=indices, dataset=dataset, provenance=provenance)


def results_folder(export_dir: str | os.PathLike[str]) -> pathlib.Path:
    """Returns where scores of an export go: beside its version, in which nothing may change."""
    path = pathlib.Path(export_dir).absolute()
    return path.parent / "metrics" / f"version-{path.name}"


def _choose(described: dict[str, Any], representation: str | None) -> str:
    """Returns the output of `encode` to take the codes from."""
    if _SIGNATURE not in described["signatures"]:
        raise ValueError(
            f"The export must have the signature {_SIGNATURE}. "
            f"Received: {sorted(described['signatures'])}."
        )
    outputs = described["signatures"][_SIGNATURE]["outputs"]
    names = {name: name for name in outputs if name != "valid"}
    if representation is None:
        return names.get("r_mean", next(iter(names)))
    return registry.lookup(names, representation, kind="representation")


def _open_dataset(described: dict[str, Any], data_dir: str | os.PathLike[str] | None) -> Any:
    """Returns the data set that the card names, with its settings."""
    dataset_class = registry.lookup(DATASETS, described["dataset"], kind="dataset")
    settings = config.from_json(dataset_class.settings_class, described["dataset_settings"])
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return dataset_class(data_dir=data_dir, **values)


def _encode(
    session: runtime.SavedModelSession, name: str, dataset: Any, indices: np.ndarray
) -> np.ndarray:
    """Returns the codes of images, a batch at a time."""
    starts = range(0, len(indices), max(BATCHES))
    parts = []
    for start in progress_bar(starts, total=len(starts), title="encoding"):
        chosen = indices[start : start + max(BATCHES)]
        answer = session.run(_SIGNATURE, {"images": base.read_float_images(dataset, chosen)})
        if not answer["valid"].all():
            bad = chosen[np.argmin(answer["valid"])]
            raise ValueError(f"Every code must be finite. Received: another for image {bad}.")
        parts.append(answer[name])
    return np.concatenate(parts)
