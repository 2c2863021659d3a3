"""Info-WGAN: the critic's updates, its clipping, and what it shares with InfoGAN."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.models.info_wgan import PRESETS, InfoWGAN, InfoWGANConfig
from ibgan_tf.seeds import Draw, stateless_seed

CONFIG = InfoWGANConfig(
    noise_dim=2,
    continuous_dim=3,
    generator_width=2,
    discriminator_width=2,
    initialization="orthogonal",
    instance_noise_start=0.0,
    discriminator_updates=2,
    information_weight=0.3,
    spectral_norm=False,
)


@pytest.fixture(params=["separate", "shared"])
def model(request, image_shape):
    return InfoWGAN(dataclasses.replace(CONFIG, trunk=request.param), image_shape, seed=3)


@pytest.fixture
def recorded(monkeypatch):
    """Returns a function that makes a model's optimizers record: side -> list of gradients."""

    def record(model, *, frozen=()):
        sent = {"generator": [], "discriminator": []}
        for side, found in sent.items():
            optimizer = getattr(model, f"{side}_optimizer")
            apply = type(optimizer).apply

            def recording(
                gradients, variables, side=side, found=found, optimizer=optimizer, apply=apply
            ):
                found.append(list(map(np.array, gradients)))
                if side not in frozen:
                    apply(optimizer, gradients, variables)

            monkeypatch.setattr(optimizer, "apply", recording)
        return sent

    return record


def critic(model, images):
    features = images if model.front is None else model.front(images, training=True)
    return features, model.discriminator(features, training=True)[:, 0]


def latent_of(model, count):
    values = []
    for number, draw in enumerate((Draw.NOISE, Draw.CODE)):
        seed = tf.random.fold_in(stateless_seed(model.seed, model.step, draw), number)
        values.append(model.latent[number].prior.sample(count, seed=seed))
    return values


def test_each_update_of_the_critic_has_its_own_images_and_latents(
    model, batch, recorded, assert_gradients_close
):
    z, c = latent_of(model, 4)
    expected = []
    for first in range(2):
        with tf.GradientTape() as tape:
            _, real = critic(model, batch["images"][first::2])
            latent = tf.concat([z[first::2], c[first::2]], axis=1)
            _, generated = critic(model, model.generator(latent, training=True))
            loss = tf.reduce_mean(generated) - tf.reduce_mean(real)
        expected.append(tape.gradient(loss, model.discriminator_variables))
    # Before any update: the critic stays as it is, but for the clipping, which does nothing.
    limited = dataclasses.replace(model.config, weight_limit=1e6)
    model.config = limited
    sent = recorded(model, frozen=("generator", "discriminator"))
    model.train_step(batch)
    assert len(sent["discriminator"]) == 2 and len(sent["generator"]) == 1
    for own, by_hand in zip(sent["discriminator"], expected, strict=True):
        assert_gradients_close(own, by_hand, variables=model.discriminator_variables)


def test_the_generator_goes_against_the_last_critic_and_for_the_information(
    model, batch, recorded, assert_gradients_close
):
    sent = recorded(model, frozen=("generator",))
    scalars = model.train_step(batch)
    model.step.assign(0)
    z, c = latent_of(model, 4)
    with tf.GradientTape() as tape:
        generated = model.generator(tf.concat([z[1::2], c[1::2]], axis=1), training=True)
        features, outputs = critic(model, generated)
        mean = model.reconstructor(features, training=True)
        # log q(c|x) - log p(c), of unit variances.
        bound = tf.reduce_mean(tf.reduce_sum((c[1::2] ** 2 - (c[1::2] - mean) ** 2) / 2, axis=1))
        loss = -tf.reduce_mean(outputs) - 0.3 * bound
    expected = tape.gradient(loss, model.generator_variables)
    assert_gradients_close(sent["generator"][0], expected, variables=model.generator_variables)
    np.testing.assert_allclose(scalars["generator_loss"], -np.mean(outputs), rtol=1e-3, atol=1e-6)


def test_only_the_critics_weights_are_clipped(model, batch):
    for variable in model.discriminator_variables:
        variable.assign(3.0 * tf.ones(variable.shape))
    model.train_step(batch)
    for variable in model.discriminator_variables:
        limit = 1.0 if variable.name in ("gamma", "beta") else CONFIG.weight_limit
        assert 0.8 * limit < np.abs(variable).max() <= limit * (1 + 1e-6), variable.path
    for variable in model.generator_variables:  # the generator's and the reconstructor's
        if variable.name == "kernel":
            assert np.abs(variable).max() > CONFIG.weight_limit, variable.path


def test_a_reconstructor_that_the_critics_optimizer_has_is_not_clipped(image_shape, batch):
    config = dataclasses.replace(CONFIG, reconstructor_optimizer="discriminator")
    model = InfoWGAN(config, image_shape, seed=3)
    model.train_step(batch)
    assert any(
        np.abs(v).max() > CONFIG.weight_limit for v in model.reconstructor.trainable_variables
    )


def test_the_critics_settings_are_arjovskys():
    for preset in PRESETS.values():
        config = preset.config
        assert (config.weight_limit, config.discriminator_updates) == (0.01, 5)
        assert preset.batch_size == 5 * 64
        assert (config.optimizer, config.momentum) == ("rmsprop", 0.0)
        assert config.generator_learning_rate == config.discriminator_learning_rate == 5e-5


def test_fewer_images_than_updates_are_refused(image_shape, batch):
    config = dataclasses.replace(CONFIG, discriminator_updates=5)
    model = InfoWGAN(config, image_shape, seed=3)
    with pytest.raises(ValueError, match="batch_size must be >= discriminator_updates on each rep"):
        model.train_step(batch)
    step = tf.function(
        model.train_step, input_signature=[{"images": tf.TensorSpec([None, *image_shape])}]
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="batch_size must be >= discriminator"):
        step(batch)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_limit": 0.0}, "weight_limit must be > 0. Received: weight_limit=0.0"),
        ({"discriminator_updates": 0}, "discriminator_updates must be > 0."),
        (
            {"real_label_low": 0.7},
            "must be 1, for a critic has no labels. Received: real_label_low",
        ),
    ],
)
def test_settings_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **changes)


def test_each_update_of_the_critic_has_noise_of_its_own(image_shape, batch):
    noisy = dataclasses.replace(CONFIG, instance_noise_start=1.0, instance_noise_end=1.0)
    model = InfoWGAN(noisy, image_shape, seed=3)
    latent = {
        part.name: tf.zeros([2, part.size]) for part in model.latent
    }  # the same images, but for the noise
    first, second, again = (model._generate(latent, number=number) for number in (0, 1, 1))
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_array_equal(second, again)
