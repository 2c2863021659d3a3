"""Tables of numbers as shades, such as what each code dimension knows of each factor."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from ibgan_tf.plotting import style

_SHADES = colormaps["Blues"].with_extremes(bad="0.92")
_WRITTEN_TO = 400  # cells; a larger table has shades and a scale, and no numbers


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeatMap:
    """A table to draw.

    Attributes:
        title: what it shows; may hold $maths$.
        values: float [rows, columns], >= 0; NaN where there is no value.
        row_labels, column_labels: one for each row and column.
    """

    title: str
    values: np.ndarray
    row_labels: Sequence[str]
    column_labels: Sequence[str]


def heat_maps(maps: Sequence[HeatMap], path: str | os.PathLike) -> None:
    """Writes a PNG of tables side by side, each in shades from 0 to its largest value.

    Args:
        maps: what to draw.
        path: the PNG to write; its folders are made.

    Raises:
        ValueError: no maps, or values or labels of shapes that don't fit.
        OSError: the file can't be written.
    """
    if not maps:
        raise ValueError("maps must hold at least one HeatMap. Received: maps=[]")
    for heat_map in maps:
        _check(heat_map)
    widths = [_cell_size(m)[0] * max(3, len(m.column_labels)) for m in maps]
    height = max(_cell_size(m)[1] * len(m.row_labels) for m in maps)
    width = min(sum(widths) + 0.75 * len(maps), 20.0)
    figure = style.new_figure(width, min(height + 0.9, 14.0), dpi=200)
    all_axes = figure.subplots(1, len(maps), squeeze=False, width_ratios=widths)[0]
    for axes, heat_map in zip(all_axes, maps, strict=True):
        _draw(axes, heat_map)
    style.save_figure(figure, path)


def _cell_size(heat_map: HeatMap) -> tuple[float, float]:
    """Returns the width and height of a cell in inches; with a number in it, it is larger."""
    return (0.8, 0.3) if np.size(heat_map.values) <= _WRITTEN_TO else (0.2, 0.16)


def _check(heat_map: HeatMap) -> None:
    """Refuses values and labels that don't fit each other."""
    shape = (len(heat_map.row_labels), len(heat_map.column_labels))
    if 0 in shape or np.shape(heat_map.values) != shape:
        raise ValueError(
            "values must have a row for each of one or more row_labels and a column for each of "
            f"one or more column_labels. Received: shape={list(np.shape(heat_map.values))}, "
            f"{shape[0]} row_labels, {shape[1]} column_labels"
        )


def _draw(axes: Axes, heat_map: HeatMap) -> None:
    """Draws one table: the columns' names above, the rows' to the left."""
    values = np.asarray(heat_map.values, np.float64)
    finite = values[np.isfinite(values)]
    largest = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    scale = Normalize(0.0, largest)
    shown = np.ma.masked_invalid(values)
    image = axes.imshow(shown, cmap=_SHADES, norm=scale, aspect="auto", interpolation="nearest")
    axes.set_title(heat_map.title, fontsize=11, color=style.INK, loc="left", pad=8)
    axes.set_xticks(range(values.shape[1]), heat_map.column_labels)
    axes.set_yticks(range(values.shape[0]), heat_map.row_labels)
    axes.tick_params(top=False, bottom=False, left=False, labelsize=9, labelcolor=style.INK)
    axes.tick_params(labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    if values.size > _WRITTEN_TO:
        axes.tick_params(axis="x", labelrotation=90)
        axes.figure.colorbar(image, ax=axes, pad=0.02, fraction=0.05).outline.set_visible(False)
        return
    axes.set_xticks(np.arange(1, values.shape[1]) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, values.shape[0]) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)
    for (row, column), value in np.ndenumerate(values):
        text = f"{value:.2f}" if np.isfinite(value) else "\N{EN DASH}"
        color = "white" if np.isfinite(value) and scale(value) > 0.6 else style.INK
        axes.text(column, row, text, ha="center", va="center", fontsize=8.5, color=color)
