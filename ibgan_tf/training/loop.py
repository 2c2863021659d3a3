"""The training loop: one for every strategy, with Keras's callbacks at its intervals."""

import dataclasses
import os
import pathlib
import signal
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from ibgan_tf import atomic
from ibgan_tf.data.base import ImageDataset
from ibgan_tf.data.batches import batches
from ibgan_tf.models import MODELS
from ibgan_tf.runs import events, run_directory
from ibgan_tf.runs.checkpoints import Checkpoints, checkpoint_steps, read_checkpoint
from ibgan_tf.runs.options import RunOptions
from ibgan_tf.runs.record import flat_settings
from ibgan_tf.runs.run_directory import RunRecord
from ibgan_tf.training import callbacks as run_callbacks
from ibgan_tf.training.interval import ReportInterval
from ibgan_tf.training.stop_requests import stop_requests
from ibgan_tf.training.workers import Workers, workers_of

FINISHED = 0
TERMINATED = 128 + signal.SIGTERM
INTERRUPTED = 128 + signal.SIGINT
HUNG_UP = 128 + signal.SIGHUP

_NO_CHECKPOINT = -1


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

    Of several workers every one calls it, and the chief alone writes the run directory, which the
    others read to resume.

    Args:
        run_dir: the run directory; missing or empty for a new run.
        record: the run's settings; of a resumed run with the changes that are allowed.
        dataset: the opened data set.
        strategy: over the devices, from `configure_devices`.
        command: the program and its arguments, for command.txt and environment.json.
        resume: whether to go on with the run in `run_dir`.

    Returns:
        status: FINISHED, also if there was nothing left to do; TERMINATED, INTERRUPTED or HUNG_UP
            if a SIGTERM, Ctrl-C or SIGHUP, of any worker, ended the run, after a checkpoint.

    Raises:
        FileExistsError: `run_dir` holds anything and `resume` is false.
        FileNotFoundError: `resume` is true and `run_dir` holds no run, or one whose checkpoints are
            gone, as of a kept record; or a worker doesn't see the chief's checkpoint.
        FloatingPointError: a scalar or a weight isn't finite; no checkpoint of it is written.
        ValueError: every checkpoint is damaged, or of another model, or the workers' settings
            differ.
        OSError: another process writes the run, the disk is full, or another worker is gone.
    """
    run_dir = pathlib.Path(run_dir)
    workers = workers_of(strategy)
    if workers.is_chief:
        if resume:
            run_directory.read_values(run_dir)
            run_directory.check_goes_on(run_dir)
        else:
            run_directory.check_new(run_dir)  # here too, for the lock leaves a file
    with workers.losses_told():
        workers.check_equal(flat_settings(record))
        # Before the run directory is made, for the settings may not fit the images.
        with strategy.scope():
            model = MODELS[record.model](
                record.model_config,
                record.image_shape,
                seed=record.options.seed,
                precision=record.options.precision,
            )
        training = _Training(
            record=record, dataset=dataset, model=model, strategy=strategy, workers=workers
        )
        if workers.is_chief:
            status = _write_run(training, run_dir, command=command, resume=resume)
        else:
            run_callbacks.tell(f"{workers.name} trains along; the first worker writes the run")
            status = _train_along(training, run_dir)
        workers.part()  # who ends first would be missed
        return status


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Training:
    """What all workers have; the fields are as of `train`."""

    record: RunRecord
    dataset: ImageDataset
    model: tf.keras.Model
    strategy: tf.distribute.Strategy
    workers: Workers


def _write_run(
    training: _Training, run_dir: pathlib.Path, *, command: Sequence[str], resume: bool
) -> int:
    """Trains a run and writes its directory; returns the status that `train` returns."""
    record, model, workers = training.record, training.model, training.workers
    begin = {"command": command, "replicas": training.strategy.num_replicas_in_sync}
    with run_directory.lock(run_dir), stop_requests() as stop_request:
        if not resume:
            run_directory.create(run_dir, record, **begin)
        interval = ReportInterval()
        checkpoints = Checkpoints(run_dir / "checkpoints", model=model, interval=interval.saved)
        step = _restore(run_dir, checkpoints, interval) if resume else None
        workers.from_chief(_NO_CHECKPOINT if step is None else step)
        if step is not None and step >= record.options.steps:
            return _nothing_left(run_dir, record, step)
        (run_dir / "DONE").unlink(missing_ok=True)  # first: more steps are not done yet
        if resume:
            run_directory.write_record(run_dir, record)
            run_directory.add_environment_segment(run_dir, step=step or 0, **begin)
        if step is None:
            run_directory.append_row(run_dir, {"step": 0, "data_source": record.data_source})
        callbacks = run_callbacks.run_callbacks(
            run_dir, record, interval=interval, checkpoints=checkpoints, dataset=training.dataset
        )
        return _run(
            training,
            interval=interval,
            callbacks=callbacks,
            start_step=step or 0,
            stop_request=stop_request,
        )


def _train_along(training: _Training, run_dir: pathlib.Path) -> int:
    """Trains a run that the chief writes; returns the status that `train` returns."""
    record = training.record
    with stop_requests() as stop_request:
        step = training.workers.from_chief(_NO_CHECKPOINT)
        if step >= record.options.steps:
            return FINISHED
        if step != _NO_CHECKPOINT:
            directory = run_dir / "checkpoints"
            if step not in checkpoint_steps(directory):
                raise FileNotFoundError(
                    f"Every worker must see the checkpoint of step {step}, which the first has "
                    f"chosen. Received: {training.workers.name} without it in {directory}. Put "
                    "run_dir on a file system that all workers share."
                )
            read_checkpoint(directory, step=step, model=training.model)
        return _run(
            training,
            interval=ReportInterval(),
            callbacks=[run_callbacks.FiniteWeights(record.options)],
            start_step=max(step, 0),
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
    if step is None:
        run_callbacks.tell(f"{run_dir} has no checkpoint yet and begins anew")
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
    training: _Training,
    *,
    interval: ReportInterval,
    callbacks: Sequence[tf.keras.callbacks.Callback],
    start_step: int,
    stop_request: Callable[[], int | None],
) -> int:
    """Trains from a step on; returns the status that `train` returns."""
    options, model, strategy = training.record.options, training.model, training.strategy
    callbacks = tf.keras.callbacks.CallbackList(list(callbacks), model=model, steps=options.steps)
    elements = _distribute(training.dataset, options, strategy=strategy, start_step=start_step)
    iterator = iter(elements)
    run_steps = compile_steps(model, strategy, jit=options.jit)
    step = start_step
    callbacks.on_train_begin({"step": step})
    # A signal that any worker got stops all of them, after the same step.
    while not (stop := training.workers.largest(stop_request() or 0)) and step < options.steps:
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
    return FINISHED if step >= options.steps else 128 + stop


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
    step_function = model.train_step
    if jit:
        step_function = tf.function(model.train_step, jit_compile=True, autograph=False)

    def one_step(batch):
        scalars = step_function(batch)
        names[:] = list(scalars)  # while tracing
        return tf.stack([tf.cast(value, tf.float32) for value in scalars.values()])

    @tf.function(autograph=False, reduce_retracing=True)
    def steps_in_graph(iterator, num_steps):
        def next_step(index, rows):
            values = strategy.run(one_step, args=(iterator.get_next(),))
            values = strategy.reduce(tf.distribute.ReduceOp.MEAN, values, axis=None)
            return index + 1, rows.write(index, values)

        rows = tf.TensorArray(tf.float32, size=num_steps)
        _, rows = tf.while_loop(lambda index, _: index < num_steps, next_step, (0, rows))
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

    def own_batches(context):
        num_own = context.num_replicas_in_sync // context.num_input_pipelines
        first = context.input_pipeline_id * num_own
        return batches(
            dataset,
            batch_size=options.batch_size,
            seed=options.seed,
            start_step=start_step,
            num_replicas=context.num_replicas_in_sync,
            own_replicas=range(first, first + num_own),
        )

    return strategy.distribute_datasets_from_function(own_batches)


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
