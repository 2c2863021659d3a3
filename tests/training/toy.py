"""A model and a data set that train in moments; the tests of scripts/train.py use them too."""

import dataclasses
import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf import config
from ibgan_tf.data import base as data_base
from ibgan_tf.models import base, replicas
from ibgan_tf.optimizers import FusedRMSprop
from ibgan_tf.seeds import Draw

tfd = tfp.distributions


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyConfig:
    width: int = config.setting(64, "Units of the hidden layer.")
    learning_rate: float = config.setting(1e-3, "Of the only network.")
    bad_scalar_at: int = config.setting(0, "Step at which a scalar isn't finite; 0: none.")
    bad_weight_at: int = config.setting(0, "Step after which a weight isn't finite; 0: none.")


class ToyModel(base.GenerativeModel):
    """Turns codes r into images like those of the data; its noise depends on (seed, step)."""

    config_class = ToyConfig
    presets = {}

    def __init__(self, config, image_shape, *, seed=0, precision="float32"):
        super().__init__(config, image_shape, seed=seed, precision=precision)
        prior = tfd.Normal(tf.zeros([2]), 1.0)
        self.latent = (
            base.LatentPart(name="z", size=2, prior=prior, traversable=False),
            base.LatentPart(name="r", size=2, prior=prior, traversable=True),
        )
        initializer = tf.keras.initializers.GlorotUniform(seed)
        self.generator = tf.keras.Sequential(
            [
                tf.keras.Input([2]),
                tf.keras.layers.Dense(config.width, "tanh", kernel_initializer=initializer),
                tf.keras.layers.Dense(math.prod(image_shape), kernel_initializer=initializer),
                tf.keras.layers.Reshape(image_shape),
            ]
        )
        self.variables_to_train = self.generator.trainable_variables
        self.optimizer_of_all = FusedRMSprop(config.learning_rate)
        self.optimizer_of_all.build(self.variables_to_train)
        self._finish_building()

    def train_step(self, batch):
        with tf.GradientTape() as tape:
            r = self.draw_normal([batch["images"].shape[0], 2], Draw.CODE)
            error = tf.square(self.generator(r, training=True) - batch["images"])
            loss = replicas.mean(tf.reduce_mean(error, axis=[1, 2, 3]))
        gradients = replicas.gradients(tape, loss, self.variables_to_train)
        self.optimizer_of_all.apply(gradients, self.variables_to_train)
        self.step.assign_add(1)
        self._spoil(self.variables_to_train[-1], self.config.bad_weight_at)
        bad = tf.where(self.step.value == self.config.bad_scalar_at, np.nan, 0.0)
        mean = tf.reduce_mean(error)
        return {"reconstruction_loss": mean + bad, "kl/r00": mean, "kl/r01": tf.sqrt(mean)}

    def _spoil(self, variable, step):
        bad = tf.where(tf.equal(self.step.value, step), np.inf, 0.0)
        variable.assign_add(tf.fill(variable.shape, bad))

    def networks(self):
        return {"generator": self.generator}

    def generate(self, z):
        return self.generate_from_r(z)

    def generate_from_r(self, r):
        return self.generator(r, training=False)

    def dimension_kl(self, num_samples=10, seed=0):
        return tf.constant([0.25, 0.75])


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToySettings:
    shade: int = config.setting(3, "What an image's number is multiplied by.")


class ToyImages:
    """Ten images, each of one shade of grey."""

    settings_class = ToySettings
    name, source, sha256 = "toy", "computed", "00ff"
    image_shape, size = (8, 8, 1), 10

    def __init__(self, data_dir=None, *, split="train", shade=3):
        self._shade = shade

    def images(self, indices):
        shades = data_base.check_indices(indices, self.size).astype(np.uint8) * self._shade
        return np.tile(shades[:, None, None, None], [1, *self.image_shape])
