"""Brings the official dSprites images into the packed form of the rendered ones.

They are published as an npz archive, and through TensorFlow Datasets.
"""

import math
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from ibgan_tf.data import base, npz, sprites

ARCHIVE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
# The file that TFDS 4.9 fetches.
URL = f"https://github.com/deepmind/dsprites-dataset/blob/master/{ARCHIVE[:-4]}.hdf5?raw=true"
LABELS = (
    "label_shape",
    "label_scale",
    "label_orientation",
    "label_x_position",
    "label_y_position",
)
_ROWS = 1024  # images handled at once


def archive_images(
    path: pathlib.Path, *, factor_sizes: Sequence[int] = sprites.FACTOR_SIZES
) -> Iterator[np.ndarray]:
    """Yields the images of the official npz archive, bit-packed.

    Its array `latents_classes` must be the full grid in order, with a constant first column (the
    colour). Its pickled `metadata` is never read.

    Args:
        path: the archive.
        factor_sizes: number of classes of each factor; other than the official ones in tests.

    Yields:
        images: uint8 [<= 1024, 512], the next ones.

    Raises:
        ValueError: the archive is damaged, or holds something else.
    """
    size = math.prod(factor_sizes)
    shape = (size, 1 + len(factor_sizes))
    classes = npz.read_chunks(path, "latents_classes", shape=shape, dtype="int64", rows=_ROWS)
    for start, rows in zip(range(0, size, _ROWS), classes, strict=True):
        indices = np.arange(start, start + len(rows))
        factors = base.factors_from_index(indices, factor_sizes)
        if rows[:, 0].any() or not np.array_equal(rows[:, 1:], factors):
            raise ValueError(
                f"The archive {str(path)!r} must hold every combination of the factors in order. "
                f"Received: other classes after row {start}. Fetch it again, or move it away."
            )
    shape = (size, sprites.IMAGE_SIZE, sprites.IMAGE_SIZE)
    for images in npz.read_chunks(path, "imgs", shape=shape, dtype="uint8", rows=_ROWS):
        yield pack(images, origin=str(path))


def pack(images: np.ndarray, *, origin: str) -> np.ndarray:
    """Returns images bit-packed.

    Args:
        images: uint8 [n, 64, 64] or [n, 64, 64, 1], 0 or 1.
        origin: where they are from, for the message.

    Returns:
        packed: uint8 [n, 512].

    Raises:
        ValueError: another type, shape or value.
    """
    if images.dtype != np.uint8 or images[0].size != sprites.PACKED_BYTES * 8 or images.max() > 1:
        raise ValueError(
            f"The images of {origin!r} must be uint8 [n, 64, 64] of 0 and 1. "
            f"Received: {images.dtype} {list(images.shape)}, up to {images.max()}."
        )
    return np.packbits(images.reshape(len(images), -1), axis=1)


def pack_examples(
    batches: Iterable[Mapping[str, np.ndarray]],
    *,
    factor_sizes: Sequence[int] = sprites.FACTOR_SIZES,
) -> np.ndarray:
    """Returns shuffled examples in the official order, bit-packed.

    Args:
        batches: "image", uint8 [n, 64, 64, 1] of 0 and 1, and each of `LABELS`, int [n]: the
            batches of TFDS, which shuffles when it writes.
        factor_sizes: number of classes of each factor; other than the official ones in tests.

    Returns:
        packed: uint8 [num_images, 512], 377 MB for the official sizes.

    Raises:
        ValueError: the examples aren't every combination of the factors once.
    """
    size = math.prod(factor_sizes)
    packed = np.zeros([size, sprites.PACKED_BYTES], np.uint8)
    counts = np.zeros(size, np.int64)
    for batch in batches:
        factors = np.stack([batch[label] for label in LABELS], axis=1)
        indices = base.index_from_factors(factors, factor_sizes, factor_names=sprites.FACTOR_NAMES)
        packed[indices] = pack(batch["image"], origin="TFDS")
        np.add.at(counts, indices, 1)
    if (counts != 1).any():
        raise ValueError(
            "The examples must be every combination of the factors once. "
            f"Received: {(counts == 0).sum()} missing, {(counts > 1).sum()} more than once."
        )
    return packed


def in_chunks(packed: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the rows of an array, 1,024 at a time."""
    for start in range(0, len(packed), _ROWS):
        yield packed[start : start + _ROWS]
