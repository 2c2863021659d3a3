"""All of dSprites, frames of the official data, and pictures to prepare."""

import os
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from ibgan_tf.data import dsprites, picture_preparation
from ibgan_tf.data.picture_preparation import Listing
from ibgan_tf.data.picture_shards import PictureSettings
from ibgan_tf.data.picture_sources import list_folder


@pytest.fixture(scope="session")
def dsprites_dataset() -> dsprites.DSprites:
    """All of dSprites, from the user's cache; rendered into it where it is absent."""
    return dsprites.DSprites()


@pytest.fixture(scope="session")
def real_frames() -> tuple[np.ndarray, np.ndarray]:
    """Frames of the official data: images uint8 [420, 64, 64] of 0 and 1, factors [420, 5]."""
    folder = os.environ.get("IBGAN_TEST_DATA")
    if folder is None:
        pytest.skip("IBGAN_TEST_DATA names no folder of real data")
    with np.load(pathlib.Path(folder) / "dsprites_real_frames.npz") as archive:
        return archive["images"], archive["classes"][:, 1:]  # the colour is constant


@pytest.fixture(scope="session")
def written_pictures(tmp_path_factory, write_pictures):
    """A folder of 250 pictures, 000.png and so on."""
    folder = tmp_path_factory.mktemp("written")
    write_pictures([folder / f"{i:03d}.png" for i in range(250)], (40, 30))
    return folder


@pytest.fixture
def pictures(written_pictures, tmp_path):
    """A copy of the pictures that a test may change."""
    return pathlib.Path(shutil.copytree(written_pictures, tmp_path / "pictures"))


@pytest.fixture
def small_shards(monkeypatch):
    """Makes seven shards of 250 pictures, of 40 each but the last, and gives the 40."""
    monkeypatch.setattr(picture_preparation, "LEAST_IN_SHARD", 40)
    return 40


@pytest.fixture
def folder(tmp_path):
    """Where the prepared pictures go."""
    return tmp_path / "set" / "prepared"


@pytest.fixture(scope="session")
def listing_of():
    """Gives a function that lists the pictures of a folder, in one split or those asked for."""

    def listing(pictures, splits=None):
        source = list_folder(pictures)
        return Listing(source=source, splits=splits or {"train": len(source.pictures)})

    return listing


@pytest.fixture(scope="session")
def prepare_all(listing_of):
    """Gives a function that prepares the pictures of a folder at 28 pixels."""

    def prepare(folder, pictures, *, splits=None, num_processes=1):
        settings = PictureSettings(image_size=28)
        listing = listing_of(pictures, splits)
        picture_preparation.prepare(folder, listing, settings, num_processes=num_processes)

    return prepare


@pytest.fixture(scope="session")
def by_hand():
    """Gives a function that returns the images as Pillow makes them, [n, 28, 28, 3]."""

    def images(pictures, *, without=()):
        made = []
        for i in (i for i in range(250) if i not in without):
            with Image.open(pictures / f"{i:03d}.png") as picture:
                square = picture.crop((5, 0, 35, 30))
            made.append(np.asarray(square.resize((28, 28), Image.Resampling.LANCZOS)))
        return np.stack(made)

    return images


@pytest.fixture(scope="session")
def spoil():
    """Gives a function that cuts pictures, by their numbers, after a few bytes."""

    def cut(pictures, *numbers):
        for number in numbers:
            path = pictures / f"{number:03d}.png"
            path.write_bytes(path.read_bytes()[:50])

    return cut
