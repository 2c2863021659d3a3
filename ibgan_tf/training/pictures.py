"""What a model shows of itself: latent traversals and grids of samples, while training or after.

The glue between models and plotting, which don't know each other: a model comes in by what it can
do, arrays go to `ibgan_tf.plotting`.
"""

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf import registry, seeds
from ibgan_tf.models import latents
from ibgan_tf.models.base import LatentPart
from ibgan_tf.plotting import grids, labelled_grids, traversals
from ibgan_tf.training.centers import Traversable, check_centers

tfd = tfp.distributions

_BATCH = 256  # images generated at a time; bounds the memory
_KL_SAMPLES = 4096
_CATEGORY_ROWS = 8


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
    notes: Mapping[str, Sequence[str]] | None = None,
    min_nats: float | None = None,
) -> list[Path]:
    """Draws a latent traversal around each center, one animation of them all, and the categories.

    The rows are the dimensions of the traversable part by what they carry, labelled with it: the
    KL(e(r_d|z) || m(r_d)) or the information, where the model knows it. Along a row the dimension
    is set to values from -value_range to value_range and the others stay at the center. The
    animation has a row for each center and a column for each dimension, which all turn at once, in
    half the picture's step. Of a categorical part each row is another draw of all the rest, each
    column a category.

    Args:
        model: generates.
        output_dir: the folder to write to; it is made.
        stem: how the files' names begin.
        title: written over the pictures, such as "ibgan on dsprites, step 20000".
        centers: of `centers.traversal_centers`.
        value_range: > 0, in the units of the code; of a uniform code not beyond its range.
        columns: values in a row, >= 2.
        seed: of the samples over which the KL or information is averaged, and of the categories'
            rows.
        animate: whether to draw the animation.
        notes: name of a part -> a text for each dimension, which its label ends in, such as the
            factor that it turns.
        min_nats: rows that carry less are left out, but for the first; None for none. All stay
            where the model doesn't know what they carry.

    Returns:
        paths: <stem>-1.png, <stem>-2.png, ... and, with `animate`, <stem>.gif; then
            <stem>-<part>.png of each categorical part.

    Raises:
        ValueError: a wrong argument, or images that aren't finite.
        OSError: a file can't be written.
    """
    check_traversal(num_centers=len(centers), value_range=value_range, columns=columns, seed=seed)
    source = latents.traversed_source(model)
    traversable = [part for part in source.parts if part.traversable]
    paths = []
    for part in traversable:
        if not latents.is_categorical(part):
            paths += _draw_dimensions(
                model,
                source,
                part,
                Path(output_dir) / stem,
                title=title,
                centers=centers,
                values=_values(part, value_range, columns=columns, animate=animate),
                seed=seed,
                animate=animate,
                notes=(notes or {}).get(part.name, [""] * part.size),
                min_nats=min_nats,
            )
    for part in traversable:
        if latents.is_categorical(part):
            paths.append(Path(output_dir) / f"{stem}-{part.name}.png")
            _draw_categories(source, part, paths[-1], title=title, seed=seed)
    return paths


def _values(part: LatentPart, value_range: float, *, columns: int, animate: bool) -> np.ndarray:
    """Returns what the dimensions of a part are set to; an animation has values between."""
    if isinstance(part.prior, tfd.Uniform):
        value_range = min(value_range, float(tf.reduce_max(part.prior.high)))
    return np.linspace(-value_range, value_range, 2 * columns - 1 if animate else columns)


def _draw_dimensions(
    model,
    source,
    part,
    stem: Path,
    *,
    title: str,
    centers,
    values,
    seed: int,
    animate: bool,
    notes,
    min_nats: float | None,
) -> list[Path]:
    """Draws the traversals of the dimensions of one part."""
    dimensions, labels, meaning = _dimensions_by_weight(model, part, seed=seed, min_nats=min_nats)
    labels = [
        (*label, notes[dimension]) if any(notes) else label
        for label, dimension in zip(labels, dimensions, strict=True)
    ]
    first = source.columns(part.name).start
    codes = [traversals.traversal_codes(center, first + dimensions, values) for center in centers]
    images = [generate_images(source.generate, code) for code in codes]
    paths = []
    shown = slice(None, None, 2 if animate else 1)
    for number, rows in enumerate(images, start=1):
        paths.append(stem.with_name(f"{stem.name}-{number}.png"))
        traversals.traversal_picture(
            rows[:, shown],
            row_labels=["  ".join(filter(None, label)) for label in labels],
            column_labels=labelled_grids.value_labels(values[shown]),
            title=f"{title}, center {number}{meaning}",
            path=paths[-1],
        )
    if animate:
        paths.append(stem.with_name(f"{stem.name}.gif"))
        frames = traversals.traversal_frames(
            np.stack(images),
            labels=["\n".join(label) for label in labels],
            values=values,
            title=f"{title}{meaning}",
        )
        traversals.save_gif(paths[-1], frames)
    return paths


def _dimensions_by_weight(model, part: LatentPart, *, seed: int, min_nats: float | None):
    """Returns the dimensions of a part by what they carry, their labels, and what these say."""
    if hasattr(model, "dimension_kl"):
        turned = [own for own in model.latent if own.traversable]
        weights = latents.by_part(model.dimension_kl(_KL_SAMPLES, seed), turned)[part.name]
        word, meaning = "KL", " (KL in nats)"
    elif hasattr(model, "code_information"):
        weights = model.code_information(_KL_SAMPLES, seed)[part.name]
        word, meaning = "I", " (information I in nats)"
    else:
        dimensions = np.arange(part.size)
        return dimensions, [(f"{part.name}{d}",) for d in dimensions], ""
    weights = np.asarray(weights, np.float32)
    dimensions = np.argsort(-weights, kind="stable")
    if min_nats is not None:  # an estimate of nothing may be below 0
        dimensions = dimensions[: max(1, np.count_nonzero(weights >= min_nats))]
    labels = [(f"{part.name}{d}", f"{word} {weights[d]:.2f}") for d in dimensions]
    return dimensions, labels, meaning


def _draw_categories(source, part: LatentPart, path: Path, *, title: str, seed: int) -> None:
    """Draws a row for each of some draws of the rest, a column for each category."""
    draw_seed = seeds.stateless_seed(seed, 0, seeds.Draw.EVALUATION)
    centers = np.asarray(latents.sample_parts(source.parts, _CATEGORY_ROWS, seed=draw_seed))
    codes = np.repeat(centers[:, np.newaxis], part.size, axis=1)  # [rows, categories, sum]
    codes[:, :, source.columns(part.name)] = np.eye(part.size)
    traversals.traversal_picture(
        generate_images(source.generate, codes),
        row_labels=[""] * _CATEGORY_ROWS,
        column_labels=[str(category) for category in range(part.size)],
        title=f"{title}, categories of {part.name}",
        path=path,
    )


def draw_samples(
    model: Traversable,
    path: str | os.PathLike,
    *,
    num_samples: int = 64,
    latent: str | None = None,
    codes: np.ndarray | None = None,
    seed: int = 0,
) -> Path:
    """Draws a square grid of samples, from the noise or from another latent part.

    IB-GAN's noise z passes r ~ e(r|z), as in training; from r ~ m(r), the grid shows whether the
    prior is where the encoder put its codes.

    Args:
        model: generates.
        path: the PNG to write; its folders are made.
        num_samples: >= 1.
        latent: what is drawn: a name in `latents.sources(model)`, such as "z" or "r"; what
            `generate` takes if None.
        codes: what the samples are made from, float32 [num_samples, sizes of that latent], in the
            place of draws from its prior.
        seed: which ones, 0 <= seed < 2**31; the same for every step of a run.

    Returns:
        path: the file written.

    Raises:
        ValueError: a wrong argument, or images that aren't finite.
        OSError: the file can't be written.
    """
    check_samples(num_samples=num_samples, seed=seed)
    sources = latents.sources(model)
    source = registry.lookup(sources, latent or next(iter(sources)), kind="latent")
    draw_seed = seeds.stateless_seed(seed, 0, seeds.Draw.EVALUATION)
    if codes is None:
        codes = latents.sample_parts(source.parts, num_samples, seed=draw_seed)
    from_prior = source is next(iter(sources.values())) and hasattr(model, "sample_images")
    generate = _sampler(model, seed) if from_prior else source.generate
    images = generate_images(generate, np.asarray(codes, np.float32))
    columns = int(np.ceil(np.sqrt(num_samples)))
    pixels = grids.enlarge(grids.to_uint8(images))
    grids.save_png(path, grids.image_grid(pixels, columns=columns))
    return Path(path)


def _sampler(model, seed: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function of latents that draws their images, each batch with other noise."""
    batches = itertools.count()

    def sample(latent: tf.Tensor) -> tf.Tensor:
        noise_seed = seeds.stateless_seed(seed, next(batches), seeds.Draw.CODE)
        return model.sample_images(latent, seed=noise_seed)

    return sample


def generate_images(generate: Callable[[tf.Tensor], tf.Tensor], codes: np.ndarray) -> np.ndarray:
    """Returns the images of codes, a batch at a time.

    Args:
        generate: float32 [n, size] -> images in [-1, 1].
        codes: float32, shape [..., size].

    Returns:
        images: float32 in [-1, 1], shape [..., h, w, c].
    """
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
    check_centers(num_centers=num_centers, seed=seed)
    if not 0.0 < value_range < np.inf:
        raise ValueError(f"range must be > 0 and finite. Received: range={value_range}")
    if columns < 2:
        raise ValueError(f"columns must be >= 2. Received: columns={columns}")


def check_samples(*, num_samples: int, seed: int) -> None:
    """Refuses settings of a grid of samples; a script calls it before it loads anything.

    Args:
        num_samples: images in the grid.
        seed: which ones.

    Raises:
        ValueError: one of them is out of its range.
    """
    if num_samples < 1:
        raise ValueError(f"num_samples must be >= 1. Received: num_samples={num_samples}")
    seeds.check_seed(seed)
