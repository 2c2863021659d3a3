"""Arrays as JSON, bit for bit: {"dtype": "float32", "shape": [1, 16], "base64": "..."}.

Numbers in base64 take a third of the room of numbers as text. Arrays of bytes objects are
{"dtype": "string", "shape": [1], "base64": ["...", ...]}, each by itself.
"""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np


def pack(array: np.ndarray) -> dict[str, Any]:
    """Returns an array in a form that JSON can hold.

    Args:
        array: numbers, bools, or an array of objects that holds bytes.
    """
    if array.dtype == object:
        contents = [base64.b64encode(item).decode() for item in array.ravel()]
        return {"dtype": "string", "shape": list(array.shape), "base64": contents}
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    contents = base64.b64encode(little.tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "base64": contents}


def unpack(packed: Mapping[str, Any]) -> np.ndarray:
    """Returns the array that `pack` packed.

    Raises:
        ValueError: it isn't what `pack` writes.
    """
    try:
        shape, contents = tuple(packed["shape"]), packed["base64"]
        if packed["dtype"] == "string":
            items = [base64.b64decode(item, validate=True) for item in contents]
            array = np.empty(len(items), object)
            array[:] = items
            return array.reshape(shape)
        dtype = np.dtype(packed["dtype"])
        if dtype.kind not in "biuf":
            raise ValueError(f"dtype {dtype}")
        buffer = base64.b64decode(contents, validate=True)
        return np.frombuffer(buffer, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"An array must be written as dtype, shape and base64. Received: {error}."
        ) from error
