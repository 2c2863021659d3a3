"""Checks what is asked of a generator before it is sent: names, shapes, types, values.

A server's signature refuses wrong types and shapes by itself, but takes NaN, and in a batch of
many clients an error of one is an error of all. Values are refused here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ibgan_tf import registry

MAX_BATCH = 64  # the largest batch that every export is tried with before it is published


def check_inputs(
    signatures: Mapping[str, Any],
    signature: str,
    inputs: Mapping[str, Any],
    *,
    max_batch: int = MAX_BATCH,
) -> dict[str, np.ndarray]:
    """Returns the inputs of a call as arrays of the signature's types.

    Args:
        signatures: as `ibgan_tf.serving.signatures.read_signatures` gives them; or of a model
            card, which has the ranges of values too.
        signature: the one to call.
        inputs: name -> what `np.asarray` takes, one row for each answer.
        max_batch: the most rows.

    Returns:
        name -> array.

    Raises:
        ValueError: an unknown signature, other inputs than the signature's, another shape or kind
            of numbers, NaN or infinity, no rows or too many.
    """
    wanted = registry.lookup(signatures, signature, kind="signature")["inputs"]
    if set(inputs) != set(wanted):
        raise ValueError(
            f"The inputs of {signature} must be {', '.join(sorted(wanted))}. "
            f"Received: {', '.join(sorted(inputs)) or 'none'}."
        )
    arrays = {name: _to_array(name, inputs[name], tensor) for name, tensor in wanted.items()}
    rows = {name: len(array) for name, array in arrays.items()}
    if len(set(rows.values())) != 1:
        raise ValueError(f"The inputs of {signature} must have equally many rows. Received: {rows}")
    number = next(iter(rows.values()))
    if not 1 <= number <= max_batch:
        raise ValueError(
            f"A call must have 1 to {max_batch} rows. Received: {number} rows for {signature}. "
            "Send several calls."
        )
    return arrays


def _to_array(name: str, value: Any, tensor: Mapping[str, Any]) -> np.ndarray:
    """Returns one input in the type of the signature, after checking it."""
    array = np.asarray(value)
    shape, dtype = tensor["shape"], tensor["dtype"]
    if not _fits(array.shape, shape):
        raise ValueError(
            f"{name} must have the shape {_shown(shape)}. Received: shape={list(array.shape)}."
        )
    if dtype == "string":
        if not all(isinstance(item, bytes) for item in array.reshape(-1)):
            raise ValueError(f"{name} must hold bytes. Received: dtype={array.dtype}.")
        return array.astype(object)
    target = np.dtype(dtype)
    kinds = "fiu" if target.kind == "f" else "b" if target.kind == "b" else "iu"
    if array.dtype.kind not in kinds:
        raise ValueError(f"{name} must be {dtype}. Received: dtype={array.dtype}.")
    if target.kind == "f":
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite: refused
            converted = array.astype(target)
        _check_finite(name, converted)
        _check_range(name, converted, tensor.get("range"))
        return converted
    if target.kind != "b":
        limits = np.iinfo(target)
        _check_range(name, array, (limits.min, limits.max))
        _check_range(name, array, tensor.get("range"))
    return array.astype(target)


def _check_range(name: str, array: np.ndarray, limits: Sequence[float] | None) -> None:
    """Refuses values below or above limits."""
    if limits is None or not array.size:
        return
    low, high = limits
    least, largest = array.min().item(), array.max().item()
    if least < low or largest > high:
        raise ValueError(f"{name} must lie in {low}..{high}. Received: {least}..{largest}.")


def _check_finite(name: str, array: np.ndarray) -> None:
    """Refuses NaN and infinity, naming the first row that has one."""
    finite = np.isfinite(array)
    if not finite.all():
        place = np.argwhere(~finite)[0]
        raise ValueError(
            f"{name} must be finite. "
            f"Received: {name}[{', '.join(map(str, place))}]={array[tuple(place)]}."
        )


def _fits(shape: tuple[int, ...], wanted: list[int | None] | None) -> bool:
    """Says whether an array's shape is one that a signature takes."""
    if wanted is None:
        return len(shape) > 0
    if len(shape) != len(wanted):
        return False
    return all(want is None or size == want for size, want in zip(shape, wanted, strict=True))


def _shown(shape: list[int | None] | None) -> str:
    """Returns a signature's shape as text: [n, 16]."""
    sizes = ["n" if size is None else str(size) for size in shape or [None]]
    return f"[{', '.join(sizes)}]"
