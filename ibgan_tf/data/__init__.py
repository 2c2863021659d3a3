"""Data sets: DATASETS holds each by its name, DOWNLOADS the function that fetches it."""

import functools
import os
import pathlib
from collections.abc import Callable

from ibgan_tf.data import celeba, chairs3d, color_dsprites, dsprites, image_folder, mnist

DATASETS: dict[str, type] = {
    "celeba": celeba.CelebA,
    "chairs3d": chairs3d.Chairs3D,
    "color_dsprites": color_dsprites.ColorDSprites,
    "dsprites": dsprites.DSprites,
    "fashion_mnist": mnist.FashionMNIST,
    "image_folder": image_folder.ImageFolder,
    "mnist": mnist.MNIST,
}

DOWNLOADS: dict[str, Callable[[str | os.PathLike | None], pathlib.Path]] = {
    "celeba": celeba.download,
    "chairs3d": chairs3d.download,
    "color_dsprites": dsprites.download,  # it is coloured dSprites
    "dsprites": dsprites.download,
    "fashion_mnist": functools.partial(mnist.download, kind=mnist.FashionMNIST),
    "mnist": mnist.download,
}
