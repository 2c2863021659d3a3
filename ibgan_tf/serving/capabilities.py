"""What a trained model can do, in the terms that signatures are made of.

A model comes in by what it has, never by its class:

- `latent`, its named parts. With `encode_noise` (IB-GAN) the traversable part is the code r that
  `generate_from_r` takes, and `generate` takes the others; without, `generate` takes all parts,
  one after the other along the last axis.
- `representations` and `represent(images, name)`, if it encodes.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf.models.base import LatentPart
from ibgan_tf.seeds import Draw

tfd = tfp.distributions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """A way from some latent parts to images.

    Attributes:
        parts: what it takes.
        to_images: float32 [n, sum of the parts' sizes] -> images, float32 [n, height, width,
            channels] in [-1, 1].
    """

    parts: tuple[LatentPart, ...]
    to_images: Callable[[tf.Tensor], tf.Tensor]

    def images(self, values: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the images of values of the parts, name -> float32 [n, size]."""
        return self.to_images(tf.concat([values[part.name] for part in self.parts], axis=-1))


def noise_source(model: Any) -> Source:
    """Returns the way from what a sample begins with: z for IB-GAN, else all parts.

    Args:
        model: of MODELS.

    Returns:
        source: its `to_images` is deterministic.
    """
    return Source(
        parts=tuple(p for p in model.latent if not (has_noise_encoder(model) and p.traversable)),
        to_images=model.generate,
    )


def code_source(model: Any) -> Source:
    """Returns the way from the code whose dimensions can be turned: r for IB-GAN, else all parts.

    Args:
        model: of MODELS.

    Returns:
        source: the generator itself.
    """
    if not has_noise_encoder(model):
        return noise_source(model)
    return Source(
        parts=tuple(part for part in model.latent if part.traversable),
        to_images=model.generate_from_r,
    )


def has_noise_encoder(model: Any) -> bool:
    """Says whether noise passes a stochastic encoder e(r|z) before it becomes an image."""
    return hasattr(model, "encode_noise")


def exported_representations(model: Any) -> list[str]:
    """Returns the names of the deterministic codes of images; none if the model can't encode."""
    names = getattr(model, "representations", ())
    return [name for name in names if not name.endswith("_sampled")]


def represent_all(model: Any, images: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns every deterministic code of images.

    Args:
        model: one that encodes.
        images: float32 [n, height, width, channels] in [-1, 1].

    Returns:
        codes: name -> float32 [n, size].
    """
    names = exported_representations(model)
    if has_noise_encoder(model) and {"z_mean", "r_mean"} == set(names):
        z_mean, r_mean = model.encode(images)  # both from one pass of the reconstructor
        return {"z_mean": z_mean, "r_mean": r_mean}
    return {name: model.represent(images, name) for name in names}


def value_range(part: LatentPart) -> tuple[float, float] | None:
    """Returns the least and the largest value that a part's prior can give; None if any finite.

    Args:
        part: of a model's latent.
    """
    prior = part.prior
    while isinstance(prior, tfd.BatchBroadcast | tfd.Independent | tfd.Sample):
        prior = prior.distribution
    if isinstance(prior, tfd.Uniform):
        return float(tf.reduce_min(prior.low)), float(tf.reduce_max(prior.high))
    if isinstance(prior, tfd.OneHotCategorical | tfd.RelaxedOneHotCategorical):
        return 0.0, 1.0
    return None


def row_seed(seed: tf.Tensor, draw: Draw, number: int) -> tf.Tensor:
    """Returns the stateless seed of one draw of one row: no other row has a part in it.

    Args:
        seed: the row's, scalar int64.
        draw: what is drawn.
        number: of the latent part that it is drawn for.

    Returns:
        int32 [2], for `tf.random.stateless_*` and TensorFlow Probability.
    """
    halves = tf.bitcast(seed, tf.int32)  # [2]
    return tf.random.fold_in(tf.random.fold_in(halves, int(draw)), number)


def draw_rows(
    distributions: Sequence[tfd.Distribution], seeds: tf.Tensor, draw: Draw, sizes: Sequence[int]
) -> list[tf.Tensor]:
    """Returns a draw for each row, a function of the row's seed alone.

    Args:
        distributions: one for each latent part; a sample has as many values as `sizes` says.
        seeds: int64 [n].
        draw: what is drawn.
        sizes: the parts' sizes.

    Returns:
        values: float32 [n, size] for each part.
    """

    def row(seed: tf.Tensor) -> tuple[tf.Tensor, ...]:
        values = [
            distribution.sample(seed=row_seed(seed, draw, number))
            for number, distribution in enumerate(distributions)
        ]
        return tuple(
            tf.reshape(tf.cast(value, tf.float32), [size])
            for value, size in zip(values, sizes, strict=True)
        )

    specs = tuple(tf.TensorSpec([size], tf.float32) for size in sizes)
    return list(tf.map_fn(row, seeds, fn_output_signature=specs))


def float32_model(model: Any) -> Any:
    """Returns the model that computes in float32 from the same float32 weights.

    Args:
        model: of MODELS, of any precision.

    Returns:
        The model itself if it computes in float32; else a new one with its weights.
    """
    if model.compute_policy == "float32":
        return model
    rebuilt = type(model)(model.config, model.image_shape, seed=model.seed, precision="float32")
    for name, network in rebuilt.networks().items():
        network.set_weights(model.networks()[name].get_weights())
    rebuilt.step.assign(model.step)
    return rebuilt
