"""Reads a study: a small TOML file that describes the runs of a sweep.

    [common]                        # settings of every run, by the names of train.py's flags
    dataset = "dsprites"
    steps = 20_000
    seed = [101, 102]               # a list is an axis: a run for each value

    [[grid]]                        # all combinations of its axes; as many grids as it takes
    beta = [0, 0.25, 0.5, 0.75, 1]

    [evaluate]                      # evaluate.py's flags, for each run that is trained
    metrics = ["factor_vae", "information"]

A grid's own settings take the place of common ones, and so do those of its own table
[grid.evaluate]. Its `name` begins the names of its runs, in place of model and data set.
"""

import dataclasses
import os
import pathlib
import tomllib
from collections.abc import Mapping
from typing import Any

from ibgan_tf import config, registry
from ibgan_tf.config import setting

_COMMON, _GRID, _EVALUATE, _NAME = "common", "grid", "evaluate", "name"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What scripts/evaluate.py does with a trained run: its flags, by their names.

    Where it has a list of steps or seeds, it is called for each.

    Raises:
        ValueError: a value is out of its range, or a list is empty.
    """

    metrics: tuple[str, ...] = setting(("all",), "Names of metrics and of their groups.")
    protocols: tuple[str, ...] = setting(("disentanglement_lib",), "Names, or all.")
    settings: str = setting("full", "Sample sizes.", choices=("full", "fast"))
    step: tuple[str, ...] = setting(("last",), "Which weights: numbers, last, or all.")
    seed: tuple[int, ...] = setting((0,), "Of the metrics' own randomness.")
    representation: str | None = setting(None, "Which codes of the model.")
    statistics: str = setting(
        "training", "BatchNorm's, for encoding.", choices=("training", "real_images")
    )
    num_samples: int | None = setting(None, "Images of each kind for distances between images.")
    inception_path: str | None = setting(None, "Folder of Inception's SavedModel.")
    inception_sha256: str | None = setting(None, "What the hash of Inception's files must be.")

    def __post_init__(self) -> None:
        config.check_settings(self)
        for name in ("metrics", "protocols", "step", "seed"):
            if not getattr(self, name):
                raise ValueError(f"{name} must have one value or more. Received: {name}=[].")
        for step in self.step:
            if step not in ("last", "all") and not step.isdecimal():
                raise ValueError(
                    f"step must be a whole number, 'last' or 'all'. Received: step={step!r}."
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grid:
    """All combinations of some settings.

    Attributes:
        where: the file and the table, for messages.
        name: how the names of its runs begin, or None for the model and the data set.
        settings: name -> value, or a list of values; those of every grid first.
        evaluation: what is done with a trained run, or None.
    """

    where: str
    name: str | None
    settings: Mapping[str, object]
    evaluation: Evaluation | None


def read_study(path: str | os.PathLike[str]) -> list[Grid]:
    """Returns the grids of a study; their settings are not looked at yet.

    Args:
        path: a TOML file.

    Returns:
        One or more grids.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not TOML, has unknown tables, or an evaluation that can't be.
        TypeError: a table isn't one, or a value of an evaluation is of the wrong type.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"file must be a study, a TOML file. Received: file={path}. Those of the paper are in "
            "results/studies/."
        )
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} must be TOML. Received: {error}.") from error
    _check_tables(tables, path)
    own = tables.get(_GRID, {})
    grids = own if isinstance(own, list) else [own]
    common = tables.get(_COMMON, {})
    titles = [f"{path}, [[grid]] {number}" for number in range(1, len(grids) + 1)]
    if _GRID not in tables:
        titles = [f"{path}, [common]"]
    return [
        _grid(grid, common, tables.get(_EVALUATE), where=where)
        for grid, where in zip(grids, titles, strict=True)
    ]


def _check_tables(tables: Mapping[str, Any], path: pathlib.Path) -> None:
    """Checks the tables' names, and that each is a table, or a list of tables for grids."""
    known = (_COMMON, _GRID, _EVALUATE)
    for name, value in tables.items():
        if name not in known:
            hint = registry.suggestion(name, known)
            raise ValueError(
                f"A study must have the tables [common], [[grid]] and [evaluate], and settings in "
                f"them. Received: {name!r} in {path}.{hint}"
            )
        parts = value if isinstance(value, list) and name == _GRID else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise TypeError(f"[{name}] must be a table. Received: {name}={value!r} in {path}.")
    if not tables.get(_GRID) and not tables.get(_COMMON):
        raise ValueError(f"A study must have settings in [common] or [[grid]]. Received: {path}.")


def _grid(
    own: Mapping[str, Any],
    common: Mapping[str, Any],
    evaluate: Mapping[str, Any] | None,
    *,
    where: str,
) -> Grid:
    """Returns a grid, with the common settings that it doesn't change."""
    settings = {**common, **own}
    name = settings.pop(_NAME, None)
    own_evaluate = settings.pop(_EVALUATE, None)
    if name is not None:
        name = registry.check_file_name(str(name), kind=f"name in {where}")
    evaluation = None
    if own_evaluate is not None or evaluate is not None:
        evaluation = _evaluation({**(evaluate or {}), **(own_evaluate or {})}, where=where)
    return Grid(where=where, name=name, settings=settings, evaluation=evaluation)


def _evaluation(values: Mapping[str, Any], *, where: str) -> Evaluation:
    """Returns an evaluation; one value stands for a list of one, a number for its text."""
    lists = {"metrics", "protocols", "step", "seed"}
    plain = {
        name: [value] if name in lists and not isinstance(value, list) else value
        for name, value in values.items()
    }
    if isinstance(plain.get("step"), list):
        plain["step"] = [str(step) if type(step) is int else step for step in plain["step"]]
    try:
        return config.from_json(Evaluation, plain)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{where}, [evaluate]: {error}") from error
