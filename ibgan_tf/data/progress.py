"""A progress bar for work that is done in chunks."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_PATIENCE = 1.0  # seconds of work that need no bar
_INTERVAL = 0.5  # seconds between two drawings
_WIDTH = 40  # characters


def progress_bar(chunks: Iterable[T], *, total: int, title: str) -> Iterator[T]:
    """Yields the chunks, and draws how many have passed on stderr if they take more than a second.

    Args:
        chunks: anything that is made while it is iterated.
        total: how many chunks there are.
        title: what is being done.

    Yields:
        The chunks, unchanged.
    """
    start = drawn = time.monotonic()
    for count, chunk in enumerate(chunks, start=1):
        yield chunk
        now = time.monotonic()
        if now - start >= _PATIENCE and (now - drawn >= _INTERVAL or count == total):
            drawn = now
            done = _WIDTH * count // total
            bar = "#" * done + "." * (_WIDTH - done)
            end = "\n" if count == total else ""
            print(
                f"\r{title} [{bar}] {100 * count // total:3d}%",
                end=end,
                file=sys.stderr,
                flush=True,
            )
