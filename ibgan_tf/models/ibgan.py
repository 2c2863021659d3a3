"""IB-GAN: disentangled representations with an information-bottleneck GAN (Jeon et al., AAAI 2021).

Noise z ~ p(z) = N(0, I) passes a stochastic encoder e(r|z) to a representation r, the generator
turns r into an image x = G(r), the discriminator D tells it from a real one, and the reconstructor
q(z|x) finds z again. The objective is eq. (11), with the constant H(z) of eq. (7):

    min over G, q, e   max over D   L_GAN(D, G) - (E[log q(z|x)] + H(z) - beta KL(e(r|z) || m(r)))

I^L = E[log q(z|x)] + H(z) bounds the mutual information of z and x from below (eq. 7), and
I^U = E[KL(e(r|z) || m(r))] from above (eq. 10).

Where the paper and the official code disagree, with each other or with themselves:
- Signs, and the half in the Gaussian log-likelihood, are those of eq. (11) and the code. Algorithm
  1 misprints them: as written it would maximise the reconstruction error. Its order, all gradients
  before all updates, is `update_order` simultaneous.
- The code takes the generator's gradient from the discriminator's new weights and old activations,
  which PyTorch refuses since 1.5. `update_order` alternating runs the updated discriminator again.
- The paper says that discriminator and reconstructor share their front. The code has them do so for
  CelebA and 3D Chairs only, and trains the front by the discriminator's loss alone: `trunk`.
- The paper names RMSprop with momentum 0.9. The code's is PyTorch's, whose rho and epsilon we take
  over; for CelebA and 3D Chairs its default is Adam, and its README's commands ask for RMSprop.
- The reconstructor has the generator's optimizer and rate, as in the code, whose flag for a rate of
  its own does nothing.
- beta for dSprites is 0.141, the paper's and the README's; the code's default is Color-dSprites'.
- For 3D Chairs the README asks for a discriminator of width 32 and the code makes one of 16, as
  does the preset.
- beta = 0 is InfoGAN's objective, as in the paper: the code's penalty on KL >= 20 is left out.
- The BatchNorm statistics of a shared front learn from one generated batch and one real batch in a
  step of the code's, and from two generated ones here where `update_order` is alternating. Those of
  the reconstructor then learn from the real batch first, and in the code from the generated one.
"""

from collections.abc import Mapping

import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf import registry
from ibgan_tf.losses import adversarial, information
from ibgan_tf.models import base, gan_training, replicas, schedules
from ibgan_tf.models.ibgan_settings import PRESETS, IBGANConfig
from ibgan_tf.networks import dcgan, initialization, mlp
from ibgan_tf.optimizers import FusedRMSprop
from ibgan_tf.seeds import Draw, stateless_seed

tfd = tfp.distributions

_ENCODERS = {
    "32-32": {"hidden": (32, 32), "batch_norm": False},
    "64-64-32": {"hidden": (64, 64, 32), "batch_norm": True},
}


def _per_dimension(prior: tfd.Distribution, r_dim: int) -> tfd.Distribution:
    """Returns m(r) with batch shape [r_dim], after checking that eq. (10) can use it."""
    if prior.batch_shape.as_list() not in ([], [r_dim]):
        raise ValueError(
            f"prior must have batch shape [] or [{r_dim}], one factor per dimension of r. "
            f"Received: batch_shape={prior.batch_shape}"
        )
    information.dimensionwise_kl(tfd.Normal(tf.zeros([r_dim]), 1.0), prior)
    return prior if prior.batch_shape.rank else tfd.BatchBroadcast(prior, [r_dim])


class IBGAN(base.GenerativeModel):
    """Information-bottleneck GAN, IB-GAN eq. (11).

    Args:
        config: the settings.
        image_shape: (height, width, channels), 28, 32 or 64 pixels a side.
        seed: of initial weights and of every draw in training.
        precision: "float32" or "bfloat16".
        prior: m(r), any factorised TFP distribution, batch shape [] or [r_dim], that has a
            registered KL from `tfd.Normal`; N(0, I) if None.

    Raises:
        ValueError: the image size or the precision isn't supported, or `prior` doesn't factorise
            over r_dim dimensions.
        NotImplementedError: TensorFlow Probability has no KL from `tfd.Normal` to `prior`.
    """

    config_class = IBGANConfig
    presets = PRESETS
    representations = ("r_mean", "r_sampled", "z_mean")

    def __init__(
        self,
        config: IBGANConfig,
        image_shape: tuple[int, int, int],
        *,
        seed: int = 0,
        precision: str = "float32",
        prior: tfd.Distribution | None = None,
    ):
        super().__init__(config, image_shape, seed=seed, precision=precision)
        z_dim, r_dim = config.z_dim, config.r_dim
        self.noise_prior = tfd.Normal(tf.zeros([z_dim]), 1.0)  # p(z)
        self.prior = tfd.Normal(tf.zeros([r_dim]), 1.0) if prior is None else prior  # m(r)
        self.has_own_prior = prior is not None
        code_prior = _per_dimension(self.prior, r_dim)
        self.latent = (
            base.LatentPart(name="z", size=z_dim, prior=self.noise_prior, traversable=False),
            base.LatentPart(name="r", size=r_dim, prior=code_prior, traversable=True),
        )
        self._build_networks()

        generator_side = [self.encoder, self.generator, self.reconstructor]
        discriminator_side = gan_training.chain(self.front, self.discriminator)
        initialization.initialize(
            generator_side + discriminator_side, scheme=config.initialization, seed=seed
        )
        self.generator_variables = base.trainable_variables(generator_side)
        self.discriminator_variables = base.trainable_variables(discriminator_side)
        self.generator_optimizer = self._optimizer(
            config.generator_learning_rate, self.generator_variables
        )
        self.discriminator_optimizer = self._optimizer(
            config.discriminator_learning_rate, self.discriminator_variables
        )
        self._finish_building()

    def get_config(self) -> dict[str, object]:
        """Returns the constructor's arguments as JSON has them, for Keras's `save`.

        Raises:
            ValueError: the prior is one's own, which isn't saved.
        """
        if self.has_own_prior:
            raise ValueError(
                "prior must be None for Keras to save the whole model: save_weights saves its "
                f"weights. Received: prior={self.prior}"
            )
        return super().get_config()

    def _build_networks(self) -> None:
        config, dtype = self.config, self.compute_policy
        self.encoder = mlp.gaussian_encoder(
            config.z_dim, config.r_dim, dtype=dtype, **_ENCODERS[config.encoder]
        )
        self.generator = dcgan.generator(
            config.r_dim, self.image_shape, width=config.generator_width, dtype=dtype
        )
        self.front, readers = dcgan.readers(
            self.image_shape,
            {"discriminator": 1, "reconstructor": config.z_dim},
            trunk=config.trunk,
            width=config.discriminator_width,
            dtype=dtype,
        )
        self.discriminator, self.reconstructor = readers["discriminator"], readers["reconstructor"]

    def _optimizer(self, learning_rate, variables) -> FusedRMSprop:
        config = self.config

        def scheduled():
            return learning_rate * self.learning_rate_part()

        optimizer = FusedRMSprop(
            scheduled if config.learning_rate_steps else learning_rate,
            rho=config.rho,
            momentum=config.momentum,
            epsilon=config.epsilon,
        )
        optimizer.build(variables)
        return optimizer

    # Training

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates every network once, in the order of Algorithm 1 or alternating.

        Args:
            batch: {"images": float32 [replica_batch, height, width, channels] in [-1, 1]}.

        Returns:
            scalars: float32, whose means over the replicas are those of the batch; information in
                nats.
        """
        config, images = self.config, base.images_of(batch)
        batch_size = replicas.shape_of(images)[0]
        alternating = config.update_order == "alternating"
        beta, rate_part = self.upper_bound_weight(), self.learning_rate_part()
        real = gan_training.add_instance_noise(self, images, Draw.INSTANCE_NOISE_REAL)

        # Two tapes, so that neither's gradients pass through what only the other needs.
        discriminator_tape = tf.GradientTape(watch_accessed_variables=False)
        with tf.GradientTape() as tape, discriminator_tape:
            discriminator_tape.watch([v.value for v in self.discriminator_variables])
            z = self.draw_normal([batch_size, config.z_dim], Draw.NOISE)  # z ~ p(z)
            encoded = self.encode_noise(z, training=True)  # e(r|z)
            # r ~ e(r|z), reparameterized: the noise is drawn for the whole batch, on any replicas.
            code_noise = self.draw_normal([batch_size, config.r_dim], Draw.CODE)
            r = encoded.loc + encoded.scale * code_noise
            generated = self.generator(r, training=True)  # x = G(r)
            generated = gan_training.add_instance_noise(
                self, generated, Draw.INSTANCE_NOISE_GENERATED
            )

            if alternating:
                with tape.stop_recording():
                    scalars = self._update_discriminator(real, generated)

            features = self._features(generated, training=True)
            generated_logits = self._logits(features, training=True)  # D(G(r))
            reconstruction = self.reconstruct(features, training=True)  # q(z|x)

            adversarial_loss = adversarial.non_saturating_generator_loss(generated_logits)
            lower_bound = information.information_lower_bound(reconstruction, self.noise_prior, z)
            kl = information.dimensionwise_kl(encoded, self.prior)  # [batch, r_dim]
            upper_bound = tf.reduce_sum(kl, axis=-1)
            objective = adversarial_loss - (
                config.information_weight * lower_bound - beta * upper_bound
            )  # eq. (11)
            objective = replicas.mean(objective)

            if not alternating:
                discriminator_loss, scalars = self._discriminator_loss(real, generated_logits)

        generator_gradients = replicas.gradients(tape, objective, self.generator_variables)
        if not alternating:
            replicas.update(
                self.discriminator_optimizer,
                discriminator_tape,
                discriminator_loss,
                self.discriminator_variables,
            )
        self.generator_optimizer.apply(generator_gradients, self.generator_variables)
        self.step.assign_add(1)

        mean_kl = tf.reduce_mean(kl, axis=0)
        return scalars | {
            "generator_loss": tf.reduce_mean(adversarial_loss),
            "probability_generated": tf.reduce_mean(tf.sigmoid(generated_logits)),
            "information_lower_bound": tf.reduce_mean(lower_bound),
            "information_lower_bound_fitted": information.fitted_information_lower_bound(
                replicas.whole_batch(z), replicas.whole_batch(reconstruction.loc)
            ),
            "information_upper_bound": tf.reduce_mean(upper_bound),
            **({"beta": beta} if config.beta_steps else {}),
            **({"learning_rate_part": rate_part} if config.learning_rate_steps else {}),
            **{f"kl/r{index:02d}": mean_kl[index] for index in range(config.r_dim)},
        }

    def _update_discriminator(self, real, generated) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            features = self._features(generated, training=True)
            loss, scalars = self._discriminator_loss(real, self._logits(features, training=True))
        replicas.update(self.discriminator_optimizer, tape, loss, self.discriminator_variables)
        return scalars

    def _discriminator_loss(self, real, generated_logits) -> tuple[tf.Tensor, dict]:
        # Real and generated images pass separately: each is normalised by its own batch.
        real_features = self._features(real, training=True)
        if self.config.reconstruct_real_images:
            self.reconstruct(real_features, training=True)
        real_logits = self._logits(real_features, training=True)
        loss, scalars = gan_training.discriminator_loss(self, real_logits, generated_logits)
        return replicas.mean(loss), scalars

    def upper_bound_weight(self) -> tf.Tensor | float:
        """Returns beta of eq. (11) at the current step: the paper's constant, or scheduled."""
        config = self.config
        if not config.beta_steps:
            return config.beta
        return schedules.linear(
            self.step.value,
            start=config.beta_start,
            end=config.beta,
            steps=config.beta_steps,
            hold_steps=config.beta_hold_steps,
        )

    def learning_rate_part(self) -> tf.Tensor | float:
        """Returns the part of the configured learning rates that is taken at the current step."""
        config = self.config
        if not config.learning_rate_steps:
            return 1.0
        return schedules.linear(
            self.step.value,
            start=1.0,
            end=config.learning_rate_end,
            steps=config.learning_rate_steps,
            hold_steps=config.learning_rate_hold_steps,
        )

    # The networks as distributions

    def _features(self, images: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Returns what discriminator and reconstructor read: the shared front's map, or images."""
        return gan_training.features(self.front, images, training=training)

    def _logits(self, features: tf.Tensor, *, training: bool) -> tf.Tensor:
        return self.discriminator(features, training=training)[:, 0]  # [batch]

    def reconstruct(self, features: tf.Tensor, *, training: bool = False) -> tfd.Normal:
        """Returns q(z|x) = N(z_hat, I), batch shape [batch, z_dim].

        Args:
            features: images, or the shared front's map of them.
            training: whether BatchNorm uses, and learns from, the batch's statistics.
        """
        return tfd.Normal(self.reconstructor(features, training=training), 1.0)

    def encode_noise(self, z: tf.Tensor, *, training: bool = False) -> tfd.Normal:
        """Returns e(r|z), batch shape [batch, r_dim].

        Args:
            z: noise, float32 [batch, z_dim].
            training: whether BatchNorm, where the encoder has it, uses the batch's statistics.
        """
        return base.gaussian(self.encoder(z, training=training))

    # What a trained model can do

    def networks(self) -> dict[str, tf.keras.Model]:
        """Returns encoder, generator and reconstructor, and the shared front where there is one."""
        fronts = {} if self.front is None else {"front": self.front}
        return fronts | {
            "encoder": self.encoder,
            "generator": self.generator,
            "reconstructor": self.reconstructor,
        }

    def generate(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the images of noise, through the mean of e(r|z).

        Args:
            z: float32 [batch, z_dim].

        Returns:
            images: float32 [batch, height, width, channels] in [-1, 1].
        """
        return self.generate_from_r(self.encode_noise(z).loc)

    def sample_images(self, latent: tf.Tensor, *, seed: tf.Tensor) -> tf.Tensor:
        """Returns images of noise through draws r ~ e(r|z), as in training; `generate` takes means.

        A dimension that carries nothing is noise to the generator, and almost still in the means.

        Args:
            latent: noise z, float32 [batch, z_dim].
            seed: stateless seed of the draws, int32 [2].

        Returns:
            images: float32 [batch, height, width, channels] in [-1, 1].
        """
        return self.generate_from_r(self.encode_noise(latent).sample(seed=seed))

    def generate_from_r(self, r: tf.Tensor) -> tf.Tensor:
        """Returns the images of representations.

        Args:
            r: float32 [batch, r_dim].

        Returns:
            images: float32 [batch, height, width, channels] in [-1, 1].
        """
        return self.generator(r, training=False)

    def encode(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the two-step code of images: z_hat = E[q(z|x)], then r = E[e(r|z_hat)].

        The paper samples z_hat ~ q(z|x) ("Comparison between IB-GAN and beta-VAE"); the official
        evaluation takes both means, as here.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].

        Returns:
            z_mean: float32 [batch, z_dim].
            r_mean: float32 [batch, r_dim].
        """
        z_mean = self.represent(images, "z_mean")
        return z_mean, self.encode_noise(z_mean).loc

    def represent(
        self, images: tf.Tensor, kind: str = "r_mean", *, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns one of the codes of images that metrics are computed from.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
            kind: one of `representations`: "r_mean", E[e(r|z_hat)] at z_hat = E[q(z|x)], as the
                official evaluation; "r_sampled", the same at z_hat ~ q(z|x), as the paper says;
                "z_mean", z_hat = E[q(z|x)] itself.
            seed: stateless seed, int32 [2], of "r_sampled".

        Returns:
            codes: float32 [batch, r_dim] or, for "z_mean", [batch, z_dim].

        Raises:
            ValueError: another kind.
        """
        registry.lookup(dict.fromkeys(self.representations), kind, kind="representation")
        reconstruction = self.reconstruct(self._features(images, training=False))
        if kind == "z_mean":
            return reconstruction.loc
        z = reconstruction.sample(seed=seed) if kind == "r_sampled" else reconstruction.loc
        return self.encode_noise(z).loc

    def encoding_networks(self) -> list[tf.keras.Model]:
        """Returns the networks that read images to encode them."""
        return gan_training.chain(self.front, self.reconstructor)

    def update_encoding_statistics(self, images: tf.Tensor) -> None:
        """Lets the BatchNorm statistics of the networks that encode learn from images.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
        """
        self.reconstruct(self._features(images, training=True), training=True)

    def dimension_kl(self, num_samples: int = 10_000, seed: int = 0) -> tf.Tensor:
        """Returns E[KL(e(r_d|z) || m(r_d))] of each dimension of r, in nats.

        Args:
            num_samples: number of z ~ p(z).
            seed: of the samples.

        Returns:
            kl: float32 [r_dim].
        """
        z = tf.random.stateless_normal(
            [num_samples, self.config.z_dim], stateless_seed(seed, 0, Draw.EVALUATION)
        )
        kl = information.dimensionwise_kl(self.encode_noise(z), self.prior)
        return tf.reduce_mean(kl, axis=0)
