"""The pictures that runs drew of themselves: samples, side by side, and traversals."""

import pathlib
import re
from collections.abc import Sequence

import numpy as np

from ibgan_tf.plotting import grids, labelled_grids
from ibgan_tf.reporting import numbers, tables
from ibgan_tf.reporting.blocks import Picture
from ibgan_tf.reporting.figures import picture_of
from ibgan_tf.reporting.grouping import Group
from ibgan_tf.reporting.records import Problem, ReportedRun

_SAMPLES = re.compile(r"step-(\d+)\.png")  # those drawn while training: 64, in eight columns
_SAMPLE_COLUMNS = 8
_SHOWN = 10  # of a model
# Around the first center, or of a categorical part; drawn while training, or by traverse.py.
_TRAVERSALS = re.compile(r"step-(\d+)(?:-(random|mean|data))?-(1|[a-z]\d+)\.png")

_CENTERS = (None, "mean", "data", "random")  # the last is taken first


def draw_samples(
    groups: Sequence[Group], path: pathlib.Path, problems: list[Problem]
) -> Picture | None:
    """Draws samples of each group in a row, IB-GAN's Figure 6 for any models.

    Args:
        groups: of one data set.
        path: the PNG to write.
        problems: where a picture that can't be used is noted.

    Returns:
        picture: None if fewer than two groups have samples.
    """
    rows, labels, steps = [], [], []
    for group in groups:
        newest = [(run, *found) for run in group.runs if (found := _newest_samples(run))]
        if not newest:
            continue
        run, step, file = newest[0]
        try:
            images = grids.split_grid(grids.read_png(file), columns=_SAMPLE_COLUMNS)[:_SHOWN]
            if rows and images.shape != rows[0].shape:
                raise ValueError(f"its images have the shape {list(images.shape)}, not the others'")
        except (OSError, ValueError) as error:
            problems.append(Problem(path=file, text=f"the samples can't be shown: {error}"))
            continue
        rows.append(images)
        labels.append("  ".join(filter(None, (group.model, group.label))))
        steps.append(f"{run.name} at step {numbers.whole(step)}")
    if len(rows) < 2:
        return None
    drawn = labelled_grids.labelled_grid(
        np.stack(rows), row_labels=labels, column_labels=[""] * len(rows[0])
    )
    grids.save_png(path, drawn)
    caption = f"The first {len(rows[0])} samples of {'; '.join(steps)}. {tables.data_text(groups)}."
    return picture_of(path, f"Samples of {', '.join(labels)}", caption, scale=1)


def traversals(run: ReportedRun, problems: list[Problem]) -> list[Picture]:
    """Returns the newest traversal of a run, and of each of its categorical parts, as they lie.

    Those that traverse.py drew come before those of the training: they may name the factors.

    Args:
        run: the run.
        problems: where a picture that can't be opened is noted.
    """
    found: dict[tuple[int, int], list[tuple[str, pathlib.Path]]] = {}
    for path in (run.path / "traversals").glob("step-*.png"):
        match = _TRAVERSALS.fullmatch(path.name)
        if match:
            key = (int(match[1]), _CENTERS.index(match[2]))
            found.setdefault(key, []).append((match[3], path))
    if not found:
        return []
    (step, _), newest = max(found.items())
    pictures = []
    for part, path in sorted(newest):
        what = "Latent traversal" if part == "1" else f"Categories of {part}"
        caption = f"{what} of {run.name} at step {numbers.whole(step)}."
        try:
            pictures.append(picture_of(path, caption.rstrip("."), caption, scale=1))
        except OSError as error:
            problems.append(Problem(path=path, text=f"the traversal can't be shown: {error}"))
    return pictures


def _newest_samples(run: ReportedRun) -> tuple[int, pathlib.Path] | None:
    """Returns the last step that has samples, and their file."""
    found = [
        (int(match[1]), path)
        for path in (run.path / "samples").glob("step-*.png")
        if (match := _SAMPLES.fullmatch(path.name))
    ]
    return max(found, default=None)
