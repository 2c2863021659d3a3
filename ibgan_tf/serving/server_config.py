"""Settings of TensorFlow Serving for a model's folder, written beside its version folders.

models.config names versions by label: `stable` for what clients should ask, and `canary` for a
newer one, which a few clients may try. Every version in the folder is loaded: a running server
refuses to move a label to a version that it hasn't loaded, and the rest of the file with it.
To promote the canary, change `stable` to its number. To take a version out, remove its folder, once
no label names it.

Of models.config the labels stay when a version is added; the other files are written where they are
missing, for they are there to be changed.
"""

import importlib.util
import os
import pathlib
import re
from collections.abc import Mapping

from ibgan_tf import atomic
from ibgan_tf.serving.isolated import BATCHES

FOLDER = "serving"  # no number, so that no server takes it for a version
MODELS = "models.config"
_SCRIPT_NAME = "tensorflow_model_server.sh"
_IN_CONTAINER = "/models"
_LABEL = re.compile(r"version_labels\s*:?\s*\{([^}]*)\}")
_LABEL_KEY = re.compile(r"""\bkey\s*:\s*["']([^"']*)["']""")
_LABEL_VALUE = re.compile(r"\bvalue\s*:\s*(\d+)")

_BATCHING = """\
# Requests are joined into batches of these sizes; the gate has tried {largest}.
max_batch_size {{ value: {largest} }}
# How long the first request waits for others: 0 for none; try 1000 to 10000 under load.
batch_timeout_micros {{ value: 0 }}
# A full queue answers UNAVAILABLE, and the client tries again later.
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
--model_config_file={models}/models.config
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

_SCRIPT = r"""#!/bin/sh
# Serves the versions beside this folder by an installed tensorflow_model_server: gRPC on port 8500,
# REST and metrics on port 8501, at every address of this machine. Flags given here are passed on.
here=$(cd "$(dirname "$0")" && pwd) || exit
copies=$(mktemp -d) || exit
trap 'rm -rf "$copies"' EXIT

# A base path must be absolute, and that of models.config is the container's: so here is a copy.
copy() {
  BASE=$(dirname "$here") awk '
    BEGIN { base = ENVIRON["BASE"]; gsub(/[\\"]/, "\\\\&", base) }
    /base_path:/ { print "    base_path: \"" base "\""; next }
    { print }
  ' "$here/models.config" > "$copies/new" && mv "$copies/new" "$copies/models.config"
}

copy || exit
tensorflow_model_server --port=8500 --rest_api_port=8501 \
@FLAGS
  "$@" &
server=$!
trap 'kill "$server"' INT TERM
while kill -0 "$server" 2> /dev/null; do
  copy
  sleep 2 > /dev/null 2>&1 &
  wait "$!"
done
wait "$server"
"""


def write(model_dir: pathlib.Path, *, name: str, versions: list[int]) -> pathlib.Path:
    """Writes the settings for the versions that there are.

    Labels stay at their versions while these are there; `canary` goes to the newest.

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
    labels = _labels(folder / MODELS, sorted(versions))
    atomic.write_text(folder / MODELS, _models_config(name, labels))
    base = f"{_IN_CONTAINER}/{name}"
    settings = f"{base}/{FOLDER}"
    compose = _COMPOSE.format(
        name=name,
        container=_IN_CONTAINER,
        flags=_flags('      - "{}"', models=settings, folder=settings),
    )
    script = _SCRIPT.replace("@FLAGS", _flags('  "{}" \\', models="$copies", folder="$here"))
    others = {
        "batching.config": _batching_config(),
        "monitoring.config": _MONITORING,
        "docker-compose.yml": compose,
        _SCRIPT_NAME: script,
    }
    for file_name, text in others.items():
        if not (folder / file_name).exists():
            atomic.write_text(folder / file_name, text)
    (folder / _SCRIPT_NAME).chmod(0o755)
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


def _flags(form: str, *, models: str, folder: str) -> str:
    """Returns the server's flags, a line each in a form, for the folders of its settings."""
    lines = _FLAGS.format(models=models, folder=folder).splitlines()
    return "\n".join(form.format(line) for line in lines)


def _labels(path: pathlib.Path, versions: list[int]) -> dict[str, int]:
    """Returns the version of each label: as models.config had it, where that version is there.

    Args:
        path: of models.config, which need not exist.
        versions: that there are, ascending.
    """
    kept = {}
    for block in _LABEL.findall(path.read_text(encoding="utf-8") if path.is_file() else ""):
        key, value = _LABEL_KEY.search(block), _LABEL_VALUE.search(block)
        if key and value and int(value[1]) in versions:
            kept[key[1]] = int(value[1])
    stable = kept.get("stable", versions[-2:][0])
    kept.pop("canary", None)
    canary = {"canary": versions[-1]} if versions[-1] != stable else {}
    return {"stable": stable} | canary | {k: v for k, v in kept.items() if k != "stable"}


def _models_config(name: str, labels: Mapping[str, int]) -> str:
    """Returns models.config."""
    lines = [
        f'name: "{name}"',
        f'base_path: "{_IN_CONTAINER}/{name}"',
        'model_platform: "tensorflow"',
        "model_version_policy { all { } }",
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
