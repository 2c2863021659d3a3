"""Snapshots of the networks' weights, without optimizers: weights/step-N/<network>.weights.h5."""

import math
import os
import pathlib
import re
from collections.abc import Mapping

import tensorflow as tf

from ibgan_tf import atomic, registry

WEIGHTS_FOLDER = "weights"
_HDF5_OVERHEAD = 16_384  # bytes per array, more than HDF5's headers were seen to take


def save_networks(
    run_dir: str | os.PathLike[str], networks: Mapping[str, tf.keras.Model], *, step: int
) -> None:
    """Writes a snapshot, whole or not at all, in place of an older one of the same step.

    Args:
        run_dir: the run directory; only one process writes it.
        networks: name -> built network.
        step: the training steps that have been done.

    Raises:
        ValueError: a network's name isn't fit for a file's name.
        OSError: the disk is full.
    """
    files = {_file_name(name): network for name, network in networks.items()}
    folder = _folder(run_dir, step)
    folder.parent.mkdir(exist_ok=True)
    atomic.remove_leftovers(folder.parent)
    try:
        with atomic.replacing_folder(folder) as temporary:
            _claim_space(temporary, files)
            for file_name, network in files.items():
                network.save_weights(temporary / file_name)
    except (OSError, RuntimeError) as error:  # HDF5 raises either
        reason = str(error).splitlines()[0]
        raise OSError(
            f"The weights of step {step} must be written to the disk. Received: folder={folder}, "
            f"{reason}. Free space there; what was there before is intact."
        ) from error


def _claim_space(folder: pathlib.Path, files: Mapping[str, tf.keras.Model]) -> None:
    """Writes and removes files as large as the snapshot's, so that a full disk is told here.

    HDF5 must not meet it: a file that it can't finish crashes Python when the process ends.

    Args:
        folder: where the snapshot will be written.
        files: file name -> network.

    Raises:
        OSError: there isn't room.
    """
    for name, network in files.items():
        size = sum(
            math.prod(weight.shape) * tf.as_dtype(weight.dtype).size + _HDF5_OVERHEAD
            for weight in network.weights
        )
        with open(folder / name, "wb") as file:
            file.write(bytes(size))
            file.flush()
            os.fsync(file.fileno())
    for name in files:
        (folder / name).unlink()


def load_networks(
    run_dir: str | os.PathLike[str], networks: Mapping[str, tf.keras.Model], *, step: int
) -> None:
    """Gives networks the weights of a snapshot.

    Args:
        run_dir: the run directory.
        networks: name -> built network; the snapshot may hold others too.
        step: a step of `saved_steps`.

    Raises:
        FileNotFoundError: there is no such snapshot, or it lacks a network.
        ValueError: a file is damaged, or is of a network of another form.
    """
    for name, network in networks.items():
        path = _folder(run_dir, step) / _file_name(name)
        if not path.exists():
            raise FileNotFoundError(
                f"{path} must exist. Received: step={step}, network={name!r}. Steps with weights: "
                f"{saved_steps(run_dir)}."
            )
        try:
            network.load_weights(path)
        except (OSError, KeyError, RuntimeError, ValueError) as error:  # of h5py and of Keras
            reason = " ".join(str(error).split())[:200]
            raise ValueError(
                f"{path} must hold the weights of the network {name!r}. Received: {reason}. Choose "
                f"another step of {saved_steps(run_dir)}."
            ) from error


def saved_steps(run_dir: str | os.PathLike[str]) -> list[int]:
    """Returns the steps that have a snapshot, ascending.

    Args:
        run_dir: the run directory.

    Returns:
        Steps; none if there is no folder of weights.
    """
    folders = (pathlib.Path(run_dir) / WEIGHTS_FOLDER).glob("step-*")
    matches = [re.fullmatch(r"step-(\d+)", folder.name) for folder in folders]
    return sorted(int(match[1]) for match in matches if match)


def _folder(run_dir: str | os.PathLike[str], step: int) -> pathlib.Path:
    """Returns the folder of a snapshot."""
    return pathlib.Path(run_dir) / WEIGHTS_FOLDER / f"step-{step}"


def _file_name(network_name: str) -> str:
    """Returns the name of a network's file."""
    return registry.check_file_name(network_name, kind="network") + ".weights.h5"
