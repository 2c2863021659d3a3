"""Latent traversals: the codes to visit, one labelled picture, and an animation."""

import io
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ibgan_tf.plotting import grids, labelled_grids, writing


def traversal_codes(
    center: np.ndarray, dimensions: Sequence[int], values: Sequence[float]
) -> np.ndarray:
    """Returns codes that differ from `center` in one dimension each.

    Args:
        center: float, shape [code_dim].
        dimensions: the dimensions to move, one row each.
        values: what the moved dimension is set to (not added), one column each.

    Returns:
        codes: float32, shape [len(dimensions), len(values), code_dim].

    Raises:
        ValueError: `center` isn't a vector, or a dimension isn't one of its own.
    """
    center = np.asarray(center, np.float32)
    if center.ndim != 1:
        raise ValueError(
            f"center must be one code, shape [code_dim]. Received: shape={list(center.shape)}"
        )
    wrong = [dimension for dimension in dimensions if not 0 <= dimension < center.size]
    if wrong:
        raise ValueError(f"dimensions must lie in 0..{center.size - 1}. Received: {wrong}")
    codes = np.tile(center, [len(dimensions), len(values), 1])
    for row, dimension in enumerate(dimensions):
        codes[row, :, dimension] = values
    return codes


def traversal_picture(
    images: np.ndarray,
    *,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    title: str,
    path: str | os.PathLike,
) -> None:
    """Writes the PNG of one traversal: a row for each dimension, a column for each value.

    Args:
        images: uint8 in 0..255, or floating in [-1, 1], shape [rows, columns, h, w, c].
        row_labels: such as "r3  KL 1.02", one for each row.
        column_labels: the values, one for each column.
        title: written above; "" for none.
        path: the PNG to write; its folders are made.

    Raises:
        ValueError: wrong shapes, NaN, or labels that don't fit the images.
        OSError: the file can't be written.
    """
    picture = labelled_grids.labelled_grid(
        images, row_labels=row_labels, column_labels=column_labels, title=title
    )
    grids.save_png(path, picture)


def traversal_frames(
    images: np.ndarray,
    *,
    labels: Sequence[str],
    values: Sequence[float],
    title: str = "",
) -> list[np.ndarray]:
    """Draws an animation in which every dimension turns at once, from its own centre picture.

    One frame for each value, up and then back down, without repeating the two ends, so that a
    loop of it is even. A slider shows the value.

    Args:
        images: uint8 in 0..255, or floating in [-1, 1],
            shape [centers, dimensions, len(values), h, w, c].
        labels: one for each dimension, written above its column.
        values: what the dimensions are set to, ascending.
        title: written above every frame; "" for none.

    Returns:
        frames: uint8, shape [H, W, 3] each, 2 len(values) - 2 of them (one for one value).

    Raises:
        ValueError: wrong shapes, NaN, or labels or values that don't fit the images.
    """
    images = np.asarray(images)
    if images.ndim != 6 or images.shape[2] != len(values):
        raise ValueError(
            "images must have the shape [centers, dimensions, values, height, width, channels]. "
            f"Received: shape={list(images.shape)}, {len(values)} values"
        )
    rising = [
        labelled_grids.labelled_grid(
            images[:, :, position],
            row_labels=[],
            column_labels=labels,
            title=title,
            slider=(value, values[0], values[-1]),
        )
        for position, value in enumerate(values)
    ]
    return rising + rising[-2:0:-1]


def save_gif(
    path: str | os.PathLike, frames: Sequence[np.ndarray], *, seconds_per_frame: float = 0.1
) -> None:
    """Writes an endless animated GIF, all of it or nothing.

    Args:
        path: the file to write; its folders are made.
        frames: uint8, shape [H, W, 3] each. Grey ones keep every shade; coloured ones share
            256 colours a frame.
        seconds_per_frame: how long each is shown, in steps of 0.01.

    Raises:
        ValueError: no frames, frames of different shapes, or a time too short for a GIF.
        OSError: the file can't be written.
    """
    shapes = sorted({frame.shape for frame in frames})
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][2] != 3:
        raise ValueError(
            "frames must be one or more arrays of one shape [height, width, 3]. "
            f"Received: {len(frames)} frames of shapes {[list(shape) for shape in shapes]}"
        )
    if seconds_per_frame < 0.02:  # browsers play anything faster at 0.1
        raise ValueError(
            f"seconds_per_frame must be >= 0.02. Received: seconds_per_frame={seconds_per_frame}"
        )
    grey = all(np.ptp(frame, axis=2).max() == 0 for frame in frames)
    first, *others = [_gif_image(frame, grey=grey) for frame in frames]
    contents = io.BytesIO()
    first.save(
        contents,
        format="GIF",
        save_all=True,
        append_images=others,
        duration=round(seconds_per_frame * 1000),
        loop=0,
    )
    writing.write_atomically(path, contents.getvalue())


def _gif_image(frame: np.ndarray, *, grey: bool) -> Image.Image:
    """Returns a frame with the palette GIF asks for."""
    if grey:
        return Image.fromarray(np.ascontiguousarray(frame[:, :, 0]))
    # Dithering would flicker from frame to frame.
    return Image.fromarray(frame).quantize(
        256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )
