"""Calls of an export with the answers that they must get, from the model itself or from a card."""

import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from ibgan_tf.seeds import Draw
from ibgan_tf.serving import capabilities
from ibgan_tf.serving.isolated import BATCHES
from ibgan_tf.serving.model_signatures import (
    VALID,
    Input,
    Signature,
    model_signatures,
    part_inputs,
)

TOLERANCE = 1e-5  # of what the model itself answers on the same machine
KEPT_TOLERANCE = 1e-3  # of what it answered on another, whose processor adds in another order
_LEVELS = 1  # of a pixel of 0..255, where it was rounded


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a signature.

    Attributes:
        signature: its name.
        inputs: name -> array, with equally many rows.
        outputs: name -> array: what it must answer, in the rows that are valid.
        tolerance: what numbers may differ by, of themselves or of 1.
    """

    signature: str
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]
    tolerance: float = TOLERANCE

    @property
    def rows(self) -> int:
        """How many rows it asks for."""
        return len(next(iter(self.inputs.values())))


def model_calls(model: Any, *, batches: Sequence[int] = BATCHES, seed: int = 0) -> list[Call]:
    """Returns calls of every signature with random inputs, and what the model answers itself.

    Args:
        model: of MODELS, computing in float32.
        batches: how many rows; where there are two, the second is made invalid once more.
        seed: of the inputs.

    Returns:
        calls: of every signature with each number of rows.
    """
    generator = np.random.default_rng(seed)
    calls = []
    for name, signature in model_signatures(model).items():
        for rows in batches:
            inputs = random_inputs(signature, rows, generator)
            if name == "traverse":
                inputs["value"] = _values_of_parts(model, signature, inputs, generator)
            calls.append(_answered(model, name, signature, inputs))
            if rows == 2 and (spoilt := _spoilt(signature, inputs)) is not None:
                calls.append(_answered(model, name, signature, spoilt))
    return calls


def random_inputs(
    signature: Signature, rows: int, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Returns valid inputs of a signature.

    Args:
        signature: of a model.
        rows: how many.
        generator: of the values.

    Returns:
        name -> array.
    """
    return {name: _random(entry, rows, generator) for name, entry in signature.inputs.items()}


def _values_of_parts(
    model: Any,
    signature: Signature,
    inputs: Mapping[str, np.ndarray],
    generator: np.random.Generator,
) -> np.ndarray:
    """Returns values that the dimensions which a call of `traverse` sets may have, [n]."""
    others = random_inputs(signature, len(inputs["value"]), generator)
    chosen = _chosen_dimensions(capabilities.code_source(model), inputs)
    # A dimension that the part doesn't have turns nothing, whatever its value.
    return np.array(
        [
            others[part][row, dimension % others[part].shape[1]]
            for row, (part, dimension) in enumerate(chosen)
        ]
    )


def _random(entry: Input, rows: int, generator: np.random.Generator) -> np.ndarray:
    """Returns values of one input."""
    shape = (rows, *entry.shape)
    if entry.choices:
        return np.array([c.encode() for c in generator.choice(entry.choices, shape)], object)
    if entry.dtype == "int64":
        low, high = entry.range or (-(2**63), 2**63 - 1)
        return generator.integers(int(low), int(high), shape, np.int64, endpoint=True)
    if entry.range is not None:
        return generator.uniform(*entry.range, shape).astype(np.float32)
    return generator.standard_normal(shape, np.float32)


def _spoilt(signature: Signature, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray] | None:
    """Returns inputs whose last row isn't valid; None if the signature takes any number."""
    for name, entry in signature.inputs.items():
        if entry.dtype == "float32":
            values = inputs[name].copy()
            values[-1] = np.nan
            return {**inputs, name: values}
    return None


def _answered(
    model: Any, name: str, signature: Signature, inputs: Mapping[str, np.ndarray]
) -> Call:
    """Returns the call of some inputs."""
    with tf.device("CPU:0"):  # a GPU multiplies with fewer digits unless it is told
        outputs = {key: np.asarray(value) for key, value in _answer(model, name, inputs).items()}
    outputs[VALID] = _valid(signature.inputs, inputs)
    if name == "traverse":
        code = capabilities.code_source(model)
        outputs[VALID] &= _valid(part_inputs(code.parts), _traversed(code, inputs))
        sizes = {part.name: part.size for part in code.parts}
        chosen = _chosen_dimensions(code, inputs)
        outputs[VALID] &= [dimension < sizes[part] for part, dimension in chosen]
    return Call(signature=name, inputs=inputs, outputs=outputs)


def _answer(model: Any, name: str, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Returns what a model answers by its own methods, row by row where it draws."""
    noise, code = capabilities.noise_source(model), capabilities.code_source(model)
    if name == "encode":
        found = capabilities.exported_representations(model)
        return {kind: model.represent(tf.constant(inputs["images"]), kind) for kind in found}
    values, outputs = dict(inputs), {}
    if name == "sample":
        for number, part in enumerate(noise.parts):
            seeds = [capabilities.row_seed(s, Draw.NOISE, number) for s in inputs["seed"]]
            rows = [np.reshape(part.prior.sample(seed=seed), [part.size]) for seed in seeds]
            outputs[part.name] = values[part.name] = np.stack(rows).astype(np.float32)
    if capabilities.has_noise_encoder(model):
        (part,) = code.parts
        if name in ("sample", "generate_stochastic", "encode_noise"):
            encoded = model.encode_noise(_joined(noise, values))
            mean, deviation = encoded.mean().numpy(), encoded.stddev().numpy()
        if name == "encode_noise":
            return {f"{part.name}_mean": mean, f"{part.name}_log_variance": 2 * np.log(deviation)}
        if name in ("sample", "generate_stochastic"):
            seeds = [capabilities.row_seed(s, Draw.CODE, 0) for s in inputs["seed"]]
            rows = [tf.random.stateless_normal([part.size], seed).numpy() for seed in seeds]
            outputs[part.name] = values[part.name] = mean + deviation * np.stack(rows)
    if name == "traverse":
        values |= _traversed(code, inputs)
    if name == "serving_default" or not capabilities.has_noise_encoder(model):
        images = model.generate(_joined(noise, values)).numpy()
    else:
        images = model.generate_from_r(_joined(code, values)).numpy()
    return outputs | _as_asked(name, images)


def _traversed(
    code: capabilities.Source, inputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns the code's parts, with the chosen dimension of each row set."""
    values = {part.name: inputs[part.name].copy() for part in code.parts}
    for row, (part, dimension) in enumerate(_chosen_dimensions(code, inputs)):
        if dimension < values[part].shape[1]:
            values[part][row, dimension] = inputs["value"][row]
    return values


def _chosen_dimensions(
    code: capabilities.Source, inputs: Mapping[str, np.ndarray]
) -> list[tuple[str, int]]:
    """Returns the part and the dimension that each row of a call of `traverse` sets."""
    dimensions = inputs["dimension"].tolist()
    only = [code.parts[0].name.encode()] * len(dimensions)
    parts = [part.decode() for part in inputs.get("part", only)]
    return list(zip(parts, dimensions, strict=True))


def _as_asked(name: str, images: np.ndarray) -> dict[str, np.ndarray]:
    """Returns images in the form that a signature gives them in."""
    if name.endswith(("_uint8", "_png")):
        pixels = np.round(127.5 * (np.clip(np.nan_to_num(images), -1, 1) + 1)).astype(np.uint8)
        if name.endswith("_uint8"):
            return {"images": pixels}
        return {"images_png_bytes": np.array([_png(image) for image in pixels], object)}
    return {"images": images}


def _valid(entries: Mapping[str, Input], inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns which rows are finite and in range."""
    valid = np.ones(len(next(iter(inputs.values()))), bool)
    for name, entry in entries.items():
        if entry.choices:
            checks = np.isin(inputs[name], [choice.encode() for choice in entry.choices])
        else:
            low, high = entry.range or (-np.inf, np.inf)
            checks = np.isfinite(inputs[name]) & (inputs[name] >= low) & (inputs[name] <= high)
        valid &= checks.reshape(len(valid), -1).all(axis=1)
    return valid


def _joined(source: capabilities.Source, values: Mapping[str, np.ndarray]) -> tf.Tensor:
    """Returns the values of a source's parts side by side."""
    return tf.constant(np.concatenate([values[part.name] for part in source.parts], axis=-1))


def _png(image: np.ndarray) -> bytes:
    """Returns a PNG file of uint8 pixels, [height, width, 1 or 3]."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG")
    return buffer.getvalue()


def differences(call: Call, answer: Mapping[str, np.ndarray]) -> tuple[list[str], float]:
    """Returns in what an answer differs from what it must be.

    Numbers may differ by the call's tolerance; pixels by a level; what a seed draws not at all.

    Args:
        call: what was asked.
        answer: name -> array.

    Returns:
        problems: sentences; none if it is right.
        largest: the largest difference between numbers that aren't pixels.
    """
    where = f"{call.signature} at batch {call.rows}"
    if set(answer) != set(call.outputs):
        return [f"{where} answers {sorted(answer)} where {sorted(call.outputs)} must be"], 0.0
    problems, largest = [], 0.0
    valid = call.outputs[VALID]
    for name, wanted in call.outputs.items():
        given = answer[name]
        if given.dtype != wanted.dtype or given.shape != wanted.shape:
            problems.append(
                f"{where}: {name} is {given.dtype} {list(given.shape)} where {wanted.dtype} "
                f"{list(wanted.shape)} must be"
            )
            continue
        if name == VALID:
            if not np.array_equal(given, wanted):
                problems.append(f"{where}: {name} is {given} where {wanted} must be")
            continue
        difference, allowed = _distance(given[valid], wanted[valid], call.tolerance)
        exact = call.signature == "sample" and name != "images" and not _follows(name, call)
        if not difference <= (0 if exact else allowed):
            problems.append(f"{where}: {name} differs from the model's by {difference:.3g}")
        if wanted.dtype == np.float32:
            largest = max(largest, difference)
    return problems, largest


def _follows(name: str, call: Call) -> bool:
    """Says whether an output of `sample` is computed from another, as r is from z."""
    return name == "r" and "z" in call.outputs


def _distance(given: np.ndarray, wanted: np.ndarray, tolerance: float) -> tuple[float, float]:
    """Returns the largest difference of two arrays, and what it may be."""
    if given.size == 0:
        return 0.0, 0.0
    if given.dtype == object:
        pairs = zip(given.ravel(), wanted.ravel(), strict=True)
        return max(_picture_distance(*pair) for pair in pairs), _LEVELS
    difference = np.max(np.abs(given.astype(np.float64) - wanted.astype(np.float64)))
    if given.dtype == np.uint8:
        return float(difference), _LEVELS
    return float(difference), tolerance * max(1.0, float(np.max(np.abs(wanted))))


def _picture_distance(given: bytes, wanted: bytes) -> float:
    """Returns the largest difference between the pixels of two PNG files; inf if one is none."""
    try:
        first, second = (np.asarray(Image.open(io.BytesIO(file)), int) for file in (given, wanted))
    except OSError:
        return np.inf
    return float(np.max(np.abs(first - second))) if first.shape == second.shape else np.inf
