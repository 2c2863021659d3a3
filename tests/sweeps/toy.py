"""Tables of a model and a data set that the stand-ins train."""

import dataclasses
import types

from ibgan_tf.config import check_settings, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyConfig:
    beta: float = setting(1.0, "Weight.")
    widths: tuple[int, ...] = setting((32, 32), "Widths.")
    fate: str = setting("well", "What befalls it.", choices=("well", "fails", "waits", "deaf"))

    def __post_init__(self):
        check_settings(self)
        if self.beta < 0:
            raise ValueError(f"beta must be >= 0. Received: beta={self.beta}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class OtherConfig:
    gamma: float = setting(1.0, "Weight.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToySettings:
    colored: bool = setting(False, "Coloured.")


TABLES = {
    "models": {
        "toy": types.SimpleNamespace(config_class=ToyConfig, presets={}),
        "other": types.SimpleNamespace(config_class=OtherConfig, presets={}),
    },
    "datasets": {
        "shapes": types.SimpleNamespace(name="shapes", settings_class=ToySettings, factors=None),
        "digits": types.SimpleNamespace(name="digits", settings_class=ToySettings, labels=None),
    },
}
