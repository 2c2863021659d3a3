"""JointVAE: continuous and categorical codes in one VAE (Dupont, NeurIPS 2018).

The encoder gives a Gaussian q(z|x) and a categorical q(s_i|x) for each of some categories, and the
divergence of either kind from its prior is held at a capacity that grows while the model is
trained, eq. (7):

    L = E[log p(x|z, s)] - gamma_z * |KL(q(z|x) || p(z)) - C_z|
                         - gamma_s * |KL(q(s|x) || p(s)) - C_s|

with the divergences' means over the data, and p(s) uniform. Categories are drawn from relaxed
one-hot distributions (Gumbel-Softmax), section 3.2.

The paper writes c for the categories, which are s1, s2, ... here as in InfoGAN. As in its code,
both divergences are those of the batch before the distance is taken, and C_s ends at the sum of the
logs of the categories' numbers, above which no divergence is. Its code has kernels of 4 in every
convolution; the encoder here is the VAE's, with 2 in the third and fourth.
"""

import dataclasses
import math
from collections.abc import Mapping

import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf import registry
from ibgan_tf.config import setting
from ibgan_tf.losses import information
from ibgan_tf.models import base, codes, ranges, replicas, schedules
from ibgan_tf.models.vae import VAE, VAEConfig, bound_scalars
from ibgan_tf.networks import conv_autoencoder

tfd = tfp.distributions


@dataclasses.dataclass(frozen=True, kw_only=True)
class JointVAEConfig(VAEConfig):
    """Settings of JointVAE; the defaults are those of its code for MNIST."""

    learning_rate: float = setting(5e-4, "Adam's, of encoder and decoder")
    categorical_sizes: tuple[int, ...] = setting(
        (10,), "number of categories of each categorical code s1, s2, ...: 10 for one of ten"
    )
    temperature: float = setting(0.67, "of the relaxed one-hot draws; 0 would be one-hot")
    continuous_capacity: float = setting(5.0, "C_z that is reached, nats, eq. (7)")
    categorical_capacity: float = setting(5.0, "C_s that is reached, nats, eq. (7)")
    capacity_steps: int = setting(25_000, "steps in which both capacities grow from 0")
    continuous_weight: float = setting(30.0, "gamma of the continuous code, eq. (7)")
    categorical_weight: float = setting(30.0, "gamma of the categories, eq. (7)")

    def __post_init__(self):
        super().__post_init__()
        ranges.require(self, "> 0", "temperature", "capacity_steps")
        ranges.require(self, ">= 0", "continuous_capacity", "categorical_capacity")
        ranges.require(self, ">= 0", "continuous_weight", "categorical_weight")
        if not self.categorical_sizes or any(size < 2 for size in self.categorical_sizes):
            raise ValueError(
                "categorical_sizes must be one number or more, each >= 2. "
                f"Received: categorical_sizes={list(self.categorical_sizes)}. A VAE without "
                "categories is --model=vae"
            )


_CODE = "trained_models/{}/specs.json of the paper's code (Schlumberger/joint-vae)"


def _preset(folder: str, *, steps: int, changed: str = "", **settings: object) -> base.Preset:
    return base.Preset(
        config=JointVAEConfig(**settings),
        steps=steps,
        batch_size=64,
        source=_CODE.format(folder) + changed,
    )


_MNIST = {"steps": 93_800}  # 100 epochs of 938 batches
PRESETS: Mapping[str, base.Preset] = {
    "dsprites": _preset(
        "dsprites",
        steps=345_600,  # 30 epochs of 11,520 batches
        **{"z_dim": 6, "categorical_sizes": (3,), "capacity_steps": 300_000},
        **{"continuous_capacity": 40.0, "categorical_capacity": 1.1},
        **{"continuous_weight": 150.0, "categorical_weight": 150.0},
    ),
    "celeba": _preset(
        "celeba",
        steps=316_500,  # 100 epochs of 3,165 batches of all images
        **{"z_dim": 32, "categorical_sizes": (10,), "capacity_steps": 100_000},
        changed=", whose weights of 100 are for the mean over the channels, here 300 for their sum",
        **{"continuous_capacity": 50.0, "categorical_capacity": 10.0},
        **{"continuous_weight": 300.0, "categorical_weight": 300.0},
    ),
    "chairs3d": _preset(
        "chairs",
        steps=134_900,  # 100 epochs of 1,349 batches
        **{"z_dim": 32, "categorical_sizes": (2, 2, 2), "capacity_steps": 100_000},
        **{"continuous_capacity": 30.0, "categorical_capacity": 5.0},
        **{"continuous_weight": 300.0, "categorical_weight": 300.0, "learning_rate": 1e-4},
    ),
    "mnist": _preset("mnist", changed=", there with --image_size=32", **_MNIST),
    "fashion_mnist": _preset(
        "fashion",
        changed=", there with --image_size=32",
        **_MNIST,
        **{"categorical_capacity": 10.0, "capacity_steps": 50_000},
        **{"continuous_weight": 100.0, "categorical_weight": 100.0},
    ),
}


class JointVAE(VAE):
    """JointVAE, Dupont eq. (7); arguments as of `VAE`.

    It can `classify(images)`: its first category gives float32 [batch, categories], the
    probability of each.
    """

    config_class = JointVAEConfig
    presets = PRESETS
    representations = ("code_mean", "z_mean")

    def _build_networks(self) -> None:
        config, dtype = self.config, self.compute_policy
        self.prior = tfd.Normal(tf.zeros([config.z_dim]), 1.0)  # p(z)
        z = base.LatentPart(name="z", size=config.z_dim, prior=self.prior, traversable=True)
        self.latent = (z, *codes.category_parts(config.categorical_sizes))
        self.encoder = conv_autoencoder.encoder(
            self.image_shape, z.size, categorical_sizes=config.categorical_sizes, dtype=dtype
        )
        code_dim = sum(part.size for part in self.latent)
        self.decoder = conv_autoencoder.decoder(code_dim, self.image_shape, dtype=dtype)

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
            posteriors = self.posteriors(images, training=True)  # q(z|x), q(s|x)
            code = codes.draw_relaxed(self, posteriors, temperature=self.config.temperature)
            reconstruction_loss = self.reconstruction_loss(code, images)
            kl = information.dimensionwise_kl(posteriors["z"], self.prior)  # [batch, z_dim]
            category_kl = self._category_kl(posteriors)  # [batch] of each category
            continuous = tf.reduce_sum(kl, axis=1)
            categorical = tf.add_n(list(category_kl.values()))
            continuous_capacity, categorical_capacity = self.capacities()
            config = self.config
            objective = replicas.mean(
                reconstruction_loss
                + config.continuous_weight * _distance(continuous, continuous_capacity)
                + config.categorical_weight * _distance(categorical, categorical_capacity)
            )  # eq. (7)
        self.update_autoencoder(tape, objective)
        self.step.assign_add(1)
        scalars = bound_scalars(reconstruction_loss, kl)
        total = tf.reduce_mean(categorical)
        return scalars | {
            "evidence_lower_bound": scalars["evidence_lower_bound"] - total,
            "kl_divergence": scalars["kl_divergence"] + total,
            **{f"category_kl/{name}": tf.reduce_mean(own) for name, own in category_kl.items()},
            "continuous_capacity": continuous_capacity,
            "categorical_capacity": categorical_capacity,
        }

    def capacities(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns C_z and C_s of eq. (7) at the current step, nats."""
        config = self.config
        grown = schedules.linear(self.step.value, start=0.0, end=1.0, steps=config.capacity_steps)
        ceiling = sum(math.log(size) for size in config.categorical_sizes)
        categorical = tf.minimum(config.categorical_capacity * grown, ceiling)
        return config.continuous_capacity * grown, categorical

    def _category_kl(self, posteriors: Mapping[str, tfd.Distribution]) -> dict[str, tf.Tensor]:
        """Returns KL(q(s_i|x) || p(s_i)) of each category, nats, float32 [batch]."""
        return {
            part.name: tfd.kl_divergence(posteriors[part.name], part.prior)
            for part in self.latent[1:]
        }

    # The networks as distributions

    def posteriors(
        self, images: tf.Tensor, *, training: bool = False
    ) -> dict[str, tfd.Distribution]:
        """Returns q(z|x), batch shape [batch, z_dim], and q(s_i|x), batch shape [batch].

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
            training: whether the encoder is trained.

        Returns:
            posteriors: part name -> `tfd.Normal` for "z", `tfd.OneHotCategorical` for "s1", ...
        """
        outputs = self.encoder((images + 1.0) / 2.0, training=training)
        return codes.posteriors(outputs, self.latent, learned_variance=True)

    def infer(self, images: tf.Tensor, *, training: bool = False) -> tfd.Normal:
        """Returns q(z|x), batch shape [batch, z_dim], of the continuous code alone.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
            training: whether the encoder is trained.
        """
        return self.posteriors(images, training=training)["z"]

    def code_kl(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the KL from the prior of each image and dimension of the code, in nats.

        The columns of a category have the parts of KL(q(s|x) || p(s)) of `base.category_kl`.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].

        Returns:
            kl: float32 [batch, the latent's sizes' sum], >= 0.
        """
        posteriors = self.posteriors(images)
        parts = [information.dimensionwise_kl(posteriors["z"], self.prior)]
        for part in self.latent[1:]:
            parts.append(base.category_kl(posteriors[part.name].probs_parameter(), part.prior))
        return tf.concat(parts, axis=1)

    # What a trained model can do

    def encode(self, images: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns the mean of each posterior, in the order of the latent.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].

        Returns:
            means: float32 [batch, size] of each part; of a category the probabilities.
        """
        return tuple(posterior.mean() for posterior in self.posteriors(images).values())

    def represent(
        self, images: tf.Tensor, kind: str = "code_mean", *, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns one of the codes of images that metrics are computed from.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
            kind: one of `representations`: "code_mean", the means of all codes side by side, as of
                `encode`; "z_mean", those of the continuous code alone.
            seed: not used.

        Returns:
            codes: float32 [batch, the codes' sizes' sum] or, for "z_mean", [batch, z_dim].

        Raises:
            ValueError: another kind.
        """
        registry.lookup(dict.fromkeys(self.representations), kind, kind="representation")
        means = self.encode(images)
        return means[0] if kind == "z_mean" else tf.concat(means, axis=1)

    def classify(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the probability of each category of the first categorical code.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].

        Returns:
            probabilities: float32 [batch, categories].
        """
        return self.encode(images)[1]


def _distance(kl: tf.Tensor, capacity: tf.Tensor) -> tf.Tensor:
    """Returns how far the mean divergence of the whole batch is from its capacity, nats, scalar."""
    return tf.abs(tf.reduce_mean(replicas.whole_batch(kl)) - capacity)
