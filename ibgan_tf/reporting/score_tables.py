"""Tables with a row for each score and a column for each group of runs."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from ibgan_tf.reporting import numbers, scores, tables
from ibgan_tf.reporting.blocks import Cell, Table
from ibgan_tf.reporting.grouping import Group
from ibgan_tf.reporting.records import Measurement, Procedure, ReportedRun, is_number

_VOTES = "factor_accuracy"  # of FactorVAE's score, for each factor
MAX_COLUMNS = 8  # of numbers, in one table: as many as fit a page
_CAPTION = (
    "Mean \N{PLUS-MINUS SIGN} standard deviation of the sample over training seeds, each run at "
    "the last step it was measured at."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Row:
    """One quantity.

    Attributes:
        labels: what stands at the left.
        values: of a run: step -> a number for each seed of the metric, ascending steps.
    """

    labels: Sequence[Cell]
    values: Callable[[ReportedRun], Mapping[int, Sequence[float]]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Column:
    """The runs of a group that reached the same last step.

    Attributes:
        header: what they are.
        step: that step.
        runs: the group's runs.
        count: how many of them were measured last at this step.
    """

    header: Cell
    step: int
    runs: Sequence[ReportedRun]
    count: int


def score_tables(groups: Sequence[Group], procedures: Sequence[Procedure]) -> list[Table]:
    """Returns the scores of groups of one data set, a row for each procedure.

    Args:
        groups: of one data set.
        procedures: how scores were measured, in the order of the rows.

    Returns:
        tables: one, or as many as are needed for columns that fit a page; none without scores.
    """
    shown = tables.measured(groups, procedures)
    names = tables.telling(shown)
    rows = [
        _Row(
            labels=[
                Cell(scores.title(procedure.metric)),
                *map(Cell, tables.told(procedure, names)),
            ],
            values=lambda run, procedure=procedure: scores.values(run, procedure),
        )
        for procedure in shown
    ]
    return _tables(groups, ["Score", *names.values()], rows, tables.shared_text(shown))


def detail_tables(groups: Sequence[Group], procedures: Sequence[Procedure]) -> list[Table]:
    """Returns the numbers that metric files have beside the score: a row for each number.

    Args:
        groups: of one data set.
        procedures: how scores were measured, in the order of the rows.

    Returns:
        tables: as those of `score_tables`.
    """
    runs = [run for group in groups for run in group.runs]
    shown = tables.measured(groups, procedures)
    names = tables.telling(shown)
    rows = []
    for procedure in shown:
        files = scores.measurements(runs, procedure)
        found = dict.fromkeys(name for m in files for name in m.numbers() if name != "score")
        for name in found:
            title = [Cell(scores.title(procedure.metric)), Cell(name.replace("_", " "))]
            rows.append(
                _Row(
                    labels=[*title, *map(Cell, tables.told(procedure, names))],
                    values=lambda run, p=procedure, n=name: scores.values(run, p, name=n),
                )
            )
    return _tables(groups, ["Score", "Number", *names.values()], rows, tables.shared_text(shown))


def factor_tables(groups: Sequence[Group], procedures: Sequence[Procedure]) -> list[Table]:
    """Returns the part of each factor's votes that the FactorVAE score counts as right.

    Args:
        groups: of one data set.
        procedures: how scores were measured; the first one that has such parts is taken.

    Returns:
        tables: a row for each factor; as those of `score_tables`.
    """
    for procedure in tables.measured(groups, procedures):
        names = _factors(groups, procedure)
        if not names:
            continue
        rows = [
            _Row(
                labels=[Cell(name.replace("_", " "))],
                values=lambda run, p=procedure, place=place: _votes_right(run, p, place),
            )
            for place, name in enumerate(names)
        ]
        what = f"The part of each factor's votes that is right. {tables.procedure_text(procedure)}."
        return _tables(groups, ["Factor"], rows, what)
    return []


def _factors(groups: Sequence[Group], procedure: Procedure) -> list[str]:
    """Returns the factors that measurements have votes of, the same in all; [] for none."""
    runs = [run for group in groups for run in group.runs]
    files = scores.measurements(runs, procedure)
    found = [measured.details.get("factor_names") for measured in files if _has_votes(measured)]
    return found[0] if found and all(names == found[0] for names in found) else []


def _has_votes(measured: Measurement) -> bool:
    """Says whether a metric file has a number for each factor's votes."""
    names, parts = (measured.details.get(name) for name in ("factor_names", _VOTES))
    both = isinstance(names, list) and isinstance(parts, list)
    return both and len(names) == len(parts) and all(map(is_number, parts))


def _votes_right(run: ReportedRun, procedure: Procedure, place: int) -> dict[int, list[float]]:
    """Returns the part of a factor's votes: step -> a number for each seed of the metric."""
    found: dict[int, list[float]] = {}
    for measured in scores.measurements([run], procedure):
        if _has_votes(measured):
            found.setdefault(measured.step, []).append(measured.details[_VOTES][place])
    return found


def _tables(
    groups: Sequence[Group], header: Sequence[str], rows: Sequence[_Row], same: str
) -> list[Table]:
    """Returns the rows, as many columns in a table as fit."""
    columns = [column for group in groups for column in _columns(group, rows)]
    found = []
    for start in range(0, len(columns), MAX_COLUMNS):
        part = columns[start : start + MAX_COLUMNS]
        cells = [[_cell(row, column) for column in part] for row in rows]
        found.append(
            Table(
                header=[*map(Cell, header), *(column.header for column in part)],
                rows=[
                    [*row.labels, *own]
                    for row, own in zip(rows, cells, strict=True)
                    if any(cell.text != numbers.NONE for cell in own)
                ],
                numeric=[*[False] * len(header), *[True] * len(part)],
                caption=f"{tables.data_text(groups)}. {_CAPTION} {same}",
            )
        )
    return found


def _columns(group: Group, rows: Sequence[_Row]) -> list[_Column]:
    """Returns a column for each last step of a group's runs, the latest first."""
    lasts = [_last(run, row) for row in rows for run in group.runs]
    columns = []
    for step in sorted({step for step in lasts if step is not None}, reverse=True):
        count = max(sum(_last(run, row) == step for run in group.runs) for row in rows)
        notes = [group.text, f"step {numbers.whole(step)}", numbers.plural(count, "seed")]
        header = Cell(group.model, "; ".join(filter(None, notes)))
        columns.append(_Column(header=header, step=step, runs=group.runs, count=count))
    return columns


def _cell(row: _Row, column: _Column) -> Cell:
    """Returns a quantity of a column's runs; those that reached another last step are left out."""
    own = [run for run in column.runs if _last(run, row) == column.step]
    return tables.spread_cell([row.values(run)[column.step] for run in own], usual=column.count)


def _last(run: ReportedRun, row: _Row) -> int | None:
    """Returns the last step that a run has a quantity of."""
    return max(row.values(run), default=None)
