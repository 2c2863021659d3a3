"""The client against the local server; the same things hold for both transports."""

import concurrent.futures
import contextlib
import http.server
import io
import socket
import socketserver
import threading
import time

import numpy as np
import pytest
from PIL import Image

from ibgan_tf.serving import client, double

TRANSPORTS = ("grpc", "rest")


@pytest.fixture(params=TRANSPORTS)
def transport(request):
    return request.param


def address_of(server, transport):
    return server.address if transport == "grpc" else server.rest_address


@pytest.fixture
def server(serve, base_dir):
    return serve(base_dir, rest_port=0, only=[1, 2], labels={"stable": 1, "canary": 2})


@pytest.fixture
def ask(server, connect, transport):
    """Gives a function that makes a client of the server."""
    return lambda **settings: connect(
        address_of(server, transport), transport=transport, **settings
    )


@pytest.fixture
def nobody():
    """An address at which nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{unused.getsockname()[1]}"


class Slow:
    """A version whose calls wait until they are told to go on."""

    def __init__(self, export_dir):
        self._session = double.load_session(export_dir)
        self.signatures = self._session.signatures
        self.entered, self.go_on = threading.Event(), threading.Event()

    def run(self, signature, inputs):
        self.entered.set()
        self.go_on.wait(20)
        return self._session.run(signature, inputs)

    def close(self):
        self._session.close()


def test_a_signature_answers_with_arrays_of_its_types(ask, z):
    answer = ask().run("serving_default", {"z": z})
    assert answer["images"].dtype == np.float32
    # Half of the first value of a row, everywhere.
    np.testing.assert_array_equal(answer["images"][:, 1, 2, 0], [0.25, -0.5])
    assert answer["images"].shape == (2, 4, 4, 1)
    assert answer["valid"].dtype == np.bool_
    assert answer["valid"].tolist() == [True, True]
    assert answer["version"].dtype == np.int64


def test_one_connection_serves_many_calls_without_a_retry(ask, z):
    known = ask(patience=client.Patience(attempts=1))
    for _ in range(3):
        assert known.run("serving_default", {"z": z})["valid"].all()
        assert known.versions() == {1: "AVAILABLE", 2: "AVAILABLE"}


def test_rest_calls_share_a_connection(server, connect, z):
    known = connect(server.rest_address, transport="rest")
    known.run("serving_default", {"z": z})
    first = known._connection.sock
    known.run("serving_default", {"z": z})
    assert first is not None
    assert known._connection.sock is first


def test_half_an_answer_is_no_answer(connect, z):
    class Half(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Half) as other:
        thread = threading.Thread(target=other.serve_forever, args=(0.01,))
        thread.start()
        address = f"127.0.0.1:{other.server_address[1]}"
        known = connect(address, transport="rest", patience=client.Patience(attempts=2))
        with pytest.raises(client.ServingError, match=r"IncompleteRead.*") as caught:
            known.run("serving_default", {"z": z})
        other.shutdown()
        thread.join()
    assert caught.value.code == "UNAVAILABLE"


def test_bytes_come_back_as_they_were_made(ask):
    (png,) = ask().run("generate_from_r_png", {"r": [[1.0, 0.0]]})["images_png_bytes"]
    # 127.5 * (0.5 * 1 + 1) = 191.25, cut to 191.
    assert set(Image.open(io.BytesIO(png)).tobytes()) == {191}


def test_the_newest_version_answers_unless_one_is_pinned(ask, z):
    def version(**settings):
        return ask(**settings).run("serving_default", {"z": z})["version"].tolist()

    assert version() == [2, 2]
    assert version(version=1) == [1, 1]
    assert version(label="stable") == [1, 1]
    assert version(label="canary") == [2, 2]


def test_signatures_and_versions_are_told(ask):
    known = ask()
    assert set(known.signatures) == {"serving_default", "generate_from_r_png", "sample"}
    assert known.signatures["serving_default"]["inputs"]["z"]["shape"] == [None, 3]
    assert known.signatures["sample"]["inputs"]["seed"]["dtype"] == "int64"
    assert known.versions() == {1: "AVAILABLE", 2: "AVAILABLE"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"model": "smal"}, "must serve the model 'smal'"),
        ({"version": 9}, "must serve version 9 of the model 'small'"),
        ({"label": "newest"}, "labelled 'newest'"),
    ],
)
def test_a_wrong_name_version_or_label_is_one_line(ask, z, settings, told):
    with pytest.raises(client.ServingError) as caught:
        ask(**settings).run("serving_default", {"z": z})
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.code in ("NOT_FOUND", "INVALID_ARGUMENT")


def test_bad_requests_are_refused_without_being_sent(ask, z, monkeypatch):
    known = ask()
    assert known.signatures
    monkeypatch.setattr(known, "_predict", lambda *_: pytest.fail("it was sent"))
    for signature, inputs, told in [
        ("serving", {"z": z}, "signature must be one of"),
        ("serving_default", {"r": z}, "inputs of serving_default must be z"),
        ("serving_default", {"z": z[:, :2]}, r"must have the shape \[n, 3\]"),
        ("serving_default", {"z": np.full_like(z, np.nan)}, "must be finite"),
        ("serving_default", {"z": np.zeros([65, 3])}, "1 to 64 rows"),
    ]:
        with pytest.raises(ValueError, match=told):
            known.run(signature, inputs)


def test_a_batch_too_large_for_the_server_is_one_line(serve, base_dir, connect, transport):
    server = serve(base_dir, rest_port=0, max_batch=8)
    known = connect(address_of(server, transport), transport=transport)
    with pytest.raises(client.ServingError, match="INVALID_ARGUMENT: Task size 9 is larger"):
        known.run("serving_default", {"z": np.zeros([9, 3])})


def test_an_answer_over_the_limit_is_one_line(ask):
    # A row's image has 16 float32 values: 64 rows are 4096 bytes.
    known = ask(patience=client.Patience(max_message=4000))
    with pytest.raises(client.ServingError, match="must have at most 4000 bytes") as caught:
        known.run("serving_default", {"z": np.full([64, 3], 0.123)})
    assert caught.value.code == "RESOURCE_EXHAUSTED"


def test_answers_over_four_megabytes_arrive(serve, tmp_path, connect):
    class Large:
        signatures = {
            "serving_default": {
                "inputs": {"z": {"tensor": "z:0", "dtype": "float32", "shape": [None, 1]}},
                "outputs": {
                    "images": {"tensor": "i:0", "dtype": "float32", "shape": [None, 2**21]}
                },
            }
        }

        def run(self, signature, inputs):
            return {"images": np.repeat(inputs["z"], 2**21, axis=1)}

        def close(self):
            pass

    (tmp_path / "1").mkdir()
    known = connect(serve(tmp_path, load=lambda _: Large()).address)
    images = known.run("serving_default", {"z": [[0.5]]})["images"]
    assert images.nbytes == 8 * 2**20
    assert set(np.unique(images)) == {0.5}


def test_an_absent_server_is_one_line_after_bounded_retries(connect, nobody, transport, z):
    start = time.monotonic()
    known = connect(nobody, transport=transport, patience=client.Patience(attempts=3))
    with pytest.raises(client.ServingError, match=r"must be running.*\(3 attempts in") as caught:
        known.run("serving_default", {"z": z})
    assert caught.value.code == "UNAVAILABLE"
    assert "\n" not in str(caught.value)
    assert time.monotonic() - start < 5


def test_a_server_that_says_nothing_is_given_up_at_the_deadline(connect, transport, z):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        known = connect(
            f"127.0.0.1:{mute.getsockname()[1]}",
            transport=transport,
            patience=client.Patience(deadline=0.3, attempts=1),
        )
        start = time.monotonic()
        with pytest.raises(client.ServingError) as caught:
            known.run("serving_default", {"z": z})
    assert time.monotonic() - start < 2
    assert caught.value.code in ("DEADLINE_EXCEEDED", "UNAVAILABLE")


def test_a_slow_server_is_given_up_at_the_deadline(serve, base_dir, connect, transport, z):
    slow = []
    server = serve(base_dir, rest_port=0, load=lambda path: slow.append(Slow(path)) or slow[-1])
    known = connect(address_of(server, transport), transport=transport)
    assert known.signatures  # with the usual patience
    known.patience = client.Patience(deadline=0.3)
    start = time.monotonic()
    with pytest.raises(client.ServingError, match="must answer within 0.3 s") as caught:
        known.run("serving_default", {"z": z})
    assert 0.25 < time.monotonic() - start < 10
    assert caught.value.code == "DEADLINE_EXCEEDED"
    for version in slow:
        version.go_on.set()


def test_a_full_queue_is_retried_until_there_is_room(serve, base_dir, connect, z):
    slow = []
    server = serve(base_dir, max_calls=1, load=lambda path: slow.append(Slow(path)) or slow[0])
    first, second, hasty = connect(server.address), connect(server.address), connect(server.address)
    for known in (first, second, hasty):
        assert known.signatures
    hasty.patience = client.Patience(attempts=1)
    thread = threading.Thread(target=first.run, args=("serving_default", {"z": z}))
    thread.start()
    assert slow[0].entered.wait(5)
    with pytest.raises(client.ServingError, match="must have room for the call") as caught:
        hasty.run("serving_default", {"z": z})
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    second.patience = client.Patience(attempts=20)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(second.run, "serving_default", {"z": z})
        time.sleep(0.2)  # in which it is refused
        slow[0].go_on.set()
        assert answer.result(timeout=60)["version"].tolist() == [2, 2]
    thread.join()


def test_the_same_client_goes_on_after_a_restart(serve, base_dir, connect, transport, z):
    server = serve(base_dir, rest_port=0)
    ports = {name: int(address_of(server, name).split(":")[1]) for name in TRANSPORTS}
    known = connect(address_of(server, transport), transport=transport)
    assert known.run("serving_default", {"z": z})["valid"].all()
    server.stop()
    known.patience = client.Patience(attempts=1)
    with pytest.raises(client.ServingError, match="must be running"):
        known.run("serving_default", {"z": z})
    known.patience = client.Patience(attempts=8)
    later = threading.Timer(
        0.3, lambda: serve(base_dir, port=ports["grpc"], rest_port=ports["rest"])
    )
    later.start()
    assert known.run("serving_default", {"z": z})["valid"].all()
    later.join()


def test_inputs_that_no_signature_takes_are_refused_without_a_server_too(connect, nobody, ask, z):
    known = ask()
    known.run("serving_default", {"z": z})
    lost = connect(nobody, patience=client.Patience(attempts=1))
    lost._signatures = known.signatures
    for _ in range(2):  # what is known stays known
        with pytest.raises(ValueError, match="z must be finite"):
            lost.run("serving_default", {"z": z * np.nan})


def test_the_deadline_holds_for_all_threads_that_wait_for_the_description(connect, transport, z):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        known = connect(
            address, transport=transport, patience=client.Patience(deadline=0.3, attempts=1)
        )
        seconds = []

        def ask_it():
            start = time.monotonic()
            with pytest.raises(client.ServingError):
                known.run("serving_default", {"z": z})
            seconds.append(time.monotonic() - start)

        threads = [threading.Thread(target=ask_it) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(seconds) == 10
    assert max(seconds) < 1.5  # 3 s, one after the other


def test_connecting_may_take_as_long_as_the_call(server, connect, z):
    class Far(socketserver.BaseRequestHandler):
        """Half a second away from the server."""

        def handle(self):
            time.sleep(0.5)
            host, port = server.address.split(":")
            with socket.create_connection((host, int(port))) as near:
                back = threading.Thread(target=self.copy, args=(near, self.request))
                back.start()
                self.copy(self.request, near)
                back.join()

        @staticmethod
        def copy(source, target):
            with contextlib.suppress(OSError):
                while contents := source.recv(2**16):
                    target.sendall(contents)
                target.shutdown(socket.SHUT_WR)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Far) as far:
        thread = threading.Thread(target=far.serve_forever, args=(0.01,))
        thread.start()
        address = f"127.0.0.1:{far.server_address[1]}"
        with client.connect(address, model="small", patience=client.Patience(attempts=1)) as known:
            assert known.run("serving_default", {"z": z})["valid"].all()
        far.shutdown()
        thread.join()


def test_a_description_that_became_false_is_read_again(ask, z):
    known = ask()
    known._signatures = {"older": {"inputs": {}, "outputs": {}}}
    assert known.run("serving_default", {"z": z})["valid"].all()


@pytest.mark.parametrize("server", ["", "a b", "host:0", "host:99999", "host:x", "http://h:1"])
def test_what_is_no_address_is_refused(server):
    with pytest.raises(ValueError, match="server must be host:port"):
        client.connect(server, model="m")


def test_ports_are_those_of_tensorflow_serving_unless_given():
    with (
        client.connect("[::1]", model="m") as grpc,
        client.connect("localhost", model="m", transport="rest") as rest,
    ):
        assert grpc.target.server == "[::1]:8500"
        assert rest.target.server == "localhost:8501"


def test_an_unknown_transport_is_refused():
    with pytest.raises(ValueError, match="transport must be one of: grpc, rest"):
        client.connect("localhost", model="m", transport="http")


def test_a_rest_client_is_told_that_a_port_is_not_rests(connect, z):
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as other:
        thread = threading.Thread(target=other.serve_forever, args=(0.01,))
        thread.start()
        known = connect(f"127.0.0.1:{other.server_address[1]}", transport="rest")
        with pytest.raises(client.ServingError, match="must speak TensorFlow Serving's protocol"):
            known.run("serving_default", {"z": z})
        other.shutdown()
        thread.join()
