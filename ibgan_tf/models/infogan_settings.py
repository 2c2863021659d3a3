"""Settings of InfoGAN: those of GAN, and those of the reconstructor and its information."""

import dataclasses
from collections.abc import Mapping

from ibgan_tf.config import setting
from ibgan_tf.models import base, ranges
from ibgan_tf.models.gan_settings import GANConfig, presets_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class InfoGANConfig(GANConfig):
    """Settings of InfoGAN; the defaults are those of the IB-GAN paper's baseline on dSprites."""

    information_weight: float = setting(
        1.0, "lambda, weight of the information of the continuous codes, eq. (6)"
    )
    category_weight: float = setting(1.0, "lambda of the categorical codes")
    code_variance: str = setting(
        "unit",
        "variance of the Gaussian q(c|x): unit, as in IB-GAN, or learned, one for each image",
        choices=("unit", "learned"),
    )
    reconstructor_optimizer: str = setting(
        "generator",
        "who trains q(c|x): the generator's optimizer (IB-GAN), or the discriminator's, whose loss "
        "then has the information too (InfoGAN)",
        choices=("generator", "discriminator"),
    )
    reconstruct_real_images: bool = setting(
        True,
        "run the reconstructor on real images too, for its BatchNorm statistics only; with "
        "spectral norm for nothing but a power iteration",
    )

    def __post_init__(self):
        super().__post_init__()
        ranges.require(self, ">= 0", "information_weight", "category_weight")
        self.check_codes("InfoGAN must have codes")


PRESETS: Mapping[str, base.Preset] = presets_of(
    InfoGANConfig,
    tuned={
        "information_weight": 0.05,
        "reconstructor_optimizer": "discriminator",
        "reconstruct_real_images": False,
    },
    mnist={"reconstructor_optimizer": "discriminator"},
)
