"""Settings of TensorFlow Serving for a model's folder, written beside its version folders.

models.config names the versions by label: `stable` for what clients should ask, and `canary` for a
newer one, which a few clients may try; both are then served side by side. To promote the canary,
change `stable` to its number, or remove the older version's folder and export again.
"""

import importlib.util
import os
import pathlib
import re

from ibgan_tf import atomic
from ibgan_tf.serving.isolated import BATCHES

FOLDER = "serving"  # no number, so that no server takes it for a version
MODELS = "models.config"
_IN_CONTAINER = "/models"
_STABLE = re.compile(r'key: "stable" value: (\d+)')

_BATCHING = """\
# Requests are joined into batches of these sizes; the gate has tried {largest}.
max_batch_size {{ value: {largest} }}
# How long the first request waits for others: 0 for none; try 1000 to 10000 under load.
batch_timeout_micros {{ value: 0 }}
# A full queue answers RESOURCE_EXHAUSTED, and the client tries again later.
max_enqueued_batches {{ value: 100 }}
# As many as there were cores where this was exported; change it to those of the server.
num_batch_threads {{ value: {cores} }}
{sizes}
"""

_MONITORING = """\
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""

_FLAGS = """\
--model_config_file={folder}/models.config
--model_config_file_poll_wait_seconds=60
--allow_version_labels_for_unavailable_models=true
--enable_batching=true
--batching_parameters_file={folder}/batching.config
--monitoring_config_file={folder}/monitoring.config
--enable_model_warmup=true"""

_COMPOSE = """\
# docker compose -f serving/docker-compose.yml up
# gRPC on port 8500, REST and metrics on port 8501, of this machine alone.
services:
  {name}:
    image: ${{TENSORFLOW_SERVING_IMAGE:-tensorflow/serving}}
    ports:
      - "127.0.0.1:8500:8500"
      - "127.0.0.1:8501:8501"
    volumes:
      - "..:{container}/{name}:ro"
    command:
{flags}
"""

_SCRIPT = """\
#!/bin/sh
# Serves the versions beside this folder by an installed tensorflow_model_server: gRPC on port 8500,
# REST and metrics on port 8501. Flags given here are passed on.
set -e
here=$(cd "$(dirname "$0")" && pwd)
config=$(mktemp)
trap 'rm -f "$config"' EXIT
# A base path must be absolute; that of models.config is the container's.
sed "s#base_path: .*#base_path: \\"$(dirname "$here")\\"#" "$here/models.config" > "$config"
tensorflow_model_server --port=8500 --rest_api_port=8501 \\
  --model_config_file="$config" \\
  --allow_version_labels_for_unavailable_models=true \\
  --enable_batching=true \\
  --batching_parameters_file="$here/batching.config" \\
  --monitoring_config_file="$here/monitoring.config" \\
  --enable_model_warmup=true "$@"
"""


def write(model_dir: pathlib.Path, *, name: str, versions: list[int]) -> pathlib.Path:
    """Writes the settings for the versions that there are.

    `stable` stays the version that it was, while that one is there.

    Args:
        model_dir: the folder of the version folders.
        name: of the served model.
        versions: numbers of the version folders, at least one.

    Returns:
        folder: of the settings.

    Raises:
        OSError: a file can't be written.
    """
    folder = model_dir / FOLDER
    folder.mkdir(exist_ok=True)
    newest = max(versions)
    older = _stable_version(folder)
    stable = older if older in versions else (sorted(versions)[-2:][0])
    atomic.write_text(folder / MODELS, _models_config(name, stable=stable, newest=newest))
    atomic.write_text(folder / "batching.config", _batching_config())
    atomic.write_text(folder / "monitoring.config", _MONITORING)
    base = f"{_IN_CONTAINER}/{name}"
    lines = _FLAGS.format(folder=f"{base}/{FOLDER}").splitlines()
    compose = _COMPOSE.format(
        name=name,
        container=_IN_CONTAINER,
        flags="\n".join(f'      - "{line}"' for line in lines),
    )
    atomic.write_text(folder / "docker-compose.yml", compose)
    script = folder / "tensorflow_model_server.sh"
    atomic.write_text(script, _SCRIPT)
    script.chmod(0o755)
    return folder


def check(model_dir: pathlib.Path) -> str:
    """Checks the settings beside the versions, as far as the messages of the wheel allow.

    models.config has a message, batching.config and monitoring.config have none.

    Args:
        model_dir: the folder of the version folders.

    Returns:
        report: one line.

    Raises:
        ValueError: models.config isn't one, or names versions that aren't there.
    """
    path = model_dir / FOLDER / MODELS
    if not path.is_file():
        return f"no server settings beside it: {path} is missing"
    if importlib.util.find_spec("tensorflow_serving") is None:
        return f"{path} not checked: tensorflow-serving-api isn't installed"
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    message = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(path.read_text(encoding="utf-8"), message)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} must be a ModelServerConfig. Received: {error}.") from error
    configs = message.model_config_list.config
    if len(configs) != 1:
        raise ValueError(f"{path} must have one model. Received: {len(configs)} models.")
    labels = dict(configs[0].version_labels)
    named = {*labels.values(), *configs[0].model_version_policy.specific.versions}
    missing = sorted(named - set(published_versions(model_dir)))
    if missing:
        raise ValueError(f"{path} must name versions that exist. Received: {missing}.")
    shown = ", ".join(f"{label} {version}" for label, version in sorted(labels.items()))
    return f"{MODELS} read: {configs[0].name}, {shown or 'no labels'}"


def published_versions(model_dir: pathlib.Path) -> list[int]:
    """Returns the numbers of the version folders, ascending.

    Args:
        model_dir: the folder of the version folders; it need not exist.
    """
    if not model_dir.is_dir():
        return []
    return sorted(int(path.name) for path in model_dir.iterdir() if path.name.isdecimal())


def _models_config(name: str, *, stable: int, newest: int) -> str:
    """Returns models.config."""
    labels = {"stable": stable} | ({"canary": newest} if newest != stable else {})
    versions = " ".join(f"versions: {version}" for version in sorted(set(labels.values())))
    lines = [
        f'name: "{name}"',
        f'base_path: "{_IN_CONTAINER}/{name}"',
        'model_platform: "tensorflow"',
        *([f"model_version_policy {{ specific {{ {versions} }} }}"] if len(labels) > 1 else []),
        *(f'version_labels {{ key: "{key}" value: {value} }}' for key, value in labels.items()),
    ]
    body = "\n".join(f"    {line}" for line in lines)
    return f"model_config_list {{\n  config {{\n{body}\n  }}\n}}\n"


def _batching_config() -> str:
    """Returns batching.config; the sizes ascend and end at the largest."""
    largest = max(BATCHES)
    sizes = [2**power for power in range(largest.bit_length())]
    return _BATCHING.format(
        largest=largest,
        cores=os.cpu_count(),
        sizes="\n".join(f"allowed_batch_sizes: {size}" for size in sizes),
    )


def _stable_version(folder: pathlib.Path) -> int | None:
    """Returns the version that is labelled stable; None if there is none."""
    path = folder / MODELS
    found = _STABLE.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    return int(found[1]) if found else None
