import numpy as np
import tensorflow as tf

from ibgan_tf.data.pixels import from_pixels


def test_the_ends_and_the_middle_of_the_range_by_hand():
    images = from_pixels(np.array([[0, 51], [204, 255]], np.uint8))
    assert images.dtype == tf.float32
    np.testing.assert_allclose(images, [[-1.0, -0.6], [0.6, 1.0]], rtol=1e-6)
