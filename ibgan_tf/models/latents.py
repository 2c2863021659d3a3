"""The named parts of a latent: which ones a model generates from, side by side, and their draws."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import TypeVar

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions
T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentPart:
    """One named part of a model's latent, shared by models, plots, metrics and export.

    Attributes:
        name: the paper's letter, such as "z" or "r".
        size: its width.
        prior: its distribution, one factor per dimension (batch shape [size]); of a category, which
            is one-hot, `tfd.OneHotCategorical` (event shape [size]).
        traversable: whether turning one of its dimensions is meant to turn one factor of the image.
    """

    name: str
    size: int
    prior: tfd.Distribution
    traversable: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """A way in which a model generates.

    Attributes:
        parts: the latent parts that it takes, side by side in this order.
        generate: float32 [batch, the sizes' sum] -> images in [-1, 1].
    """

    parts: tuple[LatentPart, ...]
    generate: Callable[[tf.Tensor], tf.Tensor]

    def columns(self, name: str) -> slice:
        """Returns where the part of a name lies among the parts side by side."""
        position = [part.name for part in self.parts].index(name)
        first = sum(part.size for part in self.parts[:position])
        return slice(first, first + self.parts[position].size)


def sources(model: object) -> dict[str, Source]:
    """Returns the ways in which a model generates, by the name of what they begin from.

    A method `generate_from_<part>` takes that part; `generate` takes all the others side by side,
    in the order of `latent`, and has the name of the first. IB-GAN has "z" and "r", a VAE "z",
    InfoGAN "z" with all its codes in it.

    Args:
        model: with `latent` and `generate`.

    Returns:
        name -> source, that of `generate` first.
    """
    alone = {part.name: getattr(model, f"generate_from_{part.name}", None) for part in model.latent}
    others = tuple(part for part in model.latent if alone[part.name] is None)
    found = {others[0].name: Source(parts=others, generate=model.generate)} if others else {}
    for part in model.latent:
        if alone[part.name] is not None:
            found[part.name] = Source(parts=(part,), generate=alone[part.name])
    return found


def traversed_source(model: object) -> Source:
    """Returns the way of generating that takes the parts meant to be factors.

    Args:
        model: generates.

    Raises:
        ValueError: a model without such a part.
    """
    for source in sources(model).values():
        if any(part.traversable for part in source.parts):
            return source
    raise ValueError(
        "the model must have a traversable latent part. "
        f"Received: {type(model).__name__} with {[part.name for part in model.latent]}"
    )


def sample_parts(parts: Sequence[LatentPart], num_samples: int, *, seed: tf.Tensor) -> tf.Tensor:
    """Returns draws of some parts from their priors, side by side.

    Args:
        parts: of a latent.
        num_samples: how many.
        seed: stateless seed, int32 [2]; a single part has the draws of its prior with this seed.

    Returns:
        samples: float32 [num_samples, the sizes' sum].
    """
    draws = [
        part.prior.sample(num_samples, seed=tf.random.fold_in(seed, index) if index else seed)
        for index, part in enumerate(parts)
    ]
    return tf.concat(draws, axis=-1)


def by_part(values: Sequence[T], parts: Sequence[LatentPart]) -> dict[str, Sequence[T]]:
    """Returns the values of each part's dimensions, of values side by side.

    Args:
        values: one for each dimension of the parts, a list or an array [the sizes' sum].
        parts: in their order.

    Returns:
        part name -> its own values.
    """
    ends = list(itertools.accumulate(part.size for part in parts))
    return {part.name: values[end - part.size : end] for part, end in zip(parts, ends, strict=True)}


def is_categorical(part: LatentPart) -> bool:
    """Says whether a part is one category, one-hot, rather than independent numbers."""
    return isinstance(part.prior, tfd.OneHotCategorical)
