"""What beta does to the bounds and the score, over runs that differ in it and their seed alone."""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ibgan_tf import config
from ibgan_tf.reporting import information, numbers, scores, tables
from ibgan_tf.reporting.blocks import Cell, Table
from ibgan_tf.reporting.grouping import SWEPT
from ibgan_tf.reporting.records import Procedure, ReportedRun

# Of the steps that a run was measured at, those whose median is shown.
OVER_RUN: dict[str, Callable[[Mapping[int, float]], tuple[int, ...]]] = {
    "last value": lambda series: (max(series),),
    "median over the run": tuple,
}
SAME_STEPS = "Runs that were measured at other steps than most are left out."


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
    columns = [points(runs, v, over_run) for v in shown.values() for over_run in OVER_RUN.values()]
    rows = []
    for beta in sorted({float(run.settings[SWEPT]) for run in runs}):
        own = [run for run in runs if run.settings[SWEPT] == beta]
        cells = [Cell(config.to_text(beta)), Cell(numbers.whole(len(own)))]
        for column in columns:
            found = [[value] for of, value in column if of == beta]
            cells.append(tables.spread_cell(found, usual=len(own)))
        rows.append(cells)
    titles = [Cell(name, part) for name in shown for part in OVER_RUN]
    header = [Cell("beta"), Cell("Seeds"), *titles]
    steps = numbers.whole(runs[0].last_step)
    caption = f"{tables.OVER_SEEDS} {SAME_STEPS} Runs of {steps} steps."
    return Table(header=header, rows=rows, numeric=[True] * len(header), caption=caption)


def points(
    runs: Sequence[ReportedRun],
    values: Callable[[ReportedRun], Mapping[int, float]],
    over_run: Callable[[Mapping[int, float]], tuple[int, ...]],
) -> list[tuple[float, float]]:
    """Returns beta and a value of each run, all over the same steps.

    Args:
        runs: a sweep.
        values: one of the quantities.
        over_run: which steps of a run count.

    Returns:
        points: (beta, median over the steps) of the runs with the usual steps.
    """
    steps = usual_steps(runs, values, over_run)
    return [
        (float(run.settings[SWEPT]), statistics.median(series[step] for step in steps))
        for run in runs
        if (series := values(run)) and over_run(series) == steps
    ]


def usual_steps(
    runs: Sequence[ReportedRun],
    values: Callable[[ReportedRun], Mapping[int, float]],
    over_run: Callable[[Mapping[int, float]], tuple[int, ...]],
) -> tuple[int, ...]:
    """Returns the steps that count in the most runs, the later ones of equals; () if none do.

    Args:
        runs, values, over_run: as of `points`.
    """
    counts = Counter(over_run(series) for run in runs if (series := values(run)))
    return max(counts, key=lambda steps: (counts[steps], steps[-1], len(steps)), default=())


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
