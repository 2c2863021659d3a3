"""On one replica; tests/conformance compares two and four with it."""

import numpy as np
import tensorflow as tf

from ibgan_tf.models import replicas


def test_one_replica_has_the_whole_mean():
    np.testing.assert_allclose(replicas.mean(tf.constant([1.0, 2.0, 6.0])), 3.0, rtol=1e-6)


def test_variables_that_a_loss_does_not_reach_have_gradients_of_zero():
    used = tf.keras.Variable([1.0, 2.0], name="used")
    unused = tf.keras.Variable([[3.0]], name="unused")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(used.value**2)
    found = replicas.gradients(tape, loss, [used, unused])
    np.testing.assert_array_equal(found[0], [2.0, 4.0])
    np.testing.assert_array_equal(found[1], [[0.0]])


def test_one_replica_is_the_whole_batch():
    rows = tf.constant([[1.0], [2.0]])
    np.testing.assert_array_equal(replicas.whole_batch(rows), rows)
    np.testing.assert_array_equal(replicas.own_rows(rows), rows)


def test_the_norm_of_gradients_is_that_of_all_together():
    found = replicas.summed_norm([tf.constant([2.0, 1.0]), tf.constant([[2.0]])])
    np.testing.assert_allclose(found, 3.0)  # 4 + 1 + 4 = 9


def test_an_update_is_one_step_down_the_loss():
    variable = tf.keras.Variable([1.0, 2.0])
    optimizer = tf.keras.optimizers.SGD(learning_rate=0.25)
    optimizer.build([variable])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(variable.value**2)
    replicas.update(optimizer, tape, loss, [variable])
    np.testing.assert_allclose(variable, [0.5, 1.0])  # v - 0.25 * 2 v
