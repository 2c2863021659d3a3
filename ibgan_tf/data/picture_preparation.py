"""Prepares sets of pictures: decodes and resizes them once, in several processes, into shards.

A prepared folder (see `prepared_pictures`) is written under a hidden name, with a line in
`shards.jsonl` for each finished shard, and renamed when it is complete. After a kill, the next
preparation keeps the shards whose picture files and bytes are still the same.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import math
import os
import pathlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import PIL

from ibgan_tf.data import cache, decoding, picture_shards, progress
from ibgan_tf.data.picture_shards import PictureSettings, Shard
from ibgan_tf.data.picture_sources import Source

LEAST_IN_SHARD = 1024  # picture files
MOST_SHARDS = 256  # each is an open file while the set is
MOST_UNREADABLE = 0.01  # of the picture files
_FINISHED = "shards.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """The picture files of a set.

    Attributes:
        source: the files, those of the first split first.
        splits: split -> how many of them.
        about: what else the manifest says of the source, ready for JSON.
        contents: their bytes in order; None to read them.
    """

    source: Source
    splits: Mapping[str, int]
    about: Mapping[str, object] = dataclasses.field(default_factory=dict)
    contents: Iterable[bytes] | None = None


def prepared_folder(
    data_dir: str | os.PathLike | None,
    name: str,
    settings: PictureSettings,
    find: Callable[[pathlib.Path], Listing],
) -> pathlib.Path:
    """Returns the prepared folder of a published set, which is made if it is absent.

    Where it is there, the picture files aren't looked for.

    Args:
        data_dir: folder of the data, which must exist; None stands for `ibgan_tf` in the user's
            cache directory.
        name: of the data set.
        settings: how pictures become images.
        find: data folder -> the picture files in it.

    Raises:
        FileNotFoundError: data_dir isn't there.
        OSError, ValueError: as of `find` and `prepare`.
    """
    data_folder = cache.data_folder(data_dir, must_exist=True)
    folder = cache.folder_of(data_folder, name, settings.folder_name)
    if not folder.exists():
        prepare(folder, find(data_folder), settings)
    return folder


def prepare(
    folder: pathlib.Path,
    listing: Listing,
    settings: PictureSettings,
    *,
    num_processes: int | None = None,
) -> None:
    """Makes a prepared folder, unless it is there; goes on where one that was killed stopped.

    Args:
        folder: the prepared folder; the one it lies in is named after the data set.
        listing: the picture files.
        settings: how they become images.
        num_processes: how many decode; None for one on each usable core.

    Raises:
        ValueError: more than 1 % of the files can't be read.
        OSError: the disk is full or can't be read, or the memory is too small; what is done is
            kept.
    """
    if folder.exists():  # perhaps where nothing can be written, a lock neither
        return
    unfinished = folder.with_name(f".{settings.folder_name}.unfinished")
    with cache.locked(folder.parent):
        if folder.exists():  # by another process, meanwhile
            return
        unfinished.mkdir(exist_ok=True)
        with cache.told_if_full(folder):
            shards = _write_shards(unfinished, folder, listing, settings, num_processes)
            cache.write_json(
                unfinished / cache.MANIFEST, _manifest(shards, listing, settings, folder)
            )
            _remove_others(unfinished, shards)
            unfinished.rename(folder)
        (folder / _FINISHED).unlink()
    _tell_unreadable(shards, listing, folder)


def _remove_others(unfinished: pathlib.Path, shards: Sequence[Shard]) -> None:
    """Removes what killed processes were writing, and shards of a longer list of pictures."""
    own = {picture_shards.file_name(shard.number) for shard in shards}
    for path in unfinished.iterdir():
        if path.name not in own | {cache.MANIFEST, _FINISHED}:
            path.unlink(missing_ok=True)


def _write_shards(
    unfinished: pathlib.Path,
    folder: pathlib.Path,
    listing: Listing,
    settings: PictureSettings,
    num_processes: int | None,
) -> list[Shard]:
    """Writes the shards that aren't finished, and returns the records of all in order."""
    import joblib  # 0.1 s

    parts = _parts(listing.source)
    finished = _finished(unfinished, parts, settings)
    open_pictures = sum(
        len(part.pictures) for number, part in enumerate(parts) if number not in finished
    )
    cache.check_free_space(unfinished, open_pictures * math.prod(settings.image_shape))
    _check_unreadable(finished.values(), listing)
    total = len(parts) - len(finished)
    title = f"Preparing {len(listing.source.pictures):,} pictures into {folder}"
    calls = _calls(unfinished, parts, settings, finished, listing.contents)
    number = min(num_processes or joblib.cpu_count(), total)
    with (
        open(unfinished / _FINISHED, "a", encoding="utf-8") as file,
        contextlib.closing(decoding.write_shards(calls, num_processes=number)) as written,
    ):
        for shard in progress.progress_bar(written, total=total, title=title):
            # Begins the line, for the last one may be what a killed process has written of it.
            file.write("\n" + json.dumps(dataclasses.asdict(shard)))
            file.flush()
            os.fsync(file.fileno())
            finished[shard.number] = shard
            _check_unreadable(finished.values(), listing)
    return [finished[number] for number in range(len(parts))]


def _parts(source: Source) -> list[Source]:
    """Returns the picture files of each shard."""
    pictures = source.pictures
    size = max(LEAST_IN_SHARD, math.ceil(len(pictures) / MOST_SHARDS))
    starts = range(0, len(pictures), size)
    return [dataclasses.replace(source, pictures=pictures[i : i + size]) for i in starts]


def _finished(
    unfinished: pathlib.Path, parts: Sequence[Source], settings: PictureSettings
) -> dict[int, Shard]:
    """Returns the shards that an earlier preparation has written of these very files."""
    try:
        lines = (unfinished / _FINISHED).read_bytes().splitlines()  # perhaps no text
    except FileNotFoundError:
        return {}
    found = {}
    for line in lines:
        try:
            shard = picture_shards.from_json(json.loads(line))
            part = parts[shard.number]
            if shard.listing_sha256 != picture_shards.listing_sha256(part, settings):
                continue
            picture_shards.check_shard(unfinished, shard)
        except (ValueError, IndexError):  # half a line, another file: that shard is made again
            continue
        found[shard.number] = shard
    return found


def _calls(
    unfinished: pathlib.Path,
    parts: Sequence[Source],
    settings: PictureSettings,
    finished: Mapping[int, Shard],
    contents: Iterable[bytes] | None,
) -> Iterator[tuple[object, ...]]:
    """Yields the arguments of `picture_shards.write_shard` of each shard that isn't finished."""
    finished, stream = set(finished), None if contents is None else iter(contents)
    for number, part in enumerate(parts):
        given = None if stream is None else list(itertools.islice(stream, len(part.pictures)))
        if number not in finished:
            yield str(unfinished), number, part, settings, given


def _check_unreadable(shards: Iterable[Shard], listing: Listing) -> None:
    unreadable = _unreadable(shards)
    total = len(listing.source.pictures)
    if len(unreadable) > MOST_UNREADABLE * total:
        raise ValueError(
            f"At most {MOST_UNREADABLE:.0%} of the pictures may be unreadable. Received: "
            f"{len(unreadable):,} of {total:,} so far in {listing.source.path!r}: "
            f"{_named(unreadable)}. Fetch or mend them, then run the same command again."
        )


def _tell_unreadable(shards: Iterable[Shard], listing: Listing, folder: pathlib.Path) -> None:
    """Names the picture files that were left out, on stderr."""
    unreadable = _unreadable(shards)
    if unreadable:
        print(
            f"{len(unreadable):,} of {len(listing.source.pictures):,} pictures can't be read and "
            f"are left out: {_named(unreadable)}. All are named in {folder / cache.MANIFEST}.",
            file=sys.stderr,
        )


def _unreadable(shards: Iterable[Shard]) -> list[list]:
    ordered = sorted(shards, key=lambda shard: shard.number)
    return [[name, reason] for shard in ordered for _, name, reason in shard.unreadable]


def _named(unreadable: Sequence[Sequence[str]], most: int = 3) -> str:
    """Returns the first few names with their reasons."""
    named = [f"{name!r} ({reason})" for name, reason in unreadable[:most]]
    return ", ".join(named) + (", ..." if len(unreadable) > most else "")


def _manifest(
    shards: Sequence[Shard], listing: Listing, settings: PictureSettings, folder: pathlib.Path
) -> dict[str, object]:
    digest = hashlib.sha256("".join(shard.sha256 for shard in shards).encode())
    return {
        "form": picture_shards.FORM,
        "dataset": folder.parent.name,
        "source": listing.source.kind,
        "path": listing.source.path,
        "listing_sha256": listing.source.listing_sha256(),
        **listing.about,
        "image_size": settings.image_size,
        "crop": settings.crop,
        "color": settings.color,
        "resampling": picture_shards.RESAMPLING,
        "pillow": PIL.__version__,
        "count": sum(shard.count for shard in shards),
        "splits": _readable_of_splits(shards, listing),
        "sha256": digest.hexdigest(),  # of the shards' hashes, one after the other
        "shards": [dataclasses.asdict(shard) for shard in shards],
    }


def _readable_of_splits(shards: Sequence[Shard], listing: Listing) -> dict[str, int]:
    """Returns how many images each split has, without the unreadable files."""
    sizes = [len(part.pictures) for part in _parts(listing.source)]
    bad = [
        sum(sizes[: shard.number]) + position
        for shard in shards
        for position, _, _ in shard.unreadable
    ]
    ends = np.cumsum(list(listing.splits.values()))
    left_out = np.bincount(np.searchsorted(ends, bad, side="right"), minlength=len(ends))
    return {
        name: count - int(missing)
        for (name, count), missing in zip(listing.splits.items(), left_out, strict=True)
    }
