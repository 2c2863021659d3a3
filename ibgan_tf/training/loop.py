"""The training loop: one for every strategy, with Keras's callbacks at its intervals."""

import os
import pathlib
import signal
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from ibgan_tf.data.base import ImageDataset
from ibgan_tf.data.batches import batches
from ibgan_tf.models import MODELS
from ibgan_tf.runs import atomic, events, run_directory
from ibgan_tf.runs.checkpoints import Checkpoints
from ibgan_tf.runs.options import RunOptions
from ibgan_tf.runs.run_directory import RunRecord
from ibgan_tf.training import callbacks as run_callbacks
from ibgan_tf.training.interval import ReportInterval
from ibgan_tf.training.stop_requests import stop_requests

FINISHED = 0
TERMINATED = 128 + signal.SIGTERM
INTERRUPTED = 128 + signal.SIGINT


def train(
    run_dir: str | os.PathLike[str],
    record: RunRecord,
    dataset: ImageDataset,
    *,
    strategy: tf.distribute.Strategy,
    command: Sequence[str],
    resume: bool = False,
) -> int:
    """Trains a run to its last step, from its newest checkpoint where it resumes.

    On one device or under MirroredStrategy, plain Keras gives the same weights, without the run
    directory: `model.fit(batches(dataset, ...), steps_per_epoch=..., shuffle=False)`.

    Args:
        run_dir: the run directory; missing or empty for a new run.
        record: the run's settings; of a resumed run with the changes that are allowed.
        dataset: the opened data set.
        strategy: over the devices, from `configure_devices`.
        command: the program and its arguments, for command.txt and environment.json.
        resume: whether to go on with the run in `run_dir`.

    Returns:
        status: FINISHED, also if there was nothing left to do; TERMINATED or INTERRUPTED if a
            SIGTERM or Ctrl-C ended the run, after a checkpoint.

    Raises:
        FileExistsError: `run_dir` holds anything and `resume` is false.
        FileNotFoundError: `run_dir` holds no run and `resume` is true.
        FloatingPointError: a scalar or a weight isn't finite; no checkpoint of it is written.
        ValueError: every checkpoint is damaged, or of another model.
        OSError: another process writes the run, or the disk is full.
    """
    run_dir = pathlib.Path(run_dir)
    if resume:
        run_directory.read_values(run_dir)
    else:
        run_directory.check_new(run_dir)  # here too, for the lock leaves a file
    # Before the run directory is made, for the settings may not fit the images.
    with strategy.scope():
        model = MODELS[record.model](
            record.model_config,
            record.image_shape,
            seed=record.options.seed,
            precision=record.options.precision,
        )
    with run_directory.lock(run_dir), stop_requests() as stop_request:
        if not resume:
            run_directory.create(run_dir, record, command=command)
        interval = ReportInterval()
        checkpoints = Checkpoints(run_dir / "checkpoints", model=model, interval=interval.saved)
        step = _restore(run_dir, checkpoints, interval) if resume else None
        if step is not None and step >= record.options.steps:
            return _nothing_left(run_dir, record, step)
        if resume:
            run_directory.write_record(run_dir, record)
            run_directory.add_environment_segment(run_dir, step=step or 0, command=command)
        (run_dir / "DONE").unlink(missing_ok=True)
        if step is None:
            run_directory.append_row(run_dir, {"step": 0, "data_source": record.data_source})
        return _run(
            run_dir,
            record,
            dataset,
            model=model,
            strategy=strategy,
            interval=interval,
            checkpoints=checkpoints,
            start_step=step or 0,
            stop_request=stop_request,
        )


def _restore(
    run_dir: pathlib.Path, checkpoints: Checkpoints, interval: ReportInterval
) -> int | None:
    """Restores the newest intact checkpoint and drops what was logged after it.

    Pictures and snapshots of later steps stay: the run writes the same again when it gets there.

    Returns:
        step: of the checkpoint; None if there is none, and the run begins anew.
    """
    step = checkpoints.restore_newest()
    interval.take_saved()
    last_kept = -1 if step is None else step
    run_directory.drop_rows_after(run_dir, last_kept)
    events.drop_events_after(run_dir / "events", last_kept)
    atomic.remove_leftovers(run_dir)
    return step


def _nothing_left(run_dir: pathlib.Path, record: RunRecord, step: int) -> int:
    """Says that a resumed run has done its steps, and writes the end that a kill may have cut."""
    if not (run_dir / "DONE").exists():
        run_callbacks.write_ending(run_dir, record, step=step, segment=None)
    run_callbacks.tell(f"{run_dir} has done its {step:,} steps; go on with --steps=...")
    return FINISHED


def _run(
    run_dir: pathlib.Path,
    record: RunRecord,
    dataset: ImageDataset,
    *,
    model: tf.keras.Model,
    strategy: tf.distribute.Strategy,
    interval: ReportInterval,
    checkpoints: Checkpoints,
    start_step: int,
    stop_request: Callable[[], int | None],
) -> int:
    """Trains from a step on; returns the status that `train` returns."""
    options = record.options
    callbacks = tf.keras.callbacks.CallbackList(
        run_callbacks.run_callbacks(
            run_dir, record, interval=interval, checkpoints=checkpoints, dataset=dataset
        ),
        model=model,
        steps=options.steps,
    )
    iterator = iter(_distribute(dataset, options, strategy=strategy, start_step=start_step))
    run_steps = compile_steps(model, strategy, jit=options.jit)
    step = start_step
    callbacks.on_train_begin({"step": step})
    while step < options.steps and stop_request() is None:
        num_steps = min(options.steps_per_call, _next_boundary(step, options) - step)
        names, rows = run_steps(iterator, num_steps)
        _check_finite(names, rows, first_step=step + 1)
        interval.add(names, rows)
        step += num_steps
        # Reports come before checkpoints, so that a resumed run lacks no row.
        if step % options.report_every == 0 or step == options.steps:
            callbacks.on_epoch_end(step, interval.means())
            interval.clear()
        callbacks.on_train_batch_end(step)
    callbacks.on_train_end({"step": step})
    return FINISHED if step >= options.steps else 128 + stop_request()


def compile_steps(
    model: tf.keras.Model, strategy: tf.distribute.Strategy, *, jit: bool = False
) -> Callable[[Iterator, int], tuple[list[str], np.ndarray]]:
    """Returns a function that runs several training steps in one call of a graph.

    Args:
        model: built in the strategy's scope.
        strategy: runs the step on each replica.
        jit: whether XLA compiles the step.

    Returns:
        run_steps(iterator, num_steps) -> (names of the scalars, values [num_steps, len(names)]).
    """
    names: list[str] = []
    step_function = tf.function(model.train_step, jit_compile=True) if jit else model.train_step

    def one_step(batch):
        scalars = step_function(batch)
        names[:] = list(scalars)  # while tracing
        return tf.stack([tf.cast(value, tf.float32) for value in scalars.values()])

    @tf.function(reduce_retracing=True)
    def steps_in_graph(iterator, num_steps):
        rows = tf.TensorArray(tf.float32, size=num_steps)
        for index in tf.range(num_steps):
            values = strategy.run(one_step, args=(next(iterator),))
            values = strategy.reduce(tf.distribute.ReduceOp.MEAN, values, axis=None)
            rows = rows.write(index, values)
        return rows.stack()

    def run_steps(iterator, num_steps):
        rows = steps_in_graph(iterator, tf.constant(num_steps)).numpy()
        return list(names), rows

    return run_steps


def _distribute(
    dataset: ImageDataset,
    options: RunOptions,
    *,
    strategy: tf.distribute.Strategy,
    start_step: int,
) -> tf.data.Dataset:
    """Returns the batches from a step on, each replica's part an element of its own."""
    return strategy.distribute_datasets_from_function(
        lambda context: batches(
            dataset,
            batch_size=options.batch_size,
            seed=options.seed,
            start_step=start_step,
            num_replicas=strategy.num_replicas_in_sync,
        )
    )


def _next_boundary(step: int, options: RunOptions) -> int:
    """Returns the next step at which anything but training happens."""
    intervals = (
        options.report_every,
        options.picture_every,
        options.checkpoint_every,
        options.snapshot_every,
    )
    return min([step + every - step % every for every in intervals if every] + [options.steps])


def _check_finite(names: Sequence[str], rows: np.ndarray, *, first_step: int) -> None:
    """Raises a FloatingPointError that names the first step and scalar that aren't finite."""
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad):
        row, column = bad[0]
        raise FloatingPointError(
            f"Every scalar must be finite. Received: {names[column]}={rows[row, column]} at step "
            f"{first_step + row}. The last checkpoint is from before; lower the learning rates"
        )
