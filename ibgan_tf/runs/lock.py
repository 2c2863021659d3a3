"""The lock of a run directory, or of a sweep's: one process at a time writes it."""

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Iterator

LOCK_FILE = ".lock"


@contextlib.contextmanager
def lock(run_dir: str | os.PathLike[str], *, name: str = "run_dir") -> Iterator[None]:
    """Holds the lock of a run directory; the system frees it however the process ends.

    The folder is made if it is missing, so that a new run is locked before it is created.

    Args:
        run_dir: the run directory.
        name: of the flag that it comes from, for the messages.

    Raises:
        OSError: another process holds the lock, or `run_dir` is a file.
    """
    check_folder(run_dir, name=name)
    os.makedirs(run_dir, exist_ok=True)
    # The file stays when the lock is freed: removing it would race with who opens it next.
    with open(pathlib.Path(run_dir) / LOCK_FILE, "a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise OSError(
                f"{name} must be written by one process at a time: another process (pid "
                f"{file.read().strip() or 'unknown'}) is writing it. Received: {name}={run_dir}. "
                f"Wait for it, or choose another --{name}."
            ) from error
        _write_pid(file.fileno())
        try:
            yield
        finally:
            os.ftruncate(file.fileno(), 0)


def _write_pid(descriptor: int) -> None:
    """Writes this process's id into the lock file, for the message of whoever comes second."""
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))


def is_held(run_dir: str | os.PathLike[str]) -> bool:
    """Says whether a process is writing a run directory; the answer may be old when it comes.

    Args:
        run_dir: the run directory, which need not exist.
    """
    try:
        with open(pathlib.Path(run_dir) / LOCK_FILE, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def check_folder(run_dir: str | os.PathLike[str], *, name: str = "run_dir") -> None:
    """Checks that a run directory is no file, nor lies in one.

    Args:
        run_dir: the run directory, which need not exist.
        name: of the flag that it comes from, for the message.

    Raises:
        NotADirectoryError: `run_dir`, or a folder above it, is a file.
    """
    path = pathlib.Path(run_dir)
    for folder in (path, *path.parents):
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(
                f"{name} must be a folder, but {folder} is a file. Received: {name}={run_dir}. "
                f"Choose another --{name}."
            )
