"""Optimizers of the published settings: PyTorch's RMSprop, in one pass over memory, and Adam."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable("ibgan_tf")
class FusedRMSprop(tf.keras.optimizers.RMSprop):
    """RMSprop with momentum by TensorFlow's fused operation: Keras's formula in half the time.

    velocity = rho * velocity + (1 - rho) * gradient**2
    buffer = momentum * buffer + learning_rate * gradient / sqrt(velocity + epsilon)
    variable -= buffer

    PyTorch adds its epsilon, 1e-8, outside the square root, where Keras and TensorFlow add theirs
    inside: the published settings become rho 0.99, momentum 0.9, epsilon 1e-16 here, which is the
    same but for gradients below 1e-7 or so. Keras's rho 0.9 and epsilon 1e-7 aren't.

    Args:
        learning_rate: step size, > 0.
        rho: decay of the squared gradients' average, in [0, 1).
        momentum: decay of the momentum buffer, >= 0.
        epsilon: added inside the square root, > 0.
        name: of the optimizer.
    """

    def __init__(
        self,
        learning_rate: float,
        *,
        rho: float = 0.99,
        momentum: float = 0.9,
        epsilon: float = 1e-16,
        name: str = "rmsprop",
    ):
        super().__init__(
            learning_rate=learning_rate, rho=rho, momentum=momentum, epsilon=epsilon, name=name
        )

    def get_config(self):
        config = super().get_config()  # with more, of which the constructor takes nothing
        names = ("name", "learning_rate", "rho", "momentum", "epsilon")
        return {name: config[name] for name in names}

    def build(self, var_list):
        if self.built:
            return
        super().build(var_list)
        if not self._momentums:  # the fused operation wants a buffer even where momentum is 0
            self._momentums = self.add_optimizer_variables(var_list, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyRMSProp(
            var=variable.handle,
            ms=self._velocities[index].value.handle,
            mom=self._momentums[index].value.handle,
            lr=tf.cast(learning_rate, variable.dtype),
            rho=tf.cast(self.rho, variable.dtype),
            momentum=tf.cast(self.momentum, variable.dtype),
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
        )


def built_adam(
    config: Any, learning_rate: float, variables: Sequence[tf.keras.Variable]
) -> tf.keras.optimizers.Adam:
    """Returns Keras's Adam, built at once so that a checkpoint restores its state.

    Args:
        config: with `beta_1`, `beta_2` and `epsilon`.
        learning_rate: step size, > 0.
        variables: that it updates.
    """
    made = tf.keras.optimizers.Adam(learning_rate, config.beta_1, config.beta_2, config.epsilon)
    made.build(variables)
    return made
