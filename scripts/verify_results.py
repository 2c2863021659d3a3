"""Computes the scores of the records in results/ again, from their weights, and compares.

    python scripts/verify_results.py

Scores of another machine may differ by rounding: 1 % of the score and 0.0005 are allowed, or 0.005
where votes are counted. Exit code 1 if one differs by more. What can't be computed here is named
and doesn't count.
"""

from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line

FLAGS = flags.FLAGS

command_line.define_flag("results_dir", str, "Folder of the records.", default="results")
command_line.define_flag("data_dir", str, "Folder of the data; by default in the user's cache.")


def main(_: Sequence[str]) -> int:
    """Prints a line for each result; returns 1 if one is different."""
    from ibgan_tf.evaluation import verify

    print(verify.table_line())
    counts = dict.fromkeys((verify.SAME, verify.DIFFERENT, verify.SKIPPED), 0)
    for verdict in verify.verify_results(FLAGS.results_dir, data_dir=FLAGS.data_dir):
        print(verify.table_line(verdict), flush=True)
        counts[verdict.verdict] += 1
    print(", ".join(f"{number} {verdict}" for verdict, number in counts.items()))
    return int(counts[verify.DIFFERENT] > 0)


if __name__ == "__main__":
    command_line.run_main(main)
