"""The VAE, and what the models that are VAEs with other objectives share with it and add to it."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.losses import discrepancy, total_correlation
from ibgan_tf.models.anchor_vae import AnchorVAE
from ibgan_tf.models.beta_tcvae import BetaTCVAE
from ibgan_tf.models.beta_vae import BetaVAE
from ibgan_tf.models.factor_vae import FactorVAE
from ibgan_tf.models.info_vae import InfoVAE
from ibgan_tf.models.vae import VAE
from ibgan_tf.seeds import Draw, stateless_seed

MODELS = [VAE, BetaVAE, FactorVAE, BetaTCVAE, AnchorVAE, InfoVAE]
TINY = {"z_dim": 3}
OWN = {  # of a class's own settings, those of tiny networks
    FactorVAE: {"discriminator_width": 8, "discriminator_layers": 2},
    AnchorVAE: {"num_anchors": 2},
}

every_model = pytest.mark.parametrize("model_class", MODELS)


@pytest.fixture(scope="module")
def _built():
    return {}


@pytest.fixture
def vae(_built, image_shape):
    """Gives a tiny model of a class and settings as it is before training; a test may train it."""

    def model_of(model_class, **changes):
        config = model_class.config_class(**TINY | OWN.get(model_class, {}) | changes)
        if model_class not in _built:
            model = model_class(config, image_shape, seed=3)
            _built[model_class] = model, values(model)
        model, start = _built[model_class]
        for variable, value in zip(state(model), start, strict=True):
            variable.assign(value)
        model.config = config
        return model

    return model_of


def state(model):
    """Returns all variables of a model and of its optimizers."""
    optimizers = [model.autoencoder_optimizer, getattr(model, "discriminator_optimizer", None)]
    return model.variables + [v for o in optimizers if o is not None for v in o.variables]


def values(model):
    return [np.array(variable) for variable in state(model)]


def autoencoder(model):
    return [np.array(variable) for variable in model.autoencoder_variables]


def parts_by_hand(model, images):
    """Returns codes, logits and the parts of the bound of each example, by plain formulas."""
    unit = (images + 1) / 2
    mean, log_variance = tf.split(model.encoder(unit), 2, axis=1)
    noise = tf.random.stateless_normal(
        mean.shape, stateless_seed(model.seed, model.step, Draw.CODE)
    )
    z = mean + tf.exp(log_variance / 2) * noise
    p = tf.sigmoid(model.decoder(z))
    likelihood = tf.reduce_sum(
        unit * tf.math.log(p) + (1 - unit) * tf.math.log(1 - p), axis=[1, 2, 3]
    )
    kl = (mean**2 + tf.exp(log_variance) - 1 - log_variance) / 2  # [batch, z_dim]
    return z, likelihood, kl


def sent_gradients(model, monkeypatch, batch):
    """Returns the gradients that the optimizer of encoder and decoder is given in a step."""
    sent = []
    optimizer = model.autoencoder_optimizer
    monkeypatch.setattr(
        optimizer, "apply", lambda gradients, variables: sent.extend(map(np.array, gradients))
    )
    model.train_step(batch)
    return sent


# The objective


@every_model
def test_the_scalars_are_the_parts_of_the_bound(vae, batch, model_class):
    model = vae(model_class)
    z, likelihood, kl = parts_by_hand(model, batch["images"])
    own = {}
    if model_class is FactorVAE:
        logits = model.discriminator(z)
        own["total_correlation"] = np.mean(logits[:, 0] - logits[:, 1])
    if model_class is BetaTCVAE:
        posterior = model.infer(batch["images"])
        found = total_correlation.minibatch_total_correlation(posterior, z)
        own["total_correlation"] = np.mean(found)
    if model_class is InfoVAE:
        draws = tf.random.stateless_normal(
            z.shape, stateless_seed(model.seed, model.step, Draw.NOISE)
        )
        own["prior_discrepancy"] = discrepancy.maximum_mean_discrepancy(z, draws)
    scalars = {name: float(value) for name, value in model.train_step(batch).items()}
    expected = {
        "evidence_lower_bound": np.mean(likelihood) - np.mean(tf.reduce_sum(kl, axis=1)),
        "reconstruction_loss": -np.mean(likelihood),
        "kl_divergence": np.mean(tf.reduce_sum(kl, axis=1)),
        **{f"kl/z0{d}": np.mean(kl[:, d]) for d in range(3)},
        **own,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(scalars.pop(name), value, rtol=1e-4, err_msg=name)
    assert set(scalars) == ({"discriminator_loss"} if model_class is FactorVAE else set())


@pytest.mark.parametrize(
    ("model_class", "settings"),
    [
        (VAE, {}),
        (BetaVAE, {"beta": 5.0}),
        (FactorVAE, {"total_correlation_weight": 5.0}),
        (BetaTCVAE, {"beta": 5.0}),
        (AnchorVAE, {"num_anchors": 2, "anchor_weight": 0.7}),
        (InfoVAE, {"information_weight": 0.25, "prior_weight": 9.0}),
    ],
)
def test_the_gradient_is_that_of_the_papers_objective(
    vae, batch, monkeypatch, assert_gradients_close, model_class, settings
):
    model = vae(model_class, **settings)
    with tf.GradientTape() as tape:
        z, likelihood, kl = parts_by_hand(model, batch["images"])
        kl_weights = {BetaVAE: [5.0] * 3, AnchorVAE: [0.3, 0.3, 1.0], InfoVAE: [0.75] * 3}
        kl_weights = kl_weights.get(model_class, [1.0] * 3)
        objective = tf.reduce_mean(tf.reduce_sum(kl_weights * kl, axis=1) - likelihood)
        if model_class is FactorVAE:
            logits = model.discriminator(z)
            objective += 5.0 * tf.reduce_mean(logits[:, 0] - logits[:, 1])
        if model_class is BetaTCVAE:
            correlation = total_correlation.minibatch_total_correlation(
                model.infer(batch["images"]), z
            )
            objective += (5.0 - 1.0) * tf.reduce_mean(correlation)
        if model_class is InfoVAE:
            draws = tf.random.stateless_normal(
                z.shape, stateless_seed(model.seed, model.step, Draw.NOISE)
            )
            objective += (0.25 + 9.0 - 1.0) * discrepancy.maximum_mean_discrepancy(z, draws)
    expected = tape.gradient(objective, model.autoencoder_variables)
    sent = sent_gradients(model, monkeypatch, batch)
    assert_gradients_close(sent, expected, variables=model.autoencoder_variables)


@pytest.mark.parametrize(
    ("model_class", "neutral", "other"),
    [
        (BetaVAE, {"beta": 1.0}, {"beta": 4.0}),
        (FactorVAE, {"total_correlation_weight": 0.0}, {"total_correlation_weight": 40.0}),
        (BetaTCVAE, {"beta": 1.0}, {"beta": 6.0}),
        (AnchorVAE, {"anchor_weight": 0.0}, {"anchor_weight": 1.0}),
        (AnchorVAE, {"num_anchors": 0}, {"num_anchors": 5}),
        (
            InfoVAE,
            {"information_weight": 0.0, "prior_weight": 1.0},
            {"information_weight": 1.0, "prior_weight": 1.0},
        ),
    ],
)
def test_the_vae_is_a_special_case(vae, batch, model_class, neutral, other):
    trained = []
    for model in (vae(VAE), vae(model_class, **neutral)):
        for _ in range(2):
            model.train_step(batch)
        trained.append(autoencoder(model))
    for value, expected in zip(*trained, strict=True):
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-6)
    model = vae(model_class, **other)
    for _ in range(2):
        model.train_step(batch)
    differences = [np.abs(a - b).max() for a, b in zip(autoencoder(model), trained[0], strict=True)]
    assert max(differences) > 5e-5  # half a step of Adam


def test_factor_vaes_discriminator_learns_to_tell_codes_from_shuffled_ones(
    vae, batch, monkeypatch, assert_gradients_close
):
    model = vae(FactorVAE)
    z, _, _ = parts_by_hand(model, batch["images"])
    draws = tf.random.stateless_uniform(
        z.shape, stateless_seed(model.seed, model.step, Draw.PERMUTATION)
    )
    order = np.argsort(draws, axis=0)
    permuted = np.take_along_axis(z.numpy(), order, axis=0)
    assert (permuted != z.numpy()).any()
    with tf.GradientTape() as tape:
        joint = tf.nn.softmax(model.discriminator(z))[:, 0]
        shuffled = tf.nn.softmax(model.discriminator(permuted))[:, 1]
        loss = -tf.reduce_mean(tf.math.log(joint) + tf.math.log(shuffled)) / 2
    expected = tape.gradient(loss, model.discriminator_variables)
    sent = []
    monkeypatch.setattr(
        model.discriminator_optimizer,
        "apply",
        lambda gradients, variables: sent.extend(map(np.array, gradients)),
    )
    scalars = model.train_step(batch)
    assert_gradients_close(sent, expected, variables=model.discriminator_variables)
    np.testing.assert_allclose(scalars["discriminator_loss"], loss, rtol=1e-5)


def test_factor_vaes_two_optimizers_update_their_own_variables(vae, batch):
    model = vae(FactorVAE)
    own = model.autoencoder_variables + model.discriminator_variables
    assert {id(v) for v in own} == {id(v) for v in model.trainable_variables}
    model.autoencoder_optimizer.learning_rate.assign(0.0)
    before, discriminator = autoencoder(model), np.array(model.discriminator_variables[0])
    model.train_step(batch)
    for value, expected in zip(autoencoder(model), before, strict=True):
        np.testing.assert_array_equal(value, expected)
    assert (np.array(model.discriminator_variables[0]) != discriminator).any()


# The settings


def test_the_optimizers_have_locatellos_settings(vae):
    model = vae(FactorVAE)
    settings = [
        (float(o.learning_rate), o.beta_1, o.beta_2, o.epsilon)
        for o in (model.autoencoder_optimizer, model.discriminator_optimizer)
    ]
    np.testing.assert_allclose(settings, [(1e-4, 0.9, 0.999, 1e-8), (1e-4, 0.5, 0.9, 1e-8)])


def test_the_grids_are_locatellos():
    grids = {
        BetaVAE: ("beta", "beta", [1, 2, 4, 6, 8, 16]),
        FactorVAE: ("gamma", "total_correlation_weight", [10, 20, 30, 40, 50, 100]),
        BetaTCVAE: ("beta", "beta", [1, 2, 4, 6, 8, 10]),
    }
    for model_class, (letter, field, numbers) in grids.items():
        presets = model_class.presets
        for dataset in ("dsprites", "color_dsprites"):
            for number in numbers:
                preset = presets[f"{dataset}_{letter}_{number}"]
                assert getattr(preset.config, field) == number
                assert (preset.steps, preset.batch_size) == (300_000, 64)
            assert getattr(presets[dataset].config, field) in numbers


def test_the_networks_of_the_presets_have_locatellos_sizes():
    def parameters(*networks):
        return sum(network.count_params() for network in networks)

    model = FactorVAE(FactorVAE.presets["dsprites"].config, (64, 64, 1))
    assert parameters(model.encoder, model.decoder) == 690_517
    # Six layers of 1,000 on ten codes, and two logits.
    assert parameters(model.discriminator) == 11 * 1_000 + 5 * 1_001 * 1_000 + 1_001 * 2
    plain = VAE(VAE.presets["dsprites"].config, (64, 64, 1))
    assert parameters(plain.encoder, plain.decoder) == 690_517


def test_anchorvaes_presets_are_the_papers():
    config = AnchorVAE.presets["celeba"].config
    assert (config.z_dim, config.num_anchors, config.anchor_weight) == (2048, 5, 0.5)


@every_model
def test_the_codes_of_the_presets_are_as_wide_as_the_studies(model_class):
    widths = {"dsprites": 10, "color_dsprites": 10, "celeba": 15, "chairs3d": 10}
    if model_class is AnchorVAE:
        widths["celeba"] = 2048  # its paper's own
    presets = model_class.presets
    assert {name: presets[name].config.z_dim for name in widths} == widths


@every_model
def test_every_data_set_of_the_paper_has_a_preset(model_class):
    for name in ("dsprites", "color_dsprites", "celeba", "chairs3d"):
        assert name in model_class.presets


@pytest.mark.parametrize(
    ("model_class", "changes", "message"),
    [
        (VAE, {"z_dim": 0}, "z_dim must be > 0. Received: z_dim=0"),
        (VAE, {"beta_2": 1.0}, r"beta_2 must be in \[0, 1\). Received: beta_2=1.0"),
        (BetaVAE, {"beta": -1.0}, "beta must be >= 0. Received: beta=-1.0"),
        (
            FactorVAE,
            {"total_correlation_weight": -1.0},
            "total_correlation_weight must be >= 0. Received: total_correlation_weight=-1.0",
        ),
        (FactorVAE, {"discriminator_width": 0}, "discriminator_width must be > 0."),
        (BetaTCVAE, {"beta": -1.0}, "beta must be >= 0. Received: beta=-1.0"),
        (AnchorVAE, {"num_anchors": -1}, "num_anchors must be >= 0. Received: num_anchors=-1"),
        (AnchorVAE, {"anchor_weight": 1.5}, r"anchor_weight must be in \[0, 1\]. Received: "),
        (InfoVAE, {"information_weight": 2.0}, r"information_weight must be in \[0, 1\]."),
        (
            InfoVAE,
            {"information_weight": 0.5, "prior_weight": 0.25},
            r"information_weight \+ prior_weight must be >= 1. Received: information_weight=0.5",
        ),
    ],
)
def test_settings_out_of_range_are_refused(model_class, changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(model_class.config_class(), **changes)


# What a trained model can do


def test_images_are_the_mean_pixels_in_the_range_of_training(vae):
    model = vae(VAE)
    z = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    images = model.generate(z)
    expected = 2 / (1 + np.exp(-model.decoder(z).numpy().astype(np.float64))) - 1
    np.testing.assert_allclose(images, expected, atol=1e-6)


def test_codes_are_means_or_samples_of_the_posterior(vae, batch):
    model = vae(VAE)
    mean, log_variance = np.split(model.encoder((batch["images"] + 1) / 2).numpy(), 2, axis=1)
    (code,) = model.encode(batch["images"])
    np.testing.assert_array_equal(code, mean)
    np.testing.assert_array_equal(model.represent(batch["images"]), mean)
    repeated = tf.repeat(batch["images"][:1], 1000, axis=0)
    samples = model.represent(repeated, "z_sampled", seed=tf.constant([1, 2]))
    np.testing.assert_allclose(np.std(samples, axis=0), np.exp(log_variance[0] / 2), rtol=0.1)
    with pytest.raises(ValueError, match="representation must be one of: z_mean, z_sampled"):
        model.represent(batch["images"], "r_mean")


def test_the_kl_of_each_dimension_is_the_mean_over_own_images(vae):
    model = vae(VAE)
    z = model.prior.sample(300, seed=stateless_seed(4, 0, Draw.EVALUATION))
    outputs = model.encoder((model.generate(z) + 1) / 2).numpy().astype(np.float64)
    mean, log_variance = np.split(outputs, 2, axis=1)
    expected = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)
    np.testing.assert_allclose(model.dimension_kl(300, seed=4), expected.mean(axis=0), rtol=1e-4)


@every_model
def test_bfloat16_trains_float32_weights_and_stays_finite(image_shape, batch, model_class):
    config = model_class.config_class(**TINY | OWN.get(model_class, {}))
    model = model_class(config, image_shape, precision="bfloat16")
    scalars = model.train_step(batch)
    assert np.isfinite([float(scalar) for scalar in scalars.values()]).all()
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
