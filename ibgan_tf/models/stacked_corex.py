"""Stacked CorEx: a layer of codes that a category explains (Gao et al., AISTATS 2019, section 6.1).

CorEx asks of a code that it explains the dependence of the image's pixels, and is independent
itself, eq. (4). Where the codes z of a first layer still depend on each other, a second layer may
explain them in turn, eq. (13): here one category s. Both layers together are a hierarchical VAE,
eq. (19), up to a constant:

    L(x) = E[log q(x|z) + log q(z|s) + log r(s) - log p(z|x) - log p(s|z)],   z ~ p(z|x), s ~ p(s|z)

with encoders p, decoders q and a uniform r(s). The expectation over s is a sum over the categories,
weighted by p(s|z); that of log p(z|x) is the Gaussian's entropy.

What is generated begins with a category and with noise, z = mean(s) + scale(s) * noise, so that a
dimension of the noise can be turned within any category, as in the paper's Fig. 3. Networks are the
paper's, fully connected; optimizer, batches and steps, which it doesn't tell, are ours.

From the first step on with eq. (19) the category said nothing in our runs on MNIST: p(s|z) stayed
uniform, for z takes a single Gaussian's form before any category is worth its divergence. So the
weight of KL(p(s|z) || r(s)) grows from 0 to 1, over `category_steps`; that is not in the paper.
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf import registry
from ibgan_tf.config import setting
from ibgan_tf.models import base, codes, ranges, replicas, schedules
from ibgan_tf.models.vae import VAE, VAEConfig
from ibgan_tf.networks import image_shapes, mlp

tfd = tfp.distributions


@dataclasses.dataclass(frozen=True, kw_only=True)
class StackedCorExConfig(VAEConfig):
    """Settings of stacked CorEx: the paper's for MNIST, and ours of optimizer and annealing."""

    z_dim: int = setting(64, "width of the first layer's code z")
    learning_rate: float = setting(1e-3, "Adam's, of every network")
    num_categories: int = setting(10, "categories of the second layer's code s")
    first_hidden: tuple[int, ...] = setting(
        (512, 512), "hidden layers from image to z; from z to image the same, backwards"
    )
    second_hidden: tuple[int, ...] = setting(
        (32, 32, 16, 16), "hidden layers from z to s; from s to z the same, backwards"
    )
    category_steps: int = setting(
        10_000, "steps in which the weight of the category's divergence grows to 1; 0 for eq. (19)"
    )

    def __post_init__(self):
        super().__post_init__()
        ranges.require(self, ">= 0", "category_steps")
        if self.num_categories < 2:
            raise ValueError(
                f"num_categories must be >= 2. Received: num_categories={self.num_categories}"
            )
        for name in ("first_hidden", "second_hidden"):
            widths = getattr(self, name)
            if any(width < 1 for width in widths):
                raise ValueError(f"{name} must be > 0, each. Received: {name}={list(widths)}")


PRESETS: Mapping[str, base.Preset] = {
    name: base.Preset(
        config=StackedCorExConfig(),
        steps=60_000,
        batch_size=64,
        source="Gao et al. 2019, section 6.1, of MNIST; optimizer, batches, steps and the growing "
        "weight of the category's divergence: ours",
    )
    for name in ("mnist", "fashion_mnist")
}


class StackedCorEx(VAE):
    """Stacked CorEx of two layers, Gao et al. eq. (19); arguments as of `VAE`."""

    config_class = StackedCorExConfig
    presets = PRESETS
    representations = ("code_mean", "z_mean")

    def _build_networks(self) -> None:
        config, dtype = self.config, self.compute_policy
        image_shapes.check(self.image_shape, sides=(28, 32, 64))
        self.prior = tfd.Normal(tf.zeros([config.z_dim]), 1.0)  # of the noise
        z = base.LatentPart(name="z", size=config.z_dim, prior=self.prior, traversable=True)
        (category,) = codes.category_parts([config.num_categories])
        self.latent = (z, category)
        self.category_prior = category.prior  # r(s)
        num_pixels, count = math.prod(self.image_shape), config.num_categories
        first, second = config.first_hidden, config.second_hidden
        self.encoder = mlp.gaussian_encoder(num_pixels, z.size, hidden=first, dtype=dtype)
        self.category_encoder = mlp.perceptron(
            z.size, count, hidden=second, dtype=dtype, name="category_encoder"
        )
        self.category_decoder = mlp.gaussian_encoder(
            count, z.size, hidden=second[::-1], dtype=dtype, name="category_decoder"
        )
        self.decoder = mlp.perceptron(
            z.size, num_pixels, hidden=first[::-1], dtype=dtype, name="decoder"
        )

    # Training

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates every network once.

        Args:
            batch: {"images": float32 [replica_batch, height, width, channels] in [-1, 1]}.

        Returns:
            scalars: float32, each the mean over this replica's examples, in nats.
        """
        images = base.images_of(batch)
        with tf.GradientTape() as tape:
            posterior = self.infer(images, training=True)  # p(z|x)
            z = self.draw_code(posterior)
            reconstruction_loss = self.reconstruction_loss(z, images)  # -log q(x|z)
            category = self.classify_code(z, training=True)  # p(s|z)
            density = tf.reduce_sum(
                self.explained(training=True).log_prob(z[:, tf.newaxis]), axis=2
            )  # log q(z|s), [batch, num_categories]
            explained = tf.reduce_sum(category.probs_parameter() * density, axis=1)
            category_kl = tfd.kl_divergence(category, self.category_prior)  # of p(s|z) and r(s)
            entropy = tf.reduce_sum(posterior.entropy(), axis=1)
            weighted = self.category_weight() * category_kl
            objective = replicas.mean(
                reconstruction_loss - explained + weighted - entropy
            )  # eq. (19)
        self.update_autoencoder(tape, objective)
        self.step.assign_add(1)
        kl = category_kl - explained - entropy  # E[log p(z, s|x) - log q(z|s) - log r(s)]
        return {
            "evidence_lower_bound": -tf.reduce_mean(reconstruction_loss + kl),
            "reconstruction_loss": tf.reduce_mean(reconstruction_loss),
            "kl_divergence": tf.reduce_mean(kl),
            "category_kl/s1": tf.reduce_mean(category_kl),
        }

    def category_weight(self) -> tf.Tensor | float:
        """Returns the weight of KL(p(s|z) || r(s)) at the current step."""
        steps = self.config.category_steps
        if not steps:
            return 1.0
        return schedules.linear(self.step.value, start=0.0, end=1.0, steps=steps)

    # The networks as distributions

    def infer(self, images: tf.Tensor, *, training: bool = False) -> tfd.Normal:
        """Returns p(z|x), batch shape [batch, z_dim].

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
            training: whether the encoder is trained.
        """
        pixels = tf.reshape((images + 1.0) / 2.0, [-1, self.encoder.input_shape[1]])
        return base.gaussian(self.encoder(pixels, training=training))

    def classify_code(self, z: tf.Tensor, *, training: bool = False) -> tfd.OneHotCategorical:
        """Returns p(s|z), batch shape [batch].

        Args:
            z: codes of the first layer, float32 [batch, z_dim].
            training: whether the network is trained.
        """
        return tfd.OneHotCategorical(
            logits=self.category_encoder(z, training=training), dtype=tf.float32
        )

    def explained(self, *, training: bool = False) -> tfd.Normal:
        """Returns q(z|s) of every category, batch shape [num_categories, z_dim].

        Args:
            training: whether the network is trained.
        """
        every = tf.constant(np.eye(self.config.num_categories), tf.float32)
        return base.gaussian(self.category_decoder(every, training=training))

    def _logits(self, z: tf.Tensor, *, training: bool) -> tf.Tensor:
        return tf.reshape(self.decoder(z, training=training), [-1, *self.image_shape])

    # What a trained model can do

    def networks(self) -> dict[str, tf.keras.Model]:
        """Returns both layers' encoders and decoders."""
        return {
            "encoder": self.encoder,
            "category_encoder": self.category_encoder,
            "category_decoder": self.category_decoder,
            "decoder": self.decoder,
        }

    def generate(self, latent: tf.Tensor) -> tf.Tensor:
        """Returns the mean images of categories and noise.

        Args:
            latent: noise and one-hot category side by side, float32 [batch, their sizes' sum].

        Returns:
            images: float32 [batch, height, width, channels] in [-1, 1].
        """
        noise, category = tf.split(latent, [part.size for part in self.latent], axis=1)
        of_category = self.explained()
        z = category @ of_category.loc + category @ of_category.scale * noise
        return super().generate(z)

    def encode(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what `generate` would make images like these from.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].

        Returns:
            noise: (E[p(z|x)] - mean(s)) / scale(s) in the most probable category, float32
                [batch, z_dim].
            probabilities: of each category, p(s|z) at that z, float32 [batch, num_categories].
        """
        z = self.infer(images).loc
        probabilities = self.classify_code(z).probs_parameter()
        chosen = tf.one_hot(tf.argmax(probabilities, axis=1), self.config.num_categories)
        of_category = self.explained()
        noise = (z - chosen @ of_category.loc) / (chosen @ of_category.scale)
        return noise, probabilities

    def represent(
        self, images: tf.Tensor, kind: str = "code_mean", *, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns one of the codes of images that metrics are computed from.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
            kind: one of `representations`: "code_mean", noise and probabilities side by side, as
                of `encode`; "z_mean", E[p(z|x)], the first layer's.
            seed: not used.

        Returns:
            codes: float32 [batch, z_dim + num_categories] or, for "z_mean", [batch, z_dim].

        Raises:
            ValueError: another kind.
        """
        registry.lookup(dict.fromkeys(self.representations), kind, kind="representation")
        return self.infer(images).loc if kind == "z_mean" else tf.concat(self.encode(images), 1)

    def classify(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the probability of each category, float32 [batch, num_categories].

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
        """
        return self.encode(images)[1]

    def code_kl(self, images: tf.Tensor) -> tf.Tensor:
        """Returns what each dimension of the code says of each image, in nats.

        Of z_d it is the mean of KL(p(z_d|x) || q(z_d|s)) over p(s|z); the category's columns have
        the parts of KL(p(s|z) || r(s)) of `base.category_kl`; both at the mean z.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].

        Returns:
            kl: float32 [batch, z_dim + num_categories], >= 0.
        """
        posterior = self.infer(images)
        probabilities = self.classify_code(posterior.loc).probs_parameter()
        each = tfd.Normal(posterior.loc[:, tf.newaxis], posterior.scale[:, tf.newaxis])
        kl = tfd.kl_divergence(each, self.explained())  # [batch, num_categories, z_dim]
        of_z = tf.einsum("nk,nkd->nd", probabilities, kl)
        return tf.concat([of_z, base.category_kl(probabilities, self.category_prior)], axis=1)
