"""Exports a trained run as a SavedModel for TensorFlow Serving, which the gate has let pass.

python export/export_model.py --run_dir=runs/my-run --output_dir=models/ibgan-dsprites
"""

import pathlib
from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line
from ibgan_tf.runs import record
from ibgan_tf.serving import publish

FLAGS = flags.FLAGS

command_line.define_flag("run_dir", str, "The run to export.")
command_line.define_flag(
    "output_dir", str, "The folder of the model's versions; its name is the served model's."
)
command_line.define_flag("version", int, "The version's number; by default the next.")
command_line.define_flag(
    "step", str, "The step whose weights are exported: a number, or last.", default="last"
)


def main(_: Sequence[str]) -> None:
    """Loads the run, exports it, and prints what was checked and where the version is."""
    run_dir = command_line.required("run_dir")
    output_dir = command_line.required("output_dir")
    step = command_line.parse_step(FLAGS.step)
    record.read_values(run_dir)  # refuses what it can before TensorFlow starts

    publish.choose_version(pathlib.Path(output_dir), FLAGS.version)

    import ibgan_tf
    from ibgan_tf.serving import export

    run = ibgan_tf.load_run(run_dir, step=step)
    print(export.export_run(run, output_dir, version=FLAGS.version))


if __name__ == "__main__":
    command_line.run_main(main)
