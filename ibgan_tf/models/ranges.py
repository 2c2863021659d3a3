"""Checks of settings that the methods' classes of them share."""

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
        ValueError: one isn't.
    """
    for name in names:
        value = getattr(config, name)
        if not _RANGES[what](value):
            raise ValueError(f"{name} must be {what}. Received: {name}={value}")


def require_schedule(config: object, steps: str, **unused: float) -> None:
    """Checks that settings of a schedule are left alone where there is none.

    Args:
        config: the settings.
        steps: the name of the setting that is 0 where there is no schedule.
        **unused: the others, and their values then.

    Raises:
        ValueError: one of them is set, and would have no effect.
    """
    for name, value in unused.items():
        if getattr(config, steps) == 0 and getattr(config, name) != value:
            raise ValueError(
                f"{name} must be {value} where {steps} is 0, for it has no effect. Received: "
                f"{name}={getattr(config, name)}, {steps}=0"
            )


def require_labels(config: object) -> None:
    """Checks the bounds of smoothed real labels; for a settings class's `__post_init__`.

    Args:
        config: with `real_label_low` and `real_label_high`.

    Raises:
        ValueError: one is negative, they are in the wrong order, or their mean is above 1.
    """
    require(config, ">= 0", "real_label_low", "real_label_high")
    low, high = config.real_label_low, config.real_label_high
    received = f"Received: real_label_low={low}, real_label_high={high}"
    if low > high:
        raise ValueError(f"real_label_low must be <= real_label_high. {received}")
    if low + high > 2:
        raise ValueError(
            "real_label_low + real_label_high must be <= 2: with a mean label above 1 the "
            f"discriminator's loss has no minimum. {received}"
        )
