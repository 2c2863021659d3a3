"""Exports a trained run: written, checked by the gate, published, with its server's settings."""

import os
import pathlib
from collections.abc import Callable

from ibgan_tf.runs.load import Run
from ibgan_tf.serving import (
    archive,
    calls,
    capabilities,
    card,
    gate,
    publish,
    server_config,
    warm_up,
)

_SAMPLE_SEED = 1


def export_run(
    run: Run,
    output_dir: str | os.PathLike[str],
    *,
    version: int | None = None,
    report: Callable[[str], None] = print,
) -> pathlib.Path:
    """Writes <output_dir>/<version>/, for TensorFlow Serving.

    Args:
        run: a loaded run.
        output_dir: the folder of the model's versions; its name is the model's.
        version: a number that isn't there yet; None for the next.
        report: is given what was checked, a line at a time.

    Returns:
        path: of the version.

    Raises:
        NotADirectoryError: `output_dir`, or a folder above it, is a file.
        FileExistsError: the version exists.
        ValueError: the name isn't fit, or the gate refuses the export.
        OSError: the disk is full, or another process is exporting there.
    """
    model_dir = pathlib.Path(output_dir)
    version = publish.choose_version(model_dir, version)
    name = publish.model_name(model_dir)
    model = capabilities.float32_model(run.model)
    samples = calls.model_calls(model, batches=[1], seed=_SAMPLE_SEED)

    def write_settings() -> None:
        versions = server_config.published_versions(model_dir)
        server_config.write(model_dir, name=name, versions=versions)

    with publish.publishing(model_dir, version, then=write_settings) as staging:
        archive.write(model, staging)
        if warm_up.is_available():
            warm_up.write(staging, samples, name=name)
        else:
            report(warm_up.NOT_WRITTEN)
        card.write(staging, run, model, samples, name=name, version=version)
        for line in gate.check_contents(staging, model_calls=calls.model_calls(model)):
            report(line)
    report(server_config.check(model_dir))
    return model_dir / str(version)
