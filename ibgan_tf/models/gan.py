"""GAN: generative adversarial networks (Goodfellow et al., NeurIPS 2014).

The generator turns a latent into an image, the discriminator tells it from a real one, IB-GAN
eq. (1):

    min over G   max over D   E[log D(x)] + E[log(1 - D(G(z)))]

with the non-saturating loss for G. It is the baseline of the IB-GAN paper: generator,
discriminator, optimizers and instance noise are IB-GAN's, and nothing reads codes off an image. The
latent may have the same parts as InfoGAN's, so that the same codes can be turned in both; here
nothing gives them a meaning. D is updated first, then G against it, on the same images.
"""

from collections.abc import Mapping

import tensorflow as tf

from ibgan_tf.losses import adversarial
from ibgan_tf.models import base, codes, gan_training, replicas
from ibgan_tf.models.gan_settings import PRESETS, GANConfig
from ibgan_tf.networks import dcgan, initialization
from ibgan_tf.seeds import Draw


class GAN(base.GenerativeModel):
    """Generative adversarial networks, IB-GAN eq. (1).

    Args:
        config: the settings.
        image_shape: (height, width, channels), 28, 32 or 64 pixels a side.
        seed: of initial weights and of every draw in training.
        precision: "float32" or "bfloat16".

    Raises:
        ValueError: the image size or the precision isn't supported.
    """

    config_class = GANConfig
    presets = PRESETS

    def __init__(
        self,
        config: GANConfig,
        image_shape: tuple[int, int, int],
        *,
        seed: int = 0,
        precision: str = "float32",
    ):
        super().__init__(config, image_shape, seed=seed, precision=precision)
        self.latent = codes.latent_parts(config)
        self.generator = dcgan.generator(
            sum(part.size for part in self.latent),
            self.image_shape,
            width=config.generator_width,
            dtype=self.compute_policy,
        )
        self.front, networks = gan_training.image_networks(
            config, self.image_shape, {"discriminator": 1}, dtype=self.compute_policy
        )
        self.discriminator = networks["discriminator"]
        discriminator_side = gan_training.chain(self.front, self.discriminator)
        initialization.initialize(
            [self.generator, *discriminator_side], scheme=config.initialization, seed=seed
        )
        self.generator_variables = self.generator.trainable_variables
        self.discriminator_variables = base.trainable_variables(discriminator_side)
        self.generator_optimizer = gan_training.optimizer(
            config, config.generator_learning_rate, self.generator_variables
        )
        self.discriminator_optimizer = gan_training.optimizer(
            config, config.discriminator_learning_rate, self.discriminator_variables
        )
        self._finish_building()

    # Training

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates the discriminator, and then the generator against it.

        Args:
            batch: {"images": float32 [replica_batch, height, width, channels] in [-1, 1]}.

        Returns:
            scalars: float32, each the mean over this replica's examples.
        """
        images = base.images_of(batch)
        real = gan_training.add_instance_noise(self, images, Draw.INSTANCE_NOISE_REAL)
        latent = tf.concat(list(codes.draw_latent(self, images).values()), axis=1)
        with tf.GradientTape() as tape:
            generated = self._generate(latent)  # x = G(z)
            with tape.stop_recording():
                scalars = self._update_discriminator(real, generated)
            loss, generator_scalars = self._generator_loss(generated)
        replicas.update(self.generator_optimizer, tape, loss, self.generator_variables)
        for _ in range(self.config.generator_updates - 1):
            with tf.GradientTape() as tape:
                loss, generator_scalars = self._generator_loss(self._generate(latent))
            replicas.update(self.generator_optimizer, tape, loss, self.generator_variables)
        self.step.assign_add(1)
        return scalars | generator_scalars

    def _generate(self, latent: tf.Tensor) -> tf.Tensor:
        generated = self.generator(latent, training=True)
        return gan_training.add_instance_noise(self, generated, Draw.INSTANCE_NOISE_GENERATED)

    def _generator_loss(self, generated: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        logits = self._logits(generated)
        loss = adversarial.non_saturating_generator_loss(logits)
        return replicas.mean(loss), {
            "generator_loss": tf.reduce_mean(loss),
            "probability_generated": tf.reduce_mean(tf.sigmoid(logits)),
        }

    def _update_discriminator(self, real, generated) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            # Real and generated images pass separately: each is normalised by its own batch.
            loss, scalars = gan_training.discriminator_loss(
                self, self._logits(real), self._logits(generated)
            )
            objective = replicas.mean(loss)
        replicas.update(self.discriminator_optimizer, tape, objective, self.discriminator_variables)
        return scalars

    def _logits(self, images: tf.Tensor) -> tf.Tensor:
        features = gan_training.features(self.front, images, training=True)
        return self.discriminator(features, training=True)[:, 0]  # [batch]

    # What a trained model can do

    def networks(self) -> dict[str, tf.keras.Model]:
        """Returns the generator."""
        return {"generator": self.generator}

    def generate(self, latent: tf.Tensor) -> tf.Tensor:
        """Returns the images of latents.

        Args:
            latent: every part side by side, float32 [batch, the sizes' sum].

        Returns:
            images: float32 [batch, height, width, channels] in [-1, 1].
        """
        return self.generator(latent, training=False)
