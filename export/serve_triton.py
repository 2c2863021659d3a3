"""Serves an export by NVIDIA's Triton, on this machine, until Ctrl-C.

    python export/serve_triton.py --model_dir=models/ibgan-dsprites

Every signature is a model of Triton's. `make serve-test` makes the environment that it needs.
"""

import pathlib
import signal
import threading
from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line

FLAGS = flags.FLAGS

command_line.define_flag("model_dir", str, "The folder of a version, or of the version folders.")
command_line.define_flag(
    "signatures", tuple[str, ...] | None, "Which to serve; by default all of the export's."
)
command_line.define_flag("host", str, "The address to listen at.", default="127.0.0.1")
command_line.define_flag("port", int, "Of gRPC.", default=8001)
command_line.define_flag("rest_port", int, "Of HTTP.", default=8000)
command_line.define_flag("metrics_port", int, "Of the page for Prometheus.", default=8002)
command_line.define_flag(
    "triton_python", str, "Of Triton's environment.", default=".venv-triton/bin/python"
)


def main(_: Sequence[str]) -> None:
    """Serves until it is told to stop."""
    model_dir = pathlib.Path(command_line.required("model_dir"))
    for name in ("port", "rest_port", "metrics_port"):
        if not 0 < FLAGS[name].value < 2**16:
            raise ValueError(f"{name} must be 1 to 65535. Received: {name}={FLAGS[name].value}.")

    from ibgan_tf.serving import opening, triton

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with triton.TritonServer(
        opening.newest_version(model_dir),
        python=FLAGS.triton_python,
        host=FLAGS.host,
        ports=(FLAGS.port, FLAGS.rest_port, FLAGS.metrics_port),
        only=FLAGS.signatures,
    ) as server:
        print(
            f"{', '.join(server.signatures)}: version {server.version}; "
            f"gRPC {server.grpc_address}, HTTP http://{server.http_address}, "
            f"metrics http://{server.metrics_address}/metrics; Ctrl-C stops",
            flush=True,
        )
        stopped.wait()


if __name__ == "__main__":
    command_line.run_main(main)
