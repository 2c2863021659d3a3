"""ModelCentrality over runs and their checkpoints: each model sorts the images of every other."""

import dataclasses
import os
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ibgan_tf.data.progress import progress_bar
from ibgan_tf.evaluation import agreement, bounds, codes, scores
from ibgan_tf.evaluation.board import write_to_tensorboard
from ibgan_tf.metrics import protocols
from ibgan_tf.metrics.information import ACTIVE
from ibgan_tf.metrics.model_centrality import (
    PROTOCOLS,
    GroupSizes,
    model_centrality,
    vote_accuracy,
)
from ibgan_tf.models import latents
from ibgan_tf.runs.load import Run, load_run, loadable_steps
from ibgan_tf.seeds import Draw, stateless_seed

PROTOCOL = "ibgan_tf"
_BATCH = 250
_INFORMATION_SAMPLES = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Judge:
    """A model of a run that generates from its codes and finds them in images.

    Attributes:
        run: the run.
        representation: which of the model's codes metrics are computed from.
        source: how the model generates.
        codes: the columns of the source's parts that each informative code has.
        informative: which dimensions of the representation are those of such codes, [code_dim].
    """

    run: Run
    representation: str
    source: latents.Source
    codes: Sequence[slice]
    informative: np.ndarray


def evaluate_centrality(
    run_dirs: Sequence[str | os.PathLike[str]],
    *,
    step: int | str = "last",
    first_step: int = 0,
    settings: str = "full",
    seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
) -> list[tuple[pathlib.Path, dict[str, Any]]]:
    """Scores models by ModelCentrality; writes metrics/step-N/model_centrality-<...>.json of each.

    A result's settings name the models that were compared: "full-3_models-1a2b3c4d".
    A code takes part with more than half a nat: one that sleeps could be found by chance alone.
    Models with fewer such codes than another are asked for as many, of which some can't be told:
    see `ibgan_tf.metrics.model_centrality`. Models with fewer than two agree with no other.

    Args:
        run_dirs: runs on images of one shape.
        step: of every run: a number, "last", or "all" for every checkpoint and snapshot.
        first_step: with "all", the steps before it are left out.
        settings: "full" for the paper's numbers of images, or "fast".
        seed: of the images that the models generate.
        data_dir: folder of the data, or None for the user's cache; for VAEs, whose information is
            that of real images.

    Returns:
        results: the run's folder and the result of each model, in the order of the runs and steps.

    Raises:
        FileNotFoundError: no run, or no weights of the step.
        ValueError: there are fewer than two models, a run is given twice, their images differ, or
            one can't encode.
    """
    sizes = protocols.choose(PROTOCOLS, PROTOCOL, settings)
    protocols.check_seed(seed)
    agreement.check_different(run_dirs)
    began = time.monotonic()
    runs = [
        load_run(path, step=number, data_dir=data_dir)
        for path in run_dirs
        for number in _steps(path, step, first_step)
    ]
    if len(runs) < 2:
        raise ValueError(
            f"ModelCentrality must have two models or more. Received: {len(runs)}. Give several "
            "runs, or --step=all for the checkpoints of one"
        )
    _check_same_shape(runs)
    judges = [_judge(run) for run in runs]
    found = model_centrality(_accuracies(judges, sizes, seed=seed))
    seconds = (time.monotonic() - began) / len(runs)
    names = agreement.run_names([run.run_dir for run in runs])
    labels = [f"{name}, step {run.step}" for name, run in zip(names, runs, strict=True)]
    provenances = list(map(_provenance, judges))
    compared = agreement.compared_models([own["weights_sha256"] for own in provenances])
    results = []
    for number, judge in enumerate(judges):
        own = {
            "score": found["score"][number],
            "protocol": PROTOCOL,
            "settings": f"{settings}-{compared}",
            "seed": seed,
            "similarity": {
                label: found["similarity"][number][other]
                for other, label in enumerate(labels)
                if other != number
            },
            "informative_dims": judge.informative.tolist(),
            "codes_asked_for": max(len(judge.codes) for judge in judges),
        }
        written = _write(judge.run, own, provenances[number], seconds=seconds)
        results.append((judge.run.run_dir, written))
    return results


def _steps(run_dir: str | os.PathLike[str], step: int | str, first_step: int) -> list[int | str]:
    if step != "all":
        return [step]
    steps = [number for number in loadable_steps(run_dir) if number >= first_step]
    if not steps:
        raise FileNotFoundError(
            f"A run must have a checkpoint or weights from step {first_step} on. "
            f"Received: run_dir={run_dir}."
        )
    return steps


def _check_same_shape(runs: Sequence[Run]) -> None:
    for run in runs[1:]:
        if tuple(run.config.image_shape) != tuple(runs[0].config.image_shape):
            raise ValueError(
                "The models' images must have one shape. Received: "
                f"{tuple(runs[0].config.image_shape)} in {runs[0].run_dir}, "
                f"{tuple(run.config.image_shape)} in {run.run_dir}."
            )


def _judge(run: Run) -> _Judge:
    representation = codes.choose_representation(run.model, None, name=run.config.model)
    information = bounds.of_each_code(
        run.model, run.dataset, num_samples=_INFORMATION_SAMPLES, seed=0
    )
    source = latents.traversed_source(run.model)
    columns, informative = [], []
    for part in source.parts:
        if not part.traversable:
            continue
        own = source.columns(part.name)
        active = information[part.name] > ACTIVE
        if latents.is_categorical(part):
            columns += [own] * int(active[0])
            active = np.repeat(active, part.size)
        else:
            columns += [slice(own.start + d, own.start + d + 1) for d in np.flatnonzero(active)]
        informative.append(active)
    return _Judge(
        run=run,
        representation=representation,
        source=source,
        codes=columns,
        informative=np.concatenate(informative),
    )


def _accuracies(judges: Sequence[_Judge], sizes: GroupSizes, *, seed: int) -> np.ndarray:
    """Returns A[i, j] of `model_centrality`, float64 [num_models, num_models]."""
    encoders = [_encoder(judge) for judge in judges]
    accuracies = np.zeros([len(judges), len(judges)])
    able = [len(judge.codes) >= 2 for judge in judges]
    num_shared = max(len(judge.codes) for judge in judges)  # the same for all, and so is chance
    for j in progress_bar(np.flatnonzero(able), total=sum(able), title="models"):
        shared, latent = _latent(judges[j], num_shared, sizes, seed=seed)
        for i, found in enumerate(_encode_generated(judges[j].source, latent, encoders)):
            groups = found[: len(shared) * sizes.group_size]
            accuracies[i, j] = able[i] and vote_accuracy(
                groups.reshape(len(shared), sizes.group_size, -1),
                shared,
                found[len(groups) :],
                informative=judges[i].informative,
            )
    return accuracies


def _latent(
    judge: _Judge, num_shared: int, sizes: GroupSizes, *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the code that each group shares, [votes], and all latents, groups before sample.

    Groups of the codes that the model lacks to `num_shared` share nothing.
    """
    shared = np.repeat(np.arange(num_shared), sizes.votes_per_code)
    num_grouped = len(shared) * sizes.group_size
    latent = np.array(
        latents.sample_parts(
            judge.source.parts,
            num_grouped + sizes.sample_size,
            seed=stateless_seed(seed, 0, Draw.EVALUATION),
        )
    )
    groups = latent[:num_grouped].reshape(len(shared), sizes.group_size, -1)
    for group, code in zip(groups, shared, strict=True):
        for own in judge.codes[code : code + 1]:
            group[:, own] = group[0, own]
    return shared, latent


def _encode_generated(
    source: latents.Source,
    latent: np.ndarray,
    encoders: Sequence[Callable[[tf.Tensor], tf.Tensor]],
) -> list[np.ndarray]:
    """Returns every encoder's codes of the images of latents, each [n, code_dim]."""
    generate = _traced(source.generate, [latent.shape[1]])
    found = [[] for _ in encoders]
    for first in range(0, len(latent), _BATCH):
        images = generate(tf.constant(latent[first : first + _BATCH]))
        for own, encode in zip(found, encoders, strict=True):
            own.append(encode(images).numpy())
    return [np.concatenate(own) for own in found]


def _encoder(judge: _Judge) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns images -> the codes that metrics are computed from."""
    model, kind = judge.run.model, judge.representation
    return _traced(lambda images: model.represent(images, kind), model.image_shape)


def _traced(function, shape) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the graph of a function of float32 [batch, *shape]."""
    signature = [tf.TensorSpec([None, *shape], tf.float32)]
    # Called itself, tf.function would warn that many are traced; each is, once, on purpose.
    return tf.function(function, input_signature=signature).get_concrete_function()


def _provenance(judge: _Judge) -> dict[str, Any]:
    """Returns what tells a model's codes from others, ready for JSON."""
    run = judge.run
    return codes.provenance_of(
        run.model,
        run.dataset,
        np.arange(run.dataset.size),
        name=run.config.model,
        step=run.step,
        representation=judge.representation,
        statistics="training",
    )


def _write(
    run: Run, found: dict[str, Any], provenance: dict[str, Any], *, seconds: float
) -> dict[str, Any]:
    """Writes a model's result into its run's folder, and returns it."""
    result = scores.as_result(
        "model_centrality", found, provenance, seconds=seconds, dataset=run.dataset
    )
    scores.write_result(codes.metrics_folder(run.run_dir, run.step), result)
    write_to_tensorboard(run.run_dir, run, [result])
    return result
