"""The parts that the benchmark times are the step's own."""

import importlib.util
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.models.ibgan import IBGAN, IBGANConfig

STEP_PARTS = pathlib.Path(__file__).parents[2] / "benchmarks" / "measuring" / "step_parts.py"


@pytest.fixture(scope="module")
def step_parts():
    spec = importlib.util.spec_from_file_location("step_parts", STEP_PARTS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def parts(step_parts):
    config = IBGANConfig(generator_width=1, discriminator_width=1, update_order="alternating")
    images = tf.constant(np.random.default_rng(0).uniform(-1, 1, (2, 28, 28, 1)), tf.float32)
    return step_parts.step_parts(IBGAN(config, (28, 28, 1)), images)


def test_every_part_runs_in_a_graph(parts):
    for name, part in parts.items():
        outputs = tf.nest.flatten(tf.function(part)())
        assert all(np.isfinite(output).all() for output in outputs if output is not None), name
        assert (name == "both optimizers") == all(output is None for output in outputs)


def test_gradients_reach_the_weights_and_the_images(parts):
    *weights, of_images = parts["reconstructor on generated images, forward and backward"]()
    assert of_images.shape == (2, 28, 28, 1)
    assert all(gradient is not None for gradient in weights)
    assert parts["discriminator on generated images, back to the images"]().shape == (2, 28, 28, 1)


def test_the_median_leaves_the_first_turns_out(step_parts, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(step_parts.time, "perf_counter", lambda: next(clock) * 0.002)
    called = []

    def part():
        called.append(1)  # while TensorFlow builds the graph

    assert step_parts.milliseconds({"a": part}) == {"a": pytest.approx(2.0)}
    assert called == [1]
