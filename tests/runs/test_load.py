import dataclasses
import logging
import os
import pathlib
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

import ibgan_tf
from ibgan_tf.config import setting
from ibgan_tf.data import DATASETS
from ibgan_tf.models import MODELS
from ibgan_tf.runs import load
from ibgan_tf.runs.checkpoints import Checkpoints
from ibgan_tf.runs.options import RunOptions
from ibgan_tf.runs.record import RunRecord, write_record
from ibgan_tf.runs.weights import save_networks

# Keras 3.15's save_weights, under NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
ROOT = pathlib.Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TinyConfig:
    units: int = setting(4, "Units.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TinySettings:
    colored: bool = setting(False, "Coloured.")


class TinyModel(tf.keras.Model):
    """A model of the least form that a run needs."""

    config_class = TinyConfig

    def __init__(self, config, image_shape, *, seed=0, precision="float32"):
        super().__init__()
        self.arguments = (config, image_shape, seed, precision)
        self.generator = tf.keras.Sequential(
            [tf.keras.Input((3,)), tf.keras.layers.Dense(config.units)]
        )
        self.generator_optimizer = tf.keras.optimizers.RMSprop()
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.step = self.add_weight(shape=(), dtype="int64", name="step", trainable=False)

    def networks(self):
        return {"generator": self.generator}

    def fill(self, number):
        self.step.assign(number)
        for variable in self.generator.variables:
            variable.assign(tf.fill(variable.shape, float(number)))

    def filled_with(self):
        (value,) = {value for array in self.generator.get_weights() for value in array.flat}
        return value


class TinyDataset:
    """A data set that remembers how it was opened."""

    settings_class = TinySettings
    source = "rendered"
    sha256 = "00ff"

    def __init__(self, data_dir=None, *, split="train", **settings):
        self.arguments = (data_dir, split, settings)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run directory with functions that save a checkpoint and a snapshot of a step."""
    monkeypatch.setitem(MODELS, "tiny", TinyModel)
    monkeypatch.setitem(DATASETS, "points", TinyDataset)
    config = TinyConfig(units=5)
    record = RunRecord(
        model="tiny",
        dataset="points",
        preset="none",
        options=RunOptions(steps=100, batch_size=8, seed=3, precision="bfloat16"),
        model_config=config,
        dataset_settings=TinySettings(colored=True),
        image_shape=(28, 28, 1),
        data_source={"source": "rendered", "sha256": "00ff"},
    )
    write_record(tmp_path, record)
    model = TinyModel(config, (28, 28, 1))

    def save_checkpoint(step):
        model.fill(step)
        checkpoints = Checkpoints(tmp_path / "checkpoints", model=model, other=tf.Variable(0))
        checkpoints.save(step)

    def save_snapshot(step):
        model.fill(step)
        save_networks(tmp_path, model.networks(), step=step)

    return types.SimpleNamespace(
        path=tmp_path, record=record, save_checkpoint=save_checkpoint, save_snapshot=save_snapshot
    )


def test_the_newest_checkpoint_is_loaded(run):
    run.save_checkpoint(10)
    run.save_checkpoint(20)
    loaded = ibgan_tf.load_run(run.path)
    assert (loaded.step, int(loaded.model.step.numpy())) == (20, 20)
    assert loaded.model.filled_with() == 20
    assert loaded.config == run.record
    assert loaded.run_dir == run.path


def test_the_newest_snapshot_is_loaded_where_it_is_newer(run):
    run.save_checkpoint(10)
    run.save_snapshot(15)
    loaded = ibgan_tf.load_run(run.path)
    assert (loaded.step, int(loaded.model.step.numpy())) == (15, 15)
    assert loaded.model.filled_with() == 15


def test_a_run_without_checkpoints_is_loaded_from_its_snapshots(run):
    run.save_snapshot(5)
    run.save_snapshot(15)
    assert ibgan_tf.load_run(str(run.path)).model.filled_with() == 15


@pytest.mark.parametrize("step", [5, 10])
def test_a_given_step_may_be_a_snapshot_or_a_checkpoint(run, step):
    run.save_snapshot(5)
    run.save_checkpoint(10)
    run.save_checkpoint(20)
    loaded = ibgan_tf.load_run(run.path, step=step)
    assert (loaded.step, loaded.model.filled_with()) == (step, step)


def test_the_model_is_built_as_it_was_trained(run):
    run.save_snapshot(5)
    arguments = ibgan_tf.load_run(run.path).model.arguments
    assert arguments == (TinyConfig(units=5), (28, 28, 1), 3, "bfloat16")


def test_a_step_that_was_not_saved_is_an_error_that_lists_the_others(run):
    run.save_snapshot(5)
    run.save_checkpoint(10)
    with pytest.raises(FileNotFoundError, match=r"one of \[5, 10\]. Received: step=7"):
        ibgan_tf.load_run(run.path, step=7)


def test_a_run_without_weights_is_an_error_with_the_command_that_trains_it(run):
    with pytest.raises(FileNotFoundError) as error:
        ibgan_tf.load_run(run.path)
    assert f"python scripts/train.py --resume --run_dir={run.path}" in str(error.value)


def test_a_folder_that_is_no_run_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="run_dir must hold a run"):
        ibgan_tf.load_run(tmp_path / "missing")


def damage(run, step):
    os.truncate(run.path / "checkpoints" / f"ckpt-{step}.index", 10)


def test_a_damaged_checkpoint_gives_way_to_what_is_before_it(run, caplog):
    run.save_snapshot(5)
    run.save_checkpoint(10)
    damage(run, 10)
    with caplog.at_level(logging.WARNING):
        assert ibgan_tf.load_run(run.path).step == 5
    assert "The checkpoint of step 10" in caplog.text


def test_a_damaged_checkpoint_gives_way_to_the_snapshot_of_its_step(run):
    run.save_checkpoint(10)
    run.save_snapshot(10)
    damage(run, 10)
    assert ibgan_tf.load_run(run.path, step=10).model.filled_with() == 10


def test_a_checkpoint_that_a_trainer_removes_meanwhile_gives_way_to_what_is_before_it(
    run, monkeypatch
):
    def remove(directory, *, step):  # and find nothing, for it was looked at before
        for path in pathlib.Path(directory).glob(f"*-{step}.*"):
            path.unlink()

    run.save_snapshot(5)
    run.save_checkpoint(10)
    monkeypatch.setattr(load.checkpoints, "find_damage", remove)
    assert ibgan_tf.load_run(run.path).step == 5


def test_a_damaged_checkpoint_that_was_asked_for_is_an_error(run):
    run.save_checkpoint(5)
    run.save_checkpoint(10)
    damage(run, 10)
    with pytest.raises(ValueError, match=r"steps \[10\] are damaged"):
        ibgan_tf.load_run(run.path, step=10)


def test_loading_writes_nothing_and_needs_no_lock(run):
    run.save_checkpoint(10)
    (run.path / "checkpoints" / "checkpoint").write_text("")

    def listed():
        return sorted((path, path.stat().st_mtime_ns) for path in run.path.rglob("*"))

    before = listed()
    ibgan_tf.load_run(run.path)
    assert listed() == before


def test_the_data_set_is_opened_when_it_is_asked_for_with_its_settings(run):
    run.save_snapshot(5)
    loaded = ibgan_tf.load_run(run.path, data_dir="somewhere")
    assert loaded.dataset.arguments == ("somewhere", "train", {"colored": True})
    assert loaded.dataset is loaded.dataset


def test_other_data_than_the_run_was_trained_on_are_warned_of(run, monkeypatch, caplog):
    run.save_snapshot(5)
    monkeypatch.setattr(TinyDataset, "sha256", "1111")
    with caplog.at_level(logging.WARNING):
        assert ibgan_tf.load_run(run.path).dataset.sha256 == "1111"
    assert "was trained on rendered data of hash 00ff" in caplog.text


def test_a_loaded_model_computes_what_the_saved_one_did(run):
    run.save_checkpoint(10)
    loaded = ibgan_tf.load_run(run.path)
    inputs = np.ones([2, 3], np.float32)
    expected = inputs @ np.full([3, 5], 10.0) + 10.0
    np.testing.assert_allclose(loaded.model.generator(inputs), expected)


def test_importing_the_package_imports_nothing_heavy():
    code = "import ibgan_tf, sys; print(sorted({name.split('.')[0] for name in sys.modules}))"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "tensorflow" not in answer.stdout
    assert "numpy" not in answer.stdout


def test_a_name_that_the_package_lacks_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'load_runs'"):
        ibgan_tf.load_runs  # noqa: B018
