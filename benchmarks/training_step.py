"""Steps per second of IB-GAN's dSprites step, ours beside the official networks in PyTorch.

    python benchmarks/training_step.py --json=step.json
    python benchmarks/training_step.py --growth --json=growth.json

The contenders take turns, a few steps each, round after round, so that whatever the machine does
besides meets all of them; a contender's time is its median over the rounds. Needs a quiet machine
and `pip install --editable '.[benchmark]'`. BUILD.md and benchmarks/README.md say what was found.
"""

import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence

from absl import flags

from ibgan_tf import atomic, command_line
from ibgan_tf.runs import environment

FLAGS = flags.FLAGS
command_line.define_flag("json", str, "Where to write the numbers.", default="training_step.json")
command_line.define_flag("rounds", int, "Turns of each contender.", default=10)
command_line.define_flag("steps", int, "Steps in a turn.", default=5)
command_line.define_flag(
    "growth", bool, "Instead: our step over batch size, image size and width.", default=False
)

WORKER = pathlib.Path(__file__).with_name("step_worker.py")
# The official code's trunk for dSprites, and the order of the paper's Algorithm 1.
OFFICIAL = {"trunk": "separate", "update_order": "simultaneous"}
BATCH_SIZES, IMAGE_SIZES, WIDTHS = (16, 64, 256, 1024), (28, 32, 64), (8, 16, 32)
Contender = dict[str, object]


def our_contenders() -> list[Contender]:
    """Returns every form of our step, and the threads that suit it or TensorFlow's own."""
    combinations = itertools.product(
        ("float32", "bfloat16"), ("separate", "shared"), ("simultaneous", "alternating"), (1, 0)
    )
    return [
        {
            "framework": "tensorflow",
            "precision": precision,
            "trunk": trunk,
            "update_order": order,
            "threads_per_operation": threads,
            "parts": (trunk, order, threads) == ("separate", "alternating", 1),
        }
        for precision, trunk, order, threads in combinations
    ]


def pytorch_contenders() -> list[Contender]:
    """Returns every form of PyTorch's step."""
    combinations = itertools.product(
        ("float32", "bfloat16"),
        ("separate", "shared"),
        ("simultaneous", "alternating"),
        (False, True),
        (False, True),
    )
    return [
        {
            "framework": "pytorch",
            "precision": precision,
            "trunk": trunk,
            "update_order": order,
            "compile": compiled,
            "channels_last": channels_last,
        }
        for precision, trunk, order, compiled, channels_last in combinations
    ]


def growth_contenders() -> list[Contender]:
    """Returns our float32 step at other sizes: one of three changes at a time."""
    base = {
        "framework": "tensorflow",
        "precision": "float32",
        **OFFICIAL,
        "threads_per_operation": 1,
        "batch_size": 64,
        "image_size": 64,
        "width": 16,
    }
    changes = [{"batch_size": size} for size in BATCH_SIZES]
    changes += [{"image_size": size} for size in IMAGE_SIZES if size != base["image_size"]]
    changes += [{"width": width} for width in WIDTHS if width != base["width"]]
    return [base | change for change in changes]


class Worker:
    """A process that holds the contenders of one framework and number of threads.

    Args:
        contenders: all of one framework and threads_per_operation.
    """

    def __init__(self, contenders: Sequence[Contender]):
        variables = dict(os.environ)
        threads = contenders[0].get("threads_per_operation", 0)
        if threads:
            variables["TF_NUM_INTRAOP_THREADS"] = str(threads)
        self._process = subprocess.Popen(
            [sys.executable, WORKER, contenders[0]["framework"], json.dumps(list(contenders))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=variables,
        )
        self.contenders = contenders
        self.said: Mapping[str, object] = {}

    def wait(self) -> None:
        """Waits until the contenders are built."""
        self.said = self._answer()

    def run(self, number: int, steps: int) -> dict[str, float]:
        """Runs some steps of a contender; returns the seconds, and the process's peak memory."""
        self._process.stdin.write(f"{number} {steps}\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise OSError(
                f"{WORKER.name} must run each step. Received: it ended with exit code "
                f"{self._process.wait()}; its messages are above. Is '.[benchmark]' installed?"
            )
        return json.loads(line)


def measure(contenders: Sequence[Contender], *, rounds: int, steps: int) -> dict[str, object]:
    """Returns each contender's milliseconds per step and the matrix products of the machine.

    Args:
        contenders: in any order.
        rounds: turns of each.
        steps: in a turn.
    """

    def group(one):
        return one["framework"], one.get("threads_per_operation", 0)

    ordered = sorted(contenders, key=group)
    workers = []
    for _, members in itertools.groupby(ordered, key=group):
        workers.append(Worker(list(members)))
        workers[-1].wait()  # one after the other, so that each measures its products alone
    turns = [(worker, number) for worker in workers for number in range(len(worker.contenders))]
    times = {turn: [] for turn in turns}
    for _ in range(rounds):
        for worker, number in turns:
            times[worker, number].append(worker.run(number, steps)["seconds"] / steps)
    for worker in workers:
        worker.end()
    rows = [
        worker.contenders[number]
        | worker.said["contenders"][number]
        | {
            "milliseconds": 1e3 * statistics.median(times[worker, number]),
            "fastest_milliseconds": 1e3 * min(times[worker, number]),
        }
        for worker, number in turns
    ]
    products = [worker.said["matrix_product_gflops"] for worker in workers]
    best = {name: max(found[name] for found in products) for name in products[0]}
    return {"rows": rows, "matrix_product_gflops": best}


def measure_growth(
    contenders: Sequence[Contender], *, rounds: int, steps: int
) -> list[dict[str, object]]:
    """Returns each contender's milliseconds per step and peak memory, each in its own process.

    Args:
        contenders: ours.
        rounds: of each.
        steps: in a round.
    """
    rows = []
    for contender in contenders:
        worker = Worker([contender])
        worker.wait()
        turns = [worker.run(0, steps) for _ in range(rounds)]
        worker.end()
        milliseconds = 1e3 * statistics.median(turn["seconds"] for turn in turns) / steps
        rows.append(contender | {"milliseconds": milliseconds, "peak_mib": turns[-1]["peak_mib"]})
        print(f"{_form(contender)}: {milliseconds:.1f} ms", file=sys.stderr)
    return rows


def growth_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Returns how time and memory grow, and the slopes over the batch size, as Markdown."""
    lines = ["| batch size | image size | width | ms/step | peak MiB |", "|---|---|---|---|---|"]
    for row in rows:
        lines.append(
            f"| {row['batch_size']} | {row['image_size']} | {row['width']} "
            f"| {row['milliseconds']:.1f} | {row['peak_mib']:.0f} |"
        )
    usual = {name: rows[0][name] for name in ("image_size", "width")}
    same = [row for row in rows if all(row[name] == usual[name] for name in usual)]
    sizes = [row["batch_size"] for row in same]
    slopes = {
        unit: statistics.linear_regression(sizes, [row[name] for row in same])
        for name, unit in (("milliseconds", "ms"), ("peak_mib", "MiB"))
    }
    lines.append("")
    lines.append(
        "Over the batch size, by least squares: "
        + ", ".join(
            f"{s.intercept:.1f} {unit} + {s.slope:.2f} an image" for unit, s in slopes.items()
        )
    )
    return "\n".join(lines)


def complete(found: dict[str, object]) -> dict[str, object]:
    """Adds FLOPs per second and ratios to what was measured."""
    rows, products = found["rows"], found["matrix_product_gflops"]
    keys = ("precision", "trunk", "update_order")
    flops = {tuple(row[key] for key in keys): row["flops"] for row in rows if "flops" in row}
    for row in rows:
        row.setdefault("flops", flops.get(tuple(row[key] for key in keys), 0))
        row["gflops"] = row["flops"] / row["milliseconds"] / 1e6
        row["share_of_matrix_product"] = row["gflops"] / products[row["precision"]]
    rivals = [row for row in rows if row["framework"] == "pytorch"]
    official = [
        row
        for row in rivals
        if not (row["compile"] or row["channels_last"]) and row["precision"] == "float32"
    ]
    for row in rows:
        if row["framework"] == "pytorch" or not rivals:
            continue
        same = [one for one in rivals if all(one[key] == row[key] for key in keys)]
        row["over_best_pytorch"] = min(o["milliseconds"] for o in same) / row["milliseconds"]
        same = [one for one in official if all(one[key] == row[key] for key in keys[1:])]
        row["over_official_form"] = same[0]["milliseconds"] / row["milliseconds"]
    return found


def table(found: Mapping[str, object]) -> str:
    """Returns the numbers as a Markdown table, the fastest of each kind first."""
    lines = [
        "| who | precision | trunk | order | form | ms/step | steps/s | GFLOP | GFLOP/s "
        "| of product | x best PyTorch | x official form |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    order = ("trunk", "update_order", "precision", "framework", "milliseconds")
    for row in sorted(found["rows"], key=lambda row: tuple(row[name] for name in order)):
        ratios = [row.get(name) for name in ("over_best_pytorch", "over_official_form")]
        shown = " | ".join(f"{ratio:.2f}" if ratio else "" for ratio in ratios)
        lines.append(
            f"| {row['framework']} | {row['precision']} | {row['trunk']} | {row['update_order']} "
            f"| {_form(row)} | {row['milliseconds']:.1f} | {1e3 / row['milliseconds']:.2f} "
            f"| {row['flops'] / 1e9:.1f} | {row['gflops']:.0f} "
            f"| {row['share_of_matrix_product']:.0%} | {shown} |"
        )
    products = found["matrix_product_gflops"]
    lines.append("")
    lines.append(
        "2048^3 matrix product, the better of both frameworks: "
        + ", ".join(f"{name} {value:.0f} GFLOP/s" for name, value in products.items())
    )
    return "\n".join(lines)


def parts_table(found: Mapping[str, object]) -> str:
    """Returns the milliseconds of each part of our step, alone, in both precisions."""
    measured = {row["precision"]: row["parts"] for row in found["rows"] if row.get("parts")}
    if not measured:
        return ""
    lines = [
        "| ms, alone (separate, alternating) | " + " | ".join(measured) + " |",
        "|---" * (1 + len(measured)) + "|",
    ]
    for part in next(iter(measured.values())):
        times = " | ".join(f"{parts[part]:.1f}" for parts in measured.values())
        lines.append(f"| {part} | {times} |")
    return "\n".join(lines)


def _form(row: Mapping[str, object]) -> str:
    if row["framework"] == "pytorch":
        form = "compiled" if row["compile"] else "eager"
        return form + ", channels_last" * row["channels_last"]
    form = f"threads_per_operation={row['threads_per_operation']}"
    sizes = ("batch_size", "image_size", "width")
    return ", ".join([form, *(f"{name}={row[name]}" for name in sizes if name in row)])


def main(argv: Sequence[str]) -> None:
    """Measures, prints the table and writes the numbers."""
    often = {"rounds": FLAGS.rounds, "steps": FLAGS.steps}
    if FLAGS.growth:
        found = {"rows": measure_growth(growth_contenders(), **often)}
        tables = [growth_table(found["rows"])]
    else:
        found = complete(measure(our_contenders() + pytorch_contenders(), **often))
        tables = [table(found), parts_table(found)]
    found["environment"] = environment.describe(step=0, command=argv)
    atomic.write_json(pathlib.Path(FLAGS.json), found)
    print(*tables, sep="\n\n")


if __name__ == "__main__":
    command_line.run_main(main)
