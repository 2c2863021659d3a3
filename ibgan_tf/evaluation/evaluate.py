"""Scores of runs: `scripts/evaluate.py --run_dir` as a function."""

import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ibgan_tf.evaluation import afterwards, choosing, code_tables, codes, images, labels, scores
from ibgan_tf.evaluation.board import write_to_tensorboard
from ibgan_tf.metrics import METRICS, inception
from ibgan_tf.metrics.protocols import check_seed
from ibgan_tf.runs.load import Run, load_run, loadable_steps


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
    num_samples: int | None = None,
    inception_path: str | os.PathLike[str] | None = None,
    inception_sha256: str | None = None,
    reconstructor: afterwards.Training | None = None,
    data_dir: str | None = None,
) -> list[dict[str, Any]]:
    """Scores a run's weights and writes metrics/step-N/<metric>.json into its folder.

    Args:
        run_dir: the run directory.
        step: a step, "last", or "all" for every checkpoint and snapshot.
        metrics: names, or those of choosing.GROUPS: of a group, what the run can't have is left
            out, and the reasons are printed.
        protocols: names, or "all" for every protocol that a metric has; those that aren't for so
            many factors are left out, and the reasons are printed.
        settings: "full" or "fast" sample sizes.
        seed: of the metrics' randomness.
        representation: which codes of the model; its first if None.
        statistics: of BatchNorm for encoding, "training" or "real_images".
        num_samples: images for the distances between images; those of the settings if None.
        inception_path: folder of Inception's SavedModel, or None for TensorFlow Hub's cache.
        inception_sha256: what its hash must be, or None for any.
        reconstructor: how to train one for a GAN, which has none; as usual if None.
        data_dir: folder of the data, or None for the user's cache.

    Returns:
        results: one per metric, protocol and step.

    Raises:
        FileNotFoundError: no run, no weights of the step, or no Inception where it was named.
        ValueError: a name is unknown, or a metric asked for by its own name can't be computed.
    """
    choosing.check_names(metrics)
    code_tables.left_out_protocols(METRICS, protocols, asked=metrics)
    check_seed(seed)
    if inception_path is not None:
        inception.find_inception(inception_path)
    results, comparisons = [], None
    for number in (loadable_steps(run_dir) or ["last"]) if step == "all" else [step]:
        run = afterwards.with_reconstructor(
            load_run(run_dir, step=number, data_dir=data_dir), reconstructor
        )
        names, left_out = choosing.choose(
            metrics,
            model=run.model,
            model_name=run.config.model,
            dataset=run.dataset,
            inception_path=inception_path,
        )
        left_out |= code_tables.left_out_protocols(
            names, protocols, asked=metrics, dataset=run.dataset
        )
        if comparisons is None:
            comparisons = images.compare_with(
                names,
                run.dataset,
                asked=metrics,
                settings=settings,
                num_samples=num_samples,
                seed=seed,
                inception_path=inception_path,
                inception_sha256=inception_sha256,
                data_dir=data_dir,
            )
        for comparison in comparisons:
            left_out |= comparison.left_out
        found = _results_of_step(
            run,
            names,
            protocols=protocols,
            settings=settings,
            seed=seed,
            representation=representation,
            statistics=statistics,
            comparisons=comparisons,
        )
        results += _keep(run, found, pathlib.Path(run_dir), left_out=left_out)
    return results


def check_possible(
    metrics: Sequence[str],
    protocols: Sequence[str],
    *,
    representation: str | None,
    inception_path: str | os.PathLike[str] | None,
    model_name: str,
    model_class: type,
    dataset_class: type,
) -> None:
    """Checks, before there is a run, that `evaluate_run` won't refuse it for what it is.

    Args:
        metrics, protocols, representation, inception_path: as of `evaluate_run`.
        model_name: in MODELS.
        model_class: of the runs.
        dataset_class: of the runs.

    Raises:
        FileNotFoundError: no Inception where it was named.
        ValueError: a name is unknown, or a metric asked for by its own name can't be computed.
    """
    code_tables.left_out_protocols(METRICS, protocols, asked=metrics, dataset=dataset_class)
    if inception_path is not None:
        inception.find_inception(inception_path)
    model = afterwards.encoder_class(model_class)
    names, _ = choosing.choose(
        metrics,
        model=model,
        model_name=model_name,
        dataset=dataset_class,
        inception_path=inception_path,
    )
    if representation is not None and set(names) & set(METRICS):
        codes.choose_representation(model, representation, name=model_name)


def _results_of_step(
    run: Run,
    names: Sequence[str],
    *,
    protocols: Sequence[str],
    settings: str,
    seed: int,
    representation: str | None,
    statistics: str,
    comparisons: Sequence[images.Comparison],
) -> Iterator[dict[str, Any]]:
    """Yields each result as soon as it is there."""
    if choosing.INFORMATION in names:
        yield scores.information_of_run(run, seed=seed, statistics=statistics)
    of_codes = [name for name in names if name in METRICS]
    if of_codes:
        table = codes.run_codes(run, representation=representation, statistics=statistics)
        yield from code_tables.score_table(
            table, run.dataset, of_codes, protocols=protocols, settings=settings, seed=seed
        )
    if choosing.ACCURACY in names:
        yield from labels.score_labels(
            run, protocols=protocols, settings=settings, seed=seed, statistics=statistics
        )
    for comparison in comparisons:
        yield from images.score_images(run, comparison)


def _keep(
    run: Run, results: Iterable[dict[str, Any]], run_dir: pathlib.Path, *, left_out: dict[str, str]
) -> list[dict[str, Any]]:
    """Writes each result at once; shows those there are, even if a later one fails."""
    found = []
    try:
        for result in results:
            scores.write_result(codes.metrics_folder(run_dir, run.step), result)
            found.append(result)
    finally:
        if found:
            print(f"\n{run_dir}, step {run.step}, data: {run.dataset.source}")
            print(scores.table_text(found))
            write_to_tensorboard(run_dir, run, found)
    if left_out:
        print(choosing.left_out_text(left_out))
    return found
