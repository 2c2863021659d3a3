"""Named protocols and their sizes, and the form of a metric's result."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from ibgan_tf import registry

T = TypeVar("T")


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


def draw_points(rng: np.random.Generator, num_rows: int, points: int | float) -> np.ndarray:
    """Returns uniformly drawn rows, with replacement.

    On a complete grid these are images of independently and uniformly drawn factors.

    Args:
        rng: source of randomness.
        num_rows: how many rows there are.
        points: how many to draw; a float is the share of the rows.

    Returns:
        rows: int64 [points], at least two.
    """
    count = int(num_rows * points) if isinstance(points, float) else points
    return rng.integers(num_rows, size=max(2, count))


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
