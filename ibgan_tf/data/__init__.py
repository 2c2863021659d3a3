"""Data sets: DATASETS holds each by its name, DOWNLOADS the function that fetches it."""

import os
import pathlib
from collections.abc import Callable

from ibgan_tf.data import dsprites

DATASETS: dict[str, type] = {"dsprites": dsprites.DSprites}

DOWNLOADS: dict[str, Callable[[str | os.PathLike | None], pathlib.Path]] = {
    "dsprites": dsprites.download
}
