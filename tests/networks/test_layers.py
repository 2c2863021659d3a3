import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.networks import layers

SHAPES = {"vectors": (8, 3), "maps": (2, 4, 5, 3)}


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def as_arrays(tensors):
    return [np.asarray(tensor) for tensor in tensors]


# WholeImageConvolution


def whole_image_pair(**settings):
    """Returns our layer and Keras's valid convolution, with the same weights, for 4x5 images."""
    ours = layers.WholeImageConvolution(6, **settings)
    plain = tf.keras.layers.Conv2D(6, (4, 5), **settings)
    ours.build((None, 4, 5, 3))
    plain.build((None, 4, 5, 3))
    plain.set_weights([random(*weight.shape) for weight in plain.weights])
    ours.set_weights(plain.get_weights())
    return ours, plain


@pytest.mark.parametrize("settings", [{"use_bias": False}, {"activation": "tanh"}])
def test_a_whole_image_convolution_equals_a_valid_one_forward_and_backward(settings):
    ours, plain = whole_image_pair(**settings)
    images, target = tf.constant(random(2, 4, 5, 3)), random(2, 6, seed=1)
    results = []
    for layer in (ours, plain):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = tf.reshape(layer(images), [2, 6])
            loss = tf.reduce_sum(outputs * target)
        sources = [images, *layer.trainable_variables]
        results.append(as_arrays([outputs, *tape.gradient(loss, sources)]))
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_whole_image_convolution_returns_vectors():
    ours, plain = whole_image_pair()
    images = random(2, 4, 5, 3)
    assert ours(images).shape == (2, 6)
    assert plain(images).shape == (2, 1, 1, 6)
    assert ours(tf.keras.Input((4, 5, 3))).shape == (None, 6)


def test_the_two_forms_of_the_convolution_can_swap_their_weights():
    ours, plain = whole_image_pair()
    ours.set_weights([random(*weight.shape, seed=1) for weight in ours.weights])
    plain.set_weights(ours.get_weights())
    images = random(2, 4, 5, 3)
    outputs = plain(images)[:, 0, 0]
    np.testing.assert_allclose(ours(images), outputs, rtol=1e-4, atol=1e-5)


def test_a_whole_image_convolution_can_be_made_from_its_config():
    ours, _ = whole_image_pair(use_bias=False)
    copy = layers.WholeImageConvolution.from_config(ours.get_config())
    copy.build((None, 4, 5, 3))
    assert [weight.shape for weight in copy.weights] == [(4, 5, 3, 6)]


def test_a_whole_image_convolution_computes_in_bfloat16_when_told_to():
    layer = layers.WholeImageConvolution(6, dtype="mixed_bfloat16")
    assert layer(random(2, 4, 5, 3)).dtype == tf.bfloat16
    assert layer.kernel.dtype == "float32"


# BatchNormalization


def normalisations(shape=(None, 3), *, dtype="float32"):
    """Returns our layer and Keras's with PyTorch's constants, with the same scale and offset."""
    plain = tf.keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=dtype)
    pair = layers.BatchNormalization(dtype=dtype), plain
    for layer in pair:
        layer.build(shape)
        layer.gamma.assign([0.5, 1.0, 2.0])
        layer.beta.assign([-1.0, 0.0, 1.0])
    return pair


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_batch_normalisation_trains_as_the_plain_keras_layer(shape):
    inputs, target = tf.constant(3.0 * random(*shape) + 1.0), random(*shape, seed=1)
    results = []
    for layer in normalisations(shape):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
            loss = tf.reduce_sum(outputs * target)
        gradients = tape.gradient(loss, [inputs, layer.gamma, layer.beta])
        results.append(as_arrays([outputs, *gradients]))
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_batch_normalisation_keeps_the_statistics_of_the_plain_keras_layer(shape):
    ours, plain = normalisations(shape)
    for seed in range(3):
        inputs = 3.0 * random(*shape, seed=seed) + 1.0
        for layer in (ours, plain):
            layer(inputs, training=True)
    np.testing.assert_allclose(ours.moving_mean, plain.moving_mean, rtol=1e-5)
    np.testing.assert_allclose(ours.moving_variance, plain.moving_variance, rtol=1e-5)
    np.testing.assert_allclose(ours(inputs), plain(inputs), rtol=1e-4, atol=1e-5)


def test_the_statistics_move_by_a_tenth_to_the_batch_mean_and_biased_variance():
    inputs = 3.0 * random(8, 3) + 1.0
    layer, _ = normalisations()
    layer(inputs, training=True)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * inputs.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * inputs.var(axis=0), rtol=1e-5)


def test_a_trained_batch_has_the_offset_as_mean_and_the_scale_as_deviation():
    layer, _ = normalisations()
    outputs = layer(3.0 * random(100, 3) + 1.0, training=True).numpy()
    np.testing.assert_allclose(outputs.mean(axis=0), [-1.0, 0.0, 1.0], atol=1e-5)
    np.testing.assert_allclose(outputs.std(axis=0), [0.5, 1.0, 2.0], rtol=1e-4)


def test_epsilon_is_added_to_the_variance():
    inputs = np.array([[-0.001], [0.001]], np.float32)  # variance 1e-6, below epsilon
    outputs = layers.BatchNormalization()(inputs, training=True)
    np.testing.assert_allclose(outputs, inputs / np.sqrt(1e-6 + 1e-5), rtol=1e-4)


@pytest.mark.parametrize("training", [False, None])
def test_inference_uses_the_statistics_and_leaves_them_as_they_are(training):
    layer, _ = normalisations()
    layer.moving_mean.assign([1.0, 2.0, 3.0])
    layer.moving_variance.assign([4.0, 4.0, 4.0])
    inputs = random(8, 3)
    expected = (inputs - [1.0, 2.0, 3.0]) / np.sqrt(4.0 + 1e-5) * [0.5, 1.0, 2.0] + [-1.0, 0.0, 1.0]
    np.testing.assert_allclose(layer(inputs, training=training), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean, [1.0, 2.0, 3.0])


def test_a_frozen_batch_normalisation_learns_nothing():
    layer, _ = normalisations()
    layer.trainable = False
    layer(random(8, 3) + 5.0, training=True)
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(3))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_batch_normalisation_in_bfloat16_keeps_float32_statistics(shape):
    ours, plain = normalisations(shape, dtype="mixed_bfloat16")
    inputs = tf.cast(3.0 * random(*shape) + 1.0, tf.bfloat16)
    results = [layer(inputs, training=True) for layer in (ours, plain)]
    assert {result.dtype for result in results} == {tf.bfloat16}
    in_float32 = [tf.cast(result, tf.float32) for result in results]
    np.testing.assert_allclose(*in_float32, atol=0.05)
    assert ours.moving_mean.dtype == "float32"
    np.testing.assert_allclose(ours.moving_mean, plain.moving_mean, rtol=1e-3)
    np.testing.assert_allclose(ours.moving_variance, plain.moving_variance, rtol=1e-3)


def test_batch_normalisation_computes_the_same_in_a_graph():
    (layer, _), (traced, _) = normalisations(), normalisations()
    inputs = random(8, 3)
    outputs = tf.function(lambda values: traced(values, training=True))(inputs)
    np.testing.assert_allclose(outputs, layer(inputs, training=True), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(traced.moving_mean, layer.moving_mean, rtol=1e-5)


# leaky_relu


def test_the_leaky_relu_has_the_slope_of_dcgan():
    outputs = layers.leaky_relu()(np.array([-1.0, 0.0, 2.0], np.float32))
    np.testing.assert_allclose(outputs, [-0.2, 0.0, 2.0], rtol=1e-6)
