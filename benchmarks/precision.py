"""Draws the information of runs of different precision side by side.

    python benchmarks/precision.py --runs=runs/float32,runs/bfloat16 --output=curves.png

The runs' other settings and seeds should be equal. Which dimensions of r are used differs from run
to run, by chance, so that their divergences are drawn in order of size at each run's end.
"""

import pathlib
from collections.abc import Mapping, Sequence

from absl import flags

from ibgan_tf import command_line
from ibgan_tf.runs import log, record

FLAGS = flags.FLAGS
command_line.define_flag("runs", tuple[str, ...], "Run directories.")
command_line.define_flag("steps", int, "The last step that is drawn.", default=10_000)
command_line.define_flag("dimensions", int, "How many dimensions of r.", default=4)
command_line.define_flag("output", str, "The PNG to write.", default="precision.png")

BOUNDS = {"I^L": "information_lower_bound", "I^U": "information_upper_bound"}


def lines(rows: Sequence[Mapping[str, object]], *, dimensions: int) -> dict[str, str]:
    """Returns what is drawn of a run: its name -> the key in the log.

    Args:
        rows: of the log.
        dimensions: how many dimensions of r, those of the largest divergence in the last row.
    """
    last = rows[-1]
    ordered = sorted((key for key in last if key.startswith("kl/")), key=lambda key: -last[key])
    return BOUNDS | {f"KL {rank}": key for rank, key in enumerate(ordered[:dimensions], 1)}


def table(values: Mapping[str, Mapping[str, float]]) -> str:
    """Returns the means over the last tenth of the steps as Markdown.

    Args:
        values: run -> line -> nats.
    """
    names = next(iter(values.values()))
    rows = ["| nats | " + " | ".join(values) + " |", "|---" * (1 + len(values)) + "|"]
    for name in names:
        rows.append(
            f"| {name} | " + " | ".join(f"{run[name]:.2f}" for run in values.values()) + " |"
        )
    return "\n".join(rows)


def main(_: Sequence[str]) -> None:
    """Draws, and prints the means at the end."""
    from ibgan_tf.plotting import curves

    merged, ends, labels = [], {}, {}
    for folder in command_line.required("runs"):
        name = record.read_values(pathlib.Path(folder))["options"]["precision"]
        rows = [row for row in log.read_rows(folder) if 0 < row["step"] <= FLAGS.steps]
        drawn = lines(rows, dimensions=FLAGS.dimensions)
        last = [row for row in rows if row["step"] > 0.9 * FLAGS.steps]
        ends[name] = {
            line: sum(row[key] for row in last) / len(last) for line, key in drawn.items()
        }
        for line, key in drawn.items():
            labels.setdefault(line, {})[f"{name} {line}"] = name
            merged += [{"step": row["step"], f"{name} {line}": row[key]} for row in rows]
    groups = [
        curves.CurveGroup(title=line, y_label="nats", labels=names)
        for line, names in labels.items()
    ]
    curves.curves(merged, groups, FLAGS.output)
    print(table(ends))


if __name__ == "__main__":
    command_line.run_main(main)
