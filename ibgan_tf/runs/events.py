"""TensorBoard's event files, cut back to a step when a run is resumed."""

import os
import pathlib
from collections.abc import Iterator

import tensorflow as tf
from tensorboard.compat.proto import event_pb2

from ibgan_tf import atomic


def drop_events_after(events_dir: str | os.PathLike[str], step: int) -> None:
    """Removes the events past a step; a resumed run writes them anew.

    A record cut off by a kill, and what follows it, is removed too. A file in which nothing is
    left is deleted, and one in which nothing changes isn't touched. Call it before a summary
    writer is made in the folder.

    Args:
        events_dir: the folder of the event files, with folders in it; need not exist.
        step: the last step to keep.

    Raises:
        OSError: the disk is full; the files are as they were.
    """
    for folder, _, names in os.walk(events_dir):
        atomic.remove_leftovers(pathlib.Path(folder))
        for name in sorted(names):
            if "tfevents" in name:
                _drop_from_file(pathlib.Path(folder) / name, step)


def _drop_from_file(path: pathlib.Path, step: int) -> None:
    """Does for one file what `drop_events_after` says."""
    kept_bytes, kept_events = 0, 0
    for record, event in _read(path):
        if _is_kept(event, step):
            kept_bytes += len(record) + _FRAMING
            kept_events += not event.HasField("file_version")
    if kept_events == 0:
        path.unlink()
    elif kept_bytes < path.stat().st_size:
        _rewrite(path, step)


_FRAMING = 16  # bytes that a TFRecord has beside its data: length 8, two checksums of 4


def _rewrite(path: pathlib.Path, step: int) -> None:
    """Replaces a file by its events up to a step."""
    try:
        with (
            atomic.replacing_file(path) as temporary,
            tf.io.TFRecordWriter(str(temporary)) as writer,
        ):
            for record, event in _read(path):
                if _is_kept(event, step):
                    writer.write(record)
    except tf.errors.OpError as error:
        raise OSError(
            f"The events up to step {step} must be written to the disk. Received: file={path}, "
            f"{error.message}. Free space there; the events are as they were."
        ) from error


def _is_kept(event: event_pb2.Event, step: int) -> bool:
    """Says whether an event is the file's version or of a step up to the given one."""
    return event.HasField("file_version") or event.step <= step


def _read(path: pathlib.Path) -> Iterator[tuple[bytes, event_pb2.Event]]:
    """Yields the records of a file and their events, up to a damaged one or the end."""
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    while True:
        try:
            record = next(records)
        except (StopIteration, tf.errors.DataLossError):
            return
        yield record, event_pb2.Event.FromString(record)
