"""Checks of settings that the methods' classes of them share."""

import math

_RANGES = {
    "> 0": lambda value: value > 0,
    ">= 0": lambda value: value >= 0,
    "in [0, 1)": lambda value: 0 <= value < 1,
    "in [0, 1]": lambda value: 0 <= value <= 1,
}


def require(config: object, what: str, *names: str) -> None:
    """Checks the range of settings; for a settings class's `__post_init__`.

    Args:
        config: the settings.
        what: "> 0", ">= 0", "in [0, 1)" or "in [0, 1]".
        *names: of the settings that must be so.

    Raises:
        ValueError: one isn't, or isn't finite.
    """
    for name in names:
        value = getattr(config, name)
        if not math.isfinite(value):
            raise ValueError(f"{name} must be {what} and finite. Received: {name}={value}")
        if not _RANGES[what](value):
            raise ValueError(f"{name} must be {what}. Received: {name}={value}")


def require_labels(config: object) -> None:
    """Checks the bounds of smoothed real labels; for a settings class's `__post_init__`.

    Args:
        config: with `real_label_low` and `real_label_high`.

    Raises:
        ValueError: one is negative or not finite, or they are in the wrong order.
    """
    require(config, ">= 0", "real_label_low", "real_label_high")
    if config.real_label_low > config.real_label_high:
        raise ValueError(
            "real_label_low must be <= real_label_high. Received: "
            f"real_label_low={config.real_label_low}, real_label_high={config.real_label_high}"
        )
