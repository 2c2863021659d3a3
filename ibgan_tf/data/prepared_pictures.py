"""Sets of pictures prepared once: decoded and resized into shards that are then memory-mapped.

A prepared folder holds shards of rows of bytes and `manifest.json`: where they are from, how they
were made, and each shard's hash. It is written under a hidden name, one line in `shards.jsonl` for
each finished shard, and renamed when it is complete. After a kill, the next preparation keeps the
shards whose picture files and bytes are still the same.

Each combination of settings has a folder of its own, in `<data set>/` of the data folder, or of the
user's cache where the data folder can't be written.
"""

import concurrent.futures.process
import contextlib
import dataclasses
import hashlib
import itertools
import json
import math
import os
import pathlib
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import PIL

from ibgan_tf import registry
from ibgan_tf.data import base, cache, picture_shards, progress
from ibgan_tf.data.picture_shards import PictureSettings, Shard
from ibgan_tf.data.picture_sources import Source

LEAST_IN_SHARD = 1024  # picture files
MOST_SHARDS = 256  # each is an open file while the set is
MOST_UNREADABLE = 0.01  # of the picture files
_FINISHED = "shards.jsonl"
_FIELDS = {"form": int, "source": str, "sha256": str, "splits": dict, "shards": list}


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


class PreparedPictures:
    """A split of a prepared folder.

    Args:
        folder: that `prepare` has made.
        settings: how it was made.
        split: one of its splits.

    Raises:
        ValueError: an unknown split, or the folder is damaged.
    """

    def __init__(self, folder: pathlib.Path, settings: PictureSettings, *, split: str) -> None:
        manifest, shards = _read_manifest(folder, settings)
        self.image_shape = settings.image_shape
        self.source: str = manifest["source"]
        self.sha256: str = manifest["sha256"]  # of all splits
        splits = manifest["splits"]
        names = list(splits)
        registry.lookup(splits, split, kind="split")
        self._first = sum(splits[name] for name in names[: names.index(split)])
        self.size: int = splits[split]
        shards = [shard for shard in shards if shard.count]
        self._ends = np.cumsum([shard.count for shard in shards])
        self._starts = self._ends - [shard.count for shard in shards]
        self._rows = [
            np.memmap(
                folder / picture_shards.file_name(shard.number),
                np.uint8,
                mode="r",
                shape=(shard.count, *self.image_shape),
            ).view(np.ndarray)  # whose rows are taken faster than a memmap's
            for shard in shards
        ]

    def images(self, indices: np.ndarray) -> np.ndarray:
        """Returns images by index, uint8 [n, height, width, channels], 0..255.

        Args:
            indices: whole numbers in 0..size - 1, [n].

        Raises:
            ValueError: an index is out of range.
        """
        places = base.check_indices(indices, self.size) + self._first
        shards = np.searchsorted(self._ends, places, side="right")
        rows = places - self._starts[shards]
        images = np.empty([len(places), *self.image_shape], np.uint8)
        pairs = zip(shards.tolist(), rows.tolist(), strict=True)
        for position, (shard, row) in enumerate(pairs):
            images[position] = self._rows[shard][row]
        return images


def folder_of(data_folder: pathlib.Path, name: str, folder_name: str) -> pathlib.Path:
    """Returns the path of a prepared folder, which need not exist.

    Args:
        data_folder: folder of the data.
        name: of the data set.
        folder_name: of the prepared folder.

    Returns:
        folder: in the data folder, or in the user's cache if it isn't there and can't be written.
    """
    own = data_folder / name / folder_name
    if own.exists() or _is_writable(own.parent):
        return own
    place = hashlib.sha256(str(data_folder.resolve()).encode()).hexdigest()[:12]
    return cache.data_folder(None) / name / place / folder_name


def _is_writable(path: pathlib.Path) -> bool:
    """Says whether a folder can be written, or made."""
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    return os.access(existing, os.W_OK | os.X_OK)


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
        OSError: the disk is full.
    """
    unfinished = folder.with_name(f".{settings.folder_name}.unfinished")
    with cache.locked(folder.parent):
        if folder.exists():
            return
        unfinished.mkdir(exist_ok=True)
        _remove_temporaries(unfinished)
        with cache.told_if_full(folder):
            shards = _write_shards(unfinished, folder, listing, settings, num_processes)
            cache.write_json(
                unfinished / cache.MANIFEST, _manifest(shards, listing, settings, folder)
            )
            _remove_temporaries(unfinished)
            unfinished.rename(folder)
        (folder / _FINISHED).unlink()
    _tell_unreadable(shards, listing, folder)


def _remove_temporaries(unfinished: pathlib.Path) -> None:
    """Removes what killed processes were writing."""
    for path in unfinished.glob(f"*{picture_shards.TEMPORARY}"):
        path.unlink(missing_ok=True)


def _write_shards(
    unfinished: pathlib.Path,
    folder: pathlib.Path,
    listing: Listing,
    settings: PictureSettings,
    num_processes: int | None,
) -> list[Shard]:
    """Writes the shards that aren't finished, and returns the records of all in order."""
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
    with (
        open(unfinished / _FINISHED, "a", encoding="utf-8") as file,
        contextlib.closing(_in_processes(calls, total, num_processes)) as written,
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
        lines = (unfinished / _FINISHED).read_text(encoding="utf-8").splitlines()
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


def _in_processes(
    calls: Iterator[tuple[object, ...]], total: int, num_processes: int | None
) -> Iterator[Shard]:
    """Yields shards as they are written, in any order."""
    import joblib  # 0.1 s

    write = picture_shards.write_shard
    num_processes = min(num_processes or joblib.cpu_count(), total)
    if num_processes <= 1:
        yield from itertools.starmap(write, calls)
        return
    parallel = joblib.Parallel(
        n_jobs=num_processes,
        return_as="generator_unordered",
        idle_worker_timeout=10,  # seconds; theirs is 300, for processes whose parent was killed too
    )
    # In windows, so that the bytes of few shards are in memory, and are read by this thread.
    while window := list(itertools.islice(calls, 4 * num_processes)):
        shards = parallel(joblib.delayed(write)(*call) for call in window)
        try:
            for shard in shards:  # noqa: UP028 - `yield from` would close it, with a warning
                yield shard
        except concurrent.futures.process.BrokenProcessPool as error:
            raise OSError(
                "The processes that decode pictures must live. Received: one was ended, perhaps "
                "for lack of memory. What is done is kept: run the same command again."
            ) from error
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that calls which were given up had results
                shards.close()


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


def _read_manifest(
    folder: pathlib.Path, settings: PictureSettings
) -> tuple[dict[str, object], list[Shard]]:
    """Returns the manifest of a prepared folder and its shards, which are as they were written."""
    try:
        manifest = json.loads((folder / cache.MANIFEST).read_text(encoding="utf-8"))
        if not isinstance(manifest, dict) or any(
            type(manifest.get(name)) is not kind for name, kind in _FIELDS.items()
        ):
            raise ValueError(repr(manifest)[:200])
        shards = [picture_shards.from_json(values) for values in manifest["shards"]]
    except (OSError, ValueError) as error:
        raise cache.damaged(
            folder, f"the fields {', '.join(_FIELDS)} in {cache.MANIFEST}", str(error)
        ) from error
    if manifest["form"] != picture_shards.FORM:
        raise cache.damaged(folder, f"form={picture_shards.FORM}", f"form={manifest['form']}")
    row = math.prod(settings.image_shape)
    for shard in shards:
        if shard.size != shard.count * row:
            raise cache.damaged(folder, f"rows of {row} bytes", f"{shard.count} in {shard.size}")
        picture_shards.check_shard(folder, shard)
    if sum(shard.count for shard in shards) != sum(manifest["splits"].values()):
        raise cache.damaged(folder, "the images of its splits", str(manifest["splits"]))
    return manifest, shards
