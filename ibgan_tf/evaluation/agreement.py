"""UDR over several runs: how well each agrees with the others, without factors."""

import hashlib
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ibgan_tf import config
from ibgan_tf.evaluation import bounds, codes, scores
from ibgan_tf.evaluation.board import write_to_tensorboard
from ibgan_tf.metrics.udr import udr
from ibgan_tf.runs.load import Run, load_run

NUM_IMAGES = 10_000  # of which the metric draws its own
_KL_IMAGES = 10_000


def evaluate_agreement(
    run_dirs: Sequence[str | os.PathLike[str]],
    *,
    step: int | str = "last",
    protocol: str = "lasso",
    settings: str = "full",
    seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
) -> list[dict[str, Any]]:
    """Scores runs by their agreement and writes metrics/step-N/udr-<...>.json into each.

    A result's settings name the models that were compared: "full-3_models-1a2b3c4d".

    Args:
        run_dirs: two or more runs on the same images.
        step: of every run.
        protocol: "lasso" or "spearman".
        settings: "full" or "fast".
        seed: of the choice of images.
        data_dir: folder of the data, or None for the user's cache.

    Returns:
        results: one for each run, in their order.

    Raises:
        ValueError: there are fewer than two runs, one is given twice, they have other images, or
            one can't encode.
    """
    if len(run_dirs) < 2:
        raise ValueError(f"UDR must have two runs or more. Received: {len(run_dirs)}.")
    check_different(run_dirs)
    began = time.monotonic()
    runs = [load_run(path, step=step, data_dir=data_dir) for path in run_dirs]
    _check_same_images(runs)
    tables = [codes.run_codes(run, num_images=NUM_IMAGES) for run in runs]
    found = udr(
        [table.codes for table in tables],
        [_dimension_kl(run) for run in runs],
        seed=seed,
        protocol=protocol,
        settings=settings,
    )
    seconds = time.monotonic() - began
    names = run_names(run_dirs)
    compared = compared_models([table.provenance["weights_sha256"] for table in tables])
    pairwise = np.array(found["pairwise"])  # [i, j]: how far i agrees with j
    results = []
    for number, (run, table) in enumerate(zip(runs, tables, strict=True)):
        own = {
            "score": found["score"][number],
            "agreement": {
                name: float(pairwise[other, number])
                for other, name in enumerate(names)
                if other != number
            },
            "informative_dims": found["informative_dims"][number],
            "num_points": found["num_points"],
            "settings": f"{found['settings']}-{compared}",
            **{name: found[name] for name in ("protocol", "seed")},
        }
        provenance = {k: v for k, v in table.provenance.items() if k != "num_images"}
        result = scores.as_result("udr", own, provenance, seconds=seconds, dataset=run.dataset)
        scores.write_result(codes.metrics_folder(run.run_dir, run.step), result)
        write_to_tensorboard(run.run_dir, run, [result])
        results.append(result)
    return results


def check_different(run_dirs: Sequence[str | os.PathLike[str]]) -> None:
    """Checks that no run is given twice, of which one would be compared with itself.

    Args:
        run_dirs: of the runs.

    Raises:
        ValueError: two paths lead to one folder.
    """
    known = {}
    for path in run_dirs:
        folder = os.path.realpath(path)
        if folder in known:
            raise ValueError(
                "The runs must be in different folders: give each once. "
                f"Received: {known[folder]} and {path}."
            )
        known[folder] = path


def compared_models(weights: Sequence[str]) -> str:
    """Returns what tells the scores among some models from those among others: how many, a hash.

    Args:
        weights: the hash of each model's weights.
    """
    digest = hashlib.sha256("".join(sorted(weights)).encode()).hexdigest()
    return f"{len(weights)}_models-{digest[:8]}"


def run_names(run_dirs: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Returns names that tell runs apart: of their folders, or the paths where two have one."""
    paths = [os.path.abspath(path) for path in run_dirs]
    names = [os.path.basename(path) for path in paths]
    return names if len(set(names)) == len(set(paths)) else paths


def _check_same_images(runs: Sequence[Run]) -> None:
    def images_of(run: Run) -> str:
        settings = config.to_json(run.config.dataset_settings)
        text = ", ".join(f"{name}={config.to_text(value)}" for name, value in settings.items())
        return f"{run.dataset.name} ({text or run.dataset.source}, sha256 {run.dataset.sha256[:8]})"

    for run in runs[1:]:
        if images_of(run) != images_of(runs[0]):
            raise ValueError(
                "The runs' codes must be of the same images. Received: "
                f"{images_of(runs[0])} in {runs[0].run_dir}, {images_of(run)} in {run.run_dir}."
            )


def _dimension_kl(run: Run) -> np.ndarray:
    """Returns the KL of each dimension of a run's first codes, nats, [code_dim].

    Of q(z|x) it is the mean over real images, as in disentanglement_lib.
    """
    if bounds.kind_of(run.model) == "posterior":
        found = bounds.of_posterior(run.model, run.dataset, num_samples=_KL_IMAGES, seed=0)
        return np.asarray(found["dimension_kl"])
    if not hasattr(run.model, "dimension_kl"):
        raise ValueError(
            "UDR must have models that know the KL of each code dimension. "
            f"Received: model={run.config.model!r} in {run.run_dir}."
        )
    return np.asarray(run.model.dimension_kl())
