"""Scores of tables of codes: of a file's (`scripts/evaluate.py --codes`), a run's, an export's."""

import json
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ibgan_tf import registry
from ibgan_tf.data import DATASETS
from ibgan_tf.evaluation import choosing, codes, scores
from ibgan_tf.metrics import METRICS
from ibgan_tf.metrics.protocols import check_seed


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
        metrics: names in METRICS, or "all" for all of these: codes alone have no others.
        protocols, settings, seed, data_dir: as of `evaluate.evaluate_run`.

    Returns:
        results: one per metric and protocol.

    Raises:
        FileExistsError: output_dir has scores of other codes.
        FileNotFoundError: a file is missing.
        ValueError: a name is unknown, or the codes can't be scored.
    """
    check_asked(metrics, protocols, seed=seed)
    data = registry.lookup(DATASETS, dataset, kind="dataset")(data_dir)
    table = codes.file_codes(path, data, indices_path=indices)
    _check_same_codes(output_dir, table.provenance)
    return evaluate_table(
        table,
        data,
        output_dir=output_dir,
        metrics=metrics,
        protocols=protocols,
        settings=settings,
        seed=seed,
    )


def evaluate_table(
    table: codes.CodeTable,
    dataset: Any,
    *,
    output_dir: pathlib.Path,
    metrics: Sequence[str] = ("all",),
    protocols: Sequence[str] = (scores.DEFAULT_PROTOCOL,),
    settings: str = "full",
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Scores a table of codes, writes <output_dir>/<metric>.json and shows the scores.

    Args:
        table: the codes.
        dataset: gives the factors.
        output_dir: made if it is missing.
        metrics: as of `code_metrics`.
        protocols, settings, seed: as of `evaluate.evaluate_run`.

    Returns:
        results: one per metric and protocol.

    Raises:
        ValueError: a name is unknown, or the codes can't be scored.
    """
    names, left_out = check_asked(metrics, protocols, seed=seed, dataset=dataset)
    found = []
    for result in score_table(
        table, dataset, names, protocols=protocols, settings=settings, seed=seed
    ):
        scores.write_result(output_dir, result)
        found.append(result)
    print(scores.table_text(found))
    if left_out:
        print(choosing.left_out_text(left_out))
    return found


def score_table(
    table: codes.CodeTable,
    dataset: Any,
    names: Sequence[str],
    *,
    protocols: Sequence[str],
    settings: str,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Yields the results of metrics on a table of codes.

    Args:
        table: the codes.
        dataset: gives the factors.
        names: of metrics in METRICS.
        protocols: names, or "all"; of them each metric has its own that are for so many factors.
        settings: "full" or "fast".
        seed: of the metrics' randomness.
    """
    for name in dict.fromkeys(names):
        own = _own_protocols(name, protocols)
        own = [protocol for protocol in own if scores.misfit(name, protocol, dataset) is None]
        yield from scores.score_codes(
            table, dataset, [name], settings=settings, protocols=own, seed=seed
        )


def check_asked(
    metrics: Sequence[str], protocols: Sequence[str], *, seed: int, dataset: Any = None
) -> tuple[list[str], dict[str, str]]:
    """Returns what is asked of codes, checked before they are read or made.

    Args:
        metrics, protocols, seed: as of `evaluate_codes`.
        dataset: as of `left_out_protocols`.

    Returns:
        names: as of `code_metrics`.
        left_out: as of `left_out_protocols`.

    Raises:
        ValueError: as of `left_out_protocols`, or the seed is negative.
    """
    names = code_metrics(metrics)
    left_out = left_out_protocols(names, protocols, asked=metrics, dataset=dataset)
    check_seed(seed)
    return names, left_out


def code_metrics(metrics: Sequence[str]) -> list[str]:
    """Returns the metrics in METRICS that names stand for, "all" for all of these.

    Raises:
        ValueError: a name is unknown, or is of a metric that needs more than codes.
    """
    known = {name: (name,) for name in METRICS}
    known |= dict.fromkeys(("all", "disentanglement"), tuple(METRICS))
    return [own for name in metrics for own in registry.lookup(known, name, kind="metric")]


def left_out_protocols(
    names: Sequence[str], protocols: Sequence[str], *, asked: Sequence[str], dataset: Any = None
) -> dict[str, str]:
    """Returns what metrics can't have of some protocols, with the reason.

    Args:
        names: of metrics in METRICS; others are passed over.
        protocols: names, or "all".
        asked: the metrics as they were asked for: by their own names, or by a group's.
        dataset: that the codes are of, or None to check the names alone.

    Returns:
        left_out: a metric that has none of the protocols, or a metric and a protocol that isn't for
            so many factors -> the reason.

    Raises:
        ValueError: a protocol is unknown, or such a metric was asked for by its own name; with
            "all" protocols those that it can have are enough.
    """
    scores.check_protocols(protocols)
    left_out = {}
    for name in [name for name in METRICS if name in names]:
        known, own = scores.protocols_of(name), _own_protocols(name, protocols)
        if not own:
            if name in asked:
                raise ValueError(
                    f"protocols of metric {name!r} must be among: {', '.join(known)}. "
                    f"Received: {', '.join(protocols)}."
                )
            left_out[name] = f"Its protocols are: {', '.join(known)}."
        for protocol in own:
            why = scores.misfit(name, protocol, dataset)
            if why is not None and name in asked and protocol in protocols:
                raise ValueError(f"{name} by {protocol} can't be computed. {why}")
            if why is not None:
                left_out[f"{name} by {protocol}"] = why
    return left_out


def _check_same_codes(output_dir: pathlib.Path, provenance: Mapping[str, Any]) -> None:
    """Refuses a folder with scores of other codes, which would be mixed with these or replaced."""
    names = ("codes_sha256", "indices_sha256")
    for path in sorted(output_dir.glob("*.json")):
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:  # damaged, or no result
            continue
        if not isinstance(known, dict) or "codes_file" not in known:
            continue
        if any(known.get(name) != provenance.get(name) for name in names):
            raise FileExistsError(
                "output_dir must be empty or hold scores of the same codes. "
                f"Received: output_dir={output_dir}, where {path.name} is of other ones of "
                f"{known['codes_file']}. Choose another --output_dir"
            )


def _own_protocols(name: str, protocols: Sequence[str]) -> list[str]:
    """Returns those of the protocols that a metric has, each once; all of its own for "all"."""
    known = scores.protocols_of(name)
    if list(protocols) == ["all"]:
        return known
    return [protocol for protocol in dict.fromkeys(protocols) if protocol in known]
