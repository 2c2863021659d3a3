"""Curves over training steps from the rows of log.jsonl."""

import dataclasses
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from ibgan_tf.plotting import style

_SMOOTHED_FROM = 200  # points; a shorter line is drawn as it is
_DOTTED_TO = 30  # points of each line of a picture; each is shown as a dot
_KL_KEY = re.compile(r"kl/([a-z])(\d+)")
_CODE_KEY = re.compile(r"information/([a-z])(\d+)")
_KL_TITLES = {
    "r": r"$\mathrm{KL}(e(r_d|z)\,\|\,m(r_d))$ of each dimension $d$",
    "z": r"$\mathrm{KL}(q(z_d|x)\,\|\,p(z_d))$ of each dimension $d$",
}

INFORMATION = {
    "information_upper_bound": "upper bound $I^U$",
    "information_lower_bound_fitted": "lower bound $I^L$, fitted variance",
    "information_lower_bound": "lower bound $I^L$, unit variance",
}
RECONSTRUCTION = {"reconstruction_loss": r"$-\log p(x|z)$"}
DIVERGENCES = {
    "kl_divergence": r"$\mathrm{KL}(q(z|x)\,\|\,p(z))$",
    "total_correlation": "total correlation, estimated",
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
        logarithmic: whether values, all > 0, are drawn on a logarithmic scale.
    """

    title: str
    y_label: str
    labels: Mapping[str, str]
    y_range: tuple[float, float] | None = None
    legend_title: str = ""
    logarithmic: bool = False


def curves(
    rows: Sequence[Mapping[str, object]],
    groups: Sequence[CurveGroup],
    path: str | os.PathLike,
    *,
    stacked: bool = False,
    marked_step: float | None = None,
) -> None:
    """Writes a PNG with one axes for each group, over the same steps.

    Rows without a key, or with a value that isn't finite, are left out of its line. Long lines
    are drawn faintly, with their running mean on top.

    Args:
        rows: rows of log.jsonl, with "step" and scalars.
        groups: what to draw; keys that no row has are left out.
        path: the PNG to write; its folders are made.
        stacked: one axes below the other, rather than side by side.
        marked_step: where a dashed line crosses every axes, or None.

    Raises:
        ValueError: no groups, or no row has a finite value of any key of a group.
        OSError: the file can't be written.
    """
    if not groups:
        raise ValueError("groups must hold at least one CurveGroup. Received: groups=[]")
    number = len(groups)
    if stacked:
        figure = style.new_figure(10.0, 2.5 * number + 0.3, dpi=200)
    else:
        figure = style.new_figure(5.2 * number, 3.6, dpi=150)
    shape = (number, 1) if stacked else (1, number)
    figure_axes = figure.subplots(*shape, squeeze=False, sharex=True).ravel()
    for axes, group in zip(figure_axes, groups, strict=True):
        _draw_group(axes, rows, group, legend_beside=stacked)
        if marked_step is not None:
            axes.axvline(marked_step, color=style.INK, linewidth=1.0, linestyle=(0, (5, 3)))
        if stacked:
            axes.label_outer()
    style.save_figure(figure, path)


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
    curves(rows, [_bounds(rows), _divergences(rows)], path)


def information_groups(rows: Sequence[Mapping[str, object]]) -> list[CurveGroup]:
    """Returns what `information_curves` draws, without the group that the rows have nothing for.

    Args:
        rows: rows of log.jsonl.

    Returns:
        groups: the bounds, the KLs and the codes' information, those that there are.
    """
    groups = [_bounds(rows), _divergences(rows), _codes(rows)]
    return [group for group in groups if any(_series(rows, key)[0].size for key in group.labels)]


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


def bound_curves(rows: Sequence[Mapping[str, object]], path: str | os.PathLike) -> None:
    """Writes the parts of a VAE's evidence lower bound.

    Args:
        rows: rows of log.jsonl, with "step", "reconstruction_loss" and "kl_divergence", perhaps
            "total_correlation", in nats.
        path: the PNG to write; its folders are made.

    Raises:
        ValueError: no row has a reconstruction loss, or none a divergence.
        OSError: the file can't be written.
    """
    reconstruction = CurveGroup(
        title="Reconstruction loss",
        y_label="nats an image, logarithmic",
        labels=RECONSTRUCTION,
        logarithmic=True,  # the first steps are thirty times the last
    )
    divergences = CurveGroup(
        title="Divergences of the code", y_label="nats an image", labels=DIVERGENCES
    )
    curves(rows, [reconstruction, divergences], path)


def draw_curves(rows: Sequence[Mapping[str, object]], output_dir: str | os.PathLike) -> list[Path]:
    """Writes information.png, bound.png and losses.png, each if the rows have what it shows.

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
    groups = information_groups(rows)
    if groups:
        paths.append(Path(output_dir) / "information.png")
        curves(rows, groups, paths[-1])
    if present & set(RECONSTRUCTION) and present & set(DIVERGENCES):
        paths.append(Path(output_dir) / "bound.png")
        bound_curves(rows, paths[-1])
    if present & set(LOSSES) and present & set(PROBABILITIES):
        paths.append(Path(output_dir) / "losses.png")
        loss_curves(rows, paths[-1])
    if not paths:
        raise ValueError(
            "rows must hold losses with probabilities, information bounds or KLs. "
            f"Received: {len(rows)} rows with the keys {sorted(present)}"
        )
    return paths


def _bounds(rows: Sequence[Mapping[str, object]]) -> CurveGroup:
    """Returns the lines of the information bounds: of the noise, or of InfoGAN's codes alone."""
    of_codes = any(key.startswith("information/") for row in rows for key in row)
    return CurveGroup(
        title=f"Bounds of the mutual information $I({'c' if of_codes else 'z'}, x)$",
        y_label="information (nats)",
        labels=INFORMATION,
    )


def _divergences(rows: Sequence[Mapping[str, object]]) -> CurveGroup:
    """Returns the lines of the KL of each dimension, in the order of their last values."""
    labels = _labels_by_last_value(rows, _KL_KEY)
    part = next(iter(labels), "kl/r").removeprefix("kl/")[0]
    return CurveGroup(
        title=_KL_TITLES.get(part, "KL from the prior of each dimension"),
        y_label="KL (nats)",
        labels=labels,
        legend_title="last value",
    )


def _codes(rows: Sequence[Mapping[str, object]]) -> CurveGroup:
    """Returns the lines of the information of each code, in the order of their last values."""
    return CurveGroup(
        title="Information of each code and the image, lower bound",
        y_label="information (nats)",
        labels=_labels_by_last_value(rows, _CODE_KEY),
        legend_title="last value",
    )


def _labels_by_last_value(
    rows: Sequence[Mapping[str, object]], pattern: re.Pattern[str]
) -> dict[str, str]:
    """Returns key -> "r3  0.52" of the keys of a pattern, those of the highest values first."""
    keys = sorted({key for row in rows for key in row if pattern.fullmatch(key)})
    last = {key: _series(rows, key)[1][-1:].tolist() for key in keys}
    last = {key: values[0] for key, values in last.items() if values}
    names = {key: pattern.fullmatch(key) for key in last}
    return {
        key: f"{names[key][1]}{int(names[key][2])}  {last[key]:.2f}"
        for key in sorted(last, key=lambda key: -last[key])
    }


def _draw_group(
    axes: Axes,
    rows: Sequence[Mapping[str, object]],
    group: CurveGroup,
    *,
    legend_beside: bool,
) -> None:
    """Draws the lines of a group and dresses its axes."""
    lines = {key: _series(rows, key) for key in group.labels}
    lines = {key: line for key, line in lines.items() if line[0].size}
    if not lines:
        raise ValueError(
            f"rows must have finite values to draw {group.title!r}: one of {sorted(group.labels)}. "
            f"Received: {len(rows)} rows without"
        )
    smoothed = False
    dotted = all(steps.size <= _DOTTED_TO for steps, _ in lines.values())
    for key, (steps, values) in lines.items():
        line = {"color": _color(key, list(group.labels)), "label": group.labels[key]}
        if steps.size > _SMOOTHED_FROM:
            smoothed = True
            axes.plot(steps, values, color=line["color"], linewidth=0.6, alpha=0.25)
            values = _running_mean(values, steps.size // 50)
        # A single point is no line, and would not be seen.
        marker = {"marker": "o" if dotted or steps.size == 1 else "", "markersize": 3.5}
        axes.plot(steps, values, linewidth=1.6, **marker, **line)
    x_label = "step, thick lines: running mean" if smoothed else "step"
    style.dress(axes, title=group.title, x_label=x_label, y_label=group.y_label)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.margins(x=0.02)
    if group.logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    if group.y_range:
        axes.set_ylim(*group.y_range)
    _draw_legend(axes, title=group.legend_title, count=len(lines), beside=legend_beside)


def _draw_legend(axes: Axes, *, title: str, count: int, beside: bool) -> None:
    """Draws the legend: inside the axes for a few lines if it may, beside them for many."""
    texts = {"title": title or None, "fontsize": 9, "title_fontsize": 9}
    if count > 4 or beside:
        columns = math.ceil(count / 16)
        place = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "ncols": columns}
        axes.legend(frameon=False, alignment="left", **place, **texts)
    else:
        axes.legend(loc="best", framealpha=0.85, edgecolor="none", **texts)


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
    dimension = _KL_KEY.fullmatch(key)
    position = int(dimension[2]) if dimension else keys.index(key)
    count = max(len(keys), position + 1)
    if count <= 10:
        return colormaps["tab10"](position)
    if count <= 20:
        return colormaps["tab20"](position)
    return colormaps["turbo"](position / (count - 1))
