import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.networks import mlp


def dense_parameters(*widths):
    return sum((inputs + 1) * outputs for inputs, outputs in zip(widths, widths[1:], strict=False))


def num_parameters(network):
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


def test_the_encoder_of_dsprites_has_two_hidden_layers_of_32():
    encoder = mlp.gaussian_encoder(16, 10)
    assert num_parameters(encoder) == dense_parameters(16, 32, 32, 2 * 10)


def test_the_encoder_of_celeba_has_three_normalised_hidden_layers():
    encoder = mlp.gaussian_encoder(64, 15, hidden=(64, 64, 32), batch_norm=True)
    scales_and_offsets = 2 * (64 + 64 + 32)
    expected = dense_parameters(64, 64, 64, 32, 2 * 15) + scales_and_offsets
    assert num_parameters(encoder) == expected


def test_the_encoder_computes_what_numpy_does():
    encoder = mlp.gaussian_encoder(3, 2, hidden=(5, 4))
    z = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    first, first_bias, second, second_bias, last, last_bias = map(np.array, encoder.weights)
    hidden = np.maximum(z @ first + first_bias, 0)
    hidden = np.maximum(hidden @ second + second_bias, 0)
    np.testing.assert_allclose(encoder(z), hidden @ last + last_bias, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_output_has_means_and_log_variances_in_float32(batch_norm):
    encoder = mlp.gaussian_encoder(3, 2, batch_norm=batch_norm, dtype="mixed_bfloat16")
    outputs = encoder(np.zeros([6, 3], np.float32))
    assert outputs.shape == (6, 4)
    assert outputs.dtype == tf.float32


def test_the_latent_discriminator_has_as_many_parameters_as_disentanglement_libs():
    discriminator = mlp.latent_discriminator(10)
    assert num_parameters(discriminator) == dense_parameters(10, *[1000] * 6, 2) == 5_018_002


def test_the_latent_discriminator_computes_what_numpy_does():
    discriminator = mlp.latent_discriminator(3, num_layers=2, width=4)
    z = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    first, first_bias, second, second_bias, last, last_bias = map(np.array, discriminator.weights)
    hidden = z @ first + first_bias
    hidden = np.maximum(hidden, 0.2 * hidden) @ second + second_bias
    hidden = np.maximum(hidden, 0.2 * hidden)
    np.testing.assert_allclose(discriminator(z), hidden @ last + last_bias, rtol=1e-4, atol=1e-5)
