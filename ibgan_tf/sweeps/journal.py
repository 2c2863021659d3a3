"""The journal of a sweep: what happened to each run, in lines that survive a kill."""

import datetime
import os
import pathlib
from collections.abc import Mapping

import ibgan_tf
from ibgan_tf import atomic
from ibgan_tf.runs import json_lines, lock

JOURNAL_FILE = "journal.jsonl"
VERSION = 1
STARTED, FINISHED, FAILED, STOPPED = "started", "finished", "failed", "stopped"
_WRITTEN_BEFORE = (lock.LOCK_FILE,)


class Journal:
    """Reads what a sweep has done, and appends to it; only for who holds the sweep's lock.

    Args:
        sweep_dir: the sweep's folder, which exists.

    Raises:
        ValueError: the journal is damaged or of another version.
        FileExistsError: the folder holds something else than a sweep.
    """

    def __init__(self, sweep_dir: str | os.PathLike[str]):
        self._path = pathlib.Path(sweep_dir) / JOURNAL_FILE
        self._last = read_last(sweep_dir)
        atomic.remove_leftovers(self._path.parent)
        if self._path.exists():
            json_lines.write(self._path, json_lines.read(self._path))  # without a torn line
        if not self._path.exists() or not self._path.stat().st_size:
            self._append({"event": "begun", "version": VERSION, "ibgan_tf": ibgan_tf.__version__})

    def last(self, run: str) -> Mapping[str, object]:
        """Returns the last row of a run; an empty one if there is none."""
        return self._last.get(run, {})

    def add(self, event: str, run: str, **values: object) -> None:
        """Appends a row and waits until it is on the disk.

        Args:
            event: STARTED, FINISHED, FAILED or STOPPED.
            run: the name of the run.
            **values: what else is to be known.

        Raises:
            OSError: the disk is full; the journal is as it was.
        """
        row = {"event": event, "run": run, **values}
        self._append(row)
        self._last[run] = row

    def _append(self, row: Mapping[str, object]) -> None:
        time = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        json_lines.append(self._path, {**row, "time": time})


def read_last(sweep_dir: str | os.PathLike[str]) -> dict[str, Mapping[str, object]]:
    """Returns the last row of each run of a sweep; writes nothing.

    Args:
        sweep_dir: the sweep's folder, which may be missing.

    Returns:
        rows: name of the run -> row.

    Raises:
        ValueError: the journal is damaged or of another version.
        FileExistsError: the folder holds something else than a sweep.
        NotADirectoryError: it is a file.
    """
    lock.check_folder(sweep_dir, name="sweep_dir")
    folder = pathlib.Path(sweep_dir)
    rows = json_lines.read(folder / JOURNAL_FILE)
    if not rows:
        _check_new(folder)
        return {}
    first = rows[0] if isinstance(rows[0], dict) else {}
    if first.get("version") != VERSION:
        raise ValueError(
            f"{folder / JOURNAL_FILE} must have version {VERSION}. Received: "
            f"version={first.get('version')!r}, of ibgan_tf {first.get('ibgan_tf')}. Go on with "
            "the version that wrote it, or choose another --sweep_dir."
        )
    return {str(row["run"]): row for row in rows if isinstance(row, dict) and "run" in row}


def _check_new(folder: pathlib.Path) -> None:
    """Refuses a folder without a journal in which there is something else."""
    known = (*_WRITTEN_BEFORE, JOURNAL_FILE)
    for entry in folder.iterdir() if folder.exists() else ():
        if entry.name not in known and not atomic.is_leftover(entry):
            raise FileExistsError(
                f"sweep_dir must be missing, empty or a sweep's, but it holds {entry.name!r} and "
                f"no {JOURNAL_FILE}. Received: sweep_dir={folder}. Choose another --sweep_dir."
            )
