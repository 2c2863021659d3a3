"""MINE-GAN: the bound of its information, and what each network's gradient is."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from ibgan_tf.models.mine_gan import MineGAN, MineGANConfig
from ibgan_tf.seeds import Draw, stateless_seed

CONFIG = MineGANConfig(
    noise_dim=2,
    continuous_dim=3,
    generator_width=2,
    discriminator_width=2,
    initialization="orthogonal",
    instance_noise_start=0.0,
    information_weight=0.5,
    average_decay=0.75,
)


@pytest.fixture
def model(image_shape):
    made = MineGAN(CONFIG, image_shape, seed=3)
    made.log_average.assign(0.3)
    return made


@pytest.fixture
def sent(model, monkeypatch):
    """What the optimizers are given: side -> gradients. Nothing is updated."""
    found = {}
    for side in ("generator", "discriminator", "statistics"):

        def apply(gradients, variables, side=side):
            found[side] = list(map(np.array, gradients))

        monkeypatch.setattr(getattr(model, f"{side}_optimizer"), "apply", apply)
    return found


def by_hand(model, count):
    """Returns T of pairs and of shuffled pairs, [count] each, and D's logits of the images."""
    draws = {}
    for number, (name, draw) in enumerate((("z", Draw.NOISE), ("c", Draw.CODE))):
        seed = tf.random.fold_in(stateless_seed(model.seed, model.step, draw), number)
        draws[name] = model.latent[number].prior.sample(count, seed=seed)
    generated = model.generator(tf.concat([draws["z"], draws["c"]], axis=1), training=True)
    logits = model.discriminator(generated, training=True)[:, 0]
    features = model.statistics_features(generated, training=True)
    shuffled = tf.gather(draws["c"], [count - 1, *range(count - 1)])  # those of the one before
    joint, marginal = (
        model.statistics_pairs(tf.concat([features, own], axis=1))[:, 0]
        for own in (draws["c"], shuffled)
    )
    return joint, marginal, logits


def test_the_information_is_donsker_and_varadhans_bound(model, batch, sent):
    joint, marginal, _ = by_hand(model, 4)
    expected = np.mean(joint) - np.log(np.mean(np.exp(marginal)))
    scalars = model.train_step(batch)
    np.testing.assert_allclose(scalars["information_lower_bound"], expected, rtol=1e-4, atol=1e-6)


def test_t_climbs_the_bound_with_the_averaged_denominator(
    model, batch, sent, assert_gradients_close
):
    with tf.GradientTape() as tape:
        joint, marginal, _ = by_hand(model, 4)
        average = 0.75 * np.exp(0.3) + 0.25 * np.mean(np.exp(marginal))
        loss = -(tf.reduce_mean(joint) - tf.reduce_mean(tf.exp(marginal)) / average)
    expected = tape.gradient(loss, model.statistics_variables)
    model.train_step(batch)
    assert_gradients_close(sent["statistics"], expected, variables=model.statistics_variables)
    np.testing.assert_allclose(model.log_average.value, np.log(average), rtol=1e-4)


@pytest.mark.parametrize("weight", [0.5, 1e5])
def test_the_generator_climbs_the_information_no_more_steeply_than_its_loss_falls(
    model, batch, sent, assert_gradients_close, weight
):
    model.config = dataclasses.replace(CONFIG, information_weight=weight)
    with tf.GradientTape(persistent=True) as tape:
        joint, marginal, logits = by_hand(model, 4)
        loss = tf.reduce_mean(tf.nn.softplus(-logits))
        information = tf.reduce_mean(joint) - tf.math.log(tf.reduce_mean(tf.exp(marginal)))
        penalty = -weight * information
    down = tape.gradient(loss, model.generator_variables)
    up = tape.gradient(penalty, model.generator_variables)
    norms = [np.sqrt(sum(np.sum(np.square(g)) for g in one)) for one in (down, up)]
    part = min(1.0, norms[0] / norms[1])
    assert (part == 1.0) == (weight == 0.5)
    scalars = model.train_step(batch)
    np.testing.assert_allclose(scalars["information_gradient_part"], part, rtol=1e-3)
    expected = [d + part * u for d, u in zip(down, up, strict=True)]
    assert_gradients_close(sent["generator"], expected, variables=model.generator_variables)


def test_the_estimate_finds_the_information_of_two_normal_variables(model):
    # I(x; y) = -log(1 - rho**2) / 2; T is trained on 400 pairs a step, of features given as such.
    rho = 0.9
    generator = np.random.default_rng(0)
    pairs = model.statistics_pairs
    width = pairs.input_shape[1]
    optimizer = tf.keras.optimizers.Adam(2e-3)

    def draw(count):
        x = generator.normal(size=(count, 1))
        y = rho * x + np.sqrt(1 - rho**2) * generator.normal(size=(count, 1))
        return [
            tf.constant(np.concatenate([x, own, np.zeros([count, width - 2])], axis=1), tf.float32)
            for own in (y, np.roll(y, 1))
        ]

    @tf.function
    def step(joint, marginal):
        with tf.GradientTape() as tape:
            bound = tf.reduce_mean(pairs(joint)) - tf.math.log(
                tf.reduce_mean(tf.exp(pairs(marginal)))
            )
            loss = -bound
        variables = pairs.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)

    for _ in range(300):
        step(*draw(400))
    joint, marginal = (pairs(own).numpy()[:, 0] for own in draw(20_000))
    found = np.mean(joint) - (special.logsumexp(marginal) - np.log(20_000))
    np.testing.assert_allclose(found, -0.5 * np.log(1 - rho**2), atol=0.06)


def test_without_a_weight_the_generator_is_a_gans(model, batch, sent, assert_gradients_close):
    model.config = dataclasses.replace(CONFIG, information_weight=0.0)
    with tf.GradientTape() as tape:
        _, _, logits = by_hand(model, 4)
        loss = tf.reduce_mean(tf.nn.softplus(-logits))
    expected = tape.gradient(loss, model.generator_variables)
    model.train_step(batch)
    assert_gradients_close(sent["generator"], expected, variables=model.generator_variables)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"continuous_dim": 0}, "MINE-GAN must have codes: continuous_dim > 0 or categorical"),
        ({"average_decay": 1.0}, r"average_decay must be in \[0, 1\). Received: "),
        ({"information_weight": -1.0}, "information_weight must be >= 0."),
        ({"statistics_learning_rate": 0.0}, "statistics_learning_rate must be > 0."),
    ],
)
def test_settings_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **changes)
