"""Encodes a data set once: every metric then takes its samples from the table of codes."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ibgan_tf import seeds
from ibgan_tf.data.base import ImageDataset, read_images
from ibgan_tf.data.pixels import from_pixels
from ibgan_tf.data.progress import progress_bar


def encode_images(
    represent: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    dataset: ImageDataset,
    indices: np.ndarray | None = None,
    *,
    seed: int = 0,
    batch_size: int = 64,
) -> np.ndarray:
    """Returns the codes of a data set's images, in one pass with a progress bar.

    Args:
        represent: (images, seed) -> codes: float32 [n, height, width, channels] in [-1, 1] and a
            stateless seed, int32 [2], of its own for each batch, to float32 [n, code_dim].
        dataset: gives images, uint8 in 0..255.
        indices: which images, [n]; all of them if None.
        seed: of representations that are sampled.
        batch_size: images encoded at a time; the last batch is filled up, so that one graph
            serves all.

    Returns:
        codes: float32 [n, code_dim], row i of image indices[i].

    Raises:
        TypeError: the set's images aren't uint8.
        ValueError: there are no images, they have another shape than the set says, or a code isn't
            finite.
    """
    indices = np.arange(dataset.size) if indices is None else np.asarray(indices)
    if len(indices) == 0:
        raise ValueError("indices must name an image or more. Received: none")

    @tf.function
    def encode(images, start):
        batch_seed = seeds.stateless_seed(seed, start, seeds.Draw.EVALUATION)
        return represent(from_pixels(images), batch_seed)

    starts = range(0, len(indices), batch_size)
    parts, last = [], None
    for start in progress_bar(starts, total=len(starts), title="encoding"):
        chosen = indices[start : start + batch_size]
        images = read_images(dataset, np.resize(chosen, batch_size))  # filled up by repeating
        made = encode(tf.constant(images), tf.constant(start))
        if last is not None:  # asked for only now: a GPU encodes while the next batch is read
            parts.append(last.numpy())
        last = made
    codes = np.concatenate([*parts, last.numpy()])[: len(indices)].astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(codes).all(axis=1))
    if bad.size:
        raise ValueError(
            f"Every code must be finite. Received: {codes[bad[0]]} for image {indices[bad[0]]}"
        )
    return codes
