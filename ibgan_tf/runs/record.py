"""config.json: everything a run was asked for, enough to resume, evaluate, plot or export it."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from ibgan_tf import atomic, config, registry
from ibgan_tf.runs import lock
from ibgan_tf.runs.options import CHANGEABLE_ON_RESUME, RunOptions

RECORD_FILE = "config.json"
_FORMAT = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What config.json holds.

    Attributes:
        model: the model's name in MODELS.
        dataset: the data set's name in DATASETS.
        preset: the preset that the settings began from; "none" for the class defaults.
        options: the settings of the run itself.
        model_config: an instance of the model's `config_class`.
        dataset_settings: an instance of the data set's `settings_class`.
        image_shape: (height, width, channels).
        data_source: where the data came from: {"source": ..., "sha256": ...}.
    """

    model: str
    dataset: str
    preset: str
    options: RunOptions
    model_config: Any
    dataset_settings: Any
    image_shape: tuple[int, int, int]
    data_source: dict[str, str]


_PARTS = ("options", "model_config", "dataset_settings")  # the fields that are settings classes


def write_record(run_dir: str | os.PathLike[str], record: RunRecord) -> None:
    """Writes config.json, whole or not at all.

    Args:
        run_dir: the run directory, which exists.
        record: what to write.

    Raises:
        OSError: the disk is full.
    """
    values = {"format": _FORMAT, **config.to_json(record)}
    values.update({part: config.to_json(values[part]) for part in _PARTS})
    atomic.write_json(pathlib.Path(run_dir) / RECORD_FILE, values)


def _what_to_do(folder: pathlib.Path) -> str:
    """Returns what helps where a folder should be a run: the runs in it, or how to start one."""
    if not folder.exists() or not any(folder.iterdir()):
        return f"Start one with: python scripts/train.py --dataset=dsprites --run_dir={folder}"
    runs = sorted(path.parent.name for path in folder.glob(f"*/{RECORD_FILE}"))
    if not runs:
        return "Choose the folder of a run."
    return f"Choose one of the runs in it: {', '.join(runs[:5])}{', ...' * (len(runs) > 5)}"


def read_values(run_dir: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns config.json as it is, with its names of model and data set not yet looked up.

    Args:
        run_dir: the run directory.

    Returns:
        The values, with every field of `RunRecord`.

    Raises:
        FileNotFoundError: `run_dir` holds no run.
        NotADirectoryError: `run_dir` is a file.
        ValueError: config.json is not what `write_record` writes.
    """
    lock.check_folder(run_dir)
    path = pathlib.Path(run_dir) / RECORD_FILE
    if not path.exists():
        raise FileNotFoundError(
            f"run_dir must hold a run, and with it {RECORD_FILE}. Received: run_dir={run_dir}. "
            f"{_what_to_do(path.parent)}"
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise ValueError(f"{path} must be JSON. Received: {error}.") from error
    if not isinstance(values, dict) or values.get("format") != _FORMAT:
        received = values.get("format") if isinstance(values, dict) else values
        raise ValueError(f"{path} must have format {_FORMAT}. Received: format={received!r}.")
    missing = [field.name for field in dataclasses.fields(RunRecord) if field.name not in values]
    if missing:
        raise ValueError(f"{path} must have {missing}. Received: {sorted(values)}.")
    return values


def read_record(
    run_dir: str | os.PathLike[str],
    *,
    models: Mapping[str, Any],
    datasets: Mapping[str, Any],
) -> RunRecord:
    """Returns what `write_record` wrote.

    Args:
        run_dir: the run directory.
        models: name -> class with a `config_class`; passed in so that this file imports no model.
        datasets: name -> class with a `settings_class`.

    Returns:
        The record.

    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: as `read_values` says; also a name or
            a setting that this version doesn't know, or a value out of its range.
        TypeError: a value of the wrong type.
    """
    values = read_values(run_dir)
    model = registry.lookup(models, values["model"], kind="model")
    dataset = registry.lookup(datasets, values["dataset"], kind="dataset")
    values["options"] = config.from_json(RunOptions, values["options"])
    values["model_config"] = config.from_json(model.config_class, values["model_config"])
    values["dataset_settings"] = config.from_json(
        dataset.settings_class, values["dataset_settings"]
    )
    values["image_shape"] = tuple(values["image_shape"])
    return RunRecord(**{field.name: values[field.name] for field in dataclasses.fields(RunRecord)})


def check_resume(saved: RunRecord, requested_changes: Mapping[str, object]) -> RunRecord:
    """Returns the record of a resumed run: as saved, but for the settings that may change.

    Args:
        saved: the record of the run so far.
        requested_changes: names to values: fields of the options, of the model's config or of the
            data set's settings, or of the record itself ("model", "data_source", ...).

    Returns:
        The record with the changes of CHANGEABLE_ON_RESUME; `steps` no lower than it was.

    Raises:
        ValueError: another setting or the images differ from the record, `steps` is lowered, a
            name is unknown or a value is out of its range.
        TypeError: a value of the wrong type.
    """
    recorded = flat_settings(saved)
    config.check_names(requested_changes, recorded)
    accepted = {
        name: value for name, value in requested_changes.items() if name in CHANGEABLE_ON_RESUME
    }
    for name, value in requested_changes.items():
        received = tuple(value) if isinstance(value, list) else value
        if name == "data_source":
            _check_data(saved.data_source, value)
        elif name not in accepted and received != recorded[name]:
            raise ValueError(
                f"{name} must stay as the run began. Recorded: {name}={recorded[name]!r}. "
                f"Received: {name}={value!r}. Leave it out, or begin a run in another --run_dir."
            )
    options = config.override(saved.options, accepted)
    if options.steps < saved.options.steps:
        raise ValueError(
            f"steps may only be raised. Recorded: steps={saved.options.steps}. "
            f"Received: steps={options.steps}."
        )
    return dataclasses.replace(saved, options=options)


def _check_data(recorded: Mapping[str, str], received: Mapping[str, str]) -> None:
    """Checks that the images are those of the run, whatever files they are read from."""
    if received["sha256"] != recorded.get("sha256"):
        raise ValueError(
            f"The images must be those that the run began with. Recorded: {dict(recorded)}. "
            f"Received: {dict(received)}. Name their folder with --data_dir, or begin a run in "
            "another --run_dir."
        )


def flat_settings(record: RunRecord) -> dict[str, object]:
    """Returns every setting of a record by its own name, those of its parts included.

    Args:
        record: of a run. Of its data source the hash is taken alone: the same images may lie in
            other files on another machine.
    """
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    for part in _PARTS:
        settings = values.pop(part)
        values.update(
            {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
        )
    values["data_source"] = record.data_source.get("sha256")
    return values
