"""Tables of the information bounds: as measured after training, and as logged during it."""

from collections.abc import Mapping, Sequence

from ibgan_tf.reporting import numbers, scores, tables
from ibgan_tf.reporting.blocks import Cell, Table
from ibgan_tf.reporting.grouping import Group
from ibgan_tf.reporting.records import Measurement, ReportedRun, is_number

UPPER, LOWER = "information_upper_bound", "information_lower_bound"
_BOUNDS = {
    UPPER: Cell("I^U", "nats"),
    LOWER: Cell("I^L", "nats, unit variance"),
    "information_lower_bound_fitted": Cell("I^L", "nats, fitted variance"),
}
_OF_WHAT = (
    "I^U is E KL(e(r|z) || m(r)) where noise is encoded, and E KL(q(z|x) || p(z)) over real images "
    "for a VAE; I^L is of the noise, or of an InfoGAN's codes: only models of one kind compare."
)
_GAP = Cell("I^U \N{MINUS SIGN} I^L", "nats, unit variance")
_MORE_INFORMATION = {"active_dimensions": Cell("Active dimensions")}


def measured_information_tables(groups: Sequence[Group]) -> list[Table]:
    """Returns the information bounds that were measured after training, one table a procedure."""
    runs = [run for group in groups for run in group.runs]
    found = {m.procedure for run in runs for m in run.measurements}
    found_tables = []
    for procedure in sorted(p for p in found if p.metric == scores.INFORMATION):
        files = scores.measurements(runs, procedure)
        columns = [
            tables.Column(
                header=header,
                values=lambda run, p=procedure, name=name: scores.values(run, p, name=name),
            )
            for name, header in {**_BOUNDS, "gap": _GAP, **_MORE_INFORMATION}.items()
        ]
        sizes = sorted({m.details["num_samples"] for m in files if _is_count(m, "num_samples")})
        samples = f", {' or '.join(map(numbers.whole, sizes))} samples" if sizes else ""
        caption = (
            f"Measured after training{samples} ({tables.procedure_text(procedure)}). "
            f"{_OF_WHAT} {tables.data_text(groups)}. {tables.OVER_SEEDS}"
        )
        found_tables.append(tables.grouped_table(groups, columns, caption))
    return [table for table in found_tables if table is not None]


def logged_information_table(groups: Sequence[Group]) -> Table | None:
    """Returns the information bounds in the last row of each log; None if no log has one."""
    columns = [
        tables.Column(header=header, values=lambda run, key=key: _last(logged(run, key)))
        for key, header in _BOUNDS.items()
    ]
    caption = (
        "The last row of each log, a mean over the batches of one reporting interval. "
        f"{_OF_WHAT} {tables.data_text(groups)}. {tables.OVER_SEEDS}"
    )
    return tables.grouped_table(
        groups, [*columns, tables.Column(header=_GAP, values=_last_gap)], caption
    )


def logged(run: ReportedRun, key: str) -> dict[int, float]:
    """Returns a scalar of a run's log: step -> finite value."""
    return {row["step"]: float(row[key]) for row in run.rows if is_number(row.get(key))}


def _is_count(measured: Measurement, name: str) -> bool:
    """Says whether a detail is a whole number."""
    return type(measured.details.get(name)) is int


def _last(values: Mapping[int, float]) -> dict[int, list[float]]:
    """Returns the last of the values."""
    return {step: [values[step]] for step in list(values)[-1:]}


def _last_gap(run: ReportedRun) -> dict[int, list[float]]:
    """Returns the gap between the bounds in the last row that has both."""
    upper, lower = logged(run, UPPER), logged(run, LOWER)
    return _last({step: upper[step] - lower[step] for step in upper if step in lower})
