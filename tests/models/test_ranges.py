import types

import pytest

from ibgan_tf.models import ranges


@pytest.mark.parametrize(
    ("what", "inside", "outside"),
    [
        ("> 0", 1e-9, 0),
        (">= 0", 0, -1e-9),
        ("in [0, 1)", 0, 1),
        ("in [0, 1]", 1, 1.001),
    ],
)
def test_a_setting_must_be_in_its_range(what, inside, outside):
    ranges.require(types.SimpleNamespace(rate=inside), what, "rate")
    with pytest.raises(ValueError) as error:
        ranges.require(types.SimpleNamespace(rate=outside), what, "rate")
    assert str(error.value) == f"rate must be {what}. Received: rate={outside}"


def test_a_schedule_that_is_off_has_no_other_settings():
    def check(**settings):
        config = types.SimpleNamespace(**{"steps": 0, "start": 0.0, "hold_steps": 0} | settings)
        ranges.require_schedule(config, "steps", start=0.0, hold_steps=0)

    check()
    check(steps=5, start=0.1, hold_steps=3)
    with pytest.raises(ValueError) as error:
        check(hold_steps=3)
    assert str(error.value) == (
        "hold_steps must be 0 where steps is 0, for it has no effect. "
        "Received: hold_steps=3, steps=0"
    )


def test_the_bounds_of_labels_are_in_their_order():
    ranges.require_labels(types.SimpleNamespace(real_label_low=0.7, real_label_high=1.2))
    with pytest.raises(ValueError, match="real_label_low must be <= real_label_high"):
        ranges.require_labels(types.SimpleNamespace(real_label_low=1.2, real_label_high=0.7))


def test_the_mean_label_is_at_most_1():
    ranges.require_labels(types.SimpleNamespace(real_label_low=0.8, real_label_high=1.2))
    with pytest.raises(ValueError) as error:
        ranges.require_labels(types.SimpleNamespace(real_label_low=1.0, real_label_high=1.2))
    assert str(error.value) == (
        "real_label_low + real_label_high must be <= 2: with a mean label above 1 the "
        "discriminator's loss has no minimum. Received: real_label_low=1.0, real_label_high=1.2"
    )
