"""MINE-GAN: a GAN whose codes keep information, by a neural estimate (Belghazi et al., ICML 2018).

As in InfoGAN the generator turns noise z and codes c into an image x = G(z, c), and the information
of codes and images is part of the objective:

    min over G   max over D   L_GAN(D, G) - beta * max over T   I_T(c; G(z, c))
    I_T = E[T(x, c)] - log(E[exp(T(x, c'))]) <= I(c; G(z, c)),   c' those of another image

I_T is the lower bound of Donsker and Varadhan (the paper's theorem 1), of a statistics network T in
the place of InfoGAN's q(c|x): no family of posteriors limits it, and nothing reads codes off an
image. Metrics get a reconstructor that is trained afterwards, as a GAN's.

What the paper does to keep it stable, and "InfoGAN and beyond" found necessary:
- The gradient of T has a moving average of E[exp(T)] in its denominator, for that of a batch biases
  it, section 3.2.
- The information has no ceiling, so its gradient for G is scaled down to the norm of the
  adversarial one where it is larger, the paper's adaptive clipping.
Pairs are shuffled by giving each image of the batch the codes of the one before. `spectral_norm` is
the discriminator's: T keeps its BatchNorm.
"""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from ibgan_tf.config import setting
from ibgan_tf.losses import information
from ibgan_tf.models import base, codes, gan_training, ranges, replicas
from ibgan_tf.models.gan import GAN
from ibgan_tf.models.gan_settings import GANConfig, presets_of
from ibgan_tf.networks import initialization, pairs
from ibgan_tf.seeds import Draw


@dataclasses.dataclass(frozen=True, kw_only=True)
class MineGANConfig(GANConfig):
    """Settings of MINE-GAN: those of GAN, and the estimate's, of which the papers tell none."""

    information_weight: float = setting(1.0, "beta, weight of the information of codes and images")
    statistics_learning_rate: float = setting(5e-5, "of the statistics network T")
    average_decay: float = setting(0.99, "of the moving average of exp(T) in T's gradient")

    def __post_init__(self):
        super().__post_init__()
        ranges.require(self, ">= 0", "information_weight")
        ranges.require(self, "> 0", "statistics_learning_rate")
        ranges.require(self, "in [0, 1)", "average_decay")
        self.check_codes("MINE-GAN must have codes")


_LIKE_THE_GENERATOR = {"statistics_learning_rate": 1e-3}
PRESETS: Mapping[str, base.Preset] = {
    name: dataclasses.replace(preset, source=f"{preset.source}; beta, T and its rate: ours")
    for name, preset in presets_of(
        MineGANConfig, tuned=_LIKE_THE_GENERATOR, mnist=_LIKE_THE_GENERATOR
    ).items()
}


class MineGAN(GAN):
    """MINE-GAN, Belghazi et al. section 5.1; arguments as of `GAN`."""

    config_class = MineGANConfig
    presets = PRESETS

    def __init__(
        self,
        config: MineGANConfig,
        image_shape: tuple[int, int, int],
        *,
        seed: int = 0,
        precision: str = "float32",
    ):
        super().__init__(config, image_shape, seed=seed, precision=precision)
        self.code_parts = codes.code_parts(self.latent)
        self.statistics_features, self.statistics_pairs = pairs.pair_network(
            self.image_shape,
            sum(part.size for part in self.code_parts),
            width=config.discriminator_width,
            dtype=self.compute_policy,
            name="statistics",
        )
        networks = [self.statistics_features, self.statistics_pairs]
        # Generator and discriminator have the draws of `seed`.
        initialization.initialize(networks, scheme=config.initialization, seed=seed + 1)
        self.statistics_variables = base.trainable_variables(networks)
        self.statistics_optimizer = gan_training.optimizer(
            config, config.statistics_learning_rate, self.statistics_variables
        )
        # log E[exp(T)] of shuffled pairs, averaged over steps: log, for exp(T) may be any size.
        self.log_average = self.add_weight(
            name="log_average",
            shape=(),
            dtype="float32",
            initializer="zeros",  # T is 0 at the beginning, nearly
            trainable=False,
            aggregation="only_first_replica",
        )

    # Training

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates the discriminator, and then generator and statistics network on the same images.

        Args:
            batch: {"images": float32 [replica_batch, height, width, channels] in [-1, 1]}.

        Returns:
            scalars: float32, each the mean over this replica's examples; the information, in nats,
                is the whole batch's.
        """
        images = base.images_of(batch)
        real = gan_training.add_instance_noise(self, images, Draw.INSTANCE_NOISE_REAL)
        parts = codes.draw_latent(self, images)  # z ~ p(z), c ~ p(c)
        latent = tf.concat(list(parts.values()), axis=1)
        code = codes.joined(parts, self.code_parts)
        for update in range(self.config.generator_updates):
            with tf.GradientTape(persistent=True) as tape:
                generated = self._generate(latent)  # x = G(z, c)
                if update == 0:
                    with tape.stop_recording():
                        scalars = self._update_discriminator(real, generated)
                loss, generator_scalars = self._generator_loss(generated)
                bound, trained_bound, averaged = self._information(generated, code)
                information_loss = replicas.mean(-self.config.information_weight * bound)
                statistics_loss = replicas.mean(-trained_bound)
            part = self._update_generator(tape, loss, information_loss)
            self._update_statistics(tape, statistics_loss, averaged)
        self.step.assign_add(1)
        return scalars | {
            **generator_scalars,
            "information_lower_bound": bound,
            "information_gradient_part": part,
        }

    def _information(self, generated, code) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns I_T of the whole batch, what T climbs in its place, and the new average's log."""
        features = self.statistics_features(generated, training=True)
        shuffled = replicas.own_rows(tf.roll(replicas.whole_batch(code), shift=1, axis=0))
        joint, marginal = (
            replicas.whole_batch(
                self.statistics_pairs(tf.concat([features, own], 1), training=True)
            )
            for own in (code, shuffled)
        )  # T(x, c), [batch, 1]
        log_mean = information.log_mean_exp(marginal[:, 0])
        # The average, as it will be after this step, does away with the bias of the batch's mean.
        decay = self.config.average_decay
        averaged = tf.reduce_logsumexp(
            [
                self.log_average.value + tf.math.log(decay),
                tf.stop_gradient(log_mean) + tf.math.log(1.0 - decay),
            ]
        )
        trained = tf.reduce_mean(joint) - tf.exp(log_mean - averaged)
        return tf.reduce_mean(joint) - log_mean, trained, averaged

    def _update_generator(self, tape, loss, information_loss) -> tf.Tensor:
        """Lets G go down both losses, the second no more steeply; returns what part that leaves."""
        variables = self.generator_variables
        adversarial_gradients = replicas.gradients(tape, loss, variables)
        gradients = replicas.gradients(tape, information_loss, variables)
        limit, norm = replicas.summed_norm(adversarial_gradients), replicas.summed_norm(gradients)
        part = tf.minimum(1.0, tf.math.divide_no_nan(limit, norm))
        self.generator_optimizer.apply(
            [a + part * g for a, g in zip(adversarial_gradients, gradients, strict=True)], variables
        )
        return part

    def _update_statistics(self, tape, loss, averaged) -> None:
        """Lets T climb its bound, and keeps the average."""
        replicas.update(self.statistics_optimizer, tape, loss, self.statistics_variables)
        self.log_average.assign(averaged)
