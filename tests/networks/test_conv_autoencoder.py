import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.networks import conv_autoencoder


def num_parameters(network):
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


def sides(network, kinds):
    """Returns the side of the output of each layer of some kinds."""
    return [layer.output.shape[1] for layer in network.layers if isinstance(layer, kinds)]


def test_the_networks_have_as_many_parameters_as_disentanglement_libs():
    encoder = conv_autoencoder.encoder((64, 64, 1), 10)
    decoder = conv_autoencoder.decoder(10, (64, 64, 1))
    assert num_parameters(encoder) == 309_204
    assert num_parameters(decoder) == 381_313


def test_three_channels_add_the_kernels_of_the_first_and_the_last_convolution():
    encoder = conv_autoencoder.encoder((64, 64, 3), 10)
    decoder = conv_autoencoder.decoder(10, (64, 64, 3))
    assert num_parameters(encoder) == 309_204 + 2 * 4 * 4 * 32
    assert num_parameters(decoder) == 381_313 + 2 * (4 * 4 * 32 + 1)


@pytest.mark.parametrize(("side", "maps"), [(64, [32, 16, 8, 4]), (32, [16, 8, 4]), (28, [14, 7])])
def test_smaller_images_pass_fewer_convolutions_to_a_map_that_the_decoder_begins_with(side, maps):
    encoder = conv_autoencoder.encoder((side, side, 1), 3)
    decoder = conv_autoencoder.decoder(3, (side, side, 1))
    convolution, transposed = tf.keras.layers.Conv2D, tf.keras.layers.Conv2DTranspose
    up = (tf.keras.layers.Reshape, transposed)
    assert sides(encoder, convolution) == maps
    assert sides(decoder, up) == [*maps[::-1], side]


@pytest.mark.parametrize("side", [28, 32, 64])
def test_the_outputs_are_float32_of_the_right_shapes_in_bfloat16_too(side):
    shape = (side, side, 3)
    encoder = conv_autoencoder.encoder(shape, 5, dtype="mixed_bfloat16")
    decoder = conv_autoencoder.decoder(5, shape, dtype="mixed_bfloat16")
    codes = encoder(np.zeros([2, *shape], np.float32))
    logits = decoder(codes[:, :5])
    assert (codes.shape, logits.shape) == ((2, 10), (2, *shape))
    assert codes.dtype == logits.dtype == tf.float32


def test_the_means_come_first_and_both_heads_read_the_same_features():
    encoder = conv_autoencoder.encoder((28, 28, 1), 3)
    encoder.get_layer("mean").bias.assign([1.0, 2.0, 3.0])
    encoder.get_layer("log_variance").bias.assign([-1.0, -2.0, -3.0])
    codes = encoder(np.zeros([1, 28, 28, 1], np.float32))
    np.testing.assert_array_equal(codes, [[1, 2, 3, -1, -2, -3]])


@pytest.mark.parametrize("shape", [(48, 48, 1), (64, 32, 1)])
def test_other_sizes_are_refused(shape):
    for build in (
        lambda: conv_autoencoder.encoder(shape, 3),
        lambda: conv_autoencoder.decoder(3, shape),
    ):
        with pytest.raises(ValueError, match=r"image_shape must be square with a side of one of"):
            build()


def test_every_layer_but_the_last_has_a_relu():
    def activations(network):
        return [layer.activation.__name__ for layer in network.layers if hasattr(layer, "kernel")]

    assert activations(conv_autoencoder.encoder((64, 64, 1), 3)) == ["relu"] * 5 + ["linear"] * 2
    assert activations(conv_autoencoder.decoder(3, (64, 64, 1))) == ["relu"] * 5 + ["linear"]
