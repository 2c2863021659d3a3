import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.losses import adversarial

REAL_LOGITS = np.array([-30.0, -1.0, 0.0, 0.5, 30.0])
GENERATED_LOGITS = np.array([20.0, -2.0, 0.0, 1.5, -30.0])


def log_sigmoid(logits):
    return -np.logaddexp(0.0, -logits)


def as_tensor(values):
    return tf.constant(values, tf.float32)


def test_the_generator_loss_is_minus_log_of_the_probability():
    loss = adversarial.non_saturating_generator_loss(as_tensor(GENERATED_LOGITS))
    np.testing.assert_allclose(loss, -log_sigmoid(GENERATED_LOGITS), rtol=1e-6, atol=1e-12)


def test_the_generator_loss_falls_as_the_discriminator_is_fooled():
    loss = adversarial.non_saturating_generator_loss(as_tensor([-2.0, 0.0, 2.0])).numpy()
    assert loss[0] > loss[1] > loss[2]


def test_the_generator_loss_does_not_saturate_where_the_discriminator_is_sure():
    logits = tf.Variable([-30.0])
    with tf.GradientTape() as tape:
        loss = adversarial.non_saturating_generator_loss(logits)
    np.testing.assert_allclose(tape.gradient(loss, logits), [-1.0], rtol=1e-6)


def test_the_discriminator_loss_is_the_gan_objective_negated():
    loss = adversarial.discriminator_loss(as_tensor(REAL_LOGITS), as_tensor(GENERATED_LOGITS))
    # log(1 - sigmoid(l)) = log(sigmoid(-l))
    expected = -log_sigmoid(REAL_LOGITS) - log_sigmoid(-GENERATED_LOGITS)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_a_discriminator_that_knows_nothing_loses_two_log_two():
    loss = adversarial.discriminator_loss(tf.zeros([3]), tf.zeros([3]))
    np.testing.assert_allclose(loss, np.full(3, 2 * np.log(2.0)), rtol=1e-6)


@pytest.mark.parametrize("label", [0.7, 1.0, 1.2])
def test_smoothed_labels_give_the_cross_entropy_of_real_images_only(label):
    labels = np.full_like(REAL_LOGITS, label)
    loss = adversarial.discriminator_loss(
        as_tensor(REAL_LOGITS), as_tensor(GENERATED_LOGITS), real_labels=as_tensor(labels)
    )
    real = -label * log_sigmoid(REAL_LOGITS) - (1 - label) * log_sigmoid(-REAL_LOGITS)
    expected = real - log_sigmoid(-GENERATED_LOGITS)
    np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-6)


def test_each_real_image_may_have_a_label_of_its_own():
    labels = [0.8, 1.0]
    loss = adversarial.discriminator_loss(
        as_tensor([2.0, 2.0]), as_tensor([0.0, 0.0]), real_labels=as_tensor(labels)
    )
    # The loss is linear in the label: from 1 to 0.8 it grows by 0.2 times the logit.
    np.testing.assert_allclose(loss[0] - loss[1], 0.2 * 2.0, rtol=1e-5)


def test_one_sided_smoothing_has_its_optimum_at_the_label():
    logits = np.log(0.9 / 0.1) + np.array([-0.1, 0.0, 0.1])
    loss = adversarial.discriminator_loss(as_tensor(logits), tf.zeros([3]), real_labels=0.9)
    assert np.argmin(loss) == 1


def test_the_wasserstein_losses_are_differences_of_a_critics_outputs():
    real, generated = tf.constant([3.0, -1.0]), tf.constant([0.5, 2.0])
    np.testing.assert_allclose(
        adversarial.wasserstein_critic_loss(real, generated), [0.5 - 3.0, 2.0 + 1.0]
    )
    np.testing.assert_allclose(adversarial.wasserstein_generator_loss(generated), [-0.5, -2.0])
