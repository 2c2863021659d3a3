"""BatchNorm's statistics of real images, by NumPy, mostly on networks of a layer or two."""

import types

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.evaluation import batch_norm
from ibgan_tf.networks import layers, spectral
from ibgan_tf.runs.load import load_run

IMAGE_SHAPE = (2, 2, 3)
SIZE = 90


class Pictures:
    """A data set of random pixels; it keeps which were asked for."""

    image_shape, size = IMAGE_SHAPE, SIZE

    def __init__(self):
        pixels = np.random.default_rng(7).integers(0, 256, [SIZE, *IMAGE_SHAPE])
        self.pixels, self.asked = pixels.astype(np.uint8), []

    def images(self, indices):
        self.asked.append(np.array(indices))
        return self.pixels[indices]


class Encoder:
    """A model that encodes by its networks, one after the other."""

    def __init__(self, *networks):
        self._networks = networks

    def encoding_networks(self):
        return list(self._networks)

    def update_encoding_statistics(self, images):
        for network in self._networks:
            images = network(images, training=True)


def network_of(*stack):
    return tf.keras.Sequential([tf.keras.Input(IMAGE_SHAPE), *stack])


def statistics(layer):
    return np.stack([layer.moving_mean, layer.moving_variance])  # [2, channels]


def by_hand(batches):
    """Returns mean and variance of each channel in the batches' images, averaged over them."""
    scaled = [batch.astype(np.float64) / 127.5 - 1.0 for batch in batches]
    means, variances = (
        np.mean([np.reshape(function(batch, axis=(0, 1, 2)), -1) for batch in scaled], axis=0)
        for function in (np.mean, np.var)
    )
    return np.stack([means, variances])


@pytest.fixture
def pictures():
    return Pictures()


@pytest.fixture
def layer():
    """A BatchNorm layer with statistics of a training that was far from these pictures."""
    made = layers.BatchNormalization()
    made.build((None, *IMAGE_SHAPE))
    made.moving_mean.assign([5.0, -5.0, 9.0])
    made.moving_variance.assign([100.0, 0.01, 3.0])
    return made


@pytest.mark.parametrize("num_batches", [1, 3])
def test_the_statistics_are_the_means_over_batches_of_64(pictures, layer, num_batches):
    model = Encoder(network_of(layer))
    with batch_norm.statistics_of(model, "real_images", pictures, num_batches=num_batches):
        found = statistics(layer)
    assert [len(indices) for indices in pictures.asked] == [64] * num_batches
    expected = by_hand([pictures.pixels[indices] for indices in pictures.asked])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_seed_says_which_images_they_are_of(pictures, layer):
    model = Encoder(network_of(layer))
    for seed in (4, 4, 5):
        with batch_norm.statistics_of(model, "real_images", pictures, num_batches=2, seed=seed):
            pass
    rng = np.random.default_rng(4)
    expected = [rng.integers(SIZE, size=64) for _ in range(2)]
    np.testing.assert_array_equal(pictures.asked[:4], expected * 2)
    assert (pictures.asked[4] != pictures.asked[0]).any()


def test_every_layer_of_every_network_and_of_networks_in_them_has_new_ones(pictures, layer):
    second, third = layers.BatchNormalization(), tf.keras.layers.BatchNormalization()
    double = tf.keras.layers.Rescaling(2.0)
    front = network_of(network_of(double, layer))
    model = Encoder(front, network_of(second, third))
    for own in (second, third):
        own.moving_mean.assign([7.0] * 3)
        own.moving_variance.assign([70.0] * 3)
    with batch_norm.statistics_of(model, "real_images", pictures, num_batches=2):
        found = [statistics(own) for own in (layer, second, third)]
    of_images = by_hand([pictures.pixels[indices] for indices in pictures.asked])
    expected = of_images * [[2.0], [4.0]]  # mean and variance of what was doubled
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-5)
    for own in found[1:]:  # of what the layer before has normalised
        np.testing.assert_allclose(own, [[0.0] * 3, [1.0] * 3], atol=1e-3)


def test_the_statistics_of_an_ibgan_are_those_of_the_maps_of_real_images(scored_run):
    run = load_run(scored_run)
    (layer, *_) = [
        layer
        for layer in run.model.reconstructor.layers
        if isinstance(layer, tf.keras.layers.BatchNormalization)
    ]
    before = tf.keras.Model(run.model.reconstructor.inputs, layer.input)
    rng = np.random.default_rng(0)
    means = []
    for _ in range(3):
        images = run.dataset.images(rng.integers(run.dataset.size, size=64))
        means.append(np.mean(before([images.astype(np.float32) / 127.5 - 1.0]), axis=(0, 1, 2)))
    with batch_norm.statistics_of(run.model, "real_images", run.dataset, num_batches=3):
        np.testing.assert_allclose(layer.moving_mean, np.mean(means, axis=0), rtol=1e-3, atol=1e-6)


def test_those_of_training_stay_and_no_image_is_read(pictures, layer):
    before = statistics(layer)
    for model in (Encoder(network_of(layer)), types.SimpleNamespace()):  # one can't encode at all
        with batch_norm.statistics_of(model, "training", pictures):
            np.testing.assert_array_equal(statistics(layer), before)
    assert pictures.asked == []


# The model after the block


@pytest.fixture
def normalized(layer):
    """A model with BatchNorm and spectral norm, whose power iteration goes on in each pass."""
    linear = spectral.SpectralNormalization(tf.keras.layers.Dense(2, use_bias=False))
    return Encoder(network_of(layer), network_of(tf.keras.layers.Flatten(), linear))


def weights_of(model):
    return [weight for network in model.encoding_networks() for weight in network.get_weights()]


def test_the_model_is_as_it_was_after_the_block(pictures, layer, normalized):
    before = weights_of(normalized)
    with batch_norm.statistics_of(normalized, "real_images", pictures, num_batches=2):
        within = weights_of(normalized)
    changed = [(old != new).any() for old, new in zip(before, within, strict=True)]
    assert sum(changed) == 3  # both statistics, and the direction of the spectral norm
    for old, new in zip(before, weights_of(normalized), strict=True):
        np.testing.assert_array_equal(new, old)
    assert layer.momentum == 0.9


@pytest.mark.parametrize("where", ["in the block", "before it"])
def test_the_model_is_as_it_was_after_an_error_too(pictures, layer, normalized, monkeypatch, where):
    read, before = pictures.images, weights_of(normalized)

    def fail_at_the_second(indices):
        if len(pictures.asked) == 1:
            raise OSError("the disk is gone")
        return read(indices)

    if where == "before it":
        monkeypatch.setattr(pictures, "images", fail_at_the_second)
    with (
        pytest.raises(OSError, match="the disk is gone"),
        batch_norm.statistics_of(normalized, "real_images", pictures, num_batches=2),
    ):
        assert where == "in the block"
        raise OSError("the disk is gone")
    for old, new in zip(before, weights_of(normalized), strict=True):
        np.testing.assert_array_equal(new, old)
    assert layer.momentum == 0.9


# What is refused


class Plain(Encoder):
    """A model that encodes without BatchNorm."""


@pytest.mark.parametrize("kind", ["no networks", "no BatchNorm"])
def test_a_model_without_such_statistics_has_those_of_training_alone(pictures, kind):
    flat = network_of(tf.keras.layers.Flatten())
    model = Plain(flat) if kind == "no BatchNorm" else types.SimpleNamespace()
    name = type(model).__name__
    with (
        pytest.raises(ValueError) as caught,
        batch_norm.statistics_of(model, "real_images", pictures),
    ):
        pass
    assert str(caught.value) == (
        "statistics must be 'training' for a model that encodes without BatchNorm. "
        f"Received: statistics='real_images', model={name}."
    )
    assert pictures.asked == []


def test_other_statistics_are_refused_with_the_nearest(pictures, layer):
    with (
        pytest.raises(ValueError) as caught,
        batch_norm.statistics_of(Encoder(network_of(layer)), "real_image", pictures),
    ):
        pass
    assert str(caught.value) == (
        "statistics must be one of: real_images, training. Received: statistics='real_image'. "
        "Did you mean 'real_images'?"
    )
    assert pictures.asked == []
