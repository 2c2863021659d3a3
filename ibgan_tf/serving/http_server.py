"""The standard library's HTTP server, a thread a connection, that ends with all its connections."""

import contextlib
import http.server
import socket
import sys
from typing import Any

LONGEST_LENGTH = 20  # digits of a Content-Length; Python reads no number of any length


class QuietHTTPServer(http.server.ThreadingHTTPServer):
    """A server that says nothing of clients that leave, and hangs up when it is closed.

    Args:
        host: the address to listen at.
        port: 0 for any free one.
        handler: of the requests.
        flag: what the port was given by, for the error.

    Raises:
        OSError: the port is taken, or the host isn't of this machine.
    """

    daemon_threads = True

    def __init__(self, host: str, port: int, handler: type, *, flag: str = "port"):
        self._connections: set[socket.socket] = set()
        try:
            super().__init__((host, port), handler)
        except (OSError, OverflowError) as error:
            raise OSError(
                f"host and {flag} must be free to listen at. Received: {host}:{port}, {error}."
            ) from error

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remembers the connection and answers it in a thread."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Ends a connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Frees the port and ends the connections, which clients keep open between calls."""
        super().server_close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):  # the client may have ended it
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of connections that were broken off; other errors are bugs."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)
