"""Runs of a narrow IB-GAN and a narrow GAN on a small data set with factors, to score."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.data import DATASETS
from ibgan_tf.data.base import factors_from_index, index_from_factors
from ibgan_tf.data.dsprites import DSpritesSettings
from ibgan_tf.models.gan import GAN, GANConfig
from ibgan_tf.models.ibgan import IBGAN, IBGANConfig
from ibgan_tf.runs import record, weights
from ibgan_tf.runs.options import RunOptions


class SmallSquares:
    """A bright square of 3 sizes at 5 x 7 places on 28 x 28 pixels."""

    settings_class = DSpritesSettings
    name, source, sha256 = "small_squares", "made in the test", "0" * 64
    image_shape = (28, 28, 1)
    factor_names, factor_sizes = ("size", "x", "y"), (3, 5, 7)
    size = 3 * 5 * 7

    def __init__(self, data_dir=None, *, split="train"):
        pass

    def images(self, indices):
        images = np.zeros([len(indices), *self.image_shape], np.uint8)
        for image, (size, x, y) in zip(images, self.factors(indices), strict=True):
            image[3 * y : 3 * y + 3 + size, 4 * x : 4 * x + 3 + size] = 255
        return images

    def factors(self, indices):
        return factors_from_index(indices, self.factor_sizes)

    def index(self, factors):
        return index_from_factors(factors, self.factor_sizes, factor_names=self.factor_names)


class MeanColours(tf.Module):
    """Inception's signature; its features are the mean of the image and that of its upper half."""

    @tf.function(input_signature=[tf.TensorSpec([None, 299, 299, 3], tf.float32)])
    def __call__(self, batch):
        means = [tf.reduce_mean(part, axis=[1, 2, 3]) for part in (batch, batch[:, :150])]
        return {"pool_3": tf.stack(means, axis=-1)[:, None, None], "logits": tf.stack(means, -1)}


@pytest.fixture(scope="session")
def inception_folder(tmp_path_factory):
    """Gives the folder of a SavedModel in the place of Inception's."""
    path = tmp_path_factory.mktemp("hub") / "inception"
    tf.saved_model.save(MeanColours(), str(path))
    return path


@pytest.fixture
def squares(monkeypatch):
    """Makes the small data set known by its name, and gives it."""
    monkeypatch.setitem(DATASETS, "small_squares", SmallSquares)
    return SmallSquares()


@pytest.fixture(scope="session")
def write_squares_record():
    """Gives a function that writes the record of a run on the small data set."""

    def write(run_dir, *, model, config, steps):
        saved = record.RunRecord(
            model=model,
            dataset=SmallSquares.name,
            preset="none",
            options=RunOptions(steps=steps, batch_size=4),
            model_config=config,
            dataset_settings=DSpritesSettings(),
            image_shape=SmallSquares.image_shape,
            data_source={"source": SmallSquares.source, "sha256": SmallSquares.sha256},
        )
        record.write_record(run_dir, saved)

    return write


@pytest.fixture(scope="session")
def _made_run(tmp_path_factory, write_squares_record):
    run_dir = tmp_path_factory.mktemp("scored_run")
    config = IBGANConfig(z_dim=4, r_dim=3, generator_width=2, discriminator_width=2)
    write_squares_record(run_dir, model="ibgan", config=config, steps=7)
    model = IBGAN(config, SmallSquares.image_shape)
    for step in (3, 7):
        model.encoder.layers[-1].kernel.assign(model.encoder.layers[-1].kernel * step * 10)
        weights.save_networks(run_dir, model.networks(), step=step)
    return run_dir


@pytest.fixture(scope="session")
def _gan():
    # Orthogonal kernels: images of kernels as small as N(0, 0.02**2) show nothing of the codes.
    config = GANConfig(
        noise_dim=2,
        continuous_dim=1,
        categorical_sizes=(3,),
        generator_width=4,
        discriminator_width=4,
        initialization="orthogonal",
    )
    return GAN(config, SmallSquares.image_shape)


@pytest.fixture
def gan_run(squares, _gan, write_squares_record, tmp_path):
    """Gives the folder of a run of a GAN with a snapshot at step 5."""
    run_dir = tmp_path / "gan"
    run_dir.mkdir()
    write_squares_record(run_dir, model="gan", config=_gan.config, steps=5)
    weights.save_networks(run_dir, _gan.networks(), step=5)
    return run_dir


@pytest.fixture
def scored_run(squares, _made_run, tmp_path):
    """Gives the folder of a run with snapshots at the steps 3 and 7."""
    return shutil.copytree(_made_run, tmp_path / "run")
