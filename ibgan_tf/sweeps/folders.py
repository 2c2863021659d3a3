"""Finds the runs of a study among those that a sweep's folder holds already."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from ibgan_tf import config, registry
from ibgan_tf.runs import record
from ibgan_tf.runs.options import RunOptions
from ibgan_tf.sweeps.plan import PlannedRun

# Chosen by the sweep, or changed when a run was resumed by hand, where the study doesn't name them.
_HOW_FAST = ("threads", "threads_per_operation")
_PARTS = ("dataset_settings", "options", "model_config")


def match_folders(
    runs: Sequence[PlannedRun],
    sweep_dir: str | os.PathLike[str],
    *,
    models: Mapping[str, Any],
    datasets: Mapping[str, Any],
) -> tuple[list[PlannedRun], list[str]]:
    """Gives each run that was begun the name of its folder, whatever the study calls it now.

    Args:
        runs: of the study as it is now.
        sweep_dir: the sweep's folder, which may be missing.
        models: name -> class with `config_class`.
        datasets: name -> class with `settings_class`.

    Returns:
        runs: those of the study.
        others: names of folders with runs that the study doesn't have.

    Raises:
        ValueError: a run that was begun has other settings now, or its record is damaged.
    """
    held = {
        path.parent.name: _recorded(path.parent, models=models, datasets=datasets)
        for path in sorted(pathlib.Path(sweep_dir).glob(f"*/{record.RECORD_FILE}"))
    }
    left, matched = dict(held), []
    for run in runs:
        own = {run.name: left[run.name]} if run.name in left else {}
        name = next((n for n, known in {**own, **left}.items() if not _changed(run, known)), None)
        if name is None and run.name in held:
            raise ValueError(_changed_text(run, held[run.name], sweep_dir))
        matched.append(dataclasses.replace(run, name=name or run.name))
        left.pop(name, None)
    return matched, list(left)


def _recorded(
    run_dir: pathlib.Path, *, models: Mapping[str, Any], datasets: Mapping[str, Any]
) -> dict[str, object]:
    """Returns every setting of a run that was begun; those that it didn't know yet by default."""
    values = record.read_values(run_dir)
    model = registry.lookup(models, values["model"], kind="model")
    dataset = registry.lookup(datasets, values["dataset"], kind="dataset")
    flat = {"model": values["model"], "dataset": values["dataset"]}
    for kind in (RunOptions, model.config_class, dataset.settings_class):
        defaults = {field.name: field.default for field in dataclasses.fields(kind)}
        flat |= {n: v for n, v in defaults.items() if v is not dataclasses.MISSING}
    for part in _PARTS:
        flat |= values[part]
    return {name: list(v) if isinstance(v, tuple) else v for name, v in flat.items()}


def _changed(run: PlannedRun, recorded: Mapping[str, object]) -> dict[str, object]:
    """Returns the settings of a run that differ from its record's: name -> value now."""
    return {
        name: value
        for name, value in run.settings.items()
        if recorded.get(name) != value and (name not in _HOW_FAST or name in run.given)
    }


def _changed_text(
    run: PlannedRun, recorded: Mapping[str, object], sweep_dir: str | os.PathLike[str]
) -> str:
    """Returns what to say of a run whose settings were changed after it had begun."""
    changed = _changed(run, recorded)
    before = {name: recorded.get(name) for name in changed}
    texts = [
        ", ".join(f"{name}={config.to_text(value)}" for name, value in values.items())
        for values in (before, changed)
    ]
    return (
        f"Run {run.name} of {sweep_dir} was begun, and its settings must stay. Recorded: "
        f"{texts[0]}. Received: {texts[1]}. Put them back, give the grid another name, or choose "
        "another --sweep_dir."
    )
