"""SIGTERM and Ctrl-C as requests that a training run answers between two calls of its graph."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def stop_requests() -> Iterator[Callable[[], int | None]]:
    """Yields a function that returns the number of the first SIGTERM or SIGINT, or None.

    Later SIGTERMs change nothing: a supervisor may send several. A second Ctrl-C raises
    KeyboardInterrupt, for whoever doesn't want to wait. Call it in the main thread.
    """
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and number in received:
            raise KeyboardInterrupt
        received.append(number)  # before it is told, for a second signal may answer at once
        if len(received) == 1:
            _tell(f"{signal.Signals(number).name}: stopping, with a checkpoint")

    handlers = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _tell(line: str) -> None:
    """Writes a line past Python's buffers, which the interrupted code may be writing to."""
    with contextlib.suppress(OSError):  # nobody listens any more
        os.write(sys.__stderr__.fileno(), f"{line}\n".encode())
