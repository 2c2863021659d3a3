"""Flags of the scripts: typed; mistakes in one line.

A script defines a few flags at its top, with absl or with `define_flag`, and ends with
`command_line.run_main(main)`. One that trains has those of `run_flags` too.
"""

import os
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from absl import flags

from ibgan_tf import config, help_text, mistakes, registry

# Both are read when TensorFlow is first imported, which scripts do after this file. oneDNN, which
# TensorFlow leaves off on processors without AVX-512, made the dSprites step 1.3 times as fast on
# an AMD EPYC with AVX2; the log level leaves TensorFlow's own errors and drops its notices.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

FLAGS = flags.FLAGS
# Titles of groups of flags, in the help text.
PLAIN = "Flags"
PLACES = "Places"
SETTINGS = "Settings of "  # followed by what they are of
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
    group: str = PLAIN,
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
    check_choices = bool(choices) and not group.startswith(SETTINGS)
    parser = _Parser(name, kind, tuple(choices or ()), check_choices)
    is_bool = config.split_optional(kind)[0] is bool
    flag = flags.Flag(parser, None, name, default, help, boolean=is_bool)
    flags.DEFINE_flag(flag, flag_values, module_name=group)


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
    others = arguments_of(argv, flag_values)
    if others and positional is None:
        raise ValueError(f"Arguments must be flags, --name=value. Received: {others[0]!r}.")
    if positional is not None and not others:
        raise ValueError(f"One {positional} or more must be given. Received: none. See --help.")
    return others


def arguments_of(
    argv: Sequence[str], flag_values: flags.FlagValues, *, known_only: bool = False
) -> list[str]:
    """Parses the flags, and returns the arguments that aren't flags.

    Args:
        argv: the program and its arguments.
        flag_values: the flags.
        known_only: leave flags that aren't defined among the arguments.

    Raises:
        ValueError: an unknown flag, or a value that it can't have.
    """
    try:
        return flag_values(list(argv), known_only=known_only)[1:]
    except flags.UnrecognizedFlagError as error:
        near = registry.nearest(error.flagname, _spellings(flag_values))
        hint = f"Did you mean --{near}?" if near else "See --help."
        raise ValueError(f"Unknown flag --{error.flagname}. {hint}") from error
    except flags.IllegalFlagValueError as error:
        ours = str(error.__context__)  # absl wraps what `_Parser` raised, which says enough
        raise ValueError(ours if "Received" in ours else str(error)) from error
    except ValueError as error:  # absl's own, of --noFLAG=value
        raise ValueError(f"--noFLAG must have no value. Received: {error}.") from error


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


def check_goes_with(
    partner: str,
    value: str | None,
    names: Sequence[str],
    *,
    flag_values: flags.FlagValues = FLAGS,
) -> None:
    """Checks that flags which do nothing without another are given with it.

    Args:
        partner: the other flag.
        value: that it must have; None for any.
        names: the flags that go with it.
        flag_values: the flags, parsed.

    Raises:
        ValueError: one of them was given, and the other has another value, or none.
    """
    held = flag_values[partner].value
    if held == value if value is not None else held is not None:
        return
    needed = f"--{partner}={value or '...'}"
    for name in names:
        if flag_values[name].present:
            raise ValueError(
                f"{name} must go with {needed}. Received: --{name}={flag_values[name].value} "
                f"without it. Leave it out, or add {needed}"
            )


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


def _groups(program: str, flag_values: flags.FlagValues) -> dict[str, list[flags.Flag]]:
    """Returns the flags of a script by their titles, without those of other libraries."""
    groups: dict[str, list[flags.Flag]] = {}
    for title, own in flag_values.flags_by_module_dict().items():
        if title == program:  # what absl calls the module of a script
            groups.setdefault(PLAIN, []).extend(own)
        elif title in (PLAIN, PLACES) or title.startswith(SETTINGS):
            groups.setdefault(title, []).extend(own)
    return groups


def _spellings(flag_values: flags.FlagValues) -> list[str]:
    """Returns the names of all flags, and --noname of those that are true or false."""
    names = list(flag_values)
    return names + [f"no{name}" for name in names if flag_values[name].boolean]
