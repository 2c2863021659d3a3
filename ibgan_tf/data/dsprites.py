"""dSprites: 64x64 binary images of one sprite, one image of each combination of five factors.

Matthey, Higgins, Hassabis and Lerchner, 2017, https://github.com/google-deepmind/dsprites-dataset.
"""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf import config, registry
from ibgan_tf.data import base, cache, dsprites_official, files, progress, sprites

SIZE = sprites.NUM_COMBINATIONS * sprites.NUM_POSITIONS
PACKED_SIZE = SIZE * sprites.PACKED_BYTES  # bytes
RENDERED_SHA256 = "5559f11baadfd3476fc0ed625fc7815e5606f14c5aec59e48a66716585b2b501"

SOURCES = ("rendered", "official")  # also the names of the cache folders


@dataclasses.dataclass(frozen=True, kw_only=True)
class DSpritesSettings:
    """dSprites has no settings of its own."""


class DSprites:
    """The 737,280 images, one bit per pixel in a memory-mapped file.

    The file is made at the first use, in the data folder (or in the user's cache, where it can't be
    written): by rendering, or from the official archive if that lies in the data folder. The
    network is never used (`scripts/download.py` does that).

    Args:
        data_dir: folder of the data; None stands for `ibgan_tf` in the user's cache directory.
        split: "train", all images; the set has no other.
        settings: none.

    Raises:
        ValueError: an unknown split or setting, a damaged cache or archive.
        OSError: data_dir is a file, or its disk is full.
    """

    settings_class = DSpritesSettings
    name = "dsprites"
    image_shape = (sprites.IMAGE_SIZE, sprites.IMAGE_SIZE, 1)
    size = SIZE
    factor_names = sprites.FACTOR_NAMES
    factor_sizes = sprites.FACTOR_SIZES

    def __init__(
        self, data_dir: str | os.PathLike | None = None, *, split: str = "train", **settings: object
    ) -> None:
        registry.lookup({"train": None}, split, kind="split")
        self.settings = config.override(DSpritesSettings(), settings)
        manifest, self._packed = _open(prepare(cache.data_folder(data_dir)))
        self.source: str = manifest["source"]
        self.sha256: str = manifest["sha256"]

    def images(self, indices: ArrayLike) -> np.ndarray:
        """Returns images by index.

        Args:
            indices: whole numbers in 0..size - 1, [n].

        Returns:
            images: uint8 [n, 64, 64, 1], 0 or 255.

        Raises:
            ValueError: an index is out of range.
        """
        packed = self._packed[base.check_indices(indices, SIZE)]
        return (np.unpackbits(packed, axis=1) * np.uint8(255)).reshape(-1, *self.image_shape)

    def factors(self, indices: ArrayLike) -> np.ndarray:
        """Returns the factor classes of images: see `base.factors_from_index`."""
        return base.factors_from_index(indices, self.factor_sizes)

    def index(self, factors: ArrayLike) -> np.ndarray:
        """Returns the indices of images by factor class: see `base.index_from_factors`."""
        return base.index_from_factors(factors, self.factor_sizes, factor_names=self.factor_names)


def prepare(data_folder: pathlib.Path) -> pathlib.Path:
    """Returns the cache folder of the images, which is made if it is absent.

    The official images come before rendered ones.

    Args:
        data_folder: an existing folder.

    Returns:
        folder: `official` or `rendered`, in `dsprites` of the data folder, or in the user's cache
            if the data folder can't be written.

    Raises:
        ValueError: the official archive lies in the data folder and is damaged.
        OSError: the disk is full.
    """
    rendered, official = (cache.folder_of(data_folder, DSprites.name, source) for source in SOURCES)
    archive = data_folder / dsprites_official.ARCHIVE
    if archive.exists() and not official.exists():
        _make(official, lambda: dsprites_official.archive_images(archive), verb="Converting")
    if not official.exists() and not rendered.exists():
        _make(rendered, sprites.render, verb="Rendering")
    return official if official.exists() else rendered


def download(data_dir: str | os.PathLike | None = None) -> pathlib.Path:
    """Makes the cache of the official images; fetches them if they aren't there already.

    TFDS needs about 4 GB of memory while it unpacks them.

    Args:
        data_dir: folder of the data; None stands for `ibgan_tf` in the user's cache directory.

    Returns:
        folder: the cache folder.

    Raises:
        ValueError: the official archive lies in the data folder and is damaged, or TFDS's data are
            other than expected.
        OSError: the network can't be reached, or the disk is full.
    """
    data_folder = cache.data_folder(data_dir)
    official = cache.folder_of(data_folder, DSprites.name, "official")
    if not (data_folder / dsprites_official.ARCHIVE).exists() and not official.exists():
        batches = files.tfds_batches(
            "dsprites", data_folder / "tensorflow_datasets", url=dsprites_official.URL
        )
        packed = dsprites_official.pack_examples(batches)
        _make(official, lambda: dsprites_official.in_chunks(packed), verb="Writing")
    return prepare(data_folder)


def _make(
    folder: pathlib.Path, chunks_fn: Callable[[], Iterable[np.ndarray]], *, verb: str
) -> None:
    """Writes a cache folder, unless another process does so first."""
    with cache.locked(folder.parent):
        if folder.exists():
            return
        chunks = progress.progress_bar(
            chunks_fn(), total=sprites.NUM_COMBINATIONS, title=f"{verb} dSprites into {folder}"
        )
        sha256 = RENDERED_SHA256 if folder.name == "rendered" else None
        cache.write_cache(folder, chunks, source=folder.name, size=PACKED_SIZE, sha256=sha256)


def _open(folder: pathlib.Path) -> tuple[dict[str, object], np.ndarray]:
    """Returns the manifest of a cache folder and its images, uint8 [SIZE, 512], memory-mapped."""
    sha256 = RENDERED_SHA256 if folder.name == "rendered" else None
    manifest = cache.check_cache(folder, size=PACKED_SIZE, sha256=sha256)
    shape = (SIZE, sprites.PACKED_BYTES)
    return manifest, np.memmap(folder / cache.CONTENT, np.uint8, mode="r", shape=shape)
