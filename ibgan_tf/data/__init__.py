"""Data sets: DATASETS holds each by its name, DOWNLOADS the function that fetches it."""

import functools
import os
import pathlib
from collections.abc import Callable

from ibgan_tf.data import color_dsprites, dsprites, mnist

DATASETS: dict[str, type] = {
    "color_dsprites": color_dsprites.ColorDSprites,
    "dsprites": dsprites.DSprites,
    "fashion_mnist": mnist.FashionMNIST,
    "mnist": mnist.MNIST,
}

DOWNLOADS: dict[str, Callable[[str | os.PathLike | None], pathlib.Path]] = {
    "color_dsprites": dsprites.download,  # it is coloured dSprites
    "dsprites": dsprites.download,
    "fashion_mnist": functools.partial(mnist.download, kind=mnist.FashionMNIST),
    "mnist": mnist.download,
}
