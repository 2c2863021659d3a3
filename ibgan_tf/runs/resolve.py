"""From what was given to the settings of a run: class default < preset < given."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from ibgan_tf import config, registry
from ibgan_tf.runs import record
from ibgan_tf.runs.options import RunOptions
from ibgan_tf.runs.record import RunRecord

DEFAULT_MODEL = "ibgan"
BATCH_SIZE = 64  # images of a step where no preset says it
NO_PRESET = "none"


def choose_preset(model: Any, *, dataset: str, preset: str | None) -> tuple[str, Any]:
    """Returns the preset that the settings begin from.

    Args:
        model: a class with `presets`: name -> Preset.
        dataset: the data set's name, which is also the name of its usual preset.
        preset: the name asked for; None for the data set's, if the model has it.

    Returns:
        (name, Preset), or ("none", None) for the class defaults.

    Raises:
        ValueError: the model has no preset of the name asked for.
    """
    if preset is None:
        preset = dataset if dataset in model.presets else NO_PRESET
    if preset == NO_PRESET:
        return NO_PRESET, None
    choices = {NO_PRESET: None, **model.presets}
    return preset, registry.lookup(choices, preset, kind="preset")


def resolve_run(
    given: Mapping[str, Any], *, models: Mapping[str, Any], datasets: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the settings of a new run, before any data or device is touched.

    Args:
        given: what was asked for: "dataset", perhaps "model" and "preset", and any field of
            RunOptions, of the model's config and of the data set's settings.
        models: name -> class with `config_class` and `presets`.
        datasets: name -> class with `settings_class`.

    Returns:
        The fields of `RunRecord` that are known before the data are opened: model, dataset,
        preset, options, model_config, dataset_settings.

    Raises:
        ValueError: a name is unknown or missing, or a value out of its range.
        TypeError: a value of the wrong type.
    """
    names = {"model": given.get("model", DEFAULT_MODEL), "dataset": given.get("dataset")}
    if names["dataset"] is None:
        raise ValueError(
            f"dataset must be one of: {', '.join(sorted(datasets))}. Received: no dataset. "
            "Add --dataset=..."
        )
    model = registry.lookup(models, names["model"], kind="model")
    dataset = registry.lookup(datasets, names["dataset"], kind="dataset")
    _check_owner(names["model"], given.get("preset"), models)
    preset_name, preset = choose_preset(model, dataset=names["dataset"], preset=given.get("preset"))
    classes = (RunOptions, model.config_class, dataset.settings_class)
    fields = [[field.name for field in dataclasses.fields(kind)] for kind in classes]
    known = {"model", "dataset", "preset"}.union(*fields)
    config.check_names(given, known)
    changes = [{name: given[name] for name in own if name in given} for own in fields]
    model_default = model.config_class() if preset is None else preset.config
    return {
        **names,
        "preset": preset_name,
        "options": _options(preset, changes[0], preset_name=preset_name),
        "model_config": config.override(model_default, changes[1]),
        "dataset_settings": config.from_json(dataset.settings_class, changes[2]),
    }


def _check_owner(model: str, preset: str | None, models: Mapping[str, Any]) -> None:
    """Refuses a preset of other models by their names, which are nearer than a like spelling."""
    owners = [name for name, own in models.items() if preset in own.presets]
    if owners and model not in owners:
        raise ValueError(
            f"preset must be one of {model}'s. Received: preset={preset!r}, which is one of "
            f"{', '.join(owners)}: give --model={owners[0]} for it."
        )


def resume_run(
    run_dir: str | os.PathLike[str],
    given: Mapping[str, object],
    *,
    models: Mapping[str, Any],
    datasets: Mapping[str, Any],
) -> RunRecord:
    """Returns the record of a run that is to go on, with what was given changed in it.

    Args:
        run_dir: the run directory.
        given: as for `resolve_run`; may be empty.
        models: name -> class with `config_class`.
        datasets: name -> class with `settings_class`.

    Returns:
        The record; nothing is written.

    Raises:
        FileNotFoundError: `run_dir` holds no run.
        ValueError, TypeError: as `check_resume` says.
    """
    saved = record.read_record(run_dir, models=models, datasets=datasets)
    return record.check_resume(saved, given)


def _options(preset: Any, changes: Mapping[str, Any], *, preset_name: str) -> RunOptions:
    """Returns the run's options; the preset, if there is one, has the steps and the batch size."""
    if "steps" not in changes and preset is None:
        raise ValueError(
            f"steps must be given where no preset has them. Received: preset={preset_name!r}. "
            "Add --steps=..."
        )
    usual = {"steps": None, "batch_size": BATCH_SIZE}
    if preset is not None:
        usual = {"steps": preset.steps, "batch_size": preset.batch_size}
    return config.from_json(RunOptions, usual | dict(changes))
