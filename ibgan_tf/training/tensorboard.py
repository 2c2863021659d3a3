"""TensorBoard's scalars and pictures, which a run can do without."""

import logging
import pathlib
import re
from collections.abc import Callable

import numpy as np
import tensorflow as tf


class TensorBoardWriter(tf.keras.callbacks.Callback):
    """Writes scalars and pictures for TensorBoard.

    What TensorBoard shows is in log.jsonl and in the pictures' folders too: if its folder can't
    be written, one warning says so and training goes on without it.

    Args:
        directory: the folder of the event files.
    """

    def __init__(self, directory: pathlib.Path):
        super().__init__()
        self._directory = directory
        self._writer: tf.summary.SummaryWriter | None = None
        self._do(self._open)

    def on_epoch_end(self, epoch, logs=None):
        def write():
            with self._writer.as_default(step=epoch):
                for name, value in logs.items():
                    tf.summary.scalar(name, value)
            self._writer.flush()  # what a report wrote is in its file before the next checkpoint

        self._do_if_open(write)

    def image(self, name: str, pixels: np.ndarray, *, step: int) -> None:
        """Writes one picture.

        Args:
            name: its tag.
            pixels: uint8 [height, width] or [height, width, 3].
            step: of the run.
        """
        picture = pixels.reshape([1, *pixels.shape[:2], -1])

        def write():
            with self._writer.as_default(step=step):
                tf.summary.image(name, picture)
            self._writer.flush()

        self._do_if_open(write)

    def on_train_end(self, logs=None):
        self._do_if_open(lambda: self._writer.close())

    def _open(self) -> None:
        self._writer = tf.summary.create_file_writer(str(self._directory))

    def _do_if_open(self, write: Callable[[], None]) -> None:
        if self._writer is not None:
            self._do(write)

    def _do(self, write: Callable[[], None]) -> None:
        """Calls a function that writes; the first time that fails is the last."""
        try:
            write()
        except (tf.errors.OpError, OSError) as error:
            self._writer = None
            logging.getLogger(__name__).warning(
                "TensorBoard's events can't be written to %s (%s): training goes on without them; "
                "log.jsonl has the scalars.",
                self._directory,
                _reason(error),
            )


def _reason(error: Exception) -> str:
    """Returns the first line of an error's text, without TensorFlow's marks."""
    return re.sub(r"{{.*?}} | \[Op:.*", "", str(error)).splitlines()[0]
