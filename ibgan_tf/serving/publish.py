"""Makes a version visible to servers: whole, checked, and in one step.

A server takes any child folder whose name is a number, complete or not, the moment it appears. So
a version is made in a folder with another name beside it, and renamed when all its bytes are on
the disk. What a killed export leaves has such a name, and goes with the next export.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import secrets
import shutil
from collections.abc import Callable, Iterator

from ibgan_tf import atomic
from ibgan_tf.runs import lock
from ibgan_tf.serving.server_config import published_versions

LARGEST_VERSION = 2**63 - 1
_IN_RUN = "export"  # the folder of exports in a run directory
_STAGING = ".tmp-"  # of `atomic`, whose `remove_leftovers` finds it


def choose_version(model_dir: pathlib.Path, version: int | None) -> int:
    """Returns the number that an export will have.

    Args:
        model_dir: the folder of the version folders; it need not exist.
        version: the number; None for the one after the newest.

    Raises:
        NotADirectoryError: `model_dir`, or a folder above it, is a file.
        ValueError: the number is below 1 or no int64, or `model_dir` isn't a fit name for a model.
        FileExistsError: the version exists.
    """
    lock.check_folder(model_dir, name="output_dir")
    model_name(model_dir)
    if version is None:
        return max(published_versions(model_dir), default=0) + 1
    if not 1 <= version <= LARGEST_VERSION:
        raise ValueError(
            f"version must be 1 to {LARGEST_VERSION}, the largest number that a server reads. "
            f"Received: version={version}."
        )
    _refuse_existing(model_dir, version)
    return version


def model_name(model_dir: pathlib.Path, *, flag: str = "output_dir") -> str:
    """Returns the name that a model is served by: its folder's, or the run's of <run>/export.

    Args:
        model_dir: the folder of the version folders.
        flag: what the folder was given by, for the error.

    Raises:
        ValueError: the name isn't made of letters, digits, ".", "_" and "-", or is a number.
    """
    path = model_dir.absolute()
    name = path.parent.name if path.name == _IN_RUN else path.name
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]*", name) or ".." in model_dir.parts:
        raise ValueError(
            f"{flag} must end with the model's name, which begins with a letter and is made of "
            "letters, digits, '.', '_' and '-', and must not pass through '..'. "
            f"Received: {flag}={model_dir}. Choose one such as models/ibgan-dsprites"
        )
    return name


@contextlib.contextmanager
def publishing(
    model_dir: pathlib.Path, version: int, *, then: Callable[[], None] = lambda: None
) -> Iterator[pathlib.Path]:
    """Yields a hidden folder that becomes the version at the end.

    If the block raises, nothing is left of it, and what was there before is as it was.

    Args:
        model_dir: the folder of the version folders; it is made.
        version: of `choose_version`.
        then: called when the version is there, before another export can begin.

    Yields:
        An empty folder on the same file system, for the block to fill and to check.

    Raises:
        FileExistsError: the version exists by now.
        OSError: another process is exporting to `model_dir`, or the disk is full.
    """
    existed = model_dir.exists()
    model_dir.mkdir(parents=True, exist_ok=True)
    try:
        with _locked(model_dir):
            atomic.remove_leftovers(model_dir)
            staging = model_dir / (_STAGING + secrets.token_hex(4))
            staging.mkdir()
            try:
                yield staging
                _sync_tree(staging)
                _refuse_existing(model_dir, version)
                staging.rename(model_dir / str(version))
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            atomic.sync(model_dir)
            then()
    except BaseException:
        if not existed:
            with contextlib.suppress(OSError):  # another export may have begun there
                model_dir.rmdir()
        raise


@contextlib.contextmanager
def _locked(model_dir: pathlib.Path) -> Iterator[None]:
    """Holds the lock of a model's folder; the system frees it however the process ends."""
    descriptor = os.open(model_dir, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(
                "output_dir must be written by one export at a time. "
                f"Received: output_dir={model_dir}, to which another process is exporting."
            ) from error
        yield
    finally:
        os.close(descriptor)


def _refuse_existing(model_dir: pathlib.Path, version: int) -> None:
    """Raises if there is anything by a version's number: versions are never overwritten."""
    found = published_versions(model_dir)
    if version in found:
        raise FileExistsError(
            f"version must be new: versions are never overwritten. Received: version={version}, "
            f"output_dir={model_dir}, which has {found}. Leave --version out for the next"
        )


def _sync_tree(folder: pathlib.Path) -> None:
    """Waits until a folder and all that it holds are on the disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        atomic.sync(path)
    atomic.sync(folder)
