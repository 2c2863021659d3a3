"""Asks a running server: pictures of its generator, or whether it answers as its export did.

    python export/client.py --server=127.0.0.1:8500 --traverse=3 --output=t.png
    python export/client.py --samples=64 --output=grid.png
    python export/client.py --check=models/ibgan-dsprites

Without any of these it tells which versions are served and what they can be asked.
"""

import pathlib
from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line

FLAGS = flags.FLAGS

command_line.define_flag(
    "server", str, "host:port of the server; of tensorflow_model_server on this machine by default."
)
command_line.define_flag(
    "model", str, "The model's name there; by default --check's, or else ibgan-dsprites."
)
command_line.define_flag("transport", str, "How to ask.", default="grpc", choices=("grpc", "rest"))
command_line.define_flag("version", int | None, "The version to ask, not the newest.")
command_line.define_flag("label", str, "The label of the version to ask, such as stable.")
command_line.define_flag("deadline", float, "Seconds that a call may take.", default=10.0)
command_line.define_flag("attempts", int, "How often a call is tried at most.", default=5)
command_line.define_flag("traverse", int | None, "The dimension of the code to turn.")
command_line.define_flag("part", str, "The part of the code it is of, where there are several.")
command_line.define_flag("range", float, "It goes from -range to range.", default=2.0)
command_line.define_flag("columns", int, "Pictures in a row.", default=11)
command_line.define_flag("centers", int, "Random codes that it is turned around.", default=3)
command_line.define_flag("samples", int | None, "The number of samples to draw.")
command_line.define_flag("seed", int, "Which samples or codes.", default=0)
command_line.define_flag("output", str, "The PNG to write.")
command_line.define_flag(
    "check", str, "An export: the server must answer its card's requests as the export did."
)


def main(_: Sequence[str]) -> None:
    """Asks, and prints what was written or found."""
    asked = [name for name in ("traverse", "samples", "check") if FLAGS[name].value is not None]
    if len(asked) > 1:
        raise ValueError(
            f"traverse, samples or check must be given, one of them. Received: {', '.join(asked)}."
        )
    output = command_line.required("output") if asked in (["traverse"], ["samples"]) else None

    from ibgan_tf.serving import client, opening, pictures, publish, served

    model = FLAGS.model
    if model is None and FLAGS.check is not None:
        export_dir = opening.newest_version(pathlib.Path(FLAGS.check).resolve())
        model = publish.model_name(export_dir.parent, flag="check")
    patience = client.Patience(deadline=FLAGS.deadline, attempts=FLAGS.attempts)
    settings = {"transport": FLAGS.transport, "version": FLAGS.version, "label": FLAGS.label}
    server = FLAGS.server or f"127.0.0.1:{client.PORTS[FLAGS.transport]}"
    with client.connect(
        server, model=model or "ibgan-dsprites", patience=patience, **settings
    ) as connected:
        if FLAGS.samples is not None:
            pictures.draw_samples(connected, output, number=FLAGS.samples, seed=FLAGS.seed)
        elif FLAGS.traverse is not None:
            pictures.draw_traversal(
                connected,
                output,
                dimension=FLAGS.traverse,
                part=FLAGS.part,
                value_range=FLAGS.range,
                columns=FLAGS.columns,
                num_centers=FLAGS.centers,
                seed=FLAGS.seed,
                title=str(connected.target),
            )
        elif FLAGS.check is not None:
            print(served.check(connected, FLAGS.check))
        else:
            print(served.describe(connected))
    if output:
        print(output)


if __name__ == "__main__":
    command_line.run_main(main)
