"""Named protocols and their sizes, and the form of a metric's result."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from ibgan_tf import registry
from ibgan_tf.metrics.factor_index import FactorIndex

T = TypeVar("T")
DSPRITES_SIZE = 737_280  # the images that the published shares are of


def choose(protocols: Mapping[str, Mapping[str, T]], protocol: str, settings: str) -> T:
    """Returns the sizes of a metric's protocol.

    Args:
        protocols: protocol name -> settings name ("full" or "fast") -> sizes.
        protocol: the protocol's name.
        settings: the name of the settings.

    Returns:
        The entry.

    Raises:
        ValueError: there is no such protocol or settings; the message suggests the nearest.
    """
    by_settings = registry.lookup(protocols, protocol, kind="protocol")
    return registry.lookup(by_settings, settings, kind="settings")


def check_seed(seed: int) -> None:
    """Refuses what is no seed of a metric.

    Args:
        seed: a whole number >= 0.

    Raises:
        ValueError: it isn't one.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number >= 0. Received: seed={seed!r}.")


def generator(seed: int) -> np.random.Generator:
    """Returns the source of a metric's randomness.

    Args:
        seed: a whole number >= 0.

    Returns:
        The generator, always the same for the same seed.

    Raises:
        ValueError: the seed is no whole number >= 0.
    """
    check_seed(seed)
    return np.random.default_rng(int(seed))


def number_of_points(points: int | float, factors: np.ndarray) -> int:
    """Returns how many images a protocol draws from a table.

    A share is one of all images, which only a complete grid has. Of a sample the number is the one
    that the share makes of dSprites, as in InfoGAN-CR's code, or that of the rows if these are
    fewer.

    Args:
        points: their number, or a float for the share.
        factors: of the table, int64 [n, num_factors].
    """
    if not isinstance(points, float):
        return points
    if FactorIndex(factors).complete:
        return int(points * len(factors))
    return min(int(points * DSPRITES_SIZE), len(factors))


def draw_points(rng: np.random.Generator, num_rows: int, points: int) -> np.ndarray:
    """Returns uniformly drawn rows, with replacement.

    On a complete grid these are images of independently and uniformly drawn factors.

    Args:
        rng: source of randomness.
        num_rows: how many rows there are.
        points: how many to draw.

    Returns:
        rows: int64 [points], at least two.
    """
    return rng.integers(num_rows, size=max(2, points))


def draw_train_and_test(
    rng: np.random.Generator, factors: np.ndarray, num_train: int | float, num_test: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns rows to learn from and fresh ones to be scored on, drawn with replacement.

    On a complete grid both are of all rows: independently and uniformly drawn factors, as
    published. A sample may be so small that most of its rows would be learned from and scored on:
    there the rows are first dealt into two parts, at random, and each is drawn from its own.

    Args:
        rng: source of randomness.
        factors: of the table, int64 [n, num_factors].
        num_train: how many to learn from; a float is a share, as of `number_of_points`.
        num_test: how many fresh ones; 0 for the training rows again.

    Returns:
        train: int64 [num_train].
        test: int64 [num_test].
    """
    num_rows, num_train = len(factors), number_of_points(num_train, factors)
    if not num_test:
        train = draw_points(rng, num_rows, num_train)
        return train, train
    if FactorIndex(factors).complete:
        return draw_points(rng, num_rows, num_train), draw_points(rng, num_rows, num_test)
    order = rng.permutation(num_rows)
    boundary = round(num_rows * num_train / (num_train + num_test))
    boundary = min(max(1, boundary), num_rows - 1)  # neither part is empty
    train, test = order[:boundary], order[boundary:]
    return (
        train[draw_points(rng, len(train), num_train)],
        test[draw_points(rng, len(test), num_test)],
    )


def result(
    score: float, details: Mapping[str, Any], *, protocol: str, settings: str, seed: int
) -> dict[str, Any]:
    """Returns a metric's result, ready for JSON.

    Args:
        score: the number that stands for the metric.
        details: whatever else the metric found: numbers, strings, arrays.
        protocol: the protocol's name.
        settings: the name of the settings.
        seed: the seed.

    Returns:
        A dict with "score" first, then the details with arrays as nested lists, then "protocol",
        "settings" and "seed".
    """
    return {
        "score": float(score),
        **{name: _plain(value) for name, value in details.items()},
        "protocol": protocol,
        "settings": settings,
        "seed": int(seed),
    }


def _plain(value: Any) -> Any:
    """Returns NumPy's arrays and scalars as Python's lists and numbers, anything else as it is."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
