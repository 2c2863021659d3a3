import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.networks import dcgan, layers, spectral


def linear_layer(kind):
    return {
        "convolution": tf.keras.layers.Conv2D(5, 3, padding="same", use_bias=False),
        "whole": layers.WholeImageConvolution(5, use_bias=False),
        "dense": tf.keras.layers.Dense(5, use_bias=False),
    }[kind]


def built(kind):
    shape = [3] if kind == "dense" else [4, 4, 3]
    layer = spectral.SpectralNormalization(linear_layer(kind))
    network = tf.keras.Sequential([tf.keras.Input(shape), layer])
    layer.kernel.assign(np.random.default_rng(0).normal(size=layer.kernel.shape))
    return network, layer, np.random.default_rng(1).normal(size=[6, *shape]).astype(np.float32)


def matrix(kernel):
    return np.reshape(kernel, [-1, kernel.shape[-1]])


kinds = pytest.mark.parametrize("kind", ["convolution", "whole", "dense"])


@kinds
def test_training_passes_find_the_largest_singular_value_and_divide_by_it(kind):
    network, layer, inputs = built(kind)
    for _ in range(60):
        network(inputs, training=True)
    largest = np.linalg.svd(matrix(np.array(layer.kernel)), compute_uv=False)[0]
    np.testing.assert_allclose(layer.singular_value(), largest, rtol=1e-4)
    layer.bias.assign(np.arange(5.0))
    expected = layer.layer(inputs) / largest + np.arange(5.0)
    np.testing.assert_allclose(network(inputs), expected, rtol=1e-3, atol=1e-4)


@kinds
def test_a_training_pass_takes_one_step_of_the_power_iteration(kind):
    network, layer, inputs = built(kind)
    kernel = matrix(np.array(layer.kernel))
    right = np.array(layer.direction)
    left = kernel @ right / np.linalg.norm(kernel @ right)
    right = kernel.T @ left / np.linalg.norm(kernel.T @ left)
    network(inputs, training=True)
    np.testing.assert_allclose(layer.direction, right, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(matrix(np.array(layer.kernel)), kernel)


def test_another_pass_keeps_the_state():
    network, layer, inputs = built("dense")
    before = np.array(layer.direction)
    first, second = network(inputs), network(inputs)
    np.testing.assert_array_equal(layer.direction, before)
    np.testing.assert_array_equal(first, second)


def test_the_gradient_passes_through_the_estimate():
    network, layer, inputs = built("dense")
    for _ in range(100):
        network(inputs, training=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(inputs) ** 2)
    gradient = tape.gradient(loss, layer.kernel.value).numpy()
    # The output doesn't change with the kernel's length: the gradient is at right angles to it.
    kernel = np.array(layer.kernel)
    assert abs(np.sum(gradient * kernel)) < 1e-3 * np.linalg.norm(gradient) * np.linalg.norm(kernel)


def test_a_layer_that_is_not_linear_is_refused():
    for layer in (tf.keras.layers.Dense(2), tf.keras.layers.Dense(2, "relu", use_bias=False)):
        with pytest.raises(ValueError, match="layer must be linear: use_bias=False and no activa"):
            spectral.SpectralNormalization(layer)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_a_network_gets_spectral_norm_and_biases_in_place_of_batch_norm(dtype):
    plain = dcgan.discriminator((28, 28, 1), width=2, dtype=dtype)
    network = spectral.spectrally_normalized(plain)
    kinds = {type(layer) for layer in network.layers}
    assert kinds == {spectral.SpectralNormalization, tf.keras.layers.LeakyReLU}
    shapes = [w.shape for w in plain.trainable_variables if w.name == "kernel"]
    assert [layer.kernel.shape for layer in network.layers if hasattr(layer, "kernel")] == shapes
    names = [w.name for w in network.trainable_variables]
    assert names.count("bias") == names.count("kernel") == len(shapes)
    images = np.random.default_rng(0).uniform(-1, 1, [3, 28, 28, 1]).astype(np.float32)
    logits = network(images, training=True)
    assert (network.name, logits.shape, logits.dtype) == ("discriminator", (3, 1), tf.float32)
    assert np.isfinite(logits).all()


def test_a_network_with_spectral_norm_can_be_copied():
    network = spectral.spectrally_normalized(dcgan.discriminator((28, 28, 1), width=2))
    linear = [layer.layer for layer in network.layers if hasattr(layer, "layer")]
    classes = {type(layer).__name__: type(layer) for layer in [*network.layers, *linear]}
    copy = tf.keras.Sequential.from_config(network.get_config(), custom_objects=classes)
    copy.set_weights(network.get_weights())
    images = np.random.default_rng(0).uniform(-1, 1, [3, 28, 28, 1]).astype(np.float32)
    np.testing.assert_array_equal(copy(images), network(images))


def test_keras_loads_a_network_with_spectral_norm(tmp_path):
    network = spectral.spectrally_normalized(dcgan.discriminator((28, 28, 1), width=2))
    images = np.random.default_rng(0).uniform(-1, 1, [3, 28, 28, 1]).astype(np.float32)
    network(images, training=True)  # a step of the power iteration
    network.save(tmp_path / "network.keras")
    loaded = tf.keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(images), network(images))
