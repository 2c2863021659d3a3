"""Tells a user's mistake, which is shown in one line, from a bug, which keeps its traceback."""

import os
import traceback

_INSTALLED = frozenset({"site-packages", "dist-packages"})  # folders of packages; Debian's, too


def is_mistake(error: Exception) -> bool:
    """Says whether an error is the user's, and not one that other software raised for a bug.

    Args:
        error: an error that was caught.

    Returns:
        True for an OSError, for the FloatingPointError of a training that diverged, and for a
        ValueError or TypeError that was raised outside of installed packages; but a TypeError
        must say what it received: Python raises others itself, for a call with wrong arguments.
    """
    if isinstance(error, OSError | FloatingPointError):
        return True
    if not isinstance(error, ValueError | TypeError):
        return False
    raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
    installed = not _INSTALLED.isdisjoint(raised_in.split(os.sep))
    if installed and not _is_ours(raised_in):
        return False
    return isinstance(error, ValueError) or "Received" in str(error)


def one_line(error: Exception) -> str:
    """Returns an error's text in one line."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        # Of two names the second is the user's: a rename's target, not a temporary file.
        return f"{error.strerror}: {error.filename2 or error.filename}"
    return " ".join(str(error).split())


def _is_ours(path: str) -> bool:
    """Says whether a file is one of this package, which may be an installed one itself."""
    return path.startswith(os.path.dirname(os.path.abspath(__file__)) + os.sep)
