import os

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.runs import weights
from ibgan_tf.runs.weights import load_networks, save_networks, saved_steps

# Keras 3.15's save_weights, under NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def network(*, units=4, value=None):
    """A network, all of whose weights are the value."""
    layers = tf.keras.layers
    built = tf.keras.Sequential(
        [tf.keras.Input((3,)), layers.Dense(units), layers.BatchNormalization()]
    )
    for variable in built.variables if value is not None else ():
        variable.assign(tf.fill(variable.shape, float(value)))
    return built


def is_filled(built, value):
    return all(np.all(variable.numpy() == value) for variable in built.variables)


def test_networks_get_the_weights_they_were_saved_with(tmp_path):
    save_networks(tmp_path, {"generator": network(value=1), "encoder": network(value=2)}, step=7)
    networks = {"generator": network(), "encoder": network()}
    load_networks(tmp_path, networks, step=7)
    assert is_filled(networks["generator"], 1)
    assert is_filled(networks["encoder"], 2)
    files = sorted(os.listdir(tmp_path / "weights" / "step-7"))
    assert files == ["encoder.weights.h5", "generator.weights.h5"]


def test_steps_come_in_order(tmp_path):
    for step in (200, 1000, 50):
        save_networks(tmp_path, {"generator": network()}, step=step)
    (tmp_path / "weights" / "step-x").mkdir()
    assert saved_steps(tmp_path) == [50, 200, 1000]


def test_a_run_without_snapshots_has_no_steps(tmp_path):
    assert saved_steps(tmp_path) == []


def test_a_snapshot_of_the_same_step_is_replaced(tmp_path):
    for value in (1, 2):
        save_networks(tmp_path, {"generator": network(value=value)}, step=7)
    loaded = network()
    load_networks(tmp_path, {"generator": loaded}, step=7)
    assert is_filled(loaded, 2)
    assert os.listdir(tmp_path / "weights") == ["step-7"]


@pytest.mark.parametrize("room", [0, 3_000, 12_000])
def test_on_a_full_disk_the_older_snapshots_stay_and_nothing_else(tmp_path, full_disk, room):
    save_networks(tmp_path, {"generator": network(value=1)}, step=7)
    large = {"generator": network(units=10_000)}
    for step in (7, 8):
        with full_disk(room), pytest.raises(OSError) as error:
            save_networks(tmp_path, large, step=step)
        assert str(error.value).startswith(f"The weights of step {step} must be written")
        assert "\n" not in str(error.value)
    assert os.listdir(tmp_path / "weights") == ["step-7"]
    loaded = network()
    load_networks(tmp_path, {"generator": loaded}, step=7)
    assert is_filled(loaded, 1)


def test_the_space_that_is_claimed_holds_what_hdf5_writes(tmp_path):
    for made in (network(), network(units=10_000)):
        save_networks(tmp_path, {"generator": made}, step=1)
        written = (tmp_path / "weights" / "step-1" / "generator.weights.h5").stat().st_size
        claimed = sum(w.numpy().nbytes + weights._HDF5_OVERHEAD for w in made.weights)
        assert written <= claimed


def test_what_a_killed_writer_left_is_removed(tmp_path):
    (tmp_path / "weights" / ".tmp-0123").mkdir(parents=True)
    save_networks(tmp_path, {"generator": network()}, step=7)
    assert os.listdir(tmp_path / "weights") == ["step-7"]


def test_a_network_without_file_is_an_error_that_lists_the_steps(tmp_path):
    save_networks(tmp_path, {"generator": network()}, step=7)
    with pytest.raises(FileNotFoundError, match=r"step=8.*Steps with weights: \[7\]"):
        load_networks(tmp_path, {"generator": network()}, step=8)
    with pytest.raises(FileNotFoundError, match="network='encoder'"):
        load_networks(tmp_path, {"encoder": network()}, step=7)


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, size):
    save_networks(tmp_path, {"generator": network()}, step=7)
    os.truncate(tmp_path / "weights" / "step-7" / "generator.weights.h5", size)
    with pytest.raises(ValueError, match="generator.weights.h5 must hold the weights"):
        load_networks(tmp_path, {"generator": network()}, step=7)


def test_weights_of_a_network_of_another_form_are_an_error(tmp_path):
    save_networks(tmp_path, {"generator": network(units=4)}, step=7)
    with pytest.raises(ValueError, match="must hold the weights of the network 'generator'"):
        load_networks(tmp_path, {"generator": network(units=5)}, step=7)


def test_a_network_name_that_could_leave_the_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="network must be made of letters"):
        save_networks(tmp_path, {"../generator": network()}, step=7)
    assert os.listdir(tmp_path) == []
