"""Times the metrics of one encoding pass, and disentanglement_lib's way of sampling, in one run.

    python benchmarks/evaluation.py --json=evaluation.json
    python benchmarks/evaluation.py --full          # the literal protocol without scaling: hours

disentanglement_lib encodes afresh for every metric, in batches of 16 images, or 64 for the
FactorVAE score and twice 64 for the beta-VAE score (REFERENCE.md 1.1). It is written down here
literally, on the same encoder: sampling and encoding are timed on a stated part of the calls and
scaled, boosting on a part of its 100 stages; everything else is timed whole, on codes of the same
images. Goals: 3 times as fast for the whole set of metrics, pass included; 20 times for the
FactorVAE and beta-VAE scores once the codes are there.
"""

import dataclasses
import pathlib
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from absl import flags

from ibgan_tf import command_line
from ibgan_tf.data.base import FactorDataset
from ibgan_tf.evaluation import codes
from ibgan_tf.metrics import METRICS
from ibgan_tf.runs import atomic, environment
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Where the literal protocol has its codes from.

    Attributes:
        dataset: a complete grid of its factors.
        codes_of: indices of images [n] -> codes [n, code_dim].
        rng: draws factors.
    """

    dataset: FactorDataset
    codes_of: Callable[[np.ndarray], np.ndarray]
    rng: np.random.Generator

    def factors(self, num: int) -> np.ndarray:
        """Returns independently and uniformly drawn factor classes, [num, num_factors]."""
        sizes = self.dataset.factor_sizes
        return np.stack([self.rng.integers(size, size=num) for size in sizes], axis=1)

    def codes(self, factors: np.ndarray) -> np.ndarray:
        """Returns the codes of the images of some factors."""
        return self.codes_of(self.dataset.index(factors))

    def sample(self, num: int, *, batch_size: int = 16) -> tuple[np.ndarray, np.ndarray]:
        """Returns codes and factors of random images, encoded a batch at a time."""
        drawn = [self.factors(min(batch_size, num - start)) for start in range(0, num, batch_size)]
        return np.concatenate([self.codes(batch) for batch in drawn]), np.concatenate(drawn)

    def vote(self, active: np.ndarray, variance: np.ndarray) -> tuple[int, int]:
        """Returns the fixed factor of a FactorVAE vote, and the dimension that varies least."""
        factors = self.factors(64)
        fixed = int(self.rng.integers(factors.shape[1]))
        factors[:, fixed] = factors[0, fixed]
        local = np.var(self.codes(factors), axis=0, ddof=1)
        return fixed, int(np.argmin(local[active] / variance[active]))

    def difference(self) -> tuple[int, np.ndarray]:
        """Returns the shared factor of a beta-VAE point, and its mean absolute difference."""
        first, second = self.factors(64), self.factors(64)
        shared = int(self.rng.integers(first.shape[1]))
        second[:, shared] = first[:, shared]
        return shared, np.mean(np.abs(self.codes(first) - self.codes(second)), axis=0)


# The literal protocol: what is sampled, and what is made of it.


def collect_votes(source: Source, train: int, test: int) -> Any:
    """Returns the votes of the FactorVAE score; train and test count votes."""
    variance = np.var(source.sample(train, batch_size=64)[0], axis=0, ddof=1)
    active = np.sqrt(variance) >= 0.05
    if not active.any():
        return None
    return [[source.vote(active, variance) for _ in range(num)] for num in (train, test)]


def score_votes(votes: Any) -> float:
    """Returns the FactorVAE score: the accuracy of the majority of the training votes."""
    if votes is None:
        return 0.0
    counts = np.zeros([1 + max(f for f, _ in votes[0]), 1 + max(d for v in votes for _, d in v)])
    for factor, dimension in votes[0]:
        counts[factor, dimension] += 1
    classifier = counts.argmax(axis=0)
    return float(np.mean([classifier[dimension] == factor for factor, dimension in votes[1]]))


def collect_differences(source: Source, train: int, test: int) -> Any:
    """Returns the points of the beta-VAE score, labels and features."""
    return [_columns([source.difference() for _ in range(num)]) for num in (train, test)]


def _columns(points: Sequence[tuple[int, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([label for label, _ in points]), np.stack([point for _, point in points])


def score_differences(parts: Any) -> float:
    """Returns the beta-VAE score: the accuracy of logistic regression."""
    from sklearn.linear_model import LogisticRegression

    (labels, points), (test_labels, test_points) = parts
    return float(LogisticRegression().fit(points, labels).score(test_points, test_labels))


def collect_one(source: Source, train: int, test: int) -> Any:
    """Returns the one sample of a metric that has no test set."""
    return source.sample(train)


def collect_two(source: Source, train: int, test: int) -> Any:
    """Returns a training and a test sample."""
    return source.sample(train), source.sample(test)


def _bins(table: np.ndarray) -> np.ndarray:
    """Returns the numbers of 20 equally wide bins, as disentanglement_lib's discretiser."""
    edges = [np.histogram(column, 20)[1][:-1] for column in table.T]
    return np.stack([np.digitize(c, e) for c, e in zip(table.T, edges, strict=True)], axis=1)


def _information(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the mutual information of each two columns, nats, [first, second]."""
    from sklearn.metrics import mutual_info_score

    return np.array([[mutual_info_score(b, a) for b in second.T] for a in first.T])


def score_mig(sample: Any) -> float:
    """Returns the mutual information gap."""
    table, factors = sample
    information = np.sort(_information(_bins(table), factors), axis=0)[::-1]
    entropy = np.diag(_information(factors, factors))
    return float(np.mean((information[0] - information[1]) / entropy))


def score_modularity_and_explicitness(parts: Any) -> float:
    """Returns the modularity; the explicitness's classifiers are fitted, which takes the time."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.preprocessing import StandardScaler

    (table, factors), (test_table, test_factors) = parts
    squared = _information(_bins(table), factors) ** 2
    largest = squared.max(axis=1)
    spread = (squared.sum(axis=1) - largest) / np.maximum(largest * (factors.shape[1] - 1), 1e-300)
    scaler = StandardScaler().fit(table)
    for k in range(factors.shape[1]):
        classifier = LogisticRegression().fit(scaler.transform(table), factors[:, k])
        probability = classifier.predict_proba(scaler.transform(test_table))
        for column, label in enumerate(classifier.classes_):
            is_label = test_factors[:, k] == label
            if 0 < is_label.sum() < len(is_label):
                roc_auc_score(is_label, probability[:, column])
    return float(np.mean(np.where(largest > 0, 1.0 - spread, 0.0)))


def score_dci(parts: Any, *, stages: int) -> float:
    """Returns the disentanglement by scikit-learn's gradient boosting, one factor after another."""
    from sklearn.ensemble import GradientBoostingClassifier

    (table, factors), (test_table, test_factors) = parts
    columns = []
    for k in range(factors.shape[1]):
        model = GradientBoostingClassifier(n_estimators=stages).fit(table, factors[:, k])
        model.score(table, factors[:, k])
        model.score(test_table, test_factors[:, k])
        columns.append(np.abs(model.feature_importances_))
    importances = np.stack(columns, axis=1)
    shares = importances / np.maximum(importances.sum(axis=1, keepdims=True), 1e-300)
    logarithms = np.log(np.where(shares > 0, shares, 1.0)) / np.log(shares.shape[1])
    weights = importances.sum(axis=1) / max(importances.sum(), 1e-300)
    return float(np.sum(weights * (1.0 + np.sum(shares * logarithms, axis=1))))


def score_sap(parts: Any) -> float:
    """Returns the separated attribute predictability, by a support vector machine for each pair."""
    from sklearn.svm import LinearSVC

    (table, factors), (test_table, test_factors) = parts
    scores = np.zeros([table.shape[1], factors.shape[1]])
    for i in range(table.shape[1]):
        for j in range(factors.shape[1]):
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # it may stop before its tolerance, as the library's
                machine = LinearSVC(C=0.01, class_weight="balanced", dual=True)
                machine.fit(table[:, [i]], factors[:, j])
            scores[i, j] = machine.score(test_table[:, [i]], test_factors[:, j])
    ordered = np.sort(scores, axis=0)
    return float(np.mean(ordered[-1] - ordered[-2]))


def score_irs(sample: Any) -> float:
    """Returns the interventional robustness score."""
    table, factors = sample[0][:, np.var(sample[0], axis=0) > 0], _bins(sample[1])
    largest = np.abs(table - table.mean(axis=0)).max(axis=0)
    deviations = np.zeros([table.shape[1], factors.shape[1]])
    for j in range(factors.shape[1]):
        values = np.unique(factors[:, j])
        for value in values:
            group = table[factors[:, j] == value]
            distances = np.abs(group - group.mean(axis=0))
            deviations[:, j] += np.percentile(distances, 99, axis=0) / len(values)
    per_code = (1.0 - deviations / largest[:, np.newaxis]).max(axis=1)
    return float(np.average(per_code, weights=largest))


def score_unsupervised(sample: Any) -> float:
    """Returns the Gaussian total correlation; the pairs' mutual information takes the time."""
    table = sample[0]
    covariance = np.cov(table, rowvar=False)
    _information(_bins(table), _bins(table))
    _, log_determinant = np.linalg.slogdet(covariance)
    return float(0.5 * (np.sum(np.log(np.diag(covariance))) - log_determinant))


# Literal metric -> what it samples, what it makes of it, and ours that give the same numbers.
LITERAL: dict[str, tuple[Callable, Callable, tuple[str, ...]]] = {
    "factor_vae": (collect_votes, score_votes, ("factor_vae",)),
    "beta_vae": (collect_differences, score_differences, ("beta_vae",)),
    "mig": (collect_one, score_mig, ("mig",)),
    "modularity_explicitness": (
        collect_two,
        score_modularity_and_explicitness,
        ("modularity", "explicitness"),
    ),
    "dci": (collect_two, score_dci, ("dci",)),
    "sap": (collect_two, score_sap, ("sap",)),
    "irs": (collect_one, score_irs, ("irs",)),
    "unsupervised": (collect_one, score_unsupervised, ("unsupervised",)),
}


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
            f"{literal_seconds / own_seconds:>9.1f}  {own_score:.4f}, {literal_score:.4f}"
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
) -> tuple[float, float]:
    """Returns the seconds of a literal metric, scaled to all its calls, and its score."""
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
    return seconds + (time.perf_counter() - began) * scale, value


def _encoder(run: Run, representation: str) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function of images' indices that encodes them, as they are, in one batch."""
    one = run.dataset.images(np.arange(1))

    # One graph for batches of any size, so that none is built while the clock runs.
    @tf.function(input_signature=[tf.TensorSpec([None, *one.shape[1:]], one.dtype)])
    def represent(images: tf.Tensor) -> tf.Tensor:
        return run.model.represent(tf.cast(images, tf.float32) / 127.5 - 1.0, representation)

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
