"""JointVAE: its objective worked out by plain formulas, its capacities, its two kinds of codes."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.models.joint_vae import JointVAE, JointVAEConfig
from ibgan_tf.seeds import Draw, stateless_seed

SIZES = (4, 2)
CONFIG = JointVAEConfig(
    z_dim=3,
    categorical_sizes=SIZES,
    temperature=0.5,
    continuous_capacity=8.0,
    categorical_capacity=1.2,
    capacity_steps=10,
    continuous_weight=7.0,
    categorical_weight=11.0,
)


@pytest.fixture
def model(image_shape):
    return JointVAE(CONFIG, image_shape, seed=3)


def outputs_of(model, images):
    """Returns mean, log variance and the probabilities of both categories."""
    outputs = model.encoder((images + 1) / 2)
    mean, log_variance, *logits = tf.split(outputs, [3, 3, *SIZES], axis=1)
    return mean, log_variance, [tf.nn.softmax(own) for own in logits]


def parts_by_hand(model, images):
    """Returns the parts of the objective for each example, by plain formulas."""
    mean, log_variance, probabilities = outputs_of(model, images)
    noise = tf.random.stateless_normal(
        mean.shape, stateless_seed(model.seed, model.step, Draw.CODE)
    )
    uniform = tf.random.stateless_uniform(
        [images.shape[0], sum(SIZES)], stateless_seed(model.seed, model.step, Draw.CATEGORY)
    )
    gumbel = tf.split(-tf.math.log(-tf.math.log(uniform)), SIZES, axis=1)
    relaxed = []
    for p, g in zip(probabilities, gumbel, strict=True):
        scores = tf.exp((tf.math.log(p) + g) / 0.5)
        relaxed.append(scores / tf.reduce_sum(scores, axis=1, keepdims=True))
    z = mean + tf.exp(log_variance / 2) * noise
    p = tf.sigmoid(model.decoder(tf.concat([z, *relaxed], axis=1)))
    unit = (images + 1) / 2
    likelihood = tf.reduce_sum(
        unit * tf.math.log(p) + (1 - unit) * tf.math.log(1 - p), axis=[1, 2, 3]
    )
    kl = (mean**2 + tf.exp(log_variance) - 1 - log_variance) / 2
    category_kl = [
        math.log(size) + tf.reduce_sum(p * tf.math.log(p), axis=1)
        for size, p in zip(SIZES, probabilities, strict=True)
    ]
    return likelihood, kl, category_kl


def test_the_gradient_is_that_of_the_papers_objective(
    model, batch, monkeypatch, assert_gradients_close
):
    model.step.assign(4)  # 4 of 10: capacities of 3.2 and 0.48
    with tf.GradientTape() as tape:
        likelihood, kl, category_kl = parts_by_hand(model, batch["images"])
        continuous = tf.reduce_mean(tf.reduce_sum(kl, axis=1))
        categorical = tf.reduce_mean(category_kl[0] + category_kl[1])
        objective = (
            7.0 * tf.abs(continuous - 3.2)
            + 11.0 * tf.abs(categorical - 0.48)
            - tf.reduce_mean(likelihood)
        )
    expected = tape.gradient(objective, model.autoencoder_variables)
    sent = []
    monkeypatch.setattr(
        model.autoencoder_optimizer,
        "apply",
        lambda gradients, variables: sent.extend(map(np.array, gradients)),
    )
    scalars = {name: float(value) for name, value in model.train_step(batch).items()}
    assert_gradients_close(sent, expected, variables=model.autoencoder_variables)
    total = float(continuous + categorical)
    expected_scalars = {
        "evidence_lower_bound": float(tf.reduce_mean(likelihood)) - total,
        "reconstruction_loss": -float(tf.reduce_mean(likelihood)),
        "kl_divergence": total,
        **{f"kl/z0{d}": np.mean(kl[:, d]) for d in range(3)},
        "category_kl/s1": np.mean(category_kl[0]),
        "category_kl/s2": np.mean(category_kl[1]),
        "continuous_capacity": 3.2,
        "categorical_capacity": 0.48,
    }
    assert scalars.keys() == expected_scalars.keys()
    for name, value in expected_scalars.items():
        np.testing.assert_allclose(scalars[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("step", "continuous", "categorical"),
    [(0, 0.0, 0.0), (5, 4.0, 0.6), (10, 8.0, 1.2), (500, 8.0, 1.2)],
)
def test_the_capacities_grow_and_stay(model, step, continuous, categorical):
    model.step.assign(step)
    np.testing.assert_allclose(model.capacities(), [continuous, categorical], rtol=1e-6)


def test_categories_have_no_more_capacity_than_information(image_shape):
    config = dataclasses.replace(CONFIG, categorical_capacity=100.0)
    model = JointVAE(config, image_shape)
    model.step.assign(10)
    np.testing.assert_allclose(model.capacities()[1], math.log(4) + math.log(2), rtol=1e-6)


def test_the_kl_of_the_columns_of_a_category_adds_up_to_its_own(model, batch):
    mean, log_variance, probabilities = outputs_of(model, batch["images"])
    found = model.code_kl(batch["images"]).numpy()
    assert found.shape == (4, 3 + sum(SIZES))
    assert (found >= 0).all()
    kl = (mean**2 + tf.exp(log_variance) - 1 - log_variance) / 2
    np.testing.assert_allclose(found[:, :3], kl, rtol=1e-4, atol=1e-6)
    first = 3
    for size, p in zip(SIZES, probabilities, strict=True):
        own = math.log(size) + np.sum(p * np.log(p), axis=1)
        np.testing.assert_allclose(found[:, first : first + size].sum(axis=1), own, atol=1e-5)
        first += size


def test_a_category_that_is_certain_has_all_its_information(model, batch, monkeypatch):
    certain = tf.concat([tf.zeros([4, 6]), [[200.0, 0, 0, 0, 0, 0]] * 4], axis=1)
    monkeypatch.setattr(model, "encoder", lambda images, training: certain)
    kl = model.code_kl(batch["images"]).numpy()[0]
    np.testing.assert_allclose(kl[3:7].sum(), math.log(4), rtol=1e-5)
    np.testing.assert_allclose(kl[7:], 0.0, atol=1e-6)


def test_the_codes_are_means_and_probabilities(model, batch):
    mean, _, probabilities = outputs_of(model, batch["images"])
    codes = model.represent(batch["images"])
    expected = np.concatenate([mean, *probabilities], axis=1)
    np.testing.assert_allclose(codes, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.represent(batch["images"], "z_mean"), mean)
    np.testing.assert_allclose(model.classify(batch["images"]), probabilities[0], rtol=1e-5)
    with pytest.raises(ValueError, match="representation must be one of: code_mean, z_mean"):
        model.represent(batch["images"], "r_mean")


def test_a_sample_of_the_prior_has_one_of_each_category(model):
    samples = model.sample_prior(500, seed=tf.constant([1, 2])).numpy()
    first, second = samples[:, 3:7], samples[:, 7:]
    for own in (first, second):
        assert set(own.sum(axis=1)) == {1.0} and set(own.ravel()) == {0.0, 1.0}
    np.testing.assert_allclose(first.mean(axis=0), [0.25] * 4, atol=0.08)


@pytest.mark.parametrize(
    ("name", "weight", "continuous", "categorical", "steps", "z_dim", "sizes"),
    [
        ("mnist", 30.0, 5.0, 5.0, 25_000, 10, (10,)),
        ("dsprites", 150.0, 40.0, 1.1, 300_000, 6, (3,)),
        ("celeba", 3 * 100.0, 50.0, 10.0, 100_000, 32, (10,)),  # theirs is a mean over channels
        ("fashion_mnist", 100.0, 5.0, 10.0, 50_000, 10, (10,)),
        ("chairs3d", 300.0, 30.0, 5.0, 100_000, 32, (2, 2, 2)),
    ],
)
def test_the_presets_are_those_of_the_papers_code(
    name, weight, continuous, categorical, steps, z_dim, sizes
):
    config = JointVAE.presets[name].config
    assert (config.continuous_weight, config.categorical_weight) == (weight, weight)
    assert (config.continuous_capacity, config.categorical_capacity) == (continuous, categorical)
    assert (config.capacity_steps, config.z_dim) == (steps, z_dim)
    assert config.categorical_sizes == sizes
    assert config.learning_rate == (1e-4 if name == "chairs3d" else 5e-4)
    assert config.temperature == 0.67


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"categorical_sizes": ()}, "categorical_sizes must be one number or more, each >= 2."),
        ({"categorical_sizes": (3, 1)}, r"each >= 2. Received: categorical_sizes=\[3, 1\]"),
        ({"temperature": 0.0}, "temperature must be > 0. Received: temperature=0.0"),
        ({"capacity_steps": 0}, "capacity_steps must be > 0. Received: capacity_steps=0"),
        ({"continuous_weight": -1.0}, "continuous_weight must be >= 0."),
    ],
)
def test_settings_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **changes)
