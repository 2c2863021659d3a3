"""Writes a picture so that a reader never sees half of it."""

import os
import pathlib

from ibgan_tf import atomic


def write_atomically(path: str | os.PathLike, contents: bytes) -> None:
    """Writes `contents` to `path`: a temporary file beside it, then one rename.

    A viewer (or TensorBoard) that opens the file while a training run redraws it gets the old
    picture or the new one. After an error the old file is as it was and nothing else is left.

    Args:
        path: the file to write; its folders are made.
        contents: the whole file.

    Raises:
        OSError: the folder can't be made or written, or the disk is full.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.replacing_file(path) as temporary:
        temporary.write_bytes(contents)
