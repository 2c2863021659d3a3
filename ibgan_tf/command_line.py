"""Flags of the scripts: typed, generated from dataclasses of settings; mistakes in one line.

A script that only needs a few flags defines them at its top, with absl or with `define_flag`, and
ends with `command_line.run_main(main)`. One that trains has those of `define_flags` too:

    def define(argv: Sequence[str]) -> None:
        command_line.define_flags(argv, models=MODELS, datasets=DATASETS)

    def main(argv: Sequence[str]) -> None:
        pieces = resolve_run(command_line.explicit_flags(), models=MODELS, datasets=DATASETS)
        ...

    if __name__ == "__main__":
        command_line.run_main(main, define=define)
"""

import dataclasses
import os
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from absl import flags

from ibgan_tf import config, help_text, mistakes, registry
from ibgan_tf.runs import record
from ibgan_tf.runs.options import RunOptions
from ibgan_tf.runs.resolve import DEFAULT_MODEL, choose_preset, resolve_run, resume_run

__all__ = [
    "check_one_of",
    "define_flag",
    "define_flags",
    "define_settings_flags",
    "explicit_flags",
    "parse_flags",
    "parse_step",
    "required",
    "resolve_run",
    "resume_run",
    "run_main",
]

# Both are read when TensorFlow is first imported, which scripts do after this file. oneDNN, which
# TensorFlow leaves off on processors without AVX-512, made the dSprites step 1.3 times as fast on
# an AMD EPYC with AVX2; the log level leaves TensorFlow's own errors and drops its notices.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

FLAGS = flags.FLAGS
# Titles of groups of flags, in the help text; `explicit_flags` collects those of settings.
_PLAIN = "Flags"
_PLACES = "Places"
_SETTINGS = "Settings of "  # followed by what they are of
_HELP = ("-h", "-help", "--help", "-helpfull", "--helpfull", "-helpshort", "--helpshort")


class _Parser(flags.ArgumentParser):
    """Turns the text of a flag into the type of its setting."""

    def __init__(
        self, name: str, annotation: Any, choices: tuple[str, ...], check_choices: bool
    ) -> None:
        self._name = name
        self._annotation = annotation
        self._choices = choices
        self._check_choices = check_choices

    def parse(self, argument: object) -> object:
        """Returns the value; a default comes as a value already.

        Raises:
            ValueError: the text isn't of the flag's type, or no choice.
        """
        value = argument
        if isinstance(argument, str):
            value = config.from_text(argument, self._annotation)
        value = config.coerce(self._name, value, self._annotation)
        if self._check_choices and value is not None:
            registry.lookup(dict.fromkeys(self._choices), value, kind=self._name)
        return value

    def flag_type(self) -> str:
        """Returns the type's name, for the help text."""
        kind = config.split_optional(self._annotation)[0]
        if self._choices:
            return "|".join(self._choices)
        if typing.get_origin(kind) is tuple:
            return ",".join([typing.get_args(kind)[0].__name__] * 2) + ",..."
        return {str: "text", int: "int", float: "float"}.get(kind, "")


def define_flag(
    name: str,
    kind: Any,
    help: str,
    *,
    default: object = None,
    choices: Sequence[str] | None = None,
    group: str = _PLAIN,
    flag_values: flags.FlagValues = FLAGS,
) -> None:
    """Defines a flag.

    Args:
        name: the flag's name.
        kind: int, float, str, bool, `tuple[int, ...]` or one of these `| None`.
        help: one sentence.
        default: its value when it isn't given.
        choices: the only values that it may have.
        group: the title it stands under in the help text.
        flag_values: where to define it.
    """
    # A settings class checks its choices itself, and may know the reason.
    check_choices = bool(choices) and not group.startswith(_SETTINGS)
    parser = _Parser(name, kind, tuple(choices or ()), check_choices)
    is_bool = config.split_optional(kind)[0] is bool
    flag = flags.Flag(parser, None, name, default, help, boolean=is_bool)
    flags.DEFINE_flag(flag, flag_values, module_name=group)


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
            group=_SETTINGS + of,
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
        if name not in owners and name.startswith("no"):  # --nogamma
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
    places = {"group": _PLACES, "flag_values": flag_values}
    define_flag("run_dir", str, "Folder of the run; by default one below runs/.", **places)
    define_flag("data_dir", str, "Folder of the data; by default in the user's cache.", **places)
    define_flag("resume", bool, "Go on with the run in --run_dir.", default=False, **places)
    waiting = "Seconds that a worker of --strategy=multi_worker waits for the others."
    define_flag("connect_timeout", float, waiting, default=300.0, **places)
    run = {"group": _SETTINGS + "the run", "flag_values": flag_values}
    define_flag("model", str, f"One of: {_listed(models)} (default: {DEFAULT_MODEL})", **run)
    define_flag("dataset", str, f"One of: {_listed(datasets)}", **run)
    choices = f"One of: none, {_listed(presets)} (default: the data set's name)"
    define_flag("preset", str, f"The settings to begin from. {choices}", **run)


def parse_flags(
    argv: Sequence[str],
    *,
    positional: str | None = None,
    flag_values: flags.FlagValues = FLAGS,
) -> list[str]:
    """Parses the flags that have been defined; with --help, prints them and ends the program.

    Args:
        argv: the program and its arguments.
        positional: what the arguments that aren't flags name, one or more of them; None if all
            must be flags.
        flag_values: the flags.

    Returns:
        arguments: those that aren't flags.

    Raises:
        ValueError: an unknown flag (the message suggests the nearest), a value of the wrong
            type, an argument that isn't a flag where all must be, or none where one must.
    """
    if any(argument in _HELP for argument in argv[1:]):
        about = sys.modules["__main__"].__doc__ or ""
        if positional is not None:
            about = f"{about}\n\nArguments that aren't flags: {positional} ..."
        print(help_text.help_text(about, _groups(argv[0], flag_values)))
        sys.exit(0)
    if positional is not None:
        flag_values.set_gnu_getopt(True)  # flags may follow the other arguments
    try:
        _, *others = flag_values(list(argv))
    except flags.UnrecognizedFlagError as error:
        near = registry.nearest(error.flagname, _spellings(flag_values))
        hint = f"Did you mean --{near}?" if near else "See --help."
        raise ValueError(f"Unknown flag --{error.flagname}. {hint}") from error
    except flags.IllegalFlagValueError as error:
        ours = str(error.__context__)  # absl wraps what `_Parser` raised, which says enough
        raise ValueError(ours if "Received" in ours else str(error)) from error
    if others and positional is None:
        raise ValueError(f"Arguments must be flags, --name=value. Received: {others[0]!r}.")
    if positional is not None and not others:
        raise ValueError(f"One {positional} or more must be given. Received: none. See --help.")
    return others


def explicit_flags(*, flag_values: flags.FlagValues = FLAGS) -> dict[str, Any]:
    """Returns the settings that were given on the command line, and no defaults.

    Args:
        flag_values: the flags, parsed.

    Returns:
        Name -> value, for `resolve_run` and `resume_run`: without flags that aren't settings of
        a run, such as run_dir.
    """
    groups = flag_values.flags_by_module_dict().items()
    settings = [flag for title, own in groups if title.startswith(_SETTINGS) for flag in own]
    return {flag.name: flag.value for flag in settings if not flag.using_default_value}


def required(name: str, *, flag_values: flags.FlagValues = FLAGS) -> Any:
    """Returns the value of a flag that must be given.

    Args:
        name: the flag's name.
        flag_values: the flags, parsed.

    Returns:
        Its value.

    Raises:
        ValueError: it wasn't given.
    """
    value = flag_values[name].value
    if value is None:
        raise ValueError(f"{name} must be given. Received: no --{name}. Add --{name}=...")
    return value


def check_one_of(
    flags_of: Mapping[str, Sequence[str]], *, flag_values: flags.FlagValues = FLAGS
) -> None:
    """Checks that one of some flags is given, and none that goes with another and would do nothing.

    Args:
        flags_of: flag -> the flags that may be given with it, of those that may not with all.
        flag_values: the flags, parsed.

    Raises:
        ValueError: none is given, or several, or a flag of another one.
    """
    values = {name: flag_values[name].value for name in flags_of}
    chosen = [name for name, value in values.items() if value is not None]
    if len(chosen) != 1:
        received = ", ".join(f"--{name}={values[name]}" for name in chosen) or "none of them"
        options = " or ".join(f"--{name}" for name in values)
        raise ValueError(f"Either {options} must be given. Received: {received}.")
    for name in dict.fromkeys(flag for own in flags_of.values() for flag in own):
        if flag_values[name].present and name not in flags_of[chosen[0]]:
            owners = " or ".join(f"--{one}" for one, own in flags_of.items() if name in own)
            raise ValueError(f"--{name} must be given with {owners}. Received: --{chosen[0]}.")


def parse_step(text: str, *others: str) -> int | str:
    """Returns what a --step flag means.

    Args:
        text: a whole number, "last", or one of `others`.
        others: words that the script takes too.

    Returns:
        The number, or the word.

    Raises:
        ValueError: it is none of them.
    """
    words = ("last", *others)
    if text not in words and not text.isdecimal():
        known = " or ".join(map(repr, words))
        raise ValueError(f"step must be a whole number or {known}. Received: step={text!r}.")
    return text if text in words else int(text)


def run_main(
    main: Callable[[Sequence[str]], int | None],
    argv: Sequence[str] | None = None,
    *,
    define: Callable[[Sequence[str]], None] | None = None,
    positional: str | None = None,
    flag_values: flags.FlagValues = FLAGS,
) -> NoReturn:
    """Parses the flags, runs a script's main function and ends the program with its exit code.

    A user's mistake is shown in one line and ends it with 1, an interrupt with 130; an error that
    nobody foresaw keeps its traceback.

    Args:
        main: takes the program and its arguments, returns an exit code or None for 0.
        argv: the program and its arguments; by default those of this process.
        define: defines the flags that depend on the arguments, before they are parsed.
        positional: what the arguments that aren't flags name; `main` then takes the program and
            these arguments alone.
        flag_values: the flags.
    """
    argv = sys.argv if argv is None else argv
    try:
        if define is not None:
            define(argv)
        others = parse_flags(argv, positional=positional, flag_values=flag_values)
        code = main(argv if positional is None else [argv[0], *others])
    except KeyboardInterrupt:
        sys.exit(130)
    except (flags.Error, ValueError, TypeError, OSError, FloatingPointError) as error:
        if not isinstance(error, flags.Error) and not mistakes.is_mistake(error):
            raise
        print(f"{os.path.basename(argv[0])}: error: {mistakes.one_line(error)}", file=sys.stderr)
        sys.exit(1)
    sys.exit(code)


def _chosen_names(argv: Sequence[str]) -> dict[str, str | None]:
    """Returns the names of model, data set and preset, before the flags are parsed."""
    early = flags.FlagValues()
    early.set_gnu_getopt(True)  # go on past the values of flags that aren't known yet
    for name in ("model", "dataset", "preset", "run_dir"):
        flags.DEFINE_string(name, None, "", flag_values=early)
    flags.DEFINE_boolean("resume", False, "", flag_values=early)
    early(list(argv), known_only=True)
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


def _groups(program: str, flag_values: flags.FlagValues) -> dict[str, list[flags.Flag]]:
    """Returns the flags of a script by their titles, without those of other libraries."""
    groups: dict[str, list[flags.Flag]] = {}
    for title, own in flag_values.flags_by_module_dict().items():
        if title == program:  # what absl calls the module of a script
            groups.setdefault(_PLAIN, []).extend(own)
        elif title in (_PLAIN, _PLACES) or title.startswith(_SETTINGS):
            groups.setdefault(title, []).extend(own)
    return groups


def _spellings(flag_values: flags.FlagValues) -> list[str]:
    """Returns the names of all flags, and --noname of those that are true or false."""
    names = list(flag_values)
    return names + [f"no{name}" for name in names if flag_values[name].boolean]
