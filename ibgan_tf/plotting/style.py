"""How every chart looks, and how it becomes a PNG."""

import io
import os

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ibgan_tf.plotting import writing

INK, FAINT = "0.15", "0.85"


def new_figure(width: float, height: float, *, dpi: int) -> Figure:
    """Returns an empty white figure that lays out its axes and legends itself.

    Args:
        width, height: in inches.
        dpi: pixels in an inch.

    Returns:
        figure: for `save_figure`.
    """
    figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.06)
    return figure


def dress(axes: Axes, *, title: str, x_label: str, y_label: str) -> None:
    """Gives axes their title, labels and grid.

    Args:
        axes: what to dress.
        title, x_label, y_label: may hold $maths$.
    """
    axes.set_title(title, fontsize=11, color=INK, loc="left")
    axes.set_xlabel(x_label, fontsize=10)
    axes.set_ylabel(y_label, fontsize=10)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9, labelcolor=INK)


def save_figure(figure: Figure, path: str | os.PathLike) -> None:
    """Writes a figure as a PNG, all of it or nothing.

    Charts have few colours: a palette of 256 makes noisy curves a third as large on the disk and
    in a page, without a visible difference.

    Args:
        figure: what to write.
        path: the PNG; its folders are made.

    Raises:
        OSError: the file can't be written.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[:, :, :3])
    image = Image.fromarray(pixels).quantize(
        256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )
    contents = io.BytesIO()
    image.save(contents, format="PNG", dpi=(figure.dpi, figure.dpi))
    writing.write_atomically(path, contents.getvalue())
