"""What every model shares: its latent's description, its step counter, its repeatable draws."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf import seeds
from ibgan_tf.config import from_json, to_json
from ibgan_tf.models import replicas
from ibgan_tf.models.latents import LatentPart, sample_parts, sources

tfd = tfp.distributions

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """The settings of one published or recorded experiment.

    Attributes:
        config: of the model.
        steps: training steps.
        batch_size: images per step over all replicas.
        source: where the numbers are from.
    """

    config: object
    steps: int
    batch_size: int
    source: str


@runtime_checkable
class Generates(Protocol):
    """A model that maps noise to images in [-1, 1]; `latents.sources` says what it takes."""

    def generate(self, z: tf.Tensor) -> tf.Tensor: ...


@runtime_checkable
class Encodes(Protocol):
    """A model that maps images in [-1, 1] to codes: the means of the last parts of its latent."""

    def encode(self, images: tf.Tensor) -> tuple[tf.Tensor, ...]: ...


@runtime_checkable
class Classifies(Protocol):
    """A model that sorts images in [-1, 1] into the categories of a code of its own.

    The result is the probability of each category, float32 [batch, num_categories].
    """

    def classify(self, images: tf.Tensor) -> tf.Tensor: ...


def trainable_variables(networks: Sequence[tf.keras.Model]) -> list[tf.keras.Variable]:
    """Returns the variables that training changes of networks, in their order."""
    return [variable for network in networks for variable in network.trainable_variables]


def images_of(batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Returns the images of a batch, for a model's `train_step`.

    Args:
        batch: {"images": float32 [replica_batch, height, width, channels] in [-1, 1]}.

    Raises:
        ValueError: it isn't such a dictionary.
    """
    if isinstance(batch, Mapping) and "images" in batch:
        return batch["images"]
    received = sorted(batch) if isinstance(batch, Mapping) else type(batch).__name__
    raise ValueError(
        f'A batch must be a dictionary {{"images": [batch, height, width, channels] in [-1, 1]}}. '
        f"Received: {received}. Give fit a tf.data.Dataset of such batches"
    )


class GenerativeModel(tf.keras.Model):
    """Base of the models, which build networks and optimizers at construction.

    Restoring a checkpoint drops the state of an optimizer that isn't built yet. Subclasses set
    `config_class` and `presets`, build in `__init__`, call `_finish_building` when their networks
    are there (what a subclass of one of these adds afterwards is built at once, too), and implement
    `train_step(batch) -> dict of scalars`, `networks()` and the capabilities they have.

    Args:
        config: the model's frozen settings.
        image_shape: (height, width, channels).
        seed: of initial weights and of every draw in training.
        precision: "float32", or "bfloat16" for bfloat16 computations on float32 weights.

    Raises:
        TypeError: `config` isn't of the model's own class of settings, or the seed no whole number.
        ValueError: the precision is another, such as float16, `image_shape` hasn't three numbers,
            or the seed isn't in 0 <= seed < 2**31.
    """

    config_class: type
    presets: Mapping[str, Preset]
    latent: tuple[LatentPart, ...]

    def __init__(
        self,
        config: object,
        image_shape: tuple[int, int, int],
        *,
        seed: int = 0,
        precision: str = "float32",
    ):
        super().__init__()
        if not isinstance(config, self.config_class):
            raise TypeError(
                f"config must be of type {self.config_class.__name__}. "
                f"Received: config of type {type(config).__name__}"
            )
        if len(image_shape) != 3:
            raise ValueError(
                "image_shape must be (height, width, channels). "
                f"Received: image_shape={tuple(image_shape)}"
            )
        seeds.check_seed(seed)
        if precision not in PRECISIONS:
            reason = (
                " (float16 needs loss scaling, which reaches one optimizer only)"
                if precision == "float16"
                else ""
            )
            raise ValueError(
                f"precision must be one of: {', '.join(PRECISIONS)}{reason}. "
                f"Received: precision={precision!r}"
            )
        self.config = config
        self.image_shape = tuple(image_shape)
        self.seed = int(seed)
        self.compute_policy = PRECISIONS[precision]
        self.step = self.add_weight(
            name="step",
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )

    def get_config(self) -> dict[str, object]:
        """Returns the constructor's arguments as JSON has them, for Keras's `save`."""
        policies = {policy: name for name, policy in PRECISIONS.items()}
        return {
            "config": to_json(self.config),
            "image_shape": list(self.image_shape),
            "seed": self.seed,
            "precision": policies[self.compute_policy],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> "GenerativeModel":
        """Returns an untrained model of what `get_config` returned."""
        return cls(**{**config, "config": from_json(cls.config_class, config["config"])})

    def compile_from_config(self, config: Mapping[str, object]) -> None:
        """Does nothing, for Keras's `load_model`: a model is compiled once it is built."""

    def call(self, latent: tf.Tensor) -> tf.Tensor:
        """Returns what `generate` does, so that `model(latent)` and Keras's `predict` do too.

        Args:
            latent: of `sample_prior`, float32 [batch, the sizes' sum].

        Returns:
            images: float32 [batch, height, width, channels] in [-1, 1].
        """
        return self.generate(latent)

    def networks(self) -> dict[str, tf.keras.Model]:
        """Returns the networks that generate and encode, by name: those in a run's snapshots."""
        raise NotImplementedError

    def sample_prior(self, num_samples: int, *, seed: tf.Tensor) -> tf.Tensor:
        """Returns what `generate` takes, drawn from the priors of its parts.

        Args:
            num_samples: how many.
            seed: stateless seed, int32 [2].

        Returns:
            latent: the parts side by side, float32 [num_samples, the sizes' sum].
        """
        parts = next(iter(sources(self).values())).parts
        return sample_parts(parts, num_samples, seed=seed)

    def sample_images(self, latent: tf.Tensor, *, seed: tf.Tensor) -> tf.Tensor:
        """Returns images as the model defines their distribution, given a draw of its prior.

        A model that is random beyond its prior, where `generate` is not, overrides it.

        Args:
            latent: of `sample_prior`.
            seed: stateless seed of what else is random, int32 [2].

        Returns:
            images: float32 [num_samples, height, width, channels] in [-1, 1].
        """
        return self.generate(latent)

    def _finish_building(self) -> None:
        self.built = True
        # The optimizers are the model's own: compile() alone would make, and save, a useless one.
        self.compile(optimizer=None, jit_compile=False)

    def draw_normal(
        self, shape: Sequence[int | tf.Tensor], draw: seeds.Draw, *, number: int = 0
    ) -> tf.Tensor:
        """Returns this replica's rows of the step's standard normal draw over the whole batch.

        Args:
            shape: of this replica's rows, [replica_batch, ...], as of `replicas.shape_of`.
            draw: which of the step's draws.
            number: which of several such draws in one step.

        Returns:
            values: float32 `shape`, a function of (seed, step, draw, number) and the global row
                alone.
        """

        def sample(shape, seed):
            return tf.random.stateless_normal(
                shape, tf.random.fold_in(seed, number) if number else seed
            )

        return self._draw(sample, shape, draw)

    def draw_uniform(self, shape: Sequence[int | tf.Tensor], draw: seeds.Draw) -> tf.Tensor:
        """Returns this replica's rows of the step's uniform draw in [0, 1) over the whole batch.

        Args:
            shape: of this replica's rows, [replica_batch, ...], as of `replicas.shape_of`.
            draw: which of the step's draws.

        Returns:
            values: float32 `shape`.
        """
        return self._draw(tf.random.stateless_uniform, shape, draw)

    def draw_prior(
        self,
        prior: tfd.Distribution,
        batch_size: int | tf.Tensor,
        draw: seeds.Draw,
        *,
        number: int = 0,
    ) -> tf.Tensor:
        """Returns this replica's rows of the step's draw from a prior over the whole batch.

        Args:
            prior: of a latent part.
            batch_size: of this replica.
            draw: which of the step's draws.
            number: which of the parts that share the draw.

        Returns:
            values: float32 [batch_size, size].
        """

        def sample(shape, seed):
            return prior.sample(shape[0], seed=tf.random.fold_in(seed, number))

        return self._draw(sample, [batch_size], draw)

    def _draw(self, function, shape, draw):
        rows = tf.distribute.get_strategy().num_replicas_in_sync * shape[0]
        seed = seeds.stateless_seed(self.seed, self.step.value, draw)
        return replicas.own_rows(function([rows, *shape[1:]], seed))


def gaussian(outputs: tf.Tensor) -> tfd.Normal:
    """Returns the factorised Gaussian that an encoder's outputs describe.

    Args:
        outputs: means and log variances side by side, float32 [batch, 2 * code_dim].

    Returns:
        distribution: batch shape [batch, code_dim].
    """
    mean, log_variance = tf.split(outputs, 2, axis=-1)
    return tfd.Normal(mean, tf.exp(0.5 * log_variance))


def category_kl(probabilities: tf.Tensor, prior: tfd.OneHotCategorical) -> tf.Tensor:
    """Returns KL(q(s|x) || p(s)) by category: parts that are never negative, and add up to it.

    The part of category k is q_k * log(q_k / p_k) - q_k + p_k, for a plot or a mask of columns.

    Args:
        probabilities: q(s|x), float32 [batch, num_categories].
        prior: p(s), event shape [num_categories].

    Returns:
        parts: nats, float32 [batch, num_categories], >= 0.
    """
    expected = prior.probs_parameter()
    return tf.math.xlogy(probabilities, probabilities / expected) - probabilities + expected


def batched(values: tf.Tensor, size: int = 256) -> list[tf.Tensor]:
    """Returns the rows in parts of at most `size`."""
    return [values[first : first + size] for first in range(0, values.shape[0], size)]
