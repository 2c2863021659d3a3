import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.training.interval import ReportInterval

ROWS = np.array([[0.1, 4.0], [0.2, 5.0], [0.7, 9.0]], np.float32)
NAMES = ["loss", "kl"]


def test_means_are_those_of_the_steps_since_the_last_report():
    interval = ReportInterval()
    interval.add(NAMES, ROWS[:1])
    interval.clear()
    interval.add(NAMES, ROWS)
    expected = np.mean(ROWS.astype(np.float64), axis=0)
    assert interval.means() == pytest.approx(dict(zip(NAMES, expected, strict=True)), rel=1e-12)


def test_the_means_do_not_depend_on_how_steps_share_calls():
    rows = np.random.default_rng(0).normal(size=[50, 2]).astype(np.float32)
    together, apart = ReportInterval(), ReportInterval()
    together.add(NAMES, rows)
    for part in np.split(rows, [1, 4, 30]):
        apart.add(NAMES, part)
    assert apart.means() == together.means()


def test_an_interval_goes_on_from_what_a_checkpoint_saved(tmp_path):
    whole, begun, resumed = ReportInterval(), ReportInterval(), ReportInterval()
    whole.add(NAMES, ROWS)
    begun.add(NAMES, ROWS[:2])
    begun.prepare_save()
    path = tf.train.Checkpoint(interval=begun.saved).write(str(tmp_path / "ckpt"))
    tf.train.Checkpoint(interval=resumed.saved).read(path).assert_consumed()
    resumed.take_saved()
    resumed.add(NAMES, ROWS[2:])
    assert resumed.means() == whole.means()


def test_an_interval_without_a_checkpoint_begins_empty():
    interval = ReportInterval()
    interval.take_saved()
    assert interval.means() == {}
