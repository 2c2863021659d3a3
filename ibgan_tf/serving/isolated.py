"""Runs calls of an export in a process of their own, which never imports TensorFlow.

A process that has imported TensorFlow has registered what Python brings, such as its kernels for
Python functions; a server hasn't. The child gets the signatures' tensors as JSON, for it has no
protocol messages to read them from, and answers with arrays as JSON.
"""

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ibgan_tf.serving import runtime
from ibgan_tf.serving.packing import pack, unpack

BATCHES = (1, 2, 64)  # what an export is tried with; the last is the largest that is promised
_SECONDS = 600  # after which the child is ended
_MARK = "answers: "  # before the child's line, if a library prints lines of its own


def run_calls(
    export_dir: str | os.PathLike[str],
    signatures: Mapping[str, Any],
    calls: Sequence[tuple[str, Mapping[str, np.ndarray]]],
) -> list[dict[str, np.ndarray] | str]:
    """Returns what an export answers.

    Args:
        export_dir: the folder of one version.
        signatures: as `signatures.read_signatures` gives them.
        calls: (signature, inputs).

    Returns:
        answers: of each call, name -> array, or what the runtime says of it.

    Raises:
        ValueError: the runtime can't load the export, or ends the process.
    """
    request = {
        "export_dir": os.fspath(export_dir),
        "signatures": signatures,
        "calls": [[name, _packed(inputs)] for name, inputs in calls],
    }
    package_root = str(pathlib.Path(__file__).parents[2])
    paths = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "CUDA_VISIBLE_DEVICES": "-1",  # the answers are compared with a processor's
    }
    try:
        child = subprocess.run(
            [sys.executable, "-m", "ibgan_tf.serving.isolated"],
            input=json.dumps(request),
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"the runtime must answer in {_SECONDS} seconds") from error
    lines = [line for line in child.stdout.splitlines() if line.startswith(_MARK)]
    if child.returncode or not lines:
        last = child.stderr.strip().splitlines()[-1:] or ["nothing"]
        raise ValueError(
            f"the runtime ends with {child.returncode} instead of an answer, and says: {last[0]}"
        )
    answer = json.loads(lines[0].removeprefix(_MARK))
    if answer["imported"]:
        raise RuntimeError(f"The process imported {answer['imported']}: it is no server's.")
    if answer["error"]:
        raise ValueError(answer["error"])
    return [
        found if isinstance(found, str) else {name: unpack(array) for name, array in found.items()}
        for found in answer["answers"]
    ]


def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the child answers to a request."""
    answers, error = [], None
    try:
        session = runtime.SavedModelSession(request["export_dir"], request["signatures"])
    except runtime.SavedModelError as refused:
        error = str(refused)
    else:
        answers = [_call(session, name, inputs) for name, inputs in request["calls"]]
        session.close()
    imported = [name for name in ("tensorflow", "google.protobuf", "keras") if name in sys.modules]
    return {"answers": answers, "error": error, "imported": imported}


def _call(
    session: runtime.SavedModelSession, name: str, inputs: Mapping[str, Any]
) -> dict[str, Any] | str:
    """Returns the packed answer of one call, or the runtime's words."""
    arrays = {key: unpack(array) for key, array in inputs.items()}
    try:
        return _packed(session.run(name, arrays))
    except runtime.SavedModelError as error:
        return str(error)


def _packed(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Returns arrays in a form that JSON can hold."""
    return {name: pack(array) for name, array in arrays.items()}


if __name__ == "__main__":
    print(_MARK + json.dumps(_answer(json.load(sys.stdin))))
