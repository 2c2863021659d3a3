"""Times an export side by side: Python's loader, the C API, the local server's fronts, and Triton.

    python benchmarks/serving.py --model_dir=results/ibgan-dsprites/export --json=serving.json

One client asks for random codes' images as float32, uint8 and PNG, in batches of several sizes.
The ways take turns, a round each, so that what else the machine does falls on all of them. The
local server (`ibgan_tf/serving/double.py`) runs in a process of its own over the loader of
TensorFlow Serving; it is a stand-in written in Python, and not TensorFlow Serving. Triton is
NVIDIA's server, asked by gRPC; it is left out where its environment isn't (`make serve-test`).
"""

import contextlib
import functools
import gc
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from absl import flags

from ibgan_tf import command_line

FLAGS = flags.FLAGS
ROOT = pathlib.Path(__file__).resolve().parents[1]

command_line.define_flag(
    "model_dir",
    str,
    "The export: the folder of the version folders.",
    default="results/ibgan-dsprites/export",
)
command_line.define_flag("batches", tuple[int, ...], "Images per call.", default=(1, 8, 64))
command_line.define_flag("seconds", float, "Of each cell of the table.", default=6.0)
command_line.define_flag("rounds", int, "In how many turns.", default=3)
command_line.define_flag(
    "triton_python", str, "Of Triton's environment.", default=".venv-triton/bin/python"
)
command_line.define_flag("json", str, "Where to write the numbers.")

FORMS = {"float32": "", "uint8": "_uint8", "PNG": "_png"}
MIN_CALLS = 5  # of each turn, however slow
Run = Callable[[str, Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]
# Calls a signature for some seconds, and returns how long each call took.
Turn = Callable[[str, Mapping[str, np.ndarray], float], list[float]]


@contextlib.contextmanager
def python_loader(export_dir: pathlib.Path) -> Iterator[Run]:
    """Yields calls of an export that TensorFlow's Python has loaded into this process."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(export_dir))

    def run(signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        outputs = loaded.signatures[signature](**tensors)
        return {name: value.numpy() for name, value in outputs.items()}

    yield run


@contextlib.contextmanager
def local_server(model_dir: pathlib.Path) -> Iterator[dict[str, str]]:
    """Yields the addresses of a local server in a process of its own: transport -> address."""
    command = [sys.executable, ROOT / "export" / "serve_locally.py", f"--model_dir={model_dir}"]
    process = subprocess.Popen(
        [*command, "--model=benchmark", "--port=0", "--rest_port=0"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said = process.stdout.readline()
        if "gRPC " not in said:
            raise ValueError(f"The local server must start. Received: {said!r}.")
        grpc, rest = said.split("gRPC ")[1].split("; ")[0].split(", REST http://")
        yield {"gRPC": grpc, "REST": rest}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        process.stdout.close()


@contextlib.contextmanager
def triton_turns(export_dir: pathlib.Path, python: pathlib.Path, *, stem: str) -> Iterator[Turn]:
    """Yields turns of a process that asks Triton by gRPC; it times its calls itself."""
    from ibgan_tf.serving import triton

    only = [stem + ending for ending in FORMS.values()]
    with (
        triton.TritonServer(export_dir, python=python, only=only) as server,
        triton.TritonClient(server) as client,
    ):

        def take(signature: str, inputs: Mapping[str, np.ndarray], seconds: float) -> list[float]:
            return client.measure(signature, inputs, seconds=seconds, min_calls=MIN_CALLS)[0]

        yield take


def time_calls(
    ways: Mapping[str, Turn],
    *,
    stem: str,
    sizes: Mapping[str, int],
    batches: Sequence[int],
    seconds: float,
    rounds: int,
) -> list[dict[str, Any]]:
    """Returns a row for each way, form and batch.

    Args:
        ways: name -> takes a turn.
        stem: of the signatures from a code to images.
        sizes: part of the code -> its size.
        batches: images per call.
        seconds: of each row.
        rounds: in how many turns.

    Returns:
        rows: way, form, batch, calls, p50 and p99 in milliseconds, images per second.
    """
    generator = np.random.default_rng(0)
    rows = []
    for form, ending in FORMS.items():
        for batch in batches:
            inputs = {
                part: generator.standard_normal([batch, size]).astype(np.float32)
                for part, size in sizes.items()
            }
            times = {way: [] for way in ways}
            for take in ways.values():
                take(stem + ending, inputs, 0.0)  # the first call of a shape is slower
            for _ in range(rounds):
                for way, take in ways.items():
                    times[way] += take(stem + ending, inputs, seconds / rounds)
            rows += [row(way, form, batch, taken) for way, taken in times.items()]
    return rows


def turns(run: Run) -> Turn:
    """Returns what takes a turn of calls in this process."""

    def take(signature: str, inputs: Mapping[str, np.ndarray], seconds: float) -> list[float]:
        return turn(functools.partial(run, signature, inputs), seconds)

    return take


def turn(call: Callable[[], Any], seconds: float) -> list[float]:
    """Returns how long each call took, in seconds, until the time is up."""
    end = time.perf_counter() + seconds
    times = []
    while len(times) < MIN_CALLS or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def row(way: str, form: str, batch: int, times: Sequence[float]) -> dict[str, Any]:
    """Returns the row of some calls."""
    middle, slow = np.percentile(times, [50, 99])
    return {
        "way": way,
        "form": form,
        "batch": batch,
        "calls": len(times),
        "p50_milliseconds": 1000 * middle,
        "p99_milliseconds": 1000 * slow,
        "images_per_second": batch * len(times) / sum(times),
    }


def bytes_per_image(
    run: Run, *, stem: str, sizes: Mapping[str, int], batch: int
) -> dict[str, dict[str, float]]:
    """Returns what an image weighs in each form: by itself, in a gRPC answer, in a JSON answer."""
    from tensorflow_serving.apis import predict_pb2

    from ibgan_tf.serving import double_rest, messages

    generator = np.random.default_rng(0)
    code = {
        part: generator.standard_normal([batch, size]).astype(np.float32)
        for part, size in sizes.items()
    }
    found = {}
    for form, ending in FORMS.items():
        outputs = run(stem + ending, code)
        (name,) = (name for name in outputs if name != "valid")
        array = outputs[name]
        alone = sum(map(len, array)) if array.dtype == object else array.nbytes
        message = predict_pb2.PredictResponse(
            outputs={key: messages.to_message(value) for key, value in outputs.items()}
        )
        text = json.dumps({key: double_rest.to_json(key, value) for key, value in outputs.items()})
        sums = {"image": alone, "gRPC": message.ByteSize(), "REST": len(text)}
        found[form] = {where: number / batch for where, number in sums.items()}
    return found


def shown(
    rows: Sequence[Mapping[str, Any]],
    weights: Mapping[str, Mapping[str, float]],
    left_out: Mapping[str, str],
) -> str:
    """Returns both tables as Markdown; a row's last column compares it with the C API.

    Args:
        rows: of `time_calls`.
        weights: of `bytes_per_image`.
        left_out: way -> why it wasn't measured.
    """
    lines = [
        "| images as | batch | by | p50, ms | p99, ms | images/s | p50 / C API |",
        "|---|---|---|---|---|---|---|",
    ]
    bare = {(r["form"], r["batch"]): r["p50_milliseconds"] for r in rows if r["way"] == "C API"}
    for found in rows:
        ratio = found["p50_milliseconds"] / bare[found["form"], found["batch"]]
        lines.append(
            f"| {found['form']} | {found['batch']} | {found['way']} "
            f"| {found['p50_milliseconds']:.2f} | {found['p99_milliseconds']:.2f} "
            f"| {found['images_per_second']:.0f} | {ratio:.2f} |"
        )
    lines += [f"| any | any | {way} | left out: {why} | | | |" for way, why in left_out.items()]
    lines += ["", "| bytes per image | by itself | gRPC | REST (JSON) |", "|---|---|---|---|"]
    lines += [
        f"| {form} | {found['image']:.0f} | {found['gRPC']:.0f} | {found['REST']:.0f} |"
        for form, found in weights.items()
    ]
    return "\n".join(lines)


def measure(
    model_dir: pathlib.Path,
    *,
    batches: Sequence[int],
    seconds: float,
    rounds: int,
    triton_python: pathlib.Path,
) -> dict[str, Any]:
    """Returns the rows and the bytes per image of an export, and which ways were left out.

    Args:
        model_dir: the folder of the version folders, or of one version.
        batches: images per call.
        seconds: of each row.
        rounds: in how many turns.
        triton_python: Python of Triton's environment, which need not exist.
    """
    from ibgan_tf.serving import card, client, opening, pictures, runtime, triton

    export_dir = opening.newest_version(model_dir)
    signatures = card.read(export_dir)["signatures"]
    code = {
        "stem": pictures.png_signature(signatures).removesuffix("_png"),
        "sizes": pictures.code_sizes(signatures),
    }
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(runtime.SavedModelSession(export_dir, signatures))
        loaded = stack.enter_context(python_loader(export_dir))
        ways = {"Python": turns(loaded), "C API": turns(session.run)}
        for way, address in stack.enter_context(local_server(export_dir.parent)).items():
            settings = {"transport": way.lower(), "version": int(export_dir.name)}
            patience = client.Patience(deadline=60.0)
            connected = client.connect(
                address, model="benchmark", patience=patience, max_batch=max(batches), **settings
            )
            ways[way] = turns(stack.enter_context(connected).run)
        why_not = triton.why_not(triton_python)
        if why_not is None:
            ways["Triton"] = stack.enter_context(
                triton_turns(export_dir, triton_python, stem=code["stem"])
            )
        gc.collect()
        gc.freeze()  # or JSON's many lists set off collections that walk through all of TensorFlow
        rows = time_calls(ways, batches=batches, seconds=seconds, rounds=rounds, **code)
        weights = bytes_per_image(session.run, batch=max(batches), **code)
    left_out = {"Triton": why_not} if why_not else {}
    found = {"rows": rows, "bytes_per_image": weights, "left_out": left_out}
    return {"export": str(export_dir), **found}


def main(argv: Sequence[str]) -> None:
    """Measures, prints the tables, and writes the numbers."""
    if not FLAGS.batches or min(FLAGS.batches) < 1 or FLAGS.seconds <= 0 or FLAGS.rounds < 1:
        raise ValueError(
            "batches and rounds must be >= 1 and seconds > 0. Received: "
            f"batches={FLAGS.batches}, seconds={FLAGS.seconds}, rounds={FLAGS.rounds}."
        )
    from ibgan_tf import atomic
    from ibgan_tf.runs import environment
    from ibgan_tf.serving import extra

    extra.check_installed()
    found = measure(
        pathlib.Path(FLAGS.model_dir),
        batches=FLAGS.batches,
        seconds=FLAGS.seconds,
        rounds=FLAGS.rounds,
        triton_python=pathlib.Path(FLAGS.triton_python),
    )
    print(shown(found["rows"], found["bytes_per_image"], found["left_out"]))
    if FLAGS.json:
        about = {
            "environment": environment.describe(step=0, command=argv),
            "seconds_per_row": FLAGS.seconds,
            "rounds": FLAGS.rounds,
        }
        atomic.write_json(pathlib.Path(FLAGS.json), about | found)


if __name__ == "__main__":
    command_line.run_main(main)
