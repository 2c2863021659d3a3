"""The flags of a training run: of the run itself, of its model and of its data set.

A script that trains has:

    def define(argv: Sequence[str]) -> None:
        run_flags.define_flags(argv, models=MODELS, datasets=DATASETS)

    def main(argv: Sequence[str]) -> None:
        pieces = resolve.resolve_run(run_flags.explicit_flags(), models=MODELS, datasets=DATASETS)
        ...

    if __name__ == "__main__":
        command_line.run_main(main, define=define)
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from ibgan_tf import config, registry
from ibgan_tf.command_line import PLACES, SETTINGS, arguments_of, define_flag, required
from ibgan_tf.runs import record
from ibgan_tf.runs.options import RunOptions
from ibgan_tf.runs.resolve import DEFAULT_MODEL, choose_preset

FLAGS = flags.FLAGS


def define_settings_flags(
    settings_class: type,
    *,
    of: str,
    defaults: Mapping[str, object] | None = None,
    flag_values: flags.FlagValues = FLAGS,
) -> None:
    """Defines a flag for each field of a settings class, without a default.

    Args:
        settings_class: a dataclass whose fields are made by `config.setting`.
        of: what the settings are of, for the help text: "the model ibgan".
        defaults: name -> what the setting is if the flag isn't given, for the help text, where
            it isn't the class default.
        flag_values: where to define them.
    """
    types = config.field_types(settings_class)
    for field in dataclasses.fields(settings_class):
        default = (defaults or {}).get(field.name, field.default)
        known = default is not dataclasses.MISSING
        help = field.metadata.get("help", "")
        define_flag(
            field.name,
            types[field.name],
            f"{help} (default: {config.to_text(default)})" if known else help,
            choices=field.metadata.get("choices"),
            group=SETTINGS + of,
            flag_values=flag_values,
        )


def define_flags(
    argv: Sequence[str],
    *,
    models: Mapping[str, Any],
    datasets: Mapping[str, Any],
    flag_values: flags.FlagValues = FLAGS,
) -> None:
    """Defines the flags of a training run: its own, its model's and its data set's.

    Which model and data set is read from `argv`, or for --resume from the run directory.

    Args:
        argv: the program and its arguments.
        models: name -> class with `config_class` and `presets`.
        datasets: name -> class with `settings_class`.
        flag_values: where to define them.

    Raises:
        ValueError: an unknown model or data set, or a setting of another one.
        FileNotFoundError: --resume, and the run directory holds no run.
    """
    names = _chosen_names(argv)
    model = registry.lookup(models, names["model"], kind="model")
    _define_run_flags(models, datasets, presets=model.presets, flag_values=flag_values)
    defaults = _preset_values(model, names)
    parts = {"the run": RunOptions, f"the model {names['model']}": model.config_class}
    if names["dataset"] is not None:
        dataset = registry.lookup(datasets, names["dataset"], kind="dataset")
        parts[f"the data set {names['dataset']}"] = dataset.settings_class
    for of, settings_class in parts.items():
        define_settings_flags(settings_class, of=of, defaults=defaults, flag_values=flag_values)
    _check_owners(argv, names, models=models, datasets=datasets, flag_values=flag_values)


def _check_owners(
    argv: Sequence[str],
    names: Mapping[str, str | None],
    *,
    models: Mapping[str, Any],
    datasets: Mapping[str, Any],
    flag_values: flags.FlagValues,
) -> None:
    """Names those that a setting belongs to, if it isn't one of the chosen model or data set."""
    classes = {f"--model={name}": model.config_class for name, model in models.items()}
    classes |= {f"--dataset={name}": one.settings_class for name, one in datasets.items()}
    owners: dict[str, list[str]] = {}
    for owner, settings_class in classes.items():
        for field in dataclasses.fields(settings_class):
            owners.setdefault(field.name, []).append(owner)
    for argument in argv[1:]:
        name = argument.lstrip("-").partition("=")[0]
        if name not in owners and name.startswith("no"):  # --noflag, of one that is true or false
            name = name.removeprefix("no")
        if argument.startswith("-") and name in owners and name not in flag_values:
            raise ValueError(
                f"--{name} must go with {' or '.join(owners[name])}. "
                f"Received: --model={names['model']} --dataset={names['dataset']}."
            )


def _define_run_flags(
    models: Mapping[str, Any],
    datasets: Mapping[str, Any],
    *,
    presets: Mapping[str, Any],
    flag_values: flags.FlagValues,
) -> None:
    """Defines the flags of a training run that are the same for every model and data set."""
    places = {"group": PLACES, "flag_values": flag_values}
    define_flag("run_dir", str, "Folder of the run; by default one below runs/.", **places)
    define_flag("data_dir", str, "Folder of the data; by default in the user's cache.", **places)
    define_flag("resume", bool, "Go on with the run in --run_dir.", default=False, **places)
    waiting = "Seconds that a worker of --strategy=multi_worker waits for the others."
    define_flag("connect_timeout", float, waiting, default=300.0, **places)
    run = {"group": SETTINGS + "the run", "flag_values": flag_values}
    define_flag("model", str, f"One of: {_listed(models)} (default: {DEFAULT_MODEL})", **run)
    define_flag("dataset", str, f"One of: {_listed(datasets)}", **run)
    choices = f"One of: none, {_listed(presets)} (default: the data set's name)"
    define_flag("preset", str, f"The settings to begin from. {choices}", **run)


def explicit_flags(*, flag_values: flags.FlagValues = FLAGS) -> dict[str, Any]:
    """Returns the settings that were given on the command line, and no defaults.

    Args:
        flag_values: the flags, parsed.

    Returns:
        Name -> value, for `resolve_run` and `resume_run`: without flags that aren't settings of
        a run, such as run_dir.
    """
    groups = flag_values.flags_by_module_dict().items()
    settings = [flag for title, own in groups if title.startswith(SETTINGS) for flag in own]
    return {flag.name: flag.value for flag in settings if not flag.using_default_value}


def _chosen_names(argv: Sequence[str]) -> dict[str, str | None]:
    """Returns the names of model, data set and preset, before the flags are parsed."""
    early = flags.FlagValues()
    early.set_gnu_getopt(True)  # go on past the values of flags that aren't known yet
    for name in ("model", "dataset", "preset", "run_dir"):
        flags.DEFINE_string(name, None, "", flag_values=early)
    define_flag("resume", bool, "", default=False, flag_values=early)
    arguments_of(argv, early, known_only=True)
    if not early.resume:
        model = early.model or DEFAULT_MODEL
        return {"model": model, "dataset": early.dataset, "preset": early.preset}
    values = record.read_values(required("run_dir", flag_values=early))
    return {name: values[name] for name in ("model", "dataset", "preset")}


def _preset_values(model: Any, names: Mapping[str, str | None]) -> dict[str, object]:
    """Returns the settings of the chosen preset; none if it is unknown, which is told later."""
    try:
        _, preset = choose_preset(model, dataset=names["dataset"], preset=names["preset"])
    except ValueError:
        return {}
    if preset is None:
        return {}
    sizes = {"steps": preset.steps, "batch_size": preset.batch_size}
    return {**config.to_json(preset.config), **sizes}


def _listed(table: Mapping[str, object]) -> str:
    """Returns the names of a table, for the help text."""
    return ", ".join(sorted(table))
