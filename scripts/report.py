"""Writes one page over many runs: scores over seeds, curves, the effect of beta, heat maps.

    python scripts/report.py runs/*
    python scripts/report.py runs/a runs/b --output_dir=report --score=mig
    python scripts/report.py sweeps/beta        a sweep's folder: all its runs

The folder gets README.md, index.html (one file, with its pictures in it) and figures/. Every number
comes from the runs' own records; what can't be read is named on the page and on the screen.
"""

import sys
from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line

FLAGS = flags.FLAGS

command_line.define_flag("output_dir", str, "Folder of the report.", default="report")
command_line.define_flag(
    "score",
    str,
    "The score of the figures, whose best step is marked: a metric, or metric-protocol; by "
    "default the FactorVAE score where there is one.",
)


def main(argv: Sequence[str]) -> None:
    """Writes the report, and prints where it is."""
    from ibgan_tf.reporting import report

    _, *run_dirs = argv
    paths, problems = report.write_report(run_dirs, FLAGS.output_dir, score=FLAGS.score)
    for problem in problems:
        print(f"report.py: warning: {problem.path}: {problem.text}", file=sys.stderr)
    print(*paths, sep="\n")


if __name__ == "__main__":
    command_line.run_main(main, positional="run directory")
