"""The runs of a study: every combination of its axes, named, with all mistakes told at once."""

import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_origin

from ibgan_tf import config, mistakes, registry
from ibgan_tf.runs import resolve
from ibgan_tf.runs.options import RunOptions
from ibgan_tf.sweeps.study import Evaluation, Grid

_NAMES = ("model", "dataset", "preset")
_PARTS = ("options", "model_config", "dataset_settings")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One run of a study.

    Attributes:
        name: of its folder.
        given: the settings that the study has, the flags of scripts/train.py.
        settings: every setting by its name, in JSON's types: those given and the preset's and
            default ones, with model and data set.
        evaluation: what is done with it when it is trained, or None.
    """

    name: str
    given: Mapping[str, object]
    settings: Mapping[str, object]
    evaluation: Evaluation | None


class StudyError(ValueError):
    """What is wrong with a study.

    Attributes:
        lines: a mistake each.
    """

    def __init__(self, lines: Sequence[str]):
        super().__init__(" ".join(lines))
        self.lines = tuple(lines)


def plan_runs(
    grids: Sequence[Grid], *, models: Mapping[str, Any], datasets: Mapping[str, Any]
) -> list[PlannedRun]:
    """Returns the runs of a study, those with the first value of `seed` before all others.

    Combinations that are equal in every setting are one run.

    Args:
        grids: of the study.
        models: name -> class with `config_class` and `presets`.
        datasets: name -> class with `settings_class`.

    Returns:
        One or more runs, each with a name of its own.

    Raises:
        StudyError: all that is wrong with any of the runs.
    """
    found: list[tuple[int, PlannedRun]] = []
    wrong: dict[tuple[str, str], list[str]] = {}  # (grid, mistake) -> names of runs
    lists = _list_settings(models, datasets)
    for grid in grids:
        for given, name, round_number in _combinations(grid, lists, wrong):
            try:
                settings = _resolve(given, models=models, datasets=datasets)
            except (ValueError, TypeError) as error:
                wrong.setdefault((grid.where, _text_of(error)), []).append(name)
                continue
            run = PlannedRun(name=name, given=given, settings=settings, evaluation=grid.evaluation)
            found.append((round_number, run))
    if wrong:
        raise StudyError([_told(*key, names) for key, names in wrong.items()])
    runs = [run for _, run in sorted(found, key=lambda pair: pair[0])]
    return _distinct(runs)


def check_evaluations(
    runs: Sequence[PlannedRun], *, models: Mapping[str, Any], datasets: Mapping[str, Any]
) -> None:
    """Checks that each run can have what is measured of it; imports what knows that.

    Args:
        runs: of a study.
        models, datasets: as of `plan_runs`.

    Raises:
        StudyError: a name is unknown, or a metric asked for by its own name can't be computed for
            a run's model or data set. What depends on their settings is seen only after training.
    """
    if all(run.evaluation is None for run in runs):
        return
    from ibgan_tf.evaluation import evaluate

    wrong: dict[str, list[str]] = {}  # mistake -> names of runs
    for run in runs:
        if run.evaluation is None:
            continue
        try:
            evaluate.check_possible(
                run.evaluation.metrics,
                run.evaluation.protocols,
                representation=run.evaluation.representation,
                inception_path=run.evaluation.inception_path,
                model_name=run.settings["model"],
                model_class=models[run.settings["model"]],
                dataset_class=datasets[run.settings["dataset"]],
            )
        except (ValueError, FileNotFoundError) as error:
            wrong.setdefault(mistakes.one_line(error), []).append(run.name)
    if wrong:
        raise StudyError([_told("[evaluate]", text, names) for text, names in wrong.items()])


def varying(runs: Sequence[PlannedRun]) -> list[str]:
    """Returns the settings that aren't the same in all runs, in the order of the first run's.

    Args:
        runs: of a study.

    Returns:
        names: also those that some runs don't have.
    """
    names = dict.fromkeys(name for run in runs for name in run.settings)
    return [name for name in names if len({repr(run.settings.get(name)) for run in runs}) > 1]


def _combinations(
    grid: Grid, lists: set[str], wrong: dict[tuple[str, str], list[str]]
) -> Iterator[tuple[dict[str, object], str, int]]:
    """Yields the settings of each run of a grid, its name and the place of its seed.

    Args:
        grid: of the study.
        lists: the settings that are lists themselves: an axis of theirs is a list of lists.
        wrong: gets an axis without values.
    """
    axes = {
        name: value
        for name, value in grid.settings.items()
        if isinstance(value, list)
        and (name not in lists or any(isinstance(part, list) for part in value))
    }
    for name, values in axes.items():
        if not values:
            text = f"{name} must have one value or more. Received: {name}=[]."
            wrong.setdefault((grid.where, text), []).append("")
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        given = {**grid.settings, **chosen}
        seed = given.get("seed", 0)
        round_number = axes["seed"].index(seed) if "seed" in axes else 0
        yield given, _run_name(grid.name, given, list(axes)), round_number


def _run_name(label: str | None, given: Mapping[str, object], axes: Sequence[str]) -> str:
    """Returns <label or model and data set>-<axis>_<value>-...-seed_<seed>."""
    model = given.get("model", resolve.DEFAULT_MODEL)
    if label is None:
        parts = [str(model), str(given.get("dataset"))]
    else:
        parts = [label, *(str(given[name]) for name in ("model", "dataset") if name in axes)]
    others = [name for name in axes if name not in ("model", "dataset", "seed")]
    parts += [f"{name}_{config.to_text(given[name])}" for name in others]
    parts.append(f"seed_{given.get('seed', 0)}")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(parts))


def _resolve(
    given: Mapping[str, object], *, models: Mapping[str, Any], datasets: Mapping[str, Any]
) -> dict[str, object]:
    """Returns every setting of a run, flat and in JSON's types.

    Raises:
        ValueError, TypeError: as of `resolve.resolve_run`.
    """
    _check_known(given, models, datasets)
    found = resolve.resolve_run(given, models=models, datasets=datasets)
    flat = {"model": found["model"], "dataset": found["dataset"]}
    for part in _PARTS:
        flat |= config.to_json(found[part])
    return flat


def _check_known(
    given: Mapping[str, object], models: Mapping[str, Any], datasets: Mapping[str, Any]
) -> None:
    """Refuses a setting that the run's model and data set don't have, in fewer words."""
    for name in _NAMES:
        if not isinstance(given.get(name, ""), str):
            raise TypeError(f"{name} must be a text. Received: {name}={given[name]!r}.")
    model, dataset = given.get("model", resolve.DEFAULT_MODEL), given.get("dataset")
    if model not in models or dataset not in datasets:
        return  # which is told by who looks them up
    classes = (RunOptions, models[model].config_class, datasets[dataset].settings_class)
    known = [*_NAMES, *(name for kind in classes for name in config.field_types(kind))]
    for name in given:
        if name not in known:
            raise ValueError(
                f"Unknown setting {name!r} of {model} on {dataset}."
                f"{registry.suggestion(name, known)} "
                f"See: python scripts/train.py --model={model} --dataset={dataset} --help"
            )


def _list_settings(models: Mapping[str, Any], datasets: Mapping[str, Any]) -> set[str]:
    """Returns the names of all settings that are lists."""
    classes = [RunOptions, *(model.config_class for model in models.values())]
    classes += [dataset.settings_class for dataset in datasets.values()]
    return {
        name
        for kind in classes
        for name, annotation in config.field_types(kind).items()
        if get_origin(config.split_optional(annotation)[0]) is tuple
    }


def _text_of(error: Exception) -> str:
    """Returns an error's text in one line, with a study's way to mend it in place of a flag's."""
    return re.sub(r"Add --(\w+)=\.\.\.", r"Add \1 = ... to the study.", mistakes.one_line(error))


def _told(where: str, text: str, names: Sequence[str]) -> str:
    """Returns a mistake, with the first of the runs that have it."""
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    of = f", run {names[0]}{others}" if names[0] else ""
    return f"{where}{of}: {text}"


def _distinct(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Returns the runs without repetitions; refuses one name for two.

    Raises:
        StudyError: runs with other settings have the same name, or one is to be evaluated in two
            ways.
    """
    by_name: dict[str, PlannedRun] = {}
    for run in runs:
        same = next((own for own in by_name.values() if own.settings == run.settings), None)
        if same is not None and same.evaluation != run.evaluation:
            raise StudyError(
                [
                    f"{same.name} is the run of two grids, whose [grid.evaluate] differ. Write all "
                    "that is to be measured of it into both, or into one."
                ]
            )
        if same is not None:
            continue
        if run.name in by_name:
            names = [n for n in varying([run, by_name[run.name]])]
            raise StudyError(
                [
                    f"Two runs would have the name {run.name}, and differ in {', '.join(names)}. "
                    "Give one of their grids a name: name = ..."
                ]
            )
        by_name[run.name] = run
    return list(by_name.values())
