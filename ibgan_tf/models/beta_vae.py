"""beta-VAE: a VAE with a heavier prior (Higgins et al., ICLR 2017).

The evidence lower bound with a weight on the divergence from the prior, eq. (4):

    L(x) = E[log p(x|z)] - beta * KL(q(z|x) || p(z)),   z ~ q(z|x)

beta = 1 is the VAE; above, the code is pressed to say less, with dimensions that are independent.
Networks and optimizer are the VAE's, the presets Locatello et al.'s grid.
"""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from ibgan_tf.config import setting
from ibgan_tf.losses import information
from ibgan_tf.models import base
from ibgan_tf.models.vae import VAE, VAEConfig, bound_scalars, study_presets


@dataclasses.dataclass(frozen=True, kw_only=True)
class BetaVAEConfig(VAEConfig):
    """Settings of beta-VAE; those of the VAE and one more."""

    beta: float = setting(4.0, "weight of KL(q(z|x) || p(z)), eq. (4); 1 is the VAE")

    def __post_init__(self):
        super().__post_init__()
        base.require(self, ">= 0", "beta")


PRESETS: Mapping[str, base.Preset] = study_presets(
    BetaVAEConfig(),
    {f"beta_{beta}": BetaVAEConfig(beta=float(beta)) for beta in (1, 2, 4, 6, 8, 16)},
    why="beta 4 of its grid, as in disentangling-vae",
)


class BetaVAE(VAE):
    """beta-VAE, Higgins et al. eq. (4); arguments as of `VAE`."""

    config_class = BetaVAEConfig
    presets = PRESETS

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates encoder and decoder once.

        Args:
            batch: {"images": float32 [replica_batch, height, width, channels] in [-1, 1]}.

        Returns:
            scalars: float32, each the mean over this replica's examples, in nats.
        """
        with tf.GradientTape() as tape:
            posterior = self.infer(batch["images"], training=True)  # q(z|x)
            z = self.draw_code(posterior)
            reconstruction_loss = self.reconstruction_loss(z, batch["images"])  # -log p(x|z)
            kl = information.dimensionwise_kl(posterior, self.prior)  # [batch, z_dim]
            objective = base.replica_mean(
                reconstruction_loss + self.config.beta * tf.reduce_sum(kl, axis=1)
            )  # eq. (4)
        self.update_autoencoder(tape, objective)
        self.step.assign_add(1)
        return bound_scalars(reconstruction_loss, kl)
