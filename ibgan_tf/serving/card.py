"""model_card.json: what an export is, where it is from, and how to ask it.

It lies in the version's folder, in assets.extra/, which servers leave alone. Its signatures have
the tensors' names too, so that `runtime.SavedModelSession` can be made from the card alone.
"""

import hashlib
import json
import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

import ibgan_tf
from ibgan_tf import atomic, config
from ibgan_tf.models import latents
from ibgan_tf.runs.load import Run
from ibgan_tf.serving import capabilities
from ibgan_tf.serving.calls import KEPT_TOLERANCE, Call
from ibgan_tf.serving.model_signatures import VALID, Signature, code_signature, model_signatures
from ibgan_tf.serving.packing import pack, unpack
from ibgan_tf.serving.signatures import read_signatures

ASSETS = "assets.extra"
CARD_FILE = "model_card.json"
_FORMAT = 1
_KL_SAMPLES = 4096  # as of the traversal pictures
_FIELDS = ("signatures", "files", "samples")  # what the gate needs
_OUTPUT_RANGES = {"float32": [-1.0, 1.0], "uint8": [0, 255]}  # of images


def write(
    export_dir: pathlib.Path, run: Run, model: Any, samples: list[Call], *, name: str, version: int
) -> None:
    """Writes the card of an export whose other files are all there.

    Args:
        export_dir: where the export lies now.
        run: what was exported.
        model: the run's, computing in float32.
        samples: a call of each signature, of one row, with the model's answer.
        name: of the served model.
        version: its number.

    Raises:
        OSError: the disk is full.
    """
    signatures = model_signatures(model)
    values = {
        "format": _FORMAT,
        "name": name,
        "version": version,
        "method": run.config.model,
        "about": _first_sentence(type(run.model)),
        "dataset": run.config.dataset,
        "dataset_settings": config.to_json(run.config.dataset_settings),
        "data_source": run.config.data_source,
        "image_shape": list(model.image_shape),
        "images": "float32 in [-1, 1], or uint8 in [0, 255]",
        "step": run.step,
        "seed": run.config.options.seed,
        "training_precision": run.config.options.precision,
        "precision": "float32",
        "settings": config.to_json(run.config.model_config),
        "versions": {"ibgan_tf": ibgan_tf.__version__, "tensorflow": tf.__version__},
        "latent": _latent(model),
        "generate_from_code": code_signature(model),
        "scores": _scores(run),
        "signatures": _described(read_signatures(export_dir), signatures),
        "files": file_hashes(export_dir),
        "samples": {
            call.signature: {
                "request": {key: pack(array) for key, array in call.inputs.items()},
                "response": {key: pack(array) for key, array in call.outputs.items()},
            }
            for call in samples
        },
    }
    (export_dir / ASSETS).mkdir(exist_ok=True)
    atomic.write_json(export_dir / ASSETS / CARD_FILE, values)


def read(export_dir: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns the card of an export.

    Args:
        export_dir: the folder of one version.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it isn't a card.
    """
    path = pathlib.Path(export_dir) / ASSETS / CARD_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} must exist. Received: export_dir={export_dir}, which isn't an export of "
            "export/export_model.py, or isn't whole."
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} must be JSON. Received: {error}.") from error
    if not isinstance(values, dict) or values.get("format") != _FORMAT:
        raise ValueError(f"{path} must be a card of format {_FORMAT}.")
    missing = [name for name in _FIELDS if not isinstance(values.get(name), dict)]
    if missing:
        raise ValueError(f"{path} must have {', '.join(_FIELDS)}. Received: no {missing}.")
    return values


def sample_calls(card: Mapping[str, Any]) -> list[Call]:
    """Returns the card's sample of each signature: one row, with what its model answered.

    Args:
        card: of `read`.

    Raises:
        ValueError: a signature has none, or a damaged one.
    """
    if set(card["samples"]) != set(card["signatures"]):
        raise ValueError(
            f"The card must have a sample of each of {sorted(card['signatures'])}. "
            f"Received: {sorted(card['samples'])}."
        )
    calls = []
    for name, sample in card["samples"].items():
        try:
            inputs = {key: unpack(array) for key, array in sample["request"].items()}
            outputs = {key: unpack(array) for key, array in sample["response"].items()}
            _ = outputs[VALID]
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(
                f"The card's sample of {name} must have a request and a response with {VALID!r}. "
                f"Received: {type(error).__name__}: {error}."
            ) from error
        calls.append(Call(signature=name, inputs=inputs, outputs=outputs, tolerance=KEPT_TOLERANCE))
    return calls


def file_hashes(export_dir: pathlib.Path) -> dict[str, str]:
    """Returns the SHA-256 of each file but the card: path within the folder -> hash.

    Args:
        export_dir: the folder of one version.
    """
    paths = sorted(path for path in export_dir.rglob("*") if path.is_file())
    return {
        path.relative_to(export_dir).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.name != CARD_FILE
    }


def file_problems(export_dir: pathlib.Path, card: Mapping[str, Any]) -> list[str]:
    """Returns which files aren't those that the card was written for.

    Args:
        export_dir: the folder of one version.
        card: of `read`.

    Returns:
        problems: sentences; none if there are none.
    """
    found, wanted = file_hashes(export_dir), card["files"]
    problems = [f"the file {name} is missing" for name in sorted(set(wanted) - set(found))]
    problems += [f"the card has no file {name}" for name in sorted(set(found) - set(wanted))]
    return problems + [
        f"the file {name} isn't the one that was exported: its SHA-256 differs"
        for name in sorted(set(found) & set(wanted))
        if found[name] != wanted[name]
    ]


def _latent(model: Any) -> list[dict[str, Any]]:
    """Returns the latent parts, with what the model says of each dimension, in nats.

    That is the KL of a part that can be turned, or the information of a code and the image.
    """
    information = model.code_information(_KL_SAMPLES) if hasattr(model, "code_information") else {}
    turned = [part for part in capabilities.code_source(model).parts if part.traversable]
    kl = {}
    if turned and hasattr(model, "dimension_kl"):
        kl = latents.by_part(np.asarray(model.dimension_kl(_KL_SAMPLES)), turned)
    parts = []
    for part in model.latent:
        entry = {"name": part.name, "size": part.size, "traversable": part.traversable}
        bounds = capabilities.value_range(part)
        entry["range"] = list(bounds) if bounds else None
        if part.name in kl:
            entry["kl"] = [float(value) for value in kl[part.name]]
        if part.name in information:
            entry["information"] = np.asarray(information[part.name]).tolist()
        parts.append(entry)
    return parts


def _scores(run: Run) -> list[dict[str, Any]]:
    """Returns the scores of the exported step that the run directory has."""
    folder = run.run_dir / "metrics" / f"step-{run.step}"
    results = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    shown = ("metric", "protocol", "settings", "representation", "score")
    return [
        {name: result[name] for name in shown if name in result}
        for result in results
        if "metric" in result and "score" in result
    ]


def _described(tensors: dict[str, Any], signatures: Mapping[str, Signature]) -> dict[str, Any]:
    """Returns the signatures' tensors, with what each does and what its values may be."""
    for name, entry in tensors.items():
        for key, tensor in entry["inputs"].items():
            known = signatures[name].inputs[key]
            tensor["range"] = list(known.range) if known.range else None
            if known.choices:
                tensor["choices"] = list(known.choices)
        for key, tensor in entry["outputs"].items():
            if key == "images":
                tensor["range"] = _OUTPUT_RANGES[tensor["dtype"]]
        tensors[name] = {"does": signatures[name].does, **entry}
    return tensors


def _first_sentence(model_class: type) -> str:
    """Returns the first line of the method's own file."""
    return (sys.modules[model_class.__module__].__doc__ or "").partition("\n")[0]
