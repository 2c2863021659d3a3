"""A reconstructor for a GAN without one, trained afterwards on samples of its frozen generator.

A GAN has no way from images to codes, and metrics of codes need one. What InfoGAN trains along with
the generator, q(c|x), can be trained after it: the generator, and with it what the codes mean,
stays as it is. Results name it: their representation is "afterwards_mean", and what they have under
"reconstructor" says how it was trained.
"""

import dataclasses
import functools
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ibgan_tf import atomic, seeds
from ibgan_tf.data.base import ImageDataset
from ibgan_tf.data.batches import batches
from ibgan_tf.data.progress import progress_bar
from ibgan_tf.evaluation.codes import metrics_folder, weights_hash
from ibgan_tf.models import codes, latents
from ibgan_tf.networks import dcgan, initialization
from ibgan_tf.runs import weights
from ibgan_tf.runs.load import Run

FOLDER = "afterwards"
_STEPS_PER_CALL = 50
_TESTED = 4096  # samples that the information is measured on, none of them trained on


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """How the reconstructor is trained; Adam's rate and the steps were chosen for speed.

    Attributes:
        steps: of training.
        batch_size: samples in each, all of them new.
        learning_rate: Adam's.
        seed: of the initial weights, of the samples and of the real images.
        reconstruct_real_images: whether it runs on real images too, for its BatchNorm statistics
            only, as those of InfoGAN and IB-GAN do: what it encodes are real images.
    """

    steps: int = 5000
    batch_size: int = 64
    learning_rate: float = 1e-3
    seed: int = 0
    reconstruct_real_images: bool = True


def encoder_class(model_class: type) -> type:
    """Returns the class of what encodes for a model: its own, or a GAN's with a reconstructor.

    Args:
        model_class: of MODELS.
    """
    return model_class if hasattr(model_class, "represent") else ReconstructedGAN


def with_reconstructor(run: Run, training: Training | None = None) -> Run:
    """Returns a run whose model can encode: itself, or a GAN with a reconstructor.

    Args:
        run: a loaded run; unchanged.
        training: how, if it is needed; it happens when codes are first asked for, and the weights
            are kept in metrics/step-N/afterwards.
    """
    model = run.model
    if hasattr(model, "represent") or not hasattr(model, "generator"):
        return run
    if not codes.code_parts(model.latent):
        return run
    folder = metrics_folder(run.run_dir, run.step) / FOLDER
    reconstructed = ReconstructedGAN(
        model, folder, dataset=run.dataset, training=training or Training()
    )
    return dataclasses.replace(run, model=reconstructed)


class ReconstructedGAN:
    """A GAN, and q(c|x) of its codes, which is trained or read when it is first asked for.

    Args:
        model: with `latent`, `generator` and `generate`.
        folder: where the reconstructor is kept.
        dataset: the real images.
        training: how it is trained.
    """

    representations = ("afterwards_mean",)

    def __init__(
        self,
        model: Any,
        folder: str | os.PathLike[str],
        *,
        dataset: ImageDataset,
        training: Training,
    ):
        self._model, self._folder = model, pathlib.Path(folder)
        self._dataset, self._training = dataset, training
        self.latent, self.config, self.image_shape = model.latent, model.config, model.image_shape

    def networks(self) -> dict[str, tf.keras.Model]:
        """Returns the networks of the run, without the reconstructor."""
        return self._model.networks()

    def encoding_networks(self) -> list[tf.keras.Model]:
        """Returns the reconstructor, which is all that encodes."""
        return [self._reconstructor[0]]

    def update_encoding_statistics(self, images: tf.Tensor) -> None:
        """Lets the reconstructor's BatchNorm statistics learn from images.

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
        """
        self._reconstructor[0](images, training=True)

    def sample_prior(self, num_samples: int, *, seed: tf.Tensor) -> tf.Tensor:
        """Returns what `generate` takes, as the GAN does."""
        return self._model.sample_prior(num_samples, seed=seed)

    def generate(self, latent: tf.Tensor) -> tf.Tensor:
        """Returns the GAN's images of latents."""
        return self._model.generate(latent)

    def sample_images(self, latent: tf.Tensor, *, seed: tf.Tensor) -> tf.Tensor:
        """Returns the GAN's images of what `sample_prior` drew."""
        return self._model.sample_images(latent, seed=seed)

    def represent(
        self, images: tf.Tensor, kind: str = "afterwards_mean", *, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns the means of q(c|x) of all codes side by side, float32 [batch, their sizes].

        Args:
            images: float32 [batch, height, width, channels] in [-1, 1].
            kind: "afterwards_mean".
            seed: not used.
        """
        if tf.executing_eagerly():
            network, _ = self._reconstructor
        else:  # the graph only reads it: a training within this scope would have no gradients
            with tf.init_scope():
                network, _ = self._reconstructor
        outputs = network(images, training=False)
        found = codes.posteriors(outputs, codes.code_parts(self.latent), learned_variance=False)
        return tf.concat(list(codes.means(found).values()), axis=1)

    @property
    def encoding_provenance(self) -> dict[str, Any]:
        """What a result says of the reconstructor, ready for JSON."""
        return {"reconstructor": self._reconstructor[1]}

    @functools.cached_property
    def _reconstructor(self) -> tuple[tf.keras.Model, dict[str, Any]]:
        """The network and its record."""
        network = _build(self, self._training.seed)
        expected = {
            "trained": "afterwards, on samples of the frozen generator",
            **dataclasses.asdict(self._training),
            "generator_sha256": weights_hash(self.networks()),
        }
        record_path = self._folder / "reconstructor.json"
        known = _read_record(record_path, expected)
        if known is not None:
            weights.load_networks(
                self._folder, {"reconstructor": network}, step=self._training.steps
            )
            if weights_hash({"reconstructor": network}) == known["sha256"]:
                return network, known
        train(network, self, self._dataset, self._training)
        record = expected | {
            "information": _information(network, self, self._training.seed),
            "sha256": weights_hash({"reconstructor": network}),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        weights.save_networks(self._folder, {"reconstructor": network}, step=self._training.steps)
        atomic.write_json(record_path, record)
        return network, record


def train(network: tf.keras.Model, model: Any, dataset: ImageDataset, training: Training) -> None:
    """Trains q(c|x) on samples of a generator, by InfoGAN's eq. (5); shows a progress bar.

    Args:
        network: of q(c|x); changed in place.
        model: with `latent` and `generate`.
        dataset: the real images.
        training: how.
    """
    parts = codes.code_parts(model.latent)
    optimizer = tf.keras.optimizers.Adam(training.learning_rate, beta_1=0.5)
    optimizer.build(network.trainable_variables)

    def one_step(step: tf.Tensor) -> tuple[tf.Tensor]:
        if training.reconstruct_real_images:
            network(next(real)["images"], training=True)
        seed = seeds.stateless_seed(training.seed, step, seeds.Draw.NOISE)
        latent, values = _draw(model.latent, training.batch_size, seed)
        images = model.generate(latent)
        with tf.GradientTape() as tape:
            found = codes.posteriors(network(images, training=True), parts, learned_variance=False)
            bounds = codes.information_lower_bounds(found, parts, values)
            loss = -tf.reduce_mean(tf.add_n(list(bounds.values())))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply(gradients, network.trainable_variables)
        return (step + 1,)

    real = iter(batches(dataset, batch_size=training.batch_size, seed=training.seed))

    @tf.function(autograph=False)
    def steps(first: tf.Tensor, count: tf.Tensor) -> None:
        tf.while_loop(lambda step: step < first + count, one_step, (first,))

    firsts = range(0, training.steps, _STEPS_PER_CALL)
    for first in progress_bar(firsts, total=len(firsts), title="training a reconstructor"):
        count = min(_STEPS_PER_CALL, training.steps - first)
        steps(tf.constant(first), tf.constant(count))


def _build(model: Any, seed: int) -> tf.keras.Model:
    size = codes.posterior_size(codes.code_parts(model.latent), learned_variance=False)
    network = dcgan.reconstructor(model.image_shape, size, width=model.config.discriminator_width)
    initialization.initialize([network], scheme="orthogonal", seed=seed)
    return network


def _draw(parts, count: int, seed: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Returns latents, float32 [count, sizes], and the values of their parts by name."""
    latent = latents.sample_parts(parts, count, seed=seed)
    values = tf.split(latent, [part.size for part in parts], axis=1)
    return latent, {part.name: value for part, value in zip(parts, values, strict=True)}


def _information(network: tf.keras.Model, model: Any, seed: int) -> dict[str, list[float]]:
    """Returns the information that was found of each code on new samples, nats, ready for JSON."""
    parts = codes.code_parts(model.latent)
    draw = seeds.stateless_seed(seed, 0, seeds.Draw.EVALUATION)
    latent, values = _draw(model.latent, _TESTED, draw)
    images = [model.generate(rows) for rows in tf.split(latent, 16)]
    outputs = tf.concat([network(part, training=False) for part in images], axis=0)
    found = codes.posteriors(outputs, parts, learned_variance=False)
    information = codes.code_information(found, parts, values, fitted=True)
    return {
        name: [round(float(value), 4) for value in values] for name, values in information.items()
    }


def _read_record(path: pathlib.Path, expected: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the record of a reconstructor, if it is of this generator and this training."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # missing or damaged: it is trained anew
        return None
    if any(known.get(name) != value for name, value in expected.items()):
        return None
    return known
