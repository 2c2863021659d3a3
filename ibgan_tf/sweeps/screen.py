"""What a sweep shows in the terminal: lines that stay, and one that changes."""

import contextlib
import shutil
import sys
import time
from typing import TextIO

_TERMINAL_INTERVAL, _FILE_INTERVAL = 1.0, 60.0  # seconds between two states


class Screen:
    """Writes lines, and a state: in a terminal over the last one, else now and then as a line.

    A sweep outlives the pipe that it began in: what can't be shown is left out.

    Args:
        stream: where to write; stderr if None.
    """

    def __init__(self, stream: TextIO | None = None):
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._interval = _TERMINAL_INTERVAL if self._is_terminal else _FILE_INTERVAL
        self._shown_at = time.monotonic()

    def say(self, line: str) -> None:
        """Writes a line that stays."""
        self._write(f"\r\x1b[K{line}\n" if self._is_terminal else f"{line}\n")

    def is_due(self) -> bool:
        """Says whether it is time to show the state anew."""
        return time.monotonic() - self._shown_at >= self._interval

    def show(self, state: str) -> None:
        """Shows the state."""
        self._shown_at = time.monotonic()
        width = shutil.get_terminal_size().columns - 1
        self._write(f"\r\x1b[K{state[:width]}" if self._is_terminal else f"{state}\n")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()
