"""AnchorVAE: a VAE some of whose dimensions may say more (Gao et al., AISTATS 2019).

The evidence lower bound is a lower bound of the CorEx objective, eq. (12), in which the information
of each dimension of the code and the image is a cost, eq. (7). Where the cost of some dimensions,
the anchors a, is lower, these say the most of the image, eq. (21):

    L(x) = E[log p(x|z)] - sum over d not in a of KL(q(z_d|x) || p(z_d))
                         - (1 - lambda) * sum over d in a of KL(q(z_d|x) || p(z_d)),   z ~ q(z|x)

lambda = 0 is the VAE; beta-VAE weighs all dimensions alike. The anchors are the first dimensions.
The paper's CelebA run has a mean squared error in the place of log p(x|z), of which it tells no
scale, and networks of three convolutions; here are the VAE's.
"""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from ibgan_tf.config import setting
from ibgan_tf.models import base, ranges
from ibgan_tf.models.vae import VAE, VAEConfig, study_presets


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnchorVAEConfig(VAEConfig):
    """Settings of AnchorVAE; those of the VAE and two more, the paper's."""

    num_anchors: int = setting(5, "dimensions of z that are anchored, the first ones, or all")
    anchor_weight: float = setting(
        0.5, "lambda, the information that an anchor has for free, eq. (21); 0 is the VAE"
    )

    def __post_init__(self):
        super().__post_init__()
        ranges.require(self, ">= 0", "num_anchors")
        ranges.require(self, "in [0, 1]", "anchor_weight")


def _presets() -> dict[str, base.Preset]:
    why = "5 anchors of weight 0.5, as Gao et al. 2019 have on CelebA"
    presets = study_presets(AnchorVAEConfig(), why=why)
    presets["celeba"] = dataclasses.replace(
        presets["celeba"],
        config=AnchorVAEConfig(z_dim=2048),
        source=f"Gao et al. 2019, section 6.2, {why}; networks, optimizer and steps: Locatello et "
        "al. 2019",
    )
    return presets


PRESETS: Mapping[str, base.Preset] = _presets()


class AnchorVAE(VAE):
    """AnchorVAE, Gao et al. eq. (21); arguments as of `VAE`."""

    config_class = AnchorVAEConfig
    presets = PRESETS

    def weighted_kl(self, kl: tf.Tensor) -> tf.Tensor:
        """Returns each example's divergence, of the anchors 1 - lambda times, eq. (21).

        Args:
            kl: KL(q(z_d|x) || p(z_d)), nats, float32 [batch, z_dim].

        Returns:
            weighted: float32 [batch].
        """
        is_anchor = tf.range(self.config.z_dim) < self.config.num_anchors
        weights = tf.where(is_anchor, 1.0 - self.config.anchor_weight, 1.0)
        return tf.reduce_sum(weights * kl, axis=1)
