"""FactorVAE: disentangling by factorising (Kim and Mnih, ICML 2018).

The evidence lower bound with a penalty on the total correlation of the codes, eq. (2):

    L = E[log p(x|z)] - KL(q(z|x) || p(z)) - gamma * KL(q(z) || prod_d q(z_d)),   z ~ q(z|x)

where q(z) is the mean of q(z|x) over the data. The last term is estimated by a discriminator that
tells codes from codes whose dimensions are shuffled over the batch, eq. (3), and that is trained
along with the VAE, algorithm 2. gamma = 0 is the VAE.

As in Locatello et al.'s code, the same batch gives the codes of both, where algorithm 2 takes a
second one to shuffle, and all gradients are of one forward pass, where algorithm 2 updates the VAE
first. They clip D's probabilities, and we take its log softmax.
"""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from ibgan_tf.config import setting
from ibgan_tf.losses import information, total_correlation
from ibgan_tf.models import base, ranges, replicas
from ibgan_tf.models.vae import VAE, VAEConfig, bound_scalars, study_presets
from ibgan_tf.networks import initialization, mlp
from ibgan_tf.seeds import Draw


@dataclasses.dataclass(frozen=True, kw_only=True)
class FactorVAEConfig(VAEConfig):
    """Settings of FactorVAE; those of the VAE, and the discriminator's, Locatello et al.'s."""

    total_correlation_weight: float = setting(
        10.0, "gamma, weight of the total correlation, eq. (2); 0 is the VAE"
    )
    discriminator_layers: int = setting(6, "hidden layers of the discriminator of codes")
    discriminator_width: int = setting(1000, "width of its hidden layers")
    discriminator_learning_rate: float = setting(1e-4, "Adam's, of the discriminator")
    discriminator_beta_1: float = setting(0.5, "Adam's decay of the gradients' mean, for it")
    discriminator_beta_2: float = setting(0.9, "Adam's decay of the squared gradients, for it")

    def __post_init__(self):
        super().__post_init__()
        ranges.require(self, ">= 0", "total_correlation_weight", "discriminator_layers")
        ranges.require(self, "> 0", "discriminator_width", "discriminator_learning_rate")
        ranges.require(self, "in [0, 1)", "discriminator_beta_1", "discriminator_beta_2")


PRESETS: Mapping[str, base.Preset] = study_presets(
    FactorVAEConfig(),
    {
        f"gamma_{gamma}": FactorVAEConfig(total_correlation_weight=float(gamma))
        for gamma in (10, 20, 30, 40, 50, 100)
    },
    why="gamma 10 of its grid, .83 in InfoGAN-CR's table of gammas",
)


class FactorVAE(VAE):
    """FactorVAE, Kim and Mnih eq. (2); arguments as of `VAE`."""

    config_class = FactorVAEConfig
    presets = PRESETS

    def __init__(
        self,
        config: FactorVAEConfig,
        image_shape: tuple[int, int, int],
        *,
        seed: int = 0,
        precision: str = "float32",
    ):
        super().__init__(config, image_shape, seed=seed, precision=precision)
        self.discriminator = mlp.latent_discriminator(
            config.z_dim,
            num_layers=config.discriminator_layers,
            width=config.discriminator_width,
            dtype=self.compute_policy,
        )
        # The encoder and the decoder have the draws of `seed`.
        initialization.initialize([self.discriminator], scheme="glorot_uniform", seed=seed + 1)
        self.discriminator_variables = self.discriminator.trainable_variables
        self.discriminator_optimizer = tf.keras.optimizers.Adam(
            config.discriminator_learning_rate,
            config.discriminator_beta_1,
            config.discriminator_beta_2,
            config.epsilon,
        )
        self.discriminator_optimizer.build(self.discriminator_variables)

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates encoder and decoder, and the discriminator of codes, once.

        Args:
            batch: {"images": float32 [replica_batch, height, width, channels] in [-1, 1]}.

        Returns:
            scalars: float32, each the mean over this replica's examples, in nats.
        """
        images = base.images_of(batch)
        with tf.GradientTape(persistent=True) as tape:
            posterior = self.infer(images, training=True)  # q(z|x)
            z = self.draw_code(posterior)
            reconstruction_loss = self.reconstruction_loss(z, images)  # -log p(x|z)
            kl = information.dimensionwise_kl(posterior, self.prior)  # [batch, z_dim]
            joint_logits = self.discriminator(z, training=True)
            correlation = total_correlation.density_ratio_total_correlation(joint_logits)  # eq. (3)
            objective = replicas.mean(
                reconstruction_loss
                + tf.reduce_sum(kl, axis=1)
                + self.config.total_correlation_weight * correlation
            )  # eq. (2)

            # Codes are shuffled over the whole batch, on any number of replicas.
            codes = replicas.whole_batch(tf.stop_gradient(z))
            draws = self.draw_uniform(replicas.shape_of(z), Draw.PERMUTATION)
            draws = replicas.whole_batch(draws)
            permuted = replicas.own_rows(total_correlation.permute_dimensions(codes, draws))
            permuted_logits = self.discriminator(permuted, training=True)
            loss = total_correlation.latent_discriminator_loss(joint_logits, permuted_logits)
            discriminator_objective = replicas.mean(loss)
        discriminator_gradients = replicas.gradients(
            tape, discriminator_objective, self.discriminator_variables
        )
        self.update_autoencoder(tape, objective)
        self.discriminator_optimizer.apply(discriminator_gradients, self.discriminator_variables)
        self.step.assign_add(1)
        return bound_scalars(reconstruction_loss, kl) | {
            "total_correlation": tf.reduce_mean(correlation),
            "discriminator_loss": tf.reduce_mean(loss),
        }
