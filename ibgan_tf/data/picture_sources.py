"""Lists the picture files of a folder or an archive, and reads them where they are.

Archives are never unpacked: a member's name is only a name, and its bytes are read at their place
in the archive. So nothing can be written outside of a folder, links and devices are never followed,
and no more is read of a member than it is said to have.
"""

import collections
import dataclasses
import errno
import hashlib
import json
import os
import pathlib
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO

from ibgan_tf.data import cache, image_files

ARCHIVE_SUFFIXES = (".zip", ".tar")
MOST_PICTURES = 20_000_000
LARGEST_FILE = 100_000_000  # bytes
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # of a zip member: signature, lengths of name and extra
# Of a file that isn't there, or a link to nothing. Other errors of a disk may pass, and say nothing
# of the picture.
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
# What zipfile and tarfile were seen to raise on damaged input.
_DAMAGE = (
    EOFError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
)


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture file.

    Attributes:
        name: its path within the folder or archive, with "/" between the parts.
        size: bytes of it.
        stamp: what changes when the file does: its time, or its checksum in a zip.
        offset: where its bytes begin in an archive.
        packed_size: how many bytes those are there.
        deflated: whether they are compressed.
    """

    name: str
    size: int
    stamp: int = 0
    offset: int = 0
    packed_size: int = 0
    deflated: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Picture files in an order.

    Attributes:
        kind: "folder", "zip", "tar", or that of a source whose bytes are given otherwise.
        path: of the folder or archive.
        pictures: the files.
    """

    kind: str
    path: str
    pictures: tuple[Picture, ...]

    def listing_sha256(self) -> str:
        """Returns the SHA-256 of the names and sizes, in order."""
        listed = [[picture.name, picture.size] for picture in self.pictures]
        return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def find(folder: pathlib.Path, places: Sequence[str], name: str) -> Source | None:
    """Returns the picture files of a folder or archive of a name, in the first place that has it.

    Args:
        folder: an existing folder.
        places: folders in it, which need not exist; "." for itself.
        name: of a folder, or of an archive without its ending.

    Returns:
        source: or None.

    Raises:
        ValueError: the archive is damaged.
    """
    for path in (folder / place / name for place in places):
        if path.is_dir():
            return list_folder(path)
        for archive in (path.with_name(name + suffix) for suffix in ARCHIVE_SUFFIXES):
            if archive.is_file():
                return list_archive(archive)
    return None


def list_folder(path: pathlib.Path) -> Source:
    """Returns the picture files of a folder and all folders in it, sorted by name.

    Hidden files and folders are left out. Links to files are followed, links to folders aren't.

    Args:
        path: an existing folder.

    Returns:
        source: of kind "folder".

    Raises:
        OSError: a folder can't be read.
        ValueError: there are more than 20 million.
    """
    found, folders = [], collections.deque([""])
    while folders:
        prefix = folders.popleft()
        with os.scandir(path / prefix) as entries:
            for entry in entries:
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False) and not _is_hidden(entry.name):
                    folders.append(name + "/")
                elif _is_picture(name):
                    found.append(_file_in_folder(entry, name))
        _check_number(len(found), path)
    return _sorted("folder", path, found)


def list_archive(path: pathlib.Path) -> Source:
    """Returns the picture files of an archive, sorted by name.

    Args:
        path: a zip, or a tar that isn't compressed, by the name's ending.

    Returns:
        source: of kind "zip" or "tar".

    Raises:
        ValueError: the archive is damaged, or its pictures can't be read from it.
    """
    kind, lister = ("zip", _zip_members) if path.suffix == ".zip" else ("tar", _tar_members)
    found = []
    try:
        for picture in lister(path):
            found.append(picture)
            _check_number(len(found), path)
    except _DAMAGE as error:
        raise ValueError(
            f"The archive {str(path)!r} must be a whole {kind}, not compressed otherwise and not "
            f"encrypted. Received: {' '.join(str(error).split())[:200]}. Fetch it again, or unpack "
            "it beside it and move it away."
        ) from error
    return _sorted(kind, path, found)


def archive_record(
    source: Source, published: Mapping[str, tuple[int, str]] | None = None
) -> dict[str, object]:
    """Returns the size and hash of an archive for a manifest; nothing of a folder.

    Args:
        source: of any kind.
        published: file name -> size and SHA-256, where they are known.

    Returns:
        record: JSON-ready; "archive_is_published" says whether it is the published file.
    """
    path = pathlib.Path(source.path)
    if not path.is_file():
        return {}
    found = (path.stat().st_size, cache.sha256_of(path))
    record = {"archive_size": found[0], "archive_sha256": found[1]}
    if published is None or path.name not in published:
        return record
    return record | {"archive_is_published": found == published[path.name]}


def folder_flag(source: Source) -> str:
    """Returns the flag by which `image_folder` takes the picture files.

    Args:
        source: a folder, or an archive, which must be unpacked for it.
    """
    return f"--data_dir={source.path if source.kind == 'folder' else '<where you unpack it>'}"


def contents(source: Source) -> Iterator[bytes | OSError | ValueError]:
    """Yields the bytes of each picture file, or why it has none: it is missing or damaged.

    Args:
        source: a folder or an archive.

    Raises:
        OSError: the disk can't be read, or a file mayn't be.
    """
    if source.kind == "folder":
        for picture in source.pictures:
            path = os.path.join(source.path, picture.name)
            yield _or_error(_read_file, path, picture, path=path)
        return
    read = _read_checked_member if source.kind == "zip" else _read_member
    with open(source.path, "rb") as archive:
        for picture in source.pictures:
            yield _or_error(read, archive, picture, path=source.path)


def _or_error(
    read: Callable[..., bytes], *arguments: object, path: str
) -> bytes | OSError | ValueError:
    try:
        return read(*arguments)
    except OSError as error:
        if error.errno in _MISSING:
            return error
        raise OSError(
            f"Pictures must lie where they can be read. Received: {path!r} ({error.strerror}). "
            "Mend that, then run the same command again: what is done is kept."
        ) from error
    except ValueError as error:
        return error
    except zlib.error as error:
        return ValueError(str(error))


def _read_file(path: str, picture: Picture) -> bytes:
    _check_size(picture)
    if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for ever
        raise ValueError("no plain file")
    with open(path, "rb") as file:
        return file.read(LARGEST_FILE)


def _read_member(archive: IO[bytes], picture: Picture) -> bytes:
    """Returns the bytes of a member, of which no more are unpacked than it is said to have."""
    _check_size(picture)
    archive.seek(picture.offset)
    content = archive.read(picture.packed_size)
    if picture.deflated:
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, picture.size + 1)
    if len(content) != picture.size:
        raise ValueError(f"another size than the {picture.size} bytes that the archive names")
    return content


def _read_checked_member(archive: IO[bytes], picture: Picture) -> bytes:
    content = _read_member(archive, picture)
    if zlib.crc32(content) != picture.stamp:
        raise ValueError("another checksum than the archive names")
    return content


def _check_size(picture: Picture) -> None:
    if max(picture.size, picture.packed_size) > LARGEST_FILE:
        raise ValueError(f"{picture.size} bytes, more than {LARGEST_FILE}")


def _check_number(number: int, path: pathlib.Path) -> None:
    if number > MOST_PICTURES:
        raise ValueError(
            f"There must be at most {MOST_PICTURES:,} pictures. Received: more in {str(path)!r}."
        )


def _file_in_folder(entry: os.DirEntry, name: str) -> Picture:
    """Returns a file of a folder; one that is gone or no file is found unreadable later."""
    try:
        state = entry.stat()
    except OSError:
        return Picture(name, 0)
    return Picture(name, state.st_size, state.st_mtime_ns)


def _zip_members(path: pathlib.Path) -> Iterator[Picture]:
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        for member in archive.infolist():
            if member.is_dir() or not _is_picture(member.filename):
                continue
            if member.flag_bits & 1 or member.compress_type not in (
                zipfile.ZIP_STORED,
                zipfile.ZIP_DEFLATED,
            ):
                raise ValueError(f"{member.filename!r}, encrypted or neither stored nor deflated")
            file.seek(member.header_offset)
            signature, name_length, extra_length = _LOCAL_HEADER.unpack(
                file.read(_LOCAL_HEADER.size)
            )
            if signature != b"PK\x03\x04":
                raise ValueError(f"no header of {member.filename!r} at its place")
            yield Picture(
                member.filename,
                member.file_size,
                member.CRC,
                file.tell() + name_length + extra_length,
                member.compress_size,
                member.compress_type == zipfile.ZIP_DEFLATED,
            )


def _tar_members(path: pathlib.Path) -> Iterator[Picture]:
    with tarfile.open(path, "r:") as archive, open(path, "rb") as file:
        while (member := archive.next()) is not None:
            archive.members = []  # of which it would keep all
            if member.isreg() and not member.issparse() and _is_picture(member.name):
                yield Picture(
                    member.name, member.size, int(member.mtime), member.offset_data, member.size
                )
        file.seek(archive.offset)  # tarfile also stops, and says nothing, at what is no header
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise ValueError(f"an end or damage at byte {archive.offset}")


def _sorted(kind: str, path: pathlib.Path, pictures: list[Picture]) -> Source:
    ordered = tuple(sorted(pictures, key=lambda picture: picture.name))
    return Source(kind=kind, path=str(path), pictures=ordered)


def _is_picture(name: str) -> bool:
    """Says whether a file is a picture by its name, and isn't hidden."""
    *folders, last = name.split("/")
    named_so = last.lower().endswith(image_files.SUFFIXES)
    return named_so and not any(map(_is_hidden, [last, *folders]))


def _is_hidden(part: str) -> bool:
    """Says whether a part of a path is hidden, or a Mac's folder of what isn't the files."""
    return part == "__MACOSX" or (part.startswith(".") and part not in (".", ".."))
