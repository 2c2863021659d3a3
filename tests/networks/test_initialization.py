import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.networks import initialization, layers


def network():
    """Returns a network that has every kind of layer with a kernel."""
    return tf.keras.Sequential(
        [
            tf.keras.Input((8, 8, 3)),
            tf.keras.layers.Conv2D(16, 4, strides=2, padding="same"),
            layers.BatchNormalization(),
            layers.WholeImageConvolution(64, use_bias=False),
            tf.keras.layers.Dense(256),
            tf.keras.layers.Reshape((4, 4, 16)),
            tf.keras.layers.Conv2DTranspose(8, 4, strides=2, padding="same"),
        ]
    )


@pytest.fixture(scope="module")
def networks():
    return network(), network()


def kernels(*networks):
    return [np.array(w) for n in networks for w in n.weights if w.name == "kernel"]


def test_normal_kernels_have_a_standard_deviation_of_a_fiftieth(networks):
    initialization.initialize(networks, scheme="normal", seed=0)
    for kernel in kernels(*networks):
        standard_error = 0.02 / np.sqrt(kernel.size)
        assert abs(kernel.mean()) < 4 * standard_error
        assert abs(kernel.std() - 0.02) < 4 * standard_error / np.sqrt(2)


def test_glorot_kernels_fill_a_range_that_their_two_sides_give(networks):
    initialization.initialize(networks, scheme="glorot_uniform", seed=0)
    dense = next(kernel for kernel in kernels(networks[0]) if kernel.shape == (64, 256))
    limit = np.sqrt(6 / (64 + 256))
    assert 0.99 * limit < np.abs(dense).max() <= limit
    np.testing.assert_allclose(dense.std(), limit / np.sqrt(3), rtol=0.02)


def test_orthogonal_kernels_are_orthogonal_with_gain_one(networks):
    initialization.initialize(networks, scheme="orthogonal", seed=0)
    for kernel in kernels(*networks):
        matrix = kernel.reshape(
            [-1, kernel.shape[-1]]
        )  # [inputs, outputs], as PyTorch's transposed
        smaller = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
        product = smaller.T @ smaller
        np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-5)


@pytest.mark.parametrize("scheme", initialization.SCHEMES)
def test_kernels_of_equal_shape_start_different(networks, scheme):
    initialization.initialize(networks, scheme=scheme, seed=0)
    for first, second in zip(kernels(networks[0]), kernels(networks[1]), strict=True):
        assert np.abs(first - second).max() > 0.01


@pytest.mark.parametrize("scheme", initialization.SCHEMES)
def test_the_same_seed_gives_the_same_kernels(networks, scheme):
    initialization.initialize(networks, scheme=scheme, seed=7)
    first = kernels(*networks)
    initialization.initialize(networks, scheme=scheme, seed=7)
    for kernel, again in zip(first, kernels(*networks), strict=True):
        np.testing.assert_array_equal(kernel, again)


@pytest.mark.parametrize("scheme", initialization.SCHEMES)
def test_another_seed_gives_other_kernels(networks, scheme):
    initialization.initialize(networks, scheme=scheme, seed=7)
    first = kernels(*networks)
    initialization.initialize(networks, scheme=scheme, seed=8)
    for kernel, other in zip(first, kernels(*networks), strict=True):
        assert np.abs(kernel - other).max() > 0.01


@pytest.mark.parametrize("scheme", initialization.SCHEMES)
def test_biases_stay_zero_and_normalisation_stays_neutral(networks, scheme):
    initialization.initialize(networks, scheme=scheme, seed=0)
    constants = {"bias": 0, "gamma": 1, "beta": 0, "moving_mean": 0, "moving_variance": 1}
    others = [w for n in networks for w in n.weights if w.name != "kernel"]
    assert {weight.name for weight in others} == set(constants)
    for weight in others:
        assert (np.array(weight) == constants[weight.name]).all()
