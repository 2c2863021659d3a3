"""Pictures of a generator that is asked through its signatures, here or on a server."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ibgan_tf import registry
from ibgan_tf.plotting import grids, labelled_grids, traversals
from ibgan_tf.serving import requests

_MAX_SAMPLES = 4096


class Generator(Protocol):
    """An export, loaded by `runtime.SavedModelSession` or on a server, asked by `client.Client`."""

    @property
    def signatures(self) -> Mapping[str, Any]: ...

    def run(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]: ...


def draw_samples(
    generator: Generator, path: str | os.PathLike[str], *, number: int, seed: int
) -> None:
    """Draws a grid of samples.

    Args:
        generator: one with the signature `sample`.
        path: the PNG to write.
        number: of samples.
        seed: which.

    Raises:
        ValueError: too many samples, or the generator can't do it.
        OSError: the file can't be written, or the server doesn't answer.
    """
    if not 1 <= number <= _MAX_SAMPLES:
        raise ValueError(f"samples must be 1 to {_MAX_SAMPLES}. Received: samples={number}.")
    images = ask(generator, "sample", {"seed": sample_seeds(seed, number)})["images"]
    columns = int(np.ceil(np.sqrt(number)))
    grids.save_png(path, grids.image_grid(grids.enlarge(images), columns=columns, padding=2))


def draw_traversal(
    generator: Generator,
    path: str | os.PathLike[str],
    *,
    dimension: int,
    part: str | None = None,
    value_range: float = 2.0,
    columns: int = 11,
    num_centers: int = 3,
    seed: int = 0,
    title: str = "",
) -> None:
    """Draws what one dimension of the code does, around a few random codes: a row for each.

    Args:
        generator: one with the signatures `sample` and `traverse`.
        path: the PNG to write.
        dimension: its place in the part.
        part: the part of the code; may be left out if there is only one.
        value_range: the dimension goes from -value_range to value_range.
        columns: pictures in a row.
        num_centers: rows.
        seed: which codes.
        title: written above.

    Raises:
        ValueError: there is no such dimension, or the generator can't do it.
        OSError: the file can't be written, or the server doesn't answer.
    """
    if columns < 2 or num_centers < 1 or not 0 < value_range < np.inf:
        raise ValueError(
            "columns must be >= 2, centers >= 1 and range > 0. "
            f"Received: columns={columns}, centers={num_centers}, range={value_range}."
        )
    sizes = code_sizes(generator.signatures)
    part = _chosen_part(sizes, part)
    if not 0 <= dimension < sizes[part]:
        raise ValueError(
            f"traverse must name a dimension of {part}, 0 to {sizes[part] - 1}. "
            f"Received: traverse={dimension}."
        )
    drawn = ask(generator, "sample", {"seed": sample_seeds(seed, num_centers)})
    values = np.linspace(-value_range, value_range, columns)
    rows = [
        traversal_images(
            generator, {name: drawn[name][row] for name in sizes}, part, dimension, values
        )
        for row in range(num_centers)
    ]
    traversals.traversal_picture(
        np.stack(rows),
        row_labels=[f"{part}{dimension}"] * num_centers,
        column_labels=labelled_grids.value_labels(values),
        title=title,
        path=path,
    )


def traversal_images(
    generator: Generator,
    code: Mapping[str, Sequence[float]],
    part: str,
    dimension: int,
    values: Sequence[float],
) -> np.ndarray:
    """Returns the images of one code with one dimension set to each of some values.

    Args:
        generator: one with the signature `traverse`.
        code: part -> its values.
        part: whose dimension is set.
        dimension: its place there.
        values: what it is set to.

    Returns:
        images: float32 [len(values), height, width, channels] in [-1, 1].

    Raises:
        ValueError: the generator can't do it, or the values aren't valid.
        OSError: the server doesn't answer.
    """
    number = len(values)
    inputs: dict[str, Any] = {name: np.tile(row, [number, 1]) for name, row in code.items()}
    inputs |= {"dimension": [dimension] * number, "value": values}
    wanted = registry.lookup(generator.signatures, "traverse", kind="signature")["inputs"]
    if "part" in wanted:
        inputs["part"] = [part.encode()] * number
    return ask(generator, "traverse", inputs)["images"]


def code_sizes(signatures: Mapping[str, Any]) -> dict[str, int]:
    """Returns the parts of the code that pictures are made of, and their sizes.

    Args:
        signatures: of a generator.

    Raises:
        ValueError: none of them makes PNG files of codes.
    """
    inputs = signatures[png_signature(signatures)]["inputs"]
    return {part: int(inputs[part]["shape"][1]) for part in inputs}


def png_signature(signatures: Mapping[str, Any]) -> str:
    """Returns the name of the signature from a code to a PNG file.

    Args:
        signatures: of a generator.

    Raises:
        ValueError: there is none.
    """
    for name in ("generate_from_r_png", "generate_png"):
        if name in signatures:
            return name
    raise ValueError(
        "The generator must have the signature generate_from_r_png or generate_png. "
        f"Received: signatures={', '.join(signatures)}. Export it with export/export_model.py"
    )


def ask(
    generator: Generator, signature: str, inputs: Mapping[str, Any], *, batch: int = 64
) -> dict[str, np.ndarray]:
    """Returns what a signature answers to any number of rows, after checking both sides.

    Args:
        generator: the export.
        signature: its name.
        inputs: name -> what `np.asarray` takes.
        batch: the most rows that are sent at once.

    Raises:
        ValueError: the inputs aren't what the signature takes, or it says that they aren't valid.
        OSError: the server doesn't answer.
    """
    rows = max((len(value) for value in inputs.values()), default=0)
    answers = []
    for start in range(0, max(rows, 1), batch):
        piece = {name: value[start : start + batch] for name, value in inputs.items()}
        arrays = requests.check_inputs(generator.signatures, signature, piece, max_batch=batch)
        answer = generator.run(signature, arrays)
        if "valid" in answer and not answer["valid"].all():
            raise ValueError(
                f"The inputs of {signature} must be valid. "
                f"Received: row {start + int(np.argmin(answer['valid']))} isn't. Numbers must be "
                "finite, and within their range where a code has one, such as -1 to 1."
            )
        answers.append(answer)
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def sample_seeds(seed: int, number: int) -> np.ndarray:
    """Returns the seeds of samples: int64 [number], of which a larger number begins with these.

    Args:
        seed: of them all.
        number: how many.
    """
    if seed < 0:
        raise ValueError(f"seed must be >= 0. Received: seed={seed}.")
    return np.random.default_rng(seed).integers(2**62, size=number)


def _chosen_part(sizes: Mapping[str, int], part: str | None) -> str:
    """Returns the part that was named, or the only one."""
    if part is None and len(sizes) == 1:
        return next(iter(sizes))
    if part is None:
        raise ValueError(f"part must be one of: {', '.join(sizes)}. Received: part=None.")
    return registry.lookup({name: name for name in sizes}, part, kind="part")
