"""Tables of images with their labels, drawn pixel for pixel on white."""

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D

from ibgan_tf.plotting import grids

# Pixels. Figures are drawn at 72 dots per inch, where a point is a pixel.
_MARGIN = 12
_GAP = 4
_LABEL = FontProperties(family="DejaVu Sans", size=14)
_TITLE = FontProperties(family="DejaVu Sans", size=15, weight="bold")
_LINE_HEIGHT = 18
_TITLE_HEIGHT = 30
_SLIDER_HEIGHT = 34
_INK, _FAINT = "0.15", "0.75"


def value_labels(values: Sequence[float]) -> list[str]:
    """Returns short column labels: -2, -1.6, ... 0, with a true minus sign.

    Args:
        values: the values of the columns.

    Returns:
        labels: one for each value.
    """
    return [f"{round(value, 6) + 0.0:.2g}".replace("-", "\N{MINUS SIGN}") for value in values]


def labelled_grid(
    images: np.ndarray,
    *,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    title: str = "",
    slider: tuple[float, float, float] | None = None,
) -> np.ndarray:
    """Draws a table of images, pixel for pixel, with its labels on white.

    Args:
        images: uint8 in 0..255, or floating in [-1, 1], shape [rows, columns, h, w, c],
            c = 1 or 3.
        row_labels: one for each row, written to its left; none for no labels.
        column_labels: one for each column, written above it (a label may have several lines).
        title: written above everything; "" for none.
        slider: (value, lowest, highest) to draw under the images, for a frame of an animation.

    Returns:
        picture: uint8, shape [H, W, 3]. Its size depends on everything but the slider's value.

    Raises:
        ValueError: not five axes, NaN, or the labels don't fit the images.
    """
    images = np.asarray(images)
    _check_table(images, row_labels, column_labels)
    rows, columns, *image_shape = images.shape
    pixels = grids.enlarge(images.reshape([rows * columns, *image_shape]))
    body = grids.image_grid(pixels, columns=columns, padding=_GAP)
    if body.ndim == 2:
        body = np.repeat(body[:, :, np.newaxis], 3, axis=2)
    left = _MARGIN + max([_text_width(label, _LABEL) + 10 for label in row_labels], default=0)
    header = _LINE_HEIGHT * max(1 + label.count("\n") for label in column_labels) + 4
    top = _MARGIN + (_TITLE_HEIGHT if title else 0) + header
    canvas = _Canvas(
        width=max(left + body.shape[1], _MARGIN + _text_width(title, _TITLE)) + _MARGIN,
        height=top + body.shape[0] + (_SLIDER_HEIGHT if slider else 0) + _MARGIN,
    )
    if title:
        canvas.write(title, _MARGIN, _MARGIN, _TITLE, ha="left", va="top")
    step_y, step_x = pixels.shape[1] + _GAP, pixels.shape[2] + _GAP
    for column, label in enumerate(column_labels):
        canvas.write(label, left + column * step_x + pixels.shape[2] / 2, top - 5, _LABEL)
    for row, label in enumerate(row_labels):
        middle = top + row * step_y + pixels.shape[1] / 2
        canvas.write(label, left - 10, middle, _LABEL, ha="right", va="center")
    if slider:
        canvas.slide(*slider, x=left, y=top + body.shape[0] + 14, width=body.shape[1])
    return canvas.with_image(body, left, top)


class _Canvas:
    """A white figure measured in pixels from its upper left corner."""

    def __init__(self, *, width: int, height: int):
        self._width, self._height = width, height
        self._figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="white")
        self._agg = FigureCanvasAgg(self._figure)

    def write(
        self,
        text: str,
        x: float,
        y: float,
        font: FontProperties,
        *,
        ha: str = "center",
        va: str = "bottom",
    ) -> None:
        """Writes text aligned to a point."""
        x, y = self._place(x, y)
        self._figure.text(
            x, y, text, fontproperties=font, color=_INK, ha=ha, va=va, parse_math=False
        )

    def slide(
        self, value: float, lowest: float, highest: float, *, x: int, y: int, width: int
    ) -> None:
        """Draws a track with its ends and middle numbered, and a dot at the value."""
        inset = 12
        length = width - 2 * inset
        self._line([x + inset, x + inset + length], y, color=_FAINT, linewidth=3)
        for number in (lowest, (lowest + highest) / 2, highest):
            position = x + inset + length * _fraction(number, lowest, highest)
            self.write(value_labels([number])[0], position, y + 8, _LABEL, va="top")
        position = x + inset + length * _fraction(value, lowest, highest)
        self._line([position], y, color=_INK, marker="o", markersize=11)

    def with_image(self, image: np.ndarray, left: int, top: int) -> np.ndarray:
        """Returns the drawn figure, uint8 [H, W, 3], with an image pasted into it unchanged."""
        self._agg.draw()
        picture = np.array(self._agg.buffer_rgba())[:, :, :3]
        picture[top : top + image.shape[0], left : left + image.shape[1]] = image
        return picture

    def _line(self, xs: Sequence[float], y: float, **style) -> None:
        points = [self._place(x, y) for x in xs]
        self._figure.add_artist(Line2D(*zip(*points, strict=True), **style))

    def _place(self, x: float, y: float) -> tuple[float, float]:
        return x / self._width, 1.0 - y / self._height


def _check_table(
    images: np.ndarray, row_labels: Sequence[str], column_labels: Sequence[str]
) -> None:
    """Refuses images that aren't a table, and labels that don't fit it."""
    if images.ndim != 5 or images.size == 0:
        raise ValueError(
            "images must have the shape [rows, columns, height, width, channels], none of them 0. "
            f"Received: shape={list(images.shape)}"
        )
    rows, columns = images.shape[:2]
    if len(row_labels) not in (0, rows) or len(column_labels) != columns:
        raise ValueError(
            f"labels must fit {rows} rows and {columns} columns of images. "
            f"Received: {len(row_labels)} row_labels, {len(column_labels)} column_labels"
        )


def _text_width(text: str, font: FontProperties) -> int:
    """Returns the width of one line of text in whole pixels."""
    if not text:
        return 0
    renderer = FigureCanvasAgg(Figure(dpi=72)).get_renderer()
    return int(np.ceil(renderer.get_text_width_height_descent(text, font, ismath=False)[0]))


def _fraction(value: float, lowest: float, highest: float) -> float:
    """Returns where a value lies between two others, 0..1; the middle if they are equal."""
    return (value - lowest) / (highest - lowest) if highest > lowest else 0.5
