"""InfoGAN: interpretable codes by maximising mutual information (Chen et al., NeurIPS 2016).

The generator turns noise z and codes c into an image x = G(z, c), the discriminator D tells it from
a real one, and the reconstructor q(c|x) finds the codes again. The objective is eq. (6):

    min over G, q   max over D   L_GAN(D, G) - lambda * L_I(G, q)
    L_I = E[log q(c|x)] + H(c) <= I(c; G(z, c)),   eq. (5)

Codes are continuous, with a Gaussian q(c_i|x), or categories, with a softmax, each with outputs of
its own; the bound of each is logged, in nats. With a normal prior, no noise and a unit variance the
objective is IB-GAN's with beta = 0, without its encoder: the baseline of its paper, whose networks
and optimizers these are.

Where the paper, its code and IB-GAN's differ:
- The paper's q shares all of D but the last layers, and its code trains q with D's optimizer and
  subtracts lambda * L_I from D's loss too, which trains the shared layers for it: `trunk` shared
  and `reconstructor_optimizer` discriminator. IB-GAN's code for dSprites shares nothing, and trains
  q with the generator: the defaults. Of a shared trunk, the strided convolutions are shared alone.
- The paper lets q learn the variance of its Gaussians, and the code of its MNIST run fixes it to
  one; either is `code_variance`. A unit variance has a bound that says little, so that of the best
  fitting one is logged for each code.
- The code has the entropy of a normal code for a uniform one, a constant; here it is the prior's.
- The BatchNorm statistics of a shared front learn from one generated batch and one real batch in a
  step of IB-GAN's code, and here from a generated one more for each of `generator_updates`.
"""

from collections.abc import Mapping

import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf.losses import adversarial
from ibgan_tf.models import base, code_gan, codes, gan_training, replicas
from ibgan_tf.models.infogan_settings import PRESETS, InfoGANConfig
from ibgan_tf.networks import dcgan, initialization
from ibgan_tf.seeds import Draw

tfd = tfp.distributions


class InfoGAN(code_gan.CodeGAN):
    """Information-maximising GAN, InfoGAN eq. (6).

    Args:
        config: the settings.
        image_shape: (height, width, channels), 28, 32 or 64 pixels a side.
        seed: of initial weights and of every draw in training.
        precision: "float32" or "bfloat16".

    Raises:
        ValueError: the image size or the precision isn't supported.
    """

    config_class = InfoGANConfig
    presets = PRESETS

    def __init__(
        self,
        config: InfoGANConfig,
        image_shape: tuple[int, int, int],
        *,
        seed: int = 0,
        precision: str = "float32",
    ):
        super().__init__(config, image_shape, seed=seed, precision=precision)
        learned = config.code_variance == "learned"
        self._describe_latent(learned_variance=learned, fitted_information=not learned)
        self._build_networks()
        discriminator_side = gan_training.chain(self.front, self.discriminator)
        initialization.initialize(
            [self.generator, self.reconstructor, *discriminator_side],
            scheme=config.initialization,
            seed=seed,
        )
        sides = {"generator": [self.generator], "discriminator": discriminator_side}
        sides[config.reconstructor_optimizer].append(self.reconstructor)
        self.generator_variables = base.trainable_variables(sides["generator"])
        self.discriminator_variables = base.trainable_variables(sides["discriminator"])
        self.generator_optimizer = gan_training.optimizer(
            config, config.generator_learning_rate, self.generator_variables
        )
        self.discriminator_optimizer = gan_training.optimizer(
            config, config.discriminator_learning_rate, self.discriminator_variables
        )
        self._finish_building()

    def _build_networks(self) -> None:
        config, dtype = self.config, self.compute_policy
        self.generator = dcgan.generator(
            sum(part.size for part in self.latent),
            self.image_shape,
            width=config.generator_width,
            dtype=dtype,
        )
        size = codes.posterior_size(self.code_parts, learned_variance=self.learned_variance)
        self.front, networks = gan_training.image_networks(
            config, self.image_shape, {"discriminator": 1, "reconstructor": size}, dtype=dtype
        )
        self.discriminator = networks["discriminator"]
        self.reconstructor = networks["reconstructor"]

    # Training

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates the discriminator, and then the generator against it, and the reconstructor.

        Args:
            batch: {"images": float32 [replica_batch, height, width, channels] in [-1, 1]}.

        Returns:
            scalars: float32, whose means over the replicas are those of the batch; information in
                nats.
        """
        images = base.images_of(batch)
        real = gan_training.add_instance_noise(self, images, Draw.INSTANCE_NOISE_REAL)
        latent = codes.draw_latent(self, images)  # z ~ p(z), c ~ p(c)
        scalars = self._update_all(real, latent)
        self.step.assign_add(1)
        return scalars

    def _update_all(self, real, latent) -> dict[str, tf.Tensor]:
        """Updates every network, the generator as often as the settings say."""
        with tf.GradientTape() as tape:
            generated = self._generate(latent)  # x = G(z, c)
            with tape.stop_recording():
                scalars = self._update_discriminator(real, generated, latent)
            objective, generator_scalars = self._objective(generated, latent)
        replicas.update(self.generator_optimizer, tape, objective, self.generator_variables)
        for _ in range(self.config.generator_updates - 1):
            with tf.GradientTape() as tape:
                objective, generator_scalars = self._objective(self._generate(latent), latent)
            replicas.update(self.generator_optimizer, tape, objective, self.generator_variables)
        return scalars | generator_scalars

    def _generate(self, latent: Mapping[str, tf.Tensor], *, number: int = 0) -> tf.Tensor:
        generated = self.generator(tf.concat(list(latent.values()), axis=1), training=True)
        return gan_training.add_instance_noise(
            self, generated, Draw.INSTANCE_NOISE_GENERATED, number=number
        )

    def _objective(self, generated, latent) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Returns what generator and q(c|x) minimise, eq. (6), and its parts for the log."""
        features = self._features(generated, training=True)
        logits = self._logits(features)  # D(G(z, c))
        posteriors = self.reconstruct(features, training=True)  # q(c|x)
        loss, scalars = self._generator_loss(logits)
        bounds = codes.information_lower_bounds(posteriors, self.code_parts, latent)
        return replicas.mean(loss - self._weighted(bounds)), scalars | {
            "information_lower_bound": tf.reduce_mean(tf.add_n(list(bounds.values()))),
            **codes.information_scalars(self.batch_information(posteriors, latent)),
        }

    def _generator_loss(self, generated_logits) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Returns G's part of L_GAN, [batch], and its means for the log."""
        loss = adversarial.non_saturating_generator_loss(generated_logits)
        return loss, {
            "generator_loss": tf.reduce_mean(loss),
            "probability_generated": tf.reduce_mean(tf.sigmoid(generated_logits)),
        }

    def _discriminator_loss(
        self, real_logits, generated_logits
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Returns D's part of L_GAN, [batch], and its means for the log."""
        return gan_training.discriminator_loss(self, real_logits, generated_logits)

    def _update_discriminator(self, real, generated, latent) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            # Real and generated images pass separately: each is normalised by its own batch.
            real_features = self._features(real, training=True)
            if self.config.reconstruct_real_images:
                self.reconstruct(real_features, training=True)
            real_logits = self._logits(real_features)
            features = self._features(generated, training=True)
            loss, scalars = self._discriminator_loss(real_logits, self._logits(features))
            if self.config.reconstructor_optimizer == "discriminator":
                posteriors = self.reconstruct(features, training=True)
                bounds = codes.information_lower_bounds(posteriors, self.code_parts, latent)
                loss -= self._weighted(bounds)
            objective = replicas.mean(loss)
        replicas.update(self.discriminator_optimizer, tape, objective, self.discriminator_variables)
        return scalars

    def _weighted(self, bounds: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns lambda * L_I of each example, [batch]."""
        config = self.config
        return tf.add_n(
            [
                (config.information_weight if name == "c" else config.category_weight) * bound
                for name, bound in bounds.items()
            ]
        )

    # The networks as distributions

    def _features(self, images: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Returns what discriminator and reconstructor read: the shared front's map, or images."""
        return gan_training.features(self.front, images, training=training)

    def _logits(self, features: tf.Tensor) -> tf.Tensor:
        return self.discriminator(features, training=True)[:, 0]  # [batch]

    def reconstruct(
        self, features: tf.Tensor, *, training: bool = False
    ) -> dict[str, tfd.Distribution]:
        """Returns q(c|x) of each code, by the part's name.

        Args:
            features: images, or the shared front's map of them.
            training: whether BatchNorm uses, and learns from, the batch's statistics.
        """
        return self.posteriors_of(self.reconstructor(features, training=training))

    def posterior_outputs(self, images: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the outputs of the network q(c|x), as of `codes.posteriors`.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
            training: whether BatchNorm uses, and learns from, the batch's statistics.
        """
        return self.reconstructor(self._features(images, training=training), training=training)

    # What a trained model can do

    def networks(self) -> dict[str, tf.keras.Model]:
        """Returns generator and reconstructor, and the shared front where there is one."""
        fronts = {} if self.front is None else {"front": self.front}
        return fronts | {"generator": self.generator, "reconstructor": self.reconstructor}

    def encoding_networks(self) -> list[tf.keras.Model]:
        """Returns the networks that read images to encode them."""
        return gan_training.chain(self.front, self.reconstructor)
