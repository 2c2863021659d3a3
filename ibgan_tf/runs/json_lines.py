"""Files of JSON lines that grow by one object at a time, whatever kills the process."""

import json
import os
import pathlib
from collections.abc import Mapping

from ibgan_tf import atomic


def append(path: pathlib.Path, values: Mapping[str, object]) -> None:
    """Appends a line and waits until it is on the disk; if that is full, the file stays as it was.

    Args:
        path: the file, made if it is missing; its folder exists.
        values: what `json.dumps` takes; numbers are finite.

    Raises:
        ValueError: a number is not finite.
        OSError: the disk is full.
    """
    line = (json.dumps(values, allow_nan=False) + "\n").encode()
    with open(path, "ab", buffering=0) as file:
        start = file.tell()
        written = 0
        try:
            while written < len(line):  # a nearly full disk takes a part first
                written += file.write(line[written:])
            os.fsync(file.fileno())  # before anything that comes after the line
        except OSError as error:
            file.truncate(start)
            error.filename = str(path)  # which writing to an open file leaves out
            raise


def read(path: pathlib.Path) -> list[dict[str, object]]:
    """Returns the objects of a file; a last line cut off by a kill is left out.

    Args:
        path: the file.

    Returns:
        The objects in the order they were written; none if there is no such file.

    Raises:
        ValueError: a line before the last is damaged.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().splitlines()
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(json.loads(line))
        except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
            if number == len(lines):
                break
            raise ValueError(
                f"Each line of {path} must be a JSON object. Received: line {number}, "
                f"{line[:40]!r}. Remove that line."
            ) from error
    return found


def write(path: pathlib.Path, objects: list[dict[str, object]]) -> None:
    """Writes a file anew, whole or not at all, and so without a line cut off at its end.

    Args:
        path: the file; its folder exists.
        objects: a line each.

    Raises:
        OSError: the disk is full.
    """
    atomic.write_text(path, "".join(json.dumps(values) + "\n" for values in objects))
