"""Runs that differ in nothing but their seed, and what the others differ in."""

import dataclasses
import itertools
import json
import string
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

from ibgan_tf import config
from ibgan_tf.reporting.records import ReportedRun, is_number

SWEPT = "beta"
_SCHEDULE = ("beta_start", "beta_hold_steps", "beta_steps")
MAX_NAMED = 3  # settings that differ; where there are more, groups have a preset's name, or A, ...
_MISSING = object()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Group:
    """Runs of one model on the same data with the same settings, one for each seed.

    Attributes:
        model, dataset, data_source: of all of them.
        settings: those in which this group differs from the others of its model and data set.
        label: the settings in short, "beta=0.141, encoder=wide"; where they are many the name of
            the preset, if it is told apart by that, or a letter; "" where there is no other group.
        runs: one or more.
    """

    model: str
    dataset: str
    data_source: str
    settings: Mapping[str, object]
    label: str
    runs: tuple[ReportedRun, ...]

    @property
    def abbreviated(self) -> bool:
        """Whether the label is a preset's name or a letter, for the settings are many."""
        return len(self.settings) > MAX_NAMED

    @property
    def text(self) -> str:
        """The label as it is told in a sentence: "beta=0.141" or "settings A"."""
        return f"settings {self.label}" if self.abbreviated else self.label


def families(runs: Sequence[ReportedRun]) -> list[list[ReportedRun]]:
    """Returns the runs of each model, data set and source of the data, in order of appearance."""
    return _gather(runs, lambda run: (run.model, run.dataset, run.data_source))


def group_runs(runs: Sequence[ReportedRun]) -> list[Group]:
    """Returns the groups of all runs, those of a family together and sorted by their settings.

    Args:
        runs: any runs.

    Returns:
        groups: every run is in exactly one.
    """
    groups: list[Group] = []
    letters = _letters()
    for family in families(runs):
        names = differing_settings(family)
        own = [
            Group(
                model=members[0].model,
                dataset=members[0].dataset,
                data_source=members[0].data_source,
                settings=_chosen(members[0], names),
                label=settings_text(_chosen(members[0], names)),
                runs=tuple(members),
            )
            for members in _gather(family, lambda run, names=names: _key(run, names))
        ]
        own.sort(key=lambda group: [_order(value) for value in group.settings.values()])
        if len(names) > MAX_NAMED:
            labels = _presets(own) or [next(letters) for _ in own]
            own = [
                dataclasses.replace(group, label=label)
                for group, label in zip(own, labels, strict=True)
            ]
        groups += own
    return groups


def _presets(groups: Sequence[Group]) -> list[str]:
    """Returns the preset of each group; none if that doesn't tell them apart."""
    found = [{run.preset for run in group.runs} for group in groups]
    names = [own.pop() for own in found if len(own) == 1]
    return names if len(set(names) - {""}) == len(groups) else []


def usual_settings(groups: Sequence[Group]) -> dict[str, object]:
    """Returns the value that most groups have of each setting that differs; the first of equals.

    Args:
        groups: of one family.

    Returns:
        name -> value.
    """
    usual = {}
    for name in groups[0].settings:
        values = [group.settings[name] for group in groups]
        counts = Counter(map(_text, values))
        usual[name] = max(values, key=lambda value, counts=counts: counts[_text(value)])
    return usual


def changes(group: Group, usual: Mapping[str, object]) -> dict[str, object]:
    """Returns the settings of a group that aren't the usual ones."""
    own = group.settings.items()
    return {name: value for name, value in own if _text(value) != _text(usual[name])}


def differing_settings(runs: Sequence[ReportedRun]) -> list[str]:
    """Returns the settings that aren't the same in all runs, in the order of the first run's.

    Args:
        runs: runs of one model, or they hardly have a setting in common.

    Returns:
        names: without those that don't change what is measured.
    """
    compared = [run.compared_settings() for run in runs]
    names = list(dict.fromkeys(name for settings in compared for name in settings))
    return [name for name in names if len({_text(s.get(name, _MISSING)) for s in compared}) > 1]


def common_settings(runs: Sequence[ReportedRun]) -> dict[str, object]:
    """Returns the settings that are the same in all runs."""
    different = differing_settings(runs)
    settings = runs[0].compared_settings().items()
    return {name: value for name, value in settings if name not in different}


def sweeps(runs: Sequence[ReportedRun]) -> list[list[ReportedRun]]:
    """Returns the runs that differ in beta and seed alone, where there are two values or more.

    A beta that is 0 from the first step on has no schedule: its runs belong to the sweep of each
    schedule, unless that has other runs with 0.

    Runs that have reached different steps are not compared.

    Args:
        runs: any runs.

    Returns:
        sweeps: lists of runs; each run has a number for beta.
    """
    found = []
    for family in families([run for run in runs if is_number(run.settings.get(SWEPT))]):
        for alike in _gather(family, _all_but_the_swept):
            unweighted = [run for run in alike if _is_constant_zero(run)]
            for members in _gather(alike, lambda run: _key(run, _SCHEDULE)):
                if all(run.settings[SWEPT] for run in members):
                    members = [*unweighted, *members]
                if len({run.settings[SWEPT] for run in members}) > 1:
                    found.append(members)
    return found


def settings_text(settings: Mapping[str, object]) -> str:
    """Returns settings as "name=value, name=value"."""
    return ", ".join(
        f"{name} not recorded" if value is _MISSING else f"{name}={config.to_text(value)}"
        for name, value in settings.items()
    )


def _letters() -> Iterator[str]:
    """Yields A, B, ..., Z, AA, AB, ..."""
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_uppercase, repeat=length):
            yield "".join(letters)


def _chosen(run: ReportedRun, names: Sequence[str]) -> dict[str, object]:
    """Returns some settings of a run."""
    return {name: run.settings.get(name, _MISSING) for name in names}


def _key(run: ReportedRun, names: Sequence[str]) -> tuple[str, ...]:
    """Returns what the runs of one group share."""
    return tuple(_text(value) for value in _chosen(run, names).values())


def _all_but_the_swept(run: ReportedRun) -> tuple[int, str]:
    """Returns what the runs of one sweep share, but for the schedule of beta."""
    left_out = (SWEPT, *_SCHEDULE)
    settings = {k: v for k, v in run.compared_settings().items() if k not in left_out}
    return run.last_step, _text(settings)


def _is_constant_zero(run: ReportedRun) -> bool:
    """Says whether beta is 0 from the first step on."""
    return run.settings[SWEPT] == 0 and not run.settings.get("beta_steps")


def _gather(
    runs: Sequence[ReportedRun], key: Callable[[ReportedRun], Hashable]
) -> list[list[ReportedRun]]:
    """Returns the runs with the same key together, in order of appearance."""
    gathered: dict[Hashable, list[ReportedRun]] = {}
    for run in runs:
        gathered.setdefault(key(run), []).append(run)
    return list(gathered.values())


def _text(value: object) -> str:
    """Returns a JSON value as a text that is the same for equal values: 1 is 1.0 and not true."""
    if value is _MISSING:
        return ""
    return json.dumps(_as_floats(value), sort_keys=True, default=str)


def _as_floats(value: object) -> object:
    """Returns a JSON value with its numbers as floats."""
    if isinstance(value, Mapping):
        return {name: _as_floats(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_floats(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _order(value: object) -> tuple[int, float, str]:
    """Returns what sorts a setting's values: missing, numbers by size, then texts."""
    if value is _MISSING:
        return 0, 0.0, ""
    return (1, float(value), "") if is_number(value) else (2, 0.0, _text(value))
