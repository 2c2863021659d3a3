import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.optimizers import FusedRMSprop

RATE = 0.01


@pytest.fixture
def gradients():
    """Gradients of five steps for a weight of four values, of four orders of magnitude."""
    generator = np.random.default_rng(0)
    scales = np.array([0.1, 1.0, 10.0, 100.0])
    return (generator.normal(size=(5, 4)) * scales).astype(np.float32)


def trained(optimizer, gradients):
    """Returns the weight after each step, from 0."""
    weight = tf.keras.Variable(np.zeros(gradients.shape[1], np.float32), name="weight")
    optimizer.build([weight])
    weights = []
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [weight])
        weights.append(np.array(weight))
    return np.stack(weights)


def trained_by_torch(gradients, *, rho, momentum, epsilon):
    """Returns what torch.optim.RMSprop computes: epsilon is added to the square root."""
    weight, square_average, buffer = 0.0, 0.0, 0.0
    weights = []
    for gradient in gradients.astype(np.float64):
        square_average = rho * square_average + (1 - rho) * gradient**2
        buffer = momentum * buffer + gradient / (np.sqrt(square_average) + epsilon)
        weight = weight - RATE * buffer
        weights.append(weight)
    return np.stack(weights)


def test_the_defaults_are_the_published_settings_of_pytorch(gradients):
    expected = trained_by_torch(gradients, rho=0.99, momentum=0.9, epsilon=1e-8)
    difference = trained(FusedRMSprop(RATE), gradients) - expected
    assert np.abs(difference).max() < 1e-3 * RATE


def test_where_gradients_vanish_steps_are_of_pytorchs_size():
    # There the two forms of epsilon differ most: sqrt(2) at sqrt(velocity) = 1e-8.
    gradients = np.array([[1e-9, 1e-8, 1e-7, 1e-6]], np.float32)
    expected = trained_by_torch(gradients, rho=0.99, momentum=0.9, epsilon=1e-8)
    ratio = trained(FusedRMSprop(RATE), gradients) / expected
    assert ((ratio > 1.0) & (ratio < 1.5)).all()


def test_keras_defaults_would_be_another_optimizer(gradients):
    expected = trained_by_torch(gradients, rho=0.99, momentum=0.9, epsilon=1e-8)
    keras_defaults = tf.keras.optimizers.RMSprop(RATE, momentum=0.9)
    assert np.abs(trained(keras_defaults, gradients) / expected - 1).max() > 0.5


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_it_computes_what_the_plain_keras_optimizer_computes(gradients, momentum):
    settings = {"rho": 0.8, "momentum": momentum, "epsilon": 1e-4}
    expected = trained(tf.keras.optimizers.RMSprop(RATE, **settings), gradients)
    np.testing.assert_allclose(
        trained(FusedRMSprop(RATE, **settings), gradients), expected, rtol=1e-5
    )


def test_epsilon_is_inside_the_square_root():
    epsilon = 1e-16
    gradient = np.array([[1e-9, 1e-8, 1e-7]], np.float32)
    expected = -RATE * gradient / np.sqrt(0.01 * gradient.astype(np.float64) ** 2 + epsilon)
    optimizer = FusedRMSprop(RATE, epsilon=epsilon)
    np.testing.assert_allclose(trained(optimizer, gradient), expected, rtol=1e-5)


def test_a_gradient_of_zero_changes_nothing():
    assert not trained(FusedRMSprop(RATE), np.zeros([3, 2], np.float32)).any()


def test_a_gradient_in_bfloat16_is_applied_in_float32():
    weight = tf.keras.Variable([0.0], name="weight")
    optimizer = FusedRMSprop(RATE, momentum=0.0)
    optimizer.build([weight])
    optimizer.apply([tf.constant([0.5], tf.bfloat16)], [weight])
    np.testing.assert_allclose(np.array(weight), [-RATE / np.sqrt(0.01)], rtol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_all_state_exists_once_it_is_built(momentum):
    weights = [tf.keras.Variable(tf.zeros(shape), name="weight") for shape in ([2, 3], [4])]
    optimizer = FusedRMSprop(RATE, momentum=momentum)
    optimizer.build(weights)
    shapes = [tuple(variable.shape) for variable in optimizer.variables]
    optimizer.build(weights)  # again, as Keras does
    optimizer.apply([tf.ones([2, 3]), tf.ones([4])], weights)
    # Steps, rate, then a velocity and a momentum buffer of each weight.
    assert shapes == [(), (), (2, 3), (4,), (2, 3), (4,)]
    assert [tuple(variable.shape) for variable in optimizer.variables] == shapes


def test_a_restored_optimizer_goes_on_bit_for_bit(gradients, tmp_path):
    def start():
        weight = tf.keras.Variable(np.zeros(4, np.float32), name="weight")
        optimizer = FusedRMSprop(RATE)
        optimizer.build([weight])
        return weight, optimizer, tf.train.Checkpoint(weight=weight, optimizer=optimizer)

    weight, optimizer, checkpoint = start()
    for gradient in gradients[:3]:
        optimizer.apply([tf.constant(gradient)], [weight])
    path = checkpoint.write(tmp_path / "state")
    resumed_weight, resumed_optimizer, resumed_checkpoint = start()
    resumed_checkpoint.read(path).assert_consumed()
    for gradient in gradients[3:]:
        optimizer.apply([tf.constant(gradient)], [weight])
        resumed_optimizer.apply([tf.constant(gradient)], [resumed_weight])
    np.testing.assert_array_equal(np.array(resumed_weight), np.array(weight))


@pytest.mark.parametrize(
    "rate",
    [RATE, tf.keras.optimizers.schedules.ExponentialDecay(RATE, 2, 0.5)],
    ids=["rate", "decay"],
)
def test_keras_makes_it_again_from_its_config(gradients, rate):
    optimizer = FusedRMSprop(rate, rho=0.8, momentum=0.5, epsilon=1e-4, name="of_all")
    config = tf.keras.optimizers.serialize(optimizer)
    again = tf.keras.optimizers.deserialize(config)
    assert (type(again), again.get_config()) == (FusedRMSprop, optimizer.get_config())
    assert set(again.get_config()) == {"name", "learning_rate", "rho", "momentum", "epsilon"}
    np.testing.assert_array_equal(trained(again, gradients), trained(optimizer, gradients))
