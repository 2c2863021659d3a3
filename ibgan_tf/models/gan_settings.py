"""Settings of GAN: the latent, IB-GAN's generator and discriminator, and how they are trained."""

import dataclasses
from collections.abc import Mapping

from ibgan_tf.config import check_settings, setting
from ibgan_tf.models import base, ranges
from ibgan_tf.models.codes import LatentSettings
from ibgan_tf.networks import initialization


@dataclasses.dataclass(frozen=True, kw_only=True)
class GANConfig(LatentSettings):
    """Settings of GAN; the defaults are the official IB-GAN code's for dSprites."""

    generator_width: int = setting(
        16, "channels of the generator's largest map (ngf); twice as many for 28 and 32 pixels"
    )
    discriminator_width: int = setting(
        16, "channels of the discriminator's first map (ndf); twice as many for 28 and 32 pixels"
    )
    trunk: str = setting(
        "separate",
        "discriminator of IB-GAN's model.py (separate) or of its model2.py (shared)",
        choices=("separate", "shared"),
    )
    spectral_norm: bool = setting(
        False, "spectral norm in place of BatchNorm in the networks that read images"
    )
    initialization: str = setting(
        "normal",
        "initial kernels: normal(0, 0.02), orthogonal or glorot_uniform",
        choices=initialization.SCHEMES,
    )
    optimizer: str = setting("rmsprop", "of every network", choices=("rmsprop", "adam"))
    generator_learning_rate: float = setting(5e-5, "of the generator")
    discriminator_learning_rate: float = setting(1e-6, "of the discriminator")
    generator_updates: int = setting(
        1, "updates of the generator in a step, against one discriminator and of the same latents"
    )
    rho: float = setting(0.99, "RMSprop's decay of squared gradients (PyTorch's default alpha)")
    momentum: float = setting(0.9, "RMSprop's momentum")
    epsilon: float | None = setting(
        None,
        "inside RMSprop's square root, or outside Adam's; none: PyTorch's own, 1e-16 or 1e-8",
    )
    beta_1: float = setting(0.5, "Adam's decay of the gradients' mean")
    beta_2: float = setting(0.999, "Adam's decay of the squared gradients' mean")
    instance_noise_start: float = setting(1.0, "standard deviation of the instance noise at step 0")
    instance_noise_end: float = setting(0.0, "its standard deviation from instance_noise_steps on")
    instance_noise_steps: int = setting(100_000, "steps over which it changes linearly")
    real_label_low: float = setting(1.0, "one-sided label smoothing: real labels are uniform from")
    real_label_high: float = setting(1.0, "one-sided label smoothing: real labels are uniform to")

    def __post_init__(self):
        check_settings(self)
        self.check_latent()
        ranges.require(self, "> 0", "generator_width", "discriminator_width")
        if self.epsilon is not None:
            ranges.require(self, "> 0", "epsilon")
        ranges.require(self, "> 0", "generator_learning_rate", "discriminator_learning_rate")
        ranges.require(self, "> 0", "instance_noise_steps", "generator_updates")
        ranges.require(self, ">= 0", "instance_noise_start", "instance_noise_end")
        ranges.require(self, "in [0, 1)", "rho", "momentum", "beta_1", "beta_2")
        ranges.require_labels(self)


# IB-GAN's settings where GAN and InfoGAN are parts of it ("For the GAN baselines, we use the subset
# of components of IB-GAN"); what differs from GANConfig, by data set. The paper doesn't say what
# they generate from: here codes as wide as IB-GAN's r, from the same prior, without more noise.
_MODEL2 = {
    "trunk": "shared",
    "initialization": "orthogonal",
    "discriminator_learning_rate": 2e-6,
    "instance_noise_start": 0.5,
    "instance_noise_end": 0.01,
    "real_label_low": 0.7,
    "real_label_high": 1.2,
}
SUBSET_OF_IBGAN: Mapping[str, tuple[int, Mapping[str, object]]] = {
    "dsprites": (150_000, {}),
    "color_dsprites": (500_000, {}),
    "celeba": (
        1_000_000,
        _MODEL2
        | {
            "continuous_dim": 15,
            "generator_width": 64,
            "discriminator_width": 64,
            "instance_noise_steps": 1_000_000,
        },
    ),
    "chairs3d": (
        700_000,
        _MODEL2
        | {
            "generator_width": 32,
            "discriminator_width": 16,  # the README passes 32, the code runs 16
            "instance_noise_steps": 700_000,
        },
    ),
}
# InfoGAN-CR's of dSprites (config.py and gan/infogan_cr.py of its repository, InfoGAN-CR_dSprites):
# its InfoGAN before the contrastive regularizer. Their networks are smaller; these are IB-GAN's.
TUNED: Mapping[str, object] = {
    "noise_dim": 5,
    "noise_prior": "uniform",
    "continuous_dim": 5,
    "continuous_prior": "uniform",
    "trunk": "shared",
    "spectral_norm": True,
    "optimizer": "adam",
    "generator_learning_rate": 1e-3,
    "discriminator_learning_rate": 2e-3,
    "generator_updates": 2,
    "beta_1": 0.5,
    "epsilon": 1e-8,
    "instance_noise_start": 0.0,
}
TUNED_SOURCE = (
    "InfoGAN-CR's repository, its InfoGAN of dSprites; networks: IB-GAN's, spectral norm, with a "
    "power iteration in each pass, of D four in a step"
)
# InfoGAN's of MNIST (launchers/run_mnist_exp.py and infogan/algos/infogan_trainer.py of OpenAI's
# repository). Its networks have 64 and 128 channels and 1024 units, and D and q share all but their
# last layers; these are IB-GAN's of width 32, with 64, 128 and 512, and share the strided ones.
MNIST_LATENT: Mapping[str, object] = {
    "noise_dim": 62,
    "noise_prior": "uniform",
    "continuous_dim": 2,
    "continuous_prior": "uniform",
    "categorical_sizes": (10,),
    "generator_width": 32,
    "discriminator_width": 32,
}
MNIST: Mapping[str, object] = MNIST_LATENT | {
    "trunk": "shared",
    "optimizer": "adam",
    "generator_learning_rate": 1e-3,
    "discriminator_learning_rate": 2e-4,
    "beta_1": 0.5,
    "epsilon": 1e-8,
    "instance_noise_start": 0.0,
}
MNIST_SOURCE = (
    "OpenAI's InfoGAN repository, its run of MNIST; networks: IB-GAN's of width 32; steps: ours"
)


def presets_of(config_class: type, **own: Mapping[str, object]) -> dict[str, base.Preset]:
    """Returns the presets of a method that is part of IB-GAN, by name.

    Args:
        config_class: GANConfig, or its subclass with the method's own settings.
        **own: the method's own settings of "subset", "tuned" and "mnist".
    """
    presets = {
        name: base.Preset(
            config=config_class(**settings | own.get("subset", {})),
            steps=steps,
            batch_size=64,
            source="paper, p. 6 (a subset of IB-GAN); official code's settings of IB-GAN",
        )
        for name, (steps, settings) in SUBSET_OF_IBGAN.items()
    }
    presets["dsprites_tuned"] = base.Preset(
        config=config_class(**TUNED | own.get("tuned", {})),
        steps=288_000,
        batch_size=64,
        source=TUNED_SOURCE,
    )
    for name in ("mnist", "fashion_mnist"):
        presets[name] = base.Preset(
            config=config_class(**MNIST | own.get("mnist", {})),
            steps=20_000,  # theirs: 5,000
            batch_size=128,
            source=MNIST_SOURCE,
        )
    return presets


PRESETS: Mapping[str, base.Preset] = presets_of(GANConfig)
