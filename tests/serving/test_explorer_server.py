import http.client
import json
import re
import socket
import time

import pytest

from ibgan_tf.serving import explorer, explorer_server
from ibgan_tf.serving.status import ServingError

CODE = {"r": [0.5, -1.0, 2.0]}


@pytest.fixture
def answers(session):
    return explorer.Explorer(session, title="small", seed=5)


@pytest.fixture
def server(answers):
    with explorer_server.ExplorerServer(answers) as server:
        yield server


@pytest.fixture
def ask(server):
    """Gives a function that asks the server: status, headers, contents."""
    connection = http.client.HTTPConnection(server.address, timeout=20)

    def send(method, path, body=None, headers=None):
        contents = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, contents, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    yield send
    connection.close()


def test_the_page_and_its_parts_are_served(ask):
    for path, kind, begins in [
        ("/", "text/html", b"<!doctype html>"),
        ("/explorer.css", "text/css", b":root"),
        ("/explorer.js", "text/javascript", b"//"),
    ]:
        status, headers, contents = ask("GET", path)
        assert (status, contents.startswith(begins)) == (200, True)
        assert headers["Content-Type"].startswith(kind)


def test_the_page_may_load_nothing_from_elsewhere(ask):
    policy = dict(
        part.strip().split(" ", 1)
        for part in ask("GET", "/")[1]["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert set(" ".join(policy.values()).split()) == {"'none'", "'self'", "blob:", "data:"}


def test_nothing_in_the_page_names_another_host(ask):
    for path in ("/", "/explorer.css", "/explorer.js"):
        assert not re.search(rb"""://|["'(=]//""", ask("GET", path)[2])


def test_questions_are_answered(ask):
    description = json.loads(ask("GET", "/description")[2])
    assert description["code"] == {"r": [0.0, 0.0, 0.0]}
    status, headers, picture = ask("POST", "/picture", {"code": CODE})
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert picture.startswith(b"\x89PNG")
    assert ask("POST", "/strip", {"code": CODE, "part": "r", "index": 2})[0] == 200
    code = json.loads(ask("POST", "/random", {"source": "z"})[2])["code"]
    assert len(code["r"]) == 3
    assert len(json.loads(ask("POST", "/encode", picture)[2])["code"]["r"]) == 3


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/picture", b"{", 400, "must be JSON"),
        ("/picture", b"\xff", 400, "must be JSON"),
        ("/picture", b"[" * 60_000, 400, "must be JSON"),
        ("/picture", [1], 400, "must be a JSON object"),
        ("/picture", {}, 400, "code must have the parts r"),
        ("/picture", {"code": {"r": [1]}}, 400, "r must be a list of 3 numbers"),
        ("/picture", b'{"code": {"r": [NaN, 0, 0]}}', 400, "r must lie in -10..10"),
        ("/strip", {"code": CODE, "part": "r", "index": [1]}, 400, "must name a dimension"),
        ("/random", {"source": ["z"]}, 400, "source must be one of"),
        ("/encode", b"no image", 400, "The file must be an image"),
        ("/elsewhere", {}, 404, "There is no /elsewhere"),
        ("/../explorer.py", {}, 404, "There is no"),
    ],
)
def test_bad_questions_are_refused_with_a_reason(ask, path, body, status, told):
    found, _, contents = ask("POST", path, body)
    assert found == status
    assert told in json.loads(contents)["error"]


def test_files_outside_the_page_are_not_served(ask):
    for path in ("/explorer.py", "/../explorer.py", "/%2e%2e/explorer.py", "//etc/passwd"):
        assert ask("GET", path)[0] == 404


def test_what_is_too_large_is_refused_before_it_is_read(server):
    for path, limit in [
        ("/picture", explorer_server.LARGEST_QUESTION),
        ("/encode", explorer_server.LARGEST_IMAGE),
    ]:
        with socket.create_connection(server.address.split(":"), timeout=10) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: {server.address}\r\nContent-Length: {limit + 1}"
            connection.sendall(f"{head}\r\n\r\n".encode())
            assert b" 413 " in connection.recv(100)


def test_a_question_without_a_length_is_refused(server):
    with socket.create_connection(server.address.split(":"), timeout=10) as connection:
        connection.sendall(f"POST /picture HTTP/1.1\r\nHost: {server.address}\r\n\r\n".encode())
        assert b" 411 " in connection.recv(100)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "[::1"},
        {"Host": "localhost:9000", "Origin": "http://localhost:9001"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_pages_of_other_sites_cannot_ask(ask, headers):
    assert ask("GET", "/description", headers=headers)[0] == 403
    assert ask("POST", "/picture", {"code": CODE}, headers=headers)[0] == 403


def test_the_page_itself_can_ask(ask, server):
    port = server.address.split(":")[1]
    for host in (server.address, f"localhost:{port}", "localhost:1", "LOCALHOST"):  # by a tunnel
        headers = {"Host": host, "Origin": f"http://{host.lower()}"}
        assert ask("GET", "/description", headers=headers)[0] == 200


def test_a_server_that_fails_is_told(ask, answers, monkeypatch):
    def fail(signature, inputs):
        raise ServingError("The server at s must be running.", code="UNAVAILABLE")

    monkeypatch.setattr(answers._generator, "run", fail)
    status, _, contents = ask("POST", "/picture", {"code": CODE})
    assert (status, json.loads(contents)) == (502, {"error": "The server at s must be running."})


def test_it_listens_on_loopback_and_frees_its_port(answers):
    with explorer_server.ExplorerServer(answers) as server:
        host, port = server.address.split(":")
        assert host == "127.0.0.1"
        with pytest.raises(OSError, match=f"must be free to listen at. Received: 127.0.0.1:{port}"):
            explorer_server.ExplorerServer(answers, port=int(port))
    explorer_server.ExplorerServer(answers, port=int(port)).stop()


def test_an_answer_comes_within_a_tenth_of_a_second(ask):
    def slow():
        """Returns the 95th percentile of a round."""
        times = []
        for step in range(40):
            start = time.perf_counter()
            assert ask("POST", "/picture", {"code": {"r": [step / 20 - 1, 0.0, 0.0]}})[0] == 200
            times.append(time.perf_counter() - start)
        return sorted(times)[37]

    assert any(slow() < 0.1 for _ in range(5))  # the quietest round: others may have the cores
