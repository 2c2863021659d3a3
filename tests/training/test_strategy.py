import json
import types

import pytest
import tensorflow as tf

from ibgan_tf.ports import free_ports
from ibgan_tf.runs.options import RunOptions
from ibgan_tf.training import strategy as training_strategy

pytestmark = pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="says what one CPU device does"
)


def configure(*, connect_timeout=300.0, **options):
    """Returns the strategy for some options; threads and devices are set once per process only."""
    return training_strategy.configure_devices(
        RunOptions(**{"steps": 1, "batch_size": 4} | options), connect_timeout=connect_timeout
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
    message = "needs two GPUs or more. .* with no GPU and 1 CPU device. Use --strategy=auto"
    with pytest.raises(ValueError, match=message):
        configure(strategy="mirrored")


def test_a_batch_that_cannot_be_divided_over_the_devices_is_refused(monkeypatch):
    devices = [types.SimpleNamespace(name=f"CPU:{number}") for number in range(3)]
    monkeypatch.setattr(tf.config, "list_logical_devices", {"GPU": [], "CPU": devices}.get)
    for batch_size in (4, 2):
        message = (
            rf"divisible by the number of replicas \(3\). Received: batch_size={batch_size}. "
            "Use a multiple of 3, or fewer devices"
        )
        with pytest.raises(ValueError, match=message):
            configure(strategy="mirrored", batch_size=batch_size)


def test_devices_do_not_share_a_step_that_xla_compiles(monkeypatch):
    devices = [types.SimpleNamespace(name=f"CPU:{number}") for number in range(2)]
    monkeypatch.setattr(tf.config, "list_logical_devices", {"GPU": [], "CPU": devices}.get)
    with pytest.raises(ValueError, match="jit must be off .*with 2 replicas. Use --nojit"):
        configure(strategy="mirrored", jit=True)
    assert configure(jit=True) is tf.distribute.get_strategy()


def test_one_gpu_cannot_be_mirrored(monkeypatch):
    gpus = [types.SimpleNamespace(name="GPU:0")]
    monkeypatch.setattr(tf.config, "list_logical_devices", {"GPU": gpus}.get)
    with pytest.raises(ValueError, match="needs two GPUs or more. .* on a machine with 1 GPU. Use"):
        configure(strategy="mirrored")
    assert configure(strategy="auto") is tf.distribute.get_strategy()


# Several machines


def tf_config(*addresses, index=0):
    """Returns the text of TF_CONFIG."""
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": task})


def test_workers_without_an_environment_variable_are_refused(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    message = "TF_CONFIG must be set for strategy=multi_worker, as in {.*}. Received: no TF_CONFIG."
    with pytest.raises(ValueError, match=message):
        configure(strategy="multi_worker")


def test_a_batch_that_the_workers_cannot_share_is_refused_before_anybody_waits(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config("a:1", "b:1", "c:1"))
    with pytest.raises(ValueError, match=r"number of replicas \(3\). Received: batch_size=4"):
        configure(strategy="multi_worker")


def test_a_worker_that_is_not_there_is_named(monkeypatch):
    own, other = free_ports(2)
    monkeypatch.setenv("TF_CONFIG", tf_config(f"127.0.0.1:{own}", f"127.0.0.1:{other}"))
    message = rf"within 0.1 s. Received: no answer from worker 1 \(127.0.0.1:{other}\): Connection"
    with pytest.raises(ConnectionError, match=message):
        configure(strategy="multi_worker", connect_timeout=0.1)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_time_to_wait_is_refused(seconds):
    with pytest.raises(ValueError, match=f"> 0 seconds and finite. .*connect_timeout={seconds}"):
        configure(connect_timeout=seconds)


@pytest.mark.parametrize("name", ["auto", "none"])
def test_workers_that_are_not_used_are_told_of(monkeypatch, caplog, name):
    monkeypatch.setenv("TF_CONFIG", tf_config("a:1", "b:1"))
    assert configure(strategy=name) is tf.distribute.get_strategy()
    assert caplog.messages == [
        f"TF_CONFIG is set, but strategy={name} doesn't read it: this process trains alone. "
        "--strategy=multi_worker trains with all of its workers."
    ]


# GPUs


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


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"threads": 3}, [("inter", 3), ("intra", 3)]),
        ({"threads": 3, "threads_per_operation": 1}, [("inter", 3), ("intra", 1)]),
        ({"threads_per_operation": 1}, [("intra", 1)]),
        ({"deterministic": True}, [("deterministic",)]),
    ],
)
def test_threads_and_determinism_are_set_as_asked(monkeypatch, options, expected):
    done = []
    for kind in ("inter", "intra"):
        monkeypatch.setattr(
            tf.config.threading,
            f"set_{kind}_op_parallelism_threads",
            lambda number, kind=kind: done.append((kind, number)),
        )
    monkeypatch.setattr(
        tf.config.experimental, "enable_op_determinism", lambda: done.append(("deterministic",))
    )
    configure(**options)
    assert done == expected


@pytest.mark.parametrize(
    ("kind", "strategy"), [("GPU", "auto"), ("GPU", "mirrored"), ("CPU", "mirrored")]
)
def test_several_devices_are_mirrored_on(monkeypatch, kind, strategy):
    names = [f"{kind}:0", f"{kind}:1"]
    devices = {"GPU": [], "CPU": []} | {kind: [types.SimpleNamespace(name=n) for n in names]}
    set_options = []
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda asked: names if asked == kind else []
    )
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda *_: None)
    monkeypatch.setattr(tf.config, "list_logical_devices", devices.get)
    monkeypatch.setattr(tf.config.optimizer, "set_experimental_options", set_options.append)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda given: given)
    assert configure(strategy=strategy) == names
    # TensorFlow's remapper fails on a step that CPUs share, and says so.
    assert set_options == [{"remapping": False}] * (kind == "CPU")
