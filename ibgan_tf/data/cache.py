"""Data files on disk: where they are, written whole or not at all, and checked when opened.

A cache folder holds one file of bytes and `manifest.json`, which records its hash, size and time.
It is written under a temporary name beside its place and renamed when it is complete, so a folder
with the final name is a whole one.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator

import numpy as np

from ibgan_tf import atomic

CONTENT = "content.bin"
MANIFEST = "manifest.json"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what the system says of a disk that is full
_FIELDS = {"source": str, "sha256": str, "size": int, "modified_ns": int}


def path_of(data_dir: str | os.PathLike | None) -> pathlib.Path:
    """Returns the path of the folder of data files, which need not exist.

    Args:
        data_dir: the folder; None stands for `ibgan_tf` in the user's cache directory.

    Raises:
        ValueError: it begins with a home directory, or stands in one, that isn't known.
    """
    try:
        if data_dir is not None:
            return pathlib.Path(data_dir).expanduser()
        parent = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    except RuntimeError as error:
        received = f"data_dir={str(data_dir)!r}" if data_dir is not None else "no data_dir"
        raise ValueError(
            "data_dir must be a folder that can be found. Received: "
            f"{received}, of a user without a home directory. Name a folder with --data_dir."
        ) from error
    return parent / "ibgan_tf"


def data_folder(data_dir: str | os.PathLike | None, *, must_exist: bool = False) -> pathlib.Path:
    """Returns the folder of data files, which is made if it is absent.

    Args:
        data_dir: the folder; None stands for `ibgan_tf` in the user's cache directory.
        must_exist: whether a folder that is named is refused where it is absent: of data that are
            only read from it, it is a slip of the pen.

    Returns:
        folder: an existing folder.

    Raises:
        FileNotFoundError: it must exist and doesn't; nothing is made.
        ValueError: as of `path_of`.
        OSError: it is a file, or can't be made.
    """
    folder = path_of(data_dir)
    if must_exist and data_dir is not None and not folder.exists():
        raise FileNotFoundError(
            f"data_dir must be a folder with data. Received: data_dir={str(folder)!r}, which isn't "
            "there. Name the folder that has them with --data_dir."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise NotADirectoryError(
            f"data_dir must be a folder. Received: data_dir={str(folder)!r}, a file or inside one. "
            "Name another folder with --data_dir."
        ) from error
    except OSError as error:
        raise OSError(
            f"data_dir must be a folder that can be made. Received: data_dir={str(folder)!r} "
            f"({error.strerror}). Name another folder with --data_dir."
        ) from error
    return folder


def folder_of(data_folder: pathlib.Path, name: str, folder_name: str) -> pathlib.Path:
    """Returns the path of a folder of prepared data, which need not exist.

    Args:
        data_folder: folder of the data.
        name: of the data set.
        folder_name: of the folder.

    Returns:
        folder: in the data folder, or in the user's cache if it isn't there and can't be written.
    """
    own = data_folder / name / folder_name
    if own.exists() or _is_writable(own.parent):
        return own
    place = hashlib.sha256(str(data_folder.resolve()).encode()).hexdigest()[:12]
    return path_of(None) / name / place / folder_name


def _is_writable(path: pathlib.Path) -> bool:
    """Says whether a folder can be written, or made."""
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    return os.access(existing, os.W_OK | os.X_OK)


@contextlib.contextmanager
def locked(folder: pathlib.Path) -> Iterator[None]:
    """Holds the right to write cache folders in a folder; waits while another process holds it.

    The right ends with the process, however that ends. Whatever temporary files and folders are
    found then belong to nobody and are removed.

    Args:
        folder: the parent of cache folders; made if absent.

    Raises:
        OSError: it can't be made or written.
    """
    data_folder(folder)
    with open(folder / ".lock", "w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        atomic.remove_leftovers(folder)
        for stale in folder.glob(".*.tmp-*/"):  # folders alone: of `write_cache`
            shutil.rmtree(stale)
        yield


def write_cache(
    folder: pathlib.Path,
    chunks: Iterable[np.ndarray],
    *,
    source: str,
    size: int,
    sha256: str | None = None,
) -> None:
    """Writes a cache folder, whole or not at all. Call it under `locked`.

    Args:
        folder: the cache folder; must not exist.
        chunks: the content, in pieces that are made while they are written.
        source: where the content is from.
        size: bytes of the content.
        sha256: what its hash must be, if that is known beforehand.

    Raises:
        ValueError: the content has another size or hash.
        OSError: the disk is too small.
    """
    check_free_space(folder.parent, size)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{folder.name}.tmp-", dir=folder.parent))
    with told_if_full(folder), _removed(temporary):
        found_size, found_sha256 = _write_content(temporary / CONTENT, chunks)
        if found_size != size:
            raise ValueError(f"{source} data must have {size} bytes. Received: size={found_size}.")
        if sha256 is not None and found_sha256 != sha256:
            raise ValueError(
                f"{source} data must have the SHA-256 {sha256}. Received: sha256={found_sha256}. "
                "This machine computes other images than those that results were measured on: put "
                "the official archive into --data_dir."
            )
        _write_manifest(temporary, source=source, sha256=found_sha256)
        temporary.chmod(0o755)  # mkdtemp's folders are the owner's alone
        temporary.rename(folder)


@contextlib.contextmanager
def _removed(temporary: pathlib.Path) -> Iterator[None]:
    """Removes a folder at the end, if it is still there."""
    try:
        yield
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def told_if_full(folder: pathlib.Path) -> Iterator[None]:
    """Turns the errors of a disk that is full into one that says what to do.

    Args:
        folder: that is written to.

    Raises:
        OSError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise full(folder, error.strerror) from error


def full(folder: pathlib.Path, reason: str) -> OSError:
    """Returns the error of a disk that is full.

    Args:
        folder: that is written to.
        reason: what was said of it.
    """
    return OSError(
        f"The data cache must fit on its disk, which is full. Received: {str(folder)!r} "
        f"({reason}). Free some space, or name a folder on another disk with --data_dir."
    )


def _write_content(path: pathlib.Path, chunks: Iterable[np.ndarray]) -> tuple[int, str]:
    """Writes the chunks to disk and returns their total size and SHA-256."""
    digest = hashlib.sha256()
    with open(path, "wb") as content:
        for chunk in chunks:
            digest.update(chunk)
            content.write(chunk)
        os.fsync(content.fileno())
        return content.tell(), digest.hexdigest()


def _write_manifest(folder: pathlib.Path, *, source: str, sha256: str) -> None:
    """Records the state of the content in the folder's manifest."""
    state = (folder / CONTENT).stat()
    manifest = {
        "source": source,
        "sha256": sha256,
        "size": state.st_size,
        "modified_ns": state.st_mtime_ns,
    }
    write_json(folder / MANIFEST, manifest)


def write_json(path: pathlib.Path, value: object) -> None:
    """Writes a JSON file and waits until it is on the disk.

    Args:
        path: the file; others see it half written, unless its folder gets its name afterwards.
        value: what `json.dump` takes.
    """
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.flush()
        os.fsync(file.fileno())


def check_cache(folder: pathlib.Path, *, size: int, sha256: str | None = None) -> dict[str, object]:
    """Checks a cache folder and returns its manifest.

    Size and time are compared with the manifest, and only if the time differs is the content hashed
    in full: a copied cache is taken (and gets its time back), a damaged one isn't.

    Args:
        folder: the cache folder.
        size: bytes that the content must have.
        sha256: what its hash must be, if that is known.

    Returns:
        manifest: source, sha256, size, modified_ns.

    Raises:
        ValueError: the folder is damaged.
    """
    manifest = _read_manifest(folder)
    if manifest["size"] != size or sha256 not in (None, manifest["sha256"]):
        raise damaged(
            folder,
            f"size={size}, sha256={sha256}",
            f"size={manifest['size']}, sha256={manifest['sha256']}",
        )
    check_file(
        folder / CONTENT,
        size=size,
        sha256=manifest["sha256"],
        modified_ns=manifest["modified_ns"],
    )
    return manifest


def check_file(path: pathlib.Path, *, size: int, sha256: str, modified_ns: int) -> None:
    """Checks that a file of a cache folder is as it was written.

    Args:
        path: the file.
        size: bytes that it must have.
        sha256: its hash, which is computed only if the time differs.
        modified_ns: its time, which a file with that hash gets back.

    Raises:
        ValueError: it is missing, or another.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise damaged(path.parent, path.name, str(error)) from error
    if (state.st_size, state.st_mtime_ns) == (size, modified_ns):
        return
    if state.st_size != size:
        raise damaged(path.parent, f"size={size}", f"size={state.st_size}")
    found = sha256_of(path)
    if found != sha256:
        raise damaged(path.parent, f"sha256={sha256}", f"sha256={found}")
    with contextlib.suppress(OSError):  # another user's cache is hashed at every opening
        os.utime(path, ns=(state.st_atime_ns, modified_ns))


def _read_manifest(folder: pathlib.Path) -> dict[str, object]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        (folder / CONTENT).stat()
    except (OSError, ValueError) as error:
        raise damaged(folder, f"{MANIFEST} and {CONTENT}", str(error)) from error
    if not isinstance(manifest, dict) or any(
        type(manifest.get(k)) is not t for k, t in _FIELDS.items()
    ):
        raise damaged(
            folder, f"the fields {', '.join(_FIELDS)} in {MANIFEST}", repr(manifest)[:200]
        )
    return manifest


def damaged(folder: pathlib.Path, expected: str, received: str) -> ValueError:
    """Returns the error of a cache folder that isn't as it was written.

    Args:
        folder: the cache folder.
        expected: what must be in it.
        received: what was found.
    """
    return ValueError(
        f"The data cache {str(folder)!r} must have {expected}. Received: {received}. "
        "It is damaged: delete that folder, and it will be made again."
    )


def sha256_of(path: pathlib.Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_free_space(folder: pathlib.Path, needed: int) -> None:
    """Checks that a disk has room.

    Args:
        folder: an existing folder on it.
        needed: bytes.

    Raises:
        OSError: there is less.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            f"The disk of {str(folder)!r} must have {needed} bytes free. Received: free={free}. "
            "Free some space, or name a folder on another disk with --data_dir."
        )
