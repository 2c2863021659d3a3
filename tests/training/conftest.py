"""Runs of the toy model in this process, and what can befall them."""

import contextlib
import pathlib
import resource
import runpy
import signal
import types

import pytest
import tensorflow as tf

from ibgan_tf.models import MODELS
from ibgan_tf.runs.options import RunOptions
from ibgan_tf.runs.run_directory import RunRecord
from ibgan_tf.training import callbacks, loop


def _load(name: str) -> types.SimpleNamespace:
    return types.SimpleNamespace(**runpy.run_path(str(pathlib.Path(__file__).with_name(name))))


toy, pictured = _load("toy.py"), _load("pictured.py")


@pytest.fixture(autouse=True)
def signals_as_before():
    """Puts back the handlers of signals, which a run that was told to end leaves ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def fake_model():
    """The class of a model that generates from z or r."""
    return pictured.FakeModel


@pytest.fixture
def fake_infogan():
    """The class of a model that generates from noise, codes and a category side by side."""
    return pictured.FakeInfoGAN


@pytest.fixture
def fake_dataset():
    """The class of a data set of even grey images."""
    return pictured.FakeDataset


@pytest.fixture
def toy_config():
    """The config class of the toy model."""
    return toy.ToyConfig


@pytest.fixture
def toy_images():
    """The toy data set."""
    return toy.ToyImages()


@pytest.fixture
def toy_model():
    """Gives a function that makes the toy model."""
    return lambda: toy.ToyModel(toy.ToyConfig(), toy.ToyImages.image_shape)


@pytest.fixture
def toy_record():
    """Gives a function that returns the record of a run of the toy model."""
    return lambda **options: record_of(toy.ToyConfig(), **options)


def record_of(model_config, **options):
    """Returns the record of a run of the toy model on the toy images."""
    settings = {
        "steps": 12,
        "batch_size": 4,
        "report_every": 3,
        "picture_every": 0,
        "checkpoint_every": 4,
        "steps_per_call": 5,
    }
    return RunRecord(
        model="toy",
        dataset="toy",
        preset="none",
        options=RunOptions(**settings | options),
        model_config=model_config,
        dataset_settings=toy.ToySettings(),
        image_shape=toy.ToyImages.image_shape,
        data_source={"source": toy.ToyImages.source, "sha256": toy.ToyImages.sha256},
    )


@pytest.fixture(scope="module")
def train():
    """Gives a function that trains the toy model in this process and returns the status."""

    def run(run_dir, *, resume=False, model_config=None, **options):
        return loop.train(
            run_dir,
            record_of(model_config or toy.ToyConfig(), **options),
            toy.ToyImages(),
            strategy=tf.distribute.get_strategy(),
            command=["train.py", "--dataset=toy"],
            resume=resume,
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "toy", toy.ToyModel)
        yield run


@pytest.fixture(scope="module")
def plain_run(train, tmp_path_factory):
    """A run of 12 steps that nothing disturbed. Tests compare with it, or change a copy."""
    run_dir = tmp_path_factory.mktemp("plain")
    assert train(run_dir) == loop.FINISHED
    return run_dir


@pytest.fixture(scope="module")
def rich_run(train, tmp_path_factory):
    """The same run with pictures and snapshots at steps 6 and 12."""
    run_dir = tmp_path_factory.mktemp("rich")
    assert train(run_dir, picture_every=6, snapshot_every=6) == loop.FINISHED
    return run_dir


@contextlib.contextmanager
def when_told(text, act):
    """Gives a context in which a function is called when the terminal is to show a text."""

    def tell(line):
        if text in line:
            act()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callbacks, "tell", tell)
        yield


@pytest.fixture
def signal_at():
    """A context in which a signal arrives when the terminal is to show a text."""
    return lambda text, number: when_told(text, lambda: signal.raise_signal(number))


@pytest.fixture
def full_disk_at():
    """A context in which no file grows past a number of bytes, from a text on the terminal on."""

    @contextlib.contextmanager
    def filling(text, num_bytes):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        limits = (num_bytes, hard)
        try:
            with when_told(text, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits)):
                yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return filling
