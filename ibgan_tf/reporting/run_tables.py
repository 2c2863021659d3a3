"""Tables with a row for each score of one run, for each procedure, or for each run."""

import statistics
from collections.abc import Mapping, Sequence

from ibgan_tf.reporting import numbers, scores
from ibgan_tf.reporting.blocks import Cell, Table
from ibgan_tf.reporting.records import Procedure, ReportedRun, is_number


def run_score_table(run: ReportedRun, procedures: Sequence[Procedure]) -> Table | None:
    """Returns the scores of one run: the last, the median and the best of its steps.

    Args:
        run: the run.
        procedures: how scores were measured; those that the run doesn't have are left out.

    Returns:
        table: None if it has none of them.
    """
    rows = []
    for procedure in procedures:
        series = scores.series(run, procedure)
        if not series:
            continue
        last, best = max(series), scores.best_step(run, procedure)
        note = ", ".join(filter(None, (procedure.protocol, procedure.settings)))
        median = numbers.number(statistics.median(series.values())) if len(series) > 1 else None
        rows.append(
            [
                Cell(scores.title(procedure.metric), note or numbers.NOT_RECORDED),
                _score_at(run, procedure, last),
                Cell(median or numbers.NONE),
                _score_at(run, procedure, best),
                Cell(numbers.whole(len(series))),
            ]
        )
    header = ["Score", "Last", "Median over steps", "Best, optimistic", "Steps measured"]
    numeric = [False, True, True, True, True]
    return Table(header=list(map(Cell, header)), rows=rows, numeric=numeric) if rows else None


def _score_at(run: ReportedRun, procedure: Procedure, step: int | None) -> Cell:
    """Returns the score at a step, with the step; a dash for None."""
    if step is None:
        return Cell(numbers.NONE)
    own = scores.values(run, procedure)[step]
    seeds = f", {numbers.plural(len(own), 'metric seed')}" if len(own) > 1 else ""
    return Cell(numbers.number(statistics.fmean(own)), f"at step {numbers.whole(step)}{seeds}")


def procedure_table(runs: Sequence[ReportedRun], procedures: Sequence[Procedure]) -> Table:
    """Returns how each score was measured: a row for each procedure."""
    header = ["Score", "Protocol", "Settings", "Codes", "BatchNorm statistics", "Images"]
    header += ["Metric seeds", "Seconds", "Versions"]
    rows = []
    for procedure in procedures:
        files = scores.measurements(runs, procedure)
        seconds = [measured.seconds for measured in files if measured.seconds is not None]
        texts = [
            scores.title(procedure.metric),
            procedure.protocol,
            procedure.settings,
            _codes(runs, procedure),
            procedure.batch_norm_statistics,
            procedure.data_source,
            ", ".join(map(str, sorted({m.seed for m in files if type(m.seed) is int}))),
            numbers.number(statistics.fmean(seconds)) if seconds else "",
            "; ".join(dict.fromkeys(_versions(measured.versions) for measured in files)),
        ]
        rows.append([Cell(text or numbers.NOT_RECORDED) for text in texts])
    numeric = [name == "Seconds" for name in header]
    return _without_repetition(Table(header=list(map(Cell, header)), rows=rows, numeric=numeric))


def _codes(runs: Sequence[ReportedRun], procedure: Procedure) -> str:
    """Returns the codes of a procedure, of each model where they have several names."""
    found = {
        (run.model, measured.representation): f"{measured.representation} of {run.model}"
        for run in runs
        for measured in run.measurements
        if measured.procedure == procedure
    }
    names = {representation for _, representation in found}
    return procedure.representation if len(names) < 2 else ", ".join(sorted(found.values()))


def runs_table(runs: Sequence[ReportedRun]) -> Table:
    """Returns what each run was and what it was computed with: a row for each run."""
    header = ["Run", "Model and preset", "Data", "Seed", "Steps", "Hours", "Computed on", "Code"]
    rows = []
    for run in runs:
        planned = run.settings.get("steps")
        of = f"of {numbers.whole(planned)}" if type(planned) is int and not run.done else ""
        hours = numbers.NONE if run.hours is None else f"{run.hours:.1f}"
        rows.append(
            [
                Cell(run.name),
                Cell(run.model, run.preset),
                Cell(run.dataset, run.data_source),
                Cell(numbers.NONE if run.seed is None else str(run.seed)),
                Cell(numbers.whole(run.last_step), of),
                Cell(hours),
                Cell(_each(run, _hardware) or numbers.NOT_RECORDED),
                Cell(_each(run, _commit) or numbers.NOT_RECORDED, _each(run, _segment_versions)),
            ]
        )
    numeric = [name in ("Seed", "Steps", "Hours") for name in header]
    caption = "Hours of training by the speed in each row of the log, without pauses."
    return _without_repetition(
        Table(header=list(map(Cell, header)), rows=rows, numeric=numeric, caption=caption)
    )


def commands_table(runs: Sequence[ReportedRun]) -> Table | None:
    """Returns the commands that began and resumed each run; None if none is recorded."""
    rows = [
        [Cell(run.name), Cell(numbers.whole(step)), Cell(str(segment["command"]))]
        for run in runs
        for segment in run.segments
        if segment.get("command") and type(step := segment.get("step")) is int
    ]
    header = [Cell("Run"), Cell("From step"), Cell("Command")]
    return Table(header=header, rows=rows, numeric=[False, True, False]) if rows else None


def _without_repetition(table: Table) -> Table:
    """Returns a table with the columns whose cells are all the same told in the caption.

    The first column stays, and so does all of a table of one row.
    """
    shown, told = [0], []
    for place in range(1, len(table.header)):
        cells = {row[place] for row in table.rows}
        if len(table.rows) > 1 and len(cells) == 1:
            cell = cells.pop()
            value = f"{cell.text} ({cell.note})" if cell.note else cell.text
            told.append(f"{table.header[place].text}: {value}")
        else:
            shown.append(place)
    same = f"The same in every row. {'; '.join(told)}." if told else ""
    return Table(
        header=[table.header[place] for place in shown],
        rows=[[row[place] for place in shown] for row in table.rows],
        numeric=[table.numeric[place] for place in shown],
        caption=" ".join(filter(None, (table.caption, same))),
    )


def _each(run: ReportedRun, describe) -> str:
    """Returns a description of each segment of a run, each text once."""
    texts = [describe(segment) for segment in run.segments]
    return "; ".join(dict.fromkeys(text for text in texts if text))


def _hardware(segment: Mapping[str, object]) -> str:
    """Returns what a segment was computed on."""
    devices = segment.get("devices")
    gpus = [str(d) for d in devices if d != "CPU"] if isinstance(devices, list) else []
    threads = segment.get("threads")
    count = f", {numbers.plural(threads, 'thread')}" if is_number(threads) else ""
    return ", ".join([*gpus, f"{segment.get('cpu') or 'CPU'}{count}"])


def _commit(segment: Mapping[str, object]) -> str:
    """Returns the commit of a segment in short, with the mark of changed files."""
    commit, _, dirty = str(segment.get("commit") or "").partition("-")
    return f"commit {commit[:10]}{'-' + dirty if dirty else ''}" if commit else ""


def _segment_versions(segment: Mapping[str, object]) -> str:
    """Returns the versions that a segment was computed with."""
    versions = segment.get("versions")
    return _versions(versions) if isinstance(versions, Mapping) else ""


def _versions(versions: Mapping[str, object]) -> str:
    """Returns versions in one line: "numpy 2.4.6, tensorflow 2.21.0"."""
    return ", ".join(f"{name} {version}" for name, version in versions.items() if version)
