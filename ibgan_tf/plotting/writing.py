"""Writes a picture so that a reader never sees half of it."""

import os
import tempfile
from pathlib import Path


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
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(contents)
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes private files; pictures aren't
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """Returns the process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
