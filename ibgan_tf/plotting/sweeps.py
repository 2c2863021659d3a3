"""Values of many runs over one of their settings."""

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from ibgan_tf.plotting import style

_MARKERS = "osD^v"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepPanel:
    """One quantity over a setting.

    Attributes:
        title: what it is; may hold $maths$.
        y_label: its name with its unit.
        lines: text for the legend -> (setting, value) of each run; the runs of one setting are
            shown as faint dots, with their mean and standard deviation.
        y_range: lowest and highest value shown, or None to fit.
    """

    title: str
    y_label: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    y_range: tuple[float, float] | None = None


def sweep_picture(panels: Sequence[SweepPanel], path: str | os.PathLike, *, x_label: str) -> None:
    """Writes a PNG of quantities over a setting, side by side, as IB-GAN's Figure 3 does.

    Args:
        panels: what to draw.
        path: the PNG to write; its folders are made.
        x_label: the setting; may hold $maths$.

    Raises:
        ValueError: no panels, or one without a value.
        OSError: the file can't be written.
    """
    if not panels or not all(any(panel.lines.values()) for panel in panels):
        raise ValueError(
            "panels must hold one or more, each with a line that has a value. "
            f"Received: {[panel.title for panel in panels]}"
        )
    figure = style.new_figure(3.6 * len(panels), 3.4, dpi=200)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        style.dress(axes, title=panel.title, x_label=x_label, y_label=panel.y_label)
        for position, (label, points) in enumerate(panel.lines.items()):
            _draw_line(axes, points, label, position)
        if panel.y_range:
            axes.set_ylim(*panel.y_range)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9
    )
    style.save_figure(figure, path)


def mean_and_deviation(
    points: Sequence[tuple[float, float]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the mean and the standard deviation of the values at each setting.

    Args:
        points: (setting, value), in any order.

    Returns:
        settings: float64 [n], ascending.
        means: float64 [n].
        deviations: float64 [n], of the sample (n - 1); NaN where there is one value.
    """
    settings, values = np.array(points, np.float64).T
    places = np.unique(settings)
    groups = [values[settings == place] for place in places]
    means = np.array([group.mean() for group in groups])
    deviations = [group.std(ddof=1) if group.size > 1 else np.nan for group in groups]
    return places, means, np.array(deviations)


def _draw_line(
    axes: Axes, points: Sequence[tuple[float, float]], label: str, position: int
) -> None:
    """Draws each run as a faint dot, and the mean over runs with its standard deviation."""
    if not points:
        return
    color = colormaps["tab10"](position)
    settings, means, deviations = mean_and_deviation(points)
    axes.plot(*zip(*points, strict=True), "o", color=color, markersize=3, alpha=0.35, mew=0)
    line = {"color": color, "linewidth": 1.6, "elinewidth": 1.0, "capsize": 2.5}
    marker = {"marker": _MARKERS[position % len(_MARKERS)], "markersize": 4.5}
    axes.errorbar(settings, means, deviations, label=label, **line, **marker)
