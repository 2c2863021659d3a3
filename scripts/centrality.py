"""Ranks models without factors, by how well each understands the others: ModelCentrality.

    python scripts/centrality.py runs/seed-*
    python scripts/centrality.py --step=all --first_step=50000 --settings=fast runs/seed-1

Lin et al. 2020. Of several runs, or of the checkpoints and snapshots of one, the first of the list
is the one to take; two alone have the same score. Each model's is written to its metrics/step-N/.
"""

from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line

FLAGS = flags.FLAGS

command_line.define_flag("step", str, "Which weights: a number, last or all.", default="last")
command_line.define_flag(
    "first_step", int, "With --step=all: those before it are left out.", default=0
)
command_line.define_flag(
    "settings",
    str,
    "Sample sizes: full, the paper's, or fast, a tenth of them.",
    default="full",
    choices=("full", "fast"),
)
command_line.define_flag("seed", int, "Of the images that the models generate.", default=0)
command_line.define_flag("data_dir", str, "Folder of the data; by default in the user's cache.")


def main(argv: Sequence[str]) -> None:
    """Scores the models and prints them, the best first."""
    command_line.check_goes_with("step", "all", ["first_step"])
    from ibgan_tf.evaluation import centrality

    _, *run_dirs = argv
    results = centrality.evaluate_centrality(
        run_dirs,
        step=command_line.parse_step(FLAGS.step, "all"),
        first_step=FLAGS.first_step,
        settings=FLAGS.settings,
        seed=FLAGS.seed,
        data_dir=FLAGS.data_dir,
    )
    for run_dir, result in sorted(results, key=lambda one: -one[1]["score"]):
        print(f"{result['score']:.3f}  {run_dir}, step {result['step']}")


if __name__ == "__main__":
    command_line.run_main(main, positional="run directory")
