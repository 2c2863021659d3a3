"""What a model shows of itself: latent traversals and grids of samples, while training or after.

The glue between models and plotting, which don't know each other: a model comes in by what it can
do, arrays go to `ibgan_tf.plotting`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from ibgan_tf import registry, seeds
from ibgan_tf.plotting import grids, labelled_grids, traversals

_BATCH = 256  # images generated at a time; bounds the memory
_KL_SAMPLES = 4096


class Traversable(Protocol):
    """A model with one traversable latent part, codes r that it turns into images in [-1, 1]."""

    latent: Sequence

    def generate_from_r(self, r: tf.Tensor) -> tf.Tensor:
        """Returns images in [-1, 1], float32 [n, h, w, c], of codes, float32 [n, r_dim]."""

    def dimension_kl(self, num_samples: int, seed: int) -> tf.Tensor:
        """Returns the KL(e(r_d|z) || m(r_d)) of each dimension, float32 [r_dim], in nats."""


CENTERS = ("random", "mean", "data")


def traversal_centers(
    model: Traversable, kind: str, *, num_centers: int, seed: int = 0, dataset: object = None
) -> np.ndarray:
    """Returns the codes around which to traverse.

    Args:
        model: gives m(r) as its traversable latent part's prior; encodes, for "data".
        kind: "random" for draws from m(r), "mean" for the mean of m(r) (one center, whatever
            `num_centers` is), "data" for the codes of images drawn from the data set.
        num_centers: how many, >= 1; with the same seed the first ones stay the same.
        seed: which ones, 0 <= seed < 2**31.
        dataset: gives `size` and `images(indices)`, uint8 in 0..255; for "data" only.

    Returns:
        centers: float32 [num_centers, r_dim].

    Raises:
        ValueError: another kind, num_centers < 1, or a model without a traversable part.
    """
    _check_count("num_centers", num_centers)
    _check_seed(seed)
    registry.lookup(dict.fromkeys(CENTERS), kind, kind="center")
    if kind == "data":
        indices = np.random.default_rng(seed).integers(dataset.size, size=num_centers)
        images = tf.constant(dataset.images(indices), tf.float32) / 127.5 - 1.0
        return np.asarray(model.encode(images)[1], np.float32)
    prior = _traversable_part(model).prior
    if kind == "mean":
        return np.asarray(prior.mean(), np.float32)[np.newaxis]
    draws = [
        prior.sample(seed=seeds.stateless_seed(seed, number, seeds.Draw.EVALUATION))
        for number in range(num_centers)
    ]
    return np.stack(draws).astype(np.float32)


def draw_traversals(
    model: Traversable,
    output_dir: str | os.PathLike,
    *,
    stem: str,
    title: str,
    centers: np.ndarray,
    value_range: float = 2.0,
    columns: int = 11,
    seed: int = 0,
    animate: bool = True,
) -> list[Path]:
    """Draws a latent traversal around each center, and one animation of them all.

    The rows are the dimensions of r by descending KL(e(r_d|z) || m(r_d)), labelled with it; along a
    row the dimension is set to values from -value_range to value_range and the others stay at the
    center. The animation has a row for each center and a column for each dimension, which all turn
    at once, in half the picture's step.

    Args:
        model: gives images for r, and the KL of each of its dimensions.
        output_dir: the folder to write to; it is made.
        stem: how the files' names begin.
        title: written over the pictures, such as "ibgan on dsprites, step 20000".
        centers: float32 [num_centers, r_dim].
        value_range: > 0, in the units of r.
        columns: values in a row, >= 2.
        seed: of the noise z over which the KL is averaged.
        animate: whether to draw the animation.

    Returns:
        paths: <stem>-1.png, <stem>-2.png, ... and, with `animate`, <stem>.gif.

    Raises:
        ValueError: a wrong argument, or images that aren't finite.
        OSError: a file can't be written.
    """
    check_traversal(num_centers=len(centers), value_range=value_range, columns=columns, seed=seed)
    divergences = np.asarray(model.dimension_kl(_KL_SAMPLES, seed), np.float32)
    dimensions = np.argsort(-divergences, kind="stable")
    values = np.linspace(-value_range, value_range, 2 * columns - 1 if animate else columns)
    codes = [traversals.traversal_codes(center, dimensions, values) for center in centers]
    images = [generate_images(model, code) for code in codes]

    paths = []
    shown = slice(None, None, 2 if animate else 1)
    for number, rows in enumerate(images, start=1):
        paths.append(Path(output_dir) / f"{stem}-{number}.png")
        traversals.traversal_picture(
            rows[:, shown],
            row_labels=[f"r{d}  KL {divergences[d]:.2f}" for d in dimensions],
            column_labels=labelled_grids.value_labels(values[shown]),
            title=f"{title}, center {number} (KL in nats)",
            path=paths[-1],
        )
    if animate:
        paths.append(Path(output_dir) / f"{stem}.gif")
        frames = traversals.traversal_frames(
            np.stack(images),
            labels=[f"r{d}\nKL {divergences[d]:.2f}" for d in dimensions],
            values=values,
            title=f"{title} (KL in nats)",
        )
        traversals.save_gif(paths[-1], frames)
    return paths


def draw_samples(
    model: Traversable,
    path: str | os.PathLike,
    *,
    num_samples: int = 64,
    latent: str = "z",
    seed: int = 0,
) -> Path:
    """Draws a square grid of samples, from noise z or from codes r.

    From z, an image is that of the mean of e(r|z); from r ~ m(r), it shows whether the prior is
    where the encoder put its codes.

    Args:
        model: generates from z (`generate`) or from r (`generate_from_r`).
        path: the PNG to write; its folders are made.
        num_samples: >= 1.
        latent: "z" or "r".
        seed: which ones, 0 <= seed < 2**31; the same for every step of a run.

    Returns:
        path: the file written.

    Raises:
        ValueError: a wrong argument, or images that aren't finite.
        OSError: the file can't be written.
    """
    check_samples(num_samples=num_samples, seed=seed)
    parts = {part.name: part for part in model.latent}
    part = registry.lookup(parts, latent, kind="latent")
    draw_seed = seeds.stateless_seed(seed, 0, seeds.Draw.EVALUATION)
    codes = np.asarray(part.prior.sample(num_samples, seed=draw_seed), np.float32)
    images = generate_images(model, codes, latent=latent)
    columns = int(np.ceil(np.sqrt(num_samples)))
    pixels = grids.enlarge(grids.to_uint8(images))
    grids.save_png(path, grids.image_grid(pixels, columns=columns))
    return Path(path)


def generate_images(model: Traversable, codes: np.ndarray, *, latent: str = "r") -> np.ndarray:
    """Returns the images of codes, a batch at a time.

    Args:
        model: generates from z (`generate`) or from r (`generate_from_r`).
        codes: float32, shape [..., size].
        latent: "z" or "r".

    Returns:
        images: float32 in [-1, 1], shape [..., h, w, c].
    """
    generate = model.generate if latent == "z" else model.generate_from_r
    flat = codes.reshape([-1, codes.shape[-1]])
    batches = [
        np.asarray(generate(tf.constant(flat[first : first + _BATCH])), np.float32)
        for first in range(0, len(flat), _BATCH)
    ]
    images = np.concatenate(batches)
    return images.reshape([*codes.shape[:-1], *images.shape[1:]])


def check_traversal(*, num_centers: int, value_range: float, columns: int, seed: int) -> None:
    """Refuses settings of a traversal; a script calls it before it loads anything.

    Args:
        num_centers: pictures to draw.
        value_range: the largest value of a dimension.
        columns: values in a row.
        seed: which centers.

    Raises:
        ValueError: one of them is out of its range.
    """
    _check_count("num_centers", num_centers)
    if not 0.0 < value_range < np.inf:
        raise ValueError(f"range must be > 0 and finite. Received: range={value_range}")
    _check_count("columns", columns, least=2)
    _check_seed(seed)


def check_samples(*, num_samples: int, seed: int) -> None:
    """Refuses settings of a grid of samples; a script calls it before it loads anything.

    Args:
        num_samples: images in the grid.
        seed: which ones.

    Raises:
        ValueError: one of them is out of its range.
    """
    _check_count("num_samples", num_samples)
    _check_seed(seed)


def _check_count(name: str, count: int, *, least: int = 1) -> None:
    if count < least:
        raise ValueError(f"{name} must be >= {least}. Received: {name}={count}")


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**31:
        raise ValueError(f"seed must lie in 0..{2**31 - 1}. Received: seed={seed}")


def _traversable_part(model: Traversable):
    """Returns the latent part whose dimensions are meant to be factors."""
    for part in model.latent:
        if part.traversable:
            return part
    raise ValueError(
        "the model must have a traversable latent part. "
        f"Received: {type(model).__name__} with {[part.name for part in model.latent]}"
    )
