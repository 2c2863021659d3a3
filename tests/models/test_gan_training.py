"""What GAN, InfoGAN and IB-GAN share of training, by NumPy, without a network that is trained."""

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.models import base, gan_training
from ibgan_tf.models.gan_settings import GANConfig
from ibgan_tf.models.ibgan_settings import IBGANConfig
from ibgan_tf.seeds import Draw, stateless_seed

IMAGE_SHAPE = (2, 3, 1)
SEED = 5
REAL, GENERATED = Draw.INSTANCE_NOISE_REAL, Draw.INSTANCE_NOISE_GENERATED


class Drawing(base.GenerativeModel):
    """A model without networks, which has settings, a step and draws."""

    config_class = GANConfig


def drawing(*, step=0, **changes):
    model = Drawing(GANConfig(**changes), IMAGE_SHAPE, seed=SEED)
    model.step.assign(step)
    return model


def sigmoid(logits):
    return 1 / (1 + np.exp(-np.array(logits)))


# Instance noise

every_draw = pytest.mark.parametrize("draw", [REAL, GENERATED])
DECAY = {"instance_noise_start": 0.5, "instance_noise_end": 0.1, "instance_noise_steps": 100}


@pytest.fixture(scope="module")
def images():
    """Images in [-1, 1], with values on both ends."""
    values = np.linspace(-1, 1, 7 * 6).reshape(7, *IMAGE_SHAPE)
    return tf.constant(values, tf.float32)


@pytest.mark.parametrize("config_class", [GANConfig, IBGANConfig])
@pytest.mark.parametrize(
    ("step", "scale"), [(0, 0.5), (25, 0.4), (50, 0.3), (100, 0.1), (101, 0.1), (10_000, 0.1)]
)
def test_instance_noise_changes_linearly_and_then_stays(config_class, step, scale):
    found = gan_training.instance_noise_scale(config_class(**DECAY), tf.constant(step))
    np.testing.assert_allclose(found, scale, rtol=1e-6)


@every_draw
def test_noise_of_the_steps_scale_and_own_draw_is_added_and_clipped(images, draw):
    found = gan_training.add_instance_noise(drawing(step=50, **DECAY), images, draw)
    noise = tf.random.stateless_normal(images.shape, stateless_seed(SEED, 50, draw))
    expected = np.clip(images + 0.3 * noise.numpy(), -1, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert {-1.0, 1.0} < set(found.numpy().flat)


def test_another_number_has_other_noise_of_the_same_step(images):
    found = gan_training.add_instance_noise(drawing(**DECAY), images, REAL, number=2)
    seed = tf.random.fold_in(stateless_seed(SEED, 0, REAL), 2)
    noise = tf.random.stateless_normal(images.shape, seed)
    np.testing.assert_allclose(found, np.clip(images + 0.5 * noise.numpy(), -1, 1), atol=1e-6)


def test_without_instance_noise_images_stay_as_they_are(images):
    model = drawing(instance_noise_start=0.0, instance_noise_end=0.0)
    assert gan_training.add_instance_noise(model, images, REAL) is images


@pytest.mark.parametrize(("start", "end", "step"), [(0.5, 0.0, 0), (0.0, 0.5, 100)])
def test_noise_that_ends_or_begins_at_nothing_is_noise_all_the_same(images, start, end, step):
    settings = {"instance_noise_start": start, "instance_noise_end": end}
    model = drawing(step=step, instance_noise_steps=100, **settings)
    found = gan_training.add_instance_noise(model, images, REAL)
    assert np.abs(found - images).mean() > 0.1


# The discriminator's loss

REAL_LOGITS, GENERATED_LOGITS = [0.3, -2.0, 4.0], [0.1, 1.0, -3.0]


def loss_by_hand(labels):
    """Returns -y * log D(x) - (1 - y) * log(1 - D(x)) - log(1 - D(G(z))) of each pair."""
    p, q = sigmoid(REAL_LOGITS), sigmoid(GENERATED_LOGITS)
    return -labels * np.log(p) - (1 - labels) * np.log(1 - p) - np.log(1 - q)


@pytest.mark.parametrize("label", [1.0, 0.9])
def test_the_loss_of_the_discriminator_is_the_cross_entropy_of_each_pair(label):
    model = drawing(real_label_low=label, real_label_high=label)
    found, scalars = gan_training.discriminator_loss(
        model, tf.constant(REAL_LOGITS), tf.constant(GENERATED_LOGITS)
    )
    expected = loss_by_hand(label)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    means = {"discriminator_loss": expected.mean(), "probability_real": sigmoid(REAL_LOGITS).mean()}
    assert {name: float(value) for name, value in scalars.items()} == pytest.approx(means, rel=1e-5)


def test_labels_of_real_images_are_smoothed_anew_in_each_step():
    for step in (0, 3):
        model = drawing(step=step, real_label_low=0.7, real_label_high=1.2)
        seed = stateless_seed(SEED, step, Draw.REAL_LABELS)
        labels = 0.7 + 0.5 * tf.random.stateless_uniform([3], seed).numpy()
        found, scalars = gan_training.discriminator_loss(
            model, tf.constant(REAL_LOGITS), tf.constant(GENERATED_LOGITS)
        )
        np.testing.assert_allclose(found, loss_by_hand(labels), rtol=1e-5)
        mean = loss_by_hand(labels).mean()
        np.testing.assert_allclose(scalars["discriminator_loss"], mean, rtol=1e-5)


# Optimizers

GRADIENTS = (2.0, -1.0)


def trained(config, learning_rate):
    """Returns a weight that was 1, after an update by each of the gradients."""
    weight = tf.keras.Variable(1.0)
    made = gan_training.optimizer(config, learning_rate, [weight])
    for gradient in GRADIENTS:
        made.apply([tf.constant(gradient)], [weight])
    return float(weight.value)


@pytest.mark.parametrize(
    ("changes", "epsilon"),
    [
        ({}, 1e-16),  # IB-GAN's
        ({"optimizer": "adam"}, 1e-8),
        ({"epsilon": 1e-6}, 1e-6),
        ({"optimizer": "adam", "epsilon": 1e-6}, 1e-6),
    ],
)
def test_epsilon_is_the_optimizers_own_unless_it_is_given(changes, epsilon):
    weight = tf.keras.Variable([0.0])
    made = gan_training.optimizer(GANConfig(**changes), 1e-3, [weight])
    assert made.epsilon == epsilon


def test_rmsprop_has_the_settings_momentum_and_epsilon_inside_its_root():
    config = GANConfig(rho=0.75, momentum=0.5, epsilon=0.25)
    value, velocity, buffer = 1.0, 0.0, 0.0
    for gradient in GRADIENTS:
        velocity = 0.75 * velocity + 0.25 * gradient**2
        buffer = 0.5 * buffer + 0.1 * gradient / np.sqrt(velocity + 0.25)
        value -= buffer
    assert trained(config, 0.1) == pytest.approx(value, rel=1e-5)


def test_adam_has_the_settings_decays_and_epsilon_outside_its_root():
    config = GANConfig(optimizer="adam", beta_1=0.25, beta_2=0.5, epsilon=0.125)
    value, mean, square = 1.0, 0.0, 0.0
    for step, gradient in enumerate(GRADIENTS, start=1):
        mean = 0.25 * mean + 0.75 * gradient
        square = 0.5 * square + 0.5 * gradient**2
        rate = 0.1 * np.sqrt(1 - 0.5**step) / (1 - 0.25**step)  # Kingma and Ba 2015, section 2
        value -= rate * mean / (np.sqrt(square) + 0.125)
    assert trained(config, 0.1) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("kind", ["rmsprop", "adam"])
def test_an_optimizer_is_built_with_all_the_state_that_a_checkpoint_restores(kind):
    weights = [tf.keras.Variable(np.ones([2, 3])), tf.keras.Variable(np.ones([4]))]
    made = gan_training.optimizer(GANConfig(optimizer=kind), 1e-3, weights)
    assert made.built
    before = [variable.path for variable in made.variables]
    shapes = sorted(tuple(variable.shape) for variable in made.variables)
    assert shapes == [(), (), (2, 3), (2, 3), (4,), (4,)]  # updates done, the rate, two of each
    made.apply([tf.ones([2, 3]), tf.ones([4])], weights)
    assert [variable.path for variable in made.variables] == before


# Networks that read images

OUTPUTS = {"discriminator": 1, "reconstructor": 5}


def kinds_of(networks):
    return {type(layer).__name__ for network in networks for layer in network.layers}


@pytest.mark.parametrize("spectral_norm", [False, True])
@pytest.mark.parametrize("trunk", ["separate", "shared"])
def test_the_networks_that_read_images_have_the_form_of_the_settings(trunk, spectral_norm):
    config = GANConfig(trunk=trunk, spectral_norm=spectral_norm, discriminator_width=3)
    front, networks = gan_training.image_networks(config, (28, 28, 1), OUTPUTS, dtype="float32")
    assert (front is None) == (trunk == "separate")
    assert {name: network.name for name, network in networks.items()} == {n: n for n in OUTPUTS}
    images = tf.constant(np.random.default_rng(0).uniform(-1, 1, [2, 28, 28, 1]), tf.float32)
    features = images if front is None else front(images)
    for name, size in OUTPUTS.items():
        outputs = networks[name](features)
        assert outputs.shape == (2, size)
        assert np.isfinite(outputs).all()
    everything = [*networks.values(), *([] if front is None else [front])]
    for network in everything:
        found = kinds_of([network]) & {"BatchNormalization", "SpectralNormalization"}
        assert found == {"SpectralNormalization" if spectral_norm else "BatchNormalization"}
    first = next(w for w in everything[-1].trainable_variables if w.name == "kernel")
    assert first.shape == (4, 4, 1, 2 * 3)  # 28 pixels pass from twice the width on


def test_only_the_networks_that_are_asked_for_are_made():
    for trunk in ("separate", "shared"):
        _, networks = gan_training.image_networks(
            GANConfig(trunk=trunk, discriminator_width=2),
            (28, 28, 1),
            {"discriminator": 1},
            dtype="float32",
        )
        assert set(networks) == {"discriminator"}


@pytest.mark.parametrize("spectral_norm", [False, True])
def test_the_networks_compute_in_the_policys_type_and_end_in_float32(spectral_norm):
    config = GANConfig(trunk="shared", spectral_norm=spectral_norm, discriminator_width=2)
    front, networks = gan_training.image_networks(
        config, (28, 28, 1), OUTPUTS, dtype="mixed_bfloat16"
    )
    features = front(tf.zeros([2, 28, 28, 1]))
    assert features.dtype == tf.bfloat16
    assert {network(features).dtype for network in networks.values()} == {tf.float32}


def test_images_that_the_networks_have_no_form_for_are_refused():
    with pytest.raises(ValueError) as caught:
        gan_training.image_networks(GANConfig(), (30, 30, 1), OUTPUTS, dtype="float32")
    assert str(caught.value) == (
        "image_shape must be square with a side of one of 28, 32, 64 pixels. "
        "Received: image_shape=(30, 30, 1)"
    )
