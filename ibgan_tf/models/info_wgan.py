"""Info-WGAN: InfoGAN with the Wasserstein distance for a GAN's loss ("InfoGAN and beyond", poster).

The objective is InfoGAN's, with the distance of Arjovsky et al. (ICML 2017) in the place of L_GAN:

    min over G, q   max over D   E[D(x)] - E[D(G(z, c))] - lambda * L_I(G, q)

D is a critic: its output is any number, and its weights are clipped to [-limit, limit] after each
update, which bounds its slope. As in Arjovsky et al.'s algorithm 1 D is updated several times for
each update of G, each time on other images: a step's batch is dealt out to the updates.

What is neither Arjovsky et al.'s nor the poster's: by default D and q have spectral norm in the
place of BatchNorm. It bounds the slope by itself, and of a kernel it divides out what the clipping
does to its scale, so that the clipping only keeps entries near one size and offsets small. With
BatchNorm, of real and generated batches apart, G's images stayed noise or became one texture (800
steps on MNIST), with spectral norm they were digits. BatchNorm's scales and offsets, where it is
kept, are clipped to [-1, 1], for with the weights' limit of 0.01 D's outputs are so small that the
information drowns them.

The critic has no labels: InfoGAN's settings of them don't belong here. Latent and q(c|x) are
InfoGAN's, and so are the networks but for the spectral norm. Only D is clipped, not q, whatever
optimizer has it.
"""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from ibgan_tf.config import setting
from ibgan_tf.losses import adversarial
from ibgan_tf.models import base, codes, gan_training, ranges, replicas
from ibgan_tf.models.gan_settings import MNIST_LATENT
from ibgan_tf.models.infogan import InfoGAN
from ibgan_tf.models.infogan_settings import InfoGANConfig
from ibgan_tf.seeds import Draw

_OF_BATCH_NORM = ("gamma", "beta")  # Keras's names of its scale and offset
_NORMALIZED_LIMIT = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class InfoWGANConfig(InfoGANConfig):
    """Settings of Info-WGAN: those of InfoGAN, and the critic's, Arjovsky et al.'s."""

    generator_learning_rate: float = setting(5e-5, "of the generator")
    discriminator_learning_rate: float = setting(5e-5, "of the critic D")
    momentum: float = setting(0.0, "RMSprop's momentum, which a critic doesn't take well")
    spectral_norm: bool = setting(
        True, "spectral norm in place of BatchNorm in the networks that read images"
    )
    weight_limit: float = setting(0.01, "D's weights are clipped to [-limit, limit]")
    discriminator_updates: int = setting(
        2, "updates of D in a step, each on its part of the step's images; the paper's 5 for 5 x 64"
    )

    def __post_init__(self):
        super().__post_init__()
        ranges.require(self, "> 0", "weight_limit", "discriminator_updates")
        if (self.real_label_low, self.real_label_high) != (1.0, 1.0):
            raise ValueError(
                "real_label_low and real_label_high must be 1, for a critic has no labels. "
                f"Received: real_label_low={self.real_label_low}, "
                f"real_label_high={self.real_label_high}"
            )


_SOURCE = (
    "latent and widths: InfoGAN's of {}; optimizer, rates, clipping and updates of D: Arjovsky "
    "et al. 2017, algorithm 1; separate networks, their spectral norm and steps: ours"
)
_CRITIC = {"instance_noise_start": 0.0, "discriminator_updates": 5}
_MNIST = InfoWGANConfig(**MNIST_LATENT, **_CRITIC)
PRESETS: Mapping[str, base.Preset] = {
    name: base.Preset(config=_MNIST, steps=20_000, batch_size=320, source=_SOURCE.format("MNIST"))
    for name in ("mnist", "fashion_mnist")
} | {
    "dsprites": base.Preset(
        config=InfoWGANConfig(**_CRITIC),
        steps=150_000,
        batch_size=320,
        source=_SOURCE.format("the IB-GAN paper on dSprites"),
    )
}


class InfoWGAN(InfoGAN):
    """Info-WGAN; arguments as of `InfoGAN`."""

    config_class = InfoWGANConfig
    presets = PRESETS

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates the critic some times, and then the generator against it, and the reconstructor.

        Args:
            batch: {"images": float32 [replica_batch, height, width, channels] in [-1, 1]}; a part
                of it for each update of the critic.

        Returns:
            scalars: float32, whose means over the replicas are those of the batch: the critic's of
                its last update; information in nats.

        Raises:
            ValueError: there are fewer images than updates of the critic.
            tf.errors.InvalidArgumentError: the same, in a graph for batches of any size.
        """
        images, updates = base.images_of(batch), self.config.discriminator_updates
        count = replicas.shape_of(images)[0]
        must = "batch_size must be >= discriminator_updates on each replica."
        received = f"discriminator_updates={updates}"
        if not isinstance(count, int):
            enough = tf.debugging.assert_greater_equal(
                count, updates, f"{must} Received: {received}"
            )
            with tf.control_dependencies([enough]):
                images = tf.identity(images)
        elif count < updates:
            raise ValueError(f"{must} Received: {count} images, {received}")
        real = gan_training.add_instance_noise(self, images, Draw.INSTANCE_NOISE_REAL)
        latent = codes.draw_latent(self, images)  # z ~ p(z), c ~ p(c)
        # Every so many rows: those that one replica with the whole batch would take, where the
        # updates divide a replica's share.
        dealt = [
            (real[first::updates], {name: own[first::updates] for name, own in latent.items()})
            for first in range(updates)
        ]
        for number, (images, part) in enumerate(dealt[:-1], start=1):
            self._update_discriminator(images, self._generate(part, number=number), part)
        scalars = self._update_all(*dealt[-1])
        self.step.assign_add(1)
        return scalars

    def _generator_loss(self, generated_logits) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        loss = adversarial.wasserstein_generator_loss(generated_logits)
        return loss, {"generator_loss": tf.reduce_mean(loss)}

    def _discriminator_loss(
        self, real_logits, generated_logits
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        loss = adversarial.wasserstein_critic_loss(real_logits, generated_logits)
        return loss, {"discriminator_loss": tf.reduce_mean(loss)}

    def _update_discriminator(self, real, generated, latent) -> dict[str, tf.Tensor]:
        scalars = super()._update_discriminator(real, generated, latent)
        limits = [
            (v.value, _NORMALIZED_LIMIT if v.name in _OF_BATCH_NORM else self.config.weight_limit)
            for v in base.trainable_variables(gan_training.chain(self.front, self.discriminator))
        ]

        def clip(strategy):
            for weight, limit in limits:
                strategy.extended.update(
                    weight,
                    lambda own, limit: own.assign(tf.clip_by_value(own, -limit, limit)),
                    args=(limit,),
                )

        # On all replicas at once: one of them alone may not assign a mirrored variable.
        tf.distribute.get_replica_context().merge_call(clip)
        return scalars
