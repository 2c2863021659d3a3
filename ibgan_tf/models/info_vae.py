"""InfoVAE: a VAE whose codes as a whole have the prior (Zhao et al., AAAI 2019).

The divergence of each q(z|x) from the prior presses all information out of the code. InfoVAE weighs
it by 1 - alpha, and asks of the codes of all images together, q(z) = E[q(z|x)], that they have the
prior's distribution:

    L = E[log p(x|z)] - (1 - alpha) * KL(q(z|x) || p(z)) - (alpha + lambda - 1) * D(q(z), p(z))

D is the squared maximum mean discrepancy of a batch of codes and as many draws of the prior, and
alpha = 0, lambda = 1 the VAE. alpha = 1 is the MMD-VAE of the paper's code, which divides the rest
by the number of pixels: so its weight of D is 784 on MNIST, with a squared error in the place of
log p(x|z), and an encoder without noise. Networks and optimizer are the VAE's.
"""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from ibgan_tf.config import setting
from ibgan_tf.losses import discrepancy, information
from ibgan_tf.models import base, ranges, replicas
from ibgan_tf.models.vae import VAE, VAEConfig, bound_scalars, study_presets
from ibgan_tf.seeds import Draw


@dataclasses.dataclass(frozen=True, kw_only=True)
class InfoVAEConfig(VAEConfig):
    """Settings of InfoVAE; those of the VAE and two more."""

    information_weight: float = setting(
        1.0, "alpha, the information that the code has for free; 0 is a VAE's, 1 MMD-VAE's"
    )
    prior_weight: float = setting(
        1000.0, "lambda, weight of the prior of all codes; 1 is a VAE's where alpha is 0"
    )

    def __post_init__(self):
        super().__post_init__()
        ranges.require(self, "in [0, 1]", "information_weight")
        ranges.require(self, ">= 0", "prior_weight")
        if self.information_weight + self.prior_weight < 1.0:
            raise ValueError(
                "information_weight + prior_weight must be >= 1. "
                f"Received: information_weight={self.information_weight}, "
                f"prior_weight={self.prior_weight}"
            )


PRESETS: Mapping[str, base.Preset] = study_presets(
    InfoVAEConfig(),
    why="alpha 1, as in MMD-VAE's code; the weight of 1000: ours",
)


class InfoVAE(VAE):
    """InfoVAE, Zhao et al.'s objective with the maximum mean discrepancy; arguments as of `VAE`."""

    config_class = InfoVAEConfig
    presets = PRESETS

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates encoder and decoder once.

        Args:
            batch: {"images": float32 [replica_batch, height, width, channels] in [-1, 1]}.

        Returns:
            scalars: float32, each the mean over this replica's examples, in nats, but for
                "prior_discrepancy", which is the whole batch's and has no unit.
        """
        config = self.config
        images = base.images_of(batch)
        with tf.GradientTape() as tape:
            posterior = self.infer(images, training=True)  # q(z|x)
            z = self.draw_code(posterior)
            reconstruction_loss = self.reconstruction_loss(z, images)  # -log p(x|z)
            kl = information.dimensionwise_kl(posterior, self.prior)  # [batch, z_dim]
            prior_draws = self.draw_normal(replicas.shape_of(z), Draw.NOISE)  # p(z)
            prior_discrepancy = discrepancy.maximum_mean_discrepancy(
                replicas.whole_batch(z), replicas.whole_batch(prior_draws)
            )
            objective = replicas.mean(
                reconstruction_loss
                + (1.0 - config.information_weight) * tf.reduce_sum(kl, axis=1)
                + (config.information_weight + config.prior_weight - 1.0) * prior_discrepancy
            )
        self.update_autoencoder(tape, objective)
        self.step.assign_add(1)
        return bound_scalars(reconstruction_loss, kl) | {"prior_discrepancy": prior_discrepancy}
