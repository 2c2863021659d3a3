"""Looks names up in tables of names, with an error that suggests the nearest one."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")

_LEAST_PART = 3  # letters of a name that is found inside of a longer one


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Returns the choice that is spelt most like a name, or the only one that a name is a part of.

    The case of the letters doesn't matter.

    Args:
        name: what was written.
        choices: what could have been meant.

    Returns:
        The nearest choice, or None if none is near.
    """
    by_lower_case = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.6)
    if close:
        return by_lower_case[close[0]]
    around = [choice for lower, choice in by_lower_case.items() if name.lower() in lower]
    return around[0] if len(around) == 1 and len(name) >= _LEAST_PART else None


def suggestion(name: str, choices: Iterable[str]) -> str:
    """Returns " Did you mean 'x'?" for the end of an error, or "" if no choice is near."""
    near = nearest(name, choices)
    return f" Did you mean {near!r}?" if near is not None else ""


def lookup(table: Mapping[str, T], name: str, *, kind: str) -> T:
    """Returns the entry of a table.

    Args:
        table: name -> entry.
        name: the entry's name.
        kind: what the table holds ("model", "dataset"); the name of the flag that chooses from it.

    Returns:
        The entry.

    Raises:
        ValueError: the table has no such name; the message lists the names and suggests one.
    """
    if name in table:
        return table[name]
    choices = ", ".join(sorted(table)) or "(none)"
    raise ValueError(
        f"{kind} must be one of: {choices}. Received: {kind}={name!r}.{suggestion(name, table)}"
    )


def check_file_name(name: str, *, kind: str) -> str:
    """Returns a name that is to become a part of a path, after checking that it can't leave it.

    Args:
        name: the name of a file or folder.
        kind: what the name is of, for the message.

    Returns:
        The name.

    Raises:
        ValueError: it is empty, holds anything but letters, digits, ".", "_" and "-", or doesn't
            begin with a letter or digit.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(
            f"{kind} must be made of letters, digits, '.', '_' and '-', and begin with a letter "
            f"or digit. Received: {kind}={name!r}."
        )
    return name
