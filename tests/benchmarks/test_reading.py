"""The reading benchmark counts images rightly, and compares each set with the step of its shape."""

import dataclasses
import pathlib

import numpy as np
import pytest

from ibgan_tf.data import base, picture_preparation
from ibgan_tf.data.image_folder import ImageFolder

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benchmark(load_benchmark):
    return load_benchmark("reading")


@dataclasses.dataclass
class Shades:
    """Images of one shade each."""

    image_shape: tuple[int, int, int]
    size: int = 10

    def images(self, indices):
        shades = base.check_indices(indices, self.size).astype(np.uint8)
        return np.tile(shades[:, None, None, None], [1, *self.image_shape])


@pytest.fixture
def clock(benchmark, monkeypatch):
    """A clock that stands still but for what a test adds."""
    now = [0.0]
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: now[0])
    return now


def test_a_rate_is_the_median_of_turns_that_end_with_their_time(benchmark, clock):
    turns = {"slow": [], "fast": []}

    def run(name, seconds, images):
        clock[0] += seconds
        turns[name].append(clock[0])
        return images

    found = benchmark.rates(
        {"slow": lambda: run("slow", 4.0, 64), "fast": lambda: run("fast", 0.5, 128)},
        rounds=3,
        seconds=2.0,
    )
    assert found == {"slow": 64 / 4.0, "fast": 128 / 0.5}
    assert len(turns["slow"]) == 1 + 3  # beforehand, and one call in each turn
    assert len(turns["fast"]) == 1 + 3 * 4


def test_each_set_is_compared_with_the_step_of_its_image_shape(benchmark, monkeypatch):
    datasets = {"grey": Shades((28, 28, 1)), "colour": Shades((32, 32, 3))}
    known = {
        "step (28, 28, 1)": 10.0,
        "step (32, 32, 3)": 5.0,
        "pipeline grey": 300.0,
        "pipeline colour": 90.0,
        "reader grey": 1000.0,
        "reader colour": 2000.0,
    }
    monkeypatch.setattr(
        benchmark, "rates", lambda runs, **options: {name: known[name] for name in runs}
    )
    steps = []
    rows = benchmark.measure(datasets, step_of=steps.append, rounds=1, seconds=1.0)
    assert steps == [(28, 28, 1), (32, 32, 3)]
    assert [row["ratio"] for row in rows] == [30.0, 18.0]
    text = benchmark.table(rows, {})
    assert "| colour | 32x32x3 | 2,000 | 90 | 5 | 18.0 |" in text
    assert "The lowest ratio is 18.0; the goal is 20." in text


def test_the_pipeline_and_the_reader_count_the_images_they_take(benchmark):
    dataset = Shades((28, 28, 1))
    assert benchmark.pipeline(dataset)() == 8 * 64
    assert benchmark.reader(dataset)() == 64


def test_the_step_counts_the_images_it_takes(benchmark, monkeypatch):
    from ibgan_tf.models.ibgan import IBGAN, IBGANConfig

    tiny = dataclasses.replace(
        IBGAN.presets["dsprites"],
        config=IBGANConfig(z_dim=2, r_dim=2, generator_width=2, discriminator_width=2),
    )
    monkeypatch.setattr(IBGAN, "presets", {"dsprites": tiny})
    assert benchmark.step((28, 28, 1))() == 2 * 64


def test_generated_pictures_are_of_the_published_sizes_and_are_prepared(
    benchmark, tmp_path, monkeypatch
):
    monkeypatch.setattr(picture_preparation, "LEAST_IN_SHARD", 8)
    for name, kind in benchmark.PICTURES.items():
        benchmark.write_pictures(tmp_path / name, kind, 3)
        dataset = ImageFolder(tmp_path / name, **kind.settings)
        assert (dataset.size, dataset.image_shape[:2]) == (3, (64, 64))
    sizes = {name: kind.size for name, kind in benchmark.PICTURES.items()}
    assert sizes == {"celeba": (178, 218), "chairs3d": (600, 600)}
