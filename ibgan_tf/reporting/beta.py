"""What beta does to the bounds and the score, over runs that differ in it and their seed alone."""

import statistics
from collections.abc import Callable, Sequence

from ibgan_tf import config
from ibgan_tf.reporting import information, numbers, scores, tables
from ibgan_tf.reporting.blocks import Cell, Table
from ibgan_tf.reporting.grouping import SWEPT
from ibgan_tf.reporting.records import Procedure, ReportedRun

OVER_RUN: dict[str, Callable[[Sequence[float]], float]] = {
    "last value": lambda values: values[-1],
    "median over the run": statistics.median,
}


def beta_table(runs: Sequence[ReportedRun], procedure: Procedure | None) -> Table:
    """Returns bounds and score for each beta: at the end of a run, and as its median over steps.

    Args:
        runs: a sweep.
        procedure: of the score, or None to leave it out.

    Returns:
        table: a row for each beta.
    """
    shown = quantities(procedure)
    shown = {name: v for name, v in shown.items() if any(map(v, runs))}
    rows = []
    for beta in sorted({float(run.settings[SWEPT]) for run in runs}):
        own = [run for run in runs if run.settings[SWEPT] == beta]
        cells = [Cell(config.to_text(beta)), Cell(numbers.whole(len(own)))]
        for values in shown.values():
            for over_run in OVER_RUN.values():
                found = [over_run(list(values(run).values())) for run in own if values(run)]
                cells.append(tables.spread_cell([[value] for value in found], usual=len(own)))
        rows.append(cells)
    titles = [Cell(name, part) for name in shown for part in OVER_RUN]
    header = [Cell("beta"), Cell("Seeds"), *titles]
    caption = f"{tables.OVER_SEEDS} Runs of {numbers.whole(runs[0].last_step)} steps."
    return Table(header=header, rows=rows, numeric=[True] * len(header), caption=caption)


def quantities(
    procedure: Procedure | None,
) -> dict[str, Callable[[ReportedRun], dict[int, float]]]:
    """Returns what Figure 3 shows: name -> function of a run that returns step -> value."""
    found: dict[str, Callable[[ReportedRun], dict[int, float]]] = {
        "I^U (nats)": lambda run: information.logged(run, information.UPPER),
        "I^L (nats)": lambda run: information.logged(run, information.LOWER),
    }
    if procedure is not None:
        found[scores.title(procedure.metric)] = lambda run: scores.series(run, procedure)
    return found
