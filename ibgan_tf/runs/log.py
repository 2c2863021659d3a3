"""log.jsonl: one row of scalars per report."""

import json
import math
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from ibgan_tf.runs import json_lines

LOG_FILE = "log.jsonl"
_TAIL = 65_536  # bytes, more than a row


def append_row(run_dir: str | os.PathLike[str], row: Mapping[str, object]) -> None:
    """Appends a row to the log; on a full disk the log stays as it was.

    Args:
        run_dir: the run directory.
        row: "step" and the scalars, as Python or NumPy numbers, or tensors.

    Raises:
        ValueError: a number is not finite.
        OSError: the disk is full.
    """
    values = {name: _plain(value) for name, value in row.items()}
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(
                f"{name} must be finite. Received: {name}={value} at step {values.get('step')}."
            )
    json_lines.append(pathlib.Path(run_dir) / LOG_FILE, values)


def read_rows(run_dir: str | os.PathLike[str]) -> list[dict[str, object]]:
    """Returns the rows of the log; a last line cut off by a kill is left out.

    Args:
        run_dir: the run directory.

    Returns:
        The rows in the order they were written; none if there is no log.

    Raises:
        ValueError: a line before the last is damaged.
    """
    return json_lines.read(pathlib.Path(run_dir) / LOG_FILE)


def read_last_row(run_dir: str | os.PathLike[str]) -> dict[str, object]:
    """Returns the last whole row of the log, from the end of the file alone.

    Args:
        run_dir: the run directory, which may be missing, or still be written.

    Returns:
        row: with a "step"; empty if there is none.
    """
    try:
        with open(pathlib.Path(run_dir) / LOG_FILE, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            lines = file.read().splitlines()
    except OSError:  # not there yet
        return {}
    for line in reversed(lines):
        try:
            row = json.loads(line)
        except ValueError:  # being written, or cut by the limit
            continue
        if isinstance(row, dict) and type(row.get("step")) is int:
            return row
    return {}


def drop_rows_after(run_dir: str | os.PathLike[str], step: int) -> None:
    """Removes the rows past a step, and a line cut off at the end: a resumed run writes them anew.

    Args:
        run_dir: the run directory; only one process writes it.
        step: the last step to keep.

    Raises:
        ValueError: a line before the last is damaged.
    """
    path = pathlib.Path(run_dir) / LOG_FILE
    if path.exists():
        kept = [row for row in read_rows(run_dir) if row.get("step", 0) <= step]
        json_lines.write(path, kept)


def _plain(value: object) -> object:
    """Returns a NumPy number or a tensor as a Python number, and anything else as it is."""
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return value
    return np.asarray(value).tolist()
