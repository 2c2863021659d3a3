"""Ranks runs without factors, by how well their codes agree: UDR (Duan et al. 2020).

    python scripts/udr.py runs/seed-*

Each run's score is written to its metrics/step-N/, where scripts/report.py finds it.
"""

from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line

FLAGS = flags.FLAGS

command_line.define_flag("step", str, "Which weights: a number, or last.", default="last")
command_line.define_flag(
    "protocol", str, "How codes are related.", default="lasso", choices=("lasso", "spearman")
)
command_line.define_flag("settings", str, "Sample sizes.", default="full", choices=("full", "fast"))
command_line.define_flag("seed", int, "Of the choice of images.", default=0)
command_line.define_flag("data_dir", str, "Folder of the data; by default in the user's cache.")


def main(argv: Sequence[str]) -> None:
    """Scores the runs and prints them, the best first."""
    from ibgan_tf.evaluation import agreement

    _, *run_dirs = argv
    results = agreement.evaluate_agreement(
        run_dirs,
        step=command_line.parse_step(FLAGS.step),
        protocol=FLAGS.protocol,
        settings=FLAGS.settings,
        seed=FLAGS.seed,
        data_dir=FLAGS.data_dir,
    )
    ranked = sorted(zip(results, run_dirs, strict=True), key=lambda one: -one[0]["score"])
    for result, run_dir in ranked:
        print(f"{result['score']:.3f}  {run_dir}, step {result['step']}")


if __name__ == "__main__":
    command_line.run_main(main, positional="run directory")
