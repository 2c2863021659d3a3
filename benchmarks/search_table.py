"""Shows what a search found: a Markdown table of its runs, and their curves.

    python benchmarks/search_table.py --log=results/studies/search-h200.jsonl \\
        --picture=results/studies/search-h200.png

The log is what `pytorch_search.py` or `jax_search.py` writes.
"""

import argparse
import json
import pathlib
import sys
from collections.abc import Mapping, Sequence

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from ibgan_tf.plotting import curves

AWAKE = 0.5  # nats, from which a dimension of r counts as awake
LAST_SCORES = 3  # of a run, that are shown

Rows = dict[tuple[str, int], list[dict]]  # by name and seed


def read(log: pathlib.Path) -> tuple[list[dict], Rows]:
    """Returns the descriptions of the runs, and the rows of each by name and seed."""
    descriptions, rows = [], {}
    for line in log.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "settings" in row:
            descriptions.append(row)
        else:
            rows.setdefault((row["name"], row["seed"]), []).append(row)
    if not descriptions:
        raise ValueError(
            f"A log must describe its runs, as that of pytorch_search.py. Received: {log}, without "
            "a line that has settings."
        )
    return descriptions, rows


def table(
    descriptions: Sequence[Mapping], rows: Mapping[tuple[str, int], Sequence[Mapping]]
) -> str:
    """Returns the runs as a Markdown table, with the settings in which they differ."""
    settings = [one["settings"] for one in descriptions]
    differing = [key for key in settings[0] if len({str(one[key]) for one in settings}) > 1]
    head = ["run", "data set", "seed", *differing, "steps", "awake", "I^L"]
    head += ["FactorVAE score, the last three", "by factor"]
    lines = [head, ["---"] * len(head)]
    for one in descriptions:
        own = rows.get((one["name"], one["seed"]), [])
        reports = [row for row in own if "kl" in row]
        scores = sorted((row for row in own if "factor_vae" in row), key=lambda row: row["step"])
        if not (reports and scores):  # the time ended before
            continue
        last = [row for row in reports if row["step"] <= scores[-1]["step"]][-1]
        lines.append(
            [
                f"`{one['name']}`",
                one["dataset"],
                str(one["seed"]),
                *[_text(one["settings"][key]) for key in differing],
                f"{scores[-1]['step']:,}",
                str(sum(kl >= AWAKE for kl in last["kl"])),
                f"{last['information_lower_bound']:.2f}",
                ", ".join(f"{row['factor_vae']:.3f}" for row in scores[-LAST_SCORES:]),
                ", ".join(f"{part:.2f}" for part in scores[-1]["factor_accuracy"]),
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def draw(descriptions: Sequence[Mapping], rows: Rows, picture: pathlib.Path) -> None:
    """Writes the score and I^L of every run over its steps, a pair of axes for each data set."""
    points, groups = [], []
    for dataset in dict.fromkeys(one["dataset"] for one in descriptions):
        runs = [one for one in descriptions if one["dataset"] == dataset]
        for key, title, unit in (
            ("factor_vae", f"FactorVAE score, {dataset}", "score"),
            ("information_lower_bound", f"lower bound $I^L$, {dataset}", "nats"),
        ):
            labels = {}
            for one in runs:
                label = f"{one['name']}, seed {one['seed']}"
                labels[f"{key} {label}"] = label
                own = rows.get((one["name"], one["seed"]), [])
                points += [
                    {"step": row["step"], f"{key} {label}": row[key]} for row in own if key in row
                ]
            groups.append(curves.CurveGroup(title=title, y_label=unit, labels=labels))
    curves.curves(sorted(points, key=lambda row: row["step"]), groups, picture, stacked=True)


def main() -> None:
    """Reads the flags, prints the table and draws the curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log", type=pathlib.Path, required=True)
    parser.add_argument("--picture", type=pathlib.Path)
    flags = parser.parse_args()
    try:
        descriptions, rows = read(flags.log)
    except (OSError, ValueError) as error:
        sys.exit(f"search_table.py: error: {error}")
    print(table(descriptions, rows))
    if flags.picture:
        draw(descriptions, rows, flags.picture)


if __name__ == "__main__":
    main()
