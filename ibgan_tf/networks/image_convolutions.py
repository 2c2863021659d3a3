"""The convolutions that touch images, which have one to four channels, in a form for CPUs.

oneDNN's convolutions want many channels: on one core the 4x4, stride-2 transposed convolution from
16 channels to 64 grey images of 64 pixels took 7.5 ms in float32, 4.8 in bfloat16. Written as one
matrix product and sums of shifted planes (`transposed_convolution`) it takes 2.4 and 1.4; the same
is the input gradient of the convolution that reads an image. With a GPU the layers are Keras's own.

Only training has gradients of our own: an export, traced without, loads without TensorFlow's
warning of gradients that a SavedModel doesn't keep.

The classes keep Keras's names, by which the files of weights name their layers.
"""

import tensorflow as tf

_MOST_CHANNELS = 4  # of an image; more fill a vector register


@tf.keras.utils.register_keras_serializable("ibgan_tf")
class Conv2D(tf.keras.layers.Conv2D):
    """`tf.keras.layers.Conv2D`, with a faster input gradient where it reads images.

    Args:
        filters: number of output channels.
        kernel_size: side of the kernel; 4 for the fast form.
        **kwargs: of `tf.keras.layers.Conv2D`; strides=2 and padding="same" for the fast form.
    """

    def call(self, inputs, training=None):
        if not training or not _is_fast(self, inputs.shape[1:]):
            return super().call(inputs)
        outputs = _strided_convolution(inputs, tf.cast(self.kernel, self.compute_dtype))
        return _with_bias(self, outputs)


@tf.keras.utils.register_keras_serializable("ibgan_tf")
class Conv2DTranspose(tf.keras.layers.Conv2DTranspose):
    """`tf.keras.layers.Conv2DTranspose`, computed faster where it writes images.

    Args:
        filters: number of output channels.
        kernel_size: side of the kernel; 4 for the fast form.
        **kwargs: of `tf.keras.layers.Conv2DTranspose`; strides=2 and padding="same" for the fast
            form.
    """

    def call(self, inputs, training=None):
        height, width = inputs.shape[1:3]
        if not _is_fast(self, (2 * height, 2 * width, self.filters)):
            return super().call(inputs)
        convolution = _upsampling_convolution if training else transposed_convolution
        return _with_bias(self, convolution(inputs, tf.cast(self.kernel, self.compute_dtype)))


def transposed_convolution(features: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the 4x4, stride-2, "same" transposed convolution, `tf.nn.conv2d_transpose`'s.

    A pixel is the sum of four products, of the four nearest features with a tap of the kernel each.
    All products are one matrix product, with a plane of its own for each tap.

    Args:
        features: float [batch, height, width, num_features].
        kernel: float [4, 4, channels, num_features].

    Returns:
        images: float [batch, 2 * height, 2 * width, channels].
    """
    height, width, num_features = features.shape[1:]
    channels = kernel.shape[2]
    padded = tf.pad(features, [[0, 0], [1, 1], [1, 1], [0, 0]])
    products = tf.matmul(
        tf.reshape(kernel, [16 * channels, num_features]),
        tf.reshape(padded, [-1, num_features]),
        transpose_b=True,
    )
    planes = tf.reshape(products, [4, 4, channels, -1, height + 2, width + 2])

    def pixels(row: int, column: int) -> tf.Tensor:
        """Returns every other pixel, from a row and a column on: [channels, batch, h, w]."""
        terms = [
            planes[tap_row, tap_column, :, :, down : down + height, right : right + width]
            for tap_row, down in _taps(row)
            for tap_column, right in _taps(column)
        ]
        # bfloat16 products are added in float32, and rounded once.
        return tf.add_n([tf.cast(term, tf.float32) for term in terms])

    four = tf.stack([pixels(row, column) for row in (0, 1) for column in (0, 1)])
    four = tf.reshape(four, [2, 2, channels, -1, height, width])
    images = tf.transpose(four, [3, 4, 0, 5, 1, 2])  # [batch, h, 2, w, 2, channels]
    images = tf.reshape(images, [-1, 2 * height, 2 * width, channels])
    return tf.cast(images, features.dtype)


def _taps(parity: int) -> tuple[tuple[int, int], ...]:
    """Returns the taps (0..3) that reach pixels of a parity, with their feature's shift (0..2).

    Pixel 2 * i + parity gets tap a from feature j where 2 * j - 1 + a is its position; the shift is
    that of j from i - 1, the padded features' row of the same number.
    """
    return ((1, 1), (3, 0)) if parity == 0 else ((2, 1), (0, 2))


@tf.custom_gradient
def _strided_convolution(images: tf.Tensor, kernel: tf.Tensor):
    """Returns the 4x4, stride-2, "same" convolution of images."""

    def gradient(upstream):
        filters = tf.compat.v1.nn.conv2d_backprop_filter(
            images, kernel.shape, upstream, [1, 2, 2, 1], "SAME"
        )
        return transposed_convolution(upstream, kernel), filters

    return tf.nn.conv2d(images, kernel, 2, "SAME"), gradient


@tf.custom_gradient
def _upsampling_convolution(features: tf.Tensor, kernel: tf.Tensor):
    """Returns `transposed_convolution`, with the gradients of the plain form."""

    def gradient(upstream):
        filters = tf.compat.v1.nn.conv2d_backprop_filter(
            upstream, kernel.shape, features, [1, 2, 2, 1], "SAME"
        )
        return tf.nn.conv2d(upstream, kernel, 2, "SAME"), filters

    return transposed_convolution(features, kernel), gradient


def _with_bias(layer: tf.keras.layers.Layer, outputs: tf.Tensor) -> tf.Tensor:
    """Returns the rest of what a convolution layer computes."""
    if layer.use_bias:
        outputs = outputs + tf.cast(layer.bias, layer.compute_dtype)
    return layer.activation(outputs) if layer.activation is not None else outputs


def _is_fast(layer: tf.keras.layers.Layer, image_shape: tuple[int, int, int]) -> bool:
    """Says whether the layer's convolution has the fast form, and no GPU has a faster one."""
    height, width, channels = image_shape
    return (
        layer.kernel_size == (4, 4)
        and layer.strides == (2, 2)
        and layer.padding == "same"
        and layer.dilation_rate == (1, 1)
        and layer.data_format == "channels_last"
        and getattr(layer, "groups", 1) == 1
        and height % 2 == 0
        and width % 2 == 0
        and channels <= _MOST_CHANNELS
        and not tf.config.list_logical_devices("GPU")
    )
