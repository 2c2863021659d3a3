"""The lock of a run directory: one process at a time writes it."""

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Iterator

LOCK_FILE = ".lock"


@contextlib.contextmanager
def lock(run_dir: str | os.PathLike[str]) -> Iterator[None]:
    """Holds the lock of a run directory; the system frees it however the process ends.

    The folder is made if it is missing, so that a new run is locked before it is created.

    Args:
        run_dir: the run directory.

    Raises:
        OSError: another process holds the lock, or `run_dir` is a file.
    """
    check_folder(run_dir)
    os.makedirs(run_dir, exist_ok=True)
    # The file stays when the lock is freed: removing it would race with who opens it next.
    with open(pathlib.Path(run_dir) / LOCK_FILE, "a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise OSError(
                f"run_dir must be written by one process at a time: another process (pid "
                f"{file.read().strip() or 'unknown'}) is writing it. Received: run_dir={run_dir}. "
                "Wait for it, or choose another --run_dir."
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


def check_folder(run_dir: str | os.PathLike[str]) -> None:
    """Checks that a run directory is no file, nor lies in one.

    Args:
        run_dir: the run directory, which need not exist.

    Raises:
        NotADirectoryError: `run_dir`, or a folder above it, is a file.
    """
    path = pathlib.Path(run_dir)
    for folder in (path, *path.parents):
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(
                f"run_dir must be a folder, but {folder} is a file. Received: run_dir={run_dir}. "
                "Choose another --run_dir."
            )
