"""Copies what is worth keeping of a run to a small folder: its record, snapshots and pictures.

python scripts/keep.py --run_dir=runs/fast --output_dir=results/my-run --steps=2500,60000
"""

from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line

FLAGS = flags.FLAGS

command_line.define_flag("run_dir", str, "The run; it may still be training.")
command_line.define_flag("output_dir", str, "The folder to write, a run directory itself.")
command_line.define_flag("steps", tuple[int, ...], "Snapshots to keep, commas between them.")


def main(_: Sequence[str]) -> None:
    """Copies, and says what."""
    from ibgan_tf.runs import keep

    paths = keep.keep_run(
        command_line.required("run_dir"),
        command_line.required("output_dir"),
        steps=command_line.required("steps"),
    )
    print(*paths, sep="\n")


if __name__ == "__main__":
    command_line.run_main(main)
