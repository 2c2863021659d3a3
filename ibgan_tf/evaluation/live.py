"""Scores of a model while it trains: cheap metrics, fast settings, a sample of the images."""

import os
from typing import Any

from ibgan_tf.data.base import FactorDataset
from ibgan_tf.evaluation import codes, scores

METRICS_IN_TRAINING = ("factor_vae", "beta_vae", "mig", "modularity")
NUM_IMAGES = 20_000


def check(model: Any, dataset: Any, *, name: str) -> None:
    """Checks that a model can be scored while it trains.

    Args:
        model: the model, or its class.
        dataset: that it is to train on.
        name: the model's name.

    Raises:
        ValueError: it can't encode images, or the data set has no factors.
    """
    why = None
    if not getattr(model, "representations", None):
        why = f"model={name!r}, which can't encode images"
    elif not hasattr(dataset, "factors"):
        why = f"dataset={getattr(dataset, 'name', None)!r}, which has no factors"
    if why is not None:
        raise ValueError(
            "evaluate_every must be 0 where there are no codes and factors to score. "
            f"Received: {why}."
        )


def evaluate_model(
    model: Any,
    dataset: FactorDataset,
    *,
    name: str,
    step: int,
    run_dir: str | os.PathLike[str],
) -> list[dict[str, Any]]:
    """Scores a model as it is, and writes metrics/step-N/<metric>-fast-....json.

    Nothing of the model changes, and no random stream: the codes are the first of the model's
    representations, of always the same images.

    Args:
        model: that trains.
        dataset: with factors.
        name: the model's name in MODELS.
        step: the training steps that it has had.
        run_dir: the run directory.

    Returns:
        results: as of `scores.score_codes`, one for each of METRICS_IN_TRAINING.
    """
    indices = codes.choose_images(dataset, NUM_IMAGES)
    representation = codes.choose_representation(model, None, name=name)
    table = codes.encode_table(
        model,
        dataset,
        indices,
        provenance=codes.provenance_of(
            model,
            dataset,
            indices,
            name=name,
            step=step,
            representation=representation,
            statistics="training",
        ),
    )
    results = list(scores.score_codes(table, dataset, METRICS_IN_TRAINING, settings="fast"))
    for result in results:
        scores.write_result(codes.metrics_folder(run_dir, step), result)
    return results
