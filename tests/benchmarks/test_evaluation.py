"""The literal protocol gives the scores of ours, from its own samples, and is timed beside them."""

import pathlib
import sys
import types

import numpy as np
import pytest

from ibgan_tf.data.base import factors_from_index, index_from_factors
from ibgan_tf.metrics import METRICS

ROOT = pathlib.Path(__file__).parents[2]
SIZES = (4, 5, 6)


class Grid:
    """Images of three factors; here the image is a pixel, its index."""

    name, image_shape, size = "grid", (1, 1, 1), 120
    factor_names, factor_sizes = ("a", "b", "c"), SIZES

    def images(self, indices):
        return np.asarray(indices, np.uint8).reshape([-1, 1, 1, 1])

    def factors(self, indices):
        return factors_from_index(indices, self.factor_sizes)

    def index(self, factors):
        return index_from_factors(factors, self.factor_sizes, factor_names=self.factor_names)


class Table:
    """A model that knows the codes of every image."""

    representations = ("mean",)

    def __init__(self, codes):
        self.codes = codes

    def represent(self, images, kind, *, seed=None):
        import tensorflow as tf

        index = tf.cast(tf.round((images[:, 0, 0, 0] + 1.0) * 127.5), tf.int32)
        return tf.gather(tf.constant(self.codes, tf.float32), index)


@pytest.fixture(scope="module")
def benchmark(load_benchmark):
    return load_benchmark("evaluation")


@pytest.fixture(scope="module")
def codes():
    """Codes that hold the factors, two of them mixed, and a dimension of noise."""
    factors = factors_from_index(np.arange(120), SIZES)
    mixed = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    mixed[:, 0] += 0.5 * mixed[:, 1]
    noise = np.random.default_rng(0).normal(size=(120, 2)) * [0.3, 0.01]
    return np.concatenate([mixed, noise], axis=1)


@pytest.mark.filterwarnings("ignore:Liblinear failed to converge")
@pytest.mark.parametrize(
    ("name", "sizes"),
    [("mig", [2000]), ("irs", [2000]), ("modularity", [2000]), ("sap", [1000, 500])],
)
def test_the_literal_protocol_gives_our_score_of_the_same_images(benchmark, codes, name, sizes):
    literal = "modularity_explicitness" if name == "modularity" else name
    _, score, ours = benchmark.LITERAL[literal]
    assert name in ours
    factors = Grid().factors(np.arange(120))
    rng = np.random.default_rng(3)  # draws as ours does
    rows = [rng.integers(120, size=number) for number in sizes]
    samples = [(codes[drawn], factors[drawn]) for drawn in rows]
    if name == "modularity":
        samples *= 2
    expected = METRICS[name](codes, factors, settings="fast", seed=3)["score"]
    assert 0.05 < expected < 0.95
    found = score(samples[0] if len(samples) == 1 else samples)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize("name", ["factor_vae", "beta_vae"])
def test_literal_votes_give_our_scores_but_for_chance(benchmark, codes, name):
    codes = codes + np.random.default_rng(1).normal(size=codes.shape) * [3, 3, 0.5, 0, 0]
    collect, score, _ = benchmark.LITERAL[name]
    source = benchmark.Source(
        dataset=Grid(), codes_of=lambda index: codes[index], rng=np.random.default_rng(0)
    )
    found = score(collect(source, 1000, 500))
    expected = METRICS[name](codes, Grid().factors(np.arange(120)), settings="fast")["score"]
    assert 0.4 < expected < 0.97
    assert found == pytest.approx(expected, abs=0.1)  # 500 votes: a deviation of 0.02 each


def test_codes_without_an_active_dimension_score_nothing(benchmark):
    literal_metrics = sys.modules[benchmark.Source.__module__]
    sample = np.full([120, 2], 0.1), Grid().factors(np.arange(120))
    assert literal_metrics.score_dci([sample, sample], stages=2) == 0.0
    source = benchmark.Source(
        dataset=Grid(),
        codes_of=lambda index: np.full([len(index), 2], 0.1),
        rng=np.random.default_rng(0),
    )
    assert literal_metrics.score_votes(literal_metrics.collect_votes(source, 20, 10)) == 0.0


def test_everything_is_timed_and_shown(benchmark, codes, monkeypatch):
    monkeypatch.setitem(benchmark.SIZES, "fast", (120, 60))
    monkeypatch.setattr(benchmark, "NUM_STAGES", 5)
    run = types.SimpleNamespace(dataset=Grid(), model=Table(codes))
    lines = []
    found = benchmark.measure(run, settings="fast", fraction=0.2, show=lines.append)
    assert found["metrics"].keys() == benchmark.LITERAL.keys()
    assert {name for _, _, ours in benchmark.LITERAL.values() for name in ours} == set(METRICS)
    for row in found["metrics"].values():
        assert row["seconds"] > 0
        assert row["ratio"] == row["literal_seconds"] / row["seconds"]
    assert found["metrics"]["dci"]["literal_score"] is None  # two of five stages
    assert 0 < found["metrics"]["mig"]["literal_score"] < 1
    own = found["pass_seconds"] + sum(row["seconds"] for row in found["metrics"].values())
    assert found["whole_set"]["seconds"] == pytest.approx(own)
    assert len(lines) == 2 + len(benchmark.LITERAL) + 3
    assert "goal 20" in lines[-1]


def test_the_time_of_a_part_of_the_calls_is_scaled_to_all(benchmark, codes, monkeypatch):
    clock = types.SimpleNamespace(now=0.0)
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: clock.now)
    monkeypatch.setitem(benchmark.SIZES, "fast", (100, 50))
    calls = []

    def encode(index):
        clock.now += 2.0  # seconds for each call
        calls.append(len(index))
        return codes[index]

    seconds, _ = benchmark._time_literal(
        "mig", Grid(), encode, codes, settings="fast", fraction=1.0
    )
    assert set(calls) == {16, 100 % 16}
    assert seconds == 2.0 * 7  # 100 images in batches of 16
    part, _ = benchmark._time_literal(
        "beta_vae", Grid(), encode, codes, settings="fast", fraction=0.1
    )
    assert part == 2.0 * 2 * 150  # two batches for each of 150 points
