"""Signals as requests that a training run answers between two calls of its graph.

They are SIGTERM, SIGINT by Ctrl-C, and SIGHUP by a terminal that is closed.
"""

import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

_ENDINGS = (signal.SIGTERM, signal.SIGHUP)
_SIGNALS = (*_ENDINGS, signal.SIGINT)


@contextlib.contextmanager
def stop_requests() -> Iterator[Callable[[], int | None]]:
    """Yields a function that returns the number of the first of the signals, or None.

    Later ones change nothing: a supervisor may send several. After a SIGTERM or SIGHUP this lasts
    to the end of the process, whose exit code tells of the first. A second Ctrl-C raises
    KeyboardInterrupt, for whoever doesn't want to wait. A SIGHUP that is ignored, as under nohup,
    stays so. Call it in the main thread.
    """
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and number in received:
            raise KeyboardInterrupt
        received.append(number)  # before it is told, for a second signal may answer at once
        if len(received) == 1:
            _tell(f"{signal.Signals(number).name}: stopping, with a checkpoint")

    taken = [n for n in _SIGNALS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    handlers = {number: signal.signal(number, note) for number in taken}
    try:
        yield lambda: received[0] if received else None
    finally:
        ending = set(received) & set(_ENDINGS)
        for number, handler in handlers.items():
            if number not in _ENDINGS or not ending:
                signal.signal(number, handler)
        if ending:
            atexit.register(_ignore_endings)


def _ignore_endings() -> None:
    """Ignores what tells the process to end; Python's handlers are gone before TensorFlow is."""
    for number in _ENDINGS:
        signal.signal(number, signal.SIG_IGN)


def _tell(line: str) -> None:
    """Writes a line past Python's buffers, which the interrupted code may be writing to."""
    with contextlib.suppress(OSError):  # nobody listens any more
        os.write(sys.__stderr__.fileno(), f"{line}\n".encode())
