"""Computes the scores of kept records again, from their weights, and compares."""

import dataclasses
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from ibgan_tf import mistakes
from ibgan_tf.evaluation import afterwards, choosing, codes, images, labels, scores
from ibgan_tf.metrics import METRICS
from ibgan_tf.runs import record
from ibgan_tf.runs.load import Run, load_run, loadable_steps

# Other processors round otherwise; a vote or a split on the edge then falls on its other side. More
# is allowed where some hundred votes are counted, which never are right less often than by chance;
# a MIG or a SAP of 0.02 is a score.
RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 0.01, 0.0005
ABSOLUTE_TOLERANCES = {"factor_vae": 0.005, "beta_vae": 0.005, choosing.ACCURACY: 0.005}

_OF_SEVERAL_RUNS = ("udr", "model_centrality")  # a record doesn't hold the others

SAME, DIFFERENT, SKIPPED = "same", "DIFFERENT", "not checked"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one kept result.

    Attributes:
        path: its file.
        step: of the weights.
        recorded: the kept score.
        found: the score computed again, None where it wasn't.
        verdict: SAME (within the tolerances), DIFFERENT or SKIPPED.
        note: why, or "".
    """

    path: pathlib.Path
    step: int
    recorded: float
    found: float | None
    verdict: str
    note: str = ""


class _UncheckableError(Exception):
    """A result can't be computed here; its text says why."""


def verify_results(
    results_dir: str | os.PathLike[str], *, data_dir: str | os.PathLike[str] | None = None
) -> Iterator[Verdict]:
    """Yields a verdict on each result of each record in a folder; nothing is written into it.

    Args:
        results_dir: holds records, folders with a config.json, or is one.
        data_dir: folder of the data, or None for the user's cache.

    Raises:
        FileNotFoundError: there is no record with a result.
        ValueError: a file is damaged.
    """
    found = {path: _kept_results(path) for path in _records(results_dir)}
    if not any(found.values()):
        raise FileNotFoundError(
            f"results_dir must hold records with metrics/step-N/*.json. Received: {results_dir}"
        )
    for record_dir, by_step in found.items():
        for step, kept in by_step.items():
            yield from _verify_step(record_dir, step, kept, data_dir)


def table_line(verdict: Verdict | None = None) -> str:
    """Returns a line of the table of verdicts, or without one its heading."""
    if verdict is None:
        return f"{'record':<24}{'step':>8}  {'result':<52}{'recorded':>11}{'found':>11}"
    found = "" if verdict.found is None else f"{verdict.found:.5g}"
    note = f" ({verdict.note})" if verdict.note else ""
    return (
        f"{verdict.path.parents[2].name:<24}{verdict.step:>8}  {verdict.path.stem:<52}"
        f"{verdict.recorded:>11.5g}{found:>11}  {verdict.verdict}{note}"
    )


def is_close(metric: str, recorded: float, found: float) -> bool:
    """Says whether two scores of a metric differ by rounding at most."""
    floor = ABSOLUTE_TOLERANCES.get(metric, ABSOLUTE_TOLERANCE)
    return abs(found - recorded) <= floor + RELATIVE_TOLERANCE * abs(recorded)


def _records(results_dir: str | os.PathLike[str]) -> list[pathlib.Path]:
    """Returns the records in a folder, or the folder itself if it is one."""
    folder = pathlib.Path(results_dir)
    if (folder / record.RECORD_FILE).exists():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{record.RECORD_FILE}"))


def _kept_results(record_dir: pathlib.Path) -> dict[int, dict[pathlib.Path, Mapping[str, Any]]]:
    """Returns step -> file -> result, ascending steps."""
    found: dict[int, dict[pathlib.Path, Mapping[str, Any]]] = {}
    for path in sorted(record_dir.glob("metrics/step-*/*.json")):
        if path.name.startswith("codes-"):  # notes on a table of codes
            continue
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} must be JSON. Received: {error}.") from error
        found.setdefault(values["step"], {})[path] = values
    return dict(sorted(found.items()))


def _verify_step(
    record_dir: pathlib.Path,
    step: int,
    kept: Mapping[pathlib.Path, Mapping[str, Any]],
    data_dir: str | os.PathLike[str] | None,
) -> Iterator[Verdict]:
    run, obstacle = None, "no weights of this step are kept"
    with tempfile.TemporaryDirectory() as folder:  # for the tables of codes
        if step in loadable_steps(record_dir):
            run = load_run(record_dir, step=step, data_dir=data_dir)
            run = dataclasses.replace(run, run_dir=pathlib.Path(folder))
            _copy_reconstructor(record_dir, run)
            digest = codes.weights_hash(run.model.networks())
            try:
                run.dataset  # noqa: B018 -- opened when it is first asked for
            except FileNotFoundError as error:  # images that can't be rendered, and aren't here
                run, obstacle = None, mistakes.one_line(error)
        for path, result in kept.items():
            same = {"path": path, "step": step, "recorded": result["score"]}
            if run is None:
                yield Verdict(**same, found=None, verdict=SKIPPED, note=obstacle)
                continue
            if result.get("weights_sha256", digest) != digest:
                note = "the kept weights are not those that were scored"
                yield Verdict(**same, found=None, verdict=DIFFERENT, note=note)
                continue
            try:
                found = _score_again(run, result)
            except _UncheckableError as reason:
                yield Verdict(**same, found=None, verdict=SKIPPED, note=str(reason))
                continue
            recorded_data = result["data_source"]["sha256"]
            other = "" if recorded_data == found["data_source"]["sha256"] else "on other data"
            close = is_close(result["metric"], result["score"], found["score"])
            verdict = SAME if close else DIFFERENT
            yield Verdict(**same, found=found["score"], verdict=verdict, note=other)


def _copy_reconstructor(record_dir: pathlib.Path, run: Run) -> None:
    """Copies what encodes for a GAN, if the record has it, to where the run looks for it."""
    kept = codes.metrics_folder(record_dir, run.step) / afterwards.FOLDER
    if kept.is_dir():
        shutil.copytree(kept, codes.metrics_folder(run.run_dir, run.step) / afterwards.FOLDER)


def _score_again(run: Run, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns a kept result computed anew, or raises _UncheckableError."""
    name, seed, protocol = result["metric"], result["seed"], result["protocol"]
    settings = result["settings"].partition("-")[0]  # "fast-20000_images" is "fast" of a sample
    if name in METRICS:
        recorded_reconstructor = result.get("reconstructor", {}).get("sha256")
        table = codes.run_codes(
            _with_reconstructor(run, result),
            representation=result["representation"],
            statistics=result["batch_norm_statistics"],
            num_images=result.get("num_images"),
        )
        if table.provenance.get("reconstructor", {}).get("sha256") != recorded_reconstructor:
            raise _UncheckableError("its reconstructor isn't kept, and one trained here is another")
        (found,) = scores.score_codes(
            table, run.dataset, [name], settings=settings, protocols=[protocol], seed=seed
        )
    elif name == choosing.INFORMATION:
        found = scores.information_of_run(
            run,
            num_samples=result["details"]["num_samples"],
            seed=seed,
            statistics=result.get("batch_norm_statistics", "training"),
        )
    elif name == choosing.ACCURACY:
        (found,) = labels.score_labels(
            run,
            settings=settings,
            seed=seed,
            protocols=[protocol],
            statistics=result["batch_norm_statistics"],
        )
    elif name in choosing.GROUPS["images"]:
        found = _image_score_again(run, result)
    elif name in _OF_SEVERAL_RUNS:
        raise _UncheckableError("needs other runs")
    else:
        raise _UncheckableError(f"this version has no metric {name!r}")
    return found


def _with_reconstructor(run: Run, result: Mapping[str, Any]) -> Run:
    """Returns the run, with a reconstructor trained as the result says if it needs one."""
    recorded = result.get("reconstructor")
    if recorded is None:
        return run
    names = [field.name for field in dataclasses.fields(afterwards.Training)]
    how = afterwards.Training(**{name: recorded[name] for name in names})
    return afterwards.with_reconstructor(run, how)


def _image_score_again(run: Run, result: Mapping[str, Any]) -> Mapping[str, Any]:
    name, details = result["metric"], result["details"]
    try:
        (comparison,) = images.compare_with(
            [name],
            run.dataset,
            asked=[name],
            num_samples=details["num_generated"],
            seed=result["seed"],
            data_dir=run.data_dir,
        )
    except FileNotFoundError as error:  # no Inception here
        raise _UncheckableError(mistakes.one_line(error)) from error
    if comparison.extractor.record["sha256"] != details["features_sha256"]:
        raise _UncheckableError("the features of this machine's network are others")
    (found,) = images.score_images(run, comparison)
    return found
