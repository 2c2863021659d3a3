"""Reads metric files, <run_dir>/metrics/step-N/<metric>[-<protocol>].json."""

import json
import pathlib
import re
from collections.abc import Mapping

from ibgan_tf.reporting.records import Measurement, Procedure, is_number

_STEP = re.compile(r"step-(\d+)")
_PROCEDURE = ("protocol", "settings", "representation", "batch_norm_statistics")
# What a file says of the measuring itself; everything else in it is a detail of the result.
_ABOUT = {
    *_PROCEDURE,
    *("metric", "score", "seed", "seconds", "step", "codes_sha256", "weights_sha256"),
    *("data_source", "versions", "details", "model", "dataset", "images_per_second"),
}


def files(run_dir: pathlib.Path) -> list[pathlib.Path]:
    """Returns the JSON files below a run's metrics/step-N, by step and name.

    Args:
        run_dir: the run directory.

    Returns:
        paths: none if there is no such folder.
    """
    folders = [path for path in (run_dir / "metrics").glob("step-*") if _STEP.fullmatch(path.name)]
    folders.sort(key=lambda path: int(path.name.removeprefix("step-")))
    return [path for folder in folders for path in sorted(folder.glob("*.json"))]


def read(path: pathlib.Path) -> Measurement | None:
    """Returns what a metric file says.

    Args:
        path: a file that `files` returned.

    Returns:
        measurement: or None for a JSON object that names neither a metric nor a score, such as
            notes on the table of codes.

    Raises:
        ValueError: it is not JSON, or not a metric's.
        OSError: it can't be read.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise ValueError(f"A metric file must be JSON. Received: {error}.") from error
    if not isinstance(values, dict):
        raise ValueError(f"A metric file must hold an object. Received: {str(values)[:40]}.")
    if "metric" not in values and "score" not in values:
        return None
    _check(values, step=_step_of(path))
    if values["metric"] == "information":  # which didn't say so at first
        values.setdefault("batch_norm_statistics", "training")
    return Measurement(
        procedure=Procedure(
            metric=values["metric"],
            **{name: str(values.get(name) or "") for name in _PROCEDURE},
            data_source=describe_source(values.get("data_source")),
        ),
        step=_step_of(path),
        seed=values.get("seed"),
        score=values["score"],
        seconds=values.get("seconds") if is_number(values.get("seconds")) else None,
        versions=_mapping(values.get("versions")),
        details={name: value for name, value in values.items() if name not in _ABOUT}
        | _mapping(values.get("details")),
        path=path,
        representation=str(values.get("representation") or ""),
    )


def describe_source(source: object) -> str:
    """Returns where data came from in a few words: "rendered, sha256 5559f11b".

    Args:
        source: {"source": ..., "sha256": ...}, or anything else from a damaged file.

    Returns:
        text: "" if it isn't known.
    """
    values = _mapping(source)
    digest = f"sha256 {str(values['sha256'])[:8]}" if values.get("sha256") else ""
    return ", ".join(str(part) for part in (values.get("source"), digest) if part)


def _step_of(path: pathlib.Path) -> int:
    """Returns the step in the name of a metric file's folder."""
    return int(_STEP.fullmatch(path.parent.name)[1])


def _check(values: Mapping[str, object], *, step: int) -> None:
    """Refuses a file without a metric's name, with a score that is no number or another step."""
    metric, score, saved = values.get("metric"), values.get("score"), values.get("step", step)
    if not isinstance(metric, str) or not metric:
        raise ValueError(f"metric must be a name. Received: metric={metric!r}.")
    if "score" not in values or not (score is None or is_number(score)):
        received = repr(score) if "score" in values else "none"
        raise ValueError(f"score must be a finite number or null. Received: score={received}.")
    if type(saved) is not int or saved != step:
        raise ValueError(f"step must be that of the folder, {step}. Received: step={saved!r}.")


def _mapping(value: object) -> dict[str, object]:
    """Returns a JSON object as it is, and nothing for anything else."""
    return dict(value) if isinstance(value, Mapping) else {}
