"""VAE: the variational autoencoder (Kingma and Welling, ICLR 2014).

The encoder q(z|x) = N(mean, diag(variance)) turns an image into a code z, the decoder p(x|z) a code
into independent Bernoulli pixels, and both maximise the evidence lower bound, eq. (3) and (10):

    L(x) = E[log p(x|z)] - KL(q(z|x) || p(z)),   z ~ q(z|x),   p(z) = N(0, I)

Networks, optimizer and data are those of Locatello et al. 2019, whose study is the usual baseline:
beta-VAE and others are this model with a weight of the divergence, or a `train_step`, of their own.
Images come in [-1, 1] as for every model here, and are rescaled to [0, 1] inside.
"""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf import optimizers, registry
from ibgan_tf.config import check_settings, setting
from ibgan_tf.losses import information, reconstruction
from ibgan_tf.models import base, ranges, replicas
from ibgan_tf.networks import conv_autoencoder, initialization
from ibgan_tf.seeds import Draw, stateless_seed

tfd = tfp.distributions


@dataclasses.dataclass(frozen=True, kw_only=True)
class VAEConfig:
    """Settings of the VAE; the defaults are Locatello et al.'s."""

    z_dim: int = setting(10, "width of the code z")
    learning_rate: float = setting(1e-4, "Adam's, of encoder and decoder")
    beta_1: float = setting(0.9, "Adam's decay of the gradients' mean")
    beta_2: float = setting(0.999, "Adam's decay of the squared gradients' mean")
    epsilon: float = setting(1e-8, "Adam's epsilon")

    def __post_init__(self):
        check_settings(self)
        ranges.require(self, "> 0", "z_dim", "learning_rate", "epsilon")
        ranges.require(self, "in [0, 1)", "beta_1", "beta_2")


_STUDY = "Locatello et al. 2019 (disentanglement_lib)"
_FEW_CODES = "Locatello et al. 2019's networks and optimizer; width of the code: IB-GAN's r"


def study_presets(
    default: VAEConfig, grid: Mapping[str, VAEConfig] | None = None, *, why: str = ""
) -> dict[str, base.Preset]:
    """Returns the presets of a method for the data sets of the IB-GAN paper.

    Args:
        default: of every data set.
        grid: name of a setting -> its config: the presets dsprites_<name> and
            color_dsprites_<name> of Locatello et al.'s study.
        why: where the default's own number is from.

    Returns:
        presets: by name.
    """

    def preset(config: VAEConfig, source: str) -> base.Preset:
        return base.Preset(config=config, steps=300_000, batch_size=64, source=source)

    own = f"; {why}" if why else ""
    presets = {}
    for dataset in ("dsprites", "color_dsprites"):
        presets[dataset] = preset(default, _STUDY + own)
        for name, config in (grid or {}).items():
            presets[f"{dataset}_{name}"] = preset(config, f"{_STUDY}, its grid")
    for dataset, z_dim in (("celeba", 15), ("chairs3d", 10)):
        config = dataclasses.replace(default, z_dim=z_dim)
        presets[dataset] = preset(config, _FEW_CODES + own)
    return presets


PRESETS: Mapping[str, base.Preset] = study_presets(VAEConfig())


class VAE(base.GenerativeModel):
    """Variational autoencoder.

    Args:
        config: the settings.
        image_shape: (height, width, channels), 28, 32 or 64 pixels a side.
        seed: of initial weights and of every draw in training.
        precision: "float32" or "bfloat16".

    Raises:
        ValueError: the image size or the precision isn't supported.
    """

    config_class = VAEConfig
    presets = PRESETS
    representations = ("z_mean", "z_sampled")

    def __init__(
        self,
        config: VAEConfig,
        image_shape: tuple[int, int, int],
        *,
        seed: int = 0,
        precision: str = "float32",
    ):
        super().__init__(config, image_shape, seed=seed, precision=precision)
        self._build_networks()
        networks = list(self.networks().values())
        initialization.initialize(networks, scheme="glorot_uniform", seed=seed)
        self.autoencoder_variables = base.trainable_variables(networks)
        self.autoencoder_optimizer = optimizers.built_adam(
            config, config.learning_rate, self.autoencoder_variables
        )
        self._finish_building()

    def _build_networks(self) -> None:
        z_dim, dtype = self.config.z_dim, self.compute_policy
        self.prior = tfd.Normal(tf.zeros([z_dim]), 1.0)  # p(z)
        self.latent = (base.LatentPart(name="z", size=z_dim, prior=self.prior, traversable=True),)
        self.encoder = conv_autoencoder.encoder(self.image_shape, z_dim, dtype=dtype)
        self.decoder = conv_autoencoder.decoder(z_dim, self.image_shape, dtype=dtype)

    # Training

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates encoder and decoder once.

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
            objective = replicas.mean(reconstruction_loss + self.weighted_kl(kl))
        self.update_autoencoder(tape, objective)
        self.step.assign_add(1)
        return bound_scalars(reconstruction_loss, kl)

    def weighted_kl(self, kl: tf.Tensor) -> tf.Tensor:
        """Returns what the objective has of each example's divergence: all of it, eq. (3).

        Models that only weigh it otherwise override it.

        Args:
            kl: KL(q(z_d|x) || p(z_d)), nats, float32 [batch, z_dim].

        Returns:
            weighted: float32 [batch].
        """
        return tf.reduce_sum(kl, axis=1)

    def draw_code(self, posterior: tfd.Normal) -> tf.Tensor:
        """Returns z ~ q(z|x), reparameterized, of this replica's part of the step's draw.

        Args:
            posterior: q(z|x), batch shape [replica_batch, z_dim].

        Returns:
            z: float32 [replica_batch, z_dim].
        """
        noise = self.draw_normal(replicas.shape_of(posterior.loc), Draw.CODE)
        return posterior.loc + posterior.scale * noise

    def reconstruction_loss(self, z: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
        """Returns -log p(x|z) of each image, nats.

        Args:
            z: codes, float32 [batch, the latent's sizes' sum].
            images: float32 [batch, height, width, channels] in [-1, 1].

        Returns:
            loss: float32 [batch].
        """
        logits = self._logits(z, training=True)
        return reconstruction.bernoulli_negative_log_likelihood(logits, (images + 1.0) / 2.0)

    def _logits(self, z: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Returns the logits of p(x|z), [batch, height, width, channels]."""
        return self.decoder(z, training=training)

    def update_autoencoder(self, tape: tf.GradientTape, objective: tf.Tensor) -> None:
        """Takes one step of the optimizer of encoder and decoder.

        Args:
            tape: that recorded the objective.
            objective: scalar, this replica's share.
        """
        replicas.update(self.autoencoder_optimizer, tape, objective, self.autoencoder_variables)

    # The networks as distributions

    def infer(self, images: tf.Tensor, *, training: bool = False) -> tfd.Normal:
        """Returns q(z|x), batch shape [batch, z_dim].

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
            training: whether the encoder is trained.
        """
        return base.gaussian(self.encoder((images + 1.0) / 2.0, training=training))

    def code_kl(self, images: tf.Tensor) -> tf.Tensor:
        """Returns KL(q(z_d|x) || p(z_d)) of each image and dimension of the code, in nats.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].

        Returns:
            kl: float32 [batch, z_dim], >= 0.
        """
        return information.dimensionwise_kl(self.infer(images), self.prior)

    # What a trained model can do

    def networks(self) -> dict[str, tf.keras.Model]:
        """Returns encoder and decoder."""
        return {"encoder": self.encoder, "decoder": self.decoder}

    def generate(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the mean images of codes.

        Args:
            z: float32 [batch, z_dim].

        Returns:
            images: float32 [batch, height, width, channels] in [-1, 1].
        """
        return 2.0 * tf.sigmoid(self._logits(z, training=False)) - 1.0

    def encode(self, images: tf.Tensor) -> tuple[tf.Tensor]:
        """Returns the mean codes of images, E[q(z|x)].

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].

        Returns:
            z_mean: float32 [batch, z_dim], alone in a tuple.
        """
        return (self.infer(images).loc,)

    def represent(
        self, images: tf.Tensor, kind: str = "z_mean", *, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns one of the codes of images that metrics are computed from.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
            kind: one of `representations`: "z_mean", E[q(z|x)]; "z_sampled", z ~ q(z|x).
            seed: stateless seed, int32 [2], of "z_sampled".

        Returns:
            codes: float32 [batch, z_dim].

        Raises:
            ValueError: another kind.
        """
        registry.lookup(dict.fromkeys(self.representations), kind, kind="representation")
        posterior = self.infer(images)
        return posterior.loc if kind == "z_mean" else posterior.sample(seed=seed)

    def dimension_kl(self, num_samples: int = 10_000, seed: int = 0) -> tf.Tensor:
        """Returns E[KL(q(z_d|x) || p(z_d))] of each dimension of z, in nats, over own images.

        The images are the model's own, x = E[p(x|z)] of z ~ p(z), for a model has no data: the
        mean over real images is logged while it trains.

        Args:
            num_samples: number of z ~ p(z).
            seed: of the samples.

        Returns:
            kl: float32 [z_dim].
        """
        seed = stateless_seed(seed, 0, Draw.EVALUATION)
        sums = [
            tf.reduce_sum(self.code_kl(self.generate(z)), axis=0)
            for z in base.batched(self.sample_prior(num_samples, seed=seed))
        ]
        return tf.add_n(sums) / num_samples


def bound_scalars(reconstruction_loss: tf.Tensor, kl: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns the evidence lower bound of a batch and its parts, for the log.

    Args:
        reconstruction_loss: -log p(x|z), nats, float32 [batch].
        kl: KL(q(z_d|x) || p(z_d)), nats, float32 [batch, z_dim].

    Returns:
        scalars: "evidence_lower_bound", "reconstruction_loss", "kl_divergence" and "kl/z00",
            "kl/z01", ...
    """
    mean_loss, mean_kl = tf.reduce_mean(reconstruction_loss), tf.reduce_mean(kl, axis=0)
    total = tf.reduce_sum(mean_kl)
    return {
        "evidence_lower_bound": -(mean_loss + total),
        "reconstruction_loss": mean_loss,
        "kl_divergence": total,
        **{f"kl/z{index:02d}": mean_kl[index] for index in range(kl.shape[1])},
    }
