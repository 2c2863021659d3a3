"""A batch shared by several replicas: means, rows and gradients over all of it."""

from collections.abc import Sequence

import tensorflow as tf


def mean(values: tf.Tensor) -> tf.Tensor:
    """Returns this replica's share of the batch mean: optimizers sum gradients over the replicas.

    Args:
        values: one value per example of the replica, [replica_batch].

    Returns:
        share: scalar, the mean of `values` over the number of replicas.
    """
    return tf.reduce_mean(values) / tf.distribute.get_strategy().num_replicas_in_sync


def shape_of(values: tf.Tensor) -> list[int | tf.Tensor]:
    """Returns a shape for draws, also where the graph doesn't know the number of examples.

    Keras traces `train_step` for batches of any size once it has seen two of them.

    Args:
        values: of this replica's examples, [replica_batch, ...].

    Returns:
        shape: numbers, the first of them an int32 scalar where it isn't static.

    Raises:
        ValueError: it isn't static, and there are several replicas, which share out static sizes.
    """
    rows, *others = values.shape
    if rows is None:
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            raise ValueError(
                "Batches must have one static size on several replicas: use "
                f"dataset.batch(size, drop_remainder=True). Received: shape={values.shape}"
            )
        rows = tf.shape(values)[0]
    return [rows, *others]


def whole_batch(values: tf.Tensor) -> tf.Tensor:
    """Returns the rows of all replicas, for what couples the examples of a batch.

    Gradients pass to the replicas that the rows are from. Call it on every replica.

    Args:
        values: of this replica's examples, [replica_batch, ...].

    Returns:
        rows: of the whole batch, in its order, [batch, ...]; `values` on one replica.
    """
    context = tf.distribute.get_replica_context()
    others = context.num_replicas_in_sync - 1
    if not others:
        return values
    share = values.shape[0]
    before = context.replica_id_in_sync_group * share
    # A sum with zeros is exact; all_gather costs a second operation and the static shape.
    paddings = [[before, others * share - before]] + [[0, 0]] * (values.shape.rank - 1)
    rows = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.pad(values, paddings))
    return tf.ensure_shape(rows, [(others + 1) * share, *values.shape[1:]])


def own_rows(rows: tf.Tensor) -> tf.Tensor:
    """Returns this replica's rows of the whole batch.

    Args:
        rows: of the whole batch, [batch, ...].

    Returns:
        values: [replica_batch, ...]; `rows` on one replica.
    """
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return rows
    share = rows.shape[0] // context.num_replicas_in_sync
    first = context.replica_id_in_sync_group * share
    return rows[first : first + share]


def gradients(
    tape: tf.GradientTape, loss: tf.Tensor, variables: Sequence[tf.keras.Variable]
) -> list[tf.Tensor]:
    """Returns the gradients of a loss, zeros where it doesn't depend on a variable.

    Args:
        tape: that recorded the loss.
        loss: scalar.
        variables: the network variables of one phase.

    Returns:
        gradients: one of each variable, in its shape.
    """
    # unconnected_gradients=ZERO crashes on Keras variables.
    found = tape.gradient(loss, variables)
    return [tf.zeros(v.shape) if g is None else g for g, v in zip(found, variables, strict=True)]


def update(
    optimizer: tf.keras.optimizers.Optimizer,
    tape: tf.GradientTape,
    loss: tf.Tensor,
    variables: Sequence[tf.keras.Variable],
) -> None:
    """Lets an optimizer take one step down a loss, over the batch of all replicas.

    Args:
        optimizer: built for `variables`.
        tape: that recorded the loss.
        loss: scalar, this replica's share, as of `mean`.
        variables: the network variables of one phase.
    """
    optimizer.apply(gradients(tape, loss, variables), variables)


def summed_norm(values: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the norm of gradients, those of all replicas added up as an optimizer does.

    Call it on every replica.

    Args:
        values: this replica's gradients.

    Returns:
        norm: float32 scalar, over all of them together.
    """
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync > 1:
        values = context.all_reduce(tf.distribute.ReduceOp.SUM, list(values))
    return tf.linalg.global_norm(values)
