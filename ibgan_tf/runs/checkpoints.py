"""Full checkpoints, which survive kills, full disks and damaged files.

`tf.train.CheckpointManager` writes and rotates them. What it leaves to others is done here: its
state file is rebuilt from the checkpoints that are on the disk, a checkpoint is read and its
checksums compared before it is restored, a damaged one gives way to the one before it, and what a
killed or failed save left behind is removed.
"""

import contextlib
import errno
import logging
import os
import pathlib
import re
import shutil
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ibgan_tf import atomic

_NAME = "ckpt"
_STATE_FILE = "checkpoint"
# What TensorFlow raises for damaged files, as tried: it depends on the byte that is wrong.
_DAMAGE = (tf.errors.OpError, IndexError, ValueError, RuntimeError)


class Checkpoints:
    """The last checkpoints of a run.

    Only the process that holds the run's lock makes one: it tidies the folder. Everything that is
    tracked, optimizers too, is built before, so that restoring it is complete.

    Args:
        directory: the folder of the checkpoints, made if it is missing.
        keep: how many checkpoints to keep, >= 1.
        **trackables: what to save: `model=...` and anything that `tf.train.Checkpoint` takes.
    """

    def __init__(
        self, directory: str | os.PathLike[str], *, keep: int = 3, **trackables: Any
    ) -> None:
        self._directory = pathlib.Path(directory)
        self._keep = keep
        self._checkpoint = tf.train.Checkpoint(**trackables)
        self._directory.mkdir(parents=True, exist_ok=True)
        atomic.remove_leftovers(self._directory)
        self._manager = self._manage(checkpoint_steps(self._directory))

    def save(self, step: int) -> None:
        """Saves a checkpoint, unless that of this step is there, and removes the oldest.

        Args:
            step: the training steps that have been done; names the checkpoint.

        Raises:
            OSError: the disk is full or fails. The older checkpoints are as they were.
        """
        if step in map(_step_of, self._manager.checkpoints):
            return  # the state is a function of the step; writing over it would put it at risk
        try:
            self._manager.save(checkpoint_number=step)
            self._sync(step)
        except (tf.errors.OpError, OSError) as error:
            self._remove_unfinished(step)
            raise OSError(
                f"The checkpoint of step {step} must be written to the disk. Received: "
                f"directory={self._directory}, {_first_line(error).rpartition('; ')[2]}. Free "
                "space there and go on with --resume: the older checkpoints are intact."
            ) from error
        self._remove_strays()

    def restore_newest(self) -> int | None:
        """Restores the newest checkpoint that is intact, and warns of each damaged one it skips.

        Returns:
            The step of the checkpoint; None if there is none, and nothing was restored.

        Raises:
            ValueError: there are checkpoints and all are damaged, or one doesn't have exactly the
                variables that are tracked.
        """
        steps = checkpoint_steps(self._directory)
        for step in reversed(steps):
            damage = find_damage(self._directory, step=step)
            if damage is None:
                self._restore(step)
                self._manager = self._manage([kept for kept in steps if kept <= step])
                return step
            logging.getLogger(__name__).warning(
                "The checkpoint of step %d in %s is damaged (%s): falling back to the one before.",
                step,
                self._directory,
                damage,
            )
        if steps:
            raise ValueError(
                f"At least one checkpoint must be intact. Received: directory={self._directory}, "
                f"where those of steps {steps} are all damaged. Begin a run in another --run_dir."
            )
        return None

    def _restore(self, step: int) -> None:
        """Restores a checkpoint; every variable must be in it, and nothing else."""
        status = self._checkpoint.restore(_prefix(self._directory, step))
        try:
            status.assert_existing_objects_matched()
            status.assert_consumed()
        except AssertionError as error:
            status.expect_partial()  # or TensorFlow warns of the same when the program ends
            raise ValueError(
                f"The checkpoint of step {step} in {self._directory} must hold exactly the "
                f"variables of the model. Received: {_first_line(error)}. Resume with the version "
                "of the code that wrote it."
            ) from error

    def _manage(self, steps: Sequence[int]) -> tf.train.CheckpointManager:
        """Returns a manager of the checkpoints of some steps, after writing its state file anew.

        The manager reads that file as it is made, and an empty or stale one misleads it.
        """
        state = self._directory / _STATE_FILE
        if steps:
            atomic.write_text(state, _state_text(self._directory, steps))
        else:
            state.unlink(missing_ok=True)
        self._remove_temporary()
        return tf.train.CheckpointManager(
            self._checkpoint, str(self._directory), max_to_keep=self._keep, checkpoint_name=_NAME
        )

    def _sync(self, step: int) -> None:
        """Waits until a checkpoint is on the disk, which TensorFlow doesn't."""
        for path in self._directory.glob(f"{_NAME}-{step}.*"):
            atomic.sync(path)
        atomic.sync(self._directory)

    def _remove_unfinished(self, step: int) -> None:
        """Removes what a failed save left; the disk may be failing, so as much as is possible."""
        with contextlib.suppress(OSError):
            self._remove_temporary()
            if find_damage(self._directory, step=step) is not None:
                _remove_checkpoint(self._directory, step)

    def _remove_strays(self) -> None:
        """Removes checkpoints that aren't managed: damaged ones, and what killed saves left."""
        self._remove_temporary()
        managed = set(map(_step_of, self._manager.checkpoints))
        for path in self._directory.glob(f"{_NAME}-*.*"):
            step = _step_of(path.with_suffix(""))
            if step is not None and step not in managed:
                path.unlink()

    def _remove_temporary(self) -> None:
        """Removes the folders and files that killed saves left."""
        for path in self._directory.glob(f"{_NAME}-*_temp"):
            shutil.rmtree(path)
        for path in self._directory.glob(f"{_STATE_FILE}.tmp*"):
            path.unlink()


def checkpoint_steps(directory: str | os.PathLike[str]) -> list[int]:
    """Returns the steps of the checkpoints in a folder, damaged ones included, in order.

    Args:
        directory: the folder of the checkpoints, which need not exist.

    Returns:
        Steps, ascending.
    """
    # The index is written last: data without it are of a save that was killed.
    indices = pathlib.Path(directory).glob(f"{_NAME}-*.index")
    steps = [_step_of(path.with_suffix("")) for path in indices]
    return sorted(step for step in steps if step is not None)


def find_damage(directory: str | os.PathLike[str], *, step: int) -> str | None:
    """Returns what is wrong with the files of a checkpoint, or None if they are intact.

    Every value is read, and TensorFlow compares its checksum.

    Args:
        directory: the folder of the checkpoints.
        step: the checkpoint's step.

    Returns:
        One line, or None.
    """
    try:
        reader = tf.train.load_checkpoint(_prefix(directory, step))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except _DAMAGE as error:
        return _first_line(error)
    return None


def read_checkpoint(directory: str | os.PathLike[str], *, step: int, **trackables: Any) -> None:
    """Restores what is given from a checkpoint, and leaves alone what else the checkpoint holds.

    It writes nothing and needs no lock.

    Args:
        directory: the folder of the checkpoints.
        step: the checkpoint's step; `find_damage` has found none.
        **trackables: what to restore, by the names it was saved under.

    Raises:
        FileNotFoundError: it is gone: a trainer keeps only its newest ones.
        ValueError: the checkpoint lacks a variable, or has it in another shape.
    """
    try:
        status = tf.train.Checkpoint(**trackables).restore(_prefix(directory, step))
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "No checkpoint", _prefix(directory, step)) from error
    status.expect_partial()
    try:
        status.assert_existing_objects_matched()
    except AssertionError as error:
        raise ValueError(
            f"The checkpoint of step {step} in {directory} must hold the variables of the model. "
            f"Received: {_first_line(error)}. Open it with the version of the code that wrote it."
        ) from error


def _prefix(directory: str | os.PathLike[str], step: int) -> str:
    """Returns the path of a checkpoint without its endings."""
    return os.path.join(directory, f"{_NAME}-{step}")


def _step_of(path: str | os.PathLike[str]) -> int | None:
    """Returns the step in a checkpoint's name, or None for another file."""
    match = re.fullmatch(rf"{_NAME}-(\d+)", os.path.basename(path))
    return int(match[1]) if match else None


def _state_text(directory: pathlib.Path, steps: Sequence[int]) -> str:
    """Returns a state file, which is a CheckpointState message in protobuf's text form."""
    lines = [f'model_checkpoint_path: "{_NAME}-{steps[-1]}"']
    lines += [f'all_model_checkpoint_paths: "{_NAME}-{step}"' for step in steps]
    lines += [
        f"all_model_checkpoint_timestamps: {(directory / f'{_NAME}-{step}.index').stat().st_mtime}"
        for step in steps
    ]
    return "\n".join([*lines, "last_preserved_timestamp: 0.0"]) + "\n"


def _remove_checkpoint(directory: pathlib.Path, step: int) -> None:
    """Removes the files of one checkpoint."""
    for path in directory.glob(f"{_NAME}-{step}.*"):
        path.unlink()


def _first_line(error: Exception) -> str:
    """Returns the first line of an error's text, without TensorFlow's marks, for our message."""
    text = re.sub(r"{{.*?}} | \[Op:\w+\]", "", str(error)).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")
