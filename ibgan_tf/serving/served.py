"""What a server says of a model, and whether it answers as the model's export did."""

import os
import pathlib

from ibgan_tf.serving import calls, card, opening
from ibgan_tf.serving.client import Client


def describe(connected: Client) -> str:
    """Returns the served versions and signatures, a line each.

    Args:
        connected: to the server.

    Raises:
        ServingError: it doesn't answer.
    """
    states = [f"version {version}: {state}" for version, state in connected.versions().items()]
    lines = [f"{connected.target} on {connected.target.server}", *states]
    for name, signature in connected.signatures.items():
        inputs, outputs = (
            ", ".join(f"{key} {tensor['dtype']}" for key, tensor in signature[side].items())
            for side in ("inputs", "outputs")
        )
        lines.append(f"{name}: {inputs} -> {outputs}")
    return "\n".join(lines)


def check(connected: Client, model_dir: str | os.PathLike[str]) -> str:
    """Asks for what the card of an export has the answers to, and compares.

    Args:
        connected: to the server, pinned to the export's version unless that is the newest.
        model_dir: the folder of the version, or of the version folders.

    Returns:
        report: one line.

    Raises:
        FileNotFoundError: there is no export, or it has no card.
        ValueError: an answer differs from the export's.
        ServingError: the server doesn't answer.
    """
    export_dir = opening.newest_version(pathlib.Path(model_dir))
    known = card.sample_calls(card.read(export_dir))
    problems, largest = [], 0.0
    for call in known:
        found, difference = calls.differences(call, connected.run(call.signature, call.inputs))
        problems += found
        largest = max(largest, difference)
    if problems:
        raise ValueError(
            f"The server at {connected.target.server} must answer as {export_dir} does. "
            f"Received: {'; '.join(problems)}."
        )
    return (
        f"{connected.target} on {connected.target.server} answers as {export_dir}: "
        f"{len(known)} signatures, numbers within {largest:.1e}"
    )
