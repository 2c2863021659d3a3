"""Draws the curves of a run from its log: the information bounds with each KL, and the losses.

    python scripts/plot_curves.py --run_dir=runs/my-run

A run that is still being trained can be drawn too.
"""

import os
from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line
from ibgan_tf.runs import lock, log, record

FLAGS = flags.FLAGS

command_line.define_flag("run_dir", str, "The run to look at.")
command_line.define_flag("output_dir", str, "Folder of the pictures; by default <run_dir>/curves.")


def main(_: Sequence[str]) -> None:
    """Reads the log, draws, and prints where the pictures are."""
    run_dir = command_line.required("run_dir")
    record.read_values(run_dir)  # refuses a folder that isn't a run

    output_dir = FLAGS.output_dir or os.path.join(run_dir, "curves")
    lock.check_folder(output_dir, name="output_dir")

    from ibgan_tf.plotting import curves

    print(*curves.draw_curves(log.read_rows(run_dir), output_dir), sep="\n")


if __name__ == "__main__":
    command_line.run_main(main)
