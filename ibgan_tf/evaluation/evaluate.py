"""`scripts/evaluate.py` as functions: runs and files in, result files and a table out."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

from ibgan_tf import registry
from ibgan_tf.data import DATASETS
from ibgan_tf.evaluation import codes, scores
from ibgan_tf.evaluation.board import write_to_tensorboard
from ibgan_tf.runs.load import load_run, loadable_steps

INFORMATION = "information"  # needs the model, not only its codes


def evaluate_run(
    run_dir: str | os.PathLike[str],
    *,
    step: int | str = "last",
    metrics: Sequence[str] = ("all",),
    protocols: Sequence[str] = (scores.DEFAULT_PROTOCOL,),
    settings: str = "full",
    seed: int = 0,
    representation: str | None = None,
    statistics: str = "training",
    data_dir: str | None = None,
) -> list[dict[str, Any]]:
    """Scores a run's weights and writes metrics/step-N/<metric>.json into its folder.

    Args:
        run_dir: the run directory.
        step: a step, "last", or "all" for every checkpoint and snapshot.
        metrics: names, "information" among them, or "all".
        protocols: names, or "all" for every protocol that a metric has.
        settings: "full" or "fast" sample sizes.
        seed: of the metrics' randomness.
        representation: which codes of the model; its first if None.
        statistics: of BatchNorm, "training" or "real_images".
        data_dir: folder of the data, or None for the user's cache.

    Returns:
        results: one per metric, protocol and step.
    """
    with_information = "all" in metrics or INFORMATION in metrics
    names = scores.choose_metrics([name for name in metrics if name != INFORMATION])
    scores.check_protocols(protocols)
    results = []
    for number in loadable_steps(run_dir) if step == "all" else [step]:
        run = load_run(run_dir, step=number, data_dir=data_dir)
        folder = codes.metrics_folder(run_dir, run.step)
        found = []
        if with_information and hasattr(run.model, "noise_prior"):
            found.append(scores.information_of_run(run, seed=seed))
            scores.write_result(folder, found[-1])
        if names:
            table = codes.run_codes(run, representation=representation, statistics=statistics)
            found += _score(
                table,
                run.dataset,
                names,
                protocols=protocols,
                settings=settings,
                seed=seed,
                folder=folder,
            )
        print(f"\n{run_dir}, step {run.step}, data: {run.dataset.source}")
        print(scores.table_text(found), flush=True)
        write_to_tensorboard(pathlib.Path(run_dir), run, found)
        results += found
    return results


def evaluate_codes(
    path: str | os.PathLike[str],
    *,
    dataset: str,
    output_dir: pathlib.Path,
    indices: str | None = None,
    metrics: Sequence[str] = ("all",),
    protocols: Sequence[str] = (scores.DEFAULT_PROTOCOL,),
    settings: str = "full",
    seed: int = 0,
    data_dir: str | None = None,
) -> list[dict[str, Any]]:
    """Scores a file of codes and writes <output_dir>/<metric>.json.

    Args:
        path: an .npy file, [n, code_dim].
        dataset: the name in DATASETS of the set that the images are from.
        output_dir: made if it is missing.
        indices: an .npy file of whole numbers [n], for codes of a sample of the images.
        metrics, protocols, settings, seed, data_dir: as of `evaluate_run`.

    Returns:
        results: one per metric and protocol.
    """
    names = scores.choose_metrics(metrics)
    scores.check_protocols(protocols)
    images = registry.lookup(DATASETS, dataset, kind="dataset")(data_dir)
    table = codes.file_codes(path, images, indices_path=indices)
    found = _score(
        table,
        images,
        names,
        protocols=protocols,
        settings=settings,
        seed=seed,
        folder=output_dir,
    )
    print(scores.table_text(found))
    return found


def _score(table, dataset, names, *, protocols, settings, seed, folder) -> list[dict[str, Any]]:
    """Returns the results, each written as soon as it is there."""
    found = []
    for name in names:
        own = scores.protocols_of(name) if list(protocols) == ["all"] else protocols
        for result in scores.score_codes(
            table, dataset, [name], settings=settings, protocols=own, seed=seed
        ):
            scores.write_result(folder, result)
            found.append(result)
    return found
