import pytest
import tensorflow as tf

from ibgan_tf.runs.options import RunOptions
from ibgan_tf.training import strategy as training_strategy

pytestmark = pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="says what one CPU device does"
)


def configure(**options):
    """Returns the strategy for some options; threads and devices are set once per process only."""
    return training_strategy.configure_devices(
        RunOptions(**{"steps": 1, "batch_size": 4} | options)
    )


@pytest.mark.parametrize("name", ["auto", "none"])
def test_one_device_needs_no_strategy(name):
    assert configure(strategy=name) is tf.distribute.get_strategy()


def test_a_gpu_that_is_not_there_is_refused_with_what_to_do():
    message = (
        "device=gpu needs a GPU that TensorFlow sees. Received: device='gpu'.*Use --device=cpu"
    )
    with pytest.raises(ValueError, match=message):
        configure(device="gpu")


def test_one_device_cannot_be_mirrored():
    message = "strategy=mirrored needs two devices or more. .* with 1 device. Use --strategy=auto"
    with pytest.raises(ValueError, match=message):
        configure(strategy="mirrored")


def test_a_batch_that_cannot_be_divided_over_the_devices_is_refused(monkeypatch):
    class Three:
        num_replicas_in_sync = 3

    monkeypatch.setattr(training_strategy, "_strategy", lambda options: Three())
    assert isinstance(configure(batch_size=6), Three)
    message = r"divisible by the number of replicas \(3\). Received: batch_size=4"
    with pytest.raises(ValueError, match=message):
        configure(batch_size=4)


@pytest.fixture
def two_gpus(monkeypatch):
    """A machine with two GPUs, as far as settings go; gives what was set."""
    done = []
    names = ["GPU:0", "GPU:1"]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: names)
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda *a: done.append(("visible", *a)))
    monkeypatch.setattr(
        tf.config.experimental, "set_memory_growth", lambda *a: done.append(("grows", *a))
    )
    return done


def test_gpus_grow_their_memory(two_gpus):
    configure(device="gpu")
    assert two_gpus == [("grows", "GPU:0", True), ("grows", "GPU:1", True)]


def test_on_the_cpu_gpus_are_hidden_and_left_alone(two_gpus):
    configure(device="cpu")
    assert two_gpus == [("visible", [], "GPU")]
