"""The bounds on the information of noise, of a channel whose bounds are known."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf.evaluation import scores

tfd = tfp.distributions


class Channel:
    """r = 0.8 z + 0.6 e in two dimensions, of which the image shows the first; z_hat = 0.8 r."""

    noise_prior = prior = tfd.Normal(tf.zeros([2]), 1.0)

    def encode_noise(self, z):
        return tfd.Normal(0.8 * z, 0.6)

    def generate_from_r(self, r):
        return (r * [1.0, 0.0])[:, tf.newaxis, :, tf.newaxis]

    def encode(self, images):
        r = images[:, 0, :, 0]
        return 0.8 * r, r


def test_the_bounds_of_a_linear_channel_by_hand():
    found = scores._information_of_noise(Channel(), num_samples=20_000, seed=0)
    # z - z_hat = 0.36 z - 0.48 e has the variance 0.36; nothing comes back of the second dimension.
    assert found["information_lower_bound"] == pytest.approx((1 - 0.36) / 2, abs=0.02)
    assert found["information_lower_bound_fitted"] == pytest.approx(-np.log(0.36) / 2, abs=0.025)
    # Each dimension of e(r|z) has E[(0.64 z**2 + 0.36 - 1 - log 0.36) / 2] from N(0, 1).
    assert found["information_upper_bound"] == pytest.approx(-np.log(0.36), abs=0.02)
    assert found["dimension_kl"] == pytest.approx([-np.log(0.36) / 2] * 2, abs=0.02)
    assert found["dimension_information"] == pytest.approx([np.log(20), 0.0], abs=1e-6)


def test_every_batch_of_samples_is_another():
    sizes = (250, 500)  # a batch and two
    one, two = (scores._information_of_noise(Channel(), num_samples=n, seed=0) for n in sizes)
    assert abs(one["score"] - two["score"]) > 1e-4
