"""Files and folders that appear whole or not at all, whatever kills the process."""

import contextlib
import json
import os
import pathlib
import secrets
import shutil
from collections.abc import Iterator

_PREFIX = ".tmp-"


def sync(path: pathlib.Path) -> None:
    """Waits until a file's contents, or a folder's list of names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def replacing_file(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields the path of a temporary file that takes the place of `path` at the end.

    If the block raises, `path` is as it was before.

    Args:
        path: the file to write; its folder exists.

    Yields:
        A path in the same folder, hidden, for the block to write.
    """
    # The name has no part of path's: TensorBoard reads every file with "tfevents" in its name.
    temporary = path.with_name(_PREFIX + secrets.token_hex(4))
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    except OSError as error:
        if error.errno and not error.filename:  # as a full disk's
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


@contextlib.contextmanager
def replacing_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields an empty temporary folder that takes the place of `path` at the end.

    A folder can't be renamed onto another that holds anything, so an older one is moved away
    first: a process killed in between leaves no `path`, but never a half-made one.

    Args:
        path: the folder to write; the folder it lies in exists.

    Yields:
        A hidden folder beside it, for the block to write files into.
    """
    temporary = path.with_name(_PREFIX + secrets.token_hex(4))
    older = path.with_name(_PREFIX + secrets.token_hex(4))
    temporary.mkdir()
    try:
        yield temporary
        for written in [*temporary.iterdir(), temporary]:
            sync(written)
        if path.exists():
            path.rename(older)
        try:
            temporary.rename(path)
        except BaseException:
            if older.exists():
                older.rename(path)
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(older, ignore_errors=True)
    sync(path.parent)


def is_leftover(path: pathlib.Path) -> bool:
    """Says whether a path is the temporary file or folder of a writer, living or killed."""
    return path.name.startswith(_PREFIX)


def remove_leftovers(folder: pathlib.Path) -> None:
    """Removes what killed writers left in a folder; only for who alone writes there."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if is_leftover(path):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a text file, whole or not at all.

    Args:
        path: the file; its folder exists.
        text: its contents.

    Raises:
        OSError: the disk is full, or the folder can't be written.
    """
    with replacing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: pathlib.Path, value: object) -> None:
    """Writes a JSON file, whole or not at all.

    Args:
        path: the file; its folder exists.
        value: what `json.dumps` takes; numbers are finite.

    Raises:
        ValueError: a number is not finite.
        OSError: the disk is full, or the folder can't be written.
    """
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")
