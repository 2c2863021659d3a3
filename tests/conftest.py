"""What a run directory holds, for comparing two runs."""

import hashlib
import pathlib

import numpy as np
import pytest

SPEEDS = ("steps_per_second", "images_per_second")


@pytest.fixture(scope="session")
def run_contents():
    """Gives a function that returns all that two equal runs have in common, bit for bit.

    That is all but times, speeds and how often a checkpoint was saved; arrays, pictures and events
    as hashes.
    """
    return _run_contents


def _run_contents(run_dir):
    from ibgan_tf.runs import checkpoints, run_directory

    run_dir = pathlib.Path(run_dir)
    rows = run_directory.read_rows(run_dir)
    pictures = sorted(path for path in run_dir.rglob("*.png"))
    return {
        "rows": [{k: v for k, v in row.items() if k not in SPEEDS} for row in rows],
        "newest checkpoint": _checkpoint(run_dir, checkpoints.checkpoint_steps),
        "snapshots": {
            str(path.relative_to(run_dir)): _h5_hashes(path) for path in run_dir.rglob("*.h5")
        },
        "pictures": {str(path.relative_to(run_dir)): _hash(path.read_bytes()) for path in pictures},
        "events": _events(run_dir / "events"),
    }


def _checkpoint(run_dir, steps_of):
    """Returns the newest checkpoint's step and the hashes of its values."""
    import tensorflow as tf

    steps = steps_of(run_dir / "checkpoints")
    if not steps:
        return None
    reader = tf.train.load_checkpoint(str(run_dir / "checkpoints" / f"ckpt-{steps[-1]}"))
    names = sorted(reader.get_variable_to_shape_map())
    ignored = ("save_counter", "_CHECKPOINTABLE_OBJECT_GRAPH")
    values = {name: reader.get_tensor(name) for name in names if not name.startswith(ignored)}
    return steps[-1], {
        name: value if isinstance(value, bytes) else _hash(np.asarray(value).tobytes())
        for name, value in values.items()
    }


def _h5_hashes(path):
    """Returns the hashes of a weight file's arrays."""
    import h5py

    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: _hash(item[()].tobytes())})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return found


def _events(folder):
    """Returns (step, tag, hash of the value) of all TensorBoard events, in order."""
    import tensorflow as tf
    from tensorboard.compat.proto import event_pb2

    found = []
    for path in folder.glob("*tfevents*") if folder.is_dir() else ():
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = event_pb2.Event.FromString(record)
            found += [
                (event.step, value.tag, _hash(value.tensor.SerializeToString()))
                for value in event.summary.value
                if value.tag not in SPEEDS
            ]
    return sorted(found)


def _hash(contents):
    return hashlib.sha256(contents).hexdigest()[:12]
