"""InfoGAN: its objective, who trains the reconstructor, its presets and what it can do."""

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.models import codes
from ibgan_tf.models.gan import PRESETS as GAN_PRESETS
from ibgan_tf.models.infogan import PRESETS, InfoGAN, InfoGANConfig
from ibgan_tf.seeds import Draw, stateless_seed

TINY = {
    "noise_dim": 2,
    "continuous_dim": 3,
    "continuous_prior": "uniform",
    "categorical_sizes": (4,),
    "generator_width": 2,
    "discriminator_width": 2,
    "initialization": "orthogonal",
    "instance_noise_start": 0.0,
}
FORMS = {
    "separate": {},
    "shared": {
        "trunk": "shared",
        "reconstructor_optimizer": "discriminator",
        "code_variance": "learned",
    },
}
every_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(scope="module")
def _built(image_shape, state):
    built = {}
    for name, changes in FORMS.items():
        model = InfoGAN(InfoGANConfig(**TINY | changes), image_shape, seed=3)
        built[name] = model, state(model)
    return built


@pytest.fixture
def infogan(_built):
    """Gives a tiny InfoGAN of a form as it is before training; a test may train it."""

    def model_of(form, **changes):
        model, start = _built[form]
        named = {variable.path: variable for variable in model.variables}
        for side in ("generator", "discriminator"):
            optimizer = getattr(model, f"{side}_optimizer")
            named |= {f"{side}_optimizer/{v.path}": v for v in optimizer.variables}
        for path, variable in named.items():
            variable.assign(start[path])
        model.config = InfoGANConfig(**TINY | FORMS[form] | changes)
        return model

    return model_of


def draws(model, count):
    """Returns the values of the step's latent parts, by name."""
    kinds = {"z": Draw.NOISE, "c": Draw.CODE}
    values = {}
    for number, part in enumerate(model.latent):
        seed = stateless_seed(model.seed, model.step, kinds.get(part.name, Draw.CATEGORY))
        values[part.name] = part.prior.sample(count, seed=tf.random.fold_in(seed, number))
    return values


def phases_by_hand(model, images, *, weight, category_weight):
    """Returns the gradients of both phases and the bounds, by plain formulas."""
    count = len(images)

    def front(x):
        return x if model.front is None else model.front(x, training=True)

    with tf.GradientTape(persistent=True) as tape:
        values = draws(model, count)
        generated = model.generator(tf.concat(list(values.values()), axis=1), training=True)
        features = front(generated)
        real_p = tf.sigmoid(model.discriminator(front(images), training=True)[:, 0])
        generated_p = tf.sigmoid(model.discriminator(features, training=True)[:, 0])
        outputs = model.reconstructor(features, training=True)
        mean, rest = outputs[:, :3], outputs[:, 3:]
        log_variance, logits = (
            (rest[:, :3], rest[:, 3:]) if rest.shape[1] == 7 else (tf.zeros([count, 3]), rest)
        )
        density = -0.5 * (
            np.log(2 * np.pi) + log_variance + (values["c"] - mean) ** 2 / tf.exp(log_variance)
        )
        continuous = tf.reduce_sum(density, axis=1) + 3 * np.log(2)  # H(U(-1, 1)) = log 2
        chosen = tf.reduce_sum(values["s1"] * tf.nn.softmax(logits), axis=1)
        category = tf.math.log(chosen) + np.log(4)
        information = tf.reduce_mean(weight * continuous + category_weight * category)
        discriminator_loss = -tf.reduce_mean(tf.math.log(real_p) + tf.math.log(1 - generated_p))
        if model.config.reconstructor_optimizer == "discriminator":
            discriminator_loss -= information
        generator_loss = -tf.reduce_mean(tf.math.log(generated_p)) - information
    return (
        tape.gradient(discriminator_loss, model.discriminator_variables),
        tape.gradient(generator_loss, model.generator_variables),
        tf.reduce_mean(continuous + category),
    )


@every_form
def test_the_gradients_are_those_of_equation_6(
    infogan, batch, sent_gradients, assert_gradients_close, form
):
    weights = {"information_weight": 0.3, "category_weight": 0.7}
    by_hand = {"weight": 0.3, "category_weight": 0.7}
    model = infogan(form, **weights)
    before, _, _ = phases_by_hand(model, batch["images"], **by_hand)
    model = infogan(form, **weights)  # its statistics as they were
    model.discriminator_optimizer.learning_rate.assign(0.1)
    sent = sent_gradients(model, frozen=["generator"])
    scalars = model.train_step(batch)
    assert_gradients_close(sent["discriminator"], before, variables=model.discriminator_variables)
    model.step.assign(0)
    _, after, bound = phases_by_hand(model, batch["images"], **by_hand)
    assert_gradients_close(sent["generator"], after, variables=model.generator_variables)
    np.testing.assert_allclose(scalars["information_lower_bound"], bound, rtol=1e-4)


def test_the_generator_is_updated_again_on_the_same_latents(
    infogan, batch, sent_gradients, assert_gradients_close
):
    weights = {"information_weight": 0.3, "category_weight": 0.7}
    model = infogan("separate", **weights, generator_updates=2)
    record = sent_gradients(model)
    model.train_step(batch)
    sent = dict(record)
    model = infogan("separate", **weights)  # as it was
    model.train_step(batch)
    model.step.assign(0)
    _, second, _ = phases_by_hand(model, batch["images"], weight=0.3, category_weight=0.7)
    assert sent["generator_updates"] == 2
    assert_gradients_close(sent["generator"], second, variables=model.generator_variables)


@every_form
def test_the_reconstructor_is_trained_by_who_the_settings_say(infogan, form):
    model = infogan(form)
    own = {v.path for v in model.reconstructor.trainable_variables}
    sides = {
        side: {v.path for v in getattr(model, f"{side}_variables")}
        for side in ("generator", "discriminator")
    }
    assert own <= sides[model.config.reconstructor_optimizer]
    assert not sides["generator"] & sides["discriminator"]
    assert sides["generator"] | sides["discriminator"] == {
        v.path for v in model.trainable_variables
    }


@every_form
def test_the_information_of_each_code_is_logged(infogan, batch, form):
    scalars = infogan(form).train_step(batch)
    names = ["information/c0", "information/c1", "information/c2", "information/s1"]
    assert {name for name in scalars if name.startswith("information/")} == set(names)
    total = sum(float(scalars[name]) for name in names)
    np.testing.assert_allclose(scalars["information_lower_bound_fitted"], total, rtol=1e-4)
    assert float(scalars["information/s1"]) <= np.log(4)


def test_real_images_in_the_reconstructor_change_its_statistics_only(infogan, batch, state):
    after, scalars = [], []
    for setting in (True, False):
        model = infogan("separate", reconstruct_real_images=setting)
        scalars.append(model.train_step(batch))
        after.append(state(model))
    assert scalars[0] == scalars[1]
    changed = {path for path, value in after[0].items() if (value != after[1][path]).any()}
    assert changed == {v.path for v in model.reconstructor.non_trainable_variables}


def test_it_learns_to_read_its_codes_off_its_images(image_shape, batch):
    config = InfoGANConfig(
        **TINY
        | {
            "optimizer": "adam",
            "epsilon": 1e-8,
            "generator_learning_rate": 2e-3,
            "reconstruct_real_images": False,
        }
    )
    model = InfoGAN(config, image_shape, seed=1)
    images = np.random.default_rng(0).uniform(-1, 1, (16, *image_shape)).astype(np.float32)
    step = tf.function(model.train_step)
    learned = [float(step({"images": tf.constant(images)})["information/s1"]) for _ in range(60)]
    assert learned[0] < 0.2 and np.mean(learned[-10:]) > 0.7 * np.log(4)


# Settings


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_the_latent_and_the_networks_of_gan(name):
    ours, gans = PRESETS[name], GAN_PRESETS[name]
    for field in gans.config.__dataclass_fields__:
        assert getattr(ours.config, field) == getattr(gans.config, field), field
    assert (ours.steps, ours.batch_size) == (gans.steps, gans.batch_size)


def changes(config):
    """Returns the settings that aren't the class's defaults."""
    names = config.__dataclass_fields__
    values = {name: (getattr(config, name), getattr(InfoGANConfig(), name)) for name in names}
    return {name: value for name, (value, default) in values.items() if value != default}


def test_the_baseline_is_ibgan_at_beta_0():
    preset = PRESETS["dsprites"]
    assert changes(preset.config) == {}
    config = preset.config
    assert (config.information_weight, config.code_variance) == (1.0, "unit")
    assert (config.continuous_dim, config.continuous_prior, config.noise_dim) == (10, "normal", 0)
    assert (preset.steps, preset.batch_size) == (150_000, 64)


SHARED_WITH_DISCRIMINATOR = {
    "noise_prior": "uniform",
    "continuous_prior": "uniform",
    "trunk": "shared",
    "reconstructor_optimizer": "discriminator",
    "optimizer": "adam",
    "generator_learning_rate": 1e-3,
    "epsilon": 1e-8,  # beta_1 is 0.5 by default
    "instance_noise_start": 0.0,
}


def test_the_tuned_preset_is_infogan_crs():
    preset = PRESETS["dsprites_tuned"]
    assert changes(preset.config) == SHARED_WITH_DISCRIMINATOR | {
        "noise_dim": 5,
        "continuous_dim": 5,
        "spectral_norm": True,
        "discriminator_learning_rate": 2e-3,
        "generator_updates": 2,
        "information_weight": 0.05,
        "reconstruct_real_images": False,  # it has no BatchNorm
    }
    assert preset.config.beta_1 == 0.5
    assert (preset.steps, preset.batch_size) == (288_000, 64)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_preset_of_mnist_is_openais(name):
    preset = PRESETS[name]
    assert changes(preset.config) == SHARED_WITH_DISCRIMINATOR | {
        "noise_dim": 62,
        "continuous_dim": 2,
        "categorical_sizes": (10,),
        "generator_width": 32,
        "discriminator_width": 32,
        "discriminator_learning_rate": 2e-4,
    }
    assert preset.config.beta_1 == 0.5
    assert (preset.steps, preset.batch_size) == (20_000, 128)


def test_a_latent_without_codes_is_refused():
    with pytest.raises(ValueError, match="InfoGAN must have codes: continuous_dim > 0 or categ"):
        InfoGANConfig(noise_dim=3, continuous_dim=0)


# What a trained model can do


@every_form
def test_codes_are_read_off_images_part_by_part(infogan, batch, form):
    model = infogan(form)
    images = batch["images"]
    features = images if model.front is None else model.front(images, training=False)
    outputs = model.reconstructor(features, training=False).numpy()
    c, s1 = model.encode(images)
    np.testing.assert_array_equal(c, outputs[:, :3])
    np.testing.assert_allclose(s1, tf.nn.softmax(outputs[:, -4:]), rtol=1e-5)
    np.testing.assert_array_equal(model.represent(images), np.concatenate([c, s1], axis=1))
    np.testing.assert_array_equal(model.classify(images), s1)


@every_form
def test_the_information_of_a_model_is_that_of_its_own_images(infogan, form):
    model = infogan(form)
    latent = model.sample_prior(300, seed=stateless_seed(4, 0, Draw.EVALUATION))
    values = dict(zip(("z", "c", "s1"), tf.split(latent, [2, 3, 4], axis=1), strict=True))
    images = model.generate(latent)
    features = images if model.front is None else model.front(images, training=False)
    posteriors = model.reconstruct(features)
    expected = codes.code_information(posteriors, model.code_parts, values, fitted=form != "shared")
    found = model.code_information(300, seed=4)
    assert {name: v.shape[0] for name, v in found.items()} == {"c": 3, "s1": 1}
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-4)
