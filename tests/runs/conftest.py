import dataclasses
import types

import pytest

from ibgan_tf.config import setting
from ibgan_tf.runs.options import RunOptions
from ibgan_tf.runs.record import RunRecord


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyConfig:
    beta: float = setting(1.0, "Weight.")
    widths: tuple[int, ...] = setting((32, 32), "Widths.")
    trunk: str = setting("separate", "Trunk.", choices=("separate", "shared"))

    def __post_init__(self):
        if self.beta < 0:
            raise ValueError(f"beta must be >= 0. Received: beta={self.beta}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToySettings:
    colored: bool = setting(False, "Coloured.")


@pytest.fixture
def models():
    """A table of models: toy has presets, bare has none."""
    preset = types.SimpleNamespace(
        config=ToyConfig(beta=0.5), steps=1000, batch_size=64, source="the paper"
    )
    fast = types.SimpleNamespace(
        config=ToyConfig(beta=0.1), steps=50, batch_size=8, source="a guess"
    )
    return {
        "toy": types.SimpleNamespace(
            config_class=ToyConfig, presets={"shapes": preset, "shapes_fast": fast}
        ),
        "bare": types.SimpleNamespace(config_class=ToyConfig, presets={}),
    }


@pytest.fixture
def datasets():
    """A table of data sets."""
    return {
        "shapes": types.SimpleNamespace(settings_class=ToySettings),
        "digits": types.SimpleNamespace(settings_class=ToySettings),
    }


@pytest.fixture
def record():
    """The record of a run of the toy model."""
    return RunRecord(
        model="toy",
        dataset="shapes",
        preset="shapes",
        options=RunOptions(steps=1000, batch_size=64),
        model_config=ToyConfig(beta=0.5, widths=(8, 16, 8)),
        dataset_settings=ToySettings(colored=True),
        image_shape=(28, 28, 1),
        data_source={"source": "rendered", "sha256": "00ff"},
    )
