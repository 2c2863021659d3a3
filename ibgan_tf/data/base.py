"""What a data set offers, and the arithmetic between an image's index and its factors."""

import math
from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

LARGEST_PERMUTED = 10_000_000  # 80 MB of indices


@runtime_checkable
class ImageDataset(Protocol):
    """A data set of images in a fixed order.

    `Dataset(data_dir=None, *, split="train", **settings)` opens it; the settings are those of its
    `settings_class`.
    """

    settings_class: ClassVar[type]  # frozen dataclass of the data set's own flags
    name: str
    source: str  # where these images are from
    sha256: str  # of the images as they are stored
    image_shape: tuple[int, int, int]  # height, width, channels
    size: int  # number of images

    def images(self, indices: ArrayLike) -> np.ndarray:
        """Returns images by index, uint8 [n, height, width, channels], 0..255."""
        ...


@runtime_checkable
class FactorDataset(ImageDataset, Protocol):
    """A data set of one image of each combination of some factors, the last factor fastest."""

    factor_names: tuple[str, ...]
    factor_sizes: tuple[int, ...]

    def factors(self, indices: ArrayLike) -> np.ndarray:
        """Returns the factor classes of images, int64 [n, num_factors]."""
        ...

    def index(self, factors: ArrayLike) -> np.ndarray:
        """Returns the indices of the images with these factor classes, int64 [n]."""
        ...


@runtime_checkable
class LabelledDataset(ImageDataset, Protocol):
    """A data set whose images each belong to one class."""

    num_classes: int
    class_names: tuple[str, ...]

    def labels(self, indices: ArrayLike) -> np.ndarray:
        """Returns the classes of images, int64 [n], 0..num_classes - 1."""
        ...


def check_indices(indices: ArrayLike, size: int) -> np.ndarray:
    """Returns indices of images as an array.

    Args:
        indices: whole numbers in 0..size - 1, [n].
        size: number of images.

    Returns:
        indices: int64 [n].

    Raises:
        ValueError: they are not whole numbers of that range and shape.
    """
    array = np.asarray(indices)
    if array.size == 0 and array.ndim == 1:
        return array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            "indices must be whole numbers of shape [n]. "
            f"Received: shape={array.shape}, dtype={array.dtype}."
        )
    outside = array[(array < 0) | (array >= size)]
    if outside.size:
        raise ValueError(f"indices must lie in 0..{size - 1}. Received: index={outside[0]}.")
    return array.astype(np.int64)


def read_images(dataset: ImageDataset, indices: ArrayLike, *noise: np.ndarray) -> np.ndarray:
    """Returns images of a data set, after checking that they are what its class promises.

    Args:
        dataset: where they are from, perhaps one of a user's own.
        indices: which, [n].
        *noise: what a set with a `noise_dim` takes beside them.

    Returns:
        images: uint8 [n, *image_shape], 0..255.

    Raises:
        TypeError: they are of another type: numbers in 0..1 or -1..1 would be taken for black.
        ValueError: they are of another shape.
    """
    images = dataset.images(indices, *noise)
    dtype = getattr(images, "dtype", type(images).__name__)
    if dtype != np.uint8:
        raise TypeError(
            f"Images of the data set {dataset.name!r} must be a uint8 array, 0..255. "
            f"Received: {dtype}, for {_listed(indices)}."
        )
    expected = (np.size(indices), *dataset.image_shape)
    if images.shape != expected:
        raise ValueError(
            f"Images of the data set {dataset.name!r} must have its shape, {expected}. "
            f"Received: {images.shape}, for {_listed(indices)}."
        )
    return images


def read_float_images(dataset: ImageDataset, indices: ArrayLike) -> np.ndarray:
    """Returns images of a data set as networks take them, float32 in [-1, 1]; see `read_images`."""
    return read_images(dataset, indices).astype(np.float32) / np.float32(127.5) - np.float32(1)


def _listed(indices: ArrayLike) -> str:
    """Returns which images were asked for, the first and the last of many."""
    known = np.ravel(indices).tolist()
    return f"indices {known[0]} to {known[-1]}" if len(known) > 1 else f"indices {known}"


def random_order(size: int, count: int, *, seed: int) -> np.ndarray:
    """Returns different indices in random order.

    Args:
        size: number of images to choose from.
        count: how many indices; all of them if it is larger.
        seed: of the order.

    Returns:
        indices: int64 [min(count, size)]: the beginning of a permutation, which in a set of more
            than ten million images is not made as a whole.
    """
    rng = np.random.default_rng(seed)
    if size <= LARGEST_PERMUTED:
        return rng.permutation(size)[:count]
    return rng.choice(size, min(count, size), replace=False)


def factors_from_index(indices: ArrayLike, factor_sizes: Sequence[int]) -> np.ndarray:
    """Returns the factor classes of images.

    Args:
        indices: whole numbers in 0..product of the sizes - 1, [n].
        factor_sizes: number of classes of each factor; the last factor is fastest.

    Returns:
        factors: int64 [n, num_factors].

    Raises:
        ValueError: an index is out of range.
    """
    indices = check_indices(indices, math.prod(factor_sizes))
    return np.stack(np.unravel_index(indices, tuple(factor_sizes)), axis=1).astype(np.int64)


def index_from_factors(
    factors: ArrayLike, factor_sizes: Sequence[int], *, factor_names: Sequence[str]
) -> np.ndarray:
    """Returns the indices of the images with these factor classes.

    Args:
        factors: whole numbers, factor k in 0..factor_sizes[k] - 1, [n, num_factors].
        factor_sizes: number of classes of each factor; the last factor is fastest.
        factor_names: for the message.

    Returns:
        indices: int64 [n].

    Raises:
        ValueError: the shape is another, or a class is out of range.
    """
    array = np.asarray(factors)
    if array.ndim != 2 or array.shape[1] != len(factor_sizes) or array.dtype.kind not in "iu":
        raise ValueError(
            f"factors must be whole numbers of shape [n, {len(factor_sizes)}] "
            f"({', '.join(factor_names)}). Received: shape={array.shape}, dtype={array.dtype}."
        )
    for values, size, name in zip(array.T, factor_sizes, factor_names, strict=True):
        outside = values[(values < 0) | (values >= size)]
        if outside.size:
            raise ValueError(f"{name} must lie in 0..{size - 1}. Received: {name}={outside[0]}.")
    return np.ravel_multi_index(tuple(array.T.astype(np.int64)), tuple(factor_sizes)).astype(
        np.int64
    )
