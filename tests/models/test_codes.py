"""The latent of GAN and InfoGAN, q of its codes, and the bounds of their information."""

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.models import codes
from ibgan_tf.models.gan_settings import GANConfig

SETTINGS = codes.LatentSettings(
    noise_dim=3,
    noise_prior="uniform",
    continuous_dim=2,
    continuous_prior="normal",
    categorical_sizes=(4, 3),
)
PARTS = codes.code_parts(codes.latent_parts(SETTINGS))


def normals(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def one_hot(size, *, count):
    return np.eye(size, dtype=np.float32)[np.arange(count) % size]


def test_the_parts_have_the_papers_order_and_priors():
    parts = codes.latent_parts(SETTINGS)
    assert [(p.name, p.size, p.traversable) for p in parts] == [
        ("z", 3, False),
        ("c", 2, True),
        ("s1", 4, True),
        ("s2", 3, True),
    ]
    z, c, s1, _ = (np.array(p.prior.sample(4000, seed=[1, 2])) for p in parts)
    assert np.abs(z).max() <= 1 and np.allclose(z.std(axis=0), 1 / np.sqrt(3), rtol=0.05)
    assert np.allclose(c.std(axis=0), 1, rtol=0.05)
    assert set(s1.sum(axis=1)) == {1.0} and np.allclose(s1.mean(axis=0), 1 / 4, atol=0.03)


def test_parts_that_are_empty_are_left_out():
    settings = codes.LatentSettings(noise_dim=0, continuous_dim=0, categorical_sizes=(2,))
    assert [part.name for part in codes.latent_parts(settings)] == ["s1"]


def test_the_network_has_outputs_for_each_code():
    assert codes.posterior_size(PARTS, learned_variance=False) == 2 + 4 + 3
    assert codes.posterior_size(PARTS, learned_variance=True) == 2 + 2 + 4 + 3


@pytest.mark.parametrize("learned", [False, True])
def test_the_posteriors_are_gaussians_and_softmaxes_of_their_own_outputs(learned):
    outputs = normals(5, codes.posterior_size(PARTS, learned_variance=learned))
    found = codes.posteriors(outputs, PARTS, learned_variance=learned)
    scale = np.exp(outputs[:, 2:4] / 2) if learned else np.ones([5, 2])
    logits = outputs[:, 4 if learned else 2 :]
    np.testing.assert_array_equal(found["c"].mean(), outputs[:, :2])
    np.testing.assert_allclose(found["c"].stddev(), scale, rtol=1e-5)
    for name, own in (("s1", logits[:, :4]), ("s2", logits[:, 4:])):
        expected = np.exp(own) / np.exp(own).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(codes.means(found)[name], expected, rtol=1e-5)


def test_the_bounds_are_those_by_hand():
    outputs = normals(5, 9)
    values = {"c": normals(5, 2, seed=1), "s1": one_hot(4, count=5), "s2": one_hot(3, count=5)}
    found = codes.posteriors(outputs, PARTS, learned_variance=False)
    bounds = codes.information_lower_bounds(found, PARTS, values)
    c = (values["c"] ** 2 - (values["c"] - outputs[:, :2]) ** 2).sum(axis=1) / 2
    np.testing.assert_allclose(bounds["c"], c, rtol=1e-4, atol=1e-5)
    for name, own, size in (("s1", outputs[:, 2:6], 4), ("s2", outputs[:, 6:], 3)):
        probability = np.exp(own) / np.exp(own).sum(axis=1, keepdims=True)
        expected = np.log(probability[values[name] == 1]) + np.log(size)
        np.testing.assert_allclose(bounds[name], expected, rtol=1e-4, atol=1e-5)


def test_a_certain_category_carries_the_log_of_their_number():
    settings = codes.LatentSettings(continuous_dim=0, categorical_sizes=(10,))
    parts = codes.latent_parts(settings)
    values = {"s1": one_hot(10, count=50)}
    for logits, expected in ((50.0 * values["s1"], np.log(10)), (0.0 * values["s1"], 0.0)):
        found = codes.posteriors(logits, parts, learned_variance=False)
        information = codes.code_information(found, parts, values, fitted=True)
        np.testing.assert_allclose(information["s1"], [expected], atol=1e-5)


def test_the_information_of_codes_is_that_of_the_learned_or_of_the_best_variance():
    values = {"c": normals(4000, 2)}
    noise = np.array([0.5, 2.0], np.float32)
    means = values["c"] + noise * normals(4000, 2, seed=1)
    parts = PARTS[:1]
    fitted = codes.code_information(
        codes.posteriors(means, parts, learned_variance=False),
        parts,
        values,
        fitted=True,
    )["c"]
    np.testing.assert_allclose(fitted, -np.log(noise), atol=0.05)
    outputs = np.concatenate([means, np.full_like(means, 2 * np.log(0.5))], axis=1)
    learned = codes.code_information(
        codes.posteriors(outputs, parts, learned_variance=True),
        parts,
        values,
        fitted=False,
    )["c"]
    # E[log N(c; mean, 1/4)] + H(c) = log 2 + 1/2 - E[(c - mean)**2] / (2 / 4)
    np.testing.assert_allclose(learned, np.log(2) + 0.5 - noise**2 / 0.5, atol=0.3, rtol=0.05)
    assert learned[0] <= fitted[0] + 1e-3 and learned[1] < fitted[1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise_dim": -1}, "noise_dim must be >= 0. Received: noise_dim=-1"),
        (
            {"categorical_sizes": (10, 1)},
            r"categorical_sizes must be >= 2, each. .*10, 1",
        ),
        ({"continuous_dim": 0}, "The latent must have noise_dim, continuous_dim or categorical"),
        ({"noise_prior": "unifrom"}, "noise_prior must be one of: .*Did you mean 'uniform'?"),
    ],
)
def test_settings_of_the_latent_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        GANConfig(**settings)


def test_the_unit_variance_bound_of_a_uniform_code_is_at_most_minus_0226():
    values = tf.random.stateless_uniform([4000, 1], [1, 2], -1.0, 1.0)
    settings = codes.LatentSettings(continuous_dim=1, continuous_prior="uniform")
    parts = codes.latent_parts(settings)
    found = codes.posteriors(values, parts, learned_variance=False)
    bounds = codes.information_lower_bounds(found, parts, {"c": values})
    expected = np.log(2) - np.log(2 * np.pi) / 2  # -0.226
    np.testing.assert_allclose(bounds["c"], np.full(4000, expected), rtol=1e-5)
