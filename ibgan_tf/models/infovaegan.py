"""InfoVAEGAN: joint latent representations by maximal information (Ye and Bors, 2021), section 4.

A GAN whose discriminator D(x, c) sees images with their codes, as ALI's, eq. (16), with two more
losses for its encoder q(c|x), algorithm 1. Each has an optimizer of its own:

- D goes up eq. (28), log D(x, c ~ q(c|x)) + log(1 - D(G(z, c), c)).
- G goes down eq. (29), in the non-saturating form -log D(G(z, c), c). The encoder isn't in it.
- G and q go up the information of codes and generated images, eq. (30), InfoGAN's L_I.
- q alone goes up the evidence lower bound of *generated* images, eq. (31): its codes of G(z, c)
  must make that image again, with the same noise z, and be near their prior.

Codes c stand for the paper's continuous c and categories s together. Where the paper and its code
(dtuzi123/InfoVAEGAN) disagree, with each other or themselves:
- The prior of c is Gaussian in section 4.1, and U(-1, 1) in section 5.2 and the code, where the
  divergence of q(c|x) is from N(0, I) all the same, as here.
- Some of the code's scripts leave out the divergence of the categories, others weigh it by 0.001;
  here it is eq. (31)'s, by 1.
- log q(x|c, s, z) is the negative squared error, summed over pixels, as in the code.
- The information of a continuous code, log q(c|x) in eq. (30), is the squared error of a draw from
  q(c|x) in the code; here it is half that of the mean, log N(c; mean, I), as InfoGAN's. With q's
  own variance, which eq. (31) makes small, the bound fell to -6 nats in 350 steps on MNIST.
- Algorithm 1 updates one after the other, and its code all but D from one forward pass, as here.
InfoVAEGAN2, section 4.4, which trains another generator afterwards, is not here.
"""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf import optimizers
from ibgan_tf.config import setting
from ibgan_tf.losses import adversarial
from ibgan_tf.models import base, codes, ranges, replicas
from ibgan_tf.models.ali import ALI, ALIConfig
from ibgan_tf.models.gan_settings import MNIST_LATENT
from ibgan_tf.seeds import Draw

tfd = tfp.distributions


@dataclasses.dataclass(frozen=True, kw_only=True)
class InfoVAEGANConfig(ALIConfig):
    """Settings of InfoVAEGAN: those of ALI, with the rates of its code, and of its own losses."""

    generator_learning_rate: float = setting(1e-3, "Adam's, of the generator's adversarial loss")
    discriminator_learning_rate: float = setting(2e-4, "Adam's, of the discriminator")
    information_learning_rate: float = setting(1e-3, "Adam's, of the information of the codes")
    inference_learning_rate: float = setting(1e-3, "Adam's, of the encoder's lower bound")

    def __post_init__(self):
        super().__post_init__()
        ranges.require(self, "> 0", "information_learning_rate", "inference_learning_rate")


_CODE = "InfoVAE_3DChairs.py of the paper's code, and section 5.2"
_JOINT: Mapping[str, object] = {
    "noise_dim": 100,
    "noise_prior": "uniform",
    "continuous_dim": 10,
    "continuous_prior": "uniform",
    "categorical_sizes": (10,),
}


def _preset(steps: int, source: str, **settings: object) -> base.Preset:
    return base.Preset(
        config=InfoVAEGANConfig(**settings),
        steps=steps,
        batch_size=64,
        source=f"{source}; networks: IB-GAN's",
    )


PRESETS: Mapping[str, base.Preset] = {
    "dsprites": _preset(
        115_200,  # 10 epochs of 11,520 batches
        f"{_CODE}; 10 epochs, as in InfoVAE/InfoVAE_Dsprite2.py",
        **_JOINT,
    ),
    "celeba": _preset(
        31_656,  # 10 epochs of its images
        f"{_CODE}; 10 epochs, as in InfoVAE/InfoVAE_Celeba.py",
        **_JOINT,
        **{"generator_width": 64, "discriminator_width": 64},
    ),
    "chairs3d": _preset(
        8_094,  # 6 epochs of 1,349 batches
        f"{_CODE}, 6 epochs",
        **_JOINT,
        **{"generator_width": 64, "discriminator_width": 64},
    ),
} | {
    name: _preset(
        20_000,
        "codes: section 5.2; noise and width: InfoGAN's; rates: the paper's code; steps: ours",
        **MNIST_LATENT,
    )
    for name in ("mnist", "fashion_mnist")
}


class InfoVAEGAN(ALI):
    """InfoVAEGAN, Ye and Bors eq. (28) to (31); arguments as of `ALI`."""

    config_class = InfoVAEGANConfig
    presets = PRESETS

    def _build_other_optimizers(self) -> None:
        config = self.config
        self.generator_variables = self.generator.trainable_variables
        self.encoder_variables = self.encoder.trainable_variables
        self.information_variables = self.generator_variables + self.encoder_variables
        self.generator_optimizer = optimizers.built_adam(
            config, config.generator_learning_rate, self.generator_variables
        )
        self.information_optimizer = optimizers.built_adam(
            config, config.information_learning_rate, self.information_variables
        )
        self.inference_optimizer = optimizers.built_adam(
            config, config.inference_learning_rate, self.encoder_variables
        )

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates the discriminator, and then, from one forward pass, generator and encoder.

        Args:
            batch: {"images": float32 [replica_batch, height, width, channels] in [-1, 1]}.

        Returns:
            scalars: float32, whose means over the replicas are those of the batch; information and
                divergence in nats.
        """
        images = base.images_of(batch)
        latent = codes.draw_latent(self, images)  # z ~ p(z), c ~ p(c)
        code = codes.joined(latent, self.code_parts)
        inferred = self.draw_inferred(images)  # c ~ q(c|x)
        with tf.GradientTape(persistent=True) as tape:
            generated = self.generator(codes.joined(latent, self.latent), training=True)  # G(z, c)
            with tape.stop_recording():
                scalars = self.update_discriminator((images, inferred), (generated, code))
            logits = self._logits(generated, code)
            loss = adversarial.non_saturating_generator_loss(logits)
            generator_objective = replicas.mean(loss)  # eq. (29)
            found = self.infer(generated, training=True)  # q(c|G(z, c))
            bounds = codes.information_lower_bounds(
                _of_unit_variance(found), self.code_parts, latent
            )
            bound = tf.add_n(list(bounds.values()))
            information_objective = replicas.mean(-bound)  # eq. (30)
            error, kl = self._lower_bound_parts(generated, found, latent)
            inference_objective = replicas.mean(error + kl)  # eq. (31)
        # All gradients before any update: each is of the same weights.
        updates = [
            (self.generator_optimizer, generator_objective, self.generator_variables),
            (self.information_optimizer, information_objective, self.information_variables),
            (self.inference_optimizer, inference_objective, self.encoder_variables),
        ]
        found_gradients = [
            replicas.gradients(tape, objective, variables) for _, objective, variables in updates
        ]
        for (optimizer, _, variables), gradients in zip(updates, found_gradients, strict=True):
            optimizer.apply(gradients, variables)
        self.step.assign_add(1)
        return scalars | {
            "generator_loss": tf.reduce_mean(loss),
            "probability_generated": tf.reduce_mean(tf.sigmoid(logits)),
            "information_lower_bound": tf.reduce_mean(bound),
            "reconstruction_loss": tf.reduce_mean(error),
            "kl_divergence": tf.reduce_mean(kl),
            **codes.information_scalars(self.batch_information(found, latent)),
        }

    def _lower_bound_parts(self, generated, found, latent) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the squared error of images made again, and the codes' divergence, [batch]."""
        drawn = codes.draw_relaxed(
            self,
            found,
            temperature=self.config.temperature,
            code_draw=Draw.RECONSTRUCTED_CODE,
            category_draw=Draw.RECONSTRUCTED_CATEGORY,
        )
        noise = [latent["z"]] if "z" in latent else []
        again = self.generator(tf.concat([*noise, drawn], axis=1), training=True)
        error = tf.reduce_sum(tf.square(generated - again), axis=[1, 2, 3])
        divergences = []
        for part in self.code_parts:
            if part.name == "c":
                normal = tfd.Normal(tf.zeros([part.size]), 1.0)
                kl = tf.reduce_sum(tfd.kl_divergence(found["c"], normal), axis=1)
            else:
                kl = tfd.kl_divergence(found[part.name], part.prior)
            divergences.append(kl)
        return error, tf.add_n(divergences)


def _of_unit_variance(found: Mapping[str, tfd.Distribution]) -> dict[str, tfd.Distribution]:
    """Returns posteriors whose continuous codes have the variance 1."""
    return {
        name: tfd.Normal(posterior.loc, 1.0) if name == "c" else posterior
        for name, posterior in found.items()
    }
