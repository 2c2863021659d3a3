"""Serves a page to explore a generator: a slider for each dimension of its code, and the picture.

    python export/explore.py --model_dir=models/ibgan-dsprites
    python export/explore.py --server=127.0.0.1:8500 --model=ibgan-dsprites

The page listens on this machine alone unless --host says otherwise, and asks nobody else.
"""

import pathlib
import signal
import threading
from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line

FLAGS = flags.FLAGS
_KEPT = pathlib.Path(__file__).parents[1] / "results" / "ibgan-dsprites" / "export"

command_line.define_flag(
    "model_dir",
    str,
    "An export: a version's folder, or the one that holds the version folders. By default the "
    "project's own, results/ibgan-dsprites/export.",
)
command_line.define_flag("server", str, "host:port of a server to ask, instead of an export.")
command_line.define_flag("model", str, "The model's name on the server.", default="ibgan-dsprites")
command_line.define_flag(
    "transport", str, "How to ask the server.", default="grpc", choices=("grpc", "rest")
)
command_line.define_flag("version", int | None, "The version to ask the server for.")
command_line.define_flag("label", str, "The label of the version, instead of its number.")
command_line.define_flag("host", str, "The address the page is served at.", default="127.0.0.1")
command_line.define_flag("port", int, "Of the page; 0 for any free one.", default=8600)
command_line.define_flag("seed", int | None, "Of random codes; by default others each time.")


def main(_: Sequence[str]) -> None:
    """Serves the page until Ctrl-C."""
    if FLAGS.server and FLAGS.model_dir:
        raise ValueError(
            "server or model_dir must be given, not both. "
            f"Received: server={FLAGS.server}, model_dir={FLAGS.model_dir}."
        )
    command_line.check_goes_with("server", None, ["model", "transport", "version", "label"])
    if not 0 <= FLAGS.port < 2**16:
        raise ValueError(f"port must be 0 to 65535. Received: port={FLAGS.port}.")
    if FLAGS.seed is not None:
        from ibgan_tf.metrics.protocols import check_seed

        check_seed(FLAGS.seed)

    from ibgan_tf.serving import explorer, explorer_server, opening

    if FLAGS.server:
        opened = opening.open_server(
            FLAGS.server,
            model=FLAGS.model,
            transport=FLAGS.transport,
            version=FLAGS.version,
            label=FLAGS.label,
        )
    else:
        opened = opening.open_export(FLAGS.model_dir or _KEPT)
    with opened.generator:
        answers = explorer.Explorer(
            opened.generator, title=opened.title, latent=opened.latent, seed=FLAGS.seed
        )
        answers.warm_up()
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        with explorer_server.ExplorerServer(answers, host=FLAGS.host, port=FLAGS.port) as server:
            print(f"{opened.title}: http://{server.address} ; Ctrl-C stops", flush=True)
            stopped.wait()


if __name__ == "__main__":
    command_line.run_main(main)
