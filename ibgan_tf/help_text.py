"""What --help prints: the purpose of a script and its flags, in groups."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ibgan_tf import config


def help_text(about: str, groups: Mapping[str, Sequence[Any]]) -> str:
    """Returns the help text of a script.

    Args:
        about: the script's docstring.
        groups: title -> the absl flags of that group; groups without flags are left out.

    Returns:
        Lines of at most 100 characters.
    """
    lines = [about.strip()]
    for title, own in groups.items():
        if own:
            lines += ["", f"{title}:", *map(_flag_help, own)]
    return "\n".join(lines)


def _flag_help(flag: Any) -> str:
    """Returns the lines of one flag."""
    name = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}={flag.parser.flag_type()}"
    unset = flag.default is None or flag.default is False
    default = "" if unset else f" (default: {config.to_text(flag.default)})"
    indent = " " * 6
    return f"  {name}\n" + textwrap.fill(
        flag.help + default, width=100, initial_indent=indent, subsequent_indent=indent
    )
