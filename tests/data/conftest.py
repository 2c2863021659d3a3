import os
import pathlib

import numpy as np
import pytest

from ibgan_tf.data import dsprites


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
