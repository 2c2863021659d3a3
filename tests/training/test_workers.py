import json
import socket

import pytest
import tensorflow as tf

from ibgan_tf.ports import free_ports
from ibgan_tf.training import cluster as clusters
from ibgan_tf.training import workers as training_workers


def workers_at(ports, *, index=0):
    """Returns workers on loopback that haven't told each other anything."""
    addresses = [f"127.0.0.1:{port}" for port in ports]
    task = {"type": "worker", "index": index}
    text = json.dumps({"cluster": {"worker": addresses}, "task": task})
    return training_workers.Workers(tf.distribute.get_strategy(), clusters.read_cluster(text))


def test_a_process_alone_agrees_with_itself():
    alone = training_workers.workers_of(tf.distribute.get_strategy())
    assert alone.is_chief and alone.name == ""
    assert alone.from_chief(-1) == -1
    assert alone.largest(15) == 15
    alone.wait()
    alone.check_equal({"seed": 1, "image_shape": (8, 8, 1)})


def test_the_first_worker_is_the_chief():
    assert workers_at([1, 2], index=0).is_chief
    second = workers_at([1, 2], index=1)
    assert not second.is_chief and second.name == "worker 1 (127.0.0.1:2)"


def test_a_worker_that_does_not_answer_any_more_is_named():
    ports = free_ports(3)
    message = (
        rf"no answer any more from worker 2 \(127.0.0.1:{ports[2]}\); its own messages say why. "
        "Start every worker again with --resume"
    )
    with (
        socket.create_server(("127.0.0.1", ports[1])),
        pytest.raises(ConnectionError, match=message),
        workers_at(ports).losses_told(),
    ):
        raise tf.errors.UnavailableError(None, None, "recvmsg:Connection reset by peer")


def test_a_worker_that_hangs_is_named_as_tensorflow_names_it():
    ports = free_ports(2)
    text = "The following tasks are unhealthy: /job:worker/replica:0/task:1"
    with (
        socket.create_server(("127.0.0.1", ports[1])),
        pytest.raises(ConnectionError, match=rf"any more from worker 1 \(127.0.0.1:{ports[1]}\);"),
        workers_at(ports).losses_told(),
    ):
        raise tf.errors.UnavailableError(None, None, text)


def test_other_errors_stay_what_they_are():
    ports = free_ports(2)
    with (
        socket.create_server(("127.0.0.1", ports[1])),
        pytest.raises(tf.errors.ResourceExhaustedError, match="out of memory"),
        workers_at(ports).losses_told(),
    ):
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")
    alone = training_workers.workers_of(tf.distribute.get_strategy())
    with pytest.raises(tf.errors.UnavailableError), alone.losses_told():
        raise tf.errors.UnavailableError(None, None, "/job:worker/task:1")


def test_at_the_end_all_meet_at_a_barrier_whose_host_may_have_ended(monkeypatch):
    class Context:
        met = []

        def wait_at_barrier(self, name, milliseconds):
            self.met.append(name)
            raise tf.errors.UnavailableError(None, None, "the first worker has ended")

    monkeypatch.setattr(training_workers.context, "context", Context)
    together = workers_at(free_ports(2))
    monkeypatch.setattr(together, "wait", lambda: Context.met.append("waited"))
    together.part()
    assert Context.met == ["waited", "ibgan_tf/trained"]
    training_workers.workers_of(tf.distribute.get_strategy()).part()  # alone there is none
    assert len(Context.met) == 2
