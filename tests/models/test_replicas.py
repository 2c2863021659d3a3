"""On one replica; tests/conformance compares two and four with it."""

import types

import numpy as np
import pytest
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


def test_a_shape_for_draws_is_static_where_it_can_be():
    assert replicas.shape_of(tf.zeros([4, 3])) == [4, 3]

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def size(values):
        rows, width = replicas.shape_of(values)
        assert width == 3
        return rows

    assert int(size(tf.zeros([5, 3]))) == 5


def test_several_replicas_must_know_the_size_of_their_batches(monkeypatch):
    strategy = types.SimpleNamespace(num_replicas_in_sync=2)
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: strategy)
    assert replicas.shape_of(tf.zeros([4, 3])) == [4, 3]
    with pytest.raises(ValueError) as refusal:
        replicas.shape_of(tf.keras.Input([3]))
    assert str(refusal.value) == (
        "Batches must have one static size on several replicas: use "
        "dataset.batch(size, drop_remainder=True). Received: shape=(None, 3)"
    )


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
