"""GAN: its two phases, its settings as a part of IB-GAN, and what it generates from."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.models import gan_training
from ibgan_tf.models.gan import GAN, PRESETS, GANConfig
from ibgan_tf.models.ibgan import PRESETS as IBGAN_PRESETS
from ibgan_tf.seeds import Draw, stateless_seed

TINY = {
    "continuous_dim": 3,
    "generator_width": 2,
    "discriminator_width": 2,
    "initialization": "orthogonal",
}
FORMS = ({}, {"trunk": "shared", "noise_dim": 2, "categorical_sizes": (4,)})


@pytest.fixture(scope="module")
def _built():
    return {}


@pytest.fixture
def gan(_built, image_shape, state):
    """Gives a tiny GAN of some settings as it is before training; a test may train it."""

    def model_of(**changes):
        config = GANConfig(**TINY | changes)
        form = (config.trunk, config.noise_dim, config.spectral_norm, config.optimizer)
        if form not in _built:
            model = GAN(config, image_shape, seed=3)
            _built[form] = model, state(model)
        model, start = _built[form]
        for path, variable in variables_of(model).items():
            variable.assign(start[path])
        model.config = config
        return model

    return model_of


def variables_of(model):
    named = {variable.path: variable for variable in model.variables}
    for side in ("generator", "discriminator"):
        optimizer = getattr(model, f"{side}_optimizer")
        named |= {f"{side}_optimizer/{v.path}": v for v in optimizer.variables}
    return named


def draws(model, count):
    """Returns the latent of the step, drawn part by part."""
    kinds = {"z": Draw.NOISE, "c": Draw.CODE}
    parts = []
    for number, part in enumerate(model.latent):
        seed = stateless_seed(model.seed, model.step, kinds.get(part.name, Draw.CATEGORY))
        parts.append(part.prior.sample(count, seed=tf.random.fold_in(seed, number)))
    return tf.concat(parts, axis=1)


def noisy(model, images, draw):
    seed = stateless_seed(model.seed, model.step, draw)
    noise = tf.random.stateless_normal(images.shape, seed)
    return tf.clip_by_value(images + model.config.instance_noise_start * noise, -1, 1)


def logits(model, images):
    features = images if model.front is None else model.front(images, training=True)
    return model.discriminator(features, training=True)[:, 0]


def phases_by_hand(model, images):
    """Returns the gradients of both phases, by plain formulas."""
    with tf.GradientTape(persistent=True) as tape:
        real = noisy(model, images, Draw.INSTANCE_NOISE_REAL)
        generated = model.generator(draws(model, len(images)), training=True)
        generated = noisy(model, generated, Draw.INSTANCE_NOISE_GENERATED)
        real_p, generated_p = (tf.sigmoid(logits(model, x)) for x in (real, generated))
        discriminator_loss = -tf.reduce_mean(tf.math.log(real_p) + tf.math.log(1 - generated_p))
        generator_loss = -tf.reduce_mean(tf.math.log(generated_p))
    return (
        tape.gradient(discriminator_loss, model.discriminator_variables),
        tape.gradient(generator_loss, model.generator_variables),
    )


@pytest.mark.parametrize("form", FORMS)
def test_the_discriminator_is_updated_first_and_the_generator_against_it(
    gan, batch, sent_gradients, assert_gradients_close, form
):
    model = gan(**form)
    before, _ = phases_by_hand(model, batch["images"])
    model = gan(**form)  # its statistics as they were
    model.discriminator_optimizer.learning_rate.assign(0.1)
    sent = sent_gradients(model, frozen=["generator"])
    model.train_step(batch)
    assert_gradients_close(sent["discriminator"], before, variables=model.discriminator_variables)
    model.step.assign(0)
    _, after = phases_by_hand(model, batch["images"])
    assert_gradients_close(sent["generator"], after, variables=model.generator_variables)


def test_the_generator_is_updated_again_on_the_same_latents(
    gan, batch, sent_gradients, assert_gradients_close
):
    form = {"noise_dim": 2, "continuous_dim": 1}
    model = gan(**form, generator_updates=2)
    record = sent_gradients(model)
    model.train_step(batch)
    sent = dict(record)
    model = gan(**form)  # as it was
    model.train_step(batch)
    model.step.assign(0)
    _, second = phases_by_hand(model, batch["images"])
    assert sent["generator_updates"] == 2
    assert_gradients_close(sent["generator"], second, variables=model.generator_variables)


def test_each_phase_updates_its_own_variables(gan, batch, sent_gradients, state):
    for frozen, side in (("generator", "discriminator"), ("discriminator", "generator")):
        model = gan(trunk="shared", noise_dim=2, categorical_sizes=(4,))
        before = state(model)
        sent_gradients(model, frozen=[frozen])
        model.train_step(batch)
        trainable = {v.path for v in model.trainable_variables}
        changed = {p for p, value in state(model).items() if (value != before[p]).any()} & trainable
        own = {v.path for v in getattr(model, f"{side}_variables")}
        assert changed <= own and {p for p in own if p.endswith("kernel")} <= changed


def test_the_scalars_are_means_over_the_batch(gan, batch):
    model = gan()
    model.discriminator_optimizer.learning_rate.assign(0.0)
    real = noisy(model, batch["images"], Draw.INSTANCE_NOISE_REAL)
    generated = model.generator(draws(model, len(real)), training=True)
    generated = noisy(model, generated, Draw.INSTANCE_NOISE_GENERATED)
    real_p, generated_p = (
        1 / (1 + np.exp(-logits(model, x).numpy())) for x in (real, generated)
    )  # float [4]
    expected = {
        "discriminator_loss": -np.mean(np.log(real_p) + np.log(1 - generated_p)),
        "generator_loss": -np.mean(np.log(generated_p)),
        "probability_real": np.mean(real_p),
        "probability_generated": np.mean(generated_p),
    }
    scalars = {name: float(value) for name, value in model.train_step(batch).items()}
    assert scalars == pytest.approx(expected, rel=1e-4)


# Settings


@pytest.mark.parametrize("name", ["dsprites", "color_dsprites", "celeba", "chairs3d"])
def test_a_preset_of_the_paper_has_ibgans_settings(name):
    ours, ibgans = PRESETS[name], IBGAN_PRESETS[name]
    shared = {field.name for field in dataclasses.fields(ours.config)} & {
        field.name for field in dataclasses.fields(ibgans.config)
    }
    assert len(shared) == 14
    for field in shared - {"epsilon"}:  # whose number test_gan_training.py asks for
        assert getattr(ours.config, field) == getattr(ibgans.config, field), field
    assert ours.config.continuous_dim == ibgans.config.r_dim
    assert (ours.config.noise_dim, ours.config.continuous_prior) == (0, "normal")
    assert (ours.config.optimizer, ours.config.epsilon) == ("rmsprop", None)
    assert (ours.steps, ours.batch_size) == (ibgans.steps, ibgans.batch_size)


def test_the_networks_are_ibgans(monkeypatch, image_shape):
    monkeypatch.setattr(gan_training, "optimizer", lambda config, rate, variables: None)
    model = GAN(PRESETS["dsprites"].config, (64, 64, 1))
    counts = [
        sum(int(np.prod(v.shape)) for v in network.trainable_variables)
        for network in (model.generator, model.discriminator)
    ]
    assert counts == [1_181_749 - 2_260, 2_213_329]  # the generator without its encoder e(r|z)


def test_adam_and_spectral_norm_train_too(gan, batch):
    model = gan(optimizer="adam", spectral_norm=True, trunk="shared")
    assert (model.generator_optimizer.beta_1, model.generator_optimizer.epsilon) == (0.5, 1e-8)
    kinds = {type(layer).__name__ for n in (model.front, model.discriminator) for layer in n.layers}
    assert "BatchNormalization" not in kinds and "SpectralNormalization" in kinds
    scalars = model.train_step(batch)
    assert np.isfinite([float(value) for value in scalars.values()]).all()


# What a trained model can do


def test_it_generates_from_all_parts_side_by_side_and_reads_nothing_off_an_image(gan):
    model = gan(trunk="shared", noise_dim=2, categorical_sizes=(4,))
    latent = model.sample_prior(5, seed=tf.constant([1, 2]))
    assert latent.shape == (5, 2 + 3 + 4)
    np.testing.assert_array_equal(tf.reduce_sum(latent[:, 5:], axis=1), np.ones(5))
    assert model.generate(latent).shape == (5, 28, 28, 1)
    assert not hasattr(model, "encode") and not hasattr(model, "representations")
    assert set(model.networks()) == {"generator"}
