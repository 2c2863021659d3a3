import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.models import schedules


@pytest.mark.parametrize(
    ("step", "value"), [(0, 2.0), (10, 2.0), (15, 3.5), (30, 8.0), (31, 8.0), (10**6, 8.0)]
)
def test_a_value_stays_changes_linearly_and_stays(step, value):
    found = schedules.linear(
        tf.constant(step, tf.int64), start=2.0, end=8.0, steps=20, hold_steps=10
    )
    np.testing.assert_allclose(found, value, rtol=1e-6)


def test_a_value_may_fall_from_the_first_step_on():
    found = [schedules.linear(tf.constant(s), start=1.0, end=0.0, steps=4) for s in (0, 1, 4, 5)]
    np.testing.assert_allclose(found, [1.0, 0.75, 0.0, 0.0])
