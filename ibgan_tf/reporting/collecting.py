"""Reads run directories. What is damaged is named and left out: the rest makes the report."""

import os
import pathlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ibgan_tf import mistakes
from ibgan_tf.reporting import measurements, usual_codes
from ibgan_tf.reporting.records import Collection, Problem, ReportedRun
from ibgan_tf.runs import environment, log, record

T = TypeVar("T")

# Settings that older records don't have, with the values that they then had.
_ADDED_LATER: dict[str, dict[str, float]] = {
    "ibgan": {
        "beta_start": 0.0,
        "beta_hold_steps": 0,
        "beta_steps": 0,
        "learning_rate_end": 1.0,
        "learning_rate_hold_steps": 0,
        "learning_rate_steps": 0,
    },
    "gan": {"generator_updates": 1},
    "infogan": {"generator_updates": 1},
}
# What a GAN's epsilon of none stands for; older records have the number.
_OWN_EPSILONS = {"rmsprop": 1e-16, "adam": 1e-8}


def collect(run_dirs: Sequence[str | os.PathLike[str]]) -> Collection:
    """Returns what the directories hold.

    Args:
        run_dirs: run directories, and folders of these such as a sweep's; what is neither is
            named among the problems.

    Returns:
        Runs in the order given, each once.

    Raises:
        ValueError: none is a run.
    """
    given = [inner for path in run_dirs for inner in _runs_in(pathlib.Path(path))]
    paths = list({path.resolve(): path for path in given}.values())
    problems: list[Problem] = []
    runs = []
    for path, name in zip(paths, _names(paths), strict=True):
        run = _attempt(problems, path, lambda p=path, n=name: _read_run(p, n, problems), None)
        if run is not None:
            runs.append(run)
    if not runs:
        first = f" The first one: {problems[0].text}" if problems else ""
        raise ValueError(
            "At least one of the folders must be a run. "
            f"Received: {', '.join(map(str, paths)) or 'none'}.{first}"
        )
    runs = usual_codes.with_common_names(runs)
    return Collection(runs=tuple(runs), problems=(*problems, *_repetitions(runs)))


def _runs_in(path: pathlib.Path) -> list[pathlib.Path]:
    """Returns the runs of a folder that is no run but holds some, and any other path as it is."""
    inner = sorted(record_path.parent for record_path in path.glob(f"*/{record.RECORD_FILE}"))
    return inner if inner and not (path / record.RECORD_FILE).exists() else [path]


def _names(paths: Sequence[pathlib.Path]) -> list[str]:
    """Returns each folder's own name, or its whole path where another has the same name."""
    counts = Counter(path.resolve().name for path in paths)
    return [
        path.resolve().name if counts[path.resolve().name] == 1 else str(path) for path in paths
    ]


def _attempt(problems: list[Problem], path: pathlib.Path, read: Callable[[], T], otherwise: T) -> T:
    """Returns what a function reads; notes its error and returns `otherwise` if it fails."""
    try:
        return read()
    except (OSError, ValueError, TypeError) as error:
        problems.append(Problem(path=path, text=mistakes.one_line(error)))
        return otherwise


def _read_run(path: pathlib.Path, name: str, problems: list[Problem]) -> ReportedRun:
    """Returns one run; its config.json must be sound, of the rest as much as can be read."""
    values = record.read_values(path)
    for part in ("dataset_settings", "options", "model_config", "data_source"):
        if not isinstance(values[part], dict):
            raise ValueError(
                f"{path / record.RECORD_FILE} must have {part} as names and values. "
                f"Received: {part}={values[part]!r}."
            )
    rows = _attempt(problems, path / log.LOG_FILE, lambda: log.read_rows(path), [])
    segments = _attempt(
        problems,
        path / environment.ENVIRONMENT_FILE,
        lambda: environment.read_segments(path),
        [],
    )
    measured = []
    for file in measurements.files(path):
        one = _attempt(problems, file, lambda f=file: measurements.read(f), None)
        if one is not None:
            measured.append(one)
    return ReportedRun(
        name=name,
        path=path,
        **{key: str(values[key]) for key in ("model", "dataset", "preset")},
        data_source=measurements.describe_source(values["data_source"]),
        settings=values["dataset_settings"]
        | values["options"]
        | _ADDED_LATER.get(values["model"], {})
        | _with_epsilon(values["model_config"]),
        rows=tuple(row for row in rows if _has_step(row)),
        measurements=tuple(measured),
        segments=tuple(segment for segment in segments if isinstance(segment, dict)),
        done=(path / "DONE").exists(),
    )


def _with_epsilon(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a model's settings with the number that an epsilon of none stands for."""
    if settings.get("epsilon", 0.0) is not None:
        return dict(settings)
    return {**settings, "epsilon": _OWN_EPSILONS.get(settings.get("optimizer"))}


def _has_step(row: Any) -> bool:
    """Says whether a line of the log is a row with a step."""
    return isinstance(row, Mapping) and type(row.get("step")) is int


def _repetitions(runs: Sequence[ReportedRun]) -> list[Problem]:
    """Returns a doubt for each run that has the settings and the seed of one before it."""
    seen: list[ReportedRun] = []
    doubts = []
    for run in runs:
        for other in seen:
            if _identity(run) == _identity(other):
                text = (
                    f"it has the settings and the seed of {other.name}; a copy of the same run "
                    "must be left out, or the standard deviations are too small"
                )
                doubts.append(Problem(path=run.path, text=text))
                break
        seen.append(run)
    return doubts


def _identity(run: ReportedRun) -> tuple[object, ...]:
    """Returns what two repetitions of one run share."""
    return run.model, run.dataset, run.data_source, run.seed, run.compared_settings()
