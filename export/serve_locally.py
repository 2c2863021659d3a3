"""Serves an export on this machine, as TensorFlow Serving would: for a look, without Docker.

    python export/serve_locally.py --model_dir=models/ibgan-dsprites

Not TensorFlow Serving itself, but its messages over its C++ loader in a Python process: one model,
no batching across calls. It polls for new versions until Ctrl-C; labels are those of its start.
"""

import gc
import pathlib
import signal
import threading
from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line

FLAGS = flags.FLAGS

command_line.define_flag("model_dir", str, "The folder that holds the version folders.")
command_line.define_flag("model", str, "The model's name; by default the one it was exported by.")
command_line.define_flag("host", str, "The address to listen at.", default="127.0.0.1")
command_line.define_flag("port", int, "Of gRPC; 0 for any free one.", default=8500)
command_line.define_flag("rest_port", int, "Of REST; 0 for any free one.", default=8501)
command_line.define_flag(
    "versions",
    tuple[int, ...] | None,
    "The versions to serve; by default as serving/models.config says, or else the newest.",
)


def main(_: Sequence[str]) -> None:
    """Serves until it is told to stop."""
    model_dir = pathlib.Path(command_line.required("model_dir"))
    if not model_dir.is_dir():
        raise FileNotFoundError(
            "model_dir must be a folder of version folders. "
            f"Received: model_dir={model_dir}. Make one with export/export_model.py"
        )
    if (model_dir / "saved_model.pb").exists():
        raise ValueError(
            "model_dir must be the folder that holds the version folders. "
            f"Received: model_dir={model_dir}, a version itself. Take {model_dir.parent}"
        )
    for name in ("port", "rest_port"):
        if not 0 <= FLAGS[name].value < 2**16:
            raise ValueError(f"{name} must be 0 to 65535. Received: {name}={FLAGS[name].value}.")

    from ibgan_tf.serving import extra

    extra.check_installed()
    from ibgan_tf.serving import double, isolated, publish

    only, labels = double.configured_versions(model_dir)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with double.ServingDouble(
        model_dir,
        model=FLAGS.model or publish.model_name(model_dir.resolve(), flag="model_dir"),
        host=FLAGS.host,
        port=FLAGS.port,
        rest_port=FLAGS.rest_port,
        only=FLAGS.versions or only,
        labels=labels,
        max_batch=max(isolated.BATCHES),  # as batching.config beside the versions has it
    ) as server:
        versions = ", ".join(map(str, server.versions.states())) or "none yet"
        print(
            f"{server.model}: versions {versions}; gRPC {server.address}, "
            f"REST http://{server.rest_address}; Ctrl-C stops",
            flush=True,
        )
        gc.collect()
        gc.freeze()  # or JSON's many lists set off collections that walk through all of TensorFlow
        stopped.wait()


if __name__ == "__main__":
    command_line.run_main(main)
