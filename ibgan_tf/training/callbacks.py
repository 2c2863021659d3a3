"""What happens at the intervals of a run, as Keras callbacks.

The loop calls `on_epoch_end(step, means)` at each report, with the mean of every scalar over the
steps since the last, and then `on_train_batch_end(step)` after each call of the graph, which
stops at every interval's multiples. Checkpoints come last: whatever a resumed run finds in its
log and its pictures was there before the checkpoint was.
"""

import datetime
import logging
import pathlib
import sys
import time
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ibgan_tf.plotting import grids
from ibgan_tf.runs import atomic, run_directory, weights
from ibgan_tf.runs.checkpoints import Checkpoints
from ibgan_tf.runs.run_directory import RunRecord
from ibgan_tf.training import pictures
from ibgan_tf.training.interval import ReportInterval

Callback = tf.keras.callbacks.Callback


def run_callbacks(
    run_dir: pathlib.Path,
    record: RunRecord,
    *,
    interval: ReportInterval,
    checkpoints: Checkpoints,
) -> list[Callback]:
    """Returns the callbacks of a run, in the order in which they act.

    Args:
        run_dir: the run directory.
        record: the run's settings.
        interval: the scalars since the last report, saved with each checkpoint.
        checkpoints: of the run.
    """
    options = record.options
    board = TensorBoardWriter(run_dir / "events")
    return [
        Log(run_dir, options.batch_size),
        board,
        Progress(options.steps),
        Pictures(run_dir, record, board, every=options.picture_every),
        Snapshots(run_dir, every=options.snapshot_every),
        SaveCheckpoints(checkpoints, interval, every=options.checkpoint_every),
        Ending(run_dir, options.steps),
    ]


class Log(Callback):
    """Writes a row of log.jsonl per report, with the speed since the last."""

    def __init__(self, run_dir: pathlib.Path, batch_size: int):
        super().__init__()
        self._run_dir, self._batch_size = run_dir, batch_size

    def on_train_begin(self, logs=None):
        self._step, self._time = int(logs["step"]), time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        now = time.perf_counter()
        speed = (epoch - self._step) / (now - self._time)
        logs["steps_per_second"] = round(speed, 3)
        logs["images_per_second"] = round(speed * self._batch_size, 1)
        self._step, self._time = epoch, now
        run_directory.append_row(self._run_dir, {"step": epoch, **logs})


class TensorBoardWriter(Callback):
    """Writes scalars and pictures for TensorBoard.

    What TensorBoard shows is in log.jsonl and in the pictures' folders too: if its folder can't
    be written, one warning says so and training goes on without it.
    """

    def __init__(self, directory: pathlib.Path):
        super().__init__()
        self._directory, self._writer = directory, None
        self._do(self._open)

    def _open(self):
        # max_queue 0: what a report wrote is on the disk before the checkpoint after it.
        self._writer = tf.summary.create_file_writer(str(self._directory))

    def _do(self, write) -> None:
        try:
            write()
        except (tf.errors.OpError, OSError) as error:
            self._writer = None
            logging.getLogger(__name__).warning(
                "TensorBoard's events can't be written to %s (%s): training goes on without them; "
                "log.jsonl has the scalars.",
                self._directory,
                str(error).splitlines()[0],
            )

    def on_epoch_end(self, epoch, logs=None):
        def write():
            with self._writer.as_default(step=epoch):
                for name, value in logs.items():
                    tf.summary.scalar(name, value)
            self._writer.flush()

        if self._writer is not None:
            self._do(write)

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

        if self._writer is not None:
            self._do(write)

    def on_train_end(self, logs=None):
        if self._writer is not None:
            self._do(self._writer.close)


class Progress(Callback):
    """Shows step, speed, the time left and the main scalars on the terminal."""

    _SHOWN = {
        "information_lower_bound": "I^L",
        "information_upper_bound": "I^U",
        "probability_real": "D(x)",
        "probability_generated": "D(G(z))",
    }

    def __init__(self, steps: int):
        super().__init__()
        self._steps, self._terminal = steps, sys.stderr.isatty()

    def on_train_begin(self, logs=None):
        self._first_step, self._begin = int(logs["step"]), time.perf_counter()
        _tell(f"step {self._first_step:,} of {self._steps:,}; the first call builds the graph")

    def on_epoch_end(self, epoch, logs=None):
        elapsed = time.perf_counter() - self._begin
        left = elapsed / (epoch - self._first_step) * (self._steps - epoch)
        shown = "  ".join(
            f"{short} {logs[name]:.2f}" for name, short in self._SHOWN.items() if name in logs
        )
        line = (
            f"step {epoch:,}/{self._steps:,} ({epoch / self._steps:.0%})  "
            f"{logs['steps_per_second']:.2f} steps/s  "
            f"ETA {datetime.timedelta(seconds=round(left))}  {shown}{_active(logs)}"
        )
        _tell(line, end="\r" if self._terminal and epoch < self._steps else "\n")


def _active(logs: Mapping[str, float]) -> str:
    """Returns how many dimensions of r carry more than half a nat, where the model has a KL."""
    divergences = [value for name, value in logs.items() if name.startswith("kl/")]
    if not divergences:
        return ""
    active = sum(value > 0.5 for value in divergences)
    return f"  {active} of {len(divergences)} dimensions above 0.5 nats"


def _tell(line: str, end: str = "\n") -> None:
    print(line, end=end, file=sys.stderr, flush=True)


class Pictures(Callback):
    """Draws a grid of samples and latent traversals, to files and to TensorBoard."""

    def __init__(
        self, run_dir: pathlib.Path, record: RunRecord, board: TensorBoardWriter, *, every: int
    ):
        super().__init__()
        self._run_dir, self._board, self._every = run_dir, board, every
        self._title = f"{record.model} on {record.dataset}"

    def on_train_batch_end(self, batch, logs=None):
        if not self._every or batch % self._every:
            return
        samples = pictures.draw_samples(self.model, self._run_dir / "samples" / f"step-{batch}.png")
        traversals = pictures.draw_traversals(
            self.model,
            self._run_dir / "traversals",
            stem=f"step-{batch}",
            title=f"{self._title}, step {batch:,}",
            centers=pictures.traversal_centers(self.model, "random", num_centers=1),
            animate=False,
        )
        for name, path in (("samples", samples), ("traversals", traversals[0])):
            self._board.image(name, grids.read_png(path), step=batch)


class Snapshots(Callback):
    """Keeps the weights of the networks, without optimizers, for metrics over steps."""

    def __init__(self, run_dir: pathlib.Path, *, every: int):
        super().__init__()
        self._run_dir, self._every = run_dir, every

    def on_train_batch_end(self, batch, logs=None):
        if self._every and batch % self._every == 0:
            weights.save_networks(self._run_dir, self.model.networks(), step=batch)


class SaveCheckpoints(Callback):
    """Saves a checkpoint at its interval and at the end, unless a weight isn't finite."""

    def __init__(self, checkpoints: Checkpoints, interval: ReportInterval, *, every: int):
        super().__init__()
        self._checkpoints, self._interval, self._every = checkpoints, interval, every

    def on_train_batch_end(self, batch, logs=None):
        if batch % self._every == 0:
            self._save(batch)

    def on_train_end(self, logs=None):
        self._save(int(logs["step"]))

    def _save(self, step: int) -> None:
        for weight in self.model.weights:
            if weight.dtype.startswith("float") and not np.isfinite(weight.numpy()).all():
                raise FloatingPointError(
                    f"Every weight must be finite. Received: {weight.path} at step {step}. The "
                    "last checkpoint is from before; lower the learning rates"
                )
        self._interval.prepare_save()
        self._checkpoints.save(step)


class Ending(Callback):
    """Writes summary.json when training ends, and DONE when it has done all its steps."""

    def __init__(self, run_dir: pathlib.Path, steps: int):
        super().__init__()
        self._run_dir, self._steps = run_dir, steps
        self._last: dict[str, float] = {}

    def on_epoch_end(self, epoch, logs=None):
        self._last = {"step": epoch, **logs}

    def on_train_end(self, logs=None):
        step = int(logs["step"])
        atomic.write_json(
            self._run_dir / "summary.json",
            {"step": step, "steps": self._steps, "last_report": self._last},
        )
        if step >= self._steps:
            atomic.write_text(self._run_dir / "DONE", f"{step} steps\n")
