"""Opens a trained run: its model with its weights, its record and its data set."""

import dataclasses
import functools
import logging
import os
import pathlib
from typing import Any

from ibgan_tf.runs import checkpoints, record, weights
from ibgan_tf.runs.record import RunRecord

CHECKPOINTS_FOLDER = "checkpoints"


@dataclasses.dataclass(kw_only=True)
class Run:
    """A trained run.

    Attributes:
        model: the model of MODELS that the run trained, with the weights of `step`.
        config: what the run was asked for.
        run_dir: the run directory.
        step: the training steps that the weights have had.
        data_dir: the folder of the data, or None for the user's cache.
    """

    model: Any
    config: RunRecord
    run_dir: pathlib.Path
    step: int
    data_dir: str | os.PathLike[str] | None = None

    @functools.cached_property
    def dataset(self) -> Any:
        """The data set of DATASETS that the run was trained on, opened when first asked for."""
        from ibgan_tf.data import DATASETS

        settings = self.config.dataset_settings
        values = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings)}
        dataset = DATASETS[self.config.dataset](data_dir=self.data_dir, **values)
        recorded = self.config.data_source
        if recorded.get("sha256") not in (None, dataset.sha256):
            logging.getLogger(__name__).warning(
                "%s was trained on %s data of hash %s; here they are %s, of hash %s.",
                self.run_dir,
                recorded.get("source"),
                recorded["sha256"],
                dataset.source,
                dataset.sha256,
            )
        return dataset


def load_run(
    run_dir: str | os.PathLike[str],
    *,
    step: int | str = "last",
    data_dir: str | os.PathLike[str] | None = None,
) -> Run:
    """Returns a trained run, from its folder alone.

    A run that is being trained can be loaded too: nothing is locked and nothing written.

    Args:
        run_dir: the run directory.
        step: a step that has a checkpoint or a snapshot of weights; "last" for the newest.
        data_dir: the folder of the data, if it isn't in the user's cache.

    Returns:
        The run. Its data set is opened when it is asked for.

    Raises:
        FileNotFoundError: `run_dir` holds no run, or the run no weights (of that step).
        ValueError: the record or the weights are damaged, or don't fit this version's model.
    """
    from ibgan_tf.data import DATASETS
    from ibgan_tf.models import MODELS

    saved = record.read_record(run_dir, models=MODELS, datasets=DATASETS)
    candidates = _candidates(run_dir, step)
    model = MODELS[saved.model](
        saved.model_config,
        saved.image_shape,
        seed=saved.options.seed,
        precision=saved.options.precision,
    )
    restored = _restore(run_dir, model, candidates)
    return Run(
        model=model,
        config=saved,
        run_dir=pathlib.Path(run_dir),
        step=restored,
        data_dir=data_dir,
    )


def loadable_steps(run_dir: str | os.PathLike[str]) -> list[int]:
    """Returns the steps that have a checkpoint or a snapshot of weights, ascending.

    Args:
        run_dir: the run directory.

    Returns:
        Steps; none if the run has neither.
    """
    in_checkpoints = checkpoints.checkpoint_steps(pathlib.Path(run_dir) / CHECKPOINTS_FOLDER)
    return sorted({*in_checkpoints, *weights.saved_steps(run_dir)})


def _candidates(run_dir: str | os.PathLike[str], step: int | str) -> list[int]:
    """Returns the steps to try, the best first: those that have a checkpoint or weights."""
    steps = loadable_steps(run_dir)[::-1]
    if not steps:
        raise FileNotFoundError(
            f"A run must have a checkpoint or weights to be loaded. Received: run_dir={run_dir}. "
            f"Train it with: python scripts/train.py --resume --run_dir={run_dir}"
        )
    if step == "last":
        return steps
    if step not in steps:
        raise FileNotFoundError(
            f"step must be 'last' or one of {steps[::-1]}. Received: step={step!r}, "
            f"run_dir={run_dir}."
        )
    return [step]


def _restore(run_dir: str | os.PathLike[str], model: Any, steps: list[int]) -> int:
    """Gives the model the weights of the first step whose files are intact; returns the step."""
    directory = pathlib.Path(run_dir) / CHECKPOINTS_FOLDER
    for step in steps:
        damage = "it is gone"  # a trainer may remove it meanwhile
        if step in checkpoints.checkpoint_steps(directory):
            damage = checkpoints.find_damage(directory, step=step)
            if damage is None:
                try:
                    checkpoints.read_checkpoint(directory, step=step, model=model)
                    return step
                except FileNotFoundError:
                    damage = "it was removed meanwhile"
        if step in weights.saved_steps(run_dir):
            weights.load_networks(run_dir, model.networks(), step=step)
            model.step.assign(step)
            return step
        logging.getLogger(__name__).warning(
            "The checkpoint of step %d in %s is damaged (%s): skipped.", step, run_dir, damage
        )
    raise ValueError(
        f"The files of at least one step must be intact. Received: run_dir={run_dir}, where those "
        f"of steps {steps} are damaged or gone."
    )
