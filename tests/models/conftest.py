"""Tiny IB-GANs, each form built once, and one step worked out by hand."""

import types

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.models.ibgan import IBGAN, IBGANConfig
from ibgan_tf.seeds import Draw, stateless_seed

IMAGE_SHAPE = (28, 28, 1)
BATCH_SIZE = 4
# Orthogonal kernels: with N(0, 0.02**2) the gradients of networks as small as these nearly vanish.
TINY = {
    "z_dim": 3,
    "r_dim": 2,
    "generator_width": 2,
    "discriminator_width": 2,
    "initialization": "orthogonal",
}


@pytest.fixture(scope="session")
def tiny_config():
    """Makes settings of tiny networks, changed as asked."""
    return lambda **changes: IBGANConfig(**TINY | changes)


@pytest.fixture(scope="session")
def image_shape():
    return IMAGE_SHAPE


@pytest.fixture(scope="session")
def batch():
    """A batch of training: random images in [-1, 1]."""
    images = np.random.default_rng(0).uniform(-1, 1, (BATCH_SIZE, *IMAGE_SHAPE))
    return {"images": tf.constant(images, tf.float32)}


@pytest.fixture(scope="session")
def state():
    """Returns the values of all variables of a model and its optimizers: path -> array."""
    return _state


def _state(model):
    return {path: np.array(variable) for path, variable in _variables(model).items()}


def _variables(model):
    named = {variable.path: variable for variable in model.variables}
    for side in ("generator", "discriminator"):
        optimizer = getattr(model, f"{side}_optimizer")
        named |= {f"{side}_optimizer/{v.path}": v for v in optimizer.variables}
    return named


@pytest.fixture(scope="session")
def _built():
    return {}


@pytest.fixture
def ibgan(_built):
    """Gives a tiny IB-GAN of some settings as it is before training; a test may train it.

    Building takes a second: models that differ in their losses only are one, with other settings.
    """

    def model_of(**changes):
        config = IBGANConfig(**TINY | changes)
        rates = (config.generator_learning_rate, config.discriminator_learning_rate)
        form = (config.trunk, config.encoder, *rates, bool(config.learning_rate_steps))
        if form not in _built:
            model = IBGAN(config, IMAGE_SHAPE, seed=3)
            _built[form] = model, _state(model)
        model, start = _built[form]
        for path, variable in _variables(model).items():
            variable.assign(start[path])
        model.config = config
        return model

    return model_of


@pytest.fixture
def sent_gradients(monkeypatch):
    """Returns what each optimizer of a model is given from now on: side -> the last gradients.

    "generator_updates" and "discriminator_updates" count them.

    Args:
        model: the model; its updates are still done, unless `frozen`.
        frozen: sides whose variables stay as they are.
    """

    def record(model, *, frozen=()):
        sent = {}

        def apply_of(side):
            optimizer = getattr(model, f"{side}_optimizer")
            apply = type(optimizer).apply

            def recording(gradients, variables):
                sent[side] = [np.array(gradient) for gradient in gradients]
                sent[f"{side}_updates"] = sent.get(f"{side}_updates", 0) + 1
                if side not in frozen:
                    apply(optimizer, gradients, variables)

            monkeypatch.setattr(optimizer, "apply", recording)

        apply_of("generator")
        apply_of("discriminator")
        return sent

    return record


@pytest.fixture(scope="session")
def step_by_hand():
    """Works out a step's forward pass with the plain formulas of the paper and official code.

    Returns a namespace with the tape and, in nats and averaged over the batch: discriminator_loss,
    adversarial_loss, reconstruction_error (halved), noise_energy (half of |z|**2), kl; and the
    images that the discriminator saw.
    """
    return _step_by_hand


def _step_by_hand(model, images, *, real_labels=1.0):
    config, count = model.config, len(images)

    def normal(shape, draw):
        return tf.random.stateless_normal(shape, stateless_seed(model.seed, model.step, draw))

    def noisy(images, draw):
        noise = config.instance_noise_start * normal(images.shape, draw)
        return tf.clip_by_value(images + noise, -1, 1)

    def front(images):
        return images if config.trunk == "separate" else model.front(images, training=True)

    def cross_entropy(label, logits):
        labels = label * tf.ones_like(logits)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    def mean_sum(values):
        return tf.reduce_mean(tf.reduce_sum(values, axis=1))

    with tf.GradientTape(persistent=True) as tape:
        z = normal([count, config.z_dim], Draw.NOISE)
        mean, log_variance = tf.split(model.encoder(z, training=True), 2, axis=1)
        r = mean + tf.exp(log_variance / 2) * normal([count, config.r_dim], Draw.CODE)
        generated = noisy(model.generator(r, training=True), Draw.INSTANCE_NOISE_GENERATED)
        real = noisy(images, Draw.INSTANCE_NOISE_REAL)
        generated_logits = model.discriminator(front(generated), training=True)[:, 0]
        real_logits = model.discriminator(front(real), training=True)[:, 0]
        z_hat = model.reconstructor(front(generated), training=True)
        each_kl = (mean**2 + tf.exp(log_variance) - 1 - log_variance) / 2
        return types.SimpleNamespace(
            tape=tape,
            discriminator_loss=cross_entropy(real_labels, real_logits)
            + cross_entropy(0.0, generated_logits),
            adversarial_loss=cross_entropy(1.0, generated_logits),
            reconstruction_error=mean_sum((z - z_hat) ** 2) / 2,
            noise_energy=mean_sum(z**2) / 2,
            kl=mean_sum(each_kl),
            dimension_kl=tf.reduce_mean(each_kl, axis=0),
            z=z,
            z_hat=z_hat,
            real=real,
            generated=generated,
            probability_real=tf.reduce_mean(tf.sigmoid(real_logits)),
            probability_generated=tf.reduce_mean(tf.sigmoid(generated_logits)),
        )


@pytest.fixture(scope="session")
def assert_gradients_close():
    """Compares gradients: to 1e-4 of each tensor's largest, or 1e-6 of the network's."""

    def compare(found, expected, *, variables):
        expected = [
            np.zeros(variable.shape) if gradient is None else np.array(gradient)
            for gradient, variable in zip(expected, variables, strict=True)
        ]
        largest_of_all = max(np.abs(gradient).max() for gradient in expected)
        assert largest_of_all > 0
        for gradient, other, variable in zip(found, expected, variables, strict=True):
            tolerance = max(1e-4 * np.abs(other).max(), 1e-6 * largest_of_all)
            np.testing.assert_allclose(
                gradient, other, rtol=0, atol=tolerance, err_msg=variable.path
            )

    return compare
