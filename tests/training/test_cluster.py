import json
import socket
import threading

import pytest

from ibgan_tf.ports import free_ports
from ibgan_tf.training import cluster as clusters


def text_of(cluster, task=None):
    return json.dumps({"cluster": cluster, "task": task or {"type": "worker", "index": 0}})


def cluster_of(ports, *, index):
    """Returns a cluster on loopback."""
    addresses = [f"127.0.0.1:{port}" for port in ports]
    task = {"type": "worker", "index": index}
    return clusters.read_cluster(text_of({"worker": addresses}, task))


def test_the_workers_are_numbered_and_named():
    text = text_of({"worker": ["a:1", "[::1]:2"]}, {"type": "worker", "index": 1})
    cluster = clusters.read_cluster(text)
    assert cluster.index == 1
    assert cluster.others() == [0]
    assert cluster.describe(0) == "worker 0 (a:1)"
    assert cluster.describe(1) == "worker 1 ([::1]:2)"


def test_a_chief_is_the_first_worker():
    jobs = {"worker": ["a:1", "b:1"], "chief": ["c:1"]}
    cluster = clusters.read_cluster(text_of(jobs, {"type": "worker", "index": "1"}))
    assert cluster.names == ("chief", "worker 0", "worker 1")
    assert cluster.addresses == ("c:1", "a:1", "b:1")
    assert cluster.index == 2
    assert clusters.read_cluster(text_of(jobs, {"type": "chief", "index": 0})).index == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "must be set for strategy=multi_worker"),
        ("", "must be set for strategy=multi_worker"),
        ("{'cluster'", "must be JSON"),
        ("[1]", "must have a cluster"),
        ("{}", "must have a cluster"),
        ('{"cluster": {}}', "must have a cluster"),
        (text_of({"worker": ["a:1"], "ps": ["b:1"]}), "jobs chief and worker only"),
        (text_of({"worker": "a:1"}), "must have a list of addresses for each job"),
        (text_of({"worker": []}), "each worker an address of its own"),
        (text_of({"worker": ["a:1", "a:1"]}), "each worker an address of its own"),
        (text_of({"chief": ["a:1", "b:1"]}), "may have one chief"),
        (text_of({"worker": ["a"]}), "each worker's address as host:port"),
        (text_of({"worker": ["a:"]}), "each worker's address as host:port"),
        (text_of({"worker": [":1"]}), "each worker's address as host:port"),
        (text_of({"worker": ["a:http"]}), "each worker's address as host:port"),
        (text_of({"worker": ["a:65536"]}), "each worker's address as host:port"),
        (text_of({"worker": [1]}), "each worker's address as host:port"),
        ('{"cluster": {"worker": ["a:1"]}}', "a task with a type of: worker"),
        (text_of({"worker": ["a:1"]}, {"type": "evaluator", "index": 0}), "a type of: worker"),
        (text_of({"worker": ["a:1"]}, {"type": "worker"}), "an index in 0..0, for worker"),
        (text_of({"worker": ["a:1"]}, {"type": "worker", "index": 1}), "an index in 0..0"),
        (text_of({"worker": ["a:1"]}, {"type": "worker", "index": -1}), "an index in 0..0"),
        (text_of({"worker": ["a:1"]}, {"type": "worker", "index": True}), "an index in 0..0"),
    ],
)
def test_what_names_no_workers_is_refused_with_an_example(text, message):
    with pytest.raises(ValueError, match=f"TF_CONFIG .*{message}.*, as in {{.*}}. Received: "):
        clusters.read_cluster(text)


def test_workers_wait_for_each_other():
    ports = free_ports(3)
    reached = [threading.Event() for _ in ports]

    def work(index):
        clusters.wait_for_workers(cluster_of(ports, index=index), seconds=30)
        reached[index].set()
        with socket.create_server(("127.0.0.1", ports[index])):  # as TensorFlow's server does
            for other in reached:
                other.wait(30)

    threads = [threading.Thread(target=work, args=[index]) for index in range(3)]
    for thread in threads[:2]:
        thread.start()
    assert not reached[0].wait(0.5) and not reached[1].is_set()  # for the third isn't there
    threads[2].start()
    for thread in threads:
        thread.join(30)
    assert all(event.is_set() for event in reached)


def test_those_that_do_not_come_are_named_with_the_reason():
    ports = free_ports(3)
    with socket.create_server(("127.0.0.1", ports[1])):
        message = (
            "Every worker must be reached within 0.1 s. Received: no answer from "
            rf"worker 2 \(127.0.0.1:{ports[2]}\): Connection refused. Start those workers"
        )
        with pytest.raises(ConnectionError, match=message):
            clusters.wait_for_workers(cluster_of(ports, index=0), seconds=0.1)


def test_a_host_without_an_address_is_named():
    (port,) = free_ports(1)
    text = text_of({"worker": [f"127.0.0.1:{port}", "no-such-host.invalid:1"]})
    with pytest.raises(ConnectionError, match=r"worker 1 \(no-such-host.invalid:1\): \w+"):
        clusters.wait_for_workers(clusters.read_cluster(text), seconds=0.1)


def test_a_port_that_is_taken_is_told():
    ports = free_ports(2)
    with (
        socket.create_server(("127.0.0.1", ports[0])),
        pytest.raises(OSError, match=rf"must be free. Received: worker 0 \(127.0.0.1:{ports[0]}\)"),
    ):
        clusters.wait_for_workers(cluster_of(ports, index=0), seconds=0.1)
