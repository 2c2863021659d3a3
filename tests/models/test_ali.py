"""ALI and InfoVAEGAN: what each network's gradient is, by plain formulas, and who trains what."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.models.ali import ALI, ALIConfig
from ibgan_tf.models.infovaegan import PRESETS, InfoVAEGAN, InfoVAEGANConfig
from ibgan_tf.seeds import Draw, stateless_seed

TINY = {
    "noise_dim": 2,
    "continuous_dim": 3,
    "categorical_sizes": (4,),
    "generator_width": 2,
    "discriminator_width": 2,
    "initialization": "orthogonal",
    "temperature": 0.5,
}


@pytest.fixture
def ali(image_shape):
    return ALI(ALIConfig(**TINY), image_shape, seed=3)


@pytest.fixture
def infovaegan(image_shape):
    return InfoVAEGAN(InfoVAEGANConfig(**TINY), image_shape, seed=3)


@pytest.fixture
def record(monkeypatch):
    """Returns a function that makes optimizers record what they are given, and do nothing."""

    def of(model, *names):
        sent = {}
        for name in names:

            def apply(gradients, variables, name=name):
                sent[name] = list(map(np.array, gradients))

            monkeypatch.setattr(getattr(model, f"{name}_optimizer"), "apply", apply)
        return sent

    return of


def seed_of(model, draw):
    return stateless_seed(model.seed, model.step, draw)


def latent_of(model, count):
    values = []
    for number, draw in enumerate((Draw.NOISE, Draw.CODE, Draw.CATEGORY)):
        seed = tf.random.fold_in(seed_of(model, draw), number)
        values.append(model.latent[number].prior.sample(count, seed=seed))
    return values


def split(outputs):
    """Returns mean, log variance and logits of q(c|x)."""
    return tf.split(outputs, [3, 3, 4], axis=1)


def drawn(model, outputs, code_draw, category_draw):
    """Returns c ~ q(c|x), with the relaxed category beside it."""
    mean, log_variance, logits = split(outputs)
    noise = tf.random.stateless_normal(mean.shape, seed_of(model, code_draw))
    uniform = tf.random.stateless_uniform(logits.shape, seed_of(model, category_draw))
    relaxed = tf.nn.softmax((logits - tf.math.log(-tf.math.log(uniform))) / 0.5)
    return tf.concat([mean + tf.exp(log_variance / 2) * noise, relaxed], axis=1)


def probability(model, images, code):
    features = model.discriminator_features(images, training=True)
    pair = tf.concat([features, code], axis=1)
    return tf.sigmoid(model.discriminator_pairs(pair)[:, 0])


def test_alis_gradients_are_those_of_its_two_sides(ali, batch, record, assert_gradients_close):
    with tf.GradientTape(persistent=True) as tape:
        z, c, s = latent_of(ali, 4)
        generated = ali.generator(tf.concat([z, c, s], axis=1), training=True)
        outputs = ali.encoder(batch["images"], training=True)
        inferred = drawn(ali, outputs, Draw.INFERRED_CODE, Draw.INFERRED_CATEGORY)
        real = probability(ali, batch["images"], inferred)
        fake = probability(ali, generated, tf.concat([c, s], axis=1))
        discriminator_loss = -tf.reduce_mean(tf.math.log(real) + tf.math.log(1 - fake))
        generator_loss = -tf.reduce_mean(tf.math.log(fake))
        inference_loss = -tf.reduce_mean(tf.math.log(1 - real))
        both = generator_loss + inference_loss
    expected = {
        "discriminator": tape.gradient(discriminator_loss, ali.discriminator_variables),
        "generator": tape.gradient(both, ali.generator_variables),
    }
    sent = record(ali, *expected)
    scalars = ali.train_step(batch)
    for name, own in expected.items():
        assert_gradients_close(sent[name], own, variables=getattr(ali, f"{name}_variables"))
    for name, value in (
        ("discriminator_loss", discriminator_loss),
        ("generator_loss", generator_loss),
        ("inference_loss", inference_loss),
    ):
        np.testing.assert_allclose(scalars[name], value, rtol=1e-4, err_msg=name)


def test_infovaegans_losses_are_equations_28_to_31(
    infovaegan, batch, record, assert_gradients_close
):
    model = infovaegan
    with tf.GradientTape(persistent=True) as tape:
        z, c, s = latent_of(model, 4)
        generated = model.generator(tf.concat([z, c, s], axis=1), training=True)
        real_outputs = model.encoder(batch["images"], training=True)
        inferred = drawn(model, real_outputs, Draw.INFERRED_CODE, Draw.INFERRED_CATEGORY)
        real = probability(model, batch["images"], inferred)
        fake = probability(model, generated, tf.concat([c, s], axis=1))
        discriminator_loss = -tf.reduce_mean(tf.math.log(real) + tf.math.log(1 - fake))
        generator_loss = -tf.reduce_mean(tf.math.log(fake))

        outputs = model.encoder(generated, training=True)
        mean, log_variance, logits = split(outputs)
        p = tf.nn.softmax(logits)
        # log N(c; mean, I) - log N(c; 0, I)
        information = tf.reduce_sum((c**2 - (c - mean) ** 2) / 2, axis=1)
        information += tf.math.log(tf.reduce_sum(s * p, axis=1)) + np.log(4)

        code = drawn(model, outputs, Draw.RECONSTRUCTED_CODE, Draw.RECONSTRUCTED_CATEGORY)
        again = model.generator(tf.concat([z, code], axis=1), training=True)
        error = tf.reduce_sum((generated - again) ** 2, axis=[1, 2, 3])
        kl = tf.reduce_sum((mean**2 + tf.exp(log_variance) - 1 - log_variance) / 2, axis=1)
        kl += tf.reduce_sum(p * tf.math.log(4 * p), axis=1)
        bound, lower_bound_loss = tf.reduce_mean(information), tf.reduce_mean(error + kl)
        penalty = -bound
    both = model.generator.trainable_variables + model.encoder.trainable_variables
    expected = {
        "discriminator": (discriminator_loss, model.discriminator_variables),
        "generator": (generator_loss, model.generator.trainable_variables),
        "information": (penalty, both),
        "inference": (lower_bound_loss, model.encoder.trainable_variables),
    }
    gradients = {name: tape.gradient(*own) for name, own in expected.items()}
    sent = record(model, *expected)
    scalars = model.train_step(batch)
    for name, own in gradients.items():
        assert_gradients_close(sent[name], own, variables=expected[name][1])
    for name, value in (
        ("information_lower_bound", bound),
        ("reconstruction_loss", tf.reduce_mean(error)),
        ("kl_divergence", tf.reduce_mean(kl)),
        ("generator_loss", generator_loss),
    ):
        np.testing.assert_allclose(scalars[name], value, rtol=1e-3, atol=1e-5, err_msg=name)


def test_the_codes_are_the_encoders_means_and_probabilities(infovaegan, batch):
    outputs = infovaegan.encoder(batch["images"], training=False)
    mean, _, logits = split(outputs)
    p = tf.nn.softmax(logits)
    codes = infovaegan.represent(batch["images"])
    np.testing.assert_allclose(codes, tf.concat([mean, p], axis=1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(infovaegan.classify(batch["images"]), p, rtol=1e-4)


def test_infovaegans_rates_are_those_of_its_code():
    config = PRESETS["chairs3d"].config
    assert (config.noise_dim, config.continuous_dim, config.categorical_sizes) == (100, 10, (10,))
    assert config.noise_prior == config.continuous_prior == "uniform"
    assert config.discriminator_learning_rate == 2e-4
    assert {
        config.generator_learning_rate,
        config.information_learning_rate,
        config.inference_learning_rate,
    } == {5 * 2e-4}
    assert config.beta_1 == 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 0.0}, "temperature must be > 0. Received: temperature=0.0"),
        ({"inference_learning_rate": 0.0}, "inference_learning_rate must be > 0."),
        (
            {"continuous_dim": 0, "categorical_sizes": ()},
            "There must be codes to infer: continuous_dim > 0 or categorical_sizes.",
        ),
    ],
)
def test_settings_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(InfoVAEGANConfig(**TINY), **changes)
