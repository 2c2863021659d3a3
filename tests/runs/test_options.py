import dataclasses

import pytest

from ibgan_tf.runs.options import CHANGEABLE_ON_RESUME, RunOptions


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        ("steps", 0, 1),
        ("batch_size", 0, 1),
        ("seed", -1, 0),
        ("report_every", 0, 1),
        ("picture_every", -1, 0),
        ("checkpoint_every", 0, 1),
        ("snapshot_every", -1, 0),
        ("evaluate_every", -1, 0),
        ("threads", -1, 0),
        ("steps_per_call", 0, 1),
    ],
)
def test_a_number_below_its_range_is_refused(name, value, least):
    with pytest.raises(ValueError) as error:
        RunOptions(**{"steps": 1, "batch_size": 1, name: value})
    assert str(error.value) == f"{name} must be >= {least}. Received: {name}={value}."


def test_evaluations_come_with_a_report():
    RunOptions(steps=1, batch_size=1, report_every=3, evaluate_every=6)
    with pytest.raises(ValueError, match="Received: evaluate_every=5, report_every=3."):
        RunOptions(steps=1, batch_size=1, report_every=3, evaluate_every=5)


def test_a_seed_fits_in_31_bits():
    with pytest.raises(ValueError, match=r"seed must be < 2\*\*31. Received: seed=2147483648"):
        RunOptions(steps=1, batch_size=1, seed=2**31)


def test_float16_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="losses scaled.*Received: precision='float16'"):
        RunOptions(steps=1, batch_size=1, precision="float16")


def test_an_unknown_strategy_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"Did you mean 'mirrored'\?"):
        RunOptions(steps=1, batch_size=1, strategy="mirrord")


def test_what_may_change_on_resume_are_options():
    names = {field.name for field in dataclasses.fields(RunOptions)}
    assert set(CHANGEABLE_ON_RESUME) <= names


def test_every_option_has_a_help_text():
    assert all(field.metadata["help"] for field in dataclasses.fields(RunOptions))
