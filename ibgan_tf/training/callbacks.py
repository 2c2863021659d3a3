"""What happens at the intervals of a run, as Keras callbacks.

The loop calls `on_epoch_end(step, means)` at each report, with the mean of every scalar over the
steps since the last, and then `on_train_batch_end(step)` after each call of the graph, which
stops at every interval's multiples. Checkpoints come last: whatever a resumed run finds in its
log and its pictures was there before the checkpoint was.
"""

import collections
import contextlib
import datetime
import pathlib
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ibgan_tf import atomic
from ibgan_tf.data.base import ImageDataset
from ibgan_tf.evaluation import live, scores
from ibgan_tf.models import MODELS
from ibgan_tf.plotting import grids
from ibgan_tf.runs import run_directory, weights
from ibgan_tf.runs.checkpoints import Checkpoints
from ibgan_tf.runs.options import RunOptions
from ibgan_tf.runs.run_directory import RunRecord
from ibgan_tf.training import pictures
from ibgan_tf.training.centers import traversal_centers
from ibgan_tf.training.interval import ReportInterval
from ibgan_tf.training.tensorboard import TensorBoardWriter

Callback = tf.keras.callbacks.Callback


def run_callbacks(
    run_dir: pathlib.Path,
    record: RunRecord,
    *,
    interval: ReportInterval,
    checkpoints: Checkpoints,
    dataset: ImageDataset | None = None,
) -> list[Callback]:
    """Returns the callbacks of a run, in the order in which they act.

    Args:
        run_dir: the run directory.
        record: the run's settings.
        interval: the scalars since the last report, saved with each checkpoint.
        checkpoints: of the run.
        dataset: that it trains on, for evaluations.

    Raises:
        ValueError: evaluations are asked for that the model or the data set doesn't allow.
    """
    options = record.options
    board = TensorBoardWriter(run_dir / "events")
    return [
        Evaluations(run_dir, record, dataset, every=options.evaluate_every),
        Log(run_dir, options.batch_size),
        board,
        Progress(options.steps),
        FiniteWeights(options),
        Pictures(run_dir, record, board, every=options.picture_every),
        Snapshots(run_dir, every=options.snapshot_every),
        SaveCheckpoints(checkpoints, interval, every=options.checkpoint_every),
        Ending(run_dir, record),
    ]


class Evaluations(Callback):
    """Scores the model at its interval; the scores join the report's scalars, which it adds to.

    Args:
        run_dir: the run directory.
        record: names the model.
        dataset: with factors, unless `every` is 0.
        every: steps between two evaluations, a multiple of the report's; 0: none.
    """

    def __init__(
        self,
        run_dir: pathlib.Path,
        record: RunRecord,
        dataset: ImageDataset | None,
        *,
        every: int,
    ):
        super().__init__()
        self._run_dir, self._name, self._dataset = run_dir, record.model, dataset
        self._every = every
        if every:
            live.check(MODELS[record.model], dataset, name=record.model)

    def on_epoch_end(self, epoch, logs=None):
        if not self._every or epoch % self._every:
            return
        began = time.perf_counter()
        results = live.evaluate_model(
            self.model, self._dataset, name=self._name, step=epoch, run_dir=self._run_dir
        )
        logs.update({scores.tag(result): result["score"] for result in results})
        shown = "  ".join(f"{result['metric']} {result['score']:.3f}" for result in results)
        tell(f"step {epoch:,}: {shown} (fast, {time.perf_counter() - began:.1f} s)")


class _Clock:
    """The speed over the last reports, without the first call of the graph, which builds it.

    Args:
        num_reports: how many of them.
    """

    def __init__(self, num_reports: int):
        self._reports = collections.deque(maxlen=num_reports)  # each a step and its time

    def start(self, step: int) -> None:
        """Begins before the first call of a segment."""
        self._restart(step)
        self._building = True

    def after_call(self, step: int) -> None:
        """Begins anew if this was the first call."""
        if self._building:
            self._building = False
            self._restart(step)

    def report(self, step: int) -> float:
        """Returns the steps per second up to a report; of the first call if there was no other."""
        now = time.perf_counter()
        first_step, first_time = self._reports[0]
        self._reports.append((step, now))
        return (step - first_step) / (now - first_time)

    def _restart(self, step: int) -> None:
        self._reports.clear()
        self._reports.append((step, time.perf_counter()))


class Log(Callback):
    """Writes a row of log.jsonl per report, with the speed since the last, which it adds to `logs`.

    Args:
        run_dir: the run directory.
        batch_size: images in a step.
    """

    def __init__(self, run_dir: pathlib.Path, batch_size: int):
        super().__init__()
        self._run_dir, self._batch_size, self._clock = run_dir, batch_size, _Clock(1)

    def on_train_begin(self, logs=None):
        self._clock.start(int(logs["step"]))

    def on_train_batch_end(self, batch, logs=None):
        self._clock.after_call(batch)

    def on_epoch_end(self, epoch, logs=None):
        speed = self._clock.report(epoch)
        logs["steps_per_second"] = round(speed, 3)
        logs["images_per_second"] = round(speed * self._batch_size, 1)
        run_directory.append_row(self._run_dir, {"step": epoch, **logs})


class Progress(Callback):
    """Shows step, speed, the time left and the main scalars on the terminal, a line per report.

    Args:
        steps: of the whole run.
    """

    _SHOWN = {
        "information_lower_bound": "I^L",
        "information_upper_bound": "I^U",
        "probability_real": "D(x)",
        "probability_generated": "D(G(z))",
    }
    # For the time left: so many that pictures and checkpoints are among them, and so few that a
    # machine which was busy or paused for a while is forgotten.
    _NUM_REPORTS = 50

    def __init__(self, steps: int):
        super().__init__()
        self._steps, self._clock = steps, _Clock(self._NUM_REPORTS)

    def on_train_begin(self, logs=None):
        step = int(logs["step"])  # Keras makes every value a float
        self._clock.start(step)
        tell(f"step {step:,} of {self._steps:,}; the first call builds the graph")

    def on_train_batch_end(self, batch, logs=None):
        self._clock.after_call(batch)

    def on_epoch_end(self, epoch, logs=None):
        left = (self._steps - epoch) / self._clock.report(epoch)
        shown = "  ".join(
            f"{short} {logs[name]:.2f}" for name, short in self._SHOWN.items() if name in logs
        )
        tell(
            f"step {epoch:,}/{self._steps:,} ({epoch / self._steps:.0%})  "
            f"{logs['steps_per_second']:.2f} steps/s  "
            f"ETA {datetime.timedelta(seconds=round(left))}  {shown}{_active(logs)}"
        )


def _active(logs: Mapping[str, float]) -> str:
    """Returns how many dimensions of r carry more than half a nat, where the model has a KL."""
    divergences = [value for name, value in logs.items() if name.startswith("kl/")]
    if not divergences:
        return ""
    active = sum(value > 0.5 for value in divergences)
    return f"  {active} of {len(divergences)} dimensions above 0.5 nats"


def tell(line: str) -> None:
    """Prints a line to the terminal; a training outlives the pipe that it began in."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


class FiniteWeights(Callback):
    """Ends the run before a weight that isn't finite is shown or saved.

    Args:
        options: the intervals of pictures, snapshots and checkpoints.
    """

    def __init__(self, options: RunOptions):
        super().__init__()
        intervals = (options.picture_every, options.snapshot_every, options.checkpoint_every)
        self._intervals = [every for every in intervals if every]

    def on_train_batch_end(self, batch, logs=None):
        if any(batch % every == 0 for every in self._intervals):
            self._check(batch)

    def on_train_end(self, logs=None):
        self._check(int(logs["step"]))

    def _check(self, step: int) -> None:
        for weight in self.model.weights:
            if "float" in weight.dtype and not np.isfinite(weight.numpy()).all():
                raise FloatingPointError(
                    f"Every weight must be finite. Received: {weight.path} at step {step}. The "
                    "last checkpoint is from before; lower the learning rates"
                )


class Pictures(Callback):
    """Draws a grid of samples and latent traversals, to files and to TensorBoard.

    Args:
        run_dir: the run directory.
        record: names model and data set.
        board: TensorBoard's writer.
        every: steps between two sets; 0: none.
    """

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
            centers=traversal_centers(self.model, "random", num_centers=1),
            animate=False,
        )
        self._board.image("samples", grids.read_png(samples), step=batch)
        for path in traversals:
            center_or_part = path.stem.rpartition("-")[2]
            tag = "traversals" if center_or_part == "1" else f"traversals_{center_or_part}"
            self._board.image(tag, grids.read_png(path), step=batch)


class Snapshots(Callback):
    """Keeps the weights of the networks, without optimizers, for metrics over steps.

    Args:
        run_dir: the run directory.
        every: steps between two snapshots; 0: none.
    """

    def __init__(self, run_dir: pathlib.Path, *, every: int):
        super().__init__()
        self._run_dir, self._every = run_dir, every

    def on_train_batch_end(self, batch, logs=None):
        if self._every and batch % self._every == 0:
            weights.save_networks(self._run_dir, self.model.networks(), step=batch)


class SaveCheckpoints(Callback):
    """Saves a checkpoint at its interval and when training ends, a stop on request included.

    Args:
        checkpoints: of the run.
        interval: the scalars since the last report, saved with each checkpoint.
        every: steps between two checkpoints.
    """

    def __init__(self, checkpoints: Checkpoints, interval: ReportInterval, *, every: int):
        super().__init__()
        self._checkpoints, self._interval, self._every = checkpoints, interval, every

    def on_train_batch_end(self, batch, logs=None):
        if batch % self._every == 0:
            self._save(batch)

    def on_train_end(self, logs=None):
        self._save(int(logs["step"]))

    def _save(self, step: int) -> None:
        self._interval.prepare_save()
        self._checkpoints.save(step)


class Ending(Callback):
    """Writes summary.json when training ends, and DONE when it has done all its steps.

    Args:
        run_dir: the run directory.
        record: the run's settings.
    """

    def __init__(self, run_dir: pathlib.Path, record: RunRecord):
        super().__init__()
        self._run_dir, self._record = run_dir, record

    def on_train_begin(self, logs=None):
        self._first_step, self._time = int(logs["step"]), time.perf_counter()

    def on_train_end(self, logs=None):
        step, seconds = int(logs["step"]), time.perf_counter() - self._time
        num_steps = step - self._first_step
        segment = {
            "first_step": self._first_step,
            "steps": num_steps,
            "seconds": round(seconds, 1),
            "steps_per_second": round(num_steps / seconds, 3),
        }
        write_ending(self._run_dir, self._record, step=step, segment=segment)


def write_ending(
    run_dir: pathlib.Path, record: RunRecord, *, step: int, segment: Mapping[str, Any] | None
) -> None:
    """Writes summary.json, and DONE for a run that has done all its steps.

    Args:
        run_dir: the run directory.
        record: the run's settings.
        step: the steps that have been done.
        segment: the first step, steps, seconds (graph, pictures and checkpoints included) and
            speed since the start or resume; None where nothing was trained.
    """
    rows = run_directory.read_rows(run_dir)
    summary = {
        "step": step,
        "steps": record.options.steps,
        "data_source": record.data_source,
        "last_report": rows[-1] if rows else {},
        "segment": segment,
    }
    atomic.write_json(run_dir / "summary.json", summary)
    if step >= record.options.steps:
        atomic.write_text(run_dir / "DONE", f"{step} steps\n")
