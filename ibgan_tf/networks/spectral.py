"""Spectral normalisation: networks whose linear layers have a largest singular value of one."""

import math

import tensorflow as tf


@tf.keras.utils.register_keras_serializable("ibgan_tf")
class SpectralNormalization(tf.keras.layers.Layer):
    """A linear layer over its kernel's largest singular value, with a bias (Miyato et al. 2018).

    The kernel, as a matrix of [all inputs, outputs], is divided by an estimate of its largest
    singular value, of which a training pass takes one more step of the power iteration, algorithm
    1. There an update of the discriminator takes one; here each of its passes does, of real and of
    generated images, and those of the generator's updates. The layer is linear, so that its output
    is divided instead. The gradient passes through the estimate, as there and in PyTorch; Keras's
    layer of this name overwrites the kernel, and its gradient doesn't.

    Args:
        layer: a convolution or a fully connected layer without bias and activation.
        **kwargs: of `tf.keras.layers.Layer`.
    """

    def __init__(self, layer: tf.keras.layers.Layer, **kwargs):
        super().__init__(**{"dtype": layer.dtype_policy} | kwargs)
        if layer.use_bias or layer.activation not in (None, tf.keras.activations.linear):
            raise ValueError(
                "layer must be linear: use_bias=False and no activation. "
                f"Received: use_bias={layer.use_bias}, activation={layer.activation}"
            )
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:  # it is in a copy
            self.layer.build(input_shape)
        outputs = self.layer.kernel.shape[-1]
        self.bias = self.add_weight(name="bias", shape=[outputs], initializer="zeros")
        self.direction = self.add_weight(
            name="direction",  # the right singular vector, [outputs]
            shape=[outputs],
            initializer=tf.keras.initializers.RandomNormal(seed=0),
            trainable=False,
            autocast=False,
            aggregation="mean",  # equal on all replicas
        )
        self.built = True

    @property
    def kernel(self) -> tf.keras.Variable:
        """The layer's kernel, before it is divided."""
        return self.layer.kernel

    def call(self, inputs, training=False):
        outputs = self.layer(inputs)
        scale = tf.cast(self.singular_value(update=bool(training)), outputs.dtype)
        return outputs / scale + tf.cast(self.bias, outputs.dtype)

    def singular_value(self, *, update: bool = False) -> tf.Tensor:
        """Returns the estimate of the kernel's largest singular value, float32 scalar.

        Args:
            update: whether to keep the power iteration's step.
        """
        size = math.prod(self.kernel.shape[:-1])
        matrix = tf.reshape(tf.cast(self.kernel, tf.float32), [size, -1])  # [inputs, outputs]
        left = tf.math.l2_normalize(tf.linalg.matvec(matrix, self.direction))
        left = tf.stop_gradient(left)
        right = tf.math.l2_normalize(tf.linalg.matvec(matrix, left, transpose_a=True))
        right = tf.stop_gradient(right)
        if update:
            self.direction.assign(right)
        return tf.tensordot(left, tf.linalg.matvec(matrix, right), 1)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        return super().get_config() | {"layer": tf.keras.layers.serialize(self.layer)}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        return cls(tf.keras.layers.deserialize(config.pop("layer")), **config)


def spectrally_normalized(network: tf.keras.Sequential) -> tf.keras.Sequential:
    """Returns a network of the same layers with spectral norm in place of batch normalisation.

    Every layer with a kernel is normalised, and has a bias, which batch normalisation had made
    superfluous.

    Args:
        network: a stack of layers; it isn't changed.

    Returns:
        network: built, of the same name, input and output.
    """
    stack = [tf.keras.Input(network.input_shape[1:])]
    for layer in network.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            continue
        changes = {"use_bias": False} if hasattr(layer, "kernel") else {}
        copy = type(layer).from_config(layer.get_config() | changes)
        stack.append(SpectralNormalization(copy) if changes else copy)
    return tf.keras.Sequential(stack, name=network.name)
