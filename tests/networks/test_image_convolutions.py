import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.networks import image_convolutions

# Sides of the larger map, height and width, and the image's channels.
shapes = pytest.mark.parametrize("shape", [(28, 28, 1), (12, 8, 3), (6, 10, 4)])
STRIDED = {"kernel_size": 4, "strides": 2, "padding": "same"}


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def pair(name, filters, input_shape, **settings):
    """Returns our layer and Keras's, with the same weights."""
    ours = getattr(image_convolutions, name)(filters, **settings)
    plain = getattr(tf.keras.layers, name)(filters, **settings)
    for layer in (ours, plain):
        layer.build((None, *input_shape))
    plain.set_weights([random(*weight.shape) for weight in plain.weights])
    ours.set_weights(plain.get_weights())
    return ours, plain


def results(layer, inputs, target, **call):
    """Returns the outputs and the gradients of inputs and weights."""
    inputs = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = tf.cast(layer(inputs, **call), tf.float32)
        loss = tf.reduce_sum(outputs * target)
    sources = [inputs, *[variable.value for variable in layer.trainable_variables]]
    return [np.asarray(value) for value in (outputs, *tape.gradient(loss, sources))]


def assert_equal_form(name, filters, input_shape, output_shape, **settings):
    ours, plain = pair(name, filters, input_shape, **settings)
    inputs, target = random(3, *input_shape, seed=1), random(3, *output_shape, seed=2)
    expected = results(plain, inputs, target)
    for training in (True, False):
        found = results(ours, inputs, target, training=training)
        assert found[0].shape == (3, *output_shape)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@shapes
@pytest.mark.parametrize("use_bias", [True, False])
def test_a_convolution_that_reads_images_equals_kerass_forward_and_backward(shape, use_bias):
    height, width, _ = shape
    output_shape = (height // 2, width // 2, 5)
    assert_equal_form("Conv2D", 5, shape, output_shape, use_bias=use_bias, **STRIDED)


@shapes
@pytest.mark.parametrize("settings", [{"use_bias": False}, {"activation": "tanh"}])
def test_a_convolution_that_writes_images_equals_kerass_forward_and_backward(shape, settings):
    height, width, channels = shape
    input_shape = (height // 2, width // 2, 5)
    assert_equal_form("Conv2DTranspose", channels, input_shape, shape, **settings, **STRIDED)


@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose"])
@pytest.mark.parametrize("change", [{"kernel_size": 3}, {"strides": 1}, {"padding": "valid"}])
def test_other_convolutions_are_kerass_own(name, change):
    ours, plain = pair(name, 2, (12, 8, 3), **(STRIDED | change))
    inputs = random(2, 12, 8, 3)
    np.testing.assert_array_equal(ours(inputs, training=True), plain(inputs))


def test_one_pixel_by_hand():
    # A single feature of 1 writes the kernel's 4x4 taps around it, from one row and column above.
    features = np.zeros((1, 3, 3, 1), np.float32)
    features[0, 1, 1, 0] = 1.0
    kernel = np.arange(1.0, 17.0, dtype=np.float32).reshape(4, 4, 1, 1)
    image = image_convolutions.transposed_convolution(tf.constant(features), tf.constant(kernel))
    expected = np.zeros((6, 6), np.float32)
    expected[1:5, 1:5] = kernel[:, :, 0, 0]
    np.testing.assert_array_equal(image[0, :, :, 0], expected)


@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose"])
def test_bfloat16_is_as_near_to_float32_as_kerass(name):
    input_shape = {"Conv2D": (8, 8, 1), "Conv2DTranspose": (4, 4, 16)}[name]
    output_shape = {"Conv2D": (4, 4, 1), "Conv2DTranspose": (8, 8, 1)}[name]
    inputs, target = random(3, *input_shape, seed=1), random(3, *output_shape, seed=2)
    _, exact = pair(name, 1, input_shape, **STRIDED)
    layers = pair(name, 1, input_shape, dtype="mixed_bfloat16", **STRIDED)
    assert layers[0](inputs, training=True).dtype == tf.bfloat16
    expected = results(exact, inputs, target)
    found = [
        results(layers[0], inputs, target, training=True),
        results(layers[1], inputs, target),
    ]
    errors = [[np.abs(a - b).max() for a, b in zip(one, expected, strict=True)] for one in found]
    assert errors[0][0] > 0  # it is bfloat16
    np.testing.assert_array_less(errors[0], 2 * np.array(errors[1]) + 0.02)


@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose"])
def test_only_training_has_gradients_that_a_saved_model_does_not_keep(name):
    ours, _ = pair(name, 1, (8, 8, 1), **STRIDED)

    def own_gradients(training):
        function = tf.function(lambda images: ours(images, training=training))
        graph = function.get_concrete_function(tf.TensorSpec([2, 8, 8, 1])).graph
        return [op for op in graph.get_operations() if op.type == "IdentityN"]

    assert own_gradients(training=True)
    assert not own_gradients(training=False)


def test_the_batch_may_be_unknown():
    layer = image_convolutions.Conv2DTranspose(1, **STRIDED)
    assert layer(tf.keras.Input((4, 4, 2))).shape == (None, 8, 8, 1)
