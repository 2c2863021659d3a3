"""What a GAN can do once a network reads its codes off images: InfoGAN's q(c|x), ALI's encoder."""

import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf import registry
from ibgan_tf.models import base, codes
from ibgan_tf.seeds import Draw, stateless_seed

tfd = tfp.distributions


class CodeGAN(base.GenerativeModel):
    """Base of the GANs with a network q(c|x); they implement `posterior_outputs`.

    Subclasses call `_describe_latent` before they build networks, `generator` among them.

    It can `classify(images)` if it has a categorical code: its first gives float32
    [batch, categories], the probability of each.
    """

    representations = ("code_mean",)
    may_classify = True  # with some settings; `classify` itself is an instance's

    def _describe_latent(self, *, learned_variance: bool, fitted_information: bool) -> None:
        """Sets what follows from the settings of the latent.

        Args:
            learned_variance: whether q's variances are the network's, rather than 1.
            fitted_information: whether a continuous code's information has the variance that fits
                best around q's mean, rather than q's own.
        """
        self.latent = codes.latent_parts(self.config)
        self.code_parts = codes.code_parts(self.latent)
        self.learned_variance = learned_variance
        self.fitted_information = fitted_information
        if self.config.categorical_sizes:
            self.classify = self._class_probabilities

    def posterior_outputs(self, images: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the outputs of the network q(c|x), as of `codes.posteriors`.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
            training: whether BatchNorm uses, and learns from, the batch's statistics.
        """
        raise NotImplementedError

    def infer(self, images: tf.Tensor, *, training: bool = False) -> dict[str, tfd.Distribution]:
        """Returns q(c|x) of each code, by the part's name.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
            training: whether BatchNorm uses, and learns from, the batch's statistics.
        """
        return self.posteriors_of(self.posterior_outputs(images, training=training))

    def posteriors_of(self, outputs: tf.Tensor) -> dict[str, tfd.Distribution]:
        """Returns q(c|x) of each code, given the outputs of the network."""
        return codes.posteriors(outputs, self.code_parts, learned_variance=self.learned_variance)

    def generate(self, latent: tf.Tensor) -> tf.Tensor:
        """Returns the images of latents.

        Args:
            latent: noise and codes side by side, float32 [batch, the sizes' sum].

        Returns:
            images: float32 [batch, height, width, channels] in [-1, 1].
        """
        return self.generator(latent, training=False)

    def encode(self, images: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns the mean of q(c|x) of each code, in the order of the latent.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].

        Returns:
            means: float32 [batch, size] of each part; of a category the probabilities.
        """
        return tuple(codes.means(self.infer(images)).values())

    def represent(
        self, images: tf.Tensor, kind: str = "code_mean", *, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns the codes of images that metrics are computed from.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
            kind: "code_mean", the means of all codes side by side, as of `encode`.
            seed: not used.

        Returns:
            codes: float32 [batch, the codes' sizes' sum].

        Raises:
            ValueError: another kind.
        """
        registry.lookup(dict.fromkeys(self.representations), kind, kind="representation")
        return tf.concat(self.encode(images), axis=1)

    def _class_probabilities(self, images: tf.Tensor) -> tf.Tensor:
        return self.infer(images)["s1"].probs_parameter()

    def update_encoding_statistics(self, images: tf.Tensor) -> None:
        """Lets the BatchNorm statistics of the networks that encode learn from images.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
        """
        self.posterior_outputs(images, training=True)

    def batch_information(self, found, latent) -> dict[str, tf.Tensor]:
        """Returns the information of each code in a batch, as of `codes.code_information`.

        Args:
            found: q(c|x) of the images.
            latent: what they are made from, by part.
        """
        return codes.code_information(
            found, self.code_parts, latent, fitted=self.fitted_information
        )

    def code_information(self, num_samples: int = 10_000, seed: int = 0) -> dict[str, tf.Tensor]:
        """Returns the lower bound of the information of each code and the image, in nats.

        Args:
            num_samples: number of latents.
            seed: of the samples.

        Returns:
            information: part name -> float32 [size] for c, [1] for a category: the bound of q's own
                variance, or of the one that fits best.
        """
        latent = self.sample_prior(num_samples, seed=stateless_seed(seed, 0, Draw.EVALUATION))
        outputs = [self.posterior_outputs(self.generate(part)) for part in base.batched(latent)]
        sizes = [part.size for part in self.latent]
        names = [part.name for part in self.latent]
        values = dict(zip(names, tf.split(latent, sizes, axis=1), strict=True))
        return self.batch_information(self.posteriors_of(tf.concat(outputs, axis=0)), values)
