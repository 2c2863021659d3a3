"""The settings and presets of IB-GAN."""

import dataclasses

import pytest

from ibgan_tf.models.ibgan import PRESETS, IBGANConfig

# The official settings, in the order of COLUMNS.
COLUMNS = [
    "z_dim",
    "r_dim",
    "generator_width",
    "discriminator_width",
    "beta",
    "generator_learning_rate",
    "discriminator_learning_rate",
    "instance_noise_start",
    "instance_noise_end",
    "instance_noise_steps",
    "real_label_low",
    "real_label_high",
    "trunk",
    "encoder",
    "initialization",
]
DSPRITES = ("separate", "32-32", "normal")
CELEBA = ("shared", "64-64-32", "orthogonal")
OFFICIAL = {
    "dsprites": (16, 10, 16, 16, 0.141, 5e-5, 1e-6, 1, 0, 100_000, 1, 1, *DSPRITES),
    "color_dsprites": (16, 10, 16, 16, 0.071, 5e-5, 1e-6, 1, 0, 100_000, 1, 1, *DSPRITES),
    "celeba": (64, 15, 64, 64, 0.35, 5e-5, 2e-6, 0.5, 0.01, 1_000_000, 0.7, 1.2, *CELEBA),
    "chairs3d": (64, 10, 32, 16, 0.325, 5e-5, 2e-6, 0.5, 0.01, 700_000, 0.7, 1.2, *CELEBA),
}
STEPS = {
    "dsprites": 150_000,
    "color_dsprites": 500_000,
    "celeba": 1_000_000,
    "chairs3d": 700_000,
}


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_preset_has_the_official_numbers(name):
    preset = PRESETS[name]
    assert tuple(getattr(preset.config, column) for column in COLUMNS) == OFFICIAL[name]
    assert (preset.steps, preset.batch_size) == (STEPS[name], 64)


@pytest.mark.parametrize("name", OFFICIAL)
def test_official_presets_share_optimizer_objective_and_order(name):
    config = PRESETS[name].config
    assert (config.rho, config.momentum, config.epsilon) == (0.99, 0.9, 1e-16)
    assert config.information_weight == 1
    assert config.update_order == "alternating"
    assert config.reconstruct_real_images


def test_the_defaults_are_those_for_dsprites():
    assert IBGANConfig() == PRESETS["dsprites"].config


@pytest.mark.parametrize("name", ["dsprites", "color_dsprites"])
def test_a_fast_preset_differs_from_the_official_one_in_its_schedules_only(name):
    official = dataclasses.asdict(PRESETS[name].config)
    fast = dataclasses.asdict(PRESETS[f"{name}_fast"].config)
    changed = {name for name in official if fast[name] != official[name]}
    assert changed <= {
        "beta_start",
        "beta_hold_steps",
        "beta_steps",
        "learning_rate_end",
        "learning_rate_hold_steps",
        "learning_rate_steps",
        "generator_learning_rate",
        "discriminator_learning_rate",
        "instance_noise_start",
        "instance_noise_end",
        "instance_noise_steps",
        "update_order",
    }


BAD = {
    "z_dim": (0, "> 0"),
    "r_dim": (-1, "> 0"),
    "generator_width": (0, "> 0"),
    "discriminator_width": (0, "> 0"),
    "generator_learning_rate": (0.0, "> 0"),
    "discriminator_learning_rate": (-1e-6, "> 0"),
    "epsilon": (0.0, "> 0"),
    "instance_noise_steps": (0, "> 0"),
    "beta": (-1.0, ">= 0"),
    "information_weight": (-0.5, ">= 0"),
    "learning_rate_end": (-0.1, ">= 0"),
    "learning_rate_hold_steps": (-1, ">= 0"),
    "learning_rate_steps": (-1, ">= 0"),
    "instance_noise_start": (-1.0, ">= 0"),
    "instance_noise_end": (-0.1, ">= 0"),
    "rho": (1.0, "in [0, 1)"),
    "momentum": (-0.1, "in [0, 1)"),
    "real_label_low": (-1.0, ">= 0"),
    "beta_start": (-0.1, ">= 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_number_out_of_its_range_is_refused_in_one_line(name):
    value, rule = BAD[name]
    with pytest.raises(ValueError) as refusal:
        IBGANConfig(**{name: value})
    assert str(refusal.value) == f"{name} must be {rule}. Received: {name}={value}"


def test_labels_in_the_wrong_order_are_refused_in_one_line():
    with pytest.raises(ValueError) as refusal:
        IBGANConfig(real_label_low=1.2, real_label_high=0.7)
    assert str(refusal.value) == (
        "real_label_low must be <= real_label_high. "
        "Received: real_label_low=1.2, real_label_high=0.7"
    )


@pytest.mark.parametrize(
    ("name", "value", "steps"),
    [
        ("beta_start", 0.05, "beta_steps"),
        ("beta_hold_steps", 10, "beta_steps"),
        ("learning_rate_end", 0.1, "learning_rate_steps"),
        ("learning_rate_hold_steps", 10, "learning_rate_steps"),
    ],
)
def test_a_setting_of_a_schedule_that_is_off_is_refused(name, value, steps):
    with pytest.raises(ValueError, match=f"{name} must be .* where {steps} is 0, .*={value}"):
        IBGANConfig(**{name: value})
    IBGANConfig(**{name: value, steps: 10})


@pytest.mark.parametrize(
    ("name", "value", "suggested"),
    [
        ("trunk", "share", "shared"),
        ("encoder", "32-3", "32-32"),
        ("initialization", "orthogonl", "orthogonal"),
        ("update_order", "alternate", "alternating"),
    ],
)
def test_a_misspelt_choice_is_refused_with_the_nearest(name, value, suggested):
    with pytest.raises(ValueError) as refusal:
        IBGANConfig(**{name: value})
    message = str(refusal.value)
    assert message.startswith(f"{name} must be one of: ")
    assert message.endswith(f"Received: {name}={value!r}. Did you mean {suggested!r}?")
    assert "\n" not in message
