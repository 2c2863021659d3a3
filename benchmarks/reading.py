"""Images per second of every input pipeline, beside those that IB-GAN's step takes.

    python benchmarks/reading.py --json=reading.json

Goal: the pipeline alone gives 20 times what the step takes. The step is that of IB-GAN's smallest
network, so the most demanding, on a batch that is always the same; it and the pipelines take turns,
round after round, each alone on the machine. Pictures of the sizes of CelebA and 3D Chairs are
generated and prepared, which is timed too; MNIST's files are generated, for speed doesn't depend on
what they show. The shards of so few pictures stay in memory, as CelebA's 2.5 GB do where there is
room.
"""

import dataclasses
import itertools
import pathlib
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from absl import flags

from ibgan_tf import atomic, command_line
from ibgan_tf.data import DATASETS, celeba, chairs3d, mnist
from ibgan_tf.data.base import ImageDataset
from ibgan_tf.runs import environment

FLAGS = flags.FLAGS
command_line.define_flag("json", str, "Where to write the numbers.")
command_line.define_flag("rounds", int, "Turns of each.", default=5)
command_line.define_flag("seconds", float, "Of a turn.", default=2.0)
command_line.define_flag("num_pictures", int, "Generated pictures of each size.", default=4096)
command_line.define_flag("threads_per_operation", int, "Of the step; 0: all.", default=1)
command_line.define_flag("data_dir", str, "Folder of dSprites; by default in the user's cache.")

GOAL = 20.0
BATCH_SIZE = 64
Run = Callable[[], int]  # does a little, and returns the number of images


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """Pictures as a set has them.

    Attributes:
        suffix: of the files.
        size: width and height, pixels.
        settings: of `image_folder`, with which they become the set's images.
    """

    suffix: str
    size: tuple[int, int]
    settings: Mapping[str, object]


PICTURES = {
    "celeba": Kind(suffix=".jpg", size=celeba.STORED_SIZE, settings={"crop": 160}),
    "chairs3d": Kind(
        suffix=".png",
        size=(chairs3d.STORED_SIDE,) * 2,
        settings={"crop": 450, "color": "grey"},
    ),
}


def write_pictures(folder: pathlib.Path, kind: Kind, number: int) -> None:
    """Writes picture files about as large as real ones.

    Faces are soft noise, 8 KB as JPEG (CelebA's are 7 on average); chairs are lines on white.
    """
    from PIL import Image, ImageDraw

    random = np.random.default_rng(0)
    folder.mkdir()
    for i in range(number):
        if kind.suffix == ".jpg":
            colors = random.integers(0, 256, [7, 6, 3], np.uint8)
            picture = Image.fromarray(colors).resize(kind.size, Image.Resampling.BICUBIC)
        else:
            picture = Image.new("RGB", kind.size, "white")
            for points in random.integers(0, kind.size[0], [12, 4]).tolist():
                ImageDraw.Draw(picture).line(points, (points[0] % 200,) * 3, width=9)
        picture.save(folder / f"{i:06d}{kind.suffix}", quality=95)


def write_digits(folder: pathlib.Path, name: str) -> None:
    """Writes the published files of MNIST or Fashion-MNIST with random pixels."""
    random = np.random.default_rng(0)
    (folder / name).mkdir()
    for part, prefix in mnist.IDX_NAMES.items():
        count, side = mnist.COUNTS[part], mnist.STORED_SIDE
        for suffix, shape, top in (
            ("images-idx3-ubyte", (count, side, side), 256),
            ("labels-idx1-ubyte", (count,), 10),
        ):
            header = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
            content = random.integers(0, top, shape, np.uint8).tobytes()
            (folder / name / f"{prefix}-{suffix}").write_bytes(header + content)


def open_datasets(
    folder: pathlib.Path, *, num_pictures: int, data_dir: str | None
) -> tuple[dict[str, ImageDataset], dict[str, dict[str, float]]]:
    """Returns the data sets to read, and how fast pictures were prepared.

    Args:
        folder: an empty one for what is generated.
        num_pictures: of each size.
        data_dir: of dSprites.

    Returns:
        datasets: by name.
        preparation: by name: "pictures", "seconds", "images_per_second".
    """
    datasets = {
        "dsprites": DATASETS["dsprites"](data_dir),
        "color_dsprites": DATASETS["color_dsprites"](data_dir),
        "color_dsprites, continuous": DATASETS["color_dsprites"](data_dir, definition="continuous"),
    }
    write_digits(folder, "mnist")
    datasets["mnist"] = DATASETS["mnist"](folder)
    preparation = {}
    for name, kind in PICTURES.items():
        write_pictures(folder / name, kind, num_pictures)
        began = time.perf_counter()
        datasets[name] = DATASETS["image_folder"](folder / name, **kind.settings)
        seconds = time.perf_counter() - began
        preparation[name] = {
            "pictures": num_pictures,
            "seconds": seconds,
            "images_per_second": num_pictures / seconds,
        }
    return datasets, preparation


def step(image_shape: tuple[int, int, int]) -> Run:
    """Returns IB-GAN's training step as the training loop runs it, on a batch in memory."""
    import tensorflow as tf

    from ibgan_tf.models import MODELS
    from ibgan_tf.training.loop import compile_steps

    model = MODELS["ibgan"](MODELS["ibgan"].presets["dsprites"].config, image_shape)
    images = np.random.default_rng(0).uniform(-1, 1, [BATCH_SIZE, *image_shape])
    batch = {"images": tf.constant(images, tf.float32)}
    iterator = iter(tf.data.Dataset.from_tensors(batch).repeat())
    steps = compile_steps(model, tf.distribute.get_strategy())

    def run() -> int:
        steps(iterator, 2)
        return 2 * BATCH_SIZE

    return run


def pipeline(dataset: ImageDataset) -> Run:
    """Returns the training batches of a data set, taken one by one."""
    from ibgan_tf.data.batches import batches

    iterator = iter(batches(dataset, batch_size=BATCH_SIZE, seed=0))

    def run() -> int:
        for _ in range(8):
            next(iterator)
        return 8 * BATCH_SIZE

    return run


def reader(dataset: ImageDataset) -> Run:
    """Returns the reading of random images alone, as bytes."""
    random = np.random.default_rng(0)

    def run() -> int:
        return len(dataset.images(random.integers(dataset.size, size=BATCH_SIZE)))

    return run


def rates(runs: Mapping[str, Run], *, rounds: int, seconds: float) -> dict[str, float]:
    """Returns the images per second of each: the median of its turns.

    Args:
        runs: by name; each is called once beforehand.
        rounds: turns of each.
        seconds: of a turn, which ends with the call that goes past them.
    """
    for run in runs.values():
        run()
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _, (name, run) in itertools.product(range(rounds), runs.items()):
        began, images = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            images += run()
        found[name].append(images / (time.perf_counter() - began))
    return {name: statistics.median(turns) for name, turns in found.items()}


def measure(
    datasets: Mapping[str, ImageDataset],
    *,
    step_of: Callable[[tuple[int, int, int]], Run],
    rounds: int,
    seconds: float,
) -> list[dict[str, Any]]:
    """Returns a row of each data set: how fast it is read, and how fast the step takes images.

    Args:
        datasets: by name.
        step_of: image shape -> the training step.
        rounds: turns of each pipeline and each step.
        seconds: of a turn.
    """
    shapes = dict.fromkeys(tuple(dataset.image_shape) for dataset in datasets.values())
    runs = {f"step {shape}": step_of(shape) for shape in shapes}
    for name, dataset in datasets.items():
        runs |= {f"pipeline {name}": pipeline(dataset), f"reader {name}": reader(dataset)}
    found = rates(runs, rounds=rounds, seconds=seconds)
    rows = []
    for name, dataset in datasets.items():
        taken = found[f"step {tuple(dataset.image_shape)}"]
        given = found[f"pipeline {name}"]
        rows.append(
            {
                "dataset": name,
                "image_shape": list(dataset.image_shape),
                "reading_images_per_second": found[f"reader {name}"],
                "pipeline_images_per_second": given,
                "step_images_per_second": taken,
                "ratio": given / taken,
            }
        )
    return rows


def table(rows: Sequence[Mapping[str, Any]], preparation: Mapping[str, Mapping[str, float]]) -> str:
    """Returns the numbers as Markdown."""
    lines = [
        "| data set | image | read, images/s | pipeline, images/s | step, images/s | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['dataset']} | {'x'.join(map(str, row['image_shape']))} "
            f"| {row['reading_images_per_second']:,.0f} "
            f"| {row['pipeline_images_per_second']:,.0f} "
            f"| {row['step_images_per_second']:,.0f} | {row['ratio']:.1f} |"
        )
    lowest = min(row["ratio"] for row in rows)
    lines += ["", f"The lowest ratio is {lowest:.1f}; the goal is {GOAL:g}."]
    for name, found in preparation.items():
        lines.append(
            f"Preparing {name}: {found['images_per_second']:,.0f} images/s "
            f"({found['pictures']:,} pictures in {found['seconds']:.1f} s)"
        )
    return "\n".join(lines)


def main(argv: Sequence[str]) -> None:
    """Measures, prints the table and writes the numbers."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(FLAGS.threads_per_operation)
    with tempfile.TemporaryDirectory() as folder:
        datasets, preparation = open_datasets(
            pathlib.Path(folder), num_pictures=FLAGS.num_pictures, data_dir=FLAGS.data_dir
        )
        rows = measure(datasets, step_of=step, rounds=FLAGS.rounds, seconds=FLAGS.seconds)
    print(table(rows, preparation))
    if FLAGS.json:
        found = {
            "batch_size": BATCH_SIZE,
            "rounds": FLAGS.rounds,
            "seconds": FLAGS.seconds,
            "threads_per_operation": FLAGS.threads_per_operation,
            "rows": rows,
            "preparation": preparation,
            "environment": environment.describe(step=0, command=argv),
        }
        atomic.write_json(pathlib.Path(FLAGS.json), found)


if __name__ == "__main__":
    command_line.run_main(main)
