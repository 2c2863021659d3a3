"""One shard of prepared pictures: decoded, resized, and written as rows of bytes.

Functions of plain values, which other processes run.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ibgan_tf import config
from ibgan_tf.config import setting
from ibgan_tf.data import cache, image_files, picture_sources

FORM = 1  # of decoding and of shards: counts up when either changes
SIDES = (28, 32, 64)
RESAMPLING = "lanczos"
TEMPORARY = ".tmp"  # how the names of shards end that are being written


@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureSettings:
    """How pictures become images.

    Raises:
        ValueError: a value is out of its range.
    """

    image_size: int = setting(64, "Side of the images in pixels: 28, 32 or 64.")
    crop: int = setting(
        0, "Side of the middle square that is kept, in pixels of the file; 0: the largest."
    )
    color: str = setting("rgb", "rgb: three channels; grey: one.", choices=("rgb", "grey"))

    def __post_init__(self) -> None:
        config.check_settings(self)
        if self.image_size not in SIDES:
            raise ValueError(
                f"image_size must be one of: {', '.join(map(str, SIDES))}. "
                f"Received: image_size={self.image_size}."
            )
        if self.crop < 0:
            raise ValueError(f"crop must be >= 0. Received: crop={self.crop}.")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images."""
        return (self.image_size, self.image_size, 1 if self.color == "grey" else 3)

    @property
    def folder_name(self) -> str:
        """The name of a folder of images that are made so."""
        return f"crop{self.crop}-{self.image_size}-{self.color}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shard:
    """What is recorded of a shard, ready for JSON.

    Attributes:
        number: of the shard.
        listing_sha256: of its picture files and settings: what it was made from.
        count: images in it.
        unreadable: [position among its picture files, name, reason] of each that was left out.
        sha256, size, modified_ns: of its file.
    """

    number: int
    listing_sha256: str
    count: int
    unreadable: list[list]
    sha256: str
    size: int
    modified_ns: int


def file_name(number: int) -> str:
    """Returns the name of a shard's file."""
    return f"shard-{number:04d}.bin"


def listing_sha256(source: picture_sources.Source, settings: PictureSettings) -> str:
    """Returns the SHA-256 of what a shard is made from: another one means other images.

    Args:
        source: the shard's picture files.
        settings: how they become images.
    """
    pictures = [[picture.name, picture.size, picture.stamp] for picture in source.pictures]
    made_from = [FORM, settings.folder_name, source.kind, pictures]
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()


def write_shard(
    folder: str,
    number: int,
    source: picture_sources.Source,
    settings: PictureSettings,
    contents: Iterable[bytes] | None = None,
) -> Shard:
    """Writes a shard's file, and returns its record.

    Args:
        folder: where.
        number: of the shard.
        source: its picture files.
        settings: how they become images.
        contents: their bytes; None to read them.

    Returns:
        shard: with the files that can't be read left out.

    Raises:
        OSError: the disk is full or can't be read, the memory is too small, or a picture fails in
            a way that no damage should; nothing of it stays.
    """
    images, unreadable = [], []
    found = picture_sources.contents(source) if contents is None else contents
    with _told(number, source, images, unreadable):
        for position, (picture, content) in enumerate(zip(source.pictures, found, strict=True)):
            try:
                images.append(_decoded(content, settings))
            except (OSError, ValueError) as error:
                reason = str(error).rpartition("Received: ")[2].removesuffix(".")
                unreadable.append([position, picture.name, " ".join(reason.split())[:200]])
        rows = np.stack(images) if images else np.empty([0, *settings.image_shape], np.uint8)
    path = pathlib.Path(folder) / file_name(number)
    # Of its own name at first: the process of a preparation that was killed may write the same.
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with open(temporary, "wb") as file:
            file.write(rows)
            file.flush()
            os.fsync(file.fileno())
            state = os.fstat(file.fileno())
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)  # it may be what a full disk has no room for
    return Shard(
        number=number,
        listing_sha256=listing_sha256(source, settings),
        count=len(rows),
        unreadable=unreadable,
        sha256=hashlib.sha256(rows).hexdigest(),
        size=state.st_size,
        modified_ns=state.st_mtime_ns,
    )


@contextlib.contextmanager
def _told(
    number: int, source: picture_sources.Source, images: Sequence, unreadable: Sequence
) -> Iterator[None]:
    """Turns errors that aren't a picture's damage into one that says where they came."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        done = len(images) + len(unreadable)
        picture = source.pictures[done].name if done < len(source.pictures) else None
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200].removesuffix(":")
        is_short = picture is None or isinstance(error, MemoryError)
        advice = "free some memory" if is_short else "take that picture away"
        raise OSError(
            f"Shard {number} must be decoded to its end. Received: {reason}"
            f"{f' at {picture!r}' if picture else ''}. What is done is kept: {advice}, then run "
            "the same command again."
        ) from error


def check_shard(folder: pathlib.Path, shard: Shard) -> None:
    """Checks that a shard's file is as it was written.

    Args:
        folder: where it is.
        shard: its record.

    Raises:
        ValueError: it isn't.
    """
    cache.check_file(
        folder / file_name(shard.number),
        size=shard.size,
        sha256=shard.sha256,
        modified_ns=shard.modified_ns,
    )


def from_json(values: object) -> Shard:
    """Returns the record that `dataclasses.asdict` and JSON have made to values.

    Args:
        values: as `json.loads` gives them.

    Raises:
        ValueError: they aren't such a record.
    """
    kinds = {field.name: field.type for field in dataclasses.fields(Shard)}
    if (
        not isinstance(values, dict)
        or values.keys() != kinds.keys()
        or not all(isinstance(values[name], int) for name in ("number", "count", "size"))
    ):
        raise ValueError(f"A shard must have {', '.join(kinds)}. Received: {str(values)[:200]}.")
    return Shard(**values)


def _decoded(content: bytes | OSError | ValueError, settings: PictureSettings) -> np.ndarray:
    if isinstance(content, Exception):
        raise content
    return image_files.decode(
        content,
        crop=settings.crop,
        image_size=settings.image_size,
        grey=settings.color == "grey",
    )
