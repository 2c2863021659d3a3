"""ALI: adversarially learned inference (Dumoulin et al., ICLR 2017).

A discriminator D(x, c) sees images with their codes. Of real images the encoder q(c|x) draws the
codes; generated ones are made from theirs:

    min over G, q   max over D   E[log D(x, c)] + E[log(1 - D(G(z, c), c))],   c ~ q(c|x), c ~ p(c)

Where D can't tell them apart, q(c|x) is the posterior of the generator. G and q take the
non-saturating form: they go up log D of generated pairs and log(1 - D) of real ones.

The latent may have the parts of InfoGAN's, as in "Learning joint latent representations based on
information maximization" (Ye and Bors, 2021; `infovaegan`), which compares with it: noise z, which
no code explains, continuous codes c, and categories, whose draws from q are relaxed one-hot
vectors. ALI's own has normal codes alone.

The paper's code differs in two things: real and generated pairs pass its discriminator as one
batch, which BatchNorm normalises together, and both players are updated from the same forward pass.
Here each kind of pair is normalised by its own batch, and D is updated first, as in all GANs here.
"""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf import optimizers
from ibgan_tf.config import check_settings, setting
from ibgan_tf.losses import adversarial
from ibgan_tf.models import base, code_gan, codes, ranges, replicas
from ibgan_tf.models.gan_settings import MNIST_LATENT
from ibgan_tf.networks import dcgan, initialization, pairs
from ibgan_tf.seeds import Draw

tfd = tfp.distributions

_FEATURES = 256  # that D reads off an image


@dataclasses.dataclass(frozen=True, kw_only=True)
class ALIConfig(codes.LatentSettings):
    """Settings of ALI: the latent, the networks' widths, and Adam's, which are its paper's."""

    generator_width: int = setting(
        16, "channels of the generator's largest map (ngf); twice as many for 28 and 32 pixels"
    )
    discriminator_width: int = setting(
        16,
        "channels of the first map of discriminator and encoder (ndf); twice as many for 28 and 32 "
        "pixels",
    )
    temperature: float = setting(
        0.1, "of the relaxed one-hot draws from q, as in Ye and Bors' code; 0 would be one-hot"
    )
    initialization: str = setting(
        "normal",
        "initial kernels: normal(0, 0.02), orthogonal or glorot_uniform",
        choices=initialization.SCHEMES,
    )
    generator_learning_rate: float = setting(1e-4, "Adam's, of generator and encoder")
    discriminator_learning_rate: float = setting(1e-4, "Adam's, of the discriminator")
    beta_1: float = setting(0.5, "Adam's decay of the gradients' mean")
    beta_2: float = setting(0.999, "Adam's decay of the squared gradients' mean")
    epsilon: float = setting(1e-8, "Adam's epsilon")

    def __post_init__(self):
        check_settings(self)
        self.check_latent()
        ranges.require(self, "> 0", "generator_width", "discriminator_width", "temperature")
        ranges.require(self, "> 0", "generator_learning_rate", "discriminator_learning_rate")
        ranges.require(self, "> 0", "epsilon")
        ranges.require(self, "in [0, 1)", "beta_1", "beta_2")
        self.check_codes("There must be codes to infer")


def _preset(source: str, **settings: object) -> base.Preset:
    return base.Preset(
        config=ALIConfig(**settings),
        steps=100_000,
        batch_size=100,
        source=f"optimizer and batch: Dumoulin et al. 2017; {source}; steps: ours",
    )


PRESETS: Mapping[str, base.Preset] = {
    name: _preset("latent: InfoGAN's, as Ye and Bors 2021, section 5.2", **MNIST_LATENT)
    for name in ("mnist", "fashion_mnist")
} | {
    name: _preset("latent and networks: IB-GAN's r and trunk")
    for name in ("dsprites", "color_dsprites")
}


class ALI(code_gan.CodeGAN):
    """Adversarially learned inference.

    Args:
        config: the settings.
        image_shape: (height, width, channels), 28, 32 or 64 pixels a side.
        seed: of initial weights and of every draw in training.
        precision: "float32" or "bfloat16".

    Raises:
        ValueError: the image size or the precision isn't supported.
    """

    config_class = ALIConfig
    presets = PRESETS

    def __init__(
        self,
        config: ALIConfig,
        image_shape: tuple[int, int, int],
        *,
        seed: int = 0,
        precision: str = "float32",
    ):
        super().__init__(config, image_shape, seed=seed, precision=precision)
        # Nothing fits q's own variances to the codes, so information is told without them.
        self._describe_latent(learned_variance=True, fitted_information=True)
        self._build_networks()
        discriminators = [self.discriminator_features, self.discriminator_pairs]
        initialization.initialize(
            [self.generator, self.encoder, *discriminators],
            scheme=config.initialization,
            seed=seed,
        )
        self.discriminator_variables = base.trainable_variables(discriminators)
        self.discriminator_optimizer = optimizers.built_adam(
            config, config.discriminator_learning_rate, self.discriminator_variables
        )
        self._build_other_optimizers()
        self._finish_building()

    def _build_networks(self) -> None:
        config, dtype = self.config, self.compute_policy
        self.generator = dcgan.generator(
            sum(part.size for part in self.latent),
            self.image_shape,
            width=config.generator_width,
            dtype=dtype,
        )
        width = config.discriminator_width
        self.encoder = dcgan.reconstructor(
            self.image_shape,
            codes.posterior_size(self.code_parts, learned_variance=self.learned_variance),
            width=width,
            dtype=dtype,
            name="encoder",
        )
        self.discriminator_features, self.discriminator_pairs = pairs.pair_network(
            self.image_shape,
            sum(part.size for part in self.code_parts),
            width=width,
            num_features=_FEATURES,
            dtype=dtype,
            name="discriminator",
        )

    def _build_other_optimizers(self) -> None:
        self.generator_variables = (
            self.generator.trainable_variables + self.encoder.trainable_variables
        )
        self.generator_optimizer = optimizers.built_adam(
            self.config, self.config.generator_learning_rate, self.generator_variables
        )

    # Training

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates the discriminator, and then generator and encoder against it.

        Args:
            batch: {"images": float32 [replica_batch, height, width, channels] in [-1, 1]}.

        Returns:
            scalars: float32, each the mean over this replica's examples.
        """
        images = base.images_of(batch)
        latent = codes.draw_latent(self, images)  # z ~ p(z), c ~ p(c)
        code = codes.joined(latent, self.code_parts)
        with tf.GradientTape() as tape:
            inferred = self.draw_inferred(images)  # c ~ q(c|x)
            generated = self.generator(codes.joined(latent, self.latent), training=True)  # G(z, c)
            with tape.stop_recording():
                scalars = self.update_discriminator((images, inferred), (generated, code))
            real_logits = self._logits(images, inferred)
            generated_logits = self._logits(generated, code)
            loss = adversarial.non_saturating_generator_loss(generated_logits)
            inference_loss = adversarial.non_saturating_generator_loss(-real_logits)
            objective = replicas.mean(loss + inference_loss)
        replicas.update(self.generator_optimizer, tape, objective, self.generator_variables)
        self.step.assign_add(1)
        return scalars | {
            "generator_loss": tf.reduce_mean(loss),
            "inference_loss": tf.reduce_mean(inference_loss),
            "probability_generated": tf.reduce_mean(tf.sigmoid(generated_logits)),
        }

    def draw_inferred(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the step's draws c ~ q(c|x) of real images, float32 [replica_batch, code_dim]."""
        return codes.draw_relaxed(
            self,
            self.infer(images, training=True),
            temperature=self.config.temperature,
            code_draw=Draw.INFERRED_CODE,
            category_draw=Draw.INFERRED_CATEGORY,
        )

    def update_discriminator(
        self, real: tuple[tf.Tensor, tf.Tensor], generated: tuple[tf.Tensor, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Updates D once.

        Args:
            real: images and their inferred codes.
            generated: images and the codes they are made from.

        Returns:
            scalars: means over this replica's examples.
        """
        with tf.GradientTape() as tape:
            # Real and generated images pass separately: each is normalised by its own batch.
            real_logits, generated_logits = self._logits(*real), self._logits(*generated)
            loss = adversarial.discriminator_loss(real_logits, generated_logits)
            objective = replicas.mean(loss)
        replicas.update(self.discriminator_optimizer, tape, objective, self.discriminator_variables)
        return {
            "discriminator_loss": tf.reduce_mean(loss),
            "probability_real": tf.reduce_mean(tf.sigmoid(real_logits)),
        }

    def _logits(self, images: tf.Tensor, code: tf.Tensor) -> tf.Tensor:
        features = self.discriminator_features(images, training=True)
        pair = tf.concat([features, code], axis=1)
        return self.discriminator_pairs(pair, training=True)[:, 0]  # [batch]

    # What a trained model can do

    def networks(self) -> dict[str, tf.keras.Model]:
        """Returns generator and encoder."""
        return {"generator": self.generator, "encoder": self.encoder}

    def encoding_networks(self) -> list[tf.keras.Model]:
        """Returns the networks that read images to encode them."""
        return [self.encoder]

    def posterior_outputs(self, images: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the outputs of the network q(c|x), as of `codes.posteriors`.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
            training: whether BatchNorm uses, and learns from, the batch's statistics.
        """
        return self.encoder(images, training=training)
