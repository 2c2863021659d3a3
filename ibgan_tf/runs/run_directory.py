"""The folder that a run writes: how it begins, and its parts under one name.

config.json       the record of the run; written last, so that a folder with it is a valid run
command.txt       the command that began it
environment.json  versions, threads, devices and commit of each segment
log.jsonl         a row of scalars per report
.lock             held by the process that writes the run
events/ checkpoints/ weights/step-N/ samples/ traversals/ metrics/ summary.json DONE
"""

import os
import pathlib
import shlex
from collections.abc import Sequence

from ibgan_tf import atomic, registry
from ibgan_tf.runs.environment import (
    ENVIRONMENT_FILE,
    add_environment_segment,
    read_segments,
)
from ibgan_tf.runs.lock import LOCK_FILE, check_folder, lock
from ibgan_tf.runs.log import append_row, drop_rows_after, read_last_row, read_rows
from ibgan_tf.runs.record import (
    RECORD_FILE,
    RunRecord,
    check_resume,
    read_record,
    read_values,
    write_record,
)

__all__ = [
    "RunRecord",
    "add_environment_segment",
    "append_row",
    "check_goes_on",
    "check_new",
    "check_resume",
    "create",
    "default_run_dir",
    "drop_rows_after",
    "lock",
    "read_record",
    "read_rows",
    "read_segments",
    "read_values",
    "write_record",
]

COMMAND_FILE = "command.txt"
# What `create` and `lock` write before config.json: all that a run killed at its birth leaves.
_WRITTEN_BEFORE_THE_RECORD = (LOCK_FILE, COMMAND_FILE, ENVIRONMENT_FILE)


def default_run_dir(*, model: str, dataset: str, time: str) -> str:
    """Returns runs/<model>-<dataset>-<time>, relative to the working directory.

    Args:
        model: the model's name.
        dataset: the data set's name.
        time: such as 20260131-120000.

    Returns:
        A path below runs/.

    Raises:
        ValueError: a part isn't fit for a file's name.
    """
    parts = {"model": model, "dataset": dataset, "time": time}
    names = [registry.check_file_name(name, kind=kind) for kind, name in parts.items()]
    return os.path.join("runs", "-".join(names))


def check_new(run_dir: str | os.PathLike[str]) -> None:
    """Checks that a run can begin in a folder: it is missing or holds nothing.

    Args:
        run_dir: the run directory.

    Raises:
        FileExistsError: it holds a run, or anything else.
        NotADirectoryError: it is a file.
    """
    check_folder(run_dir)
    path = pathlib.Path(run_dir)
    if (path / RECORD_FILE).exists():
        what = "Choose" if _is_kept(path) else "Add --resume to go on with that run, or choose"
        raise FileExistsError(
            f"run_dir must not hold a run. Received: run_dir={run_dir}. {what} another --run_dir."
        )
    for entry in path.iterdir() if path.exists() else ():
        if entry.name not in _WRITTEN_BEFORE_THE_RECORD and not atomic.is_leftover(entry):
            raise FileExistsError(
                f"run_dir must be empty or missing, but it holds {entry.name!r}. "
                f"Received: run_dir={run_dir}. Choose another --run_dir."
            )


def check_goes_on(run_dir: str | os.PathLike[str]) -> None:
    """Checks that a run can go on: a record without its checkpoints would begin anew, over itself.

    Args:
        run_dir: the run directory. One that was killed before its first checkpoint does begin anew.

    Raises:
        FileNotFoundError: it is such a record, as `keep.py` makes, or its checkpoints are gone.
    """
    if _is_kept(pathlib.Path(run_dir)):
        raise FileNotFoundError(
            "A run must have its checkpoints to go on. Received: a record without them, "
            f"run_dir={run_dir}, which is left as it is. Put its checkpoints/ back, resume the run "
            "that it was kept from, or train a new one in another --run_dir."
        )


def _is_kept(path: pathlib.Path) -> bool:
    """Says whether a run has been trained and its checkpoints aren't there."""
    if any((path / "checkpoints").glob("*.index")):
        return False
    done = (path / "DONE").exists()
    snapshots_alone = (path / "weights").exists() and not (path / "events").exists()
    return done or snapshots_alone or _is_past_first_checkpoint(path)


def _is_past_first_checkpoint(path: pathlib.Path) -> bool:
    """Says whether a run's log goes on after the step of its first checkpoint."""
    last = read_last_row(path)
    # Not at that step itself: its row is there before the checkpoint is.
    return bool(last) and last["step"] > read_values(path)["options"]["checkpoint_every"]


def create(
    run_dir: str | os.PathLike[str],
    record: RunRecord,
    *,
    command: Sequence[str],
    replicas: int = 1,
) -> None:
    """Begins a run directory: command.txt, environment.json and, last, config.json.

    Hold its lock, so that two runs don't begin in it at the same time.

    Args:
        run_dir: a folder that is missing or holds nothing.
        record: what the run was asked for.
        command: the program and its arguments.
        replicas: how many devices share a step's batch.

    Raises:
        FileExistsError: the folder holds a run, or anything else.
        NotADirectoryError: it is a file.
        OSError: the disk is full, or the folder can't be made.
    """
    check_new(run_dir)
    path = pathlib.Path(run_dir)
    path.mkdir(parents=True, exist_ok=True)
    atomic.remove_leftovers(path)
    (path / ENVIRONMENT_FILE).unlink(missing_ok=True)
    atomic.write_text(path / COMMAND_FILE, shlex.join(command) + "\n")
    add_environment_segment(run_dir, step=0, command=command, replicas=replicas)
    write_record(run_dir, record)
