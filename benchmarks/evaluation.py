"""Times the metrics of one encoding pass, and disentanglement_lib's way of sampling, in one run.

    python benchmarks/evaluation.py --json=evaluation.json
    python benchmarks/evaluation.py --full          # the literal protocol without scaling: hours

disentanglement_lib encodes afresh for every metric. `measuring/literal_metrics.py` does so, on the
same encoder: sampling and encoding are timed on a stated part of the calls and scaled, boosting on
a part of its 100 stages (its score is left out then); everything else is timed whole, on codes of
the same images. Goals: 3 times as fast for the whole set of metrics, pass included; 20 times for
the FactorVAE and beta-VAE scores once the codes are there.
"""

import pathlib
import statistics
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from absl import flags
from measuring.literal_metrics import LITERAL, Source

from ibgan_tf import atomic, command_line
from ibgan_tf.data.base import FactorDataset
from ibgan_tf.data.pixels import from_pixels
from ibgan_tf.evaluation import codes
from ibgan_tf.metrics import METRICS
from ibgan_tf.runs import environment
from ibgan_tf.runs.load import Run, load_run

FLAGS = flags.FLAGS

command_line.define_flag("run_dir", str, "Whose encoder.", default="results/ibgan-dsprites")
command_line.define_flag("step", str, "Which of its weights.", default="last")
command_line.define_flag("settings", str, "Sizes.", default="full", choices=("full", "fast"))
command_line.define_flag(
    "fraction", float, "Part of the literal protocol's calls that is timed.", default=0.02
)
command_line.define_flag("full", bool, "Time the literal protocol whole.", default=False)
command_line.define_flag("json", str, "Where to write the numbers.")
command_line.define_flag("data_dir", str, "Folder of the data; by default in the user's cache.")

GOAL_WHOLE, GOAL_VOTES = 3.0, 20.0
SIZES = {"full": (10_000, 5_000), "fast": (1_000, 500)}  # votes, points or images: train, test
NUM_STAGES = 100
REPEATS = 3  # of our metrics that take less than a few seconds


def measure(run: Run, *, settings: str, fraction: float, show: Callable[[str], None]) -> dict:
    """Returns the seconds of ours and of the literal protocol.

    Args:
        run: whose encoder; of a model that encodes, on a set with factors.
        settings: a name in SIZES, and of our metrics' sizes.
        fraction: part of the literal protocol's calls that is timed; 1 for all.
        show: called with a line of the table as soon as it is known.
    """
    dataset, representation = run.dataset, run.model.representations[0]
    encode = _encoder(run, representation)
    _warm_up(run, representation, encode)
    began = time.perf_counter()
    table = codes.encode_table(
        run.model,
        dataset,
        np.arange(dataset.size),
        provenance={"representation": representation},
    ).codes
    pass_seconds = time.perf_counter() - began
    show(f"one pass over {dataset.size:,} images: {pass_seconds:.1f} s")
    show(f"{'metric':<26}{'ours (s)':>10}{'literal (s)':>12}{'ratio':>9}  our score, literal score")
    factors = dataset.factors(np.arange(dataset.size))
    rows = {}
    for name, (_, _, ours) in LITERAL.items():
        own_seconds, own_score = _time_ours(ours, table, factors, settings=settings)
        literal_seconds, literal_score = _time_literal(
            name, dataset, encode, table, settings=settings, fraction=fraction
        )
        rows[name] = {
            "seconds": own_seconds,
            "literal_seconds": literal_seconds,
            "ratio": literal_seconds / own_seconds,
            "score": own_score,
            "literal_score": literal_score,
        }
        show(
            f"{name:<26}{own_seconds:>10.2f}{literal_seconds:>12.1f}"
            f"{literal_seconds / own_seconds:>9.1f}  {own_score:.4f}, "
            + ("not timed whole" if literal_score is None else f"{literal_score:.4f}")
        )
    own_total = pass_seconds + sum(row["seconds"] for row in rows.values())
    literal_total = sum(row["literal_seconds"] for row in rows.values())
    show(
        f"{'whole set, with the pass':<26}{own_total:>10.1f}{literal_total:>12.1f}"
        f"{literal_total / own_total:>9.1f}  goal {GOAL_WHOLE:g}"
    )
    for name in ("factor_vae", "beta_vae"):
        show(f"{name}, codes at hand: {rows[name]['ratio']:.1f} times, goal {GOAL_VOTES:g}")
    return {
        "num_images": dataset.size,
        "pass_seconds": pass_seconds,
        "images_per_second": dataset.size / pass_seconds,
        "metrics": rows,
        "whole_set": {
            "seconds": own_total,
            "literal_seconds": literal_total,
            "ratio": literal_total / own_total,
        },
    }


def _warm_up(run: Run, representation: str, encode: Callable[[np.ndarray], np.ndarray]) -> None:
    """Builds what is built once, outside of the times."""
    codes.encode_table(
        run.model, run.dataset, np.arange(64), provenance={"representation": representation}
    )
    for batch_size in (16, 64):
        encode(np.arange(batch_size))
    import sklearn.ensemble  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import sklearn.metrics  # noqa: F401
    import sklearn.svm  # noqa: F401


def _time_ours(
    names: Sequence[str], table: np.ndarray, factors: np.ndarray, *, settings: str
) -> tuple[float, float]:
    """Returns the seconds of our metrics, the median if they are short, and the first's score."""
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < 10.0:
        began = time.perf_counter()
        found = [METRICS[name](table, factors, settings=settings) for name in names]
        times.append(time.perf_counter() - began)
    return statistics.median(times), found[0]["score"]


def _time_literal(
    name: str,
    dataset: FactorDataset,
    encode: Callable[[np.ndarray], np.ndarray],
    table: np.ndarray,
    *,
    settings: str,
    fraction: float,
) -> tuple[float, float | None]:
    """Returns the seconds of a literal metric, scaled to all its calls, and its score.

    Boosting that is cut short gives no score.
    """
    collect, score, _ = LITERAL[name]
    train, test = SIZES[settings]
    part = [max(2, round(number * fraction)) for number in (train, test)]
    encoder = Source(dataset=dataset, codes_of=encode, rng=np.random.default_rng([0, 1]))
    began = time.perf_counter()
    data = collect(encoder, *part)
    seconds = (time.perf_counter() - began) * (train + test) / sum(part)
    if part != [train, test]:  # score as many, of the same images' codes
        known = Source(
            dataset=dataset, codes_of=lambda i: table[i], rng=np.random.default_rng([0, 2])
        )
        data = collect(known, train, test)
    stages = max(1, round(NUM_STAGES * min(1.0, 2 * fraction)))
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some classifiers stop before their tolerance: so be it
        value = score(data, stages=stages) if name == "dci" else score(data)
    scale = NUM_STAGES / stages if name == "dci" else 1.0
    seconds += (time.perf_counter() - began) * scale
    return seconds, value if scale == 1.0 else None


def _encoder(run: Run, representation: str) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function of images' indices that encodes them, as they are, in one batch."""
    one = run.dataset.images(np.arange(1))

    # One graph for batches of any size, so that none is built while the clock runs.
    @tf.function(input_signature=[tf.TensorSpec([None, *one.shape[1:]], one.dtype)])
    def represent(images: tf.Tensor) -> tf.Tensor:
        return run.model.represent(from_pixels(images), representation)

    return lambda indices: represent(tf.constant(run.dataset.images(indices))).numpy()


def main(argv: Sequence[str]) -> None:
    """Measures, prints the table and writes the numbers."""
    if not 0.0 < FLAGS.fraction <= 1.0:
        raise ValueError(f"fraction must be in (0, 1]. Received: fraction={FLAGS.fraction}.")
    fraction = 1.0 if FLAGS.full else FLAGS.fraction
    run = load_run(FLAGS.run_dir, step=command_line.parse_step(FLAGS.step), data_dir=FLAGS.data_dir)
    how = (
        "timed whole"
        if fraction == 1.0
        else f"sampling and encoding timed on {fraction:.1%} of the calls, boosting on "
        f"{min(1.0, 2 * fraction):.1%} of its stages, both scaled"
    )
    print(f"{FLAGS.run_dir}, step {run.step}, {FLAGS.settings} settings; literal protocol: {how}")
    found = measure(run, settings=FLAGS.settings, fraction=fraction, show=print)
    if FLAGS.json:
        about = {
            "run_dir": FLAGS.run_dir,
            "step": run.step,
            "settings": FLAGS.settings,
            "fraction": fraction,
            "environment": environment.describe(step=run.step, command=argv),
        }
        atomic.write_json(pathlib.Path(FLAGS.json), about | found)


if __name__ == "__main__":
    command_line.run_main(main)
