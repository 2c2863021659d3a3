"""The gate: what an export must pass before a server may see it.

First what can be read without running anything: operations, devices, signatures, variables, files.
Only then is every signature loaded and run, by the C++ runtime in a process without TensorFlow's
Python, and compared: with the model where it is there, else with the model's answers that the
export's card has kept. A loader alone isn't enough: without its variables an export loads, and
fails at the first call.
"""

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ibgan_tf.serving import (
    calls,
    card,
    graph_checks,
    isolated,
    server_config,
    signatures,
    variable_checks,
    warm_up,
)
from ibgan_tf.serving.calls import Call
from ibgan_tf.serving.isolated import BATCHES


def check_export(export_dir: str | os.PathLike[str]) -> list[str]:
    """Checks a published export by itself: any copy of it, without its run.

    Args:
        export_dir: the folder of one version, <model>/<number>.

    Returns:
        report: what was checked, a line each.

    Raises:
        FileNotFoundError: `export_dir` holds no export.
        ValueError: the export is refused; the message says why.
    """
    path = pathlib.Path(export_dir)
    signatures.read_saved_model(path)  # says what is no export at all
    if not path.resolve().name.isdecimal():
        raise refusal(path, ["a version's folder must be named by a whole number"])
    report = check_contents(path)
    return [*report, server_config.check(path.resolve().parent)]


def check_contents(
    export_dir: str | os.PathLike[str], *, model_calls: Sequence[Call] = ()
) -> list[str]:
    """Checks an export, wherever it lies.

    Args:
        export_dir: the folder of one version, whatever its name.
        model_calls: calls of its signatures, with the answers of its model.

    Returns:
        report: what was checked, a line each.

    Raises:
        FileNotFoundError: `export_dir` holds no export.
        ValueError: the export is refused; the message says why.
    """
    path = pathlib.Path(export_dir)
    saved_model = signatures.read_saved_model(path)
    found = signatures.read_signatures(path)
    problems = graph_checks.graph_problems(saved_model)
    problems += variable_checks.variable_problems(path, saved_model)
    try:
        described = card.read(path)
    except (FileNotFoundError, ValueError) as error:
        problems += [*graph_checks.signature_problems(found, found), str(error)]
        if not problems[:-1]:  # a graph that may be run says more than that its card is missing
            problems += _run_problems(path, found)
        raise refusal(path, problems) from error
    problems += graph_checks.signature_problems(found, described["signatures"])
    problems += card.file_problems(path, described)
    if problems:
        raise refusal(path, problems)

    try:
        samples, replayed = card.sample_calls(described), warm_up.read(path)
    except ValueError as error:
        raise refusal(path, [str(error)]) from error
    asked = [*model_calls, *(repeat(call, rows) for call in samples for rows in BATCHES)]
    largest = _check_answers(path, found, asked, replayed or [])
    return [
        f"{len(found)} signatures, run at batch {', '.join(map(str, BATCHES))} in a process "
        f"without TensorFlow's Python; largest difference {largest:.1e}",
        f"{len(described['files'])} files as the card has them",
        warm_up.NOT_REPLAYED if replayed is None else f"{len(replayed)} warm-up requests replayed",
    ]


def _run_problems(path: pathlib.Path, found: dict[str, Any]) -> list[str]:
    """Returns what the runtime says of signatures whose answers nobody knows, called with zeros."""
    requests = [
        (name, {key: _zeros(tensor, rows) for key, tensor in signature["inputs"].items()})
        for name, signature in found.items()
        for rows in BATCHES
    ]
    try:
        answers = isolated.run_calls(path, found, requests)
    except ValueError as error:
        return [str(error)]
    return [answer for answer in answers if isinstance(answer, str)]


def _zeros(tensor: dict[str, Any], rows: int) -> np.ndarray:
    """Returns an input of zeros, or of empty strings, of a signature's shape."""
    shape = [rows, *(size or 1 for size in tensor["shape"][1:])]
    if tensor["dtype"] == "string":
        return np.full(shape, b"", object)
    return np.zeros(shape, tensor["dtype"])


def _check_answers(
    path: pathlib.Path,
    found: dict[str, Any],
    asked: Sequence[Call],
    replayed: Sequence[tuple[str, dict[str, np.ndarray]]],
) -> float:
    """Returns the largest difference between the answers and what they must be."""
    requests = [(call.signature, call.inputs) for call in asked] + list(replayed)
    try:
        answers = isolated.run_calls(path, found, requests)
    except ValueError as error:
        raise refusal(path, [str(error)]) from error
    problems = [answer for answer in answers if isinstance(answer, str)]
    if problems:
        raise refusal(path, problems)
    largest = 0.0
    for call, answer in zip(asked, answers[: len(asked)], strict=True):
        found_problems, difference = calls.differences(call, answer)
        problems += found_problems
        largest = max(largest, difference)
    if problems:
        raise refusal(path, problems)
    return largest


def repeat(call: Call, rows: int) -> Call:
    """Returns a call of one row as a call of many equal rows, each with the same answer."""
    return dataclasses.replace(
        call,
        inputs={name: np.repeat(array, rows, axis=0) for name, array in call.inputs.items()},
        outputs={name: np.repeat(array, rows, axis=0) for name, array in call.outputs.items()},
    )


def refusal(path: pathlib.Path, problems: Sequence[str]) -> ValueError:
    """Returns the error that says why an export is refused: the first problems, each once."""
    distinct = list(dict.fromkeys(problems))
    shown = "; ".join(distinct[:5])
    more = f"; and {len(distinct) - 5} more" if len(distinct) > 5 else ""
    shown = shown.removesuffix(".") if not more else shown
    return ValueError(f"An export must pass the gate. Received: export_dir={path}: {shown}{more}.")
