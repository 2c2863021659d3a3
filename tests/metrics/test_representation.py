"""Encoding a data set: each batch its own seed, and codes that can't be used are refused."""

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.metrics.representation import encode_images


def test_each_batch_has_a_seed_of_its_own(bars):
    def seeds_of(images, seed):
        return tf.tile(tf.cast(seed, tf.float32)[tf.newaxis], [tf.shape(images)[0], 1])

    found = encode_images(seeds_of, bars, batch_size=50)
    assert found.shape == (128, 2)
    assert len(np.unique(found, axis=0)) == 3


def test_codes_that_are_not_finite_are_refused_with_their_image(bars):
    def second_is_nan(images, seed):
        return tf.where(tf.range(tf.shape(images)[0])[:, tf.newaxis] == 1, np.nan, 0.0)

    with pytest.raises(ValueError, match=r"Every code must be finite.*for image 7"):
        encode_images(second_is_nan, bars, [3, 7])


def test_no_images_are_refused(bars):
    with pytest.raises(ValueError, match="indices must name an image or more. Received: none"):
        encode_images(lambda images, seed: images, bars, [])
