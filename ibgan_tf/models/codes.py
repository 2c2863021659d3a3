"""The latent of GANs with codes: noise z, continuous codes c and categories s, and q of the codes.

InfoGAN (Chen et al. 2016, sections 4 and 6) factorises the codes, p(c, s) = prod_i p(c_i), and
models each posterior q(c_i|x) by outputs of one network: a Gaussian for a continuous code, a
softmax for a categorical one.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf.config import setting
from ibgan_tf.losses import information
from ibgan_tf.models import base, latents, ranges, replicas
from ibgan_tf.seeds import Draw

tfd = tfp.distributions

PRIORS = ("normal", "uniform")
_CODE_DRAWS = {"z": Draw.NOISE, "c": Draw.CODE}


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentSettings:
    """Settings of the latent: what GAN and InfoGAN generate from."""

    noise_dim: int = setting(0, "width of the noise z, which no code explains")
    noise_prior: str = setting("normal", "of z: N(0, I) or U(-1, 1)", choices=PRIORS)
    continuous_dim: int = setting(10, "number of continuous codes c")
    continuous_prior: str = setting("normal", "of c: N(0, I) or U(-1, 1)", choices=PRIORS)
    categorical_sizes: tuple[int, ...] = setting(
        (), "number of categories of each categorical code s1, s2, ...: 10 for one of ten"
    )

    def check_latent(self) -> None:
        """Checks the ranges; for `__post_init__`."""
        ranges.require(self, ">= 0", "noise_dim", "continuous_dim")
        if any(size < 2 for size in self.categorical_sizes):
            raise ValueError(
                "categorical_sizes must be >= 2, each. "
                f"Received: categorical_sizes={list(self.categorical_sizes)}"
            )
        if not (self.noise_dim or self.continuous_dim or self.categorical_sizes):
            raise ValueError(
                "The latent must have noise_dim, continuous_dim or categorical_sizes. "
                "Received: none of them"
            )

    def check_codes(self, must: str) -> None:
        """Checks that there is more than noise; for `__post_init__`, of models with codes.

        Args:
            must: how the message begins.
        """
        if not (self.continuous_dim or self.categorical_sizes):
            raise ValueError(
                f"{must}: continuous_dim > 0 or categorical_sizes. "
                f"Received: continuous_dim={self.continuous_dim}, categorical_sizes=[]"
            )


def category_parts(sizes: Sequence[int]) -> tuple[base.LatentPart, ...]:
    """Returns the categorical codes s1, s2, ... of a latent, uniform and one-hot.

    Args:
        sizes: number of categories of each.
    """
    return tuple(
        base.LatentPart(
            name=f"s{number}",
            size=size,
            prior=tfd.OneHotCategorical(logits=tf.zeros([size]), dtype=tf.float32),
            traversable=True,
        )
        for number, size in enumerate(sizes, start=1)
    )


def latent_parts(settings: LatentSettings) -> tuple[base.LatentPart, ...]:
    """Returns the parts of a latent, in the order in which the generator takes them.

    Args:
        settings: of the latent.

    Returns:
        parts: the noise z, the continuous codes c and the categories s1, s2, ..., those there are.
    """
    numbers = (
        ("z", settings.noise_dim, settings.noise_prior),
        ("c", settings.continuous_dim, settings.continuous_prior),
    )
    parts = [
        base.LatentPart(name=name, size=size, prior=_prior(kind, size), traversable=name != "z")
        for name, size, kind in numbers
        if size
    ]
    return (*parts, *category_parts(settings.categorical_sizes))


def _prior(kind: str, size: int) -> tfd.Distribution:
    if kind == "normal":
        return tfd.Normal(tf.zeros([size]), 1.0)
    return tfd.Uniform(-tf.ones([size]), 1.0)


def draw_latent(model: base.GenerativeModel, images: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns this replica's rows of the step's draw of every latent part.

    Args:
        model: with `latent` of `latent_parts`.
        images: this replica's part of the batch, [replica_batch, ...]; a latent is drawn for each.

    Returns:
        values: part name -> float32 [replica_batch, size].
    """
    batch_size = replicas.shape_of(images)[0]
    return {
        part.name: model.draw_prior(
            part.prior, batch_size, _CODE_DRAWS.get(part.name, Draw.CATEGORY), number=number
        )
        for number, part in enumerate(model.latent)
    }


def joined(values: Mapping[str, tf.Tensor], parts: Sequence[base.LatentPart]) -> tf.Tensor:
    """Returns the values of some parts of a latent, side by side, float32 [batch, sizes' sum]."""
    return tf.concat([values[part.name] for part in parts], axis=1)


def code_parts(latent: Sequence[base.LatentPart]) -> tuple[base.LatentPart, ...]:
    """Returns the parts that q(c|x) explains: all but the noise."""
    return tuple(part for part in latent if part.traversable)


def posterior_size(parts: Sequence[base.LatentPart], *, learned_variance: bool) -> int:
    """Returns the number of outputs of the network q(c|x).

    Args:
        parts: of `code_parts`.
        learned_variance: whether it has a log variance for each continuous code.
    """
    doubled = sum(p.size for p in parts if not latents.is_categorical(p)) * learned_variance
    return sum(part.size for part in parts) + doubled


def posteriors(
    outputs: tf.Tensor, parts: Sequence[base.LatentPart], *, learned_variance: bool
) -> dict[str, tfd.Distribution]:
    """Returns q(c|x) of each code.

    Args:
        outputs: of the network: the means of c, their log variances if learned, and the logits of
            s1, s2, ..., float32 [batch, posterior_size].
        parts: of `code_parts`, or of a VAE's latent.
        learned_variance: whether the variances are the network's, rather than 1.

    Returns:
        found: part name -> `tfd.Normal`, batch shape [batch, size], or `tfd.OneHotCategorical`,
            batch shape [batch] and event shape [size].
    """
    found, first = {}, 0
    for part in parts:
        own = outputs[:, first : first + part.size]
        first += part.size
        if latents.is_categorical(part):
            found[part.name] = tfd.OneHotCategorical(logits=own, dtype=tf.float32)
            continue
        scale = tf.ones([])
        if learned_variance:
            scale = tf.exp(0.5 * outputs[:, first : first + part.size])
            first += part.size
        found[part.name] = tfd.Normal(own, scale)
    return found


def draw_relaxed(
    model: base.GenerativeModel,
    found: Mapping[str, tfd.Distribution],
    *,
    temperature: float,
    code_draw: Draw = Draw.CODE,
    category_draw: Draw = Draw.CATEGORY,
) -> tf.Tensor:
    """Returns reparameterized draws of posteriors: categories are relaxed one-hot vectors.

    Gumbel-Softmax (Jang et al. 2017, Maddison et al. 2017): softmax((logits + g) / temperature).

    Args:
        model: whose draws of the step they are.
        found: part name -> `tfd.Normal`, batch shape [batch, size], or `tfd.OneHotCategorical`,
            batch shape [batch]; the categories last.
        temperature: of the relaxation; 0 would be one-hot.
        code_draw: which of the step's draws continuous codes have.
        category_draw: which of them categories have.

    Returns:
        values: side by side, float32 [batch, the sizes' sum].
    """
    drawn, logits = [], []
    for posterior in found.values():
        if isinstance(posterior, tfd.OneHotCategorical):
            logits.append(posterior.logits_parameter())
        else:
            noise = model.draw_normal(replicas.shape_of(posterior.loc), code_draw)
            drawn.append(posterior.loc + posterior.scale * noise)
    if logits:
        together = tf.concat(logits, axis=1)
        uniform = model.draw_uniform(replicas.shape_of(together), category_draw)
        # A uniform 0 would be an infinite noise.
        gumbel = tfd.Gumbel(0.0, 1.0).quantile(tf.maximum(uniform, 2.0**-24))
        sizes = [own.shape[1] for own in logits]
        drawn += map(tf.nn.softmax, tf.split((together + gumbel) / temperature, sizes, axis=1))
    return tf.concat(drawn, axis=1)


def means(found: Mapping[str, tfd.Distribution]) -> dict[str, tf.Tensor]:
    """Returns the mean of each posterior: of a category, the probabilities."""
    return {name: posterior.mean() for name, posterior in found.items()}


def information_lower_bounds(
    found: Mapping[str, tfd.Distribution],
    parts: Sequence[base.LatentPart],
    values: Mapping[str, tf.Tensor],
) -> dict[str, tf.Tensor]:
    """Returns log q(c|x) - log p(c) of each example and code; InfoGAN eq. (5) is its mean, L_I.

    Args:
        found: q(c|x), of `posteriors`.
        parts: of `code_parts`.
        values: the codes that generated x, part name -> float32 [batch, size].

    Returns:
        bounds: part name -> float32 [batch], nats, the sum over the part's dimensions.
    """
    bounds = {}
    for part in parts:
        value = values[part.name]
        bound = found[part.name].log_prob(value) - part.prior.log_prob(value)
        bounds[part.name] = bound if latents.is_categorical(part) else tf.reduce_sum(bound, axis=-1)
    return bounds


def code_information(
    found: Mapping[str, tfd.Distribution],
    parts: Sequence[base.LatentPart],
    values: Mapping[str, tf.Tensor],
    *,
    fitted: bool,
) -> dict[str, tf.Tensor]:
    """Returns the lower bound of the information of image and code, of each single code, in nats.

    Of a continuous code it is that of q's own variance, or of the one that fits the batch best, for
    the bound of a unit variance says little (it can't exceed 1/2 for N(0, 1) and -0.23 for
    U(-1, 1)); of a category it is at most the log of their number.

    Args:
        found: q(c|x), of `posteriors`.
        parts: of `code_parts`.
        values: the codes that generated x, part name -> float32 [batch, size].
        fitted: whether continuous codes have the variance that fits best, whatever q's is.

    Returns:
        information: part name -> float32 [size] for c, [1] for a category.
    """
    described = {}
    for part in parts:
        value, posterior = values[part.name], found[part.name]
        if fitted and not latents.is_categorical(part):
            described[part.name] = information.dimensionwise_fitted_information(
                replicas.whole_batch(value), replicas.whole_batch(posterior.mean()), part.prior
            )
            continue
        bound = posterior.log_prob(value) - part.prior.log_prob(value)
        described[part.name] = tf.reshape(tf.reduce_mean(bound, axis=0), [-1])
    return described


def information_scalars(information: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns the information of each code for the log, and their sum.

    Args:
        information: of `code_information`.

    Returns:
        scalars: "information_lower_bound_fitted", the sum; "information/c0", "information/s1", ...
    """
    total = tf.add_n([tf.reduce_sum(values) for values in information.values()])
    scalars = {"information_lower_bound_fitted": total}
    for name, values in information.items():
        for index in range(values.shape[0]):
            label = f"c{index}" if name == "c" else name
            scalars[f"information/{label}"] = values[index]
    return scalars
