"""Scores of one run over its steps, above the information that they came with."""

import os
from collections.abc import Mapping, Sequence

from ibgan_tf.plotting import curves

_KEY = "score/"


def score_curves(
    rows: Sequence[Mapping[str, object]],
    scores: Mapping[str, Mapping[int, float]],
    path: str | os.PathLike,
    *,
    best_step: int | None = None,
) -> None:
    """Writes scores, information bounds and each KL over the same steps, as IB-GAN's Figure 4 does.

    What neither the rows nor the scores have is left out, and scores of one step, which are no
    curve, if there is anything else.

    Args:
        rows: rows of log.jsonl, as `curves.information_curves` takes them.
        scores: text for the legend -> step -> score, 0..1.
        path: the PNG to write; its folders are made.
        best_step: where a dashed line crosses the picture, or None.

    Raises:
        ValueError: there is nothing to draw.
        OSError: the file can't be written.
    """
    points = [
        {"step": step, _KEY + label: score}
        for label, series in scores.items()
        for step, score in sorted(series.items())
    ]
    groups = curves.information_groups(rows)
    several = len({point["step"] for point in points}) > 1
    if several or (points and not groups):
        labels = {_KEY + label: label for label, series in scores.items() if series}
        group = curves.CurveGroup(
            title="Scores" if len(labels) > 1 else "Score",
            y_label="score",
            labels=labels,
            y_range=(-0.02, 1.02),
        )
        groups = [group, *groups]
    if not groups:
        raise ValueError(
            "rows must hold information bounds or KLs, or scores must hold a score. "
            f"Received: {len(rows)} rows and {len(scores)} scores, without"
        )
    curves.curves([*rows, *points], groups, path, stacked=True, marked_step=best_step)
