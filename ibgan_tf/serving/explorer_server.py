"""The explorer's web server: a plain page over the standard library's HTTP server.

A plain page, because the whole of it is one picture, a slider a dimension and a few buttons: the
libraries for pages from Python (Gradio, Streamlit) bring tens of packages, load fonts or scripts
from elsewhere and count their users unless told not to. The standard library's server, because
one person uses it on one machine: it answers in a fraction of the time that the generator takes,
and an ASGI server would add packages and nothing that is felt.

What reaches it is checked: the host's name (so that no other site's page can speak to it), the
size, the JSON. The page may load nothing from anywhere else (Content-Security-Policy).
"""

import http.server
import importlib.resources
import ipaddress
import json
import socket
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any

from ibgan_tf.serving.explorer import Explorer
from ibgan_tf.serving.http_server import LONGEST_LENGTH, QuietHTTPServer
from ibgan_tf.serving.status import ServingError

LARGEST_QUESTION = 64 * 2**10  # bytes of JSON
LARGEST_IMAGE = 8 * 2**20  # bytes of an uploaded file
_PAGE = {
    "/": ("explorer.html", "text/html; charset=utf-8"),
    "/explorer.css": ("explorer.css", "text/css; charset=utf-8"),
    "/explorer.js": ("explorer.js", "text/javascript; charset=utf-8"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_PNG = "image/png"
_JSON = "application/json"


class ExplorerServer:
    """Serves the page, from `start` (or the beginning of a with block) to `stop`.

    Args:
        explorer: answers.
        host: the address to listen at.
        port: 0 for any free one, which `address` then tells.

    Raises:
        OSError: the port is taken, or the host isn't of this machine.
    """

    def __init__(self, explorer: Explorer, *, host: str = "127.0.0.1", port: int = 0):
        handler = type("Handler", (_Handler,), {"explorer": explorer})
        self._server = QuietHTTPServer(host, port, handler)
        number = self._server.server_address[1]
        self.address = f"{host}:{number}"
        handler.hosts = _hosts(host)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def start(self) -> "ExplorerServer":
        """Begins to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Frees the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> "ExplorerServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    explorer: Explorer
    hosts: frozenset[str] | None  # None for any
    protocol_version = "HTTP/1.1"  # the connection is kept
    disable_nagle_algorithm = True  # or each answer's end waits for an acknowledgement
    timeout = 60  # seconds that a connection may say nothing

    def do_GET(self) -> None:  # noqa: N802
        """Answers with the page, and with what it begins with."""
        if not self._is_from_here():
            return
        if self.path == "/description":
            self._answer(lambda: (_JSON, self.explorer.description()))
        elif self.path in _PAGE:
            name, kind = _PAGE[self.path]
            page = importlib.resources.files("ibgan_tf.serving") / "page" / name
            self._send(200, kind, page.read_bytes())
        else:
            self._refuse(404, f"There is no {self.path[:80]}.")

    def do_POST(self) -> None:  # noqa: N802
        """Answers the page's questions."""
        if not self._is_from_here():
            return
        actions = {
            "/picture": lambda asked: (_PNG, self.explorer.picture(asked.get("code"))),
            "/strip": lambda asked: (
                _PNG,
                self.explorer.strip(asked.get("code"), asked.get("part"), asked.get("index")),
            ),
            "/random": lambda asked: (
                _JSON,
                {"code": self.explorer.random_code(asked.get("source"))},
            ),
        }
        is_image = self.path == "/encode"
        if not is_image and self.path not in actions:
            self._refuse(404, f"There is no {self.path[:80]}.", close=True)
            return
        body = self._body(LARGEST_IMAGE if is_image else LARGEST_QUESTION)
        if body is None:
            return
        if is_image:
            self._answer(lambda: (_JSON, {"code": self.explorer.code_of(body)}))
        else:
            self._answer(lambda: actions[self.path](_question(body)))

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def _is_from_here(self) -> bool:
        """Refuses what a page of another site has the browser ask.

        The host's name tells, with any port: a tunnel to this machine has one of its own.
        """
        host = self.headers.get("Host", "").lower()
        origin = self.headers.get("Origin")
        known = self.hosts is None or _name_of(host) in self.hosts
        if known and origin in (None, f"http://{host}"):
            return True
        self._refuse(403, f"Only this page may ask. Received: host {host[:80]}", close=True)
        return False

    def _body(self, limit: int) -> bytes | None:
        """Returns what was sent, or None after refusing it."""
        text = self.headers.get("Content-Length", "")
        if not text.isascii() or not text.isdecimal():
            self._refuse(411, "The length must be given.", close=True)
        elif len(text) > LONGEST_LENGTH or int(text) > limit:
            self._refuse(
                413, f"At most {limit} bytes can be sent. Received: {text[:20]}.", close=True
            )
        else:
            return self.rfile.read(int(text))
        return None

    def _answer(self, action: Callable[[], tuple[str, Any]]) -> None:
        """Sends what an action returns, or what is wrong with the question."""
        try:
            kind, answer = action()
        except ServingError as error:
            self._refuse(502, str(error))
        except ValueError as error:
            self._refuse(400, " ".join(str(error).split()))
        else:
            self._send(200, kind, answer if kind == _PNG else json.dumps(answer).encode())

    def _refuse(self, status: int, told: str, *, close: bool = False) -> None:
        if close:  # what was sent besides hasn't been read
            self.close_connection = True
        self._send(status, _JSON, json.dumps({"error": told}).encode())

    def _send(self, status: int, kind: str, contents: bytes) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(contents)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(contents)


def _question(body: bytes) -> dict[str, Any]:
    """Returns a question's JSON object."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"A question must be JSON. Received: {error}") from error
    if not isinstance(asked, dict):
        raise ValueError(f"A question must be a JSON object. Received: {type(asked).__name__}.")
    return asked


def _name_of(host: str) -> str | None:
    """Returns the name of a host that a browser asks, "name" or "name:port"."""
    try:
        return urllib.parse.urlsplit(f"//{host}").hostname
    except ValueError:  # half of an IPv6 address
        return None


def _hosts(host: str) -> frozenset[str] | None:
    """Returns the names by which a browser on this machine asks; None if others may ask."""
    try:
        is_loopback = ipaddress.ip_address(socket.gethostbyname(host)).is_loopback
    except OSError:
        is_loopback = False
    if not is_loopback:
        return None
    return frozenset({host.lower(), "127.0.0.1", "localhost"})
