"""Reads arrays out of npz archives piece by piece, trusting nothing in them.

`np.load` would hold a whole array in memory, and with `allow_pickle=True` runs whatever code an
archive contains. Here an array is read only if it is exactly the expected one, so a hostile archive
can claim neither code nor memory.
"""

import math
import pathlib
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np

_MAX_HEADER = 65_546  # bytes of the largest header of version 1.0
# Everything that zipfile and NumPy's header parser were seen to raise on damaged input.
_DAMAGE = (
    EOFError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_chunks(
    path: pathlib.Path, name: str, *, shape: Sequence[int], dtype: str, rows: int
) -> Iterator[np.ndarray]:
    """Yields an array of an npz archive in pieces of some rows.

    Args:
        path: the archive.
        name: the array's name in it.
        shape: the shape it must have.
        dtype: the type it must have, a number type.
        rows: of a piece; the last piece may have fewer.

    Yields:
        chunk: the next rows, [<= rows, *shape[1:]].

    Raises:
        ValueError: the archive is damaged, or its array is another.
    """
    try:
        with zipfile.ZipFile(path) as archive, _open_member(archive, name, shape, dtype) as stream:
            _check_header(stream, shape, dtype)
            for start in range(0, shape[0], rows):
                count = min(rows, shape[0] - start)
                yield _read_rows(stream, [count, *shape[1:]], dtype)
            if stream.read(1):  # reading to the end also checks the member's CRC
                raise ValueError("bytes after the last row")
    except _DAMAGE as error:
        raise ValueError(
            f"The archive {str(path)!r} must be whole and hold {name!r}, {dtype} {list(shape)}. "
            f"Received: {_one_line(error)}. Fetch it again, or move it away."
        ) from error


def _open_member(
    archive: zipfile.ZipFile, name: str, shape: Sequence[int], dtype: str
) -> IO[bytes]:
    """Opens a member whose size is that of the expected array, with its header."""
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"compression method {info.compress_type}")
    data_size = math.prod(shape) * np.dtype(dtype).itemsize
    if not data_size < info.file_size <= data_size + _MAX_HEADER:
        raise ValueError(f"a member of {info.file_size} bytes")
    return archive.open(info)


def _check_header(stream: IO[bytes], shape: Sequence[int], dtype: str) -> None:
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):  # later versions allow headers of 4 GB
        raise ValueError(f"an array of format version {version}")
    found_shape, fortran_order, found_dtype = np.lib.format.read_array_header_1_0(stream)
    if found_shape != tuple(shape) or found_dtype != np.dtype(dtype) or fortran_order:
        order = ", Fortran order" if fortran_order else ""
        raise ValueError(f"{found_dtype} {list(found_shape)}{order}")


def _read_rows(stream: IO[bytes], shape: Sequence[int], dtype: str) -> np.ndarray:
    size = math.prod(shape) * np.dtype(dtype).itemsize
    content = stream.read(size)
    if len(content) != size:
        raise EOFError("the array ends early")
    return np.frombuffer(content, dtype).reshape(shape)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
