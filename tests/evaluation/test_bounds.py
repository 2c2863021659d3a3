"""Information of models without an encoder of noise."""

import types

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf.evaluation import bounds

tfd = tfp.distributions


class FakeVAE:
    """Its posterior's means are the image's first pixels, its variances one quarter."""

    latent = (types.SimpleNamespace(name="z", size=2),)

    def code_kl(self, images):
        posterior = tfd.Normal(images[:, 0, :2, 0], 0.5)
        return tfd.kl_divergence(posterior, tfd.Normal(tf.zeros([2]), 1.0))


class FakeInfoGAN:
    latent = (
        types.SimpleNamespace(name="c", size=2),
        types.SimpleNamespace(name="s1", size=10),
    )

    def code_information(self, num_samples, seed):
        return {"c": tf.constant([0.5, 1.0]), "s1": tf.constant([2.0])}


class FakeIBGAN:
    encode_noise = generate_from_r = encode = None


def test_the_kind_follows_from_what_a_model_can_do():
    kinds = [bounds.kind_of(model) for model in (FakeIBGAN(), FakeInfoGAN(), FakeVAE(), object())]
    assert kinds == ["noise", "codes", "posterior", None]


def test_the_information_of_codes_is_named_and_summed():
    found = bounds.of_codes(FakeInfoGAN(), num_samples=7, seed=0)
    assert found["code_information"] == {"c0": 0.5, "c1": 1.0, "s1": 2.0}
    assert found["score"] == found["information_lower_bound_fitted"] == 3.5
    assert found["categories"] == {"s1": pytest.approx(np.log(10))}


def test_the_kl_of_a_vae_is_averaged_over_real_images(squares):
    found = bounds.of_posterior(FakeVAE(), squares, num_samples=600, seed=3)
    indices = np.random.default_rng(3).integers(squares.size, size=600)
    means = squares.images(indices)[:, 0, :2, 0] / 127.5 - 1.0
    kl = (0.25 + means**2 - 1) / 2 + np.log(2)
    np.testing.assert_allclose(found["dimension_kl"], kl.mean(axis=0), rtol=1e-5)
    assert found["score"] == pytest.approx(kl.mean(axis=0).sum())
    assert found["active_dimensions"] == (kl.mean(axis=0) > 0.5).sum()
