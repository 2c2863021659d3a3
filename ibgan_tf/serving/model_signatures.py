"""The signatures of a model: one for each thing that it can do, by capability.

Every signature has a free batch dimension in and out, and no row depends on another.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf.models.base import LatentPart
from ibgan_tf.seeds import Draw
from ibgan_tf.serving import capabilities

tfd = tfp.distributions

VALID = "valid"  # the output that every signature has: which rows can be used

Tensors = Mapping[str, tf.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Input:
    """An input of a signature.

    Attributes:
        dtype: "float32", "int64" or "string".
        shape: of one row.
        range: the least and the largest value; None for any finite one.
        choices: the only values, of a string.
    """

    dtype: str = "float32"
    shape: tuple[int, ...] = ()
    range: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Signature:
    """One thing that a model can do.

    Attributes:
        does: what, in a sentence, for the model card.
        inputs: name -> input.
        function: takes and returns tensors by name; `valid` only where more than the ranges of
            the inputs decides.
    """

    does: str
    inputs: Mapping[str, Input]
    function: Callable[[Tensors], dict[str, tf.Tensor]]


def model_signatures(model: Any) -> dict[str, Signature]:
    """Returns what a model can do, `serving_default` first.

    Args:
        model: of MODELS, computing in float32.

    Returns:
        name -> signature.
    """
    found = {"serving_default": _generate(model), **_noise_signatures(model)}
    found |= _code_signatures(model)
    if capabilities.exported_representations(model):
        found["encode"] = Signature(
            does="Codes of images.",
            inputs={"images": Input(shape=model.image_shape, range=(-1.0, 1.0))},
            function=lambda given: capabilities.represent_all(model, given["images"]),
        )
    return found


def _generate(model: Any) -> Signature:
    """Returns the signature from noise to images, without any randomness."""
    source = capabilities.noise_source(model)
    through = ", through the mean of e(r|z)" if capabilities.has_noise_encoder(model) else ""
    return Signature(
        does=f"Images of {_listed(source.parts)}{through}: deterministic.",
        inputs=part_inputs(source.parts),
        function=lambda given: {"images": source.images(given)},
    )


def _noise_signatures(model: Any) -> dict[str, Signature]:
    """Returns `sample` and, where noise passes an encoder, what it can do besides."""
    source, code = capabilities.noise_source(model), capabilities.code_source(model)
    seed = {"seed": Input(dtype="int64")}

    def sample(given: Tensors) -> dict[str, tf.Tensor]:
        priors, sizes = [p.prior for p in source.parts], [p.size for p in source.parts]
        draws = capabilities.draw_rows(priors, given["seed"], Draw.NOISE, sizes)
        values = dict(zip((part.name for part in source.parts), draws, strict=True))
        if not capabilities.has_noise_encoder(model):
            return {"images": source.images(values), **values}
        return values | stochastic(values | given)

    def stochastic(given: Tensors) -> dict[str, tf.Tensor]:
        encoded = model.encode_noise(_joined(source.parts, given))
        (part,) = code.parts
        standard = tfd.Normal(tf.zeros([part.size]), 1.0)
        (noise,) = capabilities.draw_rows([standard], given["seed"], Draw.CODE, [part.size])
        values = {part.name: encoded.mean() + encoded.stddev() * noise}
        return {"images": code.images(values), **values}

    def encode_noise(given: Tensors) -> dict[str, tf.Tensor]:
        encoded = model.encode_noise(_joined(source.parts, given))
        (part,) = code.parts
        return {
            f"{part.name}_mean": encoded.mean(),
            f"{part.name}_log_variance": 2.0 * tf.math.log(encoded.stddev()),
        }

    found = {
        "sample": Signature(
            does="A sample for each seed: the same seed gives the same row in any batch.",
            inputs=seed,
            function=sample,
        )
    }
    if capabilities.has_noise_encoder(model):
        inputs = part_inputs(source.parts)
        found["generate_stochastic"] = Signature(
            does="Images of z, through a draw from e(r|z) for each seed.",
            inputs=inputs | seed,
            function=stochastic,
        )
        found["encode_noise"] = Signature(
            does="Mean and log variance of e(r|z).", inputs=inputs, function=encode_noise
        )
    return found


def _code_signatures(model: Any) -> dict[str, Signature]:
    """Returns the generator itself in three types, and `traverse` where a part is traversable."""
    source = capabilities.code_source(model)
    inputs = part_inputs(source.parts)
    stem = code_signature(model)

    def pixels(given: Tensors) -> tf.Tensor:
        return to_uint8(source.images(given))

    found = {
        f"{stem}_uint8": Signature(
            does="The same images, as whole numbers from 0 to 255.",
            inputs=inputs,
            function=lambda given: {"images": pixels(given)},
        ),
        f"{stem}_png": Signature(
            does="The same images, as PNG files.",
            inputs=inputs,
            function=lambda given: {"images_png_bytes": tf.io.encode_png(pixels(given))},
        ),
    }
    if capabilities.has_noise_encoder(model):
        found[stem] = Signature(
            does=f"Images of {_listed(source.parts)}.",
            inputs=inputs,
            function=lambda given: {"images": source.images(given)},
        )
    if any(part.traversable for part in source.parts):
        found["traverse"] = _traverse(source)
    return found


def code_signature(model: Any) -> str:
    """Returns the stem of the names of the signatures from the code to images."""
    return "generate_from_r" if capabilities.has_noise_encoder(model) else "generate"


def _traverse(source: capabilities.Source) -> Signature:
    """Returns the signature that sets one dimension of the code; `part` names one of several."""
    several = len(source.parts) > 1
    parts = part_inputs(source.parts)

    def function(given: Tensors) -> dict[str, tf.Tensor]:
        values, found, inside = {}, [], []
        for part in source.parts:
            chosen = tf.one_hot(given["dimension"], part.size, on_value=True, off_value=False)
            if several:
                chosen &= (given["part"] == part.name)[:, tf.newaxis]
            values[part.name] = tf.where(chosen, given["value"][:, tf.newaxis], given[part.name])
            found.append(tf.reduce_any(chosen, axis=1))
            inside.append(tf.reduce_all(in_range(values[part.name], parts[part.name]), axis=1))
        # A dimension that the named part doesn't have turns nothing; a value may be outside the
        # range of the part that it is given to, where the parts have several.
        valid = tf.reduce_any(found, axis=0) & tf.reduce_all(inside, axis=0)
        return {"images": source.images(values), VALID: valid}

    inputs = dict(parts)
    if several:
        inputs["part"] = Input(dtype="string", choices=tuple(part.name for part in source.parts))
    largest = max(part.size for part in source.parts)
    inputs["dimension"] = Input(dtype="int64", range=(0, largest - 1))
    ranges = {entry.range for entry in parts.values()}
    inputs["value"] = Input(range=ranges.pop() if len(ranges) == 1 else None)
    return Signature(
        does="Images of the code with one dimension set to a value.",
        inputs=inputs,
        function=function,
    )


def part_inputs(parts: tuple[LatentPart, ...]) -> dict[str, Input]:
    """Returns the inputs of latent parts, by their names."""
    return {
        part.name: Input(shape=(part.size,), range=capabilities.value_range(part)) for part in parts
    }


def in_range(tensor: tf.Tensor, entry: Input) -> tf.Tensor:
    """Returns which values of an input are finite and allowed, bool in its shape."""
    if entry.choices:
        return tf.reduce_any([tensor == choice for choice in entry.choices], axis=0)
    if entry.range is None:
        return tf.math.is_finite(tensor) if tensor.dtype == tf.float32 else tensor == tensor
    low, high = (tf.constant(bound, tensor.dtype) for bound in entry.range)
    return (low <= tensor) & (tensor <= high)  # neither holds for NaN


def to_uint8(images: tf.Tensor) -> tf.Tensor:
    """Returns images as whole numbers.

    Args:
        images: float32 [n, height, width, channels] in [-1, 1].

    Returns:
        pixels: uint8 of the same shape, rounded; what isn't a number becomes 0.
    """
    return tf.cast(tf.round(127.5 * (tf.clip_by_value(images, -1.0, 1.0) + 1.0)), tf.uint8)


def _joined(parts: tuple[LatentPart, ...], values: Tensors) -> tf.Tensor:
    """Returns the parts' values side by side, [n, sum of the sizes]."""
    return tf.concat([values[part.name] for part in parts], axis=-1)


def _listed(parts: tuple[LatentPart, ...]) -> str:
    """Returns the parts' names, for a sentence."""
    return ", ".join(part.name for part in parts)
