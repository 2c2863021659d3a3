"""disentanglement_lib's metrics written down literally, for `evaluation.py` to time beside ours.

It encodes afresh for every metric, in batches of 16 images, or 64 for the FactorVAE score and twice
64 for the beta-VAE score. Each metric here has two parts: what it samples and
encodes (`collect_...`), and what it makes of that (`score_...`).
"""

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ibgan_tf.data.base import FactorDataset


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
