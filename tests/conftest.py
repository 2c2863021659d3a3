"""Scripts as subprocesses, a small run to look at, and what a run directory holds."""

import contextlib
import hashlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import types

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[1]
SPEEDS = ("steps_per_second", "images_per_second")


@pytest.fixture(scope="session")
def write_pictures():
    """Gives a function that writes a picture of random blocks to each path, of width x height."""
    from PIL import Image

    def write(paths, size, *, seed=0):
        blocks = np.random.default_rng(seed).integers(0, 256, [len(paths), 9, 7, 3], np.uint8)
        for path, colors in zip(paths, blocks, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(colors).resize(size, Image.Resampling.NEAREST).save(path, quality=95)

    return write


@pytest.fixture(scope="session")
def run_script():
    """Gives a function that runs a script and returns its finished process, with its texts."""

    def run(name, *arguments, folder="scripts"):
        command = [sys.executable, ROOT / folder / name, *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
        return subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300
        )

    return run


class ScriptServer:
    """Starts scripts as processes of their own, by script_server.py."""

    def __init__(self, process, folder):
        self._process, self._folder = process, folder

    def start(
        self,
        script,
        *arguments,
        cpus=1,
        largest_file=None,
        environment=None,
        errors_apart=False,
        tell_imports=False,
    ):
        """Starts a script; returns its process's id and the files of its output and errors.

        Args:
            script: its path in the project.
            *arguments: its own.
            cpus: how many logical devices there are.
            largest_file: how many bytes a file may grow to.
            environment: variables to add.
            errors_apart: whether errors have a file of their own.
            tell_imports: whether the last line of the output names the heavy modules it imported.
        """
        output = self._folder / f"{len(os.listdir(self._folder))}.out"
        errors = output.with_suffix(".err") if errors_apart else output
        for path in (output, errors):
            path.touch()
        number = self._ask(
            script=script,
            arguments=[str(argument) for argument in arguments],
            output=str(output),
            errors=str(errors),
            cpus=cpus,
            largest_file=largest_file,
            environment=environment or {},
            tell_imports=tell_imports,
        )
        return number, output, errors

    def wait_for(self, number):
        """Returns the exit code of a process, after waiting for its end; -9 if it was killed."""
        return self._ask(wait_for=number)

    def _ask(self, **request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@pytest.fixture(scope="session")
def script_server(tmp_path_factory):
    """Gives what starts scripts without importing TensorFlow each time."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
    with subprocess.Popen(
        [sys.executable, pathlib.Path(__file__).with_name("script_server.py")],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield ScriptServer(process, tmp_path_factory.mktemp("output"))
        process.stdin.close()


@pytest.fixture(scope="session")
def run_forked(script_server):
    """Gives a function like `run_script`, of processes that needn't import TensorFlow first."""

    def run(name, *arguments, folder="scripts"):
        number, output, errors = script_server.start(
            f"{folder}/{name}", *arguments, errors_apart=True
        )
        code = script_server.wait_for(number)
        return types.SimpleNamespace(
            returncode=code,
            stdout=output.read_text(errors="replace"),
            stderr=errors.read_text(errors="replace"),
        )

    return run


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """Gives the folder of a run at step 7: a narrow IB-GAN and a log of three rows.

    Its weights are random, but not so small as untrained ones, whose images are all grey.
    """
    from ibgan_tf.data.dsprites import DSpritesSettings
    from ibgan_tf.models.ibgan import IBGAN, IBGANConfig
    from ibgan_tf.runs import log, record, weights
    from ibgan_tf.runs.options import RunOptions

    run_dir = tmp_path_factory.mktemp("small_run")
    config = IBGANConfig(z_dim=4, r_dim=3, generator_width=2, discriminator_width=2)
    saved = record.RunRecord(
        model="ibgan",
        dataset="dsprites",
        preset="none",
        options=RunOptions(steps=7, batch_size=2),
        model_config=config,
        dataset_settings=DSpritesSettings(),
        image_shape=(64, 64, 1),
        data_source={"source": "rendered"},
    )
    record.write_record(run_dir, saved)
    networks = IBGAN(config, saved.image_shape).networks()
    _set_weights(networks.values())
    weights.save_networks(run_dir, networks, step=7)
    scalars = ("discriminator_loss", "generator_loss", "information_upper_bound")
    scalars += ("probability_real", "probability_generated", "information_lower_bound", "kl/r00")
    for step in (1, 4, 7):
        log.append_row(run_dir, {"step": step, **dict.fromkeys(scalars, 0.5)})
    return run_dir


@pytest.fixture(scope="session")
def narrow():
    """Gives a function that returns settings with networks of width 2 and codes of 3."""
    from ibgan_tf import config as configs

    def change(config):
        sizes = {"_width": 2, "_dim": 3}
        kinds = configs.field_types(type(config))
        changes = {
            field: size
            for ending, size in sizes.items()
            for field, kind in kinds.items()
            if field.endswith(ending) and kind is int
        }
        return configs.override(config, changes)

    return change


@pytest.fixture(scope="session")
def set_weights():
    """Gives a function that draws weights of networks, by which images aren't all grey."""
    return _set_weights


def _set_weights(networks):
    """Draws weights with which every layer's outputs are of order 1."""
    generator = np.random.default_rng(0)
    for weight in [weight for network in networks for weight in network.weights]:
        if len(weight.shape) > 1:
            scale = 1.0 / np.prod(weight.shape[:-1]) ** 0.5
            values = scale * generator.standard_normal(weight.shape)
        else:
            values = generator.uniform(0.5, 1.5, weight.shape)
        weight.assign(values)


@pytest.fixture(scope="session")
def published(tmp_path_factory, small_run):
    """Gives the small run, loaded and exported: run, path of the version, lines of the report."""
    import ibgan_tf
    from ibgan_tf.serving import export

    run, report = ibgan_tf.load_run(small_run), []
    model_dir = tmp_path_factory.mktemp("models") / "small-ibgan"
    path = export.export_run(run, model_dir, report=report.append)
    return types.SimpleNamespace(run=run, path=path, report=report)


@pytest.fixture
def full_disk():
    """A context in which no file grows past a number of bytes, as if the disk were full.

    Python ignores the signal that the system sends, so writing fails with an error.
    """

    @contextlib.contextmanager
    def limited(num_bytes):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


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


@pytest.fixture
def error_line(capsys):
    """Gives a function that returns what a script printed: one line, on stderr."""

    def read():
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        return captured.err.strip()

    return read
