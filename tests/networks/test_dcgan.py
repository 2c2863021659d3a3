import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

from ibgan_tf.networks import dcgan, layers

IMAGE_SHAPES = [(28, 28, 1), (32, 32, 3), (64, 64, 1), (64, 64, 3)]
MAP_SIDE = {28: 7, 32: 8, 64: 8}


def random_images(shape, *, batch=2):
    return np.random.default_rng(0).uniform(-1, 1, (batch, *shape)).astype(np.float32)


@pytest.mark.parametrize("shape", IMAGE_SHAPES, ids=str)
def test_the_generator_makes_images_between_minus_one_and_one(shape):
    generator = dcgan.generator(3, shape, width=2)
    codes = 100 * np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    images = generator(codes, training=True).numpy()
    assert images.shape == (4, *shape)
    assert images.dtype == np.float32
    assert np.abs(images).max() <= 1.0
    assert images.std() > 0.01


@pytest.mark.parametrize("shape", IMAGE_SHAPES, ids=str)
def test_separate_discriminator_and_reconstructor_read_images(shape):
    images = random_images(shape)
    assert dcgan.discriminator(shape, width=2)(images).shape == (2, 1)
    assert dcgan.reconstructor(shape, 5, width=2)(images).shape == (2, 5)


@pytest.mark.parametrize("shape", IMAGE_SHAPES, ids=str)
def test_heads_read_the_map_of_the_shared_front(shape):
    front = dcgan.shared_front(shape, width=2)
    features = front(random_images(shape))
    side = MAP_SIDE[shape[0]]
    assert features.shape == (2, side, side, 4 * 2)
    assert dcgan.head(features.shape[1:], 5, width=2)(features).shape == (2, 5)


@pytest.fixture(scope="module")
def bfloat16_networks():
    """Networks that compute in bfloat16, and what each reads."""
    shape, policy = (28, 28, 1), "mixed_bfloat16"
    front = dcgan.shared_front(shape, width=2, dtype=policy)
    images = random_images(shape)
    return front(images), {
        "generator": (dcgan.generator(3, shape, width=2, dtype=policy), np.ones([2, 3])),
        "discriminator": (dcgan.discriminator(shape, width=2, dtype=policy), images),
        "reconstructor": (dcgan.reconstructor(shape, 5, width=2, dtype=policy), images),
        "head": (dcgan.head((7, 7, 8), 5, width=2, dtype=policy), front(images)),
    }


@pytest.mark.parametrize("name", ["generator", "discriminator", "reconstructor", "head"])
def test_outputs_are_float32_where_the_layers_compute_in_bfloat16(bfloat16_networks, name):
    network, inputs = bfloat16_networks[1][name]
    assert network(inputs, training=True).dtype == tf.float32
    compute_types = [layer.compute_dtype for layer in network.layers]
    assert set(compute_types[:-1]) == {"bfloat16"}
    assert {weight.dtype for weight in network.weights} == {"float32"}


def test_the_shared_map_is_in_the_type_of_the_computation(bfloat16_networks):
    features, _ = bfloat16_networks
    assert features.dtype == tf.bfloat16


@pytest.fixture(scope="module")
def small_networks():
    shape = (64, 64, 1)
    return {
        "generator": dcgan.generator(3, shape, width=1),
        "discriminator": dcgan.discriminator(shape, width=1),
        "reconstructor": dcgan.reconstructor(shape, 5, width=1),
        "front": dcgan.shared_front(shape, width=1),
        "head": dcgan.head((8, 8, 4), 5, width=1),
    }


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def repeat(*names, times):
    return list(names) * times


def test_the_layers_are_those_of_the_official_code(small_networks):
    normalised = ("BatchNormalization", "LeakyReLU")
    front = ["Conv2D", "LeakyReLU", *repeat("Conv2D", *normalised, times=2)]
    whole = ["WholeImageConvolution", *normalised]
    trunk = [*front, "Conv2D", *normalised, *whole]
    up = ("Conv2DTranspose", "BatchNormalization", "ReLU")
    assert {name: kinds(network) for name, network in small_networks.items()} == {
        "generator": [
            *repeat("Dense", "BatchNormalization", "ReLU", times=2),
            "Reshape",
            *repeat(*up, times=4),
            "Conv2DTranspose",
            "Activation",
        ],
        "discriminator": [*trunk, "Dense"],
        "reconstructor": [*trunk, "Dense", *normalised, "Dense"],
        "front": front,
        "head": [*repeat("Conv2D", *normalised, times=2), *whole, "Dense"],
    }


def test_normalisation_and_slope_are_pytorchs_and_dcgans(small_networks):
    every_layer = [layer for network in small_networks.values() for layer in network.layers]
    norms = [x for x in every_layer if isinstance(x, tf.keras.layers.BatchNormalization)]
    slopes = {x.negative_slope for x in every_layer if isinstance(x, tf.keras.layers.LeakyReLU)}
    assert {type(norm) for norm in norms} == {layers.BatchNormalization}
    assert {(norm.momentum, norm.epsilon) for norm in norms} == {(0.9, 1e-5)}
    assert slopes == {0.2}


def test_a_strided_convolution_pads_one_pixel_on_each_side_as_pytorch_does(small_networks):
    convolution = small_networks["front"].layers[0]
    image = random_images((64, 64, 1), batch=1)
    kernel = np.array(convolution.kernel)[:, :, 0, 0]
    padded = np.pad(image[0, :, :, 0], 1)
    expected = signal.correlate2d(padded, kernel, mode="valid")[::2, ::2]
    np.testing.assert_allclose(convolution(image)[0, :, :, 0], expected, rtol=1e-4, atol=1e-5)


def test_a_strided_transposed_convolution_crops_one_pixel_on_each_side_as_pytorch_does():
    convolution = tf.keras.layers.Conv2DTranspose(1, 4, strides=2, padding="same")
    image = random_images((5, 5, 1), batch=1)
    outputs = convolution(image)[0, :, :, 0]
    spread = np.zeros([9, 9])
    spread[::2, ::2] = image[0, :, :, 0]
    kernel = np.array(convolution.kernel)[:, :, 0, 0]
    expected = signal.convolve2d(spread, kernel)[1:-1, 1:-1]
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(48, 48, 1), (64, 32, 1)], ids=str)
def test_an_image_size_that_no_network_has_is_refused(shape):
    with pytest.raises(ValueError) as refusal:
        dcgan.generator(3, shape, width=2)
    assert str(refusal.value) == (
        "image_shape must be square with a side of one of 28, 32, 64 pixels. "
        f"Received: image_shape={shape}"
    )


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_keras_loads_a_network_that_it_saved(name, tmp_path):
    if name == "generator":
        network = dcgan.generator(3, (28, 28, 1), width=2)
    else:
        network = dcgan.discriminator((28, 28, 1), width=2)
    network.save(tmp_path / "network.keras")
    loaded = tf.keras.models.load_model(tmp_path / "network.keras")
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in network.layers]
    inputs = random_images(network.input_shape[1:], batch=2)
    np.testing.assert_array_equal(loaded(inputs), network(inputs))
