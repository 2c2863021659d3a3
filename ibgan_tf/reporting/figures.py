"""Draws the pictures of a report and says under each what it shows."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ibgan_tf.plotting import curves, heat_maps, score_curves, sweeps
from ibgan_tf.reporting import beta, numbers, scores, tables
from ibgan_tf.reporting.blocks import Picture
from ibgan_tf.reporting.records import Measurement, Problem, Procedure, ReportedRun

# Title of a heat map -> the details that hold it, under the first name that there is.
MATRICES = {
    "Mutual information (nats)": ("mutual_information", "information"),
    "DCI importance": ("importance", "importances"),
}

_MOST_LINES = 10  # beyond that, one of each metric


def draw_run_curves(
    run: ReportedRun,
    procedures: Sequence[Procedure],
    chosen: Procedure | None,
    path: pathlib.Path,
) -> Picture | None:
    """Draws scores, bounds and each KL of a run over its steps: the paper's Figure 4.

    Args:
        run: the run.
        procedures: how scores were measured.
        chosen: that whose best step is marked.
        path: the PNG to write.

    Returns:
        picture: None if the run has nothing to draw.
    """
    lines = _lines(run, sorted(procedures, key=lambda procedure: procedure != chosen))
    best = scores.best_step(run, chosen) if chosen else None
    with_information = bool(curves.information_groups(run.rows))
    if not lines and not with_information:
        return None
    score_curves.score_curves(run.rows, lines, path, best_step=best)
    shown = ["scores"] * bool(lines) + ["information bounds and KL in nats"] * with_information
    caption = f"{run.name}: {', '.join(shown)} over training steps."
    if best is not None:
        value = numbers.number(scores.series(run, chosen)[best])
        caption += (
            f" Dashed: the best of the steps measured, {numbers.whole(best)}, with {value} "
            f"({tables.procedure_text(chosen)}); picked by this score itself, so optimistic."
        )
    return picture_of(path, f"Curves of {run.name} over steps", caption)


def draw_run_matrices(
    run: ReportedRun, path: pathlib.Path, problems: list[Problem]
) -> Picture | None:
    """Draws what each code dimension of a run knows of each factor, as its metric files say.

    Args:
        run: the run.
        path: the PNG to write.
        problems: where a matrix that can't be drawn is noted.

    Returns:
        picture: None if no file of the run has such a matrix.
    """
    maps, sources = [], []
    for title, keys in MATRICES.items():
        measured, key = _newest_with(run, keys)
        if measured is None:
            continue
        try:
            maps.append(_heat_map(measured, key, title))
        except (ValueError, TypeError) as error:
            problems.append(Problem(path=measured.path, text=f"{key} can't be drawn: {error}"))
            continue
        seed = "" if measured.seed is None else f"; metric seed {measured.seed}"
        at = f"step {numbers.whole(measured.step)}{seed}"
        own = dataclasses.replace(measured.procedure, representation=measured.representation)
        sources.append(f"{title}: from {tables.procedure_text(own)}; {at}.")
    if not maps:
        return None
    heat_maps.heat_maps(maps, path)
    caption = f"{run.name}: code dimensions in rows, factors in columns. {' '.join(sources)}"
    return picture_of(path, f"Heat maps of {run.name}: code dimensions by factors", caption)


def draw_sweep(
    runs: Sequence[ReportedRun], procedure: Procedure | None, path: pathlib.Path
) -> Picture | None:
    """Draws the bounds and the score over beta: the paper's Figure 3.

    Args:
        runs: runs that differ in beta and seed alone.
        procedure: of the score.
        path: the PNG to write.

    Returns:
        picture: None if no run has any of them.
    """
    panels = []
    for name, values in beta.quantities(procedure).items():
        lines = {
            label: beta.points(runs, values, over_run) for label, over_run in beta.OVER_RUN.items()
        }
        if any(lines.values()):
            title = {"I^U (nats)": "Upper bound $I^U$", "I^L (nats)": "Lower bound $I^L$"}
            is_score = name not in title
            y_range = (0.0, 1.02) if is_score and _within_one(lines) else None
            y_label = "score" if is_score else "information (nats)"
            panels.append(
                sweeps.SweepPanel(
                    title=title.get(name, name), y_label=y_label, lines=lines, y_range=y_range
                )
            )
    if not panels:
        return None
    sweeps.sweep_picture(panels, path, x_label=r"$\beta$")
    caption = (
        f"Each run is a faint dot; mean and standard deviation of the sample over seeds. Over "
        f"{numbers.plural(len(runs), 'run')} of {runs[0].model} on {runs[0].dataset} "
        f"({runs[0].data_source}), {numbers.whole(runs[0].last_step)} steps each. Bounds from each "
        f"log, I^L with unit variance. {beta.SAME_STEPS}"
    )
    if procedure is not None:
        over_run = beta.OVER_RUN["last value"]
        steps = beta.usual_steps(runs, lambda run: scores.series(run, procedure), over_run)
        last = ", ".join(map(numbers.whole, steps))
        caption += f" {tables.procedure_text(procedure)}; last measured at step {last}."
    return picture_of(path, "Bounds and score over beta", caption)


def picture_of(path: pathlib.Path, description: str, caption: str, *, scale: int = 2) -> Picture:
    """Returns a PNG as a block, shown at half its pixels: a chart is sharp on a dense screen too.

    Args:
        path: the file.
        description: for those who can't see it.
        caption: what it shows.
        scale: pixels of the file for one of the page; 1 for pictures of pixels.
    """
    with Image.open(path) as image:
        width = image.width // scale
    return Picture(path=path, width=width, description=description, caption=caption)


def _lines(run: ReportedRun, procedures: Sequence[Procedure]) -> dict[str, dict[int, float]]:
    """Returns the scores of a run in 0..1: text of the legend -> step -> score.

    Beside scores of several steps those of a single one are left to the table, and so are all but
    the first procedure of a metric where there are many. Distances, better if lower, aren't scores.
    """
    found = {p: scores.series(run, p) for p in procedures if not scores.is_distance(p.metric)}
    kept = {
        procedure: series
        for procedure, series in found.items()
        if series and all(0.0 <= score <= 1.0 for score in series.values())
    }
    kept = {p: series for p, series in kept.items() if len(series) > 1} or kept
    shown = list(kept)
    if len(shown) > _MOST_LINES:
        first = {p.metric: p for p in reversed(shown)}
        shown = [p for p in shown if first[p.metric] == p]
    return {_legend(p, shown): kept[p] for p in shown}


def _legend(procedure: Procedure, shown: Sequence[Procedure]) -> str:
    """Returns a score's name in a legend, with what tells it from others of the same metric."""
    others = [other for other in shown if other.metric == procedure.metric]
    fields = ("protocol", "settings", "representation", "batch_norm_statistics", "data_source")
    names = [name for name in fields if len({getattr(other, name) for other in others}) > 1]
    parts = [scores.title(procedure.metric), *(getattr(procedure, name) for name in names)]
    return ", ".join(part for part in parts if part)


def _within_one(lines: dict[str, list[tuple[float, float]]]) -> bool:
    """Says whether all values lie in 0..1."""
    return all(0.0 <= value <= 1.0 for points in lines.values() for _, value in points)


def _newest_with(run: ReportedRun, keys: Sequence[str]) -> tuple[Measurement | None, str]:
    """Returns the file with a matrix of the last step that has one, and the matrix's name.

    Of several seeds of the metric it is the lowest's, which pictures are labelled by, too.
    """
    order = scores.procedures([run])  # the default protocol first
    having = [
        (measured, key)
        for measured in run.measurements
        for key in keys
        if key in measured.details and measured.procedure in order
    ]

    def rank(one: tuple[Measurement, str]) -> tuple[int, int, int]:
        measured, _ = one
        return -measured.step, order.index(measured.procedure), measured.seed or 0

    return min(having, key=rank, default=(None, ""))


def _heat_map(measured: Measurement, key: str, title: str) -> heat_maps.HeatMap:
    """Returns a matrix of a metric file for drawing; ValueError or TypeError if it is none."""
    values = np.array(measured.details[key], np.float64)  # [codes, factors]; null is NaN
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"it must have rows and columns. Received: shape={list(values.shape)}.")
    letter = measured.representation.partition("_")[0] or "code "
    names = measured.details.get("factor_names")
    if not isinstance(names, list) or len(names) != values.shape[1]:
        names = [f"factor {column}" for column in range(values.shape[1])]
    return heat_maps.HeatMap(
        title=title,
        values=values,
        row_labels=[f"{letter}{row}" for row in range(values.shape[0])],
        column_labels=list(map(str, names)),
    )
