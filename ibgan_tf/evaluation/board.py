"""Scores in TensorBoard, with the run's settings as HParams so that runs compare."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from ibgan_tf.evaluation.scores import tag
from ibgan_tf.runs.load import Run


def write_to_tensorboard(
    run_dir: pathlib.Path, run: Run, results: Sequence[dict[str, Any]]
) -> None:
    """Writes scores as scalars of their step, and the run's settings as HParams.

    Args:
        run_dir: the run directory; the events go to its folder metrics/events.
        run: the run that was scored.
        results: of `evaluate_run`.
    """
    settings = {
        "model": run.config.model,
        "dataset": run.config.dataset,
        **dataclasses.asdict(run.config.options),
        **dataclasses.asdict(run.config.dataset_settings),
        **dataclasses.asdict(run.config.model_config),
    }
    plain = {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in settings.items()
    }
    writer = tf.summary.create_file_writer(str(run_dir / "metrics" / "events"))
    with writer.as_default(step=run.step):
        hparams.hparams(plain, trial_id=run_dir.resolve().name)
        for result in results:
            tf.summary.scalar(tag(result), result["score"])
    writer.close()
