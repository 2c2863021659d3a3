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
from ibgan_tf.models import base, ranges
from ibgan_tf.models.vae import VAE, VAEConfig, study_presets


@dataclasses.dataclass(frozen=True, kw_only=True)
class BetaVAEConfig(VAEConfig):
    """Settings of beta-VAE; those of the VAE and one more."""

    beta: float = setting(4.0, "weight of KL(q(z|x) || p(z)), eq. (4); 1 is the VAE")

    def __post_init__(self):
        super().__post_init__()
        ranges.require(self, ">= 0", "beta")


PRESETS: Mapping[str, base.Preset] = study_presets(
    BetaVAEConfig(),
    {f"beta_{beta}": BetaVAEConfig(beta=float(beta)) for beta in (1, 2, 4, 6, 8, 16)},
    why="beta 4 of its grid, as in disentangling-vae",
)


class BetaVAE(VAE):
    """beta-VAE, Higgins et al. eq. (4); arguments as of `VAE`."""

    config_class = BetaVAEConfig
    presets = PRESETS

    def weighted_kl(self, kl: tf.Tensor) -> tf.Tensor:
        """Returns beta times each example's divergence, eq. (4).

        Args:
            kl: KL(q(z_d|x) || p(z_d)), nats, float32 [batch, z_dim].

        Returns:
            weighted: float32 [batch].
        """
        return self.config.beta * tf.reduce_sum(kl, axis=1)
