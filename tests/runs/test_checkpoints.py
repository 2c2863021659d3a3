import itertools
import logging
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf import atomic
from ibgan_tf.runs.checkpoints import (
    Checkpoints,
    checkpoint_steps,
    find_damage,
    read_checkpoint,
)

ROOT = pathlib.Path(__file__).parents[2]
SAVE_FOR_EVER = """
import itertools, sys
import tensorflow as tf
from ibgan_tf.runs.checkpoints import Checkpoints
value = tf.Variable(tf.zeros([500_000], tf.int64))
checkpoints = Checkpoints(sys.argv[1], value=value)
for step in itertools.count(1):
    value.assign_add(tf.ones_like(value))
    checkpoints.save(step)
    print(step, flush=True)
"""


class Toy(tf.keras.Model):
    """A network and its optimizer, built, as the models of this package are."""

    def __init__(self):
        super().__init__()
        layers = tf.keras.layers
        self.network = tf.keras.Sequential(
            [tf.keras.Input((3,)), layers.Dense(4), layers.BatchNormalization()]
        )
        self.optimizer_of_network = tf.keras.optimizers.RMSprop(0.1, momentum=0.9)
        self.optimizer_of_network.build(self.network.trainable_variables)
        self.step = self.add_weight(shape=(), dtype="int64", name="step", trainable=False)

    def all_variables(self):
        return [*self.network.variables, *self.optimizer_of_network.variables, self.step]

    def fill(self, number):
        for variable in self.all_variables():
            variable.assign(tf.cast(tf.fill(variable.shape, number), variable.dtype))

    def is_filled(self, number):
        return all(np.all(variable.numpy() == number) for variable in self.all_variables())


@pytest.fixture
def saved(tmp_path):
    """A folder of the checkpoints of steps 1, 2 and 3, in which all values are the step."""
    toy = Toy()
    checkpoints = Checkpoints(tmp_path, model=toy)
    for step in (1, 2, 3):
        toy.fill(step)
        checkpoints.save(step)
    return tmp_path


def names(folder, step):
    """The two files of a checkpoint."""
    return [folder / f"ckpt-{step}.index", folder / f"ckpt-{step}.data-00000-of-00001"]


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    os.truncate(path, 0)


def flip_a_bit(path):
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 3] ^= 4
    path.write_bytes(contents)


def test_everything_comes_back_optimizers_too(saved):
    toy = Toy()
    assert Checkpoints(saved, model=toy).restore_newest() == 3
    assert len(toy.all_variables()) > 12
    assert toy.is_filled(3)


def test_without_a_checkpoint_nothing_is_restored(tmp_path):
    toy = Toy()
    toy.fill(7)
    assert Checkpoints(tmp_path / "new", model=toy).restore_newest() is None
    assert toy.is_filled(7)


def test_only_the_newest_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2, value=tf.Variable(0))
    for step in range(1, 6):
        checkpoints.save(step)
    assert checkpoint_steps(tmp_path) == [4, 5]
    assert len(os.listdir(tmp_path)) == 5


def test_a_resumed_run_goes_on_removing_the_oldest(saved):
    checkpoints = Checkpoints(saved, model=Toy())
    checkpoints.restore_newest()
    checkpoints.save(4)
    assert checkpoint_steps(saved) == [2, 3, 4]


def test_a_step_that_is_saved_already_is_not_put_at_risk(saved):
    before = [path.stat().st_mtime_ns for path in names(saved, 3)]
    checkpoints = Checkpoints(saved, model=Toy())
    checkpoints.restore_newest()
    checkpoints.save(3)
    assert [path.stat().st_mtime_ns for path in names(saved, 3)] == before


@pytest.mark.parametrize(
    ("part", "damage"),
    [
        *itertools.product([0, 1], [truncate, empty, flip_a_bit]),
        (1, os.remove),  # without its index, it is a save that was killed
    ],
)
def test_a_damaged_checkpoint_gives_way_to_the_one_before(saved, caplog, part, damage):
    damage(names(saved, 3)[part])
    toy = Toy()
    with caplog.at_level(logging.WARNING):
        assert Checkpoints(saved, model=toy).restore_newest() == 2
    assert toy.is_filled(2)
    assert "The checkpoint of step 3" in caplog.text
    assert "falling back" in caplog.text


def test_a_damaged_checkpoint_is_replaced_when_its_step_comes_again(saved):
    flip_a_bit(names(saved, 3)[1])
    toy = Toy()
    checkpoints = Checkpoints(saved, model=toy)
    checkpoints.restore_newest()
    toy.fill(3)
    checkpoints.save(3)
    assert find_damage(saved, step=3) is None
    assert checkpoint_steps(saved) == [1, 2, 3]


def test_a_damaged_checkpoint_is_removed_when_a_new_one_is_there(saved):
    flip_a_bit(names(saved, 3)[1])
    checkpoints = Checkpoints(saved, model=Toy())
    checkpoints.restore_newest()
    assert checkpoint_steps(saved) == [1, 2, 3]
    checkpoints.save(5)
    assert checkpoint_steps(saved) == [1, 2, 5]


def test_all_checkpoints_damaged_is_an_error(saved):
    for step in (1, 2, 3):
        truncate(names(saved, step)[1])
    with pytest.raises(ValueError, match=r"steps \[1, 2, 3\] are all damaged"):
        Checkpoints(saved, model=Toy()).restore_newest()
    assert checkpoint_steps(saved) == [1, 2, 3]


@pytest.mark.parametrize(
    "text", ["", 'model_checkpoint_path: "ckpt-9"\nall_model_checkpoint_paths: "ckpt-9"\n', "?{"]
)
def test_an_empty_or_stale_state_file_is_rebuilt_from_the_disk(saved, text):
    (saved / "checkpoint").write_text(text)
    toy = Toy()
    assert Checkpoints(saved, model=toy).restore_newest() == 3
    assert toy.is_filled(3)
    assert tf.train.latest_checkpoint(str(saved)) == str(saved / "ckpt-3")
    assert len(tf.train.get_checkpoint_state(str(saved)).all_model_checkpoint_paths) == 3


def test_a_missing_state_file_is_rebuilt_from_the_disk(saved):
    (saved / "checkpoint").unlink()
    assert Checkpoints(saved, model=Toy()).restore_newest() == 3
    assert tf.train.latest_checkpoint(str(saved)) == str(saved / "ckpt-3")


def test_the_state_file_names_no_damaged_checkpoint(saved):
    empty(names(saved, 3)[0])
    Checkpoints(saved, model=Toy()).restore_newest()
    assert tf.train.latest_checkpoint(str(saved)) == str(saved / "ckpt-2")


def test_what_killed_saves_left_is_removed(saved):
    (saved / "ckpt-4_temp").mkdir()
    (saved / "ckpt-4_temp" / "part-00000-of-00001.data").write_bytes(b"half")
    (saved / "ckpt-4.data-00000-of-00001").write_bytes(b"half")
    (saved / "checkpoint.tmp0123").write_text("half")
    checkpoints = Checkpoints(saved, model=Toy())
    assert checkpoints.restore_newest() == 3
    checkpoints.save(5)
    expected = [path.name for step in (2, 3, 5) for path in names(saved, step)]
    assert sorted(os.listdir(saved)) == sorted(["checkpoint", *expected])


@pytest.mark.parametrize("room", [0, 100, 30_000])
def test_on_a_full_disk_the_older_checkpoints_stay_and_nothing_else(tmp_path, full_disk, room):
    value = tf.Variable(tf.ones([10_000]))
    checkpoints = Checkpoints(tmp_path, value=value)
    checkpoints.save(1)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with full_disk(room), pytest.raises(OSError) as error:
        checkpoints.save(2)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert str(error.value).startswith("The checkpoint of step 2 must be written to the disk. ")
    assert "File too large. Free space there" in str(error.value)
    assert "\n" not in str(error.value)
    checkpoints.save(2)
    assert checkpoint_steps(tmp_path) == [1, 2]


def test_kill_9_while_saving_leaves_an_intact_checkpoint(tmp_path):
    command = [sys.executable, "-c", SAVE_FOR_EVER, str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        reported = [int(process.stdout.readline()) for _ in range(7)][-1]
        process.send_signal(signal.SIGKILL)
    value = tf.Variable(tf.zeros([500_000], tf.int64))
    step = Checkpoints(tmp_path, value=value).restore_newest()
    assert step >= reported
    assert np.all(value.numpy() == step)
    assert not list(tmp_path.glob("*_temp"))


def test_a_variable_that_the_checkpoint_lacks_is_an_error(tmp_path):
    Checkpoints(tmp_path, a=tf.Variable(1)).save(1)
    checkpoints = Checkpoints(tmp_path, a=tf.Variable(0), b=tf.Variable(0))
    with pytest.raises(ValueError, match="step 1 .* must hold exactly the variables"):
        checkpoints.restore_newest()


def test_a_variable_that_the_checkpoint_alone_has_is_an_error(tmp_path):
    Checkpoints(tmp_path, a=tf.Variable(1), b=tf.Variable(1)).save(1)
    with pytest.raises(ValueError, match="step 1 .* must hold exactly the variables"):
        Checkpoints(tmp_path, a=tf.Variable(0)).restore_newest()


def test_a_variable_of_another_shape_is_an_error(tmp_path):
    Checkpoints(tmp_path, a=tf.Variable([1, 2])).save(1)
    with pytest.raises(ValueError):
        Checkpoints(tmp_path, a=tf.Variable([1, 2, 3])).restore_newest()


def test_an_optimizer_that_was_not_built_is_an_error(saved):
    toy = Toy()
    toy.optimizer_of_network = tf.keras.optimizers.RMSprop(0.1, momentum=0.9)
    with pytest.raises(ValueError, match="must hold exactly the variables"):
        Checkpoints(saved, model=toy).restore_newest()


def test_reading_restores_what_is_given_and_writes_nothing(tmp_path):
    toy = Toy()
    toy.fill(5)
    Checkpoints(tmp_path, model=toy, other=tf.Variable(1)).save(5)
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.iterdir())
    toy.fill(0)
    read_checkpoint(tmp_path, step=5, model=toy)
    assert toy.is_filled(5)
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.iterdir()) == before


def test_reading_into_a_model_of_another_form_is_an_error(tmp_path):
    Checkpoints(tmp_path, a=tf.Variable(1)).save(1)
    with pytest.raises(ValueError, match="must hold the variables of the model"):
        read_checkpoint(tmp_path, step=1, b=tf.Variable(1))


def test_a_missing_folder_has_no_checkpoints(tmp_path):
    assert checkpoint_steps(tmp_path / "missing") == []


def test_other_files_are_not_taken_for_checkpoints(tmp_path):
    for name in ("ckpt-.index", "ckpt-x.index", "other-1.index", "ckpt-1.data-00000-of-00001"):
        (tmp_path / name).touch()
    assert checkpoint_steps(tmp_path) == []


def test_a_checkpoint_is_on_the_disk_when_it_is_saved(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(atomic, "sync", synced.append)
    Checkpoints(tmp_path, value=tf.Variable(1)).save(4)
    written = set(tmp_path.glob("ckpt-4.*"))
    assert len(written) == 2 and {*written, tmp_path} <= set(synced)
