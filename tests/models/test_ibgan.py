"""The networks of IB-GAN, and what they do for others; test_ibgan_training.py has the training."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf.models.ibgan import IBGAN, PRESETS
from ibgan_tf.networks import initialization
from ibgan_tf.optimizers import FusedRMSprop
from ibgan_tf.seeds import Draw, stateless_seed

tfd = tfp.distributions

# Counted from the official networks: encoder and generator together, reconstructor, discriminator,
# and the front that the last two share.
PARAMETERS = {
    ("dsprites", 1): {"generator": 1_181_749, "reconstructor": 2_283_488, "head": 2_213_329},
    ("color_dsprites", 3): {"generator": 1_182_263, "reconstructor": 2_284_000, "head": 2_213_841},
    ("celeba", 3): {
        "generator": 18_696_001,
        "reconstructor": 18_025_536,
        "head": 17_960_961,
        "front": 659_264,
    },
    ("chairs3d", 1): {
        "generator": 4_696_885,
        "reconstructor": 1_139_520,
        "head": 1_123_329,
        "front": 41_424,
    },
}
ENCODER_PARAMETERS = {("dsprites", 1): 2_260, ("celeba", 3): 11_710}


@pytest.fixture
def unprepared(monkeypatch):
    """Lets large models be built without initial kernels and the state of optimizers."""
    monkeypatch.setattr(initialization, "initialize", lambda networks, scheme, seed: None)
    monkeypatch.setattr(FusedRMSprop, "build", lambda self, variables: None)


def num_parameters(variables):
    return sum(int(np.prod(variable.shape)) for variable in variables)


@pytest.mark.parametrize("case", PARAMETERS, ids=str)
def test_the_networks_have_as_many_parameters_as_the_official_ones(unprepared, case):
    preset, channels = case
    model = IBGAN(PRESETS[preset].config, (64, 64, channels))
    counts = {
        "generator": num_parameters(
            model.encoder.trainable_variables + model.generator.trainable_variables
        ),
        "reconstructor": num_parameters(model.reconstructor.trainable_variables),
        "head": num_parameters(model.discriminator.trainable_variables),
    }
    if model.front is not None:
        counts["front"] = num_parameters(model.front.trainable_variables)
    assert counts == PARAMETERS[case]
    if case in ENCODER_PARAMETERS:
        assert num_parameters(model.encoder.trainable_variables) == ENCODER_PARAMETERS[case]


@pytest.mark.parametrize("trunk", ["separate", "shared"])
def test_every_trainable_variable_is_on_one_side(ibgan, trunk):
    model = ibgan(trunk=trunk)
    sides = model.generator_variables + model.discriminator_variables
    assert len({variable.path for variable in sides}) == len(sides)
    assert {v.path for v in sides} == {v.path for v in model.trainable_variables}


def test_the_shared_front_is_on_the_discriminators_side(ibgan):
    model = ibgan(trunk="shared")
    paths = {variable.path for variable in model.discriminator_variables}
    assert {variable.path for variable in model.front.trainable_variables} < paths


def test_the_optimizers_have_the_settings_and_all_state_before_training(ibgan):
    model = ibgan()
    config = model.config
    for optimizer, rate, variables in (
        (model.generator_optimizer, config.generator_learning_rate, model.generator_variables),
        (
            model.discriminator_optimizer,
            config.discriminator_learning_rate,
            model.discriminator_variables,
        ),
    ):
        np.testing.assert_allclose(float(optimizer.learning_rate), rate, rtol=1e-6)
        settings = (optimizer.rho, optimizer.momentum, optimizer.epsilon)
        assert settings == (config.rho, config.momentum, config.epsilon)
        # Steps, rate, and a velocity and a momentum buffer of each variable.
        assert len(optimizer.variables) == 2 + 2 * len(variables)


def test_the_same_seed_builds_the_same_weights(ibgan, tiny_config, image_shape):
    model = ibgan()
    same = IBGAN(tiny_config(), image_shape, seed=model.seed)
    for weight, again in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, again)


def test_keras_saves_no_whole_model_with_a_prior_of_ones_own(other_prior, tmp_path):
    with pytest.raises(ValueError, match="prior must be None for Keras to save the whole model: s"):
        other_prior.save(tmp_path / "model.keras")
    other_prior.save_weights(tmp_path / "model.weights.h5")


def test_another_seed_builds_other_weights(ibgan, other_prior):
    model = ibgan()
    assert model.seed != other_prior.seed
    assert (model.get_weights()[0] != other_prior.get_weights()[0]).all()


def test_discriminator_and_reconstructor_start_from_different_kernels(ibgan):
    for trunk in ("separate", "shared"):
        model = ibgan(trunk=trunk)
        kernels = [
            np.array(next(w for w in network.weights if w.name == "kernel"))
            for network in (model.discriminator, model.reconstructor)
        ]
        assert kernels[0].shape == kernels[1].shape
        assert np.abs(kernels[0] - kernels[1]).max() > 0.01


# What a trained model can do


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("trunk", ["separate", "shared"])
def test_networks_are_those_that_generate_and_encode(ibgan, trunk):
    fronts = {"front"} if trunk == "shared" else set()
    assert set(ibgan(trunk=trunk).networks()) == {"encoder", "generator", "reconstructor"} | fronts


def test_images_of_noise_are_those_of_the_mean_representation(ibgan):
    model = ibgan()
    z = normal(5, 3)
    means = model.encoder(z).numpy()[:, :2]
    images = model.generate(z)
    assert images.shape == (5, 28, 28, 1)
    assert images.dtype == tf.float32
    np.testing.assert_array_equal(images, model.generate_from_r(means))
    assert np.abs(images).max() <= 1.0


def test_generating_and_encoding_use_and_keep_the_statistics_of_training(ibgan, batch, state):
    model = ibgan(trunk="shared", encoder="64-64-32")
    before = state(model)
    z = normal(5, 3)
    whole = model.generate(z).numpy()
    np.testing.assert_allclose(model.generate(z[:1])[0], whole[0], atol=1e-5)
    z_mean, r_mean = model.encode(batch["images"])
    one_z, one_r = model.encode(batch["images"][:1])
    np.testing.assert_allclose(one_z[0], z_mean[0], atol=1e-5)
    np.testing.assert_allclose(one_r[0], r_mean[0], atol=1e-5)
    for path, value in state(model).items():
        np.testing.assert_array_equal(value, before[path], err_msg=path)


def test_encoding_takes_the_papers_two_steps(ibgan, batch):
    model = ibgan(trunk="shared")
    images = batch["images"]
    z_mean, r_mean = model.encode(images)
    expected = model.reconstructor(model.front(images, training=False), training=False)
    np.testing.assert_array_equal(z_mean, expected)
    np.testing.assert_array_equal(r_mean, model.encoder(z_mean, training=False)[:, :2])


def test_the_encoder_and_reconstructor_are_gaussian(ibgan, batch):
    model = ibgan()
    z = normal(5, 3)
    outputs = model.encoder(z).numpy()
    encoded = model.encode_noise(z)
    np.testing.assert_array_equal(encoded.loc, outputs[:, :2])
    np.testing.assert_allclose(encoded.scale, np.exp(outputs[:, 2:] / 2), rtol=1e-5)
    np.testing.assert_array_equal(model.reconstruct(batch["images"]).scale, 1.0)


def test_the_kl_of_each_dimension_is_the_mean_over_noise(ibgan):
    model = ibgan()
    z = tf.random.stateless_normal([50, 3], stateless_seed(4, 0, Draw.EVALUATION))
    mean, log_variance = np.split(model.encoder(z).numpy().astype(np.float64), 2, axis=1)
    expected = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)
    kl = model.dimension_kl(50, seed=4)
    np.testing.assert_allclose(kl, expected.mean(axis=0), rtol=1e-4)
    model.step.assign(10)
    np.testing.assert_array_equal(model.dimension_kl(50, seed=4), kl)
    assert (model.dimension_kl(50, seed=5).numpy() != kl.numpy()).all()


# Priors other than N(0, I)


@pytest.fixture(scope="module")
def other_prior(tiny_config, image_shape):
    return IBGAN(tiny_config(), image_shape, prior=tfd.Normal(1.0, 2.0))


def test_another_factorised_prior_takes_the_normal_ones_place(other_prior, batch):
    kl = other_prior.dimension_kl(50, seed=4).numpy()
    z = tf.random.stateless_normal([50, 3], stateless_seed(4, 0, Draw.EVALUATION))
    mean, log_variance = np.split(other_prior.encoder(z).numpy().astype(np.float64), 2, axis=1)
    variance = np.exp(log_variance)
    expected = np.log(2.0) - log_variance / 2 + (variance + (mean - 1) ** 2) / 8 - 0.5
    np.testing.assert_allclose(kl, expected.mean(axis=0), rtol=1e-4)
    scalars = other_prior.train_step(batch)
    assert all(np.isfinite(value) for value in scalars.values())


def test_one_prior_for_all_dimensions_is_described_with_all_of_them(other_prior):
    part = other_prior.latent[1]
    assert (part.name, part.size) == ("r", 2)
    assert part.prior.batch_shape == [2]
    samples = part.prior.sample(4000, seed=[1, 2]).numpy()
    assert samples.shape == (4000, 2)
    np.testing.assert_allclose(samples.mean(axis=0), 1.0, atol=5 * 2 / np.sqrt(4000))


@pytest.mark.parametrize(
    ("prior", "error", "message"),
    [
        (
            lambda: tfd.Normal(tf.zeros([3]), 1.0),
            ValueError,
            r"^prior must have batch shape \[\] or \[2\], one factor per dimension of r\. "
            r"Received: batch_shape=\(3,\)$",
        ),
        (
            lambda: tfd.MultivariateNormalDiag(tf.zeros([2])),
            ValueError,
            r"^prior must have one factor per dimension \(event shape \[\]\), such as "
            r"tfd\.Normal\(loc, scale\)\. Received: event_shape=\(2,\)$",
        ),
        (lambda: tfd.Cauchy(tf.zeros([2]), 1.0), NotImplementedError, "^No KL.*Cauchy"),
    ],
    ids=["of another width", "joint", "without a KL"],
)
def test_a_prior_that_eq_10_cannot_use_is_refused_at_once(
    tiny_config, image_shape, prior, error, message
):
    with pytest.raises(error, match=message):
        IBGAN(tiny_config(), image_shape, prior=prior())


# Errors


def test_float16_is_refused(tiny_config, image_shape):
    with pytest.raises(ValueError, match="float16 needs loss scaling"):
        IBGAN(tiny_config(), image_shape, precision="float16")


def test_an_image_size_without_networks_is_refused(tiny_config):
    with pytest.raises(ValueError, match="^image_shape must be square .* 28, 32, 64 pixels"):
        IBGAN(tiny_config(), (48, 48, 1))


def test_sampled_codes_are_the_means_at_a_draw_of_q(ibgan, batch):
    model, seed = ibgan(), tf.constant([1, 2])
    z = tfd.Normal(model.reconstructor(batch["images"], training=False), 1.0).sample(seed=seed)
    found = model.represent(batch["images"], "r_sampled", seed=seed)
    np.testing.assert_allclose(found, model.encoder(z)[:, :2], rtol=1e-4, atol=1e-5)
