"""Ports of this machine at which nobody listens."""

import contextlib
import socket


def free_ports(count: int, *, host: str = "127.0.0.1") -> list[int]:
    """Returns different ports that are free now; another process may take one before it is used.

    Args:
        count: how many, >= 0.
        host: the address of this machine at which they are free.

    Raises:
        OSError: the address isn't one of this machine, or has no port left.
    """
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((host, 0))
        return [one.getsockname()[1] for one in sockets]
