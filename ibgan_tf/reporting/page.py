"""What a report says, in its order: scores, information, beta, each run, how it was computed."""

import pathlib
import re
from collections.abc import Sequence

from ibgan_tf import __version__
from ibgan_tf.reporting import (
    beta,
    figures,
    grouping,
    information,
    numbers,
    published,
    run_pictures,
    run_tables,
    score_tables,
    scores,
    tables,
)
from ibgan_tf.reporting.blocks import Block, Cell, Folded, Heading, Link, Page, Paragraph, Table
from ibgan_tf.reporting.grouping import Group
from ibgan_tf.reporting.records import Collection, Problem, Procedure, ReportedRun


def build_page(
    collection: Collection, figures_dir: pathlib.Path, *, score: str | None = None
) -> tuple[Page, tuple[Problem, ...]]:
    """Draws the pictures and returns the page.

    Args:
        collection: the runs.
        figures_dir: where the pictures are written; it is made.
        score: the score of Figure 3, and whose best step is marked; as `scores.choose` takes it.

    Returns:
        page: for `markdown` and `web_page`.
        problems: those of the collection, and what couldn't be drawn.

    Raises:
        ValueError: no run has the score.
        OSError: a picture can't be written.
    """
    runs = collection.runs
    chosen = scores.choose(runs, score)
    problems = list(collection.problems)
    groups = grouping.group_runs(runs)
    blocks = [
        *_introduction(runs, chosen),
        *_scores(runs, groups),
        *_information(groups),
        *_sweeps(groups, chosen, figures_dir),
        *_samples(groups, figures_dir, problems),
        *_runs(groups, runs, chosen, figures_dir, problems),
        *_computed(runs),
    ]
    if problems:
        blocks += [Heading("Left out or doubtful"), _problem_table(problems)]
    return Page(title=_title(runs), blocks=blocks), tuple(problems)


def _title(runs: Sequence[ReportedRun]) -> str:
    """Returns the page's title."""
    models = ", ".join(dict.fromkeys(run.model for run in runs))
    datasets = ", ".join(dict.fromkeys(run.dataset for run in runs))
    return f"{numbers.plural(len(runs), 'run')} of {models} on {datasets}"


def _introduction(runs: Sequence[ReportedRun], chosen: Procedure | None) -> list[Block]:
    """Returns what the reader should know first."""
    unfinished = [run.name for run in runs if not run.done]
    text = (
        f"Written by scripts/report.py of ibgan_tf {__version__} from the records in the run "
        "directories; no number was typed by hand."
    )
    if chosen is not None:
        text += f" In the figures, the score is the {tables.procedure_text(chosen)}."
    if unfinished:
        text += f" Not done with all their steps: {', '.join(unfinished)}."
    return [Paragraph(text)]


def _scores(runs: Sequence[ReportedRun], groups: Sequence[Group]) -> list[Block]:
    """Returns the tables of scores, and how they were measured."""
    procedures = scores.procedures(runs)
    blocks: list[Block] = [Heading("Scores")]
    if not procedures:
        text = "No score was found: python scripts/evaluate.py --run_dir=... measures them."
        return [*blocks, Paragraph(text), *_settings(groups), *_details(runs, groups)]
    for own in _by_data(groups):
        blocks.append(Heading(f"On {own[0].dataset}", 3))
        blocks += published.published_tables(own, procedures)
        blocks += score_tables.factor_tables(own, procedures)
        blocks += score_tables.score_tables(own, procedures)
    measured = [run_tables.procedure_table(runs, procedures)]
    return [
        *blocks,
        *_settings(groups),
        Folded(summary="How the scores were measured", blocks=measured),
        *_details(runs, groups),
    ]


def _settings(groups: Sequence[Group]) -> list[Block]:
    """Returns what the names of abbreviated groups stand for, if there are any."""
    found = [table for own in _by_data(groups) for table in tables.settings_tables(own)]
    return [Heading("What differs in the settings", 3), *found] if found else []


def _details(runs: Sequence[ReportedRun], groups: Sequence[Group]) -> list[Block]:
    """Returns the other numbers of the metric files, folded away."""
    files = [measured for run in runs for measured in run.measurements]
    with_numbers = {measured.procedure for measured in files if measured.numbers()}
    ordered = scores.procedures(runs)
    ordered += sorted({measured.procedure for measured in files}.difference(ordered))
    detailed: list[Block] = [
        table for own in _by_data(groups) for table in score_tables.detail_tables(own, ordered)
    ]
    detailed += [
        Paragraph(f"Recorded without a number: {tables.procedure_text(procedure)}.")
        for procedure in ordered
        if procedure not in with_numbers
    ]
    return [Folded(summary="The other numbers of each metric", blocks=detailed)] if detailed else []


def _information(groups: Sequence[Group]) -> list[Block]:
    """Returns the tables of the information bounds."""
    shown: list[Block] = []
    for own in _by_data(groups):
        shown += information.measured_information_tables(own)
        logged = information.logged_information_table(own)
        shown += [logged] if logged else []
    return [Heading("Information"), *shown] if shown else []


def _sweeps(
    groups: Sequence[Group], chosen: Procedure | None, figures_dir: pathlib.Path
) -> list[Block]:
    """Returns a picture and a table for each sweep over beta."""
    blocks: list[Block] = []
    runs = [run for group in groups for run in group.runs]
    for number, sweep in enumerate(grouping.sweeps(runs), start=1):
        picture = figures.draw_sweep(sweep, chosen, figures_dir / f"beta-{number}.png")
        if picture is not None:
            blocks += [*_swept(groups, sweep), picture, beta.beta_table(sweep, chosen)]
    return [Heading("The effect of beta"), *blocks] if blocks else []


def _swept(groups: Sequence[Group], sweep: Sequence[ReportedRun]) -> list[Block]:
    """Returns which groups a sweep is of, where beta isn't all that any two groups differ in."""
    names = {run.name for run in sweep}
    swept = [group for group in groups if names & {run.name for run in group.runs}]
    if not any(set(group.settings) - {grouping.SWEPT} for group in swept):
        return []
    return [Paragraph(f"Settings {'; '.join(group.label for group in swept)}.")]


def _samples(
    groups: Sequence[Group], figures_dir: pathlib.Path, problems: list[Problem]
) -> list[Block]:
    """Returns a picture of samples for each data set that several groups have some of."""
    pictures = [
        run_pictures.draw_samples(own, figures_dir / f"samples-{number}.png", problems)
        for number, own in enumerate(_by_data(groups), start=1)
    ]
    drawn = [picture for picture in pictures if picture is not None]
    return [Heading("Samples"), *drawn] if drawn else []


def _runs(
    groups: Sequence[Group],
    runs: Sequence[ReportedRun],
    chosen: Procedure | None,
    figures_dir: pathlib.Path,
    problems: list[Problem],
) -> list[Block]:
    """Returns a part for each run: its pictures, curves, heat maps, and scores not told yet."""
    procedures = scores.procedures(runs)
    group_of = {run.name: group for group in groups for run in group.runs}
    blocks: list[Block] = [Heading("Each run")]
    for run, slug in zip(runs, _file_names(runs), strict=True):
        curves_path, matrices_path = (
            figures_dir / f"{slug}-{kind}.png" for kind in ("curves", "matrices")
        )
        group = group_of[run.name]
        untold = [
            procedure
            for procedure in procedures
            if len(group.runs) > 1 or len(scores.series(run, procedure)) > 1
        ]
        parts = [
            Paragraph(_run_text(run, group)),
            _notes(run),
            *run_pictures.traversals(run, problems),
            figures.draw_run_curves(run, procedures, chosen, curves_path),
            figures.draw_run_matrices(run, matrices_path, problems),
            run_tables.run_score_table(run, untold),
        ]
        blocks += [Heading(run.name, 3), *(part for part in parts if part is not None)]
    return blocks


def _run_text(run: ReportedRun, group: Group) -> str:
    """Returns what a run is, in a sentence."""
    settings = f", {group.text}" if group.text else ""
    return (
        f"{run.model} on {run.dataset} ({run.data_source or 'source not recorded'}), "
        f"seed {run.seed}{settings}; {numbers.whole(run.last_step)} steps."
    )


def _notes(run: ReportedRun) -> Link | None:
    """Returns where somebody wrote what can be seen of a run: the README.md of its folder."""
    path = run.path / "README.md"
    return Link("What can be seen, and why", path) if path.is_file() else None


def _computed(runs: Sequence[ReportedRun]) -> list[Block]:
    """Returns what the runs were computed with, and the settings that they share."""
    blocks: list[Block] = [Heading("How the runs were computed"), run_tables.runs_table(runs)]
    for family in grouping.families(runs):
        settings = grouping.settings_text(grouping.common_settings(family))
        of = f"{family[0].model} on {family[0].dataset} ({family[0].data_source})"
        summary = f"Settings of {of} that are the same in {numbers.plural(len(family), 'run')}"
        blocks.append(Folded(summary=summary, blocks=[Paragraph(settings)]))
    commands = run_tables.commands_table(runs)
    return [*blocks, Folded(summary="Commands", blocks=[commands])] if commands else blocks


def _problem_table(problems: Sequence[Problem]) -> Table:
    """Returns what was left out and why."""
    return Table(
        header=[Cell("File or folder"), Cell("Why")],
        rows=[[Cell(str(problem.path)), Cell(problem.text)] for problem in problems],
        numeric=[False, False],
    )


def _by_data(groups: Sequence[Group]) -> list[list[Group]]:
    """Returns the groups of each data set and source together."""
    gathered: dict[tuple[str, str], list[Group]] = {}
    for group in groups:
        gathered.setdefault((group.dataset, group.data_source), []).append(group)
    return list(gathered.values())


def _file_names(runs: Sequence[ReportedRun]) -> list[str]:
    """Returns a name for the files of each run, fit for any system and unlike the others."""
    names: list[str] = []
    for run in runs:
        stem = name = re.sub(r"[^A-Za-z0-9._-]+", "-", run.name).strip("-.") or "run"
        number = 1
        while name in names:
            number += 1
            name = f"{stem}-{number}"
        names.append(name)
    return names
