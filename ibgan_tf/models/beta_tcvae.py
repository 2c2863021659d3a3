"""beta-TCVAE: isolating sources of disentanglement in VAEs (Chen et al., NeurIPS 2018).

The divergence from the prior has three parts, eq. (2): the information of image and code, the total
correlation of the code, and the divergence of its dimensions from the prior. beta-TCVAE weighs the
second alone, eq. (4) with alpha = gamma = 1:

    L = E[log p(x|z)] - I(x; z) - beta * KL(q(z) || prod_d q(z_d)) - sum_d KL(q(z_d) || p(z_d))
      = E[log p(x|z)] - KL(q(z|x) || p(z)) - (beta - 1) * KL(q(z) || prod_d q(z_d))

with the total correlation from the batch itself, by minibatch-weighted sampling, eq. (3). beta = 1
is the VAE. The second form is Locatello et al.'s, whose networks and grid these are.
"""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf.config import setting
from ibgan_tf.losses import information, total_correlation
from ibgan_tf.models import base, ranges, replicas
from ibgan_tf.models.vae import VAE, VAEConfig, bound_scalars, study_presets

tfd = tfp.distributions


@dataclasses.dataclass(frozen=True, kw_only=True)
class BetaTCVAEConfig(VAEConfig):
    """Settings of beta-TCVAE; those of the VAE and one more."""

    beta: float = setting(6.0, "weight of the total correlation, eq. (4); 1 is the VAE")

    def __post_init__(self):
        super().__post_init__()
        ranges.require(self, ">= 0", "beta")


PRESETS: Mapping[str, base.Preset] = study_presets(
    BetaTCVAEConfig(),
    {f"beta_{beta}": BetaTCVAEConfig(beta=float(beta)) for beta in (1, 2, 4, 6, 8, 10)},
    why="beta 6 of its grid, as in disentangling-vae",
)


class BetaTCVAE(VAE):
    """beta-TCVAE, Chen et al. eq. (4); arguments as of `VAE`."""

    config_class = BetaTCVAEConfig
    presets = PRESETS

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates encoder and decoder once.

        Under several replicas too, the total correlation is estimated from the whole batch.

        Args:
            batch: {"images": float32 [replica_batch, height, width, channels] in [-1, 1]}.

        Returns:
            scalars: float32, each the mean over this replica's examples, in nats.
        """
        images = base.images_of(batch)
        with tf.GradientTape() as tape:
            posterior = self.infer(images, training=True)  # q(z|x)
            z = self.draw_code(posterior)
            reconstruction_loss = self.reconstruction_loss(z, images)  # -log p(x|z)
            kl = information.dimensionwise_kl(posterior, self.prior)  # [batch, z_dim]
            batch_posterior = tfd.Normal(
                replicas.whole_batch(posterior.loc), replicas.whole_batch(posterior.scale)
            )
            correlation = total_correlation.minibatch_total_correlation(
                batch_posterior, z
            )  # eq. (3)
            objective = replicas.mean(
                reconstruction_loss
                + tf.reduce_sum(kl, axis=1)
                + (self.config.beta - 1.0) * correlation
            )  # eq. (4)
        self.update_autoencoder(tape, objective)
        self.step.assign_add(1)
        return bound_scalars(reconstruction_loss, kl) | {
            "total_correlation": tf.reduce_mean(correlation)
        }
