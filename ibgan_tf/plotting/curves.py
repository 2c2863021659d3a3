"""Curves over training steps from the rows of log.jsonl."""

import dataclasses
import io
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from ibgan_tf.plotting import writing

_SMOOTHED_FROM = 200  # points; a shorter line is drawn as it is
_INK, _FAINT = "0.15", "0.85"
_KL_KEY = re.compile(r"kl/r\d+")

INFORMATION = {
    "information_upper_bound": "upper bound $I^U$",
    "information_lower_bound_fitted": "lower bound $I^L$, fitted variance",
    "information_lower_bound": "lower bound $I^L$, unit variance",
}
LOSSES = {"discriminator_loss": "discriminator", "generator_loss": "generator"}
PROBABILITIES = {"probability_real": "real, D(x)", "probability_generated": "generated, D(G(z))"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class CurveGroup:
    """The lines of one axes.

    Attributes:
        title: what they have in common; may hold $maths$.
        y_label: the quantity with its unit.
        labels: key in the rows -> text in the legend, in its order.
        y_range: lowest and highest value shown, or None to fit.
        legend_title: written above the legend.
    """

    title: str
    y_label: str
    labels: Mapping[str, str]
    y_range: tuple[float, float] | None = None
    legend_title: str = ""


def curves(
    rows: Sequence[Mapping[str, object]], groups: Sequence[CurveGroup], path: str | os.PathLike
) -> None:
    """Writes a PNG with one axes for each group, side by side over the same steps.

    Rows without a key, or with a value that isn't finite, are left out of its line. Long lines
    are drawn faintly, with their running mean on top.

    Args:
        rows: rows of log.jsonl, with "step" and scalars.
        groups: what to draw; keys that no row has are left out.
        path: the PNG to write; its folders are made.

    Raises:
        ValueError: no groups, or no row has a finite value of any key of a group.
        OSError: the file can't be written.
    """
    if not groups:
        raise ValueError("groups must hold at least one CurveGroup. Received: groups=[]")
    figure = Figure(figsize=(5.2 * len(groups), 3.6), dpi=150, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.06)
    figure_axes = figure.subplots(1, len(groups), squeeze=False, sharex=True)[0]
    for axes, group in zip(figure_axes, groups, strict=True):
        _draw_group(axes, rows, group)
    contents = io.BytesIO()
    FigureCanvasAgg(figure).print_png(contents)
    writing.write_atomically(path, contents.getvalue())


def information_curves(rows: Sequence[Mapping[str, object]], path: str | os.PathLike) -> None:
    """Writes the information bounds and the KL of each r dimension, as IB-GAN's Figure 4 does.

    Args:
        rows: rows of log.jsonl, with "step", "information_lower_bound",
            "information_lower_bound_fitted", "information_upper_bound" and "kl/r00", ..., in nats.
        path: the PNG to write; its folders are made.

    Raises:
        ValueError: no row has a bound, or none a KL.
        OSError: the file can't be written.
    """
    keys = sorted({key for row in rows for key in row if _KL_KEY.fullmatch(key)})
    last = {key: _series(rows, key)[1][-1:].tolist() for key in keys}
    last = {key: values[0] for key, values in last.items() if values}
    ordered = sorted(last, key=lambda key: -last[key])
    bounds = CurveGroup(
        title="Bounds of the mutual information $I(z, x)$",
        y_label="information (nats)",
        labels=INFORMATION,
    )
    divergences = CurveGroup(
        title=r"$\mathrm{KL}(e(r_d|z)\,\|\,m(r_d))$ of each dimension $d$",
        y_label="KL (nats)",
        labels={key: f"r{int(key[4:])}  {last[key]:.2f}" for key in ordered},
        legend_title="last value",
    )
    curves(rows, [bounds, divergences], path)


def loss_curves(rows: Sequence[Mapping[str, object]], path: str | os.PathLike) -> None:
    """Writes the adversarial losses and the discriminator's mean probabilities.

    Args:
        rows: rows of log.jsonl, with "step", "discriminator_loss", "generator_loss",
            "probability_real" and "probability_generated".
        path: the PNG to write; its folders are made.

    Raises:
        ValueError: no row has a loss, or none a probability.
        OSError: the file can't be written.
    """
    losses = CurveGroup(title="Adversarial losses", y_label="loss (nats)", labels=LOSSES)
    probabilities = CurveGroup(
        title="Discriminator's mean output",
        y_label="probability of being real",
        labels=PROBABILITIES,
        y_range=(-0.02, 1.02),
    )
    curves(rows, [losses, probabilities], path)


def draw_curves(rows: Sequence[Mapping[str, object]], output_dir: str | os.PathLike) -> list[Path]:
    """Writes information.png and losses.png, each if the rows have what it shows.

    Args:
        rows: rows of log.jsonl.
        output_dir: the folder to write to; it is made.

    Returns:
        paths: the files written.

    Raises:
        ValueError: the rows have nothing to draw.
        OSError: a file can't be written.
    """
    present = {key for row in rows for key in row if _series([row], key)[0].size}
    paths = []
    if present & set(INFORMATION) and any(_KL_KEY.fullmatch(key) for key in present):
        paths.append(Path(output_dir) / "information.png")
        information_curves(rows, paths[-1])
    if present & set(LOSSES) and present & set(PROBABILITIES):
        paths.append(Path(output_dir) / "losses.png")
        loss_curves(rows, paths[-1])
    if not paths:
        raise ValueError(
            "rows must hold losses with probabilities, or information bounds with KLs. "
            f"Received: {len(rows)} rows with the keys {sorted(present)}"
        )
    return paths


def _draw_group(axes: Axes, rows: Sequence[Mapping[str, object]], group: CurveGroup) -> None:
    """Draws the lines of a group and dresses its axes."""
    lines = {key: _series(rows, key) for key in group.labels}
    lines = {key: line for key, line in lines.items() if line[0].size}
    if not lines:
        raise ValueError(
            f"rows must have finite values to draw {group.title!r}: one of {sorted(group.labels)}. "
            f"Received: {len(rows)} rows without"
        )
    smoothed = False
    for key, (steps, values) in lines.items():
        style = {"color": _color(key, list(group.labels)), "label": group.labels[key]}
        if steps.size > _SMOOTHED_FROM:
            smoothed = True
            axes.plot(steps, values, color=style["color"], linewidth=0.6, alpha=0.25)
            values = _running_mean(values, steps.size // 50)
        axes.plot(steps, values, linewidth=1.6, marker="o" if steps.size == 1 else "", **style)
    axes.set_title(group.title, fontsize=11, color=_INK, loc="left")
    axes.set_xlabel("step, thick lines: running mean" if smoothed else "step", fontsize=10)
    axes.set_ylabel(group.y_label, fontsize=10)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.margins(x=0.02)
    if group.y_range:
        axes.set_ylim(*group.y_range)
    axes.grid(color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9, labelcolor=_INK)
    _draw_legend(axes, title=group.legend_title, count=len(lines))


def _draw_legend(axes: Axes, *, title: str, count: int) -> None:
    """Draws the legend: inside the axes for a few lines, beside them for many."""
    style = {"title": title or None, "fontsize": 9, "title_fontsize": 9}
    if count > 4:
        columns = math.ceil(count / 16)
        beside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "ncols": columns}
        axes.legend(frameon=False, **beside, **style)
    else:
        axes.legend(loc="best", framealpha=0.85, edgecolor="none", **style)


def _series(rows: Sequence[Mapping[str, object]], key: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the steps and values of the rows that have a finite number under `key`."""
    points = [
        (row["step"], row[key])
        for row in rows
        if isinstance(row.get(key), int | float) and math.isfinite(row[key]) and "step" in row
    ]
    steps, values = zip(*points, strict=True) if points else ((), ())
    return np.array(steps, np.float64), np.array(values, np.float64)


def _running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Returns the mean of the `width` values around each, of those there are at the ends."""
    window = np.ones(width)
    counts = np.convolve(np.ones(values.size), window, mode="same")
    return np.convolve(values, window, mode="same") / counts


def _color(key: str, keys: Sequence[str]) -> tuple[float, ...]:
    """Returns a line's colour; that of r3 is the same in every picture."""
    position = int(key[4:]) if _KL_KEY.fullmatch(key) else keys.index(key)
    count = max(len(keys), position + 1)
    if count <= 10:
        return colormaps["tab10"](position)
    if count <= 20:
        return colormaps["tab20"](position)
    return colormaps["turbo"](position / (count - 1))
