"""Models that have no networks, and say which codes they were asked to draw."""

import types

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

R_DIM = 3


class FakeModel:
    """Generates images whose first pixels are the code; remembers the codes it was given."""

    def __init__(self, divergences=(0.1, 0.9, 0.4)):
        self.latent = (
            _part("z", size=4, traversable=False),
            _part("r", size=R_DIM, traversable=True),
        )
        self.divergences = divergences
        self.codes = []

    def generate_from_r(self, r):
        self.codes.append(np.asarray(r))
        return tf.tile(tf.reshape(r[:, 0] / 4.0, [-1, 1, 1, 1]), [1, 8, 8, 1])

    def generate(self, z):
        self.codes.append(np.asarray(z))
        return tf.zeros([len(z), 8, 8, 1])

    def encode(self, images):
        means = tf.reduce_mean(images, axis=[1, 2, 3])
        return None, tf.tile(means[:, tf.newaxis], [1, R_DIM])

    def dimension_kl(self, num_samples, seed):
        return tf.constant(self.divergences)


class FakeDataset:
    image_shape, size = (8, 8, 1), 100

    def images(self, indices):
        levels = np.asarray(indices, np.uint8)
        return np.broadcast_to(levels[:, None, None, None], [len(levels), 8, 8, 1])


def _part(name, *, size, traversable):
    prior = tfd.Normal(tf.fill([size], 0.5), tf.ones([size]))
    return types.SimpleNamespace(name=name, size=size, prior=prior, traversable=traversable)


class FakeInfoGAN(FakeModel):
    """Generates from noise, two uniform codes and a category of four, side by side."""

    def __init__(self):
        super().__init__()
        uniform = tfd.Uniform(-tf.ones([2]), 1.0)
        category = tfd.OneHotCategorical(logits=tf.zeros([4]), dtype=tf.float32)
        self.latent = (
            _part("z", size=3, traversable=False),
            types.SimpleNamespace(name="c", size=2, prior=uniform, traversable=True),
            types.SimpleNamespace(name="s1", size=4, prior=category, traversable=True),
        )

    generate_from_r = dimension_kl = property()  # it has neither

    def generate(self, latent):
        self.codes.append(np.asarray(latent))
        return tf.zeros([len(latent), 8, 8, 1])

    def encode(self, images):
        return tf.fill([len(images), 2], 0.25), tf.tile([[0.1, 0.2, 0.6, 0.1]], [len(images), 1])

    def code_information(self, num_samples, seed):
        return {"c": tf.constant([0.2, 0.7]), "s1": tf.constant([1.3])}
