"""A progress bar for work that is done in chunks."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_PATIENCE = 1.0  # seconds of work that need no bar
_INTERVAL = 0.5  # seconds between two drawings on a terminal
_LOG_INTERVAL = 30.0  # seconds between two lines in a file or a pipe
_WIDTH = 40  # characters


def progress_bar(chunks: Iterable[T], *, total: int, title: str) -> Iterator[T]:
    """Yields the chunks, and draws how many have passed on stderr if they take more than a second.

    A terminal sees one bar grow; where stderr is a file or a pipe, a line now and then is written.

    Args:
        chunks: anything that is made while it is iterated.
        total: how many chunks there are.
        title: what is being done.

    Yields:
        The chunks, unchanged.
    """
    in_place = sys.stderr.isatty()
    interval = _INTERVAL if in_place else _LOG_INTERVAL
    start = drawn = time.monotonic()
    for count, chunk in enumerate(chunks, start=1):
        yield chunk
        now = time.monotonic()
        if now - start >= _PATIENCE and (now - drawn >= interval or count == total):
            drawn = now
            done = _WIDTH * count // total
            bar = "#" * done + "." * (_WIDTH - done)
            begin, end = ("\r", "\n" if count == total else "") if in_place else ("", "\n")
            text = f"{begin}{title} [{bar}] {100 * count // total:3d}%"
            print(text, end=end, file=sys.stderr, flush=True)
