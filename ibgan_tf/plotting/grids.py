"""Image grids as uint8 arrays, and PNG files of them."""

import io
import math
import os

import numpy as np
from PIL import Image

from ibgan_tf.plotting import writing

READABLE_WIDTH = 64  # pixels; smaller images (MNIST: 28) are enlarged to about this


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Returns images as uint8, whichever of the project's two forms they come in.

    Args:
        images: uint8 in 0..255, or floating in [-1, 1] (clipped), shape [..., h, w, c],
            c = 1 or 3.

    Returns:
        pixels: uint8 in 0..255, shape [..., h, w, c].

    Raises:
        ValueError: a value isn't finite, there are no images, or the channels aren't 1 or 3.
        TypeError: another dtype.
    """
    images = np.asarray(images)
    if images.ndim < 3 or images.size == 0 or images.shape[-1] not in (1, 3):
        raise ValueError(
            "images must hold at least one image of shape [height, width, 1 or 3]. "
            f"Received: shape={list(images.shape)}"
        )
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise TypeError(
            "images must be uint8 (0..255) or floating (-1..1). "
            f"Received: dtype={images.dtype}. Convert them first"
        )
    not_finite = images.size - np.count_nonzero(np.isfinite(images))
    if not_finite:
        raise ValueError(
            f"images must be finite. Received: {not_finite} of {images.size} values NaN or infinite"
        )
    return np.rint((np.clip(images.astype(np.float32), -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)


def enlarge(images: np.ndarray) -> np.ndarray:
    """Repeats the pixels of small images, a whole number of times, so that they can be seen.

    Args:
        images: shape [..., h, w, c].

    Returns:
        enlarged: the same dtype, shape [..., k h, k w, c], with k w near 64 where w is smaller.
    """
    times = max(1, round(READABLE_WIDTH / images.shape[-2]))
    return images.repeat(times, axis=-3).repeat(times, axis=-2)


def image_grid(images: np.ndarray, *, columns: int, padding: int = 1) -> np.ndarray:
    """Lays images out in reading order, white between them and in cells left over.

    Args:
        images: uint8 in 0..255, or floating in [-1, 1] (clipped), shape [n, h, w, c], c = 1 or 3.
        columns: images in a row.
        padding: white pixels between neighbours; none around the grid.

    Returns:
        grid: uint8, shape [H, W] for c = 1 and [H, W, 3] for c = 3.

    Raises:
        ValueError: not four axes, no images, NaN, columns < 1 or padding < 0.
        TypeError: another dtype.
    """
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError(
            "images must have the shape [number, height, width, channels]. "
            f"Received: shape={list(images.shape)}"
        )
    if columns < 1 or padding < 0:
        raise ValueError(
            f"columns must be >= 1 and padding >= 0. Received: columns={columns}, padding={padding}"
        )
    pixels = to_uint8(images)
    number, height, width, channels = pixels.shape
    rows = math.ceil(number / columns)
    cells = np.full([rows * columns, height + padding, width + padding, channels], 255, np.uint8)
    cells[:number, :height, :width] = pixels
    cells = cells.reshape([rows, columns, *cells.shape[1:]]).swapaxes(1, 2)
    grid = cells.reshape([rows * (height + padding), columns * (width + padding), channels])
    grid = grid[: grid.shape[0] - padding, : grid.shape[1] - padding]
    return grid[..., 0] if channels == 1 else grid


def split_grid(grid: np.ndarray, *, columns: int, padding: int = 1) -> np.ndarray:
    """Returns the cells of a grid that `image_grid` laid out, those left over among them.

    Args:
        grid: uint8, shape [H, W] or [H, W, 3], of square images.
        columns: images in a row.
        padding: pixels between neighbours.

    Returns:
        images: uint8, shape [rows * columns, h, h, c], c = 1 or 3.

    Raises:
        ValueError: the grid isn't one of so many columns of square images.
    """
    height, width = grid.shape[:2]
    cell, over = divmod(width + padding, columns)
    if over or (height + padding) % cell or cell <= padding:
        raise ValueError(
            f"grid must hold {columns} columns of square images. Received: shape={grid.shape}"
        )
    rows = (height + padding) // cell
    cells = np.zeros([rows * cell, columns * cell, *np.atleast_3d(grid).shape[2:]], np.uint8)
    cells[:height, :width] = np.atleast_3d(grid)
    cells = cells.reshape([rows, cell, columns, cell, -1]).swapaxes(1, 2)
    return cells.reshape([rows * columns, cell, cell, -1])[
        :, : -padding or None, : -padding or None
    ]


def save_png(path: str | os.PathLike, array: np.ndarray) -> None:
    """Writes a PNG, all of it or nothing.

    Args:
        path: the file to write; its folders are made.
        array: uint8, shape [H, W] (grey) or [H, W, 3].

    Raises:
        ValueError: another dtype or shape.
        OSError: the file can't be written.
    """
    if array.dtype != np.uint8 or not (
        array.ndim == 2 or (array.ndim == 3 and array.shape[-1] == 3)
    ):
        raise ValueError(
            "array must be uint8 of shape [height, width] or [height, width, 3]. "
            f"Received: dtype={array.dtype}, shape={list(array.shape)}"
        )
    contents = io.BytesIO()
    Image.fromarray(array).save(contents, format="PNG", optimize=True)
    writing.write_atomically(path, contents.getvalue())


def read_png(path: str | os.PathLike) -> np.ndarray:
    """Returns the pixels of a PNG.

    Args:
        path: a PNG that this package wrote.

    Returns:
        pixels: uint8 [height, width] or [height, width, 3].
    """
    with Image.open(path) as image:
        return np.asarray(image if image.mode == "L" else image.convert("RGB"))
