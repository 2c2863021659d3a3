"""Tables with a row for each group of runs: means and standard deviations over their seeds."""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from ibgan_tf.reporting import grouping, numbers, scores
from ibgan_tf.reporting.blocks import Cell, Table
from ibgan_tf.reporting.grouping import Group
from ibgan_tf.reporting.records import Procedure, ReportedRun

OVER_SEEDS = (
    "Mean \N{PLUS-MINUS SIGN} standard deviation of the sample over training seeds; "
    "Seeds is their number."
)


# What may tell procedures of one metric apart beside the protocol, and what it is called.
_WHERE_SEVERAL = {
    "settings": "Settings",
    "representation": "Codes",
    "batch_norm_statistics": "BatchNorm statistics",
    "data_source": "Images",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """One quantity.

    Attributes:
        header: its name.
        values: of a run: step -> a number for each seed of the metric, ascending steps.
    """

    header: Cell
    values: Callable[[ReportedRun], Mapping[int, Sequence[float]]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Beside:
    """A column at the right.

    Attributes:
        header: its name.
        cell: of a group, and of the values of each column in the row: for each run, a number for
            each seed of the metric; none where nothing was measured.
        numeric: whether the cells are numbers.
    """

    header: Cell
    cell: Callable[[Group, Sequence[Sequence[Sequence[float]]]], Cell]
    numeric: bool = False


def grouped_table(
    groups: Sequence[Group],
    columns: Sequence[Column],
    caption: str,
    *,
    beside: Sequence[Beside] = (),
    steps_of_others: bool = False,
) -> Table | None:
    """Returns the quantities of groups, each at the last step it was measured at.

    Runs whose last steps differ are never averaged: each step has a row of its own.

    Args:
        groups: of one data set.
        columns: what to show; those that no run has are left out.
        caption: what the numbers are.
        beside: what stands at the right of these.
        steps_of_others: a group measured at the last step of another has a row for that one, too.

    Returns:
        table: None if no run has any of the quantities.
    """
    runs = [run for group in groups for run in group.runs]
    columns = [column for column in columns if any(column.values(run) for run in runs)]
    with_settings = any(group.settings for group in groups)
    lasts = {max(own) for column in columns for run in runs if (own := column.values(run))}
    rows = []
    for group in groups:
        for step, values in _values(group, columns, also=lasts if steps_of_others else ()):
            count = max(map(len, values))
            cells = [Cell(group.model)]
            if with_settings:
                cells.append(Cell(group.label or numbers.NONE))
            cells += [Cell(numbers.whole(step)), Cell(numbers.whole(count))]
            cells += [spread_cell(own, usual=count) for own in values]
            rows.append([*cells, *(other.cell(group, values) for other in beside)])
    if not rows:
        return None
    names = ["Model", *(["Settings"] if with_settings else []), "Step", "Seeds"]
    texts = 2 if with_settings else 1
    return Table(
        header=[
            *map(Cell, names),
            *(column.header for column in columns),
            *(other.header for other in beside),
        ],
        rows=rows,
        numeric=[
            *[False] * texts,
            *[True] * (2 + len(columns)),
            *(other.numeric for other in beside),
        ],
        caption=caption,
    )


def settings_tables(groups: Sequence[Group]) -> list[Table]:
    """Returns what the names of abbreviated groups stand for: a table for each model that has some.

    Args:
        groups: of one data set.

    Returns:
        tables: a row for each name, with what isn't as in most groups.
    """
    tables = []
    for model in dict.fromkeys(group.model for group in groups if group.abbreviated):
        own = [group for group in groups if group.model == model]
        usual = grouping.usual_settings(own)
        texts = [grouping.settings_text(grouping.changes(group, usual)) for group in own]
        rows = [
            [Cell(model), Cell(group.label), Cell(text or numbers.NONE)]
            for group, text in zip(own, texts, strict=True)
        ]
        header = [Cell("Model"), Cell("Settings"), Cell("Not as in most")]
        caption = f"In most: {grouping.settings_text(usual)}."
        tables.append(Table(header=header, rows=rows, numeric=[False] * 3, caption=caption))
    return tables


def procedure_text(procedure: Procedure) -> str:
    """Returns how a score was measured, in one line."""
    known = {
        "protocol": procedure.protocol,
        "settings": procedure.settings,
        "codes": procedure.representation,
        "BatchNorm statistics": procedure.batch_norm_statistics,
        "images": procedure.data_source,
    }
    parts = [f"{name} {value}" for name, value in known.items() if value]
    return f"{scores.title(procedure.metric)}: {'; '.join(parts) or 'protocol not recorded'}"


def spread_cell(values: Sequence[Sequence[float]], *, usual: int) -> Cell:
    """Returns the mean and spread of runs' numbers.

    Args:
        values: for each run, a number for each seed of the metric; may be empty.
        usual: the number of runs that the row states; another is told in the cell.

    Returns:
        cell: a dash if there are no values.
    """
    if not values:
        return Cell(numbers.NONE)
    found = scores.spread(values)
    notes = [numbers.metric_spread_text(found)]
    notes.append(f"of {numbers.plural(found.count, 'seed')}" if found.count != usual else "")
    return Cell(numbers.spread_text(found), "; ".join(note for note in notes if note))


def _values(
    group: Group, columns: Sequence[Column], *, also: Collection[int]
) -> Iterator[tuple[int, list[list[Sequence[float]]]]]:
    """Yields the steps of a group's rows, the latest first, with the values of each column.

    Args:
        group: of runs.
        columns: what is shown.
        also: steps to show beside the last one of each run and column, where it was measured.

    Yields:
        step: of a row.
        values: of each column: for each run that has it, a number for each seed of the metric.
    """
    steps: dict[int, list[list[Sequence[float]]]] = {}
    for place, column in enumerate(columns):
        for run in group.runs:
            found = column.values(run)
            for step in found:
                if step == max(found) or step in also:
                    steps.setdefault(step, [[] for _ in columns])[place].append(found[step])
    yield from sorted(steps.items(), reverse=True)


def score_columns(groups: Sequence[Group], procedures: Sequence[Procedure]) -> list[Column]:
    """Returns the columns of the scores that groups have.

    Args:
        groups: of one data set.
        procedures: how scores were measured.

    Returns:
        columns: the note of each header says what tells it from the others.
    """
    shown = measured(groups, procedures)
    names = telling(shown)
    return [
        Column(
            header=Cell(scores.title(procedure.metric), ", ".join(told(procedure, names))),
            values=lambda run, procedure=procedure: scores.values(run, procedure),
        )
        for procedure in shown
    ]


def measured(groups: Sequence[Group], procedures: Sequence[Procedure]) -> list[Procedure]:
    """Returns the procedures that a group has a measurement of."""
    runs = [run for group in groups for run in group.runs]
    return [procedure for procedure in procedures if scores.measurements(runs, procedure)]


def telling(procedures: Sequence[Procedure]) -> dict[str, str]:
    """Returns what tells procedures apart: attribute -> what it is called. The protocol does."""
    several = {
        name: called
        for name, called in _WHERE_SEVERAL.items()
        if len({getattr(procedure, name) for procedure in procedures}) > 1
    }
    return {"protocol": "Protocol"} | several


def told(procedure: Procedure, names: Iterable[str]) -> list[str]:
    """Returns attributes of a procedure as texts."""
    absent = dict.fromkeys(names, numbers.NOT_RECORDED)
    if procedure.metric == scores.INFORMATION:  # of the model itself, not of a table of codes
        absent["representation"] = numbers.NONE
    return [getattr(procedure, name) or absent[name] for name in names]


def shared_text(procedures: Sequence[Procedure]) -> str:
    """Returns what isn't told because all procedures share it, as a sentence; "" for none."""
    if not procedures:
        return ""
    names = telling(procedures)
    shared = [name for name in _WHERE_SEVERAL if name not in names]
    parts = [
        f"{_WHERE_SEVERAL[name]}: {text}"
        for name, text in zip(shared, told(procedures[0], shared), strict=True)
    ]
    return f"{'; '.join(parts)}." if parts else ""


def data_text(groups: Sequence[Group]) -> str:
    """Returns what the groups were trained on."""
    return f"Trained on {groups[0].dataset} ({groups[0].data_source or 'source not recorded'})"
