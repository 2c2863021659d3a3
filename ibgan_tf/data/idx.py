"""Reads arrays of bytes in the IDX form of MNIST, gzipped or not, of exactly the expected shape."""

import gzip
import math
import pathlib
import struct
import zlib
from collections.abc import Sequence

import numpy as np

_UNSIGNED_BYTE = 0x08  # the type code of the form


def find(folder: pathlib.Path, name: str) -> pathlib.Path | None:
    """Returns the IDX file of a name in a folder, or None.

    Args:
        folder: need not exist.
        name: of the published file, such as "train-images-idx3-ubyte"; unpackers write a "." in
            the place of the last "-idx", and gzipped files end with ".gz".
    """
    for stem in (name, name.replace("-idx", ".idx")):
        for path in (folder / stem, folder / f"{stem}.gz"):
            if path.is_file():
                return path
    return None


def read(path: pathlib.Path, *, shape: Sequence[int]) -> np.ndarray:
    """Returns the array of an IDX file.

    No more is read than the expected array has bytes, whatever the file claims.

    Args:
        path: the file; gzipped if its name ends with ".gz".
        shape: what its shape must be.

    Returns:
        array: uint8 of that shape.

    Raises:
        ValueError: the file is damaged, or holds another array.
    """
    header = struct.pack(f">BBBB{len(shape)}I", 0, 0, _UNSIGNED_BYTE, len(shape), *shape)
    size = len(header) + math.prod(shape)
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            content = file.read(size + 1)  # to the end, where gzip has its checksum
        if content[: len(header)] != header:
            raise ValueError(f"another header, {content[: len(header)].hex()}")
        if len(content) != size:
            found = str(len(content)) if len(content) < size else "more"
            raise ValueError(f"{found} bytes instead of {size}")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ValueError(
            f"The file {str(path)!r} must be whole and hold uint8 {list(shape)} in IDX form. "
            f"Received: {' '.join(str(error).split())[:200]}. Fetch it again, or move it away."
        ) from error
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)
