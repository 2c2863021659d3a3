"""MNIST and Fashion-MNIST: 28x28 grey images of ten classes, 60,000 to train and 10,000 to test on.

LeCun, Cortes and Burges, 1998, http://yann.lecun.com/exdb/mnist; Xiao, Rasul and Vollgraf, 2017,
https://arxiv.org/abs/1708.07747.
"""

import dataclasses
import functools
import hashlib
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf import atomic, config, registry
from ibgan_tf.config import setting
from ibgan_tf.data import base, cache, files, idx, npz

STORED_SIDE = 28  # pixels
SIDES = (28, 32)
COUNTS = {"train": 60_000, "test": 10_000}  # images of the published parts
IDX_NAMES = {"train": "train", "test": "t10k"}  # how the published files' names begin
TFDS_FILE = "tensorflow_datasets.npz"
Part = tuple[np.ndarray, np.ndarray]  # images uint8 [n, 28, 28], labels uint8 [n]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MNISTSettings:
    """Settings of MNIST and Fashion-MNIST.

    Raises:
        ValueError: a value is out of its range.
    """

    image_size: int = setting(
        28, "Side of the images in pixels: 28, or 32 with a black border of 2 pixels."
    )
    validation_images: int = setting(
        0,
        "How many of the last training images are the validation split and not trained on; papers "
        "train on all 60,000.",
    )

    def __post_init__(self) -> None:
        if self.image_size not in SIDES:
            raise ValueError(
                f"image_size must be one of: 28, 32. Received: image_size={self.image_size}."
            )
        if not 0 <= self.validation_images < COUNTS["train"]:
            raise ValueError(
                f"validation_images must lie in 0..{COUNTS['train'] - 1}. "
                f"Received: validation_images={self.validation_images}."
            )


class MNIST:
    """A split of MNIST in memory, in the order of the published files.

    It is read from the data folder, the first of these that is there, and never from the network:
    Keras's `mnist.npz`; the four published IDX files, gzipped or not, in `mnist`, or in `MNIST/raw`
    (where torchvision puts them); what `scripts/download.py` has fetched, whose order is that of
    TFDS and not the published one.

    Args:
        data_dir: folder of the data; None stands for `ibgan_tf` in the user's cache directory.
        split: "train", "validation" (the last images of the 60,000, where the settings leave some
            for it) or "test".
        settings: of `MNISTSettings`.

    Raises:
        FileNotFoundError: the data folder has none of the files, or isn't there.
        ValueError: an unknown split or setting, a split without images, a damaged file.
        OSError: data_dir is a file.
    """

    settings_class = MNISTSettings
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "test")
    name: ClassVar[str] = "mnist"
    idx_folders: ClassVar[tuple[str, ...]] = ("mnist", "MNIST/raw")
    class_names: ClassVar[tuple[str, ...]] = tuple("0123456789")
    num_classes = 10
    # The first of the files that TFDS 4.9 fetches.
    url: ClassVar[str] = (
        "https://storage.googleapis.com/cvdf-datasets/mnist/train-images-idx3-ubyte.gz"
    )

    def __init__(
        self, data_dir: str | os.PathLike | None = None, *, split: str = "train", **settings: object
    ) -> None:
        registry.lookup(dict.fromkeys(self.splits), split, kind="split")
        self.settings = config.override(MNISTSettings(), settings)
        self.source, read = _find(type(self), cache.data_folder(data_dir, must_exist=True))
        part = read("test" if split == "test" else "train")
        _check_labels(part[1], origin=f"{self.name} of {self.source}")
        chosen = _split_slice(split, self.settings.validation_images)
        self._images, self._labels = part[0][chosen], part[1][chosen]
        self.size = len(self._images)
        self.sha256 = _sha256(self._images, self._labels)
        self.image_shape = (self.settings.image_size, self.settings.image_size, 1)

    def images(self, indices: ArrayLike) -> np.ndarray:
        """Returns images by index.

        Args:
            indices: whole numbers in 0..size - 1, [n].

        Returns:
            images: uint8 [n, side, side, 1], 0..255, black background.

        Raises:
            ValueError: an index is out of range.
        """
        images = self._images[base.check_indices(indices, self.size)]
        border = (self.settings.image_size - STORED_SIDE) // 2
        return np.pad(images, [(0, 0), (border, border), (border, border)])[..., np.newaxis]

    def labels(self, indices: ArrayLike) -> np.ndarray:
        """Returns the classes of images, int64 [n], 0..9: indices of `class_names`."""
        return self._labels[base.check_indices(indices, self.size)].astype(np.int64)


class FashionMNIST(MNIST):
    """A split of Fashion-MNIST: as MNIST, with its own names of files and folders."""

    name = "fashion_mnist"
    idx_folders = ("fashion_mnist", "FashionMNIST/raw")
    class_names = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    url = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-images-idx3-ubyte.gz"


def download(
    data_dir: str | os.PathLike | None = None, *, kind: type[MNIST] = MNIST
) -> pathlib.Path:
    """Fetches a set with TFDS, which checks its own checksums, unless its files are there already.

    Args:
        data_dir: folder of the data; None stands for `ibgan_tf` in the user's cache directory.
        kind: MNIST or FashionMNIST.

    Returns:
        folder: the data folder.

    Raises:
        ValueError: what is there already isn't whole, or TFDS's data are other than expected.
        OSError: the network can't be reached, or the disk is full.
    """
    folder = cache.data_folder(data_dir)
    path = folder / kind.name / TFDS_FILE
    if next(_sources(kind, folder), None) is not None:  # perhaps where nothing can be written
        _check_whole(kind, folder)
        return folder
    with cache.locked(path.parent):
        if next(_sources(kind, folder), None) is None:
            arrays = {}
            for split in COUNTS:
                batches = files.tfds_batches(
                    kind.name, folder / "tensorflow_datasets", url=kind.url, split=split
                )
                arrays[f"x_{split}"], arrays[f"y_{split}"] = _joined(batches, split)
            with (
                cache.told_if_full(path),
                atomic.replacing_file(path) as temporary,
                open(temporary, "wb") as file,  # to a path savez would add a suffix
            ):
                np.savez_compressed(file, **arrays)
    return folder


def _check_whole(kind: type[MNIST], folder: pathlib.Path) -> None:
    """Reads both parts of the source that is found."""
    try:
        for split in COUNTS:
            kind(folder, split=split)
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(f"{error}\n{files.FOUND_FIRST}") from error


def _sources(
    kind: type[MNIST], folder: pathlib.Path
) -> Iterator[tuple[str, Callable[[str], Part]]]:
    """Yields what the data folder has: name of the source, and function of a part that reads it."""
    keras, fetched = folder / f"{kind.name}.npz", folder / kind.name / TFDS_FILE
    if keras.exists():
        yield "keras", functools.partial(_read_npz, keras)
    for idx_folder in (folder / name for name in kind.idx_folders):
        if _has_idx(idx_folder):
            yield "idx", functools.partial(_read_idx, idx_folder)
    if fetched.exists():
        yield "tensorflow_datasets", functools.partial(_read_npz, fetched)


def _find(kind: type[MNIST], folder: pathlib.Path) -> tuple[str, Callable[[str], Part]]:
    """Returns the first of the sources."""
    for found in _sources(kind, folder):
        return found
    if _has_idx(folder):
        found, advice = "IDX files in itself", _advice_on_idx(kind, folder)
    else:
        found = "neither"
        advice = (
            f"Name the folder that holds {kind.name}/ or {kind.name}.npz with --data_dir, or run: "
            f"python scripts/download.py --dataset={kind.name} --data_dir={folder}"
        )
    raise FileNotFoundError(
        f"The data folder must have {kind.name}.npz, or the four IDX files in {kind.name}/. "
        f"Received: data_dir={str(folder)!r}, with {found}. {advice}"
    )


def _has_idx(folder: pathlib.Path) -> bool:
    """Says whether a folder has images in IDX form, of the training or the test part."""
    return any(idx.find(folder, f"{name}-images-idx3-ubyte") for name in IDX_NAMES.values())


def _advice_on_idx(kind: type[MNIST], folder: pathlib.Path) -> str:
    """Returns how IDX files are found that lie in the data folder itself."""
    for place in map(pathlib.PurePath, kind.idx_folders):
        holder = folder.absolute().parts[: -len(place.parts)]
        if pathlib.Path(*holder, place) == folder.absolute():
            return f"Name the folder that holds {place}/: --data_dir={pathlib.Path(*holder)}"
    return (
        f"Move them into {folder / kind.name}, or name the folder that holds {kind.name}/ with "
        "--data_dir."
    )


def _read_npz(path: pathlib.Path, part: str) -> Part:
    shapes = {"x": (COUNTS[part], STORED_SIDE, STORED_SIDE), "y": (COUNTS[part],)}
    images, labels = (
        next(npz.read_chunks(path, f"{key}_{part}", shape=shape, dtype="uint8", rows=shape[0]))
        for key, shape in shapes.items()
    )
    return images, labels


def _read_idx(folder: pathlib.Path, part: str) -> Part:
    shapes = {
        "images-idx3-ubyte": (COUNTS[part], STORED_SIDE, STORED_SIDE),
        "labels-idx1-ubyte": (COUNTS[part],),
    }
    paths = {name: idx.find(folder, f"{IDX_NAMES[part]}-{name}") for name in shapes}
    missing = [f"{IDX_NAMES[part]}-{name}" for name, path in paths.items() if path is None]
    if missing:
        raise FileNotFoundError(
            f"{str(folder)!r} must have the four IDX files. Received: no {', no '.join(missing)}. "
            "Fetch what is missing, or move the others away."
        )
    images, labels = (idx.read(paths[name], shape=shape) for name, shape in shapes.items())
    return images, labels


def _joined(batches: Iterable[Mapping[str, np.ndarray]], split: str) -> Part:
    """Returns the examples of TFDS as one array of images and one of labels."""
    images, labels = zip(*((batch["image"], batch["label"]) for batch in batches), strict=True)
    images, labels = np.concatenate(images), np.concatenate(labels)
    if images.shape != (COUNTS[split], STORED_SIDE, STORED_SIDE, 1) or images.dtype != np.uint8:
        raise ValueError(
            f"TFDS's {split} images must be uint8 [{COUNTS[split]}, 28, 28, 1]. "
            f"Received: {images.dtype} {list(images.shape)}."
        )
    _check_labels(labels, origin="TFDS")
    return images[..., 0], labels.astype(np.uint8)


def _check_labels(labels: np.ndarray, *, origin: str) -> None:
    if labels.max() >= MNIST.num_classes:
        bad = int(labels.argmax())
        raise ValueError(
            f"Labels of {origin} must lie in 0..9. Received: {labels[bad]} for image {bad}."
        )


def _split_slice(split: str, validation_images: int) -> slice:
    """Returns which images of the published part are the split's."""
    if split == "test":
        return slice(None)
    boundary = COUNTS["train"] - validation_images
    if split == "train":
        return slice(boundary)
    if not validation_images:
        raise ValueError(
            "The validation split must be left some images. Received: split='validation' with "
            "validation_images=0. Set validation_images=5000, for training too."
        )
    return slice(boundary, None)


def _sha256(images: np.ndarray, labels: np.ndarray) -> str:
    """Returns the SHA-256 of the pixels and then the labels, whatever file they were read from."""
    digest = hashlib.sha256(np.ascontiguousarray(images))
    digest.update(np.ascontiguousarray(labels))
    return digest.hexdigest()
