"""Asks Triton by gRPC, with NVIDIA's client: runs in the environment of `triton_server`.

`ibgan_tf.serving.triton.TritonClient` starts it, so that several of them are several processes. It
takes a request in each line of standard input, and answers in a line. How long calls take is told
by itself: from arrays to arrays, without the way to the process that started it.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from tritonclient import grpc, utils

from ibgan_tf.serving import triton_lines
from ibgan_tf.serving.packing import pack, unpack

_Call = Callable[[], dict[str, np.ndarray]]


def infer(
    client: grpc.InferenceServerClient,
    request: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Returns what a model answers.

    Args:
        client: of the server.
        request: model, version, deadline in seconds.
        arrays: name -> input; [n] is sent as [n, 1].
    """
    inputs = []
    for name, array in arrays.items():
        rows = array[:, np.newaxis] if array.ndim == 1 else array
        inputs.append(grpc.InferInput(name, list(rows.shape), utils.np_to_triton_dtype(rows.dtype)))
        inputs[-1].set_data_from_numpy(rows)
    answer = client.infer(
        request["model"],
        inputs,
        model_version=request["version"],
        client_timeout=request["deadline"],
    )
    names = [output.name for output in answer.get_response().outputs]
    return {name: answer.as_numpy(name) for name in names}


def timed(call: _Call, *, seconds: float, min_calls: int) -> tuple[list[float], float]:
    """Returns how long each call took, and how far any answer was from the first.

    Args:
        call: asks the same each time.
        seconds: for how long; 0 for `min_calls`.
        min_calls: however long they take.
    """
    times, furthest, first = [], 0.0, None
    end = time.perf_counter() + seconds
    while len(times) < min_calls or time.perf_counter() < end:
        start = time.perf_counter()
        outputs = call()
        times.append(time.perf_counter() - start)
        first = first or outputs
        furthest = max(furthest, *(_distance(outputs[name], first[name]) for name in first))
    return times, furthest


def answered(client: grpc.InferenceServerClient, request: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the answer to a line: outputs, times, or what the server refused it with."""
    arrays = {name: unpack(packed) for name, packed in request["inputs"].items()}

    def call() -> dict[str, np.ndarray]:
        return infer(client, request, arrays)

    try:
        if "seconds" in request:
            times, furthest = timed(
                call, seconds=request["seconds"], min_calls=request["min_calls"]
            )
            return {"times": times, "furthest": furthest}
        return {"outputs": {name: pack(array) for name, array in call().items()}}
    except utils.InferenceServerException as error:
        code = (error.status() or "INTERNAL").removeprefix("StatusCode.")
        return {"error": {"code": code, "details": error.message()}}


def _distance(found: np.ndarray, wanted: np.ndarray) -> float:
    """Returns the largest difference of two answers; infinite if strings or bools differ."""
    if found.shape == wanted.shape and found.dtype.kind in "fiu":
        return float(np.max(np.abs(found.astype(np.float64) - wanted), initial=0.0))
    return 0.0 if np.array_equal(found, wanted) else np.inf


def main() -> None:
    """Answers line by line until standard input ends."""
    with grpc.InferenceServerClient(sys.argv[1]) as client:
        for line in sys.stdin:
            print(triton_lines.ANSWER + json.dumps(answered(client, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
