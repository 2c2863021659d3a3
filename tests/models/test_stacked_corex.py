"""Stacked CorEx: its bound worked out by plain formulas, and what its two layers encode."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.models.stacked_corex import PRESETS, StackedCorEx, StackedCorExConfig
from ibgan_tf.seeds import Draw, stateless_seed

CONFIG = StackedCorExConfig(
    z_dim=3, num_categories=4, first_hidden=(6,), second_hidden=(5,), category_steps=10
)


@pytest.fixture
def model(image_shape):
    return StackedCorEx(CONFIG, image_shape, seed=3)


def gaussians(model):
    """Returns mean and log variance of q(z|s) of every category, [4, 3] each."""
    return tf.split(model.category_decoder(tf.eye(4)), 2, axis=1)


def posterior(model, images):
    pixels = tf.reshape((images + 1) / 2, [images.shape[0], -1])
    return pixels, *tf.split(model.encoder(pixels), 2, axis=1)


def bound_by_hand(model, images):
    """Returns the reconstruction, the rest and KL(p(s|z) || r(s)) of each example, nats."""
    pixels, mean, log_variance = posterior(model, images)
    noise = tf.random.stateless_normal(
        mean.shape, stateless_seed(model.seed, model.step, Draw.CODE)
    )
    z = mean + tf.exp(log_variance / 2) * noise
    p = tf.sigmoid(model.decoder(z))
    likelihood = tf.reduce_sum(pixels * tf.math.log(p) + (1 - pixels) * tf.math.log(1 - p), axis=1)
    entropy = tf.reduce_sum(0.5 * (np.log(2 * np.pi) + 1 + log_variance), axis=1)
    category = tf.nn.softmax(model.category_encoder(z))
    means, log_variances = gaussians(model)
    explained, category_kl = 0.0, 0.0
    for k in range(4):
        density = -0.5 * (
            np.log(2 * np.pi) + log_variances[k] + (z - means[k]) ** 2 / tf.exp(log_variances[k])
        )
        explained += category[:, k] * tf.reduce_sum(density, axis=1)
        category_kl += category[:, k] * (tf.math.log(category[:, k]) - np.log(1 / 4))
    return likelihood, explained + entropy - category_kl, category_kl


@pytest.mark.parametrize(("step", "weight"), [(3, 0.3), (10, 1.0), (99, 1.0)])
def test_the_gradient_and_the_scalars_are_those_of_equation_19(
    model, batch, monkeypatch, assert_gradients_close, step, weight
):
    model.step.assign(step)
    with tf.GradientTape() as tape:
        likelihood, rest, category_kl = bound_by_hand(model, batch["images"])
        objective = -tf.reduce_mean(likelihood + rest + (1 - weight) * category_kl)
    expected = tape.gradient(objective, model.autoencoder_variables)
    sent = []
    monkeypatch.setattr(
        model.autoencoder_optimizer,
        "apply",
        lambda gradients, variables: sent.extend(map(np.array, gradients)),
    )
    scalars = model.train_step(batch)
    assert_gradients_close(sent, expected, variables=model.autoencoder_variables)
    by_hand = {
        "evidence_lower_bound": np.mean(likelihood + rest),
        "reconstruction_loss": -np.mean(likelihood),
        "kl_divergence": -np.mean(rest),
        "category_kl/s1": np.mean(category_kl),
    }
    assert scalars.keys() == by_hand.keys()
    for name, value in by_hand.items():
        np.testing.assert_allclose(scalars[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_the_category_may_have_its_whole_weight_from_the_first_step_on(image_shape):
    model = StackedCorEx(dataclasses.replace(CONFIG, category_steps=0), image_shape)
    assert model.category_weight() == 1.0


def test_an_image_is_made_from_its_categorys_gaussian(model):
    means, log_variances = gaussians(model)
    noise = np.array([[0.5, -1.0, 2.0]], np.float32)
    latent = np.concatenate([noise, [[0, 0, 1, 0]]], axis=1).astype(np.float32)
    z = means[2] + tf.exp(log_variances[2] / 2) * noise
    expected = 2 * tf.sigmoid(tf.reshape(model.decoder(z), [1, 28, 28, 1])) - 1
    np.testing.assert_allclose(model.generate(latent), expected, rtol=1e-4, atol=1e-5)


def test_a_code_makes_the_mean_image_again(model, batch):
    _, mean, _ = posterior(model, batch["images"])
    noise, probabilities = model.encode(batch["images"])
    np.testing.assert_allclose(
        probabilities, tf.nn.softmax(model.category_encoder(mean)), rtol=1e-5, atol=1e-6
    )
    chosen = np.eye(4, dtype=np.float32)[np.argmax(probabilities, axis=1)]
    expected = 2 * tf.sigmoid(tf.reshape(model.decoder(mean), [4, 28, 28, 1])) - 1
    images = model.generate(np.concatenate([noise, chosen], axis=1))
    np.testing.assert_allclose(images, expected, rtol=1e-3, atol=1e-4)


def test_the_codes_are_both_layers_or_the_firsts(model, batch):
    noise, probabilities = model.encode(batch["images"])
    both = np.concatenate([noise, probabilities], axis=1)
    np.testing.assert_array_equal(model.represent(batch["images"]), both)
    np.testing.assert_array_equal(model.classify(batch["images"]), probabilities)
    _, mean, _ = posterior(model, batch["images"])
    np.testing.assert_allclose(model.represent(batch["images"], "z_mean"), mean, rtol=1e-5)
    with pytest.raises(ValueError, match="representation must be one of: code_mean, z_mean"):
        model.represent(batch["images"], "r_mean")


def test_the_kl_of_a_dimension_is_from_what_the_categories_explain(model, batch):
    _, mean, log_variance = (np.array(v) for v in posterior(model, batch["images"]))
    means, log_variances = (np.array(v) for v in gaussians(model))
    p = tf.nn.softmax(model.category_encoder(mean)).numpy()
    kl = np.zeros([4, 3])
    for k in range(4):
        ratio = np.exp(log_variance - log_variances[k])
        shift = (mean - means[k]) ** 2 / np.exp(log_variances[k])
        kl += p[:, k : k + 1] * 0.5 * (ratio + shift - 1 - np.log(ratio))
    found = model.code_kl(batch["images"]).numpy()
    np.testing.assert_allclose(found[:, :3], kl, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(
        found[:, 3:].sum(axis=1), np.sum(p * np.log(4 * p), axis=1), atol=1e-5
    )


def test_the_networks_are_the_papers():
    def parameters(network):
        return sum(int(np.prod(v.shape)) for v in network.trainable_variables)

    def dense(*widths):
        return sum((a + 1) * b for a, b in zip(widths, widths[1:], strict=False))

    model = StackedCorEx(PRESETS["mnist"].config, (28, 28, 1))
    assert parameters(model.encoder) == dense(784, 512, 512, 2 * 64)
    assert parameters(model.category_encoder) == dense(64, 32, 32, 16, 16, 10)
    assert parameters(model.category_decoder) == dense(10, 16, 16, 32, 32, 2 * 64)
    assert parameters(model.decoder) == dense(64, 512, 512, 784)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_categories": 1}, "num_categories must be >= 2. Received: num_categories=1"),
        (
            {"first_hidden": (8, 0)},
            r"first_hidden must be > 0, each. Received: first_hidden=\[8, 0",
        ),
        ({"z_dim": 0}, "z_dim must be > 0. Received: z_dim=0"),
    ],
)
def test_settings_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **changes)
