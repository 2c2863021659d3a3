"""Draws latent traversals of a run: a PNG for each center, and one animated GIF of them all.

    python scripts/traverse.py --run_dir=runs/my-run

Each row of a picture is a dimension of the code, in the order of its KL from the prior, or of its
information in InfoGAN, and labelled with it (nats); along the row the dimension goes from -range to
range and the others keep their values. Categories have a picture of their own.

Where evaluate.py has measured MIG at the step, a label ends in the factor that the dimension knows
most of, "position_y 58 %": their mutual information in parts of the factor's entropy, from 10 % on.
"""

import os
from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line
from ibgan_tf.runs import record

FLAGS = flags.FLAGS

command_line.define_flag("run_dir", str, "The run to look at.")
command_line.define_flag(
    "data_dir", str, "Folder of the data, for --center=data; by default the user's cache."
)
command_line.define_flag(
    "step", str, "The step whose weights are shown: a number, or last.", default="last"
)
command_line.define_flag(
    "center",
    str,
    "What a picture is drawn around: random codes from the prior, its mean (one picture), "
    "or the codes of random images of the data set.",
    default="random",
    choices=("random", "mean", "data"),
)
command_line.define_flag("num_centers", int, "How many centers, a picture each.", default=3)
command_line.define_flag(
    "range",
    float,
    "Each dimension goes from -range to range, a uniform one no further than its own.",
    default=2.0,
)
command_line.define_flag("columns", int, "Images in a row.", default=11)
command_line.define_flag(
    "min_nats", float | None, "Rows that carry less are left out, but for the first."
)
command_line.define_flag("seed", int, "Which centers.", default=0)
command_line.define_flag(
    "output_dir", str, "Folder of the pictures; by default <run_dir>/traversals."
)


def main(_: Sequence[str]) -> None:
    """Loads the run, draws, and prints where the pictures are."""
    run_dir = command_line.required("run_dir")
    step = command_line.parse_step(FLAGS.step)
    record.read_values(run_dir)  # refuses a folder that isn't a run, before TensorFlow starts

    import ibgan_tf
    from ibgan_tf.evaluation import factor_names
    from ibgan_tf.runs import lock
    from ibgan_tf.training import pictures
    from ibgan_tf.training.centers import traversal_centers

    output_dir = FLAGS.output_dir or os.path.join(run_dir, "traversals")
    lock.check_folder(output_dir, name="output_dir")
    settings = {"value_range": FLAGS.range, "columns": FLAGS.columns, "seed": FLAGS.seed}
    pictures.check_traversal(num_centers=FLAGS.num_centers, **settings)
    run = ibgan_tf.load_run(run_dir, step=step, data_dir=FLAGS.data_dir)
    centers = traversal_centers(
        run.model,
        FLAGS.center,
        num_centers=FLAGS.num_centers,
        seed=FLAGS.seed,
        dataset=run.dataset if FLAGS.center == "data" else None,
    )
    paths = pictures.draw_traversals(
        run.model,
        output_dir,
        stem=f"step-{run.step}-{FLAGS.center}",
        title=f"{run.config.model} on {run.config.dataset}, step {run.step}",
        centers=centers,
        notes=factor_names.dimension_factors(run),
        min_nats=FLAGS.min_nats,
        **settings,
    )
    print(*paths, sep="\n")


if __name__ == "__main__":
    command_line.run_main(main)
